//! A registry in a directory: `<feature>/<version>/{manifest,artifact.tar.gz,feature.yml}`.
//!
//! A version appears by one rename of a directory that is complete and on the disk. Nothing
//! is ever written into it afterwards but `yanked`. Names that begin with a dot are ours, and
//! nobody's version.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Read, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use semver::Version;
use tempfile::TempDir;

use super::{At as _, FeatureSource, PublishedVersion, RegistryError};
use crate::{
    feature::{self, Catalog, Published},
    model::{Digest, FeatureName, Problem, did_you_mean},
    release::{
        ArtifactManifest,
        archive::{self, ArchiveProblem},
        artifact::Entry,
    },
};

const MANIFEST: &str = "manifest";
const ARCHIVE: &str = "artifact.tar.gz";
const DEFINITION: &str = "feature.yml";
const YANKED: &str = "yanked";
const UNFINISHED: &str = ".publishing-";
/// More than any manifest or definition that the limits of archives allow.
const MOST_TEXT: u64 = 64 << 20;

/// A registry in a directory.
#[derive(Debug, Clone)]
pub struct Registry {
    root: PathBuf,
}

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// It is there now.
    Fresh(Digest),
    /// The same was there before.
    Known(Digest),
}

impl Registry {
    /// The registry in the directory `root`, which need not exist yet.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn place(&self, feature: &FeatureName, version: &Version) -> PathBuf {
        self.root.join(feature.as_str()).join(version.to_string())
    }

    /// Makes `source` visible to everybody, at once and for good.
    ///
    /// # Errors
    /// When the version is there with other content, a file changed meanwhile, or the disk
    /// would not; then nothing is visible.
    pub fn publish(&self, source: &FeatureSource) -> Result<Publication, RegistryError> {
        let name = &source.feature.name;
        let place = self.place(name, &source.feature.version);
        let above = self.root.join(name.as_str());
        fs::create_dir_all(&above).at(&above)?;
        sweep(&above);
        if place.join(MANIFEST).exists() {
            return self.compare(source);
        }
        let (draft, _lock) = draft(&above)?;
        write(source, draft.path())?;
        match fs::rename(draft.path(), &place) {
            Ok(()) => {
                // It has moved: there is nothing left to remove.
                let _ = draft.keep();
                for directory in [&above, &self.root] {
                    File::open(directory).and_then(|found| found.sync_all()).at(directory)?;
                }
                Ok(Publication::Fresh(source.manifest.digest()))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                // Somebody else was faster.
                self.compare(source)
            }
            Err(error) => Err(error).at(&place),
        }
    }

    fn compare(&self, source: &FeatureSource) -> Result<Publication, RegistryError> {
        let (feature, version) = (&source.feature.name, &source.feature.version);
        let (manifest, _) = self.manifest(feature, version)?;
        let (published, offered) = (manifest.digest(), source.manifest.digest());
        if published == offered {
            return Ok(Publication::Known(published));
        }
        let what = format!("{feature} {version}");
        Err(RegistryError::Taken { what, published, offered })
    }

    /// Everything that has been published.
    ///
    /// # Errors
    /// When something in the registry is neither a feature nor a version, or is damaged.
    pub fn catalog(&self) -> Result<Catalog, RegistryError> {
        let mut catalog = Catalog::new();
        for name in names(&self.root)? {
            let feature = FeatureName::new(&name)
                .map_err(|why| RegistryError::damaged(&self.root.join(&name), why.to_string()))?;
            let mut versions = std::collections::BTreeMap::new();
            for text in names(&self.root.join(&name))? {
                let at = self.root.join(&name).join(&text);
                let version: Version = text
                    .parse()
                    .map_err(|_| RegistryError::damaged(&at, "its name is no version"))?;
                let (manifest, yanked) = self.manifest(&feature, &version)?;
                versions.insert(version, Published { digest: manifest.digest(), yanked });
            }
            catalog.insert(feature, versions);
        }
        Ok(catalog)
    }

    /// Opens a version. With `expected`, only if that is its identity.
    ///
    /// # Errors
    /// When it was never published, or is not what was.
    pub fn open(
        &self,
        feature: &FeatureName,
        version: &Version,
        expected: Option<&Digest>,
    ) -> Result<PublishedVersion, RegistryError> {
        let place = self.place(feature, version);
        let (manifest, yanked) = self.manifest(feature, version)?;
        let digest = manifest.digest();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            let why = format!("its digest is {digest}, and {expected} was expected");
            return Err(RegistryError::damaged(&place.join(MANIFEST), why));
        }
        let path = place.join(DEFINITION);
        let definition = text(&path)?;
        let listed = manifest.get(DEFINITION);
        let found = Digest::of(definition.as_bytes());
        if !matches!(listed, Some(Entry::File { digest, .. }) if *digest == found) {
            return Err(RegistryError::damaged(&path, "it is not what the manifest says"));
        }
        let parsed = feature::parse(&path.to_string_lossy(), &definition)?;
        if parsed.name != *feature || parsed.version != *version {
            let why = format!("it defines {} {}", parsed.name, parsed.version);
            return Err(RegistryError::damaged(&path, why));
        }
        let archive = place.join(ARCHIVE);
        Ok(PublishedVersion { feature: parsed, definition, manifest, digest, yanked, archive })
    }

    /// Marks a version as not to be chosen any more. Sites that have it keep it.
    ///
    /// # Errors
    /// When it was never published, or the disk would not.
    pub fn yank(
        &self,
        feature: &FeatureName,
        version: &Version,
        why: &str,
    ) -> Result<(), RegistryError> {
        self.manifest(feature, version)?;
        let place = self.place(feature, version);
        let line: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(&place)
            .at(&place)?;
        writeln!(file, "{}", line.trim()).and_then(|()| file.as_file().sync_all()).at(&place)?;
        file.persist(place.join(YANKED)).map_err(|failed| failed.error).at(&place)?;
        Ok(())
    }

    /// The manifest of a version, and why it was yanked.
    fn manifest(
        &self,
        feature: &FeatureName,
        version: &Version,
    ) -> Result<(ArtifactManifest, Option<String>), RegistryError> {
        let path = self.place(feature, version).join(MANIFEST);
        if !path.exists() {
            return Err(self.missing(feature, version));
        }
        let manifest = ArtifactManifest::parse(&text(&path)?)
            .map_err(|why| RegistryError::damaged(&path, why.to_string()))?;
        let path = self.place(feature, version).join(YANKED);
        let yanked = match text(&path) {
            Ok(why) => Some(why.trim().to_owned()),
            Err(RegistryError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok((manifest, yanked))
    }

    /// What to say of a version that is not there.
    fn missing(&self, feature: &FeatureName, version: &Version) -> RegistryError {
        let message = format!("{feature} {version} was never published in {}", self.root.display());
        let problem = Problem::new(message);
        let versions = names(&self.root.join(feature.as_str())).unwrap_or_default();
        let features = names(&self.root).unwrap_or_default();
        let near = did_you_mean(feature.as_str(), features.iter().map(String::as_str));
        RegistryError::NotPublished(match (versions.is_empty(), near) {
            (false, _) => problem.hint(format!("published are {}", versions.join(", "))),
            (true, Some(near)) => problem.hint(format!("did you mean `{near}`?")),
            (true, None) => {
                problem.hint(format!("publish it: fleetctl feature publish features/{feature}"))
            }
        })
    }
}

/// A directory to write a version into, and the lock that says that somebody is writing.
fn draft(above: &Path) -> Result<(TempDir, File), RegistryError> {
    loop {
        let draft = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(fs::Permissions::from_mode(0o777))
            .tempdir_in(above)
            .at(above)?;
        // Before we hold the lock, somebody who sweeps may take the directory for abandoned:
        // then there is another one to be made.
        let Ok(lock) = File::open(draft.path()) else { continue };
        let is_ours = !matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
        if is_ours && draft.path().exists() {
            return Ok((draft, lock));
        }
    }
}

/// Removes what publishers left behind that did not live to the end: nobody holds its lock.
/// Best effort, as it is in nobody's way.
fn sweep(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && let Ok(lock) = File::open(entry.path())
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Writes a version's three files into `place`, and to the disk.
fn write(source: &FeatureSource, place: &Path) -> Result<(), RegistryError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = place.join(name);
        let mut file = File::create_new(&path).at(&path)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).at(&path)
    };
    let path = place.join(ARCHIVE);
    let mut out = BufWriter::new(File::create_new(&path).at(&path)?);
    let packed = archive::pack(&mut out, &source.manifest, &mut |inside| {
        let file = File::open(source.directory.join(inside.as_str()))?;
        Ok(Box::new(file) as Box<dyn Read>)
    });
    packed.map_err(|problem| match problem {
        ArchiveProblem::NotAsListed(_) => {
            RegistryError::Refused(Problem::new(problem.to_string()).into())
        }
        other => RegistryError::archive(&path, other),
    })?;
    out.flush().and_then(|()| out.get_ref().sync_all()).at(&path)?;
    put(DEFINITION, source.definition.as_bytes())?;
    put(MANIFEST, source.manifest.to_text().as_bytes())?;
    File::open(place).and_then(|directory| directory.sync_all()).at(place)
}

/// The text of one of our files.
fn text(path: &Path) -> Result<String, RegistryError> {
    let mut text = String::new();
    let file = File::open(path).at(path)?;
    match file.take(MOST_TEXT).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(RegistryError::damaged(path, "it is no text"))
        }
        Err(error) => Err(error).at(path),
    }
}

/// The names of the directories in `directory`, sorted; none when it does not exist.
fn names(directory: &Path) -> Result<Vec<String>, RegistryError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at(directory)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.at(directory)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.file_type().at(directory)?.is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
