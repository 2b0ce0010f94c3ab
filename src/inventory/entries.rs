//! What the files say, gathered: groups in the order in which they are first named, sites in the
//! order written, and who is directly in which group. Our own form and Ansible's both end here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Layer,
    entry::{GroupEntry, Named, Shared, SiteEntry},
    hierarchy::reserved,
};
use crate::model::{GroupName, Position, Problem, Problems, SiteName};

/// How many sites an inventory may have.
pub(super) const SITES: usize = 200_000;

/// Where a site is: its entry, and its number among all sites.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub entry: usize,
    pub number: usize,
}

/// Everything gathered so far.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub groups: BTreeMap<GroupName, GroupEntry>,
    /// Groups other than `all` and `ungrouped`, as they are first named.
    pub order: Vec<GroupName>,
    pub sites: Vec<SiteEntry>,
    pub index: HashMap<SiteName, Place>,
    /// Who is directly in a group, by number, in the order in which they were put there.
    pub direct: HashMap<GroupName, Vec<usize>>,
    /// Whether any file is in one of Ansible's forms: variables are then merged as Ansible does.
    pub is_ansible: bool,
    /// What was understood and cannot be honoured.
    pub notes: Vec<Problem>,
}

impl Entries {
    /// The group of that name, made if need be.
    pub fn group(&mut self, name: &GroupName, at: &Position) -> &mut GroupEntry {
        if !self.groups.contains_key(name.as_str()) && reserved(name).is_none() {
            self.order.push(name.clone());
        }
        self.groups.entry(name.clone()).or_insert_with(|| GroupEntry::implied(at.clone()))
    }

    /// Puts a group into another, once.
    pub fn put_group(
        &mut self,
        parent: &GroupName,
        child: Named<GroupName>,
        problems: &mut Problems,
    ) {
        let is_all = parent.as_str() == "all";
        match child.name.as_str() {
            // They are there already.
            "ungrouped" if is_all => return,
            "all" | "ungrouped" => {
                let reason = reserved(&child.name).unwrap_or_default();
                let message = format!("`{}` {reason}: it cannot be inside `{parent}`", child.name);
                problems.push(Problem::at(&child.at, message));
                return;
            }
            _ if parent.as_str() == "ungrouped" => {
                let message =
                    "`ungrouped` holds the sites that name no group: it takes no children";
                problems.push(Problem::at(&child.at, message));
                return;
            }
            _ => {}
        }
        let group = self.group(parent, &child.at);
        if group.children.iter().all(|known| known.name != child.name) {
            group.children.push(child);
        }
    }

    /// The entry of a site with one name, made if need be, and its number.
    pub fn site(&mut self, name: &SiteName, at: &Position) -> Option<(&mut SiteEntry, usize)> {
        let place = match self.index.get(name.as_str()) {
            Some(place) => *place,
            None if self.index.len() >= SITES => return None,
            None => {
                let place = Place { entry: self.sites.len(), number: self.index.len() };
                self.index.insert(name.clone(), place);
                self.sites.push(SiteEntry::named(name.clone(), at.clone()));
                place
            }
        };
        self.sites.get_mut(place.entry).map(|entry| (entry, place.number))
    }

    /// Puts a site into a group, once.
    pub fn put_site(
        &mut self,
        name: &SiteName,
        group: &GroupName,
        at: &Position,
        problems: &mut Problems,
    ) {
        let Some((entry, number)) = self.site(name, at) else {
            problems.push(Problem::at(at, format!("more than {SITES} sites")));
            return;
        };
        let is_known = if reserved(group).is_some() {
            let is_new =
                if group.as_str() == "all" { &mut entry.in_all } else { &mut entry.in_ungrouped };
            std::mem::replace(is_new, true)
        } else {
            let is_known = entry.groups.iter().any(|known| known.name == *group);
            if !is_known {
                entry.groups.push(Named { at: at.clone(), name: group.clone() });
            }
            is_known
        };
        if !is_known {
            self.put_number(group, number);
        }
    }

    /// Notes that a site is directly in a group.
    pub fn put_number(&mut self, group: &GroupName, number: usize) {
        match self.direct.get_mut(group.as_str()) {
            Some(direct) => direct.push(number),
            None => drop(self.direct.insert(group.clone(), vec![number])),
        }
    }

    /// Takes a file of variables for a group: in Ansible's order files come after all that
    /// inventories say, in our own right after what the group itself says.
    pub fn put_group_file(
        &mut self,
        group: &GroupName,
        source: usize,
        mut shared: Shared,
        problems: &mut Problems,
    ) {
        let is_ansible = self.is_ansible;
        let at = shared.layers.first().and_then(|layer| layer.variables.values().next());
        let at = at
            .map_or_else(|| Position { file: Arc::from(""), line: 1, column: 1 }, |v| v.at.clone());
        let entry = self.group(group, &at);
        if is_ansible {
            entry.shared.files.extend(shared.layers.drain(..).map(|layer| (source, layer)));
            entry.shared.take(shared);
        } else {
            for layer in shared.layers.drain(..) {
                entry.shared.add_layer(Arc::unwrap_or_clone(layer), problems);
            }
        }
    }
}

/// Layers of one site from files beside the inventory.
pub(super) type OwnFiles = HashMap<SiteName, Vec<Shared>>;

/// A layer as all that an entry says.
pub(super) fn only(layer: Layer) -> Shared {
    Shared { layers: vec![Arc::new(layer)], ..Shared::default() }
}
