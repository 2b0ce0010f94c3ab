//! The inventory language: which sites there are, how they are reached, what they should have.
//!
//! Pure: [`read`] takes texts and gives an [`Inventory`] or everything that is wrong with them.
//! `project` finds the files and asks for secrets; `pipeline` combines the inventory with
//! features and plays. Nothing here opens a file or knows what a version catalog holds.

mod ansible;
mod assemble;
#[cfg(test)]
mod cases;
mod entries;
mod entry;
mod explain;
mod hierarchy;
pub mod import;
mod membership;
mod pattern;
mod range;
mod read;
mod said;
mod select;
mod settings;
mod variable;
mod want;
mod word;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

pub use ansible::hosts_without_variables;
pub use explain::Explained;
pub use pattern::split;
pub use read::{Sources, Text, VarsFile, read};
pub use said::{Said, Saying};
pub use select::{Target, select, select_hosts};
pub use settings::Settings;
pub use variable::{Layer, LayerName, SecretRef, Variable, VariableValue, secret, sounds_secret};
pub use want::{Hold, OptOut, Origin, Want};

use crate::model::{FeatureName, GroupName, Position, Problem, SiteName, TagKey, listed};

/// All sites of one environment.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The environment, such as `production`.
    pub environment: String,
    /// Groups by name; `all` and `ungrouped` are always among them.
    pub groups: BTreeMap<GroupName, Group>,
    /// Whether it is written in one of Ansible's forms, at least in part.
    pub is_ansible: bool,
    /// What was understood and cannot be honoured, or helps nobody.
    pub notes: Vec<Problem>,
    /// Features that are opted out of or held, and that nobody wants: to be refused, unless another
    /// feature may need them.
    pub unasked: Vec<(FeatureName, Problem)>,
    /// Groups as they are first named; `all` and `ungrouped` before them.
    group_order: Vec<GroupName>,
    sites: Vec<Site>,
    index: HashMap<SiteName, usize>,
}

/// A group of sites.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where it is declared; `None` for `all` and `ungrouped` where nobody wrote them.
    pub at: Option<Position>,
    /// The groups that it contains directly; of `all` those that nothing else contains.
    pub children: Vec<GroupName>,
    /// The longest way down from `all`, which has 0.
    pub depth: usize,
    /// The sites in it directly, as indices.
    direct: Vec<usize>,
    /// The sites in it or in a group below it, as indices in Ansible's order.
    members: Vec<usize>,
}

/// A website on a host.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// Where it is declared; sites of one range share the place.
    pub at: Position,
    /// The host's name or IP address, when it is not the site's name.
    pub address: Option<String>,
    /// How it is reached and where it lives, its groups' words included.
    pub settings: Settings,
    /// Every group that it is in, outermost first: the order in which their words count.
    pub groups: Arc<[GroupName]>,
    /// Tags, its groups' included.
    pub tags: BTreeMap<TagKey, String>,
    /// What it should have, opt-outs taken out: its groups' wants, then its own.
    pub wants: Vec<Arc<Want>>,
    /// What its groups want and it does not get, because it or one of them opted out.
    pub waived: Vec<Arc<Want>>,
    /// What it or one of its groups opted out of.
    pub opt_outs: Vec<Arc<OptOut>>,
    /// At most one for a feature: the innermost.
    pub holds: BTreeMap<FeatureName, Arc<Hold>>,
    /// Holds of its groups that do not count, because of a stronger one; also where that has ended.
    pub covered: Vec<Arc<Hold>>,
    /// Why it cannot be reached as its variables say; commands about it fail with this.
    pub blocked: Option<Problem>,
    /// Who said what about settings and tags, the weakest first.
    pub said: Vec<Arc<Said>>,
    layers: Vec<Arc<Layer>>,
}

/// A machine, and the sites on it, which are worked on in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Host<'a> {
    /// The address, or the site's name where it has none.
    pub address: &'a str,
    /// The port; 22 where none is said.
    pub port: u16,
    /// The sites, as written.
    pub sites: Vec<&'a SiteName>,
}

impl Inventory {
    /// All sites, in the order written.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The site of that name.
    #[must_use]
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.index.get(name).and_then(|index| self.sites.get(*index))
    }

    /// The sites of a group and of all groups below it, in Ansible's order: its own sites first,
    /// then level by level those of the groups in it.
    pub fn members(&self, group: &str) -> impl Iterator<Item = &Site> {
        self.ordered(group).iter().filter_map(|index| self.sites.get(*index))
    }

    /// The sites that are directly in a group, in the order in which they were put there.
    pub fn direct(&self, group: &str) -> impl Iterator<Item = &Site> {
        let direct = self.groups.get(group).map(|group| group.direct.as_slice());
        direct.unwrap_or_default().iter().filter_map(|index| self.sites.get(*index))
    }

    fn ordered(&self, group: &str) -> &[usize] {
        self.groups.get(group).map(|group| group.members.as_slice()).unwrap_or_default()
    }

    /// The machines, in the order in which their first sites are written. Two names of one
    /// machine that are spelled differently are found out only by its host key.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host<'_>> {
        let mut places: HashMap<(String, u16), usize> = HashMap::new();
        let mut hosts: Vec<Host<'_>> = Vec::new();
        for site in &self.sites {
            let address = site.address.as_deref().unwrap_or(site.name.as_str());
            let port = site.settings.port.unwrap_or(22);
            let place = places.entry((address.to_ascii_lowercase(), port)).or_insert(hosts.len());
            match hosts.get_mut(*place) {
                Some(host) => host.sites.push(&site.name),
                None => hosts.push(Host { address, port, sites: vec![&site.name] }),
            }
        }
        hosts
    }
}

/// Why some of these sites cannot be reached, each cause once with its sites.
pub fn unreachable<'a>(sites: impl IntoIterator<Item = &'a Site>) -> Vec<Problem> {
    let mut causes: BTreeMap<&Problem, BTreeSet<SiteName>> = BTreeMap::new();
    for site in sites {
        if let Some(cause) = &site.blocked {
            causes.entry(cause).or_default().insert(site.name.clone());
        }
    }
    let told = causes.into_iter().map(|(cause, sites)| {
        let message = format!("{}: {}", listed(&sites, 60), cause.message);
        Problem { message, ..cause.clone() }
    });
    told.collect()
}

impl Site {
    fn is_ungrouped(&self) -> bool {
        self.groups.iter().any(|group| group.as_str() == "ungrouped")
    }

    /// The variables that hold for the site. `outer` layers (the play's, the command line's)
    /// come after its own and win over them.
    #[must_use]
    pub fn variables<'a>(&'a self, outer: &[&'a Layer]) -> BTreeMap<&'a str, &'a Variable> {
        self.all_layers(outer)
            .flat_map(|layer| &layer.variables)
            .map(|(name, variable)| (name.as_str(), variable))
            .collect()
    }

    fn all_layers<'a>(&'a self, outer: &[&'a Layer]) -> impl Iterator<Item = &'a Layer> {
        self.layers.iter().map(AsRef::as_ref).chain(outer.iter().copied())
    }
}
