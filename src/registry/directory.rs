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

use super::{
    At as _, FeatureSource, Publication, PublishedVersion, RegistryError,
    version::{
        ARCHIVE, DEFINITION, MANIFEST, MOST_TEXT, YANKED, as_expected, define, never_published,
        one_line, same_as_published,
    },
};
use crate::{
    feature::{Catalog, Published},
    model::{Digest, FeatureName, Problem},
    release::{
        ArtifactManifest,
        archive::{self, ArchiveProblem},
    },
};

const UNFINISHED: &str = ".publishing-";

/// A registry in a directory.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The registry in the directory `root`, which need not exist yet.
    pub(super) const fn new(root: PathBuf) -> Self {
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
    pub(super) fn publish(&self, source: &FeatureSource) -> Result<Publication, RegistryError> {
        let name = &source.feature.name;
        let place = self.place(name, &source.feature.version);
        let above = self.root.join(name.as_str());
        fs::create_dir_all(&above).at(&above)?;
        sweep(&above);
        if place.join(MANIFEST).exists() {
            return self.compare(source);
        }
        let (draft, _lock) = draft(&above, 0o777)?;
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
        same_as_published(source, manifest.digest()).map(Publication::Known)
    }

    /// Everything that has been published.
    ///
    /// # Errors
    /// When something in the registry is neither a feature nor a version, or is damaged.
    pub(super) fn catalog(&self) -> Result<Catalog, RegistryError> {
        let mut catalog = Catalog::new();
        for name in names(&self.root)? {
            let feature = FeatureName::new(&name)
                .map_err(|why| RegistryError::damaged(self.root.join(&name), why.to_string()))?;
            let mut versions = std::collections::BTreeMap::new();
            for text in names(&self.root.join(&name))? {
                let at = self.root.join(&name).join(&text);
                let version: Version = text
                    .parse()
                    .map_err(|_| RegistryError::damaged(&at, "its name is no version"))?;
                let found = self.open(&feature, &version, None)?;
                let published = Published::new(&found.feature, found.digest, found.yanked);
                versions.insert(version, published);
            }
            catalog.insert(feature, versions);
        }
        Ok(catalog)
    }

    /// Opens a version. With `expected`, only if that is its identity.
    ///
    /// # Errors
    /// When it was never published, or is not what was.
    pub(super) fn open(
        &self,
        feature: &FeatureName,
        version: &Version,
        expected: Option<&Digest>,
    ) -> Result<PublishedVersion, RegistryError> {
        let place = self.place(feature, version);
        let (manifest, yanked) = self.manifest(feature, version)?;
        as_expected((feature, version), manifest.digest(), expected)?;
        let path = place.join(DEFINITION);
        let (definition, parsed) =
            define((feature, version), &manifest, text(&path)?, &path.to_string_lossy())?;
        let (digest, archive) = (manifest.digest(), place.join(ARCHIVE));
        Ok(PublishedVersion { feature: parsed, definition, manifest, digest, yanked, archive })
    }

    /// Marks a version as not to be chosen any more. Sites that have it keep it.
    ///
    /// # Errors
    /// When it was never published, or the disk would not.
    pub(super) fn yank(
        &self,
        feature: &FeatureName,
        version: &Version,
        why: &str,
    ) -> Result<(), RegistryError> {
        self.manifest(feature, version)?;
        let place = self.place(feature, version);
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(&place)
            .at(&place)?;
        writeln!(file, "{}", one_line(why)).and_then(|()| file.as_file().sync_all()).at(&place)?;
        file.persist(place.join(YANKED)).map_err(|failed| failed.error).at(&place)?;
        Ok(())
    }

    /// Takes a yank back. Gives whether there was one.
    ///
    /// # Errors
    /// When the version was never published, or the disk would not.
    pub(super) fn unyank(
        &self,
        feature: &FeatureName,
        version: &Version,
    ) -> Result<bool, RegistryError> {
        self.manifest(feature, version)?;
        let path = self.place(feature, version).join(YANKED);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).at(&path),
        }
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
        let manifest = manifest_at(&path)?;
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
        let versions = names(&self.root.join(feature.as_str())).unwrap_or_default();
        let features = names(&self.root).unwrap_or_default();
        let root = self.root.display().to_string();
        never_published((feature, version), &root, &versions, &features)
    }
}

/// The manifest in a file.
pub(super) fn manifest_at(path: &Path) -> Result<ArtifactManifest, RegistryError> {
    ArtifactManifest::parse(&text(path)?)
        .map_err(|why| RegistryError::damaged(path, why.to_string()))
}

/// A directory to write a version into, and the lock that says that somebody is writing.
pub(super) fn draft(above: &Path, mode: u32) -> Result<(TempDir, File), RegistryError> {
    loop {
        let draft = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(fs::Permissions::from_mode(mode))
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
pub(super) fn sweep(above: &Path) {
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
pub(super) fn write(source: &FeatureSource, place: &Path) -> Result<(), RegistryError> {
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
pub(super) fn text(path: &Path) -> Result<String, RegistryError> {
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
