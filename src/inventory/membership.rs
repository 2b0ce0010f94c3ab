//! What a set of groups gives to the sites in it: worked out once, shared by all of them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Hold, Layer, OptOut, Settings, Site, Want,
    entry::{GroupEntry, Shared, SiteEntry},
    hierarchy::Hierarchy,
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
    layers: Vec<Arc<Layer>>,
    /// Groups of equal depth that disagree about the platform, the one that decided last.
    quarrel: Option<(GroupName, GroupName)>,
}

impl Membership {
    /// Combines `direct` groups and all that contain them.
    pub fn new(
        direct: &[&GroupName],
        entries: &BTreeMap<GroupName, GroupEntry>,
        hierarchy: &Hierarchy<'_>,
        problems: &mut Problems,
    ) -> Self {
        let implied = if direct.is_empty() { ["all", "ungrouped"].as_slice() } else { &["all"] };
        let implied = implied.iter().filter_map(|name| GroupName::new(name).ok());
        let groups: Vec<GroupName> =
            implied.chain(hierarchy.closure(direct).into_iter().cloned()).collect();
        let mut membership = Self {
            groups: groups.iter().cloned().collect(),
            settings: Settings::default(),
            tags: BTreeMap::new(),
            wants: Vec::new(),
            opt_outs: Vec::new(),
            holds: BTreeMap::new(),
            layers: Vec::new(),
            quarrel: None,
        };
        let mut holders: BTreeMap<&FeatureName, usize> = BTreeMap::new();
        let mut decided: Option<(&GroupName, usize, Platform)> = None;
        for name in &groups {
            let Some(entry) = entries.get(name) else { continue };
            let depth = hierarchy.depth(name);
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
                membership.holds.insert(hold.feature.clone(), Arc::clone(hold));
            }
            membership.take(shared);
        }
        let opt_outs = &membership.opt_outs;
        membership.wants.retain(|want| !opt_outs.iter().any(|out| out.feature == want.feature));
        membership
    }

    fn take(&mut self, shared: &Shared) {
        self.settings.overlay(&shared.settings);
        self.tags.extend(shared.tags.clone());
        self.wants.extend(shared.features.wants.iter().cloned());
        self.opt_outs.extend(shared.features.opt_outs.iter().cloned());
        self.layers.extend(shared.layers.iter().cloned());
    }

    /// The site, with its own words over those of its groups.
    pub fn site(
        &self,
        name: &SiteName,
        entry: &SiteEntry,
        own: &[Layer],
        problems: &mut Problems,
    ) -> Site {
        let mut with_files;
        let mut shared = &entry.shared;
        if !own.is_empty() {
            with_files = entry.shared.clone();
            for layer in own {
                with_files.add_layer(layer.clone(), problems);
            }
            shared = &with_files;
        }
        if let (Some((one, other)), None) = (&self.quarrel, shared.settings.platform) {
            let message = format!("the groups `{one}` and `{other}` say different platforms");
            problems.push(Problem::at(&entry.at, message).hint("write the site's own `platform`"));
        }
        let mut settings = self.settings.clone();
        settings.overlay(&shared.settings);
        let mut tags = self.tags.clone();
        tags.extend(shared.tags.clone());
        let features = &shared.features;
        let is_left_in =
            |want: &&Arc<Want>| !features.opt_outs.iter().any(|out| out.feature == want.feature);
        let from_groups = self.wants.iter().filter(is_left_in).cloned();
        let mut holds = self.holds.clone();
        holds.extend(features.holds.iter().map(|hold| (hold.feature.clone(), Arc::clone(hold))));
        Site {
            name: name.clone(),
            at: entry.at.clone(),
            address: entry.address.clone(),
            settings,
            groups: Arc::clone(&self.groups),
            tags,
            wants: from_groups.chain(features.wants.iter().cloned()).collect(),
            opt_outs: self
                .opt_outs
                .iter()
                .cloned()
                .chain(features.opt_outs.iter().cloned())
                .collect(),
            holds,
            layers: self.layers.iter().cloned().chain(shared.layers.iter().cloned()).collect(),
        }
    }
}

fn rival_holds(one: &Hold, other: &Hold) -> Problem {
    let message = format!(
        "{} holds `{}` at {}, and {} at {}: a site is in both",
        other.from.who, other.feature, other.version, one.from, one.version
    );
    Problem::at(&other.from.at, message).hint("keep one of the holds, or let the site decide")
}
