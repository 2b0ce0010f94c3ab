//! Which group contains which, and in what order their words count.
//!
//! A group's depth is its longest way down from `all` (depth 0); the deeper word wins, and at
//! equal depth the one of higher priority, then the one later in the alphabet, as in Ansible.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entry::GroupEntry;
use crate::model::{GroupName, Problem, Problems};

/// A group in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked<'a> {
    pub name: &'a GroupName,
    pub entry: &'a GroupEntry,
    /// The longest way down from `all`.
    pub depth: usize,
}

/// Parents and depth of every group, and the order in which their words count: a group's place in
/// it is its rank. What is asked for every site is asked by rank, without a look at any name.
#[derive(Debug, Default)]
pub(super) struct Hierarchy<'a> {
    parents: BTreeMap<&'a GroupName, Vec<&'a GroupName>>,
    depths: BTreeMap<&'a GroupName, usize>,
    ranked: Vec<Ranked<'a>>,
    ranks: HashMap<&'a str, usize>,
    /// The ranks of the groups that contain a group directly.
    above: Vec<Vec<usize>>,
}

impl<'a> Hierarchy<'a> {
    /// Checks the children of all groups and orders them.
    pub fn new(groups: &'a BTreeMap<GroupName, GroupEntry>, problems: &mut Problems) -> Self {
        let mut hierarchy = Self::default();
        // `all` holds every group anyhow: what is written below it counts for the order alone.
        for (name, group) in groups.iter().filter(|(name, _)| name.as_str() != "all") {
            for child in &group.children {
                if let Some(reason) = reserved(&child.name) {
                    problems.push(Problem::at(&child.at, format!("`{}` {reason}", child.name)));
                } else if let Some((known, _)) = groups.get_key_value(&child.name) {
                    hierarchy.parents.entry(known).or_default().push(name);
                } else {
                    let problem =
                        Problem::at(&child.at, format!("there is no group `{}`", child.name));
                    let known = groups.keys().map(GroupName::as_str);
                    problems.push(problem.suggest(child.name.as_str(), known));
                }
            }
        }
        let bottom_up = Self::check_cycles(groups, problems);
        hierarchy.measure(&bottom_up);
        hierarchy.rank_all(groups);
        hierarchy
    }

    fn rank_all(&mut self, groups: &'a BTreeMap<GroupName, GroupEntry>) {
        let place = |(name, entry)| Ranked { name, entry, depth: self.depth(name) };
        let mut ranked: Vec<Ranked<'_>> = groups.iter().map(place).collect();
        // Names are in order already.
        ranked.sort_by_key(|group| (group.depth, group.entry.priority));
        self.ranks =
            ranked.iter().zip(0..).map(|(group, rank)| (group.name.as_str(), rank)).collect();
        let rank = |name: &&GroupName| self.ranks.get(name.as_str()).copied();
        let above = |group: &Ranked<'a>| {
            let parents = self.parents.get(group.name).map(Vec::as_slice).unwrap_or_default();
            parents.iter().filter_map(rank).collect()
        };
        self.above = ranked.iter().map(above).collect();
        self.ranked = ranked;
    }

    /// The rank of a group.
    pub fn rank(&self, name: &str) -> Option<usize> {
        self.ranks.get(name).copied()
    }

    /// The group of a rank.
    pub fn at(&self, rank: usize) -> Option<Ranked<'a>> {
        self.ranked.get(rank).copied()
    }

    /// The groups of these ranks and all that contain them, outermost first.
    pub fn closure(&self, of: &[usize]) -> Vec<usize> {
        let mut found = of.to_vec();
        let mut next = 0;
        while let Some(rank) = found.get(next).copied() {
            next += 1;
            for above in self.above.get(rank).into_iter().flatten() {
                if !found.contains(above) {
                    found.push(*above);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// Whether a group is inside another one than `all`.
    pub fn has_parent(&self, name: &GroupName) -> bool {
        self.parents.contains_key(name)
    }

    /// The longest way down from `all`.
    pub fn depth(&self, name: &GroupName) -> usize {
        if name.as_str() == "all" { 0 } else { self.depths.get(name).copied().unwrap_or(1) }
    }

    /// Finds every cycle once, without recursion. Gives the groups with children before parents.
    fn check_cycles(
        groups: &'a BTreeMap<GroupName, GroupEntry>,
        problems: &mut Problems,
    ) -> Vec<&'a GroupName> {
        let mut done: BTreeSet<&GroupName> = BTreeSet::new();
        let mut order = Vec::new();
        for start in groups.keys() {
            let mut path: Vec<(&GroupName, usize)> = vec![(start, 0)];
            let mut on_path = BTreeSet::from([start]);
            if done.contains(start) {
                continue;
            }
            while let Some((name, next)) = path.last_mut() {
                let (name, index) = (*name, *next);
                *next += 1;
                let child = groups.get(name).and_then(|group| group.children.get(index));
                let Some(child) = child else {
                    path.pop();
                    on_path.remove(name);
                    done.insert(name);
                    order.push(name);
                    continue;
                };
                let Some((known, _)) = groups.get_key_value(&child.name) else { continue };
                if on_path.contains(known) {
                    let begin = path.iter().position(|(step, _)| *step == known).unwrap_or(0);
                    let steps = path.iter().skip(begin).map(|(step, _)| step.as_str());
                    let way: Vec<&str> = steps.chain([known.as_str()]).collect();
                    let message = format!("groups contain each other: {}", way.join(" → "));
                    problems
                        .push(Problem::at(&child.at, message).hint("remove one of the children"));
                } else if !done.contains(known) {
                    on_path.insert(known);
                    path.push((known, 0));
                }
            }
        }
        order
    }

    fn measure(&mut self, bottom_up: &[&'a GroupName]) {
        for name in bottom_up.iter().rev() {
            let parents = self.parents.get(name).into_iter().flatten();
            let above = parents.map(|parent| self.depth(parent)).max().unwrap_or(0);
            self.depths.insert(name, above + 1);
        }
    }
}

/// Why a group cannot be named as anybody's child or parent.
pub(super) fn reserved(name: &GroupName) -> Option<&'static str> {
    match name.as_str() {
        "all" => Some("holds every site already"),
        "ungrouped" => Some("holds the sites that name no group"),
        _ => None,
    }
}
