//! Where published versions of features are kept: a directory by default, S3-compatible storage
//! by URL.
//!
//! One of the few rooms that touch the disk and the network. What it gives out has been checked against the
//! manifest whose digest names the version; what it takes in becomes visible at once and
//! whole, and never changes afterwards. It decides nothing: which version a site gets is the
//! business of `feature`.

mod bucket;
mod cache;
mod directory;
mod published;
mod source;
mod version;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use bucket::{Bucket, Names, Patience};
use directory::Directory;
pub use published::{PublishedVersion, verify};
use semver::Version;
pub use source::{FeatureSource, read_source};
use thiserror::Error;

use crate::{
    feature::Catalog,
    model::{Digest, FeatureName, Problem, Problems},
    release::archive::ArchiveProblem,
};

/// Where published versions are kept.
#[derive(Debug, Clone)]
pub struct Registry(Kept);

#[derive(Debug, Clone)]
enum Kept {
    Directory(Directory),
    Bucket(Bucket),
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
        Self(Kept::Directory(Directory::new(root)))
    }

    /// The registry in a bucket. Its methods wait for the network: in async code they belong on
    /// a thread where waiting is allowed.
    #[must_use]
    pub const fn in_bucket(bucket: Bucket) -> Self {
        Self(Kept::Bucket(bucket))
    }

    /// Makes `source` visible to everybody, at once and for good.
    ///
    /// # Errors
    /// When the version is there with other content, a file changed meanwhile, or the disk or
    /// the network would not; then nothing is visible.
    pub fn publish(&self, source: &FeatureSource) -> Result<Publication, RegistryError> {
        match &self.0 {
            Kept::Directory(kept) => kept.publish(source),
            Kept::Bucket(kept) => kept.publish(source),
        }
    }

    /// Everything that has been published.
    ///
    /// # Errors
    /// When something in the registry is neither a feature nor a version, is damaged, or cannot
    /// be read.
    pub fn catalog(&self) -> Result<Catalog, RegistryError> {
        match &self.0 {
            Kept::Directory(kept) => kept.catalog(),
            Kept::Bucket(kept) => kept.catalog(),
        }
    }

    /// Opens a version. With `expected`, only if that is its identity; then a bucket is not
    /// asked for what the cache has.
    ///
    /// # Errors
    /// When it was never published, is not what was, or cannot be read.
    pub fn open(
        &self,
        feature: &FeatureName,
        version: &Version,
        expected: Option<&Digest>,
    ) -> Result<PublishedVersion, RegistryError> {
        match &self.0 {
            Kept::Directory(kept) => kept.open(feature, version, expected),
            Kept::Bucket(kept) => kept.open(feature, version, expected),
        }
    }

    /// Marks a version as not to be chosen any more. Sites that have it keep it.
    ///
    /// # Errors
    /// When it was never published, or the disk or the network would not.
    pub fn yank(
        &self,
        feature: &FeatureName,
        version: &Version,
        why: &str,
    ) -> Result<(), RegistryError> {
        match &self.0 {
            Kept::Directory(kept) => kept.yank(feature, version, why),
            Kept::Bucket(kept) => kept.yank(feature, version, why),
        }
    }

    /// Takes a yank back. Gives whether there was one.
    ///
    /// # Errors
    /// When the version was never published, or the disk or the network would not.
    pub fn unyank(&self, feature: &FeatureName, version: &Version) -> Result<bool, RegistryError> {
        match &self.0 {
            Kept::Directory(kept) => kept.unyank(feature, version),
            Kept::Bucket(kept) => kept.unyank(feature, version),
        }
    }
}

/// What can go wrong with a registry.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The disk would not.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no such version.
    #[error("{0}")]
    NotPublished(Problem),
    /// The version was published before, with other content.
    #[error(
        "{what} is already published with other content, and published versions never change\n  published: {published}\n  yours:     {offered}\n  hint: raise `version` in feature.yml"
    )]
    Taken {
        /// The feature and its version.
        what: String,
        /// What was published.
        published: Digest,
        /// What should have been.
        offered: Digest,
    },
    /// What is in the registry is not what was published.
    #[error(
        "{place}: damaged: {why}\n  hint: restore it from a backup, or publish the version's content again elsewhere and compare"
    )]
    Damaged {
        /// Where.
        place: String,
        /// Why.
        why: String,
    },
    /// The version is there, with other content than was asked for.
    #[error(
        "{what} in the registry is not the one that was asked for\n  asked for: {expected}\n  registry:  {found}"
    )]
    Replaced {
        /// The feature and its version.
        what: String,
        /// The identity that was asked for.
        expected: Digest,
        /// What is there.
        found: Digest,
    },
    /// The storage did not answer, or not well.
    #[error("{url}: {why}\n  hint: {hint}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why, without anything secret.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The storage cannot be used as it is set up: bucket, credentials, endpoint.
    #[error("{url}: {why}\n  hint: {hint}")]
    Unusable {
        /// Where.
        url: String,
        /// Why, without anything secret.
        why: String,
        /// What to do.
        hint: String,
    },
    /// What should be published cannot be.
    #[error(transparent)]
    Refused(#[from] Problems),
}

impl RegistryError {
    fn damaged(place: impl AsRef<std::ffi::OsStr>, why: impl Into<String>) -> Self {
        Self::Damaged { place: Path::new(&place).display().to_string(), why: why.into() }
    }

    fn archive(path: &Path, problem: ArchiveProblem) -> Self {
        match problem {
            ArchiveProblem::Io(error) => Self::Io { path: path.to_owned(), error },
            other => Self::damaged(path, other.to_string()),
        }
    }
}

/// Adds the path to an error of the disk.
trait At<T> {
    fn at(self, path: &Path) -> Result<T, RegistryError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, RegistryError> {
        self.map_err(|error| RegistryError::Io { path: path.to_owned(), error })
    }
}

#[cfg(test)]
mod tests;
