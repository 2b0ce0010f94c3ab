//! A feature as `feature.yml` defines it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use semver::Version;
use thiserror::Error;

use super::{Relations, Schema};
use crate::{
    model::{ArtifactPath, FeatureName, PathError, Platform, Position, Problem},
    resource::GateSpec,
};

/// A feature in one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name.
    pub name: FeatureName,
    /// Its version; never with build metadata.
    pub version: Version,
    /// One line for people.
    pub description: Option<String>,
    /// Where it can be used.
    pub platforms: BTreeSet<Platform>,
    /// Features that must be there with it.
    pub requires: Relations,
    /// Features that must not be there with it.
    pub conflicts: Relations,
    /// The variables it reads.
    pub schema: Schema,
    /// Files rendered for each site.
    pub templates: Vec<TemplateSpec>,
    /// What the loader of each platform loads.
    pub mount: BTreeMap<Platform, Mount>,
    /// Links outside the release.
    pub links: Vec<LinkSpec>,
    /// Gates of its own, beside the play's.
    pub health: Vec<GateSpec>,
}

impl Feature {
    /// Relations to what is not among the `known` features and versions. A feature without versions
    /// is being written: nothing is asked of those yet.
    #[must_use]
    pub fn dangling(&self, known: &BTreeMap<FeatureName, BTreeSet<Version>>) -> Vec<Problem> {
        let of = |verb: &'static str| move |(name, requirement)| (verb, name, requirement);
        let requires = self.requires.iter().map(of("requires"));
        let conflicts = self.conflicts.iter().map(of("conflicts with"));
        let told = requires.chain(conflicts).filter_map(|(verb, name, requirement)| {
            let title = format!("{} {} {verb}", self.name, self.version);
            let Some(versions) = known.get(name) else {
                let message = format!("{title} `{name}`, and there is no such feature");
                let names = known.keys().map(FeatureName::as_str);
                return Some(Problem::new(message).suggest(name.as_str(), names));
            };
            // To keep out what comes later is sense enough in a conflict.
            let is_met = versions.is_empty() || versions.iter().any(|one| requirement.matches(one));
            if is_met || verb != "requires" {
                return None;
            }
            let all: Vec<String> = versions.iter().map(ToString::to_string).collect();
            let message = format!("{title} {name} {requirement}, and no published version will do");
            Some(Problem::new(message).hint(format!(
                "published of {name}: {}; one that will do can be published in the same command",
                all.join(", ")
            )))
        });
        told.collect()
    }
}

/// What a platform's loader loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The file; `None` where nothing is to be loaded.
    pub place: Option<Place>,
    /// Where this is written.
    pub at: Position,
}

/// A file rendered for each site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSpec {
    /// The template inside the artifact.
    pub from: ArtifactPath,
    /// Where the result goes.
    pub to: Place,
    /// On which platforms.
    pub platforms: BTreeSet<Platform>,
    /// Where this is written.
    pub at: Position,
}

/// A link at a place of the site's that leads into the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSpec {
    /// Where the link is: a template for an absolute path, such as `{{ docroot }}/x.php`.
    pub path: String,
    /// What it leads to.
    pub to: Place,
    /// Whether something foreign in its place may be moved to undo material.
    pub adopt: bool,
    /// On which platforms.
    pub platforms: BTreeSet<Platform>,
    /// Where this is written.
    pub at: Position,
}

/// Which part of a release a file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Served to everybody, below `/_features/`.
    Public,
    /// Never in a docroot: code that runs on the host, rendered secrets.
    Private,
}

impl Side {
    /// The directory's name, in artifacts and releases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// A place inside a feature's part of a release, written `private/config.php`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Public or private.
    pub side: Side,
    /// The path below that.
    pub path: ArtifactPath,
}

impl Place {
    /// Where this is inside a release: `private/contact-form/config.php`.
    #[must_use]
    pub fn in_release(&self, feature: &FeatureName) -> String {
        format!("{}/{feature}/{}", self.side.as_str(), self.path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.side.as_str(), self.path)
    }
}

/// The text is no place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// It is neither public nor private.
    #[error("`{0}` must begin with `public/` (served to everybody) or `private/` (never served)")]
    NoSide(String),
    /// What follows is not a path.
    #[error("`{0}` {1}")]
    Path(String, PathError),
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let shown = || text.chars().take(100).collect::<String>();
        let (side, rest) = text
            .strip_prefix("public/")
            .map(|rest| (Side::Public, rest))
            .or_else(|| text.strip_prefix("private/").map(|rest| (Side::Private, rest)))
            .ok_or_else(|| PlaceError::NoSide(shown()))?;
        let path = ArtifactPath::new(rest).map_err(|why| PlaceError::Path(shown(), why))?;
        Ok(Self { side, path })
    }
}
