//! A published version: read back, and never believed without a look.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{At as _, RegistryError, source};
use crate::{
    feature::{Feature, Tree},
    model::{ArtifactPath, Digest},
    release::{
        ArtifactManifest,
        archive::{self, Limits, Sink},
        artifact::Entry,
    },
};

/// A version of a feature as it is in a registry.
#[derive(Debug, Clone)]
pub struct PublishedVersion {
    /// Its definition.
    pub feature: Feature,
    /// The text of its `feature.yml`.
    pub definition: String,
    /// What it holds.
    pub manifest: ArtifactManifest,
    /// Its identity: the manifest's digest.
    pub digest: Digest,
    /// Why it should not be chosen any more, if it was yanked.
    pub yanked: Option<String>,
    /// Where its archive is.
    pub archive: PathBuf,
}

/// Validates an archive that anybody made, tar or tar.gz: what it holds, or why it is refused.
/// Nothing is unpacked.
///
/// # Errors
/// When it cannot be read, or is refused.
pub fn verify(path: &Path) -> Result<ArtifactManifest, RegistryError> {
    let file = File::open(path).at(path)?;
    archive::examine(file, &Limits::default())
        .map_err(|problem| RegistryError::archive(path, problem))
}

impl PublishedVersion {
    /// What it holds, as features see it.
    #[must_use]
    pub fn tree(&self) -> Tree {
        source::tree(&self.manifest)
    }

    /// Reads the whole archive once, handing each file to `sink`, and compares it with the
    /// manifest. What the sink got is to be used only when this returns well.
    ///
    /// # Errors
    /// When the archive is not what was published, or the sink failed.
    pub fn read(&self, sink: &mut dyn Sink) -> Result<(), RegistryError> {
        let file = File::open(&self.archive).at(&self.archive)?;
        let mut guard = Guard { manifest: &self.manifest, sink };
        let found = archive::unpack(file, &Limits::default(), &mut guard)
            .map_err(|problem| RegistryError::archive(&self.archive, problem))?;
        if found == self.manifest {
            Ok(())
        } else {
            Err(RegistryError::damaged(&self.archive, "it is not what the manifest says"))
        }
    }

    /// The contents of the files at `wanted`, verified.
    ///
    /// # Errors
    /// When the archive is not what was published, or a path is no file in it.
    pub fn contents(
        &self,
        wanted: &BTreeSet<ArtifactPath>,
    ) -> Result<BTreeMap<ArtifactPath, Bytes>, RegistryError> {
        let mut sink = Contents { wanted, found: BTreeMap::new() };
        self.read(&mut sink)?;
        match wanted.iter().find(|path| !sink.found.contains_key(*path)) {
            None => Ok(sink.found),
            Some(path) => {
                let why = format!("there is no file {path} in it");
                Err(RegistryError::damaged(&self.archive, why))
            }
        }
    }
}

/// Refuses, before anything is read or allocated, a file that the manifest knows otherwise.
struct Guard<'a> {
    manifest: &'a ArtifactManifest,
    sink: &'a mut dyn Sink,
}

impl Sink for Guard<'_> {
    fn file(&mut self, path: &ArtifactPath, size: u64, content: &mut dyn Read) -> io::Result<()> {
        match self.manifest.get(path.as_str()) {
            Some(Entry::File { size: listed, .. }) if *listed == size => {
                self.sink.file(path, size, content)
            }
            _ => Err(io::Error::other(format!("{path} is not as the manifest says"))),
        }
    }
}

struct Contents<'a> {
    wanted: &'a BTreeSet<ArtifactPath>,
    found: BTreeMap<ArtifactPath, Bytes>,
}

impl Sink for Contents<'_> {
    fn file(&mut self, path: &ArtifactPath, _: u64, content: &mut dyn Read) -> io::Result<()> {
        if self.wanted.contains(path) {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            self.found.insert(path.clone(), bytes.into());
        }
        Ok(())
    }
}
