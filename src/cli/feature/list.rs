//! `feature list`: what is published, and what in the project is not.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::{Value, json};

use super::had::Had;
use crate::{
    cli::{Door, Failure, Outcome, exit},
    feature::Catalog,
    model::{FeatureName, Problem, Problems, SiteName},
    pipeline::{self, Resolved},
    project::Project,
    registry::{RegistryError, read_source},
    report::{Line, Table, Tone, plural},
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
    /// Older versions that are left out after this one.
    older: usize,
}

/// Shows features: of each the newest version and those that sites have, or all of one.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let project = door.project()?;
    let catalog = pipeline::registry(&project)?.catalog()?;
    let mut usage = Usage::of(&project, door);
    let drafts = drafts(&project)?;
    let sources = project.features()?.into_iter().map(|(name, _)| name);
    usage.faulty = sources.filter(|name| !drafts.contains_key(name)).collect();
    let (wanted, has) = (usage.wanted.keys(), usage.has.keys());
    let names: BTreeSet<&FeatureName> =
        catalog.keys().chain(drafts.keys()).chain(wanted).chain(has).collect();
    let names: Vec<&FeatureName> = match &args.name {
        None => names.into_iter().collect(),
        Some(name) => {
            let Some(found) = names.iter().find(|known| known.as_str() == name) else {
                let problem = Problem::new(format!("there is no feature `{name}`"));
                let known = names.into_iter().map(FeatureName::as_str);
                let near = problem.suggest(name, known);
                return Err(Failure::usage(match near.hint {
                    Some(_) => near,
                    None => near.hint("all that there are: fleetctl feature list"),
                }));
            };
            vec![found]
        }
    };
    let mut rows = Vec::new();
    for name in names {
        rows.extend(rows_of(name, &catalog, drafts.get(name), &usage, args.name.is_some()));
    }
    if door.screen.is_json() {
        let is_known = usage.unknown.is_empty();
        let rows: Vec<Value> = rows.iter().map(|row| to_json(row, is_known)).collect();
        let unknown: Vec<&String> = usage.unknown.iter().chain(&usage.conflict).collect();
        door.screen.json(&json!({ "schema": 1, "features": rows, "sites_unknown": unknown }))?;
        return Ok(exit::DONE);
    }
    if rows.is_empty() {
        let line = Line::of(Tone::Dim, "there are no features yet: fleetctl new feature NAME");
        door.screen.show([&line])?;
        return Ok(exit::DONE);
    }
    let mut table = Table::new(&["FEATURE", "VERSION", "DIGEST", "SITES", "STATE"]);
    let mut left_out = Vec::new();
    for row in rows {
        // How many want what there is no version of is known in any case.
        let sites = if usage.unknown.is_empty() || row.version.is_none() {
            row.sites.to_string()
        } else {
            "?".to_owned()
        };
        if row.older > 0 {
            left_out.push(format!("{} of {}", row.older, row.feature));
        }
        let (tone, state) = row.state;
        table.row([
            (Tone::Strong, row.feature.to_string()),
            (Tone::Plain, row.version.map(|version| version.to_string()).unwrap_or_default()),
            (Tone::Dim, row.digest),
            (Tone::Plain, sites),
            (tone, state),
        ]);
    }
    door.screen.table(&table)?;
    for why in &usage.unknown {
        let line = Line::of(Tone::Warn, "?: which sites get what cannot be told: ");
        door.screen.say(&[line.add(Tone::Plain, why)])?;
    }
    for why in &usage.conflict {
        let count = plural(usage.left_out, "site");
        let line = Line::of(Tone::Warn, &format!("without {count} in conflict: "));
        door.screen.say(&[line.add(Tone::Plain, why)])?;
    }
    if !left_out.is_empty() {
        // What was locked for sites that are not counted may be among them.
        let whose = if usage.unknown.is_empty() && usage.conflict.is_empty() {
            " that no site has"
        } else {
            ""
        };
        let text = format!(
            "older versions{whose} are not shown: {}; all of one: fleetctl feature list FEATURE",
            left_out.join(", ")
        );
        door.screen.note(&Line::of(Tone::Dim, &text))?;
    }
    Ok(exit::DONE)
}

