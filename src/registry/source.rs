//! Reads a feature's directory, as its author left it on the disk.
//!
//! What git does not keep, an artifact does not keep either (empty directories), so that a
//! fresh clone gives the same digest as the author's own tree. Left out besides: `.git`,
//! `.DS_Store`, and what editors leave behind (`*~`, `.*.swp`, `.#*`, `#*#`).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{At as _, RegistryError};
use crate::{
    feature::{self, Feature, Item, Tree},
    model::{ArtifactPath, Digest, Problem, Problems},
    release::{ArtifactManifest, archive::Limits, artifact::Entry},
};

/// A feature's directory, read and found sound.
#[derive(Debug, Clone)]
pub struct FeatureSource {
    /// Where it is.
    pub directory: PathBuf,
    /// Its definition.
    pub feature: Feature,
    /// The text of `feature.yml`.
    pub definition: String,
    /// What it holds; its digest is the version's identity.
    pub manifest: ArtifactManifest,
}

/// Reads the feature in `directory`; messages name its files below `shown`.
///
/// # Errors
/// Everything that keeps it from being published, and what the disk said.
pub fn read_source(directory: &Path, shown: &str) -> Result<FeatureSource, RegistryError> {
    let mut walk = Walk {
        shown,
        limits: Limits::default(),
        found: BTreeMap::new(),
        problems: Problems::default(),
        bytes: 0,
    };
    walk.directory(directory, "")?;
    let Walk { found, mut problems, .. } = walk;
    let file = format!("{shown}/feature.yml");
    let path = directory.join("feature.yml");
    let definition = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let hint = "`fleetctl new feature NAME` writes one";
            problems.push(Problem::new(format!("there is no {file}")).hint(hint));
            return Err(problems.into());
        }
        Err(error) => return Err(error).at(&path),
    };
    let feature = problems.absorb(feature::parse(&file, &definition));
    let manifest = ArtifactManifest::new(found)
        .map_err(|why| problems.push(Problem::new(format!("{shown}/{why}"))))
        .ok();
    if let (Some(feature), Some(manifest)) = (&feature, &manifest) {
        let checked = feature::check_tree(feature, &tree(manifest));
        problems.absorb(checked.map_err(|found| found.with_excerpts(&file, &definition)));
        // Read twice: what was parsed must be what was listed.
        let listed = manifest.get("feature.yml");
        let parsed = Digest::of(definition.as_bytes());
        if !matches!(listed, Some(Entry::File { digest, .. }) if *digest == parsed) {
            problems.push(Problem::new(format!(
                "{file} is no regular file, or changed while it was read"
            )));
        }
    }
    match (feature, manifest) {
        (Some(feature), Some(manifest)) if problems.0.is_empty() => {
            Ok(FeatureSource { directory: directory.to_owned(), feature, definition, manifest })
        }
        _ => Err(problems.into()),
    }
}

/// What a manifest holds, as features see it.
pub(super) fn tree(manifest: &ArtifactManifest) -> Tree {
    let item = |entry: &Entry| match entry {
        Entry::Directory => Item::Directory,
        Entry::File { .. } => Item::File,
        Entry::Link { target } => Item::Link(target.clone()),
    };
    manifest.entries().iter().map(|(path, entry)| (path.clone(), item(entry))).collect()
}

fn is_left_out(name: &str) -> bool {
    matches!(name, ".git" | ".DS_Store")
        || name.ends_with('~')
        || name.starts_with(".#")
        || (name.starts_with('.') && name.strip_suffix(".swp").is_some())
        || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
}

struct Walk<'a> {
    shown: &'a str,
    limits: Limits,
    found: BTreeMap<ArtifactPath, Entry>,
    problems: Problems,
    bytes: u64,
}

impl Walk<'_> {
    /// Walks `directory`, which is `prefix` inside the feature. Paths that are too deep are
    /// refused before anything below them is looked at, so this ends.
    fn directory(&mut self, directory: &Path, prefix: &str) -> Result<(), RegistryError> {
        for entry in fs::read_dir(directory).at(directory)? {
            let entry = entry.at(directory)?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.refuse(&format!("{prefix}{name}"), "its name is not valid UTF-8");
                continue;
            };
            if is_left_out(&name) {
                continue;
            }
            let inside = format!("{prefix}{name}");
            match ArtifactPath::new(&inside) {
                Ok(place) => self.entry(&path, place)?,
                Err(why) => self.refuse(&inside, &format!("the path {why}")),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, place: ArtifactPath) -> Result<(), RegistryError> {
        let about = fs::symlink_metadata(path).at(path)?;
        if self.found.len() as u64 >= self.limits.members {
            let message = format!("{}: holds more than {} files", self.shown, self.limits.members);
            return Err(Problems::from(Problem::new(message)).into());
        }
        if about.is_dir() {
            // Directories come back from the files in them; empty ones do not.
            return self.directory(path, &format!("{place}/"));
        }
        if about.is_symlink() {
            let target = fs::read_link(path).at(path)?;
            match target.to_str() {
                Some(target) => {
                    self.found.insert(place, Entry::Link { target: target.to_owned() });
                }
                None => self.refuse(place.as_str(), "the link's target is not valid UTF-8"),
            }
        } else if about.is_file() {
            self.bytes = self.bytes.saturating_add(about.len());
            if self.bytes > self.limits.bytes {
                let message =
                    format!("{}: holds more than {} bytes", self.shown, self.limits.bytes);
                return Err(Problems::from(Problem::new(message)).into());
            }
            let executable = about.permissions().mode() & 0o100 != 0;
            let (size, digest) = hash(path)?;
            self.found.insert(place, Entry::File { executable, size, digest });
        } else {
            self.refuse(place.as_str(), "it is a device, a fifo or a socket");
        }
        Ok(())
    }

    fn refuse(&mut self, path: &str, why: &str) {
        let shown: String = format!("{}/{path}", self.shown).escape_debug().take(400).collect();
        let hint = "an artifact holds files, directories and symbolic links with plain names";
        self.problems.push(Problem::new(format!("{shown}: {why}")).hint(hint));
    }
}

/// The size and digest of a file.
fn hash(path: &Path) -> Result<(u64, Digest), RegistryError> {
    let mut file = File::open(path).at(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer).at(path)?;
        if count == 0 {
            return Ok((size, Digest::from_bytes(hash.finalize().into())));
        }
        hash.update(buffer.get(..count).unwrap_or_default());
        size += count as u64;
    }
}
