//! Which versions a site gets, as far as that can be said.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    feature::Solved,
    inventory::Site,
    model::{FeatureName, Problems},
    pipeline::{Fleet, LoadError},
    registry::PublishedVersion,
};

/// The versions of a site.
pub enum Versions {
    /// These, from the lock or as the next lock would have them; `None` where it wants nothing.
    Known {
        /// The answer.
        solved: Option<Box<Solved>>,
        /// Whether it is in the lock.
        is_locked: bool,
        /// What was locked for the site, whatever it asks for now.
        before: BTreeMap<FeatureName, Version>,
    },
    /// None: what is asked for does not go together.
    Conflict {
        /// Why.
        problems: Problems,
        /// What was locked for the site, whatever it asks for now.
        before: BTreeMap<FeatureName, Version>,
    },
    /// Nobody knows, because of this.
    Unknown(String),
}

/// A conflict in one sentence, and the site's features that are in it.
pub struct Conflict {
    pub text: String,
    pub features: Vec<String>,
}

impl Versions {
    /// Asks the lock, and the registry for what the lock does not have.
    pub fn of(fleet: &Fleet, site: &Site) -> Self {
        let before = || {
            let before = fleet.lock.as_ref().and_then(|lock| lock.gets_of(&site.name));
            before.cloned().unwrap_or_default()
        };
        match fleet.resolve(std::slice::from_ref(&site.name)) {
            Ok(mut resolved) => {
                let is_locked = fleet.lock.is_some() && resolved.is_locked();
                let solved = resolved.resolution.sets.pop().map(Box::new);
                Self::Known { solved, is_locked, before: before() }
            }
            Err(LoadError::Wrong(problems)) => Self::Conflict { problems, before: before() },
            Err(other) => Self::Unknown(other.to_string()),
        }
    }

    /// What the site gets, where that is known.
    pub fn solved(&self) -> Option<&Solved> {
        match self {
            Self::Known { solved, .. } => solved.as_deref(),
            Self::Conflict { .. } | Self::Unknown(_) => None,
        }
    }

    /// The conflicts of a site.
    pub fn conflicts(&self, site: &Site) -> Vec<Conflict> {
        let Self::Conflict { problems, .. } = self else { return Vec::new() };
        let conflict = |problem: &crate::model::Problem| {
            let words: Vec<&str> =
                problem.message.split(|c: char| !(c.is_alphanumeric() || c == '-')).collect();
            let is_named = |name: &&FeatureName| words.contains(&name.as_str());
            let wants = site.wants.iter().map(|want| &want.feature).filter(is_named);
            let wanted: BTreeSet<&str> = wants.map(FeatureName::as_str).collect();
            let others = site.holds.keys().chain(site.opt_outs.iter().map(|out| &out.feature));
            let others = others.filter(is_named).map(FeatureName::as_str);
            let others = others.filter(|name| !wanted.contains(name));
            let features = wanted.iter().copied().chain(others).map(str::to_owned).collect();
            let first = problem.message.lines().next().unwrap_or_default();
            let text = if first.ends_with("what does not go together:") {
                format!("{} do not go together", Vec::from_iter(wanted).join(" and "))
            } else {
                first
                    .split_once(": ")
                    .map_or(first, |(text, _)| text)
                    .trim_end_matches(':')
                    .to_owned()
            };
            Conflict { text, features }
        };
        problems.0.iter().map(conflict).collect()
    }

    /// The versions themselves; those that cannot be read are left out.
    pub fn opened(&self, fleet: Option<&Fleet>) -> Vec<PublishedVersion> {
        let (Self::Known { solved: Some(solved), .. }, Some(fleet)) = (self, fleet) else {
            return Vec::new();
        };
        let open = |(name, chosen): (_, &crate::feature::Chosen)| {
            fleet.registry.open(name, &chosen.version, Some(&chosen.digest)).ok()
        };
        solved.gets.iter().filter_map(open).collect()
    }
}
