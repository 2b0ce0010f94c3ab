//! `feature resolve`: what each site gets, and because of what.

use serde_json::{Value, json};

use super::{because::reasons, list::in_short};
use crate::{
    cli::{
        Door, Failure, Outcome, exit,
        flags::{HostFlags, TargetFlags},
        visit,
    },
    feature::{AskedSet, Solved},
    model::SiteName,
    pipeline::{Fleet, LoadError, Resolved},
    report::{Line, Tone, listed, plural},
};

/// What each site gets, and because of what; with -v all names of sites.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
}

/// Resolves and shows.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let sites = fleet.select(&args.target.target())?;
    let resolved = fleet.resolve(&sites)?;
    if door.screen.is_json() {
        door.screen.json(&to_json(&fleet, &resolved, &sites))?;
        return Ok(exit::DONE);
    }
    let mut lines = Vec::new();
    for solved in &resolved.resolution.sets {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        let room = if door.global.verbose > 0 { usize::MAX } else { door.screen.columns() };
        lines.extend(set_lines(&fleet, solved, room));
    }
    door.screen.show(&lines)?;
    tell_source(door, &fleet, &resolved)?;
    let with: usize = resolved.resolution.sets.iter().map(|set| set.asked.sites.len()).sum();
    if with < sites.len() {
        let text = format!("{} without features", plural(sites.len() - with, "site"));
        door.screen.note(&Line::of(Tone::Dim, &text))?;
    }
    Ok(exit::DONE)
}

/// Says where the versions come from.
pub fn tell_source(door: &Door, fleet: &Fleet, resolved: &Resolved) -> Result<(), Failure> {
    visit::warn_of_lock(door, fleet, resolved)?;
    if !resolved.behind.is_empty() {
        tell_refusal(door, fleet)?;
    }
    let text = match fleet.lock {
        Some(_) if resolved.behind.is_empty() => format!("from {}", fleet.lock_name()),
        Some(_) => format!(
            "from {} where it has an answer, else what the next `fleetctl lock` would choose",
            fleet.lock_name()
        ),
        None => format!(
            "there is no {}: these are the newest versions that fit today",
            fleet.lock_name()
        ),
    };
    Ok(door.screen.note(&Line::of(Tone::Dim, &text))?)
}

/// Says what keeps `fleetctl lock` from going through: what was worked out for some sites is locked
/// for none while others are in conflict.
fn tell_refusal(door: &Door, fleet: &Fleet) -> Result<(), Failure> {
    let catalog = fleet.registry.catalog().map_err(LoadError::from)?;
    let next = fleet.relock(jiff::Zoned::now().date(), &[], &catalog);
    let Err(LoadError::Wrong(problems)) = next else {
        return Ok(());
    };
    for why in in_short(&problems, "fleetctl lock --check") {
        let line = Line::of(Tone::Warn, "note: ");
        let text = format!("`fleetctl lock` will be refused until this is mended: {why}");
        door.screen.say(&[line.add(Tone::Plain, &text)])?;
    }
    Ok(())
}

fn set_lines(fleet: &Fleet, solved: &Solved, columns: usize) -> Vec<Line> {
    let sites = listed(&solved.asked.sites, columns.saturating_sub(14).max(24));
    let mut head = Line::of(Tone::Strong, &sites);
    if let Some(kind) = kind(&solved.asked) {
        head = head.add(Tone::Dim, &format!("  {kind}"));
    }
    let mut lines = vec![head];
    let today = jiff::Zoned::now().date();
    for (feature, chosen) in &solved.gets {
        let ended = fleet.hold_ended(solved, feature, today);
        let pin = match (chosen.held, ended) {
            (false, _) => "",
            (true, None) => " (held)",
            (true, Some(_)) => " (hold ended)",
        };
        let line =
            Line::of(Tone::Plain, "  ").add(Tone::Good, &format!("{feature} {}", chosen.version));
        lines.push(line.add(Tone::Warn, pin));
        for reason in reasons(solved, feature, ended) {
            let line = Line::of(Tone::Plain, &format!("    {}", reason.said()));
            lines.push(line.add(Tone::Dim, &reason.place()));
        }
    }
    for (feature, at) in &solved.asked.opt_outs {
        let line = Line::of(Tone::Plain, &format!("  no {feature}: opted out"));
        lines.push(line.add(Tone::Dim, &format!(", {at}")));
    }
    lines
}

fn kind(asked: &AskedSet) -> Option<String> {
    asked.set.platform.map(|platform| platform.to_string())
}

fn to_json(fleet: &Fleet, resolved: &Resolved, sites: &[SiteName]) -> Value {
    let today = jiff::Zoned::now().date();
    let each: Vec<Value> = sites
        .iter()
        .map(|site| {
            let Some(solved) = resolved.resolution.of_site(site) else {
                return json!({ "site": site, "features": [] });
            };
            let features: Vec<Value> = solved
                .gets
                .iter()
                .map(|(feature, chosen)| {
                    let ended = fleet.hold_ended(solved, feature, today);
                    let because: Vec<Value> = reasons(solved, feature, ended)
                        .iter()
                        .map(super::because::Reason::to_json)
                        .collect();
                    json!({
                        "feature": feature, "version": chosen.version, "digest": chosen.digest,
                        "held": chosen.held, "because": because,
                    })
                })
                .collect();
            json!({ "site": site, "features": features })
        })
        .collect();
    let lock = fleet.lock.as_ref().map(|_| fleet.lock_name());
    json!({
        "schema": 1, "environment": fleet.environment.name, "lock": lock,
        "behind": resolved.behind, "sites": each,
    })
}
