//! What a set of groups gives to the sites in it: worked out once, shared by all of them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Hold, Layer, OptOut, Said, Settings, Site, Variable, Want,
    ansible::{Connection, is_word},
    entry::{Shared, SiteEntry},
    hierarchy::{Hierarchy, Ranked, reserved},
};
use crate::model::{FeatureName, GroupName, Platform, Problem, Problems, SiteName, TagKey};

/// The groups of a site and what they say, outermost first.
#[derive(Debug)]
pub(super) struct Membership {
    pub groups: Arc<[GroupName]>,
    settings: Settings,
    tags: BTreeMap<TagKey, String>,
    wants: Vec<Arc<Want>>,
    opt_outs: Vec<Arc<OptOut>>,
    holds: BTreeMap<FeatureName, Arc<Hold>>,
    covered: Vec<Arc<Hold>>,
    layers: Vec<Arc<Layer>>,
    said: Vec<Arc<Said>>,
    /// What the groups want, and one of them opted out of.
    waived: Vec<Arc<Want>>,
    /// What the variables of an inventory of Ansible's say about reaching sites; `None` elsewhere.
    connection: Option<Connection>,
    /// Groups of equal depth that disagree about the platform, the one that decided last.
    quarrel: Option<(GroupName, GroupName)>,
}

impl Membership {
    /// Combines groups, given by rank, and all that contain them.
    pub fn new(
        direct: &[usize],
        hierarchy: &Hierarchy<'_>,
        is_ansible: bool,
        problems: &mut Problems,
    ) -> Self {
        let implied = if direct.is_empty() { ["all", "ungrouped"].as_slice() } else { &["all"] };
        let ranks = implied.iter().filter_map(|name| hierarchy.rank(name));
        let entries: Vec<Ranked<'_>> =
            ranks.chain(hierarchy.closure(direct)).filter_map(|rank| hierarchy.at(rank)).collect();
        let named = entries.iter().map(|group| group.name);
        let named = named.filter(|name| reserved(name).is_none()).cloned();
        let implied = implied.iter().filter_map(|name| GroupName::new(name).ok());
        let groups: Vec<GroupName> = implied.chain(named).collect();
        let mut membership = Self {
            groups: groups.into(),
            settings: Settings::default(),
            tags: BTreeMap::new(),
            wants: Vec::new(),
            opt_outs: Vec::new(),
            holds: BTreeMap::new(),
            covered: Vec::new(),
            layers: Vec::new(),
            said: Vec::new(),
            waived: Vec::new(),
            connection: None,
            quarrel: None,
        };
        let mut holders: BTreeMap<&FeatureName, usize> = BTreeMap::new();
        let mut decided: Option<(&GroupName, usize, Platform)> = None;
        for Ranked { name, entry, depth } in entries.iter().copied() {
            let shared = &entry.shared;
            if let Some(platform) = shared.settings.platform {
                match decided {
                    Some((_, level, said)) if level == depth && said == platform => {}
                    Some((rival, level, _)) if level == depth => {
                        membership.quarrel = Some((rival.clone(), name.clone()));
                    }
                    _ => membership.quarrel = None,
                }
                decided = Some((name, depth, platform));
            }
            for hold in &shared.features.holds {
                let rival = membership.holds.get(&hold.feature);
                let is_level = holders.insert(&hold.feature, depth) == Some(depth);
                if let Some(rival) = rival.filter(|rival| is_level && rival.version != hold.version)
                {
                    problems.push(rival_holds(rival, hold));
                }
                let weaker = membership.holds.insert(hold.feature.clone(), Arc::clone(hold));
                membership.covered.extend(weaker);
            }
            membership.take(shared);
        }
        if is_ansible {
            membership.layers.extend(file_layers(&entries));
            membership.connection = Some(Connection::read(&words(&membership.layers)));
        }
        let opt_outs = &membership.opt_outs;
        let is_out = |want: &Arc<Want>| opt_outs.iter().any(|out| out.feature == want.feature);
        let wants = std::mem::take(&mut membership.wants);
        (membership.waived, membership.wants) = wants.into_iter().partition(is_out);
        membership
    }

    fn take(&mut self, shared: &Shared) {
        self.settings.overlay(&shared.settings);
        self.tags.extend(shared.tags.clone());
        self.wants.extend(shared.features.wants.iter().cloned());
        self.opt_outs.extend(shared.features.opt_outs.iter().cloned());
        self.layers.extend(shared.layers.iter().cloned());
        self.said.extend(shared.said.iter().cloned());
    }

