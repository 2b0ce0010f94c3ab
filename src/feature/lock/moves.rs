//! What a new lock changes, for people: by feature, and by what happens at which sites.
//!
//! A lock names no sites, so what a site had is read from its requirements: those it still asks
//! for are in the lock, for others `before` finds what they were made from.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::{
    Lock, LockedSet,
    before::{self, Before},
    reason,
};
use crate::{
    feature::{RequirementSet, Resolution, Solved},
    model::{FeatureName, GroupName, Platform, Position, SiteName},
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
    /// What in the inventory made it so; `None` where nothing there did.
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

/// What was locked for sites that are gone, or ask for less now: which they are, nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// What was asked for and locked, in words.
    pub what: String,
    /// Sites that ask for a part of it, now or as ever.
    pub perhaps: BTreeSet<SiteName>,
}

/// All that a new lock changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// Versions, by feature, then from what to what.
    pub moves: Vec<Move>,
    /// What is only said otherwise.
    pub reworded: Vec<Reworded>,
    /// What was locked, and no site asks for any more.
    pub dropped: Vec<Dropped>,
    /// Sites of which the lock cannot tell whether they are new.
    pub unsure: BTreeSet<SiteName>,
}

/// A site of the inventory, for those that ask for less than they did or for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// The site.
    pub site: SiteName,
    /// What it is built with.
    pub platform: Option<Platform>,
    /// The groups it is in.
    pub groups: BTreeSet<GroupName>,
    /// What it opted out of, and where.
    pub opt_outs: BTreeMap<FeatureName, Position>,
}

type Sites = BTreeSet<SiteName>;
/// A feature, from what to what, and why.
type Step = (FeatureName, Option<Version>, Option<Version>, Option<String>);

#[derive(Default)]
struct Found {
    moves: BTreeMap<Step, Sites>,
    reworded: BTreeMap<(FeatureName, Option<Version>, String), Sites>,
}

/// What changes between a lock and an answer. `present` are all sites of the inventory.
#[must_use]
pub fn moves(lock: Option<&Lock>, resolution: &Resolution, present: &[Present]) -> Moves {
    let empty = Lock::default();
    let known = lock.unwrap_or(&empty);
    let before = Before::new(known, resolution);
    let mut found = Found::default();
    let mut told = Moves::default();
    for solved in &resolution.sets {
        let was = before.of_set(known, solved);
        if lock.is_some() && !was.is_some_and(|(_, is_certain)| is_certain) {
            told.unsure.extend(solved.asked.sites.iter().cloned());
        }
        match was {
            Some(((set, locked), _)) => found.compare(set, locked, solved),
            None => found.add(solved, lock.is_some()),
        }
    }
    let mut gone = before.gone.clone();
    let now: BTreeMap<&SiteName, &Solved> = (resolution.sets.iter())
        .flat_map(|solved| solved.asked.sites.iter().map(move |site| (site, solved)))
        .collect();
    for site in present.iter().filter(|_| !before.gone.is_empty()) {
        let now = now.get(&site.site).copied();
        let is_new = now.is_some_and(|solved| !known.sets.contains_key(&solved.asked.set));
        if is_new {
            continue;
        }
        let Some((set, locked)) = before::of_site(known, &before.gone, site, now) else { continue };
        gone.remove(set);
        found.lose(site, locked, now);
    }
    let dropped = known.sets.iter().filter(|(set, _)| gone.contains(set));
    told.dropped = dropped
        .map(|(set, locked)| Dropped {
            what: reason::in_words(set, locked),
            perhaps: before::perhaps(known, set, resolution),
        })
        .collect();
    let moves = found.moves.into_iter();
    told.moves = moves
        .map(|((feature, from, to, why), sites)| Move { feature, from, to, why, sites })
        .collect();
    let reworded = found.reworded.into_iter();
    told.reworded = reworded
        .map(|((feature, version, what), sites)| Reworded { feature, version, what, sites })
        .collect();
    told
}

impl Found {
    fn compare(&mut self, set: &RequirementSet, locked: &LockedSet, solved: &Solved) {
        let sites = || solved.asked.sites.iter().cloned();
        let features: BTreeSet<&FeatureName> =
            locked.gets.keys().chain(solved.gets.keys()).collect();
        for feature in features {
            let from = locked.gets.get(feature).cloned();
            let to = solved.gets.get(feature).map(|chosen| chosen.version.clone());
            if from != to {
                let why = reason::moved(set, locked, solved, feature);
                self.moves.entry((feature.clone(), from, to, why)).or_default().extend(sites());
            } else if let Some(what) = reason::reworded(set, locked, solved, feature) {
                self.reworded.entry((feature.clone(), to, what)).or_default().extend(sites());
            }
        }
        for (feature, what) in reason::without_effect(set, locked, solved) {
            self.reworded.entry((feature, None, what)).or_default().extend(sites());
        }
    }

    /// A set that was made from no other. Reasons are for those who know what was there before.
    fn add(&mut self, solved: &Solved, with_reasons: bool) {
        for (feature, chosen) in &solved.gets {
            let why = reason::gained(solved, feature).filter(|_| with_reasons);
            let key = (feature.clone(), None, Some(chosen.version.clone()), why);
            self.moves.entry(key).or_default().extend(solved.asked.sites.iter().cloned());
        }
    }

    /// A site that asks for less of what was locked.
    fn lose(&mut self, site: &Present, locked: &LockedSet, now: Option<&Solved>) {
        for (feature, from) in &locked.gets {
            let to = now.and_then(|solved| Some(solved.gets.get(feature)?.version.clone()));
            if to.as_ref() == Some(from) {
                continue;
            }
            let lost = || reason::lost(locked, feature, site.opt_outs.get(feature));
            let why = to.is_none().then(lost);
            let key = (feature.clone(), Some(from.clone()), to, why);
            self.moves.entry(key).or_default().insert(site.site.clone());
        }
    }
}
