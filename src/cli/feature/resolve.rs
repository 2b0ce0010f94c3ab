//! `feature resolve`: what each site gets, and because of what.

use serde_json::{Value, json};

use super::{Prospect, because::reasons, list::in_short};
use crate::{
    cli::{
        Door, Failure, Outcome, exit,
        flags::{HostFlags, TargetFlags},
        visit,
    },
    feature::{AskedSet, Resolution, Solved},
    model::{Problems, SiteName},
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
    // What some cannot have keeps nobody from being told what the others get.
    let (resolved, conflict) = fleet.resolve_most(&sites)?;
    if door.screen.is_json() {
        conflict.or(())?;
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
    tell_source(door, &fleet, &resolved, !conflict.0.is_empty())?;
    let without = sites.iter().filter_map(|name| fleet.inventory.site(name.as_str()));
    let without = without.filter(|site| site.wants.is_empty()).count();
    if without > 0 {
        let text = format!("{} without features", plural(without, "site"));
        door.screen.note(&Line::of(Tone::Dim, &text))?;
    }
    tell_rest(door, &fleet, &resolved, conflict)
}

/// Says what is in the way of a lock of these versions, and at the end what is wrong with the
/// wants of those that have none.
///
/// # Errors
/// That.
pub fn tell_rest(door: &Door, fleet: &Fleet, resolved: &Resolved, conflict: Problems) -> Outcome {
    if conflict.0.is_empty() && !resolved.behind.is_empty() {
        let catalog = fleet.registry.catalog().map_err(LoadError::from)?;
        let prospect = Prospect::new(fleet, &catalog);
        tell_refusal(door, &prospect, &resolved.resolution)?;
    }
    conflict.or(exit::DONE).map_err(Failure::from)
}

/// Says where the versions come from.
///
/// # Errors
/// A screen that cannot be written to.
pub fn tell_source(
    door: &Door,
    fleet: &Fleet,
    resolved: &Resolved,
    is_refused: bool,
) -> Result<(), Failure> {
    visit::warn_of_lock(door, fleet, resolved, is_refused)?;
    let text = match fleet.lock {
        Some(_) if resolved.is_locked() => format!("from {}", fleet.lock_name()),
        Some(_) => format!(
            "from {} where it has an answer, else what the next `{}` would choose",
            fleet.lock_name(),
            fleet.command("lock")
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
pub fn tell_refusal(
    door: &Door,
    prospect: &Prospect<'_>,
    shown: &Resolution,
) -> Result<(), Failure> {
    let (next, problems) = prospect.plain();
    let fleet = prospect.fleet;
    let is_elsewhere = shown.sets.iter().all(|solved| next.of_set(&solved.asked.set).is_some());
    let whose = if is_elsewhere { " at other sites" } else { "" };
    for why in in_short(problems, &fleet.command("lock --check")) {
        let line = Line::of(Tone::Warn, "note: ");
        let text = format!(
            "`{}` will be refused until this is mended{whose}: {why}",
            fleet.command("lock")
        );
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
    for (feature, chosen) in &solved.gets {
        let ended = fleet.hold_ended(solved, feature);
        let pin = match (chosen.held, ended) {
            (false, _) => "",
            (true, None) => " (held)",
            (true, Some(_)) => " (hold ended)",
        };
        let line =
            Line::of(Tone::Plain, "  ").add(Tone::Good, &format!("{feature} {}", chosen.version));
        lines.push(line.add(Tone::Warn, pin));
        for reason in reasons(fleet, solved, feature) {
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
                    let because: Vec<Value> = reasons(fleet, solved, feature)
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
        "behind": resolved.behind.union(&resolved.joined).collect::<Vec<_>>(), "sites": each,
    })
}
