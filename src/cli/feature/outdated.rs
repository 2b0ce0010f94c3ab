//! `feature outdated`: what sites have, what would fit, and what there is.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jiff::civil::Date;
use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::{Door, Outcome, exit, flags::HostFlags, visit},
    feature::{Against, Catalog, Choice, Chosen, Resolution, Solved, Trials, Update},
    model::{FeatureName, Problem, Problems, SiteName},
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
    /// What a plain `lock` brings, where that is another one.
    next: Option<Version>,
    /// The newest that everybody's requirements allow, once everything may move.
    fits: Version,
    newest: Version,
    held: bool,
    /// When the hold ended that is still locked.
    hold_ended: Option<Date>,
    /// Whether what the sites have was yanked.
    is_yanked: bool,
    /// Whether an update of this feature alone brings what fits.
    is_alone: bool,
    /// What such an update takes back to older versions.
    costs: Vec<(FeatureName, Version)>,
    /// What keeps newer ones from fitting, where none fits that is free to move.
    obstacle: Option<Obstacle>,
}

impl Row {
    /// Whether there is something to do, and not only something to know.
    fn is_pending(&self) -> bool {
        let is_better = self.fits > self.has || self.is_yanked && self.fits != self.has;
        self.next.is_some() || is_better
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
    let compared = Compared::of(&fleet, &mut conflict)?;
    let mut rows: BTreeMap<Row, BTreeSet<SiteName>> = BTreeMap::new();
    for solved in &resolved.resolution.sets {
        for (feature, chosen) in &solved.gets {
            if let Some(row) = compared.row(solved, feature, chosen) {
                rows.entry(row).or_default().extend(solved.asked.sites.iter().cloned());
            }
        }
    }
    let is_pending = rows.keys().any(Row::is_pending);
    if door.screen.is_json() {
        conflict.or(())?;
        let rows: Vec<Value> = rows.iter().map(|(row, sites)| to_json(row, sites)).collect();
        door.screen.json(&json!({ "schema": 1, "outdated": rows }))?;
    } else {
        if !rows.is_empty() {
            tell(&rows, door)?;
        } else if conflict.0.is_empty() {
            let text = "every site has the newest published version of all its features";
            door.screen.show([&Line::of(Tone::Good, text)])?;
        }
        conflict.or(())?;
    }
    Ok(if is_pending { exit::PENDING } else { exit::DONE })
}

/// What there is besides what the sites have.
struct Compared<'a> {
    fleet: &'a Fleet,
    catalog: Catalog,
    today: Date,
    /// What a plain `lock` would choose.
    next: Choice,
    /// What `lock --update` would choose, and the same by site.
    free: (Resolution, Choice),
    /// What an update of one feature would choose.
    alone: BTreeMap<FeatureName, Choice>,
}

impl<'a> Compared<'a> {
    fn of(fleet: &'a Fleet, conflict: &mut Problems) -> Result<Self, LoadError> {
        let today = jiff::Zoned::now().date();
        let catalog = fleet.registry.catalog()?;
        let (next, refused) = fleet.relock_most(today, &[], &catalog)?;
        let known = |problem: &Problem| conflict.0.contains(problem);
        let more: Vec<Problem> = refused.0.into_iter().filter(|problem| !known(problem)).collect();
        conflict.0.extend(more);
        let everything = [Update { feature: None, requirement: None }];
        let (free, _) = fleet.relock_most(today, &everything, &catalog)?;
        let (next, by_site) = (next.choice(), free.choice());
        let mut alone = BTreeMap::new();
        for (site, gets) in &by_site {
            let before = next.get(site);
            let is_moved = |(name, to): &(&FeatureName, &Chosen)| {
                before.is_none_or(|before| before.get(*name) != Some(to))
            };
            for (feature, _) in gets.iter().filter(is_moved) {
                if alone.contains_key(feature) {
                    continue;
                }
                let update = [Update { feature: Some(feature.clone()), requirement: None }];
                // What cannot move alone, because then nobody has it, may move with others.
                let found = fleet.relock_most(today, &update, &catalog);
                alone.insert(feature.clone(), found.unwrap_or_default().0.choice());
            }
        }
        Ok(Self { fleet, catalog, today, next, free: (free, by_site), alone })
    }

