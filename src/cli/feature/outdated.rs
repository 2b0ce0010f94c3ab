//! `feature outdated`: what sites have, what would fit, and what there is.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jiff::civil::Date;
use semver::Version;
use serde_json::{Value, json};

use super::{
    had::Had,
    prospect::{Next, Prospect, costs_said},
};
use crate::{
    cli::{Door, Outcome, exit, flags::HostFlags, visit},
    feature::{Against, Resolution, Solved, Trials, Update},
    model::{FeatureName, Problem, SiteName},
    pipeline::{Fleet, LoadError},
    report::{Line, Table, Tone},
};

/// What could be newer. Exit code 10 when a newer version fits than is locked.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// The versions of a feature that some sites have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    feature: FeatureName,
    has: Version,
    next: Coming,
    /// The newest that everybody's requirements allow, once everything may move.
    fits: Version,
    /// The newest that is neither yanked nor a pre-release; `None` where there is none.
    newest: Option<Version>,
    held: bool,
    /// When the hold ended that is still locked.
    hold_ended: Option<Date>,
    /// Whether what the sites have was yanked.
    is_yanked: bool,
    /// Whether an update of this feature alone brings what fits.
    is_alone: bool,
    /// What the update takes back to older versions.
    costs: Vec<(FeatureName, Version)>,
    /// What keeps newer ones from fitting, where none fits that is free to move.
    obstacle: Option<Obstacle>,
}

/// What a plain `lock` makes of a version.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Same,
    /// This, and whether it was yanked.
    To(Version, bool),
    Gone,
}

impl Row {
    /// Whether there is something to do, and not only something to know.
    fn is_pending(&self) -> bool {
        let is_better = self.fits > self.has || self.is_yanked && self.fits != self.has;
        self.next != Coming::Same || is_better
    }
}

/// What stands in the way of all newer versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    /// Somebody asks for another one.
    Requirements,
    /// They are for other platforms.
    Platform,
    /// Other features: their requirements, holds and opt-outs.
    Others,
}

impl Obstacle {
    /// The last one that is found is the nearest to be overcome: what others keep back would do
    /// for all that is asked of the feature itself.
    fn of(trials: &Trials<'_>, solved: &Solved, feature: &FeatureName) -> Option<Self> {
        let mut nearest = None;
        for (_, against) in trials.newer(solved, feature) {
            let found = match against {
                Against::Yanked(_) | Against::PreRelease => continue,
                Against::Asked { .. } => Self::Requirements,
                Against::Platforms(_) => Self::Platform,
                Against::Impossible(_) | Against::Possible(_) => return Some(Self::Others),
            };
            nearest = nearest.max(Some(found));
        }
        nearest
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Requirements => "requirements",
            Self::Platform => "platform",
            Self::Others => "other features",
        }
    }
}

/// Compares.
pub fn run(_: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let sites: Vec<SiteName> =
        fleet.inventory.sites().iter().map(|site| site.name.clone()).collect();
    // What some cannot have keeps nobody from being told about the others.
    let (resolved, mut conflict) = fleet.resolve_most(&sites)?;
    let catalog = fleet.registry.catalog()?;
    let prospect = Prospect::new(&fleet, &catalog);
    let refused = prospect.plain().1.0.iter();
    let more: Vec<Problem> = refused.filter(|one| !conflict.0.contains(one)).cloned().collect();
    conflict.0.extend(more);
    let rows = rows(&resolved.resolution, &prospect)?;
    let is_pending = rows.keys().any(Row::is_pending);
    if door.screen.is_json() {
        conflict.or(())?;
        let rows: Vec<Value> = rows.iter().map(|(row, sites)| to_json(row, sites)).collect();
        door.screen.json(&json!({ "schema": 1, "outdated": rows }))?;
    } else {
        if !rows.is_empty() {
            tell(&rows, &fleet, door)?;
        } else if conflict.0.is_empty() {
            let text = "every site has the newest version of all its features that is neither yanked nor a pre-release";
            door.screen.show([&Line::of(Tone::Good, text)])?;
        }
        conflict.or(())?;
    }
    Ok(if is_pending { exit::PENDING } else { exit::DONE })
}

