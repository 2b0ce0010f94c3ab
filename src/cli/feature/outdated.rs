//! `feature outdated`: what sites have, what would fit, and what there is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::{Door, Outcome, exit, flags::HostFlags, visit},
    feature::{Against, Solved, Trials, Update},
    model::{FeatureName, SiteName},
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
    /// The newest that everybody's requirements allow, once everything may move.
    fits: Version,
    newest: Version,
    held: bool,
    /// When the hold ended that is still locked.
    hold_ended: Option<Date>,
    /// Whether what the sites have was yanked.
    is_yanked: bool,
    /// What keeps newer ones from fitting, where none fits that is free to move.
    obstacle: Option<Obstacle>,
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
    let resolved = fleet.resolve(&sites)?;
    let everything = [Update { feature: None, requirement: None }];
    let today = jiff::Zoned::now().date();
    let catalog = fleet.registry.catalog()?;
    let newest = fleet.relock(today, &everything, &catalog)?;
    let fitting: BTreeMap<_, _> =
        newest.sets.iter().map(|solved| (&solved.asked.set, solved)).collect();
    let trials = Trials::new(&catalog, None);
    let mut rows: BTreeMap<Row, BTreeSet<SiteName>> = BTreeMap::new();
    for solved in &resolved.resolution.sets {
        for (feature, chosen) in &solved.gets {
            let free = fitting.get(&solved.asked.set);
            let fits = free.and_then(|found| found.gets.get(feature));
            let published = catalog.get(feature).into_iter().flatten().rev();
            let mut published = published
                .filter(|(version, found)| found.yanked.is_none() && version.pre.is_empty());
            let has = chosen.version.clone();
            let own = catalog.get(feature).and_then(|all| all.get(&has));
            let is_yanked = own.is_some_and(|found| found.yanked.is_some());
            let newest = published.next().map_or(&has, |(version, _)| version).clone();
            let fits = fits.map_or(&has, |found| &found.version).clone();
            if fits != has || newest > has || is_yanked {
                let ended = fleet.hold_ended(solved, feature, today);
                let hold_ended = ended.filter(|_| chosen.held);
                let (feature, held) = (feature.clone(), chosen.held);
                let is_kept = fits == has && newest > has && !held;
                let obstacle =
                    free.filter(|_| is_kept).and_then(|free| Obstacle::of(&trials, free, &feature));
                let row = Row { feature, has, fits, newest, held, hold_ended, is_yanked, obstacle };
                rows.entry(row).or_default().extend(solved.asked.sites.iter().cloned());
            }
        }
    }
    let is_pending = rows.keys().any(|row| row.fits != row.has);
    if door.screen.is_json() {
        let rows: Vec<Value> = rows.iter().map(|(row, sites)| to_json(row, sites)).collect();
        door.screen.json(&json!({ "schema": 1, "outdated": rows }))?;
    } else if rows.is_empty() {
        let text = "every site has the newest published version of all its features";
        door.screen.show([&Line::of(Tone::Good, text)])?;
    } else {
        tell(&rows, door)?;
    }
    Ok(if is_pending { exit::PENDING } else { exit::DONE })
}

fn tell(rows: &BTreeMap<Row, BTreeSet<SiteName>>, door: &Door) -> std::io::Result<()> {
    let mut table = Table::new(&["FEATURE", "HAS", "FITS", "NEWEST", "SITES", "NEXT"]);
    for (row, sites) in rows {
        let next = match (row.fits == row.has, row.held) {
            (_, true) if row.hold_ended.is_some() => {
                let day = row.hold_ended.map(|day| day.to_string()).unwrap_or_default();
                (Tone::Warn, format!("fleetctl lock (the hold ended on {day})"))
            }
            (false, _) => (Tone::Warn, format!("fleetctl lock --update {}", row.feature)),
            (true, true) => (Tone::Dim, "held".to_owned()),
            (true, false) => (Tone::Dim, kept_by(row, sites)),
        };
        table.row([
            (Tone::Strong, row.feature.to_string()),
            (
                Tone::Plain,
                if row.is_yanked { format!("{} !", row.has) } else { row.has.to_string() },
            ),
            (Tone::Plain, row.fits.to_string()),
            (Tone::Plain, row.newest.to_string()),
            (Tone::Plain, sites.len().to_string()),
            next,
        ]);
    }
    door.screen.table(&table)?;
    let mut legend =
        "HAS: chosen now; FITS: newest that requirements and holds allow; NEWEST: newest published"
            .to_owned();
    if rows.keys().any(|row| row.is_yanked) {
        legend.push_str("; !: was yanked");
    }
    door.screen.note(&Line::of(Tone::Dim, &legend))
}

/// Why there is nothing to do about a row.
fn kept_by(row: &Row, sites: &BTreeSet<SiteName>) -> String {
    match row.obstacle {
        None => "nothing newer to have".to_owned(),
        Some(Obstacle::Requirements) => "requirements allow no newer one".to_owned(),
        Some(Obstacle::Platform) => "newer ones are for other platforms".to_owned(),
        Some(Obstacle::Others) => {
            let site = sites.first().map_or("SITE", SiteName::as_str);
            format!("others keep it back: fleetctl feature why {site} {}", row.feature)
        }
    }
}

fn to_json(row: &Row, sites: &BTreeSet<SiteName>) -> Value {
    json!({
        "feature": row.feature, "has": row.has, "fits": row.fits, "newest": row.newest,
        "held": row.held, "yanked": row.is_yanked, "hold_ended": row.hold_ended.map(|day| day.to_string()),
        "kept_by": row.obstacle.map(Obstacle::as_str), "sites": sites,
    })
}
