//! What a site asked for when the lock was written, where it asks for something else now.
//!
//! The lock names no sites. So this is the nearest of what is locked, and nothing is called lost on
//! suspicion: something must have been added to it or opted out of, or nobody asks for it any
//! more, so that those who did must have gone somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lock, LockedSet, Present};
use crate::{
    feature::{RequirementSet, Resolution, Solved, Through},
    model::SiteName,
};

type Known<'l> = (&'l RequirementSet, &'l LockedSet);

/// What was locked, by the set that it became.
#[derive(Debug, Default)]
pub(super) struct Before<'l> {
    found: BTreeMap<&'l RequirementSet, Known<'l>>,
    /// Sets that nobody asks for any more, and that became no other one.
    pub gone: BTreeSet<&'l RequirementSet>,
    /// Sets that others still ask for.
    alive: BTreeSet<&'l RequirementSet>,
}

impl<'l> Before<'l> {
    pub fn new(lock: &'l Lock, resolution: &'l Resolution) -> Self {
        let asked: BTreeSet<_> = resolution.sets.iter().map(|solved| &solved.asked.set).collect();
        let (alive, gone) = lock.sets.keys().partition(|set| asked.contains(set));
        let mut before = Self { found: BTreeMap::new(), gone, alive };
        let is_new = |solved: &&Solved| !lock.sets.contains_key(&solved.asked.set);
        let fresh: Vec<&Solved> = resolution.sets.iter().filter(is_new).collect();
        // What gained or was opted out comes first: who lost something is one of the rest.
        for may_lose in [false, true] {
            let gone = before.gone.clone();
            for solved in &fresh {
                if before.found.contains_key(&solved.asked.set) {
                    continue;
                }
                let sets = lock.sets.iter().filter(|(set, _)| {
                    if may_lose { gone.contains(*set) } else { is_part(set, &solved.asked.set) }
                });
                let near = sets.filter_map(|known| {
                    let is_alive = before.alive.contains(known.0);
                    Some(((distance(known, solved)?, is_alive), known))
                });
                if let Some((_, known)) = near.min_by_key(|(rank, _)| *rank) {
                    before.gone.remove(known.0);
                    before.found.insert(&solved.asked.set, known);
                }
            }
        }
        before
    }

    /// What the sites of a set had; with it, whether this is certain.
    pub fn of_set(&self, lock: &'l Lock, solved: &Solved) -> Option<(Known<'l>, bool)> {
        if let Some(same) = lock.sets.get_key_value(&solved.asked.set) {
            return Some((same, true));
        }
        let known = self.found.get(&solved.asked.set)?;
        Some((*known, !self.alive.contains(known.0)))
    }
}

/// Whether everything that `old` asks for is still asked for, or was opted out of.
fn is_part(old: &RequirementSet, new: &RequirementSet) -> bool {
    let stays = |feature| new.wants.contains_key(feature) || new.without.contains(feature);
    old.wants.keys().all(stays)
}

/// How many words would have to be changed, roughly; `None` where nothing is in common.
fn distance((old, locked): Known<'_>, solved: &Solved) -> Option<usize> {
    let new = &solved.asked.set;
    old.wants.keys().find(|feature| new.wants.contains_key(*feature))?;
    let mut distance = if old.platform == new.platform { 0 } else { 5 };
    for (feature, requirements) in &new.wants {
        match old.wants.get(feature) {
            Some(known) if known == requirements => {}
            Some(_) => distance += 1,
            None if old.without.contains(feature) => distance += 1,
            None => distance += 3,
        }
        let now = solved.asked.asked.get(feature).into_iter().flatten();
        let now: BTreeSet<&Through> = now.flat_map(|(_, askers)| askers.keys()).collect();
        let then = locked.asked.get(feature).into_iter().flatten();
        let then: BTreeSet<&Through> = then.flat_map(|(_, askers)| askers).collect();
        distance += usize::from(old.wants.contains_key(feature) && now != then);
    }
    let lost = old.wants.keys().filter(|feature| !new.wants.contains_key(*feature));
    distance += 3 * lost.filter(|feature| !new.without.contains(*feature)).count();
    // Who opts out had it before, as a rule.
    let idle = new.without.difference(&old.without);
    distance += 2 * idle.filter(|feature| !old.wants.contains_key(*feature)).count();
    let held = |set: &RequirementSet| set.holds.clone().into_iter().collect::<BTreeSet<_>>();
    Some(distance + held(old).symmetric_difference(&held(new)).count())
}

/// Whether a set asks for a part of what `old` asks for, in the same words.
fn asks_less(new: &RequirementSet, old: &RequirementSet) -> bool {
    let is_kept = |(feature, asked)| old.wants.get(feature) == Some(asked);
    new.holds == old.holds && new.wants.len() < old.wants.len() && new.wants.iter().all(is_kept)
}

/// The sites of known sets that may have asked for all of `old`.
pub(super) fn perhaps(
    lock: &Lock,
    old: &RequirementSet,
    resolution: &Resolution,
) -> BTreeSet<SiteName> {
    let sets = resolution.sets.iter().map(|solved| &solved.asked).filter(|asked| {
        let is_known = lock.sets.contains_key(&asked.set);
        is_known && asked.set.platform == old.platform && asks_less(&asked.set, old)
    });
    sets.flat_map(|asked| asked.sites.iter().cloned()).collect()
}

/// What a site had that now asks for less, or for nothing, if that is certain enough: it opted out
/// of all of it, or is still in the groups that asked for it.
pub(super) fn of_site<'l>(
    lock: &'l Lock,
    gone: &BTreeSet<&RequirementSet>,
    site: &Present,
    now: Option<&Solved>,
) -> Option<Known<'l>> {
    let mut all = lock.sets.iter().filter(|(set, _)| gone.contains(set));
    all.find(|(set, locked)| {
        let asks_less = now.is_none_or(|solved| asks_less(&solved.asked.set, set));
        let has_left_out = |feature| site.opt_outs.contains_key(feature);
        let mut askers = locked.asked.values().flat_map(|asked| asked.values().flatten());
        let is_member = |through: &Through| match through {
            Through::Group(group) => site.groups.contains(group),
            Through::Site => false,
        };
        let has_opted_out = now.is_none() && set.wants.keys().all(has_left_out);
        let was_asked_for = !set.wants.keys().any(has_left_out) && askers.all(is_member);
        set.platform == site.platform && asks_less && (has_opted_out || was_asked_for)
    })
}
