//! `lock`: decides which versions every site gets, and writes that down.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Door, Failure, Outcome, exit, flags::HostFlags, visit};
use crate::{
    feature::{Lock, Move, Resolution, Update, moves},
    model::{FeatureName, Problem, Problems},
    pipeline::Fleet,
    report::{Line, Tone, listed, plural},
};

/// Write down which version of each feature every site gets; `deploy` obeys it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Move this feature to the newest version that fits, or to what `@REQ` says (`form@~2.1`;
    /// also downwards); all features without a name
    #[arg(long, value_name = "FEATURE[@REQ]", num_args = 0..=1, default_missing_value = "")]
    update: Vec<String>,
    /// Write nothing; exit code 10 when the lock would change
    #[arg(long)]
    check: bool,
}

/// Locks.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let updates = updates(&args.update)?;
    let fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let today = jiff::Zoned::now().date();
    let resolution = fleet.relock(today, &updates)?;
    let text = Lock::of(&resolution).to_string();
    let before = fleet.project.lock(&fleet.environment)?.map(|found| found.text);
    let is_changed = before.as_deref() != Some(text.as_str());
    let is_other = !door.global.inventory.is_empty() && before.is_some();
    if is_other && is_changed && !args.check && !door.global.yes {
        let name = fleet.lock_name();
        let message = format!(
            "-i names another inventory than the project's, and {name} is for all of the project's sites"
        );
        return Err(Failure::usage(
            Problem::new(message)
                .hint("leave out -i; or add --yes if the lock is to be for these sites instead"),
        ));
    }
    let moves = moves(fleet.lock.as_ref(), &resolution);
    if is_changed && !args.check {
        fleet.project.write_lock(&fleet.environment, &text).map_err(|why| {
            Failure::internal(format!("{} cannot be written: {why}", fleet.lock_name()))
        })?;
    }
    let over = over(&fleet, &resolution);
    if door.screen.is_json() {
        let moves: Vec<Value> = moves.iter().map(to_json).collect();
        door.screen.json(&json!({
            "schema": 1, "file": fleet.lock_name(), "changed": is_changed,
            "written": is_changed && !args.check, "moves": moves, "holds_over": over,
        }))?;
    } else {
        tell(&moves, door)?;
        for text in &over {
            door.screen.say(&[Line::of(Tone::Warn, "note: ").add(Tone::Plain, text)])?;
        }
        door.screen.show([&summary(
            &fleet,
            &resolution,
            is_changed,
            moves.is_empty(),
            args.check,
        )])?;
    }
    Ok(if is_changed && args.check { exit::PENDING } else { exit::DONE })
}

fn updates(words: &[String]) -> Result<Vec<Update>, Failure> {
    let mut problems = Problems::default();
    let mut updates = Vec::new();
    for word in words {
        if word.is_empty() {
            updates.push(Update { feature: None, requirement: None });
            continue;
        }
        let (name, requirement) = match word.split_once('@') {
            Some((name, requirement)) => (name, Some(requirement)),
            None => (word.as_str(), None),
        };
        let bad = |why: String| Problem::new(format!("--update {word}: {why}"));
        let name = FeatureName::new(name).map_err(|why| bad(why.to_string()).into());
        let requirement = requirement
            .map(str::parse)
            .transpose()
            .map_err(|why: crate::model::RequirementError| Problems::from(bad(why.to_string())));
        if let (Some(feature), Some(requirement)) =
            (problems.absorb(name), problems.absorb(requirement))
        {
            updates.push(Update { feature: Some(feature), requirement });
        }
    }
    problems.or(updates).map_err(Failure::usage)
}

/// Holds that hold no more, each told once.
fn over(fleet: &Fleet, resolution: &Resolution) -> BTreeSet<String> {
    let sites = resolution.sets.iter().flat_map(|solved| {
        let over = solved.asked.holds.iter().filter(|(_, (_, is_over))| *is_over);
        over.flat_map(|(feature, _)| solved.asked.sites.iter().map(move |site| (site, feature)))
    });
    let texts = sites.filter_map(|(site, feature)| {
        let hold = fleet.inventory.site(site.as_str())?.holds.get(feature)?;
        let until = hold.until?;
        Some(format!(
            "{}: the hold of {feature} at {} was meant until {until}, and holds no more; remove it, or give it another day",
            hold.from.at, hold.version
        ))
    });
    texts.collect()
}

fn tell(moves: &[Move], door: &Door) -> std::io::Result<()> {
    let texts: Vec<(Tone, &str, String, String)> = moves
        .iter()
        .map(|step| {
            let feature = &step.feature;
            let (tone, mark, what) = match (&step.from, &step.to) {
                (Some(from), Some(to)) => (Tone::Warn, "~ ", format!("{feature} {from} → {to}")),
                (None, Some(to)) => (Tone::Good, "+ ", format!("{feature} {to}")),
                (Some(from), None) => (Tone::Bad, "- ", format!("{feature} {from}")),
                (None, None) => (Tone::Dim, "  ", feature.to_string()),
            };
            (tone, mark, what, plural(step.sites.len(), "site"))
        })
        .collect();
    let widest = texts.iter().map(|(_, _, what, _)| what.chars().count()).max().unwrap_or(0);
    let most = texts.iter().map(|(.., count)| count.len()).max().unwrap_or(0);
    let room = door.screen.columns().saturating_sub(widest + most + 6).max(24);
    let lines: Vec<Line> = moves
        .iter()
        .zip(texts)
        .map(|(step, (tone, mark, what, count))| {
            let gap = " ".repeat(widest - what.chars().count() + 2 + most - count.len());
            Line::of(tone, mark)
                .add(Tone::Strong, &what)
                .add(Tone::Plain, &format!("{gap}{count}"))
                .add(Tone::Dim, &format!("  {}", shortened(step, room)))
        })
        .collect();
    door.screen.show(&lines)
}

/// The sites of a move in about so many columns; how many there are stands before them.
fn shortened(step: &Move, room: usize) -> String {
    let text = listed(&step.sites, room);
    let count = format!(" ({})", step.sites.len());
    text.strip_suffix(&count).map_or(text.clone(), str::to_owned)
}

fn summary(
    fleet: &Fleet,
    resolution: &Resolution,
    is_changed: bool,
    stays: bool,
    check: bool,
) -> Line {
    let name = fleet.lock_name();
    let sites: usize = resolution.sets.iter().map(|solved| solved.asked.sites.len()).sum();
    let counts = format!(
        "{} in {}",
        plural(sites, "site"),
        plural(resolution.sets.len(), "requirement set")
    );
    match (is_changed, check, stays) {
        (false, ..) => Line::of(Tone::Good, &format!("{name} is up to date: ")),
        (true, true, false) => Line::of(Tone::Warn, &format!("{name} would change: ")),
        (true, true, true) => {
            Line::of(Tone::Warn, &format!("{name} would change, and no version with it: "))
        }
        (true, false, false) => Line::of(Tone::Good, &format!("{name} written: ")),
        (true, false, true) => {
            Line::of(Tone::Good, &format!("{name} written, all versions stay: "))
        }
    }
    .add(Tone::Plain, &counts)
}

fn to_json(step: &Move) -> Value {
    json!({ "feature": step.feature, "from": step.from, "to": step.to, "sites": step.sites })
}
