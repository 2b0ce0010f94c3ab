//! From what the user wrote to sites that a session can work on: load → resolve → desired.
//!
//! The same way for plan, deploy, audit, rollback and exec. Everything that can be wrong is found
//! here, before any connection; problems are told all at once.

mod dial;
mod ingredient;
mod prepare;
mod run;

use std::collections::{BTreeMap, BTreeSet};

pub use prepare::{Prepared, Scope};
pub use run::{Identity, Options, RunSetup, Task, person};
use thiserror::Error;

use crate::{
    feature::{self, Catalog, Choice, Through},
    inventory::{Inventory, Layer, LayerName, Site, Target, select},
    model::{FeatureName, Problem, Problems, SiteName},
    playbook::{self, Play},
    project::{Environment, Project},
    registry::{Registry, RegistryError},
};

/// Why nothing was begun.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Something the user wrote is wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
    /// The target matches nothing.
    #[error("{0}")]
    NoTarget(Problems),
    /// A secret could not be had.
    #[error("{0}")]
    NoSecret(Problems),
    /// The registry could not be read.
    #[error(transparent)]
    Registry(RegistryError),
}

impl From<RegistryError> for LoadError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Refused(problems) => Self::Wrong(problems),
            other => Self::Registry(other),
        }
    }
}

/// A project, read whole, for one environment.
pub struct Fleet {
    /// The project.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
    /// Its sites.
    pub inventory: Inventory,
    /// The plays of `playbooks/deploy.yml`, or the built-in one.
    pub plays: Vec<Play>,
    /// Variables from the command line.
    pub extra: Layer,
    /// Published versions.
    pub registry: Registry,
}

/// Reads a project for an environment; `extra` are the `-e` arguments.
///
/// # Errors
/// Everything wrong in the inventory, the playbook and the arguments.
pub fn load(
    project: Project,
    environment: Option<&str>,
    extra: &[String],
) -> Result<Fleet, Problems> {
    let mut problems = Problems::default();
    let environment = project.settings.environment(environment)?.clone();
    let inventory = problems.absorb(project.inventory(&environment));
    let text = problems.absorb(project.playbook("deploy"));
    let plays = text.flatten().map_or_else(
        || Some(vec![Play::default()]),
        |text| problems.absorb(playbook::parse(&text.file, &text.text)),
    );
    let layer = Layer::from_arguments(extra.iter().map(String::as_str));
    let extra = problems.absorb(layer);
    let registry = Registry::new(project.registry());
    match (inventory, plays, extra) {
        (Some(inventory), Some(plays), Some(extra)) if problems.0.is_empty() => {
            Ok(Fleet { project, environment, inventory, plays, extra, registry })
        }
        _ => Err(problems),
    }
}

impl Fleet {
    /// The sites meant by a target, in the inventory's order.
    ///
    /// # Errors
    /// Words that match nothing.
    pub fn select(&self, target: &Target) -> Result<Vec<SiteName>, LoadError> {
        let features = |site: &Site| -> BTreeSet<FeatureName> {
            site.wants.iter().map(|want| want.feature.clone()).collect()
        };
        select(&self.inventory, target, &features).map_err(LoadError::NoTarget)
    }

    /// The sites that a play is for.
    ///
    /// # Errors
    /// Words of its `hosts` that match nothing, at their place.
    pub fn sites_of(&self, play: &Play) -> Result<BTreeSet<SiteName>, Problems> {
        let target = Target { limit: vec![play.hosts.clone()], ..Target::default() };
        let found = select(&self.inventory, &target, &|_| BTreeSet::new());
        found.map(BTreeSet::from_iter).map_err(|mut problems| {
            for problem in &mut problems.0 {
                problem.message = problem.message.replacen("--limit", "hosts:", 1);
                problem.at.clone_from(&play.at);
            }
            problems
        })
    }

    /// The one play that these sites belong to, and those of them it is for.
    ///
    /// # Errors
    /// When no play is for any of them, or they belong to several.
    pub fn play_for(&self, sites: &[SiteName]) -> Result<(Play, Vec<SiteName>), LoadError> {
        let mut found: Vec<(&Play, Vec<SiteName>)> = Vec::new();
        let mut left: BTreeSet<&SiteName> = sites.iter().collect();
        for play in &self.plays {
            let of_play = self.sites_of(play)?;
            let mine: Vec<SiteName> = sites
                .iter()
                .filter(|site| of_play.contains(*site) && left.contains(site))
                .cloned()
                .collect();
            for site in &of_play {
                left.remove(site);
            }
            if !mine.is_empty() {
                found.push((play, mine));
            }
        }
        match found.as_slice() {
            [(play, mine)] => Ok(((*play).clone(), mine.clone())),
            [] => Err(LoadError::NoTarget(
                Problem::new("no play of playbooks/deploy.yml is for these sites")
                    .hint("see its `hosts`")
                    .into(),
            )),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|(play, mine)| format!("{} ({} sites)", play.name, mine.len()))
                    .collect();
                let message = format!("these sites belong to several plays: {}", names.join(", "));
                let hint = "each play is a rollout of its own: deploy them one after the other, with --limit";
                Err(LoadError::NoTarget(Problem::new(message).hint(hint).into()))
            }
        }
    }

    /// Chooses versions for these sites from what is published.
    ///
    /// # Errors
    /// A registry that cannot be read, and requirements that cannot be met.
    pub fn resolve(&self, sites: &[SiteName]) -> Result<(Choice, Catalog), LoadError> {
        let catalog = self.registry.catalog()?;
        let mut wants = Vec::new();
        let mut holds = Vec::new();
        for site in sites.iter().filter_map(|name| self.inventory.site(name.as_str())) {
            wants.extend(site.wants.iter().map(|want| feature::Want {
                site: site.name.clone(),
                feature: want.feature.clone(),
                requirement: want.requirement.clone(),
                through: match &want.from.who {
                    LayerName::Group(group) => Through::Group(group.clone()),
                    _ => Through::Site,
                },
                at: want.from.at.clone(),
            }));
            holds.extend(site.holds.values().map(|hold| feature::Hold {
                site: site.name.clone(),
                feature: hold.feature.clone(),
                version: hold.version.clone(),
                at: hold.from.at.clone(),
            }));
        }
        let choice = feature::resolve(&wants, &catalog, &holds)?;
        Ok((choice, catalog))
    }

    /// Sites by what tells their hosts apart.
    #[must_use]
    pub fn host_of(&self) -> BTreeMap<SiteName, String> {
        let hosts = self.inventory.hosts();
        let each = hosts.iter().flat_map(|host| {
            let key = format!("{}:{}", host.address.to_ascii_lowercase(), host.port);
            host.sites.iter().map(move |site| ((*site).clone(), key.clone()))
        });
        each.collect()
    }
}
