//! What `--update` names and does not move: why.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::tell::Row;
use crate::{
    cli::feature::{Doubt, Prospect, hold_said},
    feature::{Against, Moves, Resolution, Solved, Trials, Update},
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
    prospect: &Prospect<'_>,
) -> Vec<Row> {
    let mut found: BTreeMap<Stay, BTreeSet<SiteName>> = BTreeMap::new();
    let trials = Trials::new(prospect.catalog, fleet.lock.as_ref());
    for update in updates {
        let Some(feature) = &update.feature else { continue };
        let gone_on: BTreeSet<&SiteName> = (moves.moves.iter())
            .filter(|step| step.feature == *feature)
            .flat_map(|step| &step.sites)
            .collect();
        for solved in &resolution.sets {
            let Some(chosen) = solved.gets.get(feature) else { continue };
            let mut left = solved.clone();
            left.asked.sites.retain(|site| !gone_on.contains(site));
            let solved = &left;
            if solved.asked.sites.is_empty() {
                continue;
            }
            for (why, sites) in why(fleet, solved, feature, update, (prospect, &trials)) {
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
    tools: (&Prospect<'_>, &Trials<'_>),
) -> BTreeMap<String, BTreeSet<SiteName>> {
    let all = &solved.asked.sites;
    let chosen = solved.gets.get(feature);
    let would_do = |version: &Version| {
        update.requirement.as_ref().is_none_or(|wanted| wanted.matches(version))
    };
    let has = chosen.map(|chosen| &chosen.version);
    let newer = tools.0.catalog.get(feature).into_iter().flatten();
    let mut newer = newer.filter(|(version, found)| {
        found.yanked.is_none() && has != Some(*version) && would_do(version)
    });
    // What has what was asked for, or the newest, needs no hold to stay.
    let is_there = update.requirement.is_some() && has.is_some_and(would_do);
    let is_better = newer.any(|(version, _)| update.requirement.is_some() || Some(version) > has);
    let is_held = chosen.is_some_and(|chosen| chosen.held) && !is_there && is_better;
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
    [(free(solved, feature, update, tools), all.clone())].into()
}

fn free(
    solved: &Solved,
    feature: &FeatureName,
    update: &Update,
    (prospect, trials): (&Prospect<'_>, &Trials<'_>),
) -> String {
    let Some(chosen) = solved.gets.get(feature) else { return String::new() };
    let is_allowed = |version: &Version| {
        update.requirement.as_ref().is_none_or(|wanted| wanted.matches(version))
    };
    // What was never meant for these sites is no news, unless there is nothing else.
    let is_worth = |against: &Against| {
        !matches!(against, Against::Yanked(_) | Against::PreRelease | Against::Platforms(_))
    };
    let said = |version: &Version, against: &Against| {
        Doubt { prospect, solved, feature, version }.said(against)
    };
    let mut newest = None;
    for (version, against) in trials.newer(solved, feature) {
        if !is_allowed(version) {
            continue;
        }
        let text = said(version, &against);
        if is_worth(&against) {
            return format!(" to {version}: {text}");
        }
        newest.get_or_insert((version, text));
    }
    let yanked =
        prospect.catalog.get(feature).and_then(|all| all.get(&chosen.version)?.yanked.as_ref());
    match (newest, yanked, &update.requirement) {
        (Some((version, text)), ..) => {
            format!(": it is the newest that may be chosen ({version}: {text})")
        }
        (None, _, Some(wanted)) if Version::parse(wanted.as_str()).is_ok() => {
            ": that is its version already".to_owned()
        }
        (None, _, Some(wanted)) => format!(": it is already the newest that {wanted} allows"),
        (None, Some(why), _) => format!(": it was yanked ({why}), and no newer one is published"),
        (None, None, None) => ": it is the newest that is published".to_owned(),
    }
}
