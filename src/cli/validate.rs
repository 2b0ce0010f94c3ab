//! `validate`: everything that is written in the project, and everything wrong with it at once.
//!
//! Asks no host and no secret. What it finds good, a deploy will not refuse before it connects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Door, Failure, Outcome, exit, feature::Prospect};
use crate::{
    feature::{Catalog, Lock},
    inventory::{Inventory, unreachable},
    model::{FeatureName, Problem, Problems},
    pipeline::{self, Fleet},
    playbook,
    project::{Environment, Project},
    registry::{RegistryError, read_source},
    report::{Line, Tone, plural},
};

/// Check everything that is written in the project.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check that every version chosen is published as well (the default with --env)
    #[arg(long)]
    strict: bool,
}

/// What was looked at.
#[derive(Default)]
struct Seen {
    sites: usize,
    environments: usize,
    features: usize,
    playbooks: usize,
    versions: usize,
    /// Features that are wanted and not published yet.
    unpublished: BTreeSet<FeatureName>,
    /// Locks that are not what `lock` would write, and the commands that show it.
    behind: BTreeMap<String, String>,
    /// Holds that have ended or soon will, in words.
    holds: BTreeSet<String>,
    /// What cannot be honoured, or may be a slip.
    notes: BTreeSet<Problem>,
}

/// Checks.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let project = door.project()?;
    let mut problems = Problems::default();
    let mut seen = Seen::default();
    let sources = check_features(&project, &mut seen, &mut problems);
    check_playbooks(&project, &mut seen, &mut problems);
    let catalog = match pipeline::registry(&project)?.catalog() {
        Ok(catalog) => catalog,
        Err(why) => {
            problems.0.extend(Failure::from(why).problems.0);
            Catalog::new()
        }
    };
    seen.versions = catalog.values().map(std::collections::BTreeMap::len).sum();
    let environments: Vec<&Environment> = match &door.global.env {
        Some(_) => vec![door.environment(&project)?],
        None => project.settings.environments.iter().collect(),
    };
    for environment in environments {
        seen.environments += 1;
        let Some(inventory) = problems.absorb(project.inventory(environment)) else { continue };
        seen.sites += inventory.sites().len();
        check_keys(&project, &inventory, &mut problems);
        check_holds(&inventory, &mut seen);
        seen.notes.extend(inventory.notes.iter().cloned());
        seen.notes.extend(unreachable(inventory.sites()));
        // A lock is for the project's own sites: of others it knows nothing.
        let is_own = door.global.inventory.is_empty();
        let known = Known { catalog: &catalog, sources: &sources, is_own };
        check_sites(&project, environment, &known, &mut seen, &mut problems);
    }
    let is_strict = args.strict || door.global.env.is_some();
    if is_strict {
        for feature in std::mem::take(&mut seen.unpublished) {
            let problem = Problem::new(format!("no version of `{feature}` is published"));
            problems.push(problem.hint(format!("fleetctl feature publish {feature}")));
        }
    }
    // The same file may be read for several environments.
    problems.0.sort();
    problems.0.dedup();
    problems.or(())?;
    tell(&seen, door)?;
    Ok(exit::DONE)
}

