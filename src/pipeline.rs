//! From what the user wrote to sites that a session can work on: load → resolve → desired.
//!
//! The same way for plan, deploy, audit, rollback and exec. Everything that can be wrong is found
//! here, before any connection; problems are told all at once.

mod dial;
mod ingredient;
mod prepare;
mod prepared;
mod resolution;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
pub use prepared::{Prepared, Scope};
pub use resolution::Resolved;
pub use run::{Identity, Options, RunSetup, Task, person};
use thiserror::Error;

use crate::{
    feature::Lock,
    inventory::{Inventory, Layer, Site, Target, select, select_hosts, unreachable},
    model::{FeatureName, Problem, Problems, RegistryPlace, SiteName},
    playbook::{self, Play},
    project::{Environment, Project},
    registry::{Bucket, Names, Patience, Registry, RegistryError},
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
    /// What is locked, if anything ever was.
    pub lock: Option<Lock>,
    /// Whether nothing but what is locked may be deployed.
    pub locked: bool,
    /// The day that holds are judged by.
    pub today: Date,
}

/// Reads a project for an environment; `extra` are the `-e` arguments.
///
/// # Errors
/// Everything wrong in the inventory, the playbook, the lock and the arguments.
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
    let registry = problems.absorb(registry(&project));
    let text = problems.absorb(project.lock(&environment));
    let lock = text.flatten().and_then(|text| problems.absorb(Lock::parse(&text.file, &text.text)));
    match (inventory, plays, extra, registry) {
        (Some(inventory), Some(plays), Some(extra), Some(registry)) if problems.0.is_empty() => {
            let (locked, today) = (false, jiff::Zoned::now().date());
            let fleet = Fleet {
                project,
                environment,
                inventory,
                plays,
                extra,
                registry,
                lock,
                locked,
                today,
            };
            fleet.unasked().or(fleet)
        }
        _ => Err(problems),
    }
}

/// The registry of a project. A bucket is reached as the environment says, and is not asked for
/// anything yet.
///
/// # Errors
/// When there is no place for what is fetched from a bucket.
pub fn registry(project: &Project) -> Result<Registry, Problems> {
    match project.registry() {
        RegistryPlace::Directory(root) => Ok(Registry::new(root)),
        RegistryPlace::Bucket(url) => {
            let names = Names::new(&|name| std::env::var_os(name));
            let cache = project.state()?.join("cache/artifacts");
            Ok(Registry::in_bucket(Bucket::new(url, names, Patience::default(), cache)))
        }
    }
}

impl Fleet {
    /// A command to be told, for this environment: "fleetctl lock --env staging".
    #[must_use]
    pub fn command(&self, words: &str) -> String {
        let first = self.project.settings.environments.first();
        if first.is_none_or(|first| first.name == self.environment.name) {
            return format!("fleetctl {words}");
        }
        format!("fleetctl {words} --env {}", self.environment.name)
    }

    /// Opt-outs and holds of what nobody wants and no feature could need: mistyped names, which
    /// would let a popup or a new version through.
    fn unasked(&self) -> Problems {
        let mut problems = Problems::default();
        let drafts = self.project.features().unwrap_or_default();
        for (name, problem) in &self.inventory.unasked {
            let is_locked = self.lock.iter().any(|lock| lock.features.contains_key(name));
            let is_draft = drafts.iter().any(|(draft, _)| draft == name);
            let is_published =
                || self.registry.catalog().is_ok_and(|catalog| catalog.contains_key(name));
            if !is_locked && !is_draft && !is_published() {
                problems.push(problem.clone());
            }
        }
        problems
    }

    /// The sites meant by a target, in Ansible's order.
    ///
    /// # Errors
    /// Words that match nothing, and sites that cannot be reached as their variables say.
    pub fn select(&self, target: &Target) -> Result<Vec<SiteName>, LoadError> {
        let features = |site: &Site| -> BTreeSet<FeatureName> { self.features_of(site) };
        let target = self.project.limited(target).map_err(LoadError::NoTarget)?;
        let names = select(&self.inventory, &target, &features).map_err(LoadError::NoTarget)?;
        let sites = names.iter().filter_map(|name| self.inventory.site(name.as_str()));
        let problems = Problems(unreachable(sites));
        problems.or(names).map_err(LoadError::Wrong)
    }

    /// The sites that a play is for.
    ///
    /// # Errors
    /// Words of its `hosts` that match nothing, at their place.
    pub fn sites_of(&self, play: &Play) -> Result<BTreeSet<SiteName>, Problems> {
        let found = select_hosts(&self.inventory, &play.hosts);
        found.map(BTreeSet::from_iter).map_err(|mut problems| {
            for problem in &mut problems.0 {
                problem.at.clone_from(&play.at);
            }
            problems
        })
    }

    /// A canary that no site of the play is: without a word, its first batch would be left out.
    #[must_use]
    pub fn canary_of_nobody(&self, play: &Play) -> Option<Problem> {
        let canary = &play.rollout.canary;
        let sites = self.sites_of(play).ok()?;
        let of_play = || sites.iter().filter_map(|name| self.inventory.site(name.as_str()));
        if canary.is_empty() || of_play().any(|site| play.rollout.is_canary(&site.tags)) {
            return None;
        }
        let tags: Vec<String> =
            canary.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        let message =
            format!("no site is the canary `{}` of the play: nothing goes first", tags.join(", "));
        let problem = Problem { at: play.at.clone(), ..Problem::new(message) };
        for (key, value) in canary {
            let all = of_play().flat_map(|site| &site.tags);
            let values: BTreeSet<&str> = all
                .clone()
                .filter(|(known, _)| *known == key)
                .map(|(_, value)| value.as_str())
                .collect();
            if values.contains(value.as_str()) {
                continue;
            }
            let near = problem.suggest(value, values);
            if near.hint.is_some() {
                return Some(near);
            }
            // Somebody may have the same slip in the key: then it is not what was meant.
            let others = all.filter(|(known, _)| *known != key);
            return Some(near.suggest(key.as_str(), others.map(|(known, _)| known.as_str())));
        }
        Some(problem.hint("each of these tags is some site's, and no site has all of them"))
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
