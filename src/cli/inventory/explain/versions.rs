//! Which versions a site gets, as far as that can be said.

use crate::{
    feature::{Feature, Solved},
    inventory::Site,
    model::Problems,
    pipeline::{Fleet, LoadError},
};

/// The versions of a site.
pub enum Versions {
    /// These, from the lock or as the next lock would have them; `None` where it wants nothing.
    Known {
        /// The answer.
        solved: Option<Box<Solved>>,
        /// Whether it is in the lock.
        is_locked: bool,
    },
    /// None: what is asked for does not go together.
    Conflict(Problems),
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
        match fleet.resolve(std::slice::from_ref(&site.name)) {
            Ok(mut resolved) => {
                let is_locked = fleet.lock.is_some() && resolved.behind.is_empty();
                Self::Known { solved: resolved.resolution.sets.pop().map(Box::new), is_locked }
            }
            Err(LoadError::Wrong(problems)) => Self::Conflict(problems),
            Err(other) => Self::Unknown(other.to_string()),
        }
    }

    /// The conflicts of a site.
    pub fn conflicts(&self, site: &Site) -> Vec<Conflict> {
        let Self::Conflict(problems) = self else { return Vec::new() };
        let conflict = |problem: &crate::model::Problem| {
            let words: Vec<&str> =
                problem.message.split(|c: char| !(c.is_alphanumeric() || c == '-')).collect();
            let mut features: Vec<String> = Vec::new();
            for want in &site.wants {
                let name = want.feature.as_str();
                if words.contains(&name) && !features.iter().any(|known| known == name) {
                    features.push(name.to_owned());
                }
            }
            let first = problem.message.lines().next().unwrap_or_default();
            let text = if first.ends_with("what does not go together:") {
                format!("{} do not go together", features.join(" and "))
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

    /// What the site's features say of themselves; those that cannot be read are left out.
    pub fn definitions(&self, fleet: Option<&Fleet>) -> Vec<Feature> {
        let (Self::Known { solved: Some(solved), .. }, Some(fleet)) = (self, fleet) else {
            return Vec::new();
        };
        let open = |(name, chosen): (_, &crate::feature::Chosen)| {
            let published = fleet.registry.open(name, &chosen.version, Some(&chosen.digest));
            published.ok().map(|published| published.feature)
        };
        solved.gets.iter().filter_map(open).collect()
    }
}