fn tell(seen: &Seen, door: &Door) -> std::io::Result<()> {
    if door.screen.is_json() {
        return door.screen.json(&json!({
            "schema": 1, "sites": seen.sites, "environments": seen.environments,
            "features": seen.features, "playbooks": seen.playbooks, "versions": seen.versions,
            "unpublished": seen.unpublished, "locks_behind": seen.behind.keys().collect::<Vec<_>>(),
            "holds_ending": seen.holds,
            "notes": seen.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    }
    let parts = [
        format!("{} in {}", plural(seen.sites, "site"), plural(seen.environments, "environment")),
        plural(seen.features, "feature"),
        plural(seen.versions, "published version"),
        plural(seen.playbooks, "playbook"),
    ];
    let line = match seen.notes.len() {
        0 => Line::of(Tone::Good, "all good: "),
        count => Line::of(Tone::Warn, &format!("no errors, {}: ", plural(count, "note"))),
    };
    door.screen.show([&line.add(Tone::Plain, &parts.join(", "))])?;
    seen.notes.iter().try_for_each(|note| door.tell_note(note))?;
    let waiting: Vec<String> = seen.unpublished.iter().map(ToString::to_string).collect();
    if !waiting.is_empty() {
        let text = format!("fleetctl feature publish {}", waiting.join(" "));
        let line = Line::of(Tone::Warn, "wanted, but not published yet; next: ");
        door.screen.note(&line.add(Tone::Plain, &text))?;
    }
    for text in &seen.holds {
        door.screen.say(&[Line::of(Tone::Warn, "warning: ").add(Tone::Plain, text)])?;
    }
    for (name, check) in &seen.behind {
        let text =
            format!("{name} is behind what the inventory says; to see what would change: {check}");
        door.screen.note(&Line::of(Tone::Warn, &text))?;
    }
    Ok(())
}

/// The sources of features, by name.
fn check_features(
    project: &Project,
    seen: &mut Seen,
    problems: &mut Problems,
) -> BTreeSet<FeatureName> {
    let sources = problems.absorb(project.features()).unwrap_or_default();
    for (name, path) in &sources {
        seen.features += 1;
        match read_source(path, &format!("features/{name}")) {
            Ok(source) if source.feature.name == *name => {}
            Ok(source) => {
                let other = source.feature.name;
                let problem =
                    Problem::new(format!("features/{name}: defines the feature `{other}`"));
                problems.push(problem.hint("a feature's directory has its name"));
            }
            Err(RegistryError::Refused(found)) => problems.0.extend(found.0),
            Err(other) => problems.push(Problem::new(other.to_string())),
        }
    }
    sources.into_iter().map(|(name, _)| name).collect()
}

fn check_playbooks(project: &Project, seen: &mut Seen, problems: &mut Problems) {
    let Ok(entries) = std::fs::read_dir(project.root.join("playbooks")) else { return };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| {
            name.strip_suffix(".yml").or(name.strip_suffix(".yaml")).map(str::to_owned)
        })
        .collect();
    names.sort();
    for name in names {
        seen.playbooks += 1;
        if let Some(Some(text)) = problems.absorb(project.playbook(&name)) {
            problems.absorb(playbook::parse(&text.file, &text.text));
        }
    }
}

/// Private keys that the inventory and the settings name, and that are not there.
fn check_keys(project: &Project, inventory: &Inventory, problems: &mut Problems) {
    let of_settings = project.settings.ssh.site.identity.iter().map(|key| (key, None));
    let of_sites = inventory.sites().iter();
    let of_sites =
        of_sites.flat_map(|site| site.settings.identity.iter().map(move |key| (key, Some(site))));
    let mut told = BTreeSet::new();
    for (key, site) in of_settings.chain(of_sites) {
        let path = project.path(key);
        // A public key alone will do where an agent has the private one.
        let is_there = path.exists() || path.with_extension("pub").exists();
        if is_there || !told.insert(key) {
            continue;
        }
        let message = format!("the private key {key} does not exist");
        problems.push(match site {
            Some(site) => Problem::at(&site.at, format!("{message} ({})", site.name)),
            None => Problem::new(format!("fleet.yml: {message}")),
        });
    }
}

/// Holds that have ended, and those that will before anybody looks again.
fn check_holds(inventory: &Inventory, seen: &mut Seen) {
    const SOON: i32 = 14;
    let today = jiff::Zoned::now().date();
    for hold in inventory.sites().iter().flat_map(|site| site.holds.values()) {
        let subject =
            || format!("{}: the hold of {} at {}", hold.from.at, hold.feature, hold.version);
        if let Some(day) = hold.ended(today) {
            seen.holds.insert(format!(
                "{} ended on {day}, and `fleetctl lock` pays no attention to it; remove it, or give it another day",
                subject()
            ));
        } else if let Some(day) = hold.ends_within(SOON, today) {
            seen.holds.insert(format!(
                "{} ends on {day}; after that day `fleetctl lock` moves its sites on",
                subject()
            ));
        }
    }
}

/// The features that there are.
struct Known<'a> {
    catalog: &'a Catalog,
    sources: &'a BTreeSet<FeatureName>,
    /// Whether the sites are the project's.
    is_own: bool,
}

/// Every site against what it wants: requirements that can be met, variables as the features
/// ask for them.
fn check_sites(
    project: &Project,
    environment: &Environment,
    known: &Known<'_>,
    seen: &mut Seen,
    problems: &mut Problems,
) {
    let name = Some(environment.name.as_str());
    let Some(fleet) = problems.absorb(pipeline::load(project.clone(), name, &[])) else { return };
    let mut sites = Vec::new();
    for site in fleet.inventory.sites() {
        // What is not even written yet is a mistyped name, and the resolver's to tell.
        let is_waiting =
            |name: &FeatureName| !known.catalog.contains_key(name) && known.sources.contains(name);
        let wants = site.wants.iter().map(|want| want.feature.clone());
        let missing: BTreeSet<FeatureName> = wants.filter(is_waiting).collect();
        if missing.is_empty() {
            sites.push(site.name.clone());
        }
        seen.unpublished.extend(missing);
    }
    if known.is_own {
        // What is locked and gone from the registry nobody can deploy.
        problems.absorb(fleet.still_published(known.catalog, &[]));
    }
    match fleet.check(&sites) {
        Ok(doubts) => {
            seen.notes.extend(doubts);
            let resolved = fleet.resolve(&sites).unwrap_or_default();
            if !resolved.is_locked() {
                seen.behind.insert(fleet.lock_name(), fleet.command("lock --check"));
            } else if known.is_own && sites.len() == fleet.inventory.sites().len() {
                check_lock(&fleet, known.catalog, seen);
            }
            let prospect = Prospect::new(&fleet, known.catalog);
            let yanked = prospect.away(&resolved.resolution).into_iter();
            seen.notes.extend(yanked.map(Problem::new));
        }
        Err(why) => problems.0.extend(Failure::from(why).problems.0),
    }
}

/// Whether `fleetctl lock` would write what is there: what everybody asks for may be in it, and
/// words, holds or sites not.
fn check_lock(fleet: &Fleet, catalog: &Catalog, seen: &mut Seen) {
    let Some(lock) = &fleet.lock else { return };
    match fleet.relock(&[], catalog) {
        Ok(next) if Lock::of(&next) == *lock => {}
        Ok(_) => {
            seen.behind.insert(fleet.lock_name(), fleet.command("lock --check"));
        }
        Err(why) => {
            let why = Failure::from(why).problems.0.into_iter();
            seen.notes.extend(why.map(|problem| Problem {
                message: format!(
                    "`{}` would be refused: {}",
                    fleet.command("lock"),
                    problem.message
                ),
                ..problem
            }));
        }
    }
}
