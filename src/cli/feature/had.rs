//! What is locked for each site, whatever it asks for by now.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    feature::{Lock, LockedSet, RequirementSet, Solved},
    model::{FeatureName, SiteName},
    pipeline::Fleet,
};

/// The lock by the names of sites.
pub struct Had<'a>(BTreeMap<&'a SiteName, (&'a RequirementSet, &'a LockedSet)>);

impl<'a> Had<'a> {
    /// Looks it through, once for all questions.
    pub fn of(fleet: &'a Fleet) -> Self {
        Self(fleet.lock.as_ref().map(Lock::of_site).unwrap_or_default())
    }

    /// Whether a site has this version of a feature that it gets. Where there is no lock, or one
    /// that names no sites, it has what it gets.
    pub fn has(&self, site: &SiteName, feature: &FeatureName, version: &Version) -> bool {
        match self.0.get(site) {
            Some((_, locked)) => locked.gets.get(feature) == Some(version),
            None => self.0.is_empty(),
        }
    }

    /// The sites of a set by the version of a feature that they have, or get where they have none.
    pub fn by_version(
        &self,
        solved: &'a Solved,
        feature: &FeatureName,
    ) -> BTreeMap<&'a Version, BTreeSet<&'a SiteName>> {
        let mut all: BTreeMap<&Version, BTreeSet<&SiteName>> = BTreeMap::new();
        let Some(gets) = solved.gets.get(feature) else { return all };
        for site in &solved.asked.sites {
            let locked = self.0.get(site).and_then(|(_, locked)| locked.gets.get(feature));
            all.entry(locked.unwrap_or(&gets.version)).or_default().insert(site);
        }
        all
    }
}
