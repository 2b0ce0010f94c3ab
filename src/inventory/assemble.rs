//! From gathered entries to an inventory: who contains whom, in what order, and what it gives.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Group, Inventory, Site,
    entries::{Entries, OwnFiles},
    entry::Named,
    hierarchy::Hierarchy,
    membership::Membership,
};
use crate::model::{GroupName, Problems};

impl Entries {
    /// Makes the inventory. With problems noted it is of no use, but it is always made, because
    /// making it finds the last of them.
    pub fn assemble(
        mut self,
        environment: &str,
        own: &OwnFiles,
        problems: &mut Problems,
    ) -> Inventory {
        let mut notes = std::mem::take(&mut self.notes);
        let hierarchy = Hierarchy::new(&self.groups, problems);
        let mut memberships: HashMap<Vec<usize>, Arc<Membership>> = HashMap::new();
        let mut sites: Vec<Site> = Vec::with_capacity(self.index.len());
        let mut ungrouped = Vec::new();
        for entry in &self.sites {
            let known = |named: &Named<GroupName>| hierarchy.rank(named.name.as_str());
            let mut direct: Vec<usize> = entry.groups.iter().filter_map(known).collect();
            direct.sort_unstable();
            direct.dedup();
            let is_alone = direct.is_empty();
            let membership = memberships.entry(direct).or_insert_with_key(|direct| {
                Arc::new(Membership::new(direct, &hierarchy, self.is_ansible, problems))
            });
            for name in &entry.names {
                if is_alone && !entry.in_ungrouped {
                    ungrouped.push(sites.len());
                }
                let own = own.get(name).map(Vec::as_slice).unwrap_or_default();
                sites.push(membership.site(name, entry, own, &mut notes, problems));
            }
        }
        // Who was put into `all` or `ungrouped` by name comes first there, in that order.
        let named = |group: &str| self.direct.get(group).cloned().unwrap_or_default();
        let is_alone = |number: &usize| sites.get(*number).is_some_and(Site::is_ungrouped);
        let ungrouped: Vec<usize> =
            named("ungrouped").into_iter().filter(is_alone).chain(ungrouped).collect();
        let groups = self.groups(&hierarchy, &named("all"), &ungrouped, sites.len());
        notes.sort();
        notes.dedup();
        let index = sites.iter().map(|site: &Site| site.name.clone()).zip(0..).collect();
        let implied = ["all", "ungrouped"].into_iter().filter_map(|name| GroupName::new(name).ok());
        let group_order = implied.chain(self.order).collect();
        let environment = environment.to_owned();
        let is_ansible = self.is_ansible;
        let unasked = Vec::new();
        Inventory { environment, groups, is_ansible, notes, unasked, group_order, sites, index }
    }

    fn groups(
        &self,
        hierarchy: &Hierarchy<'_>,
        in_all: &[usize],
        ungrouped: &[usize],
        count: usize,
    ) -> BTreeMap<GroupName, Group> {
        let implied = ["all", "ungrouped"].into_iter().filter_map(|name| GroupName::new(name).ok());
        let names: Vec<GroupName> = implied.chain(self.order.iter().cloned()).collect();
        let places: HashMap<&str, usize> =
            names.iter().zip(0..).map(|(name, place)| (name.as_str(), place)).collect();
        let place = |child: &Named<GroupName>| places.get(child.name.as_str()).copied();
        let mut children: Vec<Vec<usize>> = Vec::with_capacity(names.len());
        for name in &names {
            let entry = self.groups.get(name.as_str());
            let written = entry.map(|entry| entry.children.as_slice()).unwrap_or_default();
            children.push(written.iter().filter_map(place).collect());
        }
        // `all` contains `ungrouped`, then what is written below it, then who has no parent.
        if let Some(of_all) = children.first_mut() {
            of_all.insert(0, 1);
            let orphans = names.iter().zip(0..).skip(2);
            let orphans = orphans.filter(|(name, _)| !hierarchy.has_parent(name));
            let orphans: Vec<usize> =
                orphans.map(|(_, place)| place).filter(|place| !of_all.contains(place)).collect();
            of_all.extend(orphans);
        }
        let direct: Vec<&[usize]> = names
            .iter()
            .map(|name| match name.as_str() {
                "all" => in_all,
                "ungrouped" => ungrouped,
                other => self.direct.get(other).map(Vec::as_slice).unwrap_or_default(),
            })
            .collect();
        let mut walk = Walk::new(&children, &direct, count);
        let mut groups = BTreeMap::new();
        for (name, place) in names.iter().zip(0..) {
            let entry = self.groups.get(name.as_str());
            let own = children.get(place).map(Vec::as_slice).unwrap_or_default();
            let group = Group {
                at: entry.filter(|_| place > 1 || entry.is_some()).map(|entry| entry.at.clone()),
                children: own.iter().filter_map(|child| names.get(*child).cloned()).collect(),
                depth: hierarchy.depth(name),
                direct: direct.get(place).map(|direct| direct.to_vec()).unwrap_or_default(),
                members: walk.members(place),
            };
            groups.insert(name.clone(), group);
        }
        groups
    }
}

/// Goes down from groups level by level, as Ansible does: first the group's own sites, then those
/// of its children, then of theirs; every site once. Where Ansible leaves the order of a level to
/// chance (it keeps groups in a set), it is the order written.
struct Walk<'a> {
    children: &'a [Vec<usize>],
    direct: &'a [&'a [usize]],
    /// Who has been seen in which walk.
    groups: Vec<usize>,
    sites: Vec<usize>,
    turn: usize,
}

impl<'a> Walk<'a> {
    fn new(children: &'a [Vec<usize>], direct: &'a [&'a [usize]], count: usize) -> Self {
        Self { children, direct, groups: vec![0; children.len()], sites: vec![0; count], turn: 0 }
    }

    fn members(&mut self, start: usize) -> Vec<usize> {
        self.turn += 1;
        let mut members = Vec::new();
        let mut level = vec![start];
        while !level.is_empty() {
            let mut below = Vec::new();
            for group in level {
                let Some(seen) = self.groups.get_mut(group) else { continue };
                if std::mem::replace(seen, self.turn) == self.turn {
                    continue;
                }
                for site in self.direct.get(group).copied().unwrap_or_default() {
                    let Some(seen) = self.sites.get_mut(*site) else { continue };
                    if std::mem::replace(seen, self.turn) != self.turn {
                        members.push(*site);
                    }
                }
                below.extend(self.children.get(group).into_iter().flatten().copied());
            }
            level = below;
        }
        members
    }
}
