//! What has been published, as far as choosing a version needs to know it.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::Feature;
use crate::model::{Digest, FeatureName, Platform, Requirement};

/// Requirements on other features, by their names.
pub type Relations = BTreeMap<FeatureName, Requirement>;

/// A version that has been published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its identity.
    pub digest: Digest,
    /// Why it should not be chosen any more, if it was yanked.
    pub yanked: Option<String>,
    /// Where it can be used.
    pub platforms: BTreeSet<Platform>,
    /// What must be there with it.
    pub requires: Relations,
    /// What must not be there with it.
    pub conflicts: Relations,
}

impl Published {
    /// What `feature` says of itself, published with the identity `digest`.
    #[must_use]
    pub fn new(feature: &Feature, digest: Digest, yanked: Option<String>) -> Self {
        Self {
            digest,
            yanked,
            platforms: feature.platforms.clone(),
            requires: feature.requires.clone(),
            conflicts: feature.conflicts.clone(),
        }
    }
}

/// Everything that has been published.
pub type Catalog = BTreeMap<FeatureName, BTreeMap<Version, Published>>;