    /// The site, with its own words over those of its groups.
    pub fn site(
        &self,
        name: &SiteName,
        entry: &SiteEntry,
        own: &[Shared],
        notes: &mut Vec<Problem>,
        problems: &mut Problems,
    ) -> Site {
        let mut with_files;
        let mut shared = &entry.shared;
        if !own.is_empty() {
            with_files = entry.shared.clone();
            for file in own {
                self.take_file(&mut with_files, file.clone(), problems);
            }
            shared = &with_files;
        }
        if let (Some((one, other)), None) = (&self.quarrel, shared.settings.platform) {
            let message = format!("the groups `{one}` and `{other}` say different platforms");
            problems.push(Problem::at(&entry.at, message).hint("write the site's own `platform`"));
        }
        let mut settings = self.settings.clone();
        let layers: Vec<Arc<Layer>> =
            self.layers.iter().cloned().chain(shared.layers.iter().cloned()).collect();
        let mut address = entry.address.clone();
        let mut blocked = None;
        if let Some(of_groups) = &self.connection {
            let own;
            let mut connection = of_groups;
            // Most sites say nothing of their own about it: their groups' words are read once.
            if shared.layers.iter().any(|layer| layer.variables.keys().any(|name| is_word(name))) {
                own = Connection::read(&words(&layers));
                connection = &own;
            }
            settings.overlay(&connection.settings);
            address = address.or_else(|| connection.address.clone());
            blocked.clone_from(&connection.blocked);
            notes.extend(connection.notes.iter().cloned());
        }
        settings.overlay(&shared.settings);
        let mut tags = self.tags.clone();
        tags.extend(shared.tags.clone());
        let features = &shared.features;
        let is_left_in =
            |want: &&Arc<Want>| !features.opt_outs.iter().any(|out| out.feature == want.feature);
        let from_groups = self.wants.iter().filter(is_left_in).cloned();
        let waived = self.wants.iter().filter(|want| !is_left_in(want));
        let waived = self.waived.iter().chain(waived).cloned().collect();
        let said = self.said.iter().chain(&shared.said).cloned().collect();
        let (mut holds, mut covered) = (self.holds.clone(), self.covered.clone());
        for hold in &features.holds {
            covered.extend(holds.insert(hold.feature.clone(), Arc::clone(hold)));
        }
        let opt_outs = self.opt_outs.iter().chain(&features.opt_outs).cloned().collect();
        Site {
            name: name.clone(),
            at: entry.at.clone(),
            address,
            settings,
            groups: Arc::clone(&self.groups),
            tags,
            wants: from_groups.chain(features.wants.iter().cloned()).collect(),
            waived,
            opt_outs,
            holds,
            covered,
            blocked,
            said,
            layers,
        }
    }

    fn take_file(&self, shared: &mut Shared, mut file: Shared, problems: &mut Problems) {
        if self.connection.is_some() {
            return shared.take(file);
        }
        for layer in file.layers.drain(..) {
            shared.add_layer(Arc::unwrap_or_clone(layer), problems);
        }
    }
}

/// Files beside inventories, in Ansible's order: those for `all`, then source by source those for
/// groups, the outermost group first.
fn file_layers(groups: &[Ranked<'_>]) -> Vec<Arc<Layer>> {
    let of_group = |(group, place): (&Ranked<'_>, usize)| {
        let is_inner = group.name.as_str() != "all";
        let files = group.entry.shared.files.clone();
        files.into_iter().map(move |(source, layer)| ((is_inner, source, place), layer))
    };
    let mut files: Vec<_> = groups.iter().zip(0..).flat_map(of_group).collect();
    files.sort_by_key(|(key, _)| *key);
    files.into_iter().map(|(_, layer)| layer).collect()
}

/// The variables about reaching sites, the strongest of each name.
fn words(layers: &[Arc<Layer>]) -> BTreeMap<&str, &Variable> {
    let all = layers.iter().flat_map(|layer| &layer.variables);
    all.filter(|(name, _)| is_word(name)).map(|(name, value)| (name.as_str(), value)).collect()
}

fn rival_holds(one: &Hold, other: &Hold) -> Problem {
    let message = format!(
        "{} holds `{}` at {}, and {} at {}: a site is in both",
        other.from.who, other.feature, other.version, one.from, one.version
    );
    Problem::at(&other.from.at, message).hint("keep one of the holds, or let the site decide")
}
