//! What a plain `fleetctl lock` would do now to a feature of one site.

use jiff::civil::Date;
use semver::Version;
use serde_json::{Value, json};

use crate::{
    feature::{Catalog, Chosen, Solved},
    inventory::Site,
    model::{FeatureName, Problems},
    pipeline::{Fleet, LoadError},
};

/// The next lock, as far as the site is concerned.
pub enum Next {
    /// This, and why it is not what the lock has.
    Lock {
        /// The site's answer; `None` where it wants nothing.
        solved: Option<Box<Solved>>,
        /// What in the inventory makes it another one.
        why: Option<String>,
    },
    /// None: it would be refused.
    Refused(Problems),
}

impl Next {
    /// Tries it.
    ///
    /// # Errors
    /// What has nothing to do with requirements.
    pub fn of(
        fleet: &Fleet,
        catalog: &Catalog,
        site: &Site,
        feature: &FeatureName,
        today: Date,
    ) -> Result<Self, LoadError> {
        let resolution = match fleet.relock(today, &[], catalog) {
            Ok(resolution) => resolution,
            Err(LoadError::Wrong(problems)) => return Ok(Self::Refused(problems)),
            Err(other) => return Err(other),
        };
        let moves = fleet.moves(&resolution, catalog).moves.into_iter();
        let mut moves = moves.filter(|step| step.feature == *feature);
        let why = moves.find(|step| step.sites.contains(&site.name)).and_then(|step| step.why);
        let solved = resolution.of_site(&site.name).cloned().map(Box::new);
        Ok(Self::Lock { solved, why })
    }

    /// The next answer to all that the site asks; `None` where there is none.
    pub fn solved(&self) -> Option<&Solved> {
        match self {
            Self::Lock { solved, .. } => solved.as_deref(),
            Self::Refused(_) => None,
        }
    }

    /// The version that comes, where it is another one than `has`.
    pub fn change(&self, feature: &FeatureName, has: &Version) -> Option<&Chosen> {
        self.solved()?.gets.get(feature).filter(|chosen| chosen.version != *has)
    }

    /// "its hold has ended".
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Lock { why, .. } => why.as_deref(),
            Self::Refused(_) => None,
        }
    }

    /// For programs; null where nothing changes.
    pub fn to_json(&self, feature: &FeatureName, has: &Version) -> Value {
        let change = self.change(feature, has);
        change.map_or(Value::Null, |to| json!({ "version": to.version, "why": self.why() }))
    }
}
