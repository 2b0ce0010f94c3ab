//! `feature list`: what is published, and what in the project is not.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::{Door, Failure, Outcome, exit},
    feature::Catalog,
    model::{FeatureName, Problem},
    project::Project,
    registry::{Registry, RegistryError, read_source},
    report::{Line, Table, Tone},
};

/// What is published, what is in the project, and what waits to be published.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this feature, with all its versions
    name: Option<String>,
}

/// A feature as it stands.
struct Row {
    feature: FeatureName,
    version: Option<Version>,
    digest: String,
    state: (Tone, String),
    sites: usize,
}

/// Shows features: the newest version of each, or all of one.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let project = door.project()?;
    let catalog = Registry::new(project.registry()).catalog()?;
    let wanted = wanted(&project, door);
    let drafts = drafts(&project)?;
    let names: BTreeSet<&FeatureName> =
        catalog.keys().chain(drafts.keys()).chain(wanted.keys()).collect();
    let names: Vec<&FeatureName> = match &args.name {
        None => names.into_iter().collect(),
        Some(name) => {
            let Some(found) = names.iter().find(|known| known.as_str() == name) else {
                let problem = Problem::new(format!("there is no feature `{name}`"));
                let known = names.into_iter().map(FeatureName::as_str);
                return Err(Failure::usage(problem.suggest(name, known)));
            };
            vec![found]
        }
    };
    let mut rows = Vec::new();
    for name in names {
        let sites = wanted.get(name).copied().unwrap_or(0);
        rows.extend(rows_of(name, &catalog, drafts.get(name), sites, args.name.is_some()));
    }
    if door.screen.is_json() {
        let rows: Vec<Value> = rows.iter().map(to_json).collect();
        door.screen.json(&json!({ "schema": 1, "features": rows }))?;
        return Ok(exit::DONE);
    }
    if rows.is_empty() {
        let line = Line::of(Tone::Dim, "there are no features yet: fleetctl new feature NAME");
        door.screen.show([&line])?;
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["FEATURE", "VERSION", "DIGEST", "SITES", "STATE"]);
    for row in rows {
        table.row([
            (Tone::Strong, row.feature.to_string()),
            (Tone::Plain, row.version.map(|version| version.to_string()).unwrap_or_default()),
            (Tone::Dim, row.digest),
            (Tone::Plain, row.sites.to_string()),
            row.state,
        ]);
    }
    door.screen.table(&table)?;
    Ok(exit::DONE)
}

fn rows_of(
    name: &FeatureName,
    catalog: &Catalog,
    draft: Option<&(Version, String)>,
    sites: usize,
    all: bool,
) -> Vec<Row> {
    let versions = catalog.get(name);
    let mut rows: Vec<Row> = Vec::new();
    let published = versions.and_then(|versions| versions.get(&draft?.0));
    if let Some((version, digest)) = draft {
        let state = match published {
            None => Some((Tone::Warn, "not published yet".to_owned())),
            Some(known) if known.digest.to_string() != *digest => {
                Some((Tone::Bad, "differs from the published one: raise `version`".to_owned()))
            }
            Some(_) => None,
        };
        rows.extend(state.map(|state| Row {
            feature: name.clone(),
            version: Some(version.clone()),
            digest: digest.chars().take(12).collect(),
            state,
            sites,
        }));
    }
    for (version, published) in versions.into_iter().flatten().rev() {
        let state = match &published.yanked {
            Some(why) => (Tone::Bad, format!("yanked: {why}")),
            None => (Tone::Good, "published".to_owned()),
        };
        let is_choice = published.yanked.is_none();
        rows.push(Row {
            feature: name.clone(),
            version: Some(version.clone()),
            digest: published.digest.short(),
            state,
            sites,
        });
        if is_choice && !all {
            break;
        }
    }
    if rows.is_empty() {
        let state = (Tone::Bad, "wanted, but neither published nor in features/".to_owned());
        rows.push(Row {
            feature: name.clone(),
            version: None,
            digest: String::new(),
            state,
            sites,
        });
    }
    rows
}

/// The features in the project: version and digest. One that is not sound is `validate`'s affair.
fn drafts(project: &Project) -> Result<BTreeMap<FeatureName, (Version, String)>, Failure> {
    let mut drafts = BTreeMap::new();
    for (name, path) in project.features()? {
        match read_source(&path, &format!("features/{name}")) {
            Ok(source) => {
                let digest = source.manifest.digest().to_string();
                drafts.insert(name, (source.feature.version, digest));
            }
            Err(RegistryError::Refused(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(drafts)
}

/// How many sites want each feature; nothing where the inventory is not good.
fn wanted(project: &Project, door: &Door) -> BTreeMap<FeatureName, usize> {
    let environment = door.environment(project).ok();
    let inventory = environment.and_then(|environment| project.inventory(environment).ok());
    let mut wanted = BTreeMap::new();
    for site in inventory.iter().flat_map(crate::inventory::Inventory::sites) {
        let features: BTreeSet<_> = site.wants.iter().map(|want| want.feature.clone()).collect();
        for feature in features {
            *wanted.entry(feature).or_insert(0) += 1;
        }
    }
    wanted
}

fn to_json(row: &Row) -> Value {
    json!({
        "feature": row.feature,
        "version": row.version,
        "digest": row.digest,
        "state": row.state.1,
        "sites": row.sites,
    })
}