fn rows_of(
    name: &FeatureName,
    catalog: &Catalog,
    draft: Option<&(Version, String)>,
    usage: &Usage,
    all: bool,
) -> Vec<Row> {
    let wanted = usage.wanted.get(name).copied().unwrap_or(0);
    let versions = catalog.get(name);
    let mut rows: Vec<Row> = Vec::new();
    let published = versions.and_then(|versions| versions.get(&draft?.0));
    if let Some((version, digest)) = draft {
        let is_lost = published.is_none() && usage.sites(name, version) > 0;
        let state = match published {
            None if is_lost => None,
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
            sites: 0,
            older: 0,
        }));
    }
    // What sites have must be somewhere.
    let is_lost = |version: &&Version| versions.is_none_or(|all| !all.contains_key(*version));
    let lost = usage.has.get(name).into_iter().flat_map(BTreeMap::keys).rev().filter(is_lost);
    rows.extend(lost.map(|version| Row {
        feature: name.clone(),
        version: Some(version.clone()),
        digest: String::new(),
        state: (Tone::Bad, "gone from the registry: restore it, or publish it again".to_owned()),
        sites: usage.sites(name, version),
        older: 0,
    }));
    let (mut is_newest_told, mut older) = (false, 0);
    for (version, published) in versions.into_iter().flatten().rev() {
        let state = match &published.yanked {
            Some(why) => (Tone::Bad, format!("yanked: {why}")),
            None => (Tone::Good, "published".to_owned()),
        };
        let sites = usage.sites(name, version);
        if is_newest_told && !all && sites == 0 {
            older += 1;
            continue;
        }
        is_newest_told |= published.yanked.is_none() && version.pre.is_empty();
        rows.push(Row {
            feature: name.clone(),
            version: Some(version.clone()),
            digest: published.digest.short(),
            state,
            sites,
            older: 0,
        });
    }
    if let Some(last) = rows.last_mut() {
        last.older = older;
    }
    if rows.is_empty() {
        let what = if usage.faulty.contains(name) {
            format!("wanted, not published, and features/{name} is not sound: fleetctl validate")
        } else {
            "wanted, but neither published nor in features/".to_owned()
        };
        let state = (Tone::Bad, what);
        rows.push(Row {
            feature: name.clone(),
            version: None,
            digest: String::new(),
            state,
            sites: wanted,
            older: 0,
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

/// Each problem in its first words; `more` tells the rest.
pub(super) fn in_short(problems: &Problems, more: &str) -> Vec<String> {
    let first = |problem: &Problem| {
        let first = problem.message.lines().next().unwrap_or_default().trim_end_matches(':');
        let first = first.trim_end_matches(" wants").trim_end_matches(" want");
        let at = problem.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
        format!("{at}{first}; the whole story: {more}")
    };
    problems.0.iter().map(first).collect()
}

/// How many sites want each feature, and have each version.
#[derive(Default)]
struct Usage {
    wanted: BTreeMap<FeatureName, usize>,
    has: BTreeMap<FeatureName, BTreeMap<Version, usize>>,
    /// Why it is not known which versions sites have; empty where it is.
    unknown: Vec<String>,
    /// Why some sites are not counted, and how many.
    conflict: Vec<String>,
    /// Features of the project that cannot be read.
    faulty: BTreeSet<FeatureName>,
    left_out: usize,
}

impl Usage {
    fn of(project: &Project, door: &Door) -> Self {
        let mut usage = Self::default();
        let environment = door.global.env.as_deref();
        let fleet = match pipeline::load(project.clone(), environment, &[]) {
            Ok(fleet) => fleet,
            Err(problems) => {
                usage.unknown = in_short(&problems, "fleetctl validate");
                return usage;
            }
        };
        let sites = fleet.inventory.sites();
        for site in sites {
            let features: BTreeSet<_> = site.wants.iter().map(|want| &want.feature).collect();
            for feature in features {
                *usage.wanted.entry(feature.clone()).or_insert(0) += 1;
            }
        }
        let names: Vec<SiteName> = sites.iter().map(|site| site.name.clone()).collect();
        let resolved = match fleet.resolve_most(&names) {
            Ok((resolved, conflict)) => {
                let counted = resolved.resolution.choice();
                let wanting = sites.iter().filter(|site| !site.wants.is_empty());
                usage.left_out = wanting.filter(|site| !counted.contains_key(&site.name)).count();
                usage.conflict = in_short(&conflict, &fleet.command("lock --check"));
                resolved
            }
            Err(why) => {
                usage.unknown = vec![why.to_string()];
                Resolved::default()
            }
        };
        let had = Had::of(&fleet);
        for solved in &resolved.resolution.sets {
            for feature in solved.gets.keys() {
                let versions = usage.has.entry(feature.clone()).or_default();
                for (version, sites) in had.by_version(solved, feature) {
                    *versions.entry(version.clone()).or_insert(0) += sites.len();
                }
            }
        }
        usage
    }

    fn sites(&self, feature: &FeatureName, version: &Version) -> usize {
        self.has.get(feature).and_then(|versions| versions.get(version)).copied().unwrap_or(0)
    }
}

fn to_json(row: &Row, is_known: bool) -> Value {
    json!({
        "feature": row.feature,
        "version": row.version,
        "digest": row.digest,
        "state": row.state.1,
        "sites": is_known.then_some(row.sites),
        "older": row.older,
    })
}
