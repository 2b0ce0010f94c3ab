//! Where published versions of features are kept: a directory, by default.
//!
//! One of the few rooms that touch the disk. What it gives out has been checked against the
//! manifest whose digest names the version; what it takes in becomes visible at once and
//! whole, and never changes afterwards. It decides nothing: which version a site gets is the
//! business of `feature`.

mod directory;
mod published;
mod source;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use directory::{Publication, Registry};
pub use published::{PublishedVersion, verify};
pub use source::{FeatureSource, read_source};
use thiserror::Error;

use crate::{
    model::{Digest, Problem, Problems},
    release::archive::ArchiveProblem,
};

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
    #[error("{}: damaged: {why}\n  hint: restore it from a backup, or publish the version's content again elsewhere and compare", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// What should be published cannot be.
    #[error(transparent)]
    Refused(#[from] Problems),
}

impl RegistryError {
    fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
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