type Rows = BTreeMap<Row, BTreeSet<SiteName>>;

/// What there is to tell, feature by feature: an update of each is tried at most once.
fn rows(resolution: &Resolution, prospect: &Prospect<'_>) -> Result<Rows, LoadError> {
    let everything = [Update { feature: None, requirement: None }];
    let (free, _) = prospect.fleet.relock_most(&everything, prospect.catalog)?;
    let compared = Compared { prospect, free, trials: Trials::new(prospect.catalog, None) };
    let had = Had::of(prospect.fleet);
    let mut rows = Rows::new();
    let features: BTreeSet<&FeatureName> =
        resolution.sets.iter().flat_map(|solved| solved.gets.keys()).collect();
    for feature in features {
        for solved in &resolution.sets {
            for (has, sites) in had.by_version(solved, feature) {
                if let Some(row) = compared.row(solved, feature, has) {
                    rows.entry(row).or_default().extend(sites.into_iter().cloned());
                }
            }
        }
    }
    Ok(rows)
}

/// What there is besides what the sites have.
struct Compared<'a> {
    prospect: &'a Prospect<'a>,
    /// What `lock --update` would choose.
    free: Resolution,
    trials: Trials<'a>,
}

impl Compared<'_> {
    fn row(&self, solved: &Solved, feature: &FeatureName, has: &Version) -> Option<Row> {
        let Self { prospect, free, trials } = self;
        let free = free.of_set(&solved.asked.set);
        // A hold that has ended holds nothing, also where the next lock changes nothing yet.
        let is_held = |solved: &Solved| solved.gets.get(feature).is_some_and(|one| one.held);
        let after = prospect.plain().0.of_set(&solved.asked.set);
        let held = is_held(after.unwrap_or(solved));
        let has = has.clone();
        let published = prospect.catalog.get(feature);
        let is_yanked = |version: &Version| {
            published.and_then(|all| all.get(version)?.yanked.as_ref()).is_some()
        };
        let next = match prospect.next(solved, feature, &has) {
            Next::Same => Coming::Same,
            Next::To(to) => Coming::To(to.version.clone(), is_yanked(&to.version)),
            Next::Gone => Coming::Gone,
        };
        let mut usable = published
            .into_iter()
            .flatten()
            .filter(|(version, found)| found.yanked.is_none() && version.pre.is_empty());
        let newest = usable.next_back().map(|(version, _)| version.clone());
        let (is_yanked, is_behind) = (is_yanked(&has), newest.as_ref() > Some(&has));
        let version_in =
            |found: &Solved| found.gets.get(feature).map(|chosen| chosen.version.clone());
        let mut fits = free.and_then(version_in).unwrap_or_else(|| has.clone());
        let (mut is_alone, mut costs) = (false, Vec::new());
        if fits != has || is_yanked || is_behind && !held {
            let update = prospect.update(feature);
            let alone = update.as_deref().and_then(|all| all.of_set(&solved.asked.set));
            let alone = alone.and_then(version_in);
            // Everything together may find no way to what one alone finds, at the cost of others.
            if fits == has && is_yanked {
                fits = alone.clone().unwrap_or(fits);
            }
            fits = alone.clone().map_or(fits.clone(), |alone| alone.max(fits));
            is_alone = alone.as_ref() == Some(&fits);
            let update = update.filter(|_| is_alone);
            costs = update.map(|all| prospect.costs(solved, feature, &all)).unwrap_or_default();
        }
        if next == Coming::Same && fits == has && !is_behind && !is_yanked {
            return None;
        }
        let is_kept = fits == has && is_behind && !held;
        let ended = prospect.fleet.hold_ended(solved, feature);
        Some(Row {
            obstacle: free.filter(|_| is_kept).and_then(|free| Obstacle::of(trials, free, feature)),
            hold_ended: ended.filter(|_| is_held(solved) && next != Coming::Same),
            feature: feature.clone(),
            held,
            has,
            next,
            fits,
            newest,
            is_yanked,
            is_alone,
            costs,
        })
    }
}

