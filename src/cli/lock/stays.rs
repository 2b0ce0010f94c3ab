//! What `--update` names and does not move: why.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::tell::Row;
use crate::{
    cli::feature::{Doubt, hold_said},
    feature::{Against, Catalog, Moves, Resolution, Solved, Update, newer},
    model::{FeatureName, SiteName},
    pipeline::Fleet,
};

/// A feature, the version at which it stays, and why.
type Stay = (FeatureName, Version, String);

/// Everything that an update names and that does not move, with what keeps it.
pub fn stays(
    fleet: &Fleet,
    resolution: &Resolution,
    moves: &Moves,
    updates: &[Update],
    catalog: &Catalog,
) -> Vec<Row> {
    let mut found: BTreeMap<Stay, BTreeSet<SiteName>> = BTreeMap::new();
    for update in updates {
        let Some(feature) = &update.feature else { continue };
        let moved: BTreeSet<&SiteName> = (moves.moves.iter())
            .filter(|step| step.feature == *feature)
            .flat_map(|step| &step.sites)
            .collect();
        for solved in &resolution.sets {
            let Some(chosen) = solved.gets.get(feature) else { continue };
            if solved.asked.sites.iter().all(|site| moved.contains(site)) {
                continue;
            }
            for (why, sites) in why(fleet, solved, feature, update, catalog) {
                let stay = (feature.clone(), chosen.version.clone(), why);
                found.entry(stay).or_default().extend(sites);
            }
        }
    }
    let rows = found.into_iter().map(|((feature, version, why), sites)| {
        Row::unmoved(&feature, Some(&version), sites, format!("does not move{why}"))
    });
    rows.collect()
}

/// Why (as it follows "does not move") the sites of a set keep their version; sites of one set may be held for different reasons.
fn why(
    fleet: &Fleet,
    solved: &Solved,
    feature: &FeatureName,
    update: &Update,
    catalog: &Catalog,
) -> BTreeMap<String, BTreeSet<SiteName>> {
    let all = &solved.asked.sites;
    let is_held = solved.gets.get(feature).is_some_and(|chosen| chosen.held);
    if is_held {
        let mut found: BTreeMap<String, BTreeSet<SiteName>> = BTreeMap::new();
        for site in all {
            let hold = fleet.inventory.site(site.as_str());
            let hold = hold.and_then(|site| site.holds.get(feature));
            let text = hold.map(|hold| format!(": {}", hold_said(hold))).unwrap_or_default();
            found.entry(text).or_default().insert(site.clone());
        }
        return found;
    }
    [(free(fleet, solved, feature, update, catalog), all.clone())].into()
}

fn free(
    fleet: &Fleet,
    solved: &Solved,
    feature: &FeatureName,
    update: &Update,
    catalog: &Catalog,
) -> String {
    let Some(chosen) = solved.gets.get(feature) else { return String::new() };
    let all = newer(solved, feature, catalog, fleet.lock.as_ref());
    if let Some(wanted) = &update.requirement {
        if !all.iter().any(|(version, _)| wanted.matches(version)) {
            return format!(": it is already the newest that {wanted} allows");
        }
    }
    let is_allowed = |version: &Version| {
        update.requirement.as_ref().is_none_or(|wanted| wanted.matches(version))
    };
    // What was never meant for these sites is no news, unless there is nothing else.
    let is_worth = |against: &Against| {
        !matches!(against, Against::Yanked(_) | Against::PreRelease | Against::Platforms(_))
    };
    let candidates = || all.iter().filter(|(version, _)| is_allowed(version));
    let said = |(version, against): &(Version, Against)| {
        Doubt { solved, feature, version, is_best: false, has_lock: true }.said(against)
    };
    if let Some(found) = candidates().find(|(_, against)| is_worth(against)) {
        return format!(" to {}: {}", found.0, said(found));
    }
    let yanked = catalog.get(feature).and_then(|all| all.get(&chosen.version)?.yanked.as_ref());
    match (candidates().next(), yanked) {
        (Some(found), _) => {
            format!(": it is the newest that may be chosen ({}: {})", found.0, said(found))
        }
        (None, Some(why)) => format!(": it was yanked ({why}), and no newer one is published"),
        (None, None) => ": it is the newest that is published".to_owned(),
    }
}
