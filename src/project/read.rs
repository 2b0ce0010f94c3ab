//! Reading files and directories of the project, with their names as the user knows them.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::find::check_writers;
use crate::{inventory::Text, model::Problem};

/// How large a file of the project may be, in bytes.
const MOST: u64 = 32 << 20;

/// An entry of a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    pub path: PathBuf,
    /// The path from the project's root.
    pub relative: PathBuf,
}

/// The text of a file that only its owner and group can write. `path` may be absolute.
pub(super) fn trusted_text(root: &Path, path: &Path) -> Result<Text, Problem> {
    let shown = path.display().to_string();
    let whole = root.join(path);
    check_writers(&whole, &shown)?;
    let failed = |why: std::io::Error| Problem::new(format!("{shown}: {why}"));
    let metadata = fs::metadata(&whole).map_err(failed)?;
    // Opening a fifo would wait for ever.
    if !metadata.is_file() {
        return Err(Problem::new(format!("{shown}: not a regular file")));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(&whole).map_err(failed)?;
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST {
        return Err(Problem::new(format!("{shown}: larger than {} MiB", MOST >> 20)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { file: shown, text }),
        Err(why) => {
            let place = why.utf8_error().valid_up_to();
            let line = why.as_bytes().iter().take(place).filter(|byte| **byte == b'\n').count() + 1;
            Err(Problem::new(format!("{shown}:{line}: not UTF-8")).hint("save the file as UTF-8"))
        }
    }
}

/// The entries of a trusted directory by name, without those that begin with a dot or end
/// with `~`.
pub(super) fn entries(root: &Path, directory: &Path) -> Result<Vec<Entry>, Problem> {
    let shown = directory.display().to_string();
    let whole = root.join(directory);
    check_writers(&whole, &shown)?;
    let failed = |why: std::io::Error| Problem::new(format!("{shown}: {why}"));
    let mut entries = Vec::new();
    for entry in fs::read_dir(&whole).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Problem::new(format!("{shown}: a file's name is not UTF-8")));
        };
        if !name.starts_with('.') && !name.ends_with('~') {
            let relative = directory.join(&name);
            entries.push(Entry { path: entry.path(), relative, name });
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}
