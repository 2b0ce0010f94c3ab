//! What a new lock changes, for people: each move once, with all the sites it is for.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::Lock;
use crate::{
    feature::Resolution,
    model::{FeatureName, SiteName},
};

/// A feature changes its version for some sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The feature.
    pub feature: FeatureName,
    /// What was locked; `None` where nothing was.
    pub from: Option<Version>,
    /// What is locked now; `None` where it is needed no more.
    pub to: Option<Version>,
    /// For these sites.
    pub sites: BTreeSet<SiteName>,
}

/// What changes between a lock and an answer, by feature, then from what to what.
#[must_use]
pub fn moves(lock: Option<&Lock>, resolution: &Resolution) -> Vec<Move> {
    type Key<'a> = (&'a FeatureName, Option<&'a Version>, Option<&'a Version>);
    let mut found: BTreeMap<Key<'_>, BTreeSet<SiteName>> = BTreeMap::new();
    let nothing = BTreeMap::new();
    for solved in &resolution.sets {
        let locked = lock.and_then(|lock| lock.sets.get(&solved.asked.set));
        let before = locked.map_or(&nothing, |locked| &locked.gets);
        let features: BTreeSet<&FeatureName> = before.keys().chain(solved.gets.keys()).collect();
        for feature in features {
            let from = before.get(feature);
            let to = solved.gets.get(feature).map(|chosen| &chosen.version);
            if from != to {
                let sites = solved.asked.sites.iter().cloned();
                found.entry((feature, from, to)).or_default().extend(sites);
            }
        }
    }
    let all = found.into_iter().map(|((feature, from, to), sites)| Move {
        feature: feature.clone(),
        from: from.cloned(),
        to: to.cloned(),
        sites,
    });
    all.collect()
}
