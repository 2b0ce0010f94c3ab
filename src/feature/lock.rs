//! The lock: which version every requirement set has, until `fleetctl lock` moves it.
//!
//! A value and its text (`fleet.lock`), nothing more: whoever reads or writes the file hands in
//! texts, and whoever resolves asks for what is locked. It names no lines of the inventory, so that
//! no comment changes it. It names sites, so that a new lock can tell whose versions it changes; what a
//! site gets depends on what it asks for alone, listed or not.

mod moves;
mod read;
mod reason;
mod write;

use std::collections::{BTreeMap, BTreeSet};

pub use moves::{Move, Moves, OptOuts, Reworded, moves};
use semver::Version;

use super::resolve::{AskedSet, Chosen, Needs, RequirementSet, Resolution, Solved, Through};
use crate::model::{Digest, FeatureName, Requirement, SiteName};

/// What is locked for one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The identity of every version that some set has.
    pub features: BTreeMap<FeatureName, BTreeMap<Version, Digest>>,
    /// The answer to each requirement set.
    pub sets: BTreeMap<RequirementSet, LockedSet>,
}

/// The locked answer to a requirement set, and why it is so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockedSet {
    /// Which groups ask what of each feature.
    pub asked: BTreeMap<FeatureName, BTreeMap<Requirement, BTreeSet<Through>>>,
    /// What the versions require of each other.
    pub needs: Needs,
    /// Holds that were over when this was locked.
    pub over: BTreeSet<FeatureName>,
    /// The versions.
    pub gets: BTreeMap<FeatureName, Version>,
    /// Who asked for that when this was locked.
    pub sites: BTreeSet<SiteName>,
}

impl Lock {
    /// The lock that keeps `resolution`.
    #[must_use]
    pub fn of(resolution: &Resolution) -> Self {
        let mut lock = Self::default();
        for solved in &resolution.sets {
            let asked = &solved.asked;
            for (feature, chosen) in &solved.gets {
                let versions = lock.features.entry(feature.clone()).or_default();
                versions.insert(chosen.version.clone(), chosen.digest);
            }
            let askers = asked.asked.iter().map(|(feature, requirements)| {
                let each = requirements.iter().map(|(requirement, askers)| {
                    (requirement.clone(), askers.keys().cloned().collect())
                });
                (feature.clone(), each.collect())
            });
            let is_over = |(_, (_, is_over)): &(&FeatureName, &(_, bool))| *is_over;
            let versions = solved
                .gets
                .iter()
                .map(|(feature, chosen)| (feature.clone(), chosen.version.clone()));
            let locked = LockedSet {
                asked: askers.collect(),
                needs: solved.needs.clone(),
                over: asked.holds.iter().filter(is_over).map(|(name, _)| name.clone()).collect(),
                gets: versions.collect(),
                sites: asked.sites.iter().cloned().collect(),
            };
            lock.sets.insert(asked.set.clone(), locked);
        }
        lock
    }

    /// What is locked for these sites; gives the question back where it is not locked.
    ///
    /// # Errors
    /// The set itself, if nothing is locked for it.
    pub fn answer(&self, asked: AskedSet) -> Result<Solved, Box<AskedSet>> {
        let Some(locked) = self.sets.get(&asked.set) else { return Err(Box::new(asked)) };
        let gets = locked.gets.iter().filter_map(|(feature, version)| {
            let digest = *self.features.get(feature)?.get(version)?;
            let held = asked.set.holds.contains_key(feature) && !locked.over.contains(feature);
            Some((feature.clone(), Chosen { version: version.clone(), digest, held }))
        });
        let (gets, needs) = (gets.collect(), locked.needs.clone());
        Ok(Solved { asked, gets, needs })
    }

    /// What was locked for each site, and what it asked for. One that a merge has left in two sets
    /// is taken for either.
    #[must_use]
    pub fn of_site(&self) -> BTreeMap<&SiteName, (&RequirementSet, &LockedSet)> {
        let each = self.sets.iter();
        each.flat_map(|known| known.1.sites.iter().map(move |site| (site, known))).collect()
    }

    /// The versions that were locked for a site; `None` where it is not named.
    #[must_use]
    pub fn gets_of(&self, site: &SiteName) -> Option<&BTreeMap<FeatureName, Version>> {
        let found = self.sets.values().find(|locked| locked.sites.contains(site));
        found.map(|locked| &locked.gets)
    }

    /// The sites of a set that were not among those that it was locked for. None where nothing
    /// was, or where the lock names no sites.
    pub fn joined<'a>(&self, asked: &'a AskedSet) -> impl Iterator<Item = &'a SiteName> {
        let is_naming = self.sets.values().any(|locked| !locked.sites.is_empty());
        let locked = self.sets.get(&asked.set).filter(|_| is_naming);
        let is_new =
            move |site: &&SiteName| locked.is_some_and(|known| !known.sites.contains(*site));
        asked.sites.iter().filter(is_new)
    }

    /// The versions that a new set would rather have than the newest: what others have, newest
    /// first, and not because of a hold.
    #[must_use]
    pub fn preferred(&self) -> BTreeMap<FeatureName, Vec<Version>> {
        let mut all: BTreeMap<FeatureName, BTreeSet<&Version>> = BTreeMap::new();
        for (set, locked) in &self.sets {
            let is_free = |feature: &&FeatureName| {
                !set.holds.contains_key(*feature) || locked.over.contains(*feature)
            };
            for feature in locked.gets.keys().filter(is_free) {
                all.entry(feature.clone()).or_default().extend(locked.gets.get(feature));
            }
        }
        let newest_first = all.into_iter().map(|(name, versions)| {
            let versions = versions.into_iter().rev().cloned().collect();
            (name, versions)
        });
        newest_first.collect()
    }
}

#[cfg(test)]
mod tests;
