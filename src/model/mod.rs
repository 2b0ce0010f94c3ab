//! The words every room shares: names, digests, outcomes, secrets, positions and problems.
//!
//! Ground floor. Nothing here reads a file, a clock or the environment, and nothing here
//! knows what a deploy is. Values are parsed into these types once, at the door, so that the
//! rooms above never handle an unchecked string.

mod artifact_path;
mod content;
mod digest;
mod name;
mod names;
mod outcome;
mod platform;
mod problem;
mod registry_place;
mod release_name;
mod requirement;
mod secret;
pub mod yaml;

pub use artifact_path::{ArtifactPath, PathError};
pub use content::Content;
pub use digest::{Digest, DigestError, Hashing};
pub use name::{FeatureName, GroupName, NameError, RunId, SiteName, TagKey};
pub use names::{listed, named, ranges};
pub use outcome::Outcome;
pub use platform::{Platform, PlatformError};
pub use problem::{Position, Problem, Problems, did_you_mean};
pub use registry_place::{BucketUrl, RegistryPlace};
pub use release_name::ReleaseName;
pub use requirement::{Requirement, RequirementError};
pub use secret::Secret;

/// A variable's value, as templates and JSON output see it.
pub type Value = serde_json::Value;
