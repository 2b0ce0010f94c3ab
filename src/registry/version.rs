//! What holds for a published version wherever it is kept: its parts, and what must agree.

use semver::Version;

use super::{FeatureSource, RegistryError};
use crate::{
    feature::{self, Feature},
    model::{Digest, FeatureName, Problem, did_you_mean},
    release::{ArtifactManifest, artifact::Entry},
};

pub(super) const MANIFEST: &str = "manifest";
pub(super) const ARCHIVE: &str = "artifact.tar.gz";
pub(super) const DEFINITION: &str = "feature.yml";
pub(super) const YANKED: &str = "yanked";
/// Bytes: more than any manifest or definition that the limits of archives allow.
pub(super) const MOST_TEXT: u64 = 64 << 20;

/// A feature and one of its versions.
pub(super) type Name<'a> = (&'a FeatureName, &'a Version);

/// Refuses a version that is not the one that was asked for.
pub(super) fn as_expected(
    (feature, version): Name<'_>,
    found: Digest,
    expected: Option<&Digest>,
) -> Result<(), RegistryError> {
    match expected {
        Some(expected) if *expected != found => Err(RegistryError::Replaced {
            what: format!("{feature} {version}"),
            expected: *expected,
            found,
        }),
        _ => Ok(()),
    }
}

/// The definition, if it is the one that the manifest lists and that of this version.
pub(super) fn define(
    (feature, version): Name<'_>,
    manifest: &ArtifactManifest,
    definition: String,
    place: &str,
) -> Result<(String, Feature), RegistryError> {
    let listed = manifest.get(DEFINITION);
    let found = Digest::of(definition.as_bytes());
    if !matches!(listed, Some(Entry::File { digest, .. }) if *digest == found) {
        return Err(RegistryError::damaged(place, "it is not what the manifest says"));
    }
    let parsed = feature::parse(place, &definition)?;
    if parsed.name != *feature || parsed.version != *version {
        let why = format!("it defines {} {}", parsed.name, parsed.version);
        return Err(RegistryError::damaged(place, why));
    }
    Ok((definition, parsed))
}

/// The identity of `source`, if that is what was published under its version.
pub(super) fn same_as_published(
    source: &FeatureSource,
    published: Digest,
) -> Result<Digest, RegistryError> {
    let offered = source.manifest.digest();
    if published == offered {
        return Ok(published);
    }
    let what = format!("{} {}", source.feature.name, source.feature.version);
    Err(RegistryError::Taken { what, published, offered })
}

/// What to say of a version that is not in the registry at `root`, where these `versions` of the
/// feature are, and these `features`.
pub(super) fn never_published(
    (feature, version): Name<'_>,
    root: &str,
    versions: &[String],
    features: &[String],
) -> RegistryError {
    let problem = Problem::new(format!("{feature} {version} was never published in {root}"));
    let near = did_you_mean(feature.as_str(), features.iter().map(String::as_str));
    RegistryError::NotPublished(match (versions.is_empty(), near) {
        (false, _) => problem.hint(format!("published are {}", versions.join(", "))),
        (true, Some(near)) => problem.hint(format!("did you mean `{near}`?")),
        (true, None) => {
            problem.hint(format!("publish it: fleetctl feature publish features/{feature}"))
        }
    })
}

/// The reason for a yank, as one line.
pub(super) fn one_line(why: &str) -> String {
    let line: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}
