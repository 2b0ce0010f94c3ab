//! Worlds that are written down: `tests/diff/worlds/*.yml`.

use std::{fs, path::PathBuf};

use fleetctl::model::{Problems, yaml};

use super::World;

/// The directory of the comparison.
pub fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/diff")
}

/// Each file holds a list of worlds: `name`, `files` (path: content), `sources` if not all files
/// at the top, and `queries` (a pattern, or a pattern and a limit).
pub fn written_down() -> Vec<World> {
    let directory = fs::read_dir(home().join("worlds")).expect("the worlds");
    let mut files: Vec<PathBuf> = directory.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let mut worlds = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        let root =
            yaml::parse(&file.display().to_string(), &text).unwrap_or_else(|why| panic!("{why}"));
        let value = root.to_value(&mut Problems::default()).expect("values");
        for world in value.as_array().expect("a list") {
            let name = world["name"].as_str().expect("a name").to_owned();
            let files: Vec<(String, String, bool)> = world["files"]
                .as_object()
                .expect("files")
                .iter()
                .map(|(path, text)| {
                    let text = text.as_str().unwrap_or_else(|| panic!("{name}: {path}: no text"));
                    (path.clone(), text.to_owned(), text.starts_with("#!"))
                })
                .collect();
            let sources = match world["sources"].as_array() {
                Some(sources) => {
                    sources.iter().map(|s| s.as_str().expect("a path").into()).collect()
                }
                None => vec![files[0].0.clone()],
            };
            let queries = world["queries"].as_array().cloned().unwrap_or_default();
            let queries = queries.iter().map(|query| match query.as_array() {
                Some(pair) => {
                    (pair[0].as_str().expect("text").into(), pair[1].as_str().map(str::to_owned))
                }
                None => (query.as_str().expect("text").into(), None),
            });
            worlds.push(World { name, files, sources, queries: queries.collect() });
        }
    }
    worlds
}
