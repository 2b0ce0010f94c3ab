//! `feature matrix`: which versions the sites of each group have.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::{
        Door, Outcome, exit,
        flags::{HostFlags, TargetFlags},
        visit,
    },
    feature::{Resolution, Through},
    inventory::LayerName,
    model::{FeatureName, SiteName},
    pipeline::Fleet,
    report::{Line, Table, Tone, plural},
};

/// Which versions the sites of each group have.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
}

/// Who asks for features: a group, sites themselves, or other features.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    Group(String),
    Sites,
    Features,
}

/// The sites of each version, in one cell.
type Cell = BTreeMap<Version, BTreeSet<SiteName>>;
type Cells = BTreeMap<Asker, BTreeMap<FeatureName, Cell>>;

/// Shows.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let sites = fleet.select(&args.target.target())?;
    let (resolved, conflict) = fleet.resolve_most(&sites)?;
    let cells = cells(&resolved.resolution, &fleet);
    let features: BTreeSet<&FeatureName> = cells.values().flat_map(BTreeMap::keys).collect();
    if door.screen.is_json() {
        conflict.or(())?;
        door.screen.json(&to_json(&cells))?;
        return Ok(exit::DONE);
    }
    if cells.is_empty() && conflict.0.is_empty() {
        door.screen.show([&Line::of(Tone::Dim, "none of these sites has a feature")])?;
        return Ok(exit::DONE);
    }
    let heads: Vec<String> = features.iter().map(|name| name.to_string().to_uppercase()).collect();
    let heads: Vec<&str> =
        ["WANTED BY", "SITES"].into_iter().chain(heads.iter().map(String::as_str)).collect();
    let mut table = Table::new(&heads);
    for (asker, row) in &cells {
        let name = match asker {
            Asker::Group(group) => group.clone(),
            Asker::Sites => "(sites themselves)".to_owned(),
            Asker::Features => "(other features)".to_owned(),
        };
        let sites: BTreeSet<&SiteName> =
            row.values().flat_map(BTreeMap::values).flatten().collect();
        let head = [(Tone::Strong, name), (Tone::Plain, sites.len().to_string())];
        let versions = features.iter().map(|feature| {
            let text = row.get(*feature).map(shown).unwrap_or_default();
            (Tone::Plain, text)
        });
        table.row(head.into_iter().chain(versions));
    }
    door.screen.first_fitting(&[table])?;
    let is_mixed = cells.values().flat_map(BTreeMap::values).any(|cell| cell.len() > 1);
    let count = if is_mixed { "; in brackets: how many sites have that one" } else { "" };
    let left_out = if conflict.0.is_empty() { "" } else { "; sites in conflict are left out" };
    let legend = format!(
        "a cell: the version of that feature at the row's sites; empty: not wanted there{count}{left_out}"
    );
    door.screen.note(&Line::of(Tone::Dim, &legend))?;
    super::resolve::tell_source(door, &fleet, &resolved, !conflict.0.is_empty())?;
    let sets = plural(resolved.resolution.sets.len(), "requirement set");
    door.screen.note(&Line::of(
        Tone::Dim,
        &format!("{sets}: {} shows them", fleet.command("feature resolve")),
    ))?;
    super::resolve::tell_rest(door, &fleet, &resolved, conflict)
}

fn cells(resolution: &Resolution, fleet: &Fleet) -> Cells {
    let mut cells = Cells::new();
    for solved in &resolution.sets {
        for (feature, chosen) in &solved.gets {
            // Sites that ask for the same are one set, whoever of them says so itself.
            let asks = |site: &&SiteName, asker: &Asker| {
                let Some(site) = fleet.inventory.site(site.as_str()) else { return false };
                site.wants.iter().filter(|want| want.feature == *feature).any(|want| {
                    match (&want.from.who, asker) {
                        (LayerName::Group(group), Asker::Group(name)) => group.as_str() == name,
                        (LayerName::Group(_), _) => false,
                        (_, asker) => *asker == Asker::Sites,
                    }
                })
            };
            let asked = solved.asked.asked.get(feature).into_iter().flat_map(BTreeMap::values);
            let mut askers: BTreeSet<Asker> = asked
                .flat_map(BTreeMap::keys)
                .map(|through| match through {
                    Through::Group(group) => Asker::Group(group.to_string()),
                    Through::Site => Asker::Sites,
                })
                .collect();
            if solved.needs.contains_key(feature) {
                askers.insert(Asker::Features);
            }
            for asker in askers {
                let all = solved.asked.sites.iter();
                let meant = all.filter(|site| asker == Asker::Features || asks(site, &asker));
                let meant: BTreeSet<SiteName> = meant.cloned().collect();
                if !meant.is_empty() {
                    let cell = cells.entry(asker).or_default().entry(feature.clone()).or_default();
                    cell.entry(chosen.version.clone()).or_default().extend(meant);
                }
            }
        }
    }
    cells
}

/// "2.2.0", or "2.2.0 (59) 2.1.4 (1)", the newest first.
fn shown(cell: &Cell) -> String {
    if let (1, Some(version)) = (cell.len(), cell.keys().next()) {
        return version.to_string();
    }
    let each = cell.iter().rev().map(|(version, sites)| format!("{version} ({})", sites.len()));
    each.collect::<Vec<_>>().join(" ")
}

fn to_json(cells: &Cells) -> Value {
    let mut rows = Vec::new();
    for (asker, row) in cells {
        let (kind, name) = match asker {
            Asker::Group(group) => ("group", Some(group)),
            Asker::Sites => ("site", None),
            Asker::Features => ("feature", None),
        };
        for (feature, cell) in row {
            let versions: BTreeMap<String, usize> =
                cell.iter().map(|(version, sites)| (version.to_string(), sites.len())).collect();
            rows.push(
                json!({ "by": kind, "name": name, "feature": feature, "versions": versions }),
            );
        }
    }
    json!({ "schema": 1, "cells": rows })
}
