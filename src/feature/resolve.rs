//! Which version of each feature a site gets.
//!
//! Sites that ask for the same are one requirement set, and each set is solved once: everything
//! its groups and itself require, what the chosen versions require of each other, holds,
//! opt-outs and the platform. What is locked stays where that is possible, else the newest is
//! taken. What cannot be met is told in words, for all sets at once. Called by `pipeline`.

mod against;
mod ask;
mod explain;
mod solve;
mod span;
mod world;

use std::collections::{BTreeMap, BTreeSet};

pub use against::{Against, Trials};
pub use ask::{
    Ask, Asked, AskedSet, Held, Hold, OptOut, RequirementSet, Through, Want, requirement_sets,
};
use semver::Version;

use self::{solve::Case, world::World};
use super::{Catalog, Lock, LockedSet};
use crate::model::{Digest, FeatureName, Problem, Problems, Requirement, SiteName};

/// A version chosen for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The version.
    pub version: Version,
    /// Its identity.
    pub digest: Digest,
    /// Whether a hold chose it.
    pub held: bool,
}

/// What each site gets. Sites that want nothing are not in it.
pub type Choice = BTreeMap<SiteName, BTreeMap<FeatureName, Chosen>>;

/// Why not every site can get what it wants, in words.
pub type Conflict = Problems;

/// What chosen versions require of each other: feature, requirement, and who requires it.
pub type Needs = BTreeMap<FeatureName, BTreeMap<Requirement, BTreeSet<FeatureName>>>;

/// A requirement set and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solved {
    /// What is asked, and by whom.
    pub asked: AskedSet,
    /// The versions.
    pub gets: BTreeMap<FeatureName, Chosen>,
    /// Why there is more among them than was asked for.
    pub needs: Needs,
}

/// The answers to all requirement sets, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// One for each set.
    pub sets: Vec<Solved>,
}

impl Resolution {
    /// What each site gets.
    #[must_use]
    pub fn choice(&self) -> Choice {
        let each = self.sets.iter().flat_map(|solved| {
            solved.asked.sites.iter().map(|site| (site.clone(), solved.gets.clone()))
        });
        each.collect()
    }

    /// The answer to a set; `None` where there is none. Sets are in their order.
    #[must_use]
    pub fn of_set(&self, set: &RequirementSet) -> Option<&Solved> {
        let place = self.sets.binary_search_by(|solved| solved.asked.set.cmp(set)).ok()?;
        self.sets.get(place)
    }

    /// The set that a site is in; `None` where it wants nothing.
    #[must_use]
    pub fn of_site(&self, site: &SiteName) -> Option<&Solved> {
        self.sets.iter().find(|solved| solved.asked.sites.contains(site))
    }
}

/// What is to change though the lock would keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The feature; all of them where `None`.
    pub feature: Option<FeatureName>,
    /// Which versions will do; the newest that fits where `None`.
    pub requirement: Option<Requirement>,
}

/// What all sets would rather have.
#[derive(Debug, Default)]
struct Preference<'l> {
    /// What is locked, unless everything shall move.
    lock: Option<&'l Lock>,
    /// What was locked, whatever shall move.
    before: Option<&'l Lock>,
    /// What was locked for each site, whatever it asked for.
    of_site: BTreeMap<&'l SiteName, (&'l RequirementSet, &'l LockedSet)>,
    /// What is locked, whoever for, newest first.
    elsewhere: BTreeMap<FeatureName, Vec<Version>>,
    /// What shall move.
    moved: BTreeSet<FeatureName>,
    /// Where it shall move to.
    now: BTreeMap<FeatureName, Requirement>,
}

impl<'l> Preference<'l> {
    fn new(lock: Option<&'l Lock>, updates: &[Update]) -> Self {
        let (before, of_site) = (lock, lock.map(Lock::of_site).unwrap_or_default());
        let lock = lock.filter(|_| updates.iter().all(|update| update.feature.is_some()));
        let elsewhere = lock.map(Lock::preferred).unwrap_or_default();
        let mut preference = Self { lock, before, of_site, elsewhere, ..Self::default() };
        for update in updates {
            let Some(feature) = &update.feature else { continue };
            preference.moved.insert(feature.clone());
            preference.elsewhere.remove(feature);
            if let Some(requirement) = &update.requirement {
                preference.now.insert(feature.clone(), requirement.clone());
            }
        }
        preference
    }

