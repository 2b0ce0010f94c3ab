//! What was fetched from a bucket, by identity, for those who fetch it again or are offline.
//!
//! Only a cache: everything in it is compared with its identity before it is used, what does not
//! fit is fetched anew, and nothing is lost with it. Private, because a feature may be.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, Permissions},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tempfile::TempDir;

use super::{
    At as _, PublishedVersion, RegistryError,
    directory::{self, manifest_at, text},
    verify,
    version::{ARCHIVE, DEFINITION, MANIFEST, Name, define},
};
use crate::{model::Digest, release::ArtifactManifest};

/// Versions by identity: `<digest>/{manifest,artifact.tar.gz,feature.yml}`.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    /// What this process has read through already.
    verified: Mutex<BTreeSet<Digest>>,
}

impl Cache {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self { directory, verified: Mutex::new(BTreeSet::new()) }
    }

    /// A version, if it is here and sound.
    pub(super) fn open(&self, name: Name<'_>, digest: &Digest) -> Option<PublishedVersion> {
        let place = self.place(digest);
        let manifest = manifest_at(&place.join(MANIFEST)).ok()?;
        let found = read(name, &place, manifest).ok().filter(|found| found.digest == *digest)?;
        let is_known =
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(digest);
        if !is_known {
            self.check(&found).ok()?;
        }
        Some(found)
    }

    /// Reads a version's archive through, and remembers that it is sound.
    fn check(&self, version: &PublishedVersion) -> Result<(), RegistryError> {
        if verify(&version.archive)? != version.manifest {
            return Err(RegistryError::damaged(
                &version.archive,
                "it is not what the manifest says",
            ));
        }
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(version.digest);
        Ok(())
    }

    /// A directory to make an entry in, and the lock that says that somebody does.
    pub(super) fn draft(&self) -> Result<(TempDir, File), RegistryError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).at(&self.directory)?;
        directory::sweep(&self.directory);
        directory::draft(&self.directory, 0o700)
    }

    /// Makes an entry of a draft that is complete, in the place of a damaged one if need be.
    ///
    /// `shown` is where it came from, for messages.
    pub(super) fn keep(
        &self,
        name: Name<'_>,
        draft: TempDir,
        manifest: ArtifactManifest,
        shown: &str,
    ) -> Result<PublishedVersion, RegistryError> {
        let found = read(name, draft.path(), manifest).and_then(|found| {
            self.check(&found)?;
            Ok(found)
        });
        // It is the copy that is named in the error, and the original that is wrong.
        let found = found.map_err(|error| match error {
            RegistryError::Damaged { why, .. } => RegistryError::damaged(shown, why),
            other => other,
        })?;
        for file in [MANIFEST, ARCHIVE, DEFINITION] {
            let path = draft.path().join(file);
            fs::set_permissions(&path, Permissions::from_mode(0o600)).at(&path)?;
        }
        let place = self.place(&found.digest);
        if place.exists() {
            // Whoever has it open keeps it.
            let (aside, _lock) = directory::draft(&self.directory, 0o700)?;
            let _ = fs::rename(&place, aside.path().join("entry"));
        }
        match fs::rename(draft.path(), &place) {
            Ok(()) => {
                let _ = draft.keep();
            }
            // Another process was faster; what it put there has the same identity.
            Err(_) if place.join(MANIFEST).exists() => {}
            Err(error) => return Err(error).at(&place),
        }
        read(name, &place, found.manifest)
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.to_string())
    }
}

/// The version in a directory of ours. Its archive has not been looked at.
fn read(
    name: Name<'_>,
    place: &Path,
    manifest: ArtifactManifest,
) -> Result<PublishedVersion, RegistryError> {
    let path = place.join(DEFINITION);
    let (definition, feature) = define(name, &manifest, text(&path)?, &path.to_string_lossy())?;
    Ok(PublishedVersion {
        feature,
        definition,
        digest: manifest.digest(),
        manifest,
        yanked: None,
        archive: place.join(ARCHIVE),
    })
}