    fn row(&self, solved: &Solved, feature: &FeatureName, chosen: &Chosen) -> Option<Row> {
        let site = solved.asked.sites.first()?;
        let same = |choice: &Choice| Some(choice.get(site)?.get(feature)?.version.clone());
        let has = chosen.version.clone();
        let next = same(&self.next).filter(|next| *next != has);
        let fits = same(&self.free.1).or_else(|| next.clone()).unwrap_or_else(|| has.clone());
        let published = self.catalog.get(feature).into_iter().flatten();
        let mut usable =
            published.filter(|(version, found)| found.yanked.is_none() && version.pre.is_empty());
        let newest = usable.next_back().map_or(&has, |(version, _)| version).clone();
        let own = self.catalog.get(feature).and_then(|all| all.get(&has));
        let is_yanked = own.is_some_and(|found| found.yanked.is_some());
        if next.is_none() && fits == has && newest <= has && !is_yanked {
            return None;
        }
        let alone = self.alone.get(feature);
        let after = alone.and_then(|choice| choice.get(site)).into_iter().flatten();
        let costs = after.filter(|(name, to)| {
            let before = solved.gets.get(*name).filter(|_| *name != feature);
            before.is_some_and(|before| to.version < before.version)
        });
        let is_kept = fits == has && newest > has && !chosen.held;
        let obstacle = || {
            let free = self.free.0.of_site(site)?;
            Obstacle::of(&Trials::new(&self.catalog, None), free, feature)
        };
        Some(Row {
            hold_ended: self.fleet.hold_ended(solved, feature, self.today).filter(|_| chosen.held),
            is_alone: alone.and_then(same).as_ref() == Some(&fits),
            costs: costs.map(|(name, to)| (name.clone(), to.version.clone())).collect(),
            obstacle: is_kept.then(obstacle).flatten(),
            feature: feature.clone(),
            held: chosen.held,
            has,
            next,
            fits,
            newest,
            is_yanked,
        })
    }
}

fn tell(rows: &BTreeMap<Row, BTreeSet<SiteName>>, door: &Door) -> std::io::Result<()> {
    let mut table = Table::new(&["FEATURE", "HAS", "FITS", "NEWEST", "SITES", "NEXT"]);
    for (row, sites) in rows {
        let has = if row.is_yanked { format!("{} !", row.has) } else { row.has.to_string() };
        let tone = if row.is_pending() { Tone::Warn } else { Tone::Dim };
        table.row([
            (Tone::Strong, row.feature.to_string()),
            (Tone::Plain, has),
            (Tone::Plain, row.fits.to_string()),
            (Tone::Plain, row.newest.to_string()),
            (Tone::Plain, sites.len().to_string()),
            (tone, what_next(row, sites)),
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

/// What to do about a row, or why there is nothing to do.
fn what_next(row: &Row, sites: &BTreeSet<SiteName>) -> String {
    let update = || {
        let name = if row.is_alone { format!(" {}", row.feature) } else { String::new() };
        format!("fleetctl lock --update{name}")
    };
    if let Some(next) = &row.next {
        let ended = row.hold_ended.map(|day| format!("the hold ended on {day}"));
        let brings = (*next != row.fits).then(|| format!("brings {next}"));
        let remark: Vec<String> = brings.into_iter().chain(ended).collect();
        let remark = remark.join("; ");
        let gap = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
        return format!("fleetctl lock{gap}");
    }
    match row.fits.cmp(&row.has) {
        _ if row.held => "held".to_owned(),
        Ordering::Greater if row.is_alone && !row.costs.is_empty() => {
            let each = row.costs.iter().map(|(name, to)| format!("{name} back to {to}"));
            format!("{} (with it {})", update(), each.collect::<Vec<_>>().join(", "))
        }
        Ordering::Greater => update(),
        Ordering::Less if row.is_yanked => format!("{} (to an older one)", update()),
        Ordering::Less if !row.has.pre.is_empty() => {
            format!("a pre-release; back to {}: {}", row.fits, update())
        }
        Ordering::Less => "nothing newer to have".to_owned(),
        Ordering::Equal => kept_by(row, sites),
    }
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
        "next": row.next, "held": row.held, "yanked": row.is_yanked, "hold_ended": row.hold_ended.map(|day| day.to_string()),
        "kept_by": row.obstacle.map(Obstacle::as_str), "sites": sites,
    })
}
