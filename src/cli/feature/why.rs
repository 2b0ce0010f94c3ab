//! `feature why SITE FEATURE`: why a site has that version and no newer one, or has it not.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Value, json};

use super::{
    against::{Doubt, hold_said},
    because::{Reason, reasons},
};
use crate::{
    cli::{Door, Failure, Outcome, exit, flags::HostFlags, inventory::find, visit},
    feature::{Against, Catalog, Solved, Trials},
    inventory::{LayerName, Site},
    model::{FeatureName, Problem},
    pipeline::Fleet,
    report::{Line, Tone},
};

/// Why a site has a feature in its version and no newer one, or has it not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The site
    site: String,
    /// The feature
    feature: String,
}

/// Explains.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let site = find(&fleet.inventory, &args.site)?;
    let catalog = fleet.registry.catalog()?;
    let feature = known(&args.feature, &fleet, &catalog)?;
    let resolved = fleet.resolve(std::slice::from_ref(&site.name))?;
    let solved = resolved.resolution.of_site(&site.name);
    let Some((solved, chosen)) = solved.and_then(|set| Some((set, set.gets.get(&feature)?))) else {
        return absent(site, &feature, &fleet, door);
    };
    let ended = fleet.hold_ended(solved, &feature, jiff::Zoned::now().date());
    let ended = ended.filter(|_| chosen.held);
    let reasons = reasons(solved, &feature, ended);
    let mut newer = match ended {
        None => newer(solved, &feature, &catalog, &fleet),
        Some(_) => newer(&without_hold(solved, &feature), &feature, &catalog, &fleet),
    };
    if let Some(hold) = site.holds.get(&feature).filter(|_| chosen.held && ended.is_none()) {
        for (_, why) in &mut newer {
            *why = hold_said(hold);
        }
    }
    let published = catalog.get(&feature).and_then(|all| all.get(&chosen.version));
    let yanked = published.and_then(|found| found.yanked.as_ref());
    if door.screen.is_json() {
        let newer: Vec<Value> = newer
            .iter()
            .map(|(version, why)| json!({ "version": version, "why_not": why }))
            .collect();
        door.screen.json(&json!({
            "schema": 1, "site": site.name, "feature": feature, "version": chosen.version,
            "held": chosen.held, "hold_ended": ended.map(|day| day.to_string()), "yanked": yanked,
            "locked": fleet.lock.is_some() && resolved.behind.is_empty(),
            "because": reasons.iter().map(Reason::to_json).collect::<Vec<_>>(), "newer": newer,
        }))?;
        return Ok(exit::DONE);
    }
    let verb = if resolved.behind.is_empty() { " has " } else { " would get " };
    let mut lines = vec![
        Line::of(Tone::Strong, site.name.as_str())
            .add(Tone::Plain, verb)
            .add(Tone::Good, &format!("{feature} {}", chosen.version)),
    ];
    for reason in &reasons {
        let line = Line::of(Tone::Plain, &format!("  {}", reason.said()));
        lines.push(line.add(Tone::Dim, &reason.place()));
    }
    if let Some(why) = yanked {
        let text = format!("  it was yanked: {why}; who has it keeps it, nobody else gets it");
        lines.push(Line::of(Tone::Warn, &text));
    }
    let newest = match (newer.is_empty(), published, yanked) {
        (false, ..) => "why no newer one:",
        (true, None, _) => "  it is not in the registry any more, nor is a newer one",
        (true, _, Some(_)) => "  no newer version is published",
        (true, _, None) => "  it is the newest version that is published",
    };
    let tone = if newer.is_empty() { Tone::Dim } else { Tone::Plain };
    lines.push(Line::of(tone, newest));
    let widest = newer.iter().map(|(version, _)| version.to_string().len()).max().unwrap_or(0);
    for (version, why) in &newer {
        let line = Line::of(Tone::Strong, &format!("  {:widest$}  ", version.to_string()));
        lines.push(line.add(Tone::Plain, why));
    }
    door.screen.show(&lines)?;
    super::resolve::tell_source(door, &fleet, &resolved)?;
    Ok(exit::DONE)
}

/// The answer as if nothing were held: what a hold that has ended still stands for.
fn without_hold(solved: &Solved, feature: &FeatureName) -> Solved {
    let mut free = solved.clone();
    if let Some((_, is_over)) = free.asked.holds.get_mut(feature) {
        *is_over = true;
    }
    free
}

/// A feature that somebody wants, published, or both.
fn known(name: &str, fleet: &Fleet, catalog: &Catalog) -> Result<FeatureName, Failure> {
    let wanted = fleet.inventory.sites().iter().flat_map(|site| &site.wants);
    let all: BTreeSet<&FeatureName> =
        catalog.keys().chain(wanted.map(|want| &want.feature)).collect();
    if let Some(found) = all.iter().find(|known| known.as_str() == name) {
        return Ok((*found).clone());
    }
    let problem = Problem::new(format!("there is no feature `{name}`"));
    Err(Failure::usage(problem.suggest(name, all.iter().map(|known| known.as_str()))))
}

/// Newer versions, the newest first, each with what stands against it.
fn newer(
    solved: &Solved,
    feature: &FeatureName,
    catalog: &Catalog,
    fleet: &Fleet,
) -> Vec<(Version, String)> {
    let trials = Trials::new(catalog, fleet.lock.as_ref());
    let all: Vec<(&Version, Against)> = trials.newer(solved, feature).collect();
    let best = all.iter().find(|(_, against)| matches!(against, Against::Possible(_)));
    let best = best.map(|(version, _)| *version);
    let each = all.iter().map(|(version, against)| {
        let (is_best, has_lock) = (best == Some(*version), fleet.lock.is_some());
        let doubt = Doubt { solved, feature, version, is_best, has_lock };
        ((*version).clone(), doubt.said(against))
    });
    each.collect()
}

/// Why the site has it not.
fn absent(site: &Site, feature: &FeatureName, fleet: &Fleet, door: &Door) -> Outcome {
    let mut because: Vec<String> = site
        .opt_outs
        .iter()
        .filter(|out| out.feature == *feature)
        .map(|out| match &out.from.who {
            LayerName::Group(group) => format!("group {group} opted out, {}", out.from.at),
            _ => format!("the site itself opted out, {}", out.from.at),
        })
        .collect();
    let waived = site.waived.iter().filter(|want| want.feature == *feature);
    because.extend(waived.map(|want| {
        format!("without that: {} wants {}, {}", want.from.who, want.requirement, want.from.at)
    }));
    if because.is_empty() {
        because.push("none of its groups wants it, nor does it itself".to_owned());
        let wants = fleet.inventory.sites().iter().flat_map(|site| &site.wants);
        let groups: BTreeSet<String> = wants
            .filter(|want| want.feature == *feature)
            .map(|want| want.from.to_string())
            .filter(|from| from.starts_with("group "))
            .collect();
        because.extend(groups.into_iter().map(|from| format!("it is wanted by {from}")));
    }
    if door.screen.is_json() {
        door.screen.json(&json!({
            "schema": 1, "site": site.name, "feature": feature, "version": null, "because": because,
        }))?;
        return Ok(exit::DONE);
    }
    let head = Line::of(Tone::Strong, site.name.as_str());
    let mut lines = vec![head.add(Tone::Plain, &format!(" does not have {feature}"))];
    lines.extend(because.iter().map(|text| Line::of(Tone::Plain, &format!("  {text}"))));
    door.screen.show(&lines)?;
    Ok(exit::DONE)
}