fn tell(rows: &Rows, fleet: &Fleet, door: &Door) -> std::io::Result<()> {
    let mut table = Table::new(&["FEATURE", "HAS", "FITS", "NEWEST", "SITES", "NEXT"]);
    for (row, sites) in rows {
        let has = if row.is_yanked { format!("{} !", row.has) } else { row.has.to_string() };
        let tone = if row.is_pending() { Tone::Warn } else { Tone::Dim };
        table.row([
            (Tone::Strong, row.feature.to_string()),
            (Tone::Plain, has),
            (Tone::Plain, row.fits.to_string()),
            (Tone::Plain, row.newest.as_ref().map_or("none".to_owned(), Version::to_string)),
            (Tone::Plain, sites.len().to_string()),
            (tone, what_next(row, sites, fleet)),
        ]);
    }
    door.screen.table(&table)?;
    let mut legend =
        "HAS: chosen now; FITS: newest that requirements and holds allow; NEWEST: newest published, neither yanked nor a pre-release"
            .to_owned();
    if rows.keys().any(|row| row.is_yanked) {
        legend.push_str("; !: was yanked");
    }
    door.screen.note(&Line::of(Tone::Dim, &legend))
}

/// What to do about a row, or why there is nothing to do.
fn what_next(row: &Row, sites: &BTreeSet<SiteName>, fleet: &Fleet) -> String {
    let update = || {
        let name = if row.is_alone { format!(" {}", row.feature) } else { String::new() };
        let command = fleet.command(&format!("lock --update{name}"));
        format!("{command}{}", costs_said(&row.costs))
    };
    if row.next != Coming::Same {
        let ended = row.hold_ended.map(|day| format!("the hold ended on {day}"));
        let brings = match &row.next {
            Coming::To(next, is_yanked) => {
                let yanked = if *is_yanked { ", which was yanked" } else { "" };
                let older = if *next < row.has { ", which is older" } else { "" };
                let is_worth = *next != row.fits || *is_yanked || *next < row.has;
                is_worth.then(|| format!("brings {next}{older}{yanked}"))
            }
            Coming::Same | Coming::Gone => Some("takes it away".to_owned()),
        };
        let remark: Vec<String> = brings.into_iter().chain(ended).collect();
        let remark = remark.join("; ");
        let gap = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
        return format!("{}{gap}", fleet.command("lock"));
    }
    match row.fits.cmp(&row.has) {
        _ if row.held => "held".to_owned(),
        Ordering::Greater => update(),
        Ordering::Less if row.is_yanked => format!("to an older one: {}", update()),
        Ordering::Less => "nothing newer to have".to_owned(),
        Ordering::Equal => kept_by(row, sites, fleet),
    }
}

/// Why there is nothing to do about a row.
fn kept_by(row: &Row, sites: &BTreeSet<SiteName>, fleet: &Fleet) -> String {
    match row.obstacle {
        None => "nothing newer to have".to_owned(),
        Some(Obstacle::Requirements) => "requirements allow no newer one".to_owned(),
        Some(Obstacle::Platform) => "newer ones are for other platforms".to_owned(),
        Some(Obstacle::Others) => {
            let site = sites.first().map_or("SITE", SiteName::as_str);
            let why = fleet.command(&format!("feature why {site} {}", row.feature));
            format!("others keep it back: {why}")
        }
    }
}

fn to_json(row: &Row, sites: &BTreeSet<SiteName>) -> Value {
    let next = if let Coming::To(next, _) = &row.next { Some(next) } else { None };
    json!({
        "feature": row.feature, "has": row.has, "fits": row.fits, "newest": row.newest,
        "next": next, "gone": row.next == Coming::Gone, "held": row.held, "yanked": row.is_yanked, "hold_ended": row.hold_ended.map(|day| day.to_string()),
        "kept_by": row.obstacle.map(Obstacle::as_str), "sites": sites,
    })
}