    /// What is locked for this very set and shall stay.
    fn own<'a>(
        &'a self,
        asked: &'a AskedSet,
    ) -> impl Iterator<Item = (&'a FeatureName, &'a Version)> {
        let locked = self.lock.and_then(|lock| lock.sets.get(&asked.set));
        locked.into_iter().flat_map(move |locked| {
            // What a hold chose is nobody's choice any more once the hold is over.
            let is_free = |feature: &FeatureName| {
                asked.holds.get(feature).is_some_and(|(_, is_over)| *is_over)
                    && !locked.over.contains(feature)
            };
            let is_moved = |feature: &FeatureName| self.moved.contains(feature);
            locked.gets.iter().filter(move |(feature, _)| !is_free(feature) && !is_moved(feature))
        })
    }

    /// What the set had, or all its sites where they asked for it in other words, and not because
    /// of a hold: they keep it though it was yanked or is a pre-release, unless an update finds
    /// something better.
    fn had(&self, asked: &AskedSet) -> BTreeMap<&'l FeatureName, &'l Version> {
        let own = self.before.and_then(|lock| lock.sets.get_key_value(&asked.set));
        let of_sites = || asked.peers.iter().map(|site| self.of_site.get(site).copied());
        let known: Option<Vec<_>> =
            own.map_or_else(|| of_sites().collect(), |known| Some(vec![known]));
        let Some(((set, locked), rest)) = known.as_ref().and_then(|all| all.split_first()) else {
            return BTreeMap::new();
        };
        let chose = |set: &RequirementSet, locked: &LockedSet, feature: &FeatureName| {
            !set.holds.contains_key(feature) || locked.over.contains(feature)
        };
        let is_everywhere = |feature: &FeatureName, version: &Version| {
            rest.iter().all(|(set, locked)| {
                chose(set, locked, feature) && locked.gets.get(feature) == Some(version)
            })
        };
        // A pre-release that somebody asked for by name, and nobody does any more, is given up.
        let names = |set: &RequirementSet, feature: &FeatureName, version: &Version| {
            let mut wants = set.wants.get(feature).into_iter().flatten();
            !version.pre.is_empty() && wants.any(|want| want.matches(version))
        };
        let is_given_up = |feature: &FeatureName, version: &Version| {
            names(set, feature, version) && !names(&asked.set, feature, version)
        };
        let gets = locked.gets.iter();
        gets.filter(|(feature, version)| {
            chose(set, locked, feature)
                && is_everywhere(feature, version)
                && !is_given_up(feature, version)
        })
        .collect()
    }
}

/// Chooses versions for every set: what is in `lock` stays where it can, `updates` say what
/// shall move nevertheless.
///
/// # Errors
/// Everything that cannot be satisfied: which sites, through which group and line, what was
/// published, and what could be changed.
pub fn resolve(
    sets: Vec<AskedSet>,
    catalog: &Catalog,
    lock: Option<&Lock>,
    updates: &[Update],
) -> Result<Resolution, Conflict> {
    let (resolution, conflict) = resolve_most(sets, catalog, lock, updates);
    conflict.or(resolution)
}

/// The same for those who show what there is: the sets that can be satisfied, and what is wrong
/// with the others.
#[must_use]
pub fn resolve_most(
    sets: Vec<AskedSet>,
    catalog: &Catalog,
    lock: Option<&Lock>,
    updates: &[Update],
) -> (Resolution, Conflict) {
    let world = World::new(catalog);
    let preference = Preference::new(lock, updates);
    let mut resolution = Resolution::default();
    // The same trouble of several sets is told once, with all their sites.
    let mut troubles: BTreeMap<Problem, (AskedSet, usize)> = BTreeMap::new();
    for asked in sets {
        let told = match solve(&world, &asked, &preference) {
            Ok((gets, needs)) => {
                resolution.sets.push(Solved { asked, gets, needs });
                continue;
            }
            Err(told) => told,
        };
        for (index, problem) in told.into_iter().enumerate() {
            if let Some((known, ..)) = troubles.get_mut(&problem) {
                known.sites.extend(asked.sites.iter().cloned());
                continue;
            }
            troubles.insert(problem, (asked.clone(), index));
        }
    }
    let mut conflict = Conflict::default();
    for (asked, index) in troubles.into_values() {
        conflict.0.extend(named(&world, &asked, &preference).into_iter().nth(index));
    }
    (resolution, conflict)
}

type Answer = (BTreeMap<FeatureName, Chosen>, Needs);

/// Solves one set. Its problems name no sites, so that those of several sets can be compared.
fn solve(
    world: &World<'_>,
    asked: &AskedSet,
    preference: &Preference<'_>,
) -> Result<Answer, Vec<Problem>> {
    let nobody = BTreeSet::new();
    let case = Case::new(world, asked, preference).map_err(|troubles| {
        troubles
            .iter()
            .map(|(case, trouble)| explain::problem(case, trouble, &nobody))
            .collect::<Vec<_>>()
    })?;
    let solution =
        case.solve().map_err(|trouble| vec![explain::problem(&case, &trouble, &nobody)])?;
    let (mut gets, mut needs) = (BTreeMap::new(), Needs::new());
    for (number, place) in solution {
        let Some(feature) = world.feature(number) else { continue };
        let Some((version, published)) = feature.at(place) else { continue };
        let held = asked.held(feature.name).is_some();
        let chosen = Chosen { version: version.clone(), digest: published.digest, held };
        gets.insert(feature.name.clone(), chosen);
        for (required, requirement) in &published.requires {
            let askers = needs.entry(required.clone()).or_default();
            let askers = askers.entry(requirement.clone()).or_insert_with(BTreeSet::new);
            askers.insert(feature.name.clone());
        }
    }
    Ok((gets, needs))
}

/// The problems of a set, with its sites.
fn named(world: &World<'_>, asked: &AskedSet, preference: &Preference<'_>) -> Vec<Problem> {
    match Case::new(world, asked, preference) {
        Err(troubles) => {
            let each = troubles.iter();
            each.map(|(case, trouble)| explain::problem(case, trouble, &asked.sites)).collect()
        }
        Ok(case) => {
            let trouble = case.solve().err();
            trouble.iter().map(|trouble| explain::problem(&case, trouble, &asked.sites)).collect()
        }
    }
}

#[cfg(test)]
mod tests;
