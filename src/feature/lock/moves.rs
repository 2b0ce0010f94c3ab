//! What a new lock changes, for people: by feature, and by what happens at which sites.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::{Lock, LockedSet, reason};
use crate::{
    feature::{Catalog, RequirementSet, Resolution, Solved, Update},
    model::{FeatureName, Position, SiteName},
};

/// A feature changes its version for some sites.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// The feature.
    pub feature: FeatureName,
    /// What was locked; `None` where nothing was.
    pub from: Option<Version>,
    /// What is locked now; `None` where the sites have it no more.
    pub to: Option<Version>,
    /// What in the inventory, or which other feature, made it so; `None` where nothing of that did.
    pub why: Option<String>,
    /// For these sites.
    pub sites: BTreeSet<SiteName>,
}

/// A feature stays as it is, and what is said about it has changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reworded {
    /// The feature.
    pub feature: FeatureName,
    /// What sites had and have; `None` where they do not have it.
    pub version: Option<Version>,
    /// What is said now, and what was.
    pub what: String,
    /// At these sites.
    pub sites: BTreeSet<SiteName>,
}

/// All that a new lock changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// Versions, by feature, then from what to what.
    pub moves: Vec<Move>,
    /// What is only said otherwise.
    pub reworded: Vec<Reworded>,
}

/// What sites of the inventory opted out of, and where; every site is in it.
pub type OptOuts = BTreeMap<SiteName, BTreeMap<FeatureName, Position>>;

type Sites = BTreeSet<SiteName>;
/// A feature, from what to what, and why.
type Step = (FeatureName, Option<Version>, Option<Version>, Option<String>);

#[derive(Default)]
struct Found {
    moves: BTreeMap<Step, Sites>,
    reworded: BTreeMap<(FeatureName, Option<Version>, String), Sites>,
}

type Known<'l> = (&'l RequirementSet, &'l LockedSet);

/// What changes between a lock and an answer, which was found in `catalog` for `updates`.
#[must_use]
pub fn moves(
    lock: Option<&Lock>,
    resolution: &Resolution,
    opt_outs: &OptOuts,
    (catalog, updates): (&Catalog, &[Update]),
) -> Moves {
    let before = lock.map(Lock::of_site).unwrap_or_default();
    let now: BTreeMap<&SiteName, &Solved> = (resolution.sets.iter())
        .flat_map(|solved| solved.asked.sites.iter().map(move |site| (site, solved)))
        .collect();
    // Sites that went the same way are told together, and so worked out together.
    let mut ways: BTreeMap<_, (Option<Known<'_>>, &Solved, Sites)> = BTreeMap::new();
    let mut found = Found::default();
    for (site, solved) in &now {
        let known = before.get(site).copied();
        let way = (known.map(|(set, _)| set), &solved.asked.set);
        let (_, _, sites) = ways.entry(way).or_insert_with(|| (known, solved, Sites::new()));
        sites.insert((*site).clone());
    }
    for (known, solved, sites) in ways.into_values() {
        match known {
            Some((set, locked)) => found.compare((set, locked), solved, &sites, (catalog, updates)),
            None => found.add(solved, lock.is_some(), &sites),
        }
    }
    for (site, (_, locked)) in before.iter().filter(|(site, _)| !now.contains_key(*site)) {
        found.lose(site, locked, opt_outs.get(*site));
    }
    let moves = found.moves.into_iter();
    let moves = moves
        .map(|((feature, from, to, why), sites)| Move { feature, from, to, why, sites })
        .collect();
    let reworded = found.reworded.into_iter();
    let reworded = reworded
        .map(|((feature, version, what), sites)| Reworded { feature, version, what, sites })
        .collect();
    Moves { moves, reworded }
}

impl Found {
    fn compare(
        &mut self,
        (set, locked): Known<'_>,
        solved: &Solved,
        sites: &Sites,
        (catalog, updates): (&Catalog, &[Update]),
    ) {
        let sites = || sites.iter().cloned();
        let features: BTreeSet<&FeatureName> =
            locked.gets.keys().chain(solved.gets.keys()).collect();
        for feature in features {
            let from = locked.gets.get(feature).cloned();
            let to = solved.gets.get(feature).map(|chosen| chosen.version.clone());
            if from != to {
                let why = reason::moved(set, locked, solved, feature);
                // What an update moves needs no other reason, unless it went back.
                let is_older = matches!((&from, &to), (Some(from), Some(to)) if to < from);
                let is_meant = updates.iter().any(|update| match &update.feature {
                    Some(name) => name == feature,
                    None => !is_older,
                });
                let others = || reason::others(locked, solved, feature, catalog);
                let why = why.or_else(|| others().filter(|_| !is_meant));
                self.moves.entry((feature.clone(), from, to, why)).or_default().extend(sites());
            } else if let Some(what) = reason::reworded(set, locked, solved, feature) {
                self.reworded.entry((feature.clone(), to, what)).or_default().extend(sites());
            }
        }
        for (feature, what) in reason::without_effect(set, locked, solved) {
            self.reworded.entry((feature, None, what)).or_default().extend(sites());
        }
    }

    /// Sites that nothing was locked for. Reasons are for those who know what was there before.
    fn add(&mut self, solved: &Solved, with_reasons: bool, sites: &Sites) {
        for (feature, chosen) in &solved.gets {
            let why = reason::gained(solved, feature).filter(|_| with_reasons);
            let key = (feature.clone(), None, Some(chosen.version.clone()), why);
            self.moves.entry(key).or_default().extend(sites.iter().cloned());
        }
    }

    /// A site that asks for nothing any more, or is not in the inventory.
    fn lose(
        &mut self,
        site: &SiteName,
        locked: &LockedSet,
        opt_outs: Option<&BTreeMap<FeatureName, Position>>,
    ) {
        for (feature, from) in &locked.gets {
            let why = match opt_outs {
                Some(opt_outs) => reason::lost(locked, feature, opt_outs.get(feature)),
                None => "no longer in the inventory".to_owned(),
            };
            let key = (feature.clone(), Some(from.clone()), None, Some(why));
            self.moves.entry(key).or_default().insert(site.clone());
        }
    }
}
