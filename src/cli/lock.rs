//! `lock`: decides which versions every site gets, and writes that down.

mod stays;
mod tell;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Door, Failure, Outcome, exit, feature::Prospect, flags::HostFlags, visit};
use crate::{
    feature::{Lock, Moves, Resolution, Update},
    model::{FeatureName, Problem, Problems, SiteName},
    pipeline::{Fleet, LoadError},
    report::{Line, Tone, plural},
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
    let mut fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let catalog = fleet.registry.catalog()?;
    let resolution = fleet.relock(&updates, &catalog)?;
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
    let moves = fleet.moves(&resolution, &catalog, &updates);
    if is_changed && !args.check {
        fleet.project.write_lock(&fleet.environment, &text).map_err(|why| {
            Failure::internal(format!("{} cannot be written: {why}", fleet.lock_name()))
        })?;
    }
    let stays = if updates.iter().any(|update| update.feature.is_some()) {
        let prospect = Prospect::new(&fleet, &catalog);
        stays::stays(&fleet, &resolution, &moves, &updates, &prospect)
    } else {
        Vec::new()
    };
    let over = over(&fleet, &resolution);
    // What follows is about the fleet with this lock; what would be locked is not had yet.
    let next = Lock::of(&resolution);
    if !args.check {
        fleet.lock = Some(next.clone());
    }
    let yanked = Prospect::new(&fleet, &catalog).away(&resolution);
    fleet.lock = Some(next);
    let wanting = wanting(&fleet, &moves);
    if door.screen.is_json() {
        let each: Vec<Value> = moves.moves.iter().map(tell::to_json).collect();
        let unmoved = tell::rows(&Moves { moves: Vec::new(), ..moves.clone() }, stays);
        let unmoved: Vec<Value> = unmoved.iter().map(tell::unmoved_to_json).collect();
        door.screen.json(&json!({
            "schema": 1, "file": fleet.lock_name(), "changed": is_changed,
            "written": is_changed && !args.check, "moves": each, "unmoved": unmoved,
            "holds_over": over, "yanked": yanked,
            "wanting": wanting.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        tell::show(&tell::rows(&moves, stays), door)?;
        for text in over.iter().chain(&yanked) {
            door.screen.say(&[Line::of(Tone::Warn, "note: ").add(Tone::Plain, text)])?;
        }
        if !wanting.is_empty() {
            let text = "before this can be deployed:";
            door.screen.say(&[Line::of(Tone::Warn, "warning: ").add(Tone::Plain, text)])?;
            door.tell_notes(&wanting)?;
        }
        door.screen.show([&summary(
            &fleet,
            &resolution,
            is_changed,
            moves.moves.is_empty(),
            args.check,
        )])?;
        let is_of_all = updates.iter().any(|update| update.feature.is_none());
        if is_of_all && moves.moves.is_empty() {
            let text = "every feature is at the newest version that fits; what else is published: fleetctl feature outdated";
            door.screen.note(&Line::of(Tone::Dim, text))?;
        }
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

/// What the versions that sites get now ask of them, and they do not say: a new version, or what it
/// requires, may read variables that nobody has set.
fn wanting(fleet: &Fleet, moves: &Moves) -> Vec<Problem> {
    let gets = moves.moves.iter().filter(|step| step.to.is_some());
    let sites: BTreeSet<SiteName> = gets.flat_map(|step| step.sites.iter().cloned()).collect();
    if sites.is_empty() {
        return Vec::new();
    }
    match fleet.check(&Vec::from_iter(sites)) {
        Err(LoadError::Wrong(problems)) => problems.0,
        _ => Vec::new(),
    }
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
        let mut covered = fleet.inventory.site(site.as_str())?.covered.iter();
        let covered = covered.rfind(|weaker| weaker.feature == *feature);
        let then = covered.map(|weaker| {
            format!(" (then {} holds it at {}, {})", weaker.from.who, weaker.version, weaker.from.at)
        });
        Some(format!(
            "{}: the hold of {feature} at {} was meant until {until}, and holds no more; remove it{}, or give it another day",
            hold.from.at, hold.version, then.unwrap_or_default()
        ))
    });
    texts.collect()
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
        (false, ..) => Line::of(Tone::Good, &format!("{name} is up to date, nothing moves: ")),
        (true, true, false) => Line::of(Tone::Warn, &format!("{name} would change: ")),
        (true, true, true) => Line::of(
            Tone::Warn,
            &format!("{name} would change, but no site gets another version: "),
        ),
        (true, false, false) => Line::of(Tone::Good, &format!("{name} written: ")),
        (true, false, true) => {
            Line::of(Tone::Good, &format!("{name} written, no site gets another version: "))
        }
    }
    .add(Tone::Plain, &counts)
}
