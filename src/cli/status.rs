//! `status`: what runs where, from the hosts alone, so that every machine tells the same story.

use serde_json::{Value, json};

use super::{
    Door, Outcome,
    door::wait,
    flags::{HostFlags, TargetFlags},
    visit::{self, Visit, code_of_reading, read_only},
    when,
};
use crate::{
    engine::site::{Site, versions},
    event::Versions,
    model::SiteName,
    release::{Record, Verb},
    report::{Line, Table, Tone, collapse, listed, plural},
};

/// What runs where: features, releases, whether they were confirmed, when and by whom.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
}

/// How a site stands.
struct Standing {
    site: SiteName,
    versions: Versions,
    release: Option<String>,
    state: (Tone, String),
    at: Option<i64>,
    who: String,
    run: String,
    is_unknown: bool,
}

/// Asks all hosts.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    let target = args.target.target();
    wait(async {
        let visit = Visit::reading(door, &fleet, &target).await?;
        read_only(&visit, "status", async |session| {
            let found = visit.sites.iter().filter_map(|name| session.sites().get(name));
            let all: Vec<Standing> = found.map(Standing::of).collect();
            tell(&all, door)?;
            Ok(code_of_reading(session.sites().values()))
        })
        .await
    })
}

impl Standing {
    fn of(site: &Site) -> Self {
        let mut standing = Self {
            site: site.mouth.site().clone(),
            versions: Versions::new(),
            release: None,
            state: (Tone::Dim, "never deployed".to_owned()),
            at: None,
            who: String::new(),
            run: String::new(),
            is_unknown: site.seen.is_none(),
        };
        let Some(seen) = &site.seen else {
            let why =
                site.trouble.as_ref().map_or_else(|| "not read".to_owned(), ToString::to_string);
            standing.state = (Tone::Bad, why);
            return standing;
        };
        standing.versions = versions(seen.current.as_ref().map(|current| &current.about));
        let Some(name) = seen.current_name() else {
            if let Some(current) = &seen.current {
                standing.state = (
                    Tone::Bad,
                    format!("`current` leads to {}, which is none of ours", current.link),
                );
            } else if let Some(last) =
                seen.journal.records.last().filter(|last| last.verb == Verb::Undone)
            {
                standing.state = (Tone::Warn, format!("rolled back to nothing by {}", last.run));
                standing.take(last);
            }
            return standing;
        };
        standing.release = Some(name.to_string());
        let record = seen.journal.last_of(name);
        if let Some(record) = record {
            standing.take(record);
        }
        let is_present = seen.current.as_ref().is_some_and(|current| current.present);
        standing.state = match record.map(|record| record.verb) {
            _ if !is_present => (Tone::Bad, "the release is gone".to_owned()),
            Some(Verb::Confirm) => match left_behind(&seen.journal.records, &standing.run) {
                Some(rejected) => (Tone::Warn, format!("rolled back from {}", rejected.release)),
                None => (Tone::Good, "confirmed".to_owned()),
            },
            Some(Verb::Activate) => (Tone::Warn, "not confirmed".to_owned()),
            Some(Verb::Undone) => (Tone::Bad, "rolled back, and still current".to_owned()),
            None => (Tone::Warn, "not in the host's journal".to_owned()),
        };
        standing
    }

    fn features(&self) -> String {
        let features = self.versions.iter().map(|(name, version)| format!("{name} {version}"));
        features.collect::<Vec<_>>().join(", ")
    }

    fn take(&mut self, record: &Record) {
        self.at = record.notes.get("at").and_then(|at| at.parse().ok());
        self.who = record.notes.get("person").cloned().unwrap_or_default();
        self.run = record.run.to_string();
    }
}

/// The release that the run which made this one current has taken back, if it was a rollback.
fn left_behind<'r>(records: &'r [Record], run: &str) -> Option<&'r Record> {
    let mut newest = records.iter().rev();
    newest.find(|record| record.verb == Verb::Undone && record.run.as_str() == run)
}

fn tell(all: &[Standing], door: &Door) -> std::io::Result<()> {
    if door.screen.is_json() {
        let sites: Vec<Value> = all
            .iter()
            .map(|one| {
                json!({
                    "site": one.site, "features": one.versions, "release": one.release,
                    "state": one.state.1, "at": one.at, "person": one.who, "run": one.run,
                })
            })
            .collect();
        return door.screen.json(&json!({ "schema": 1, "sites": sites }));
    }
    let tables = [6, 5, 4, 3].map(|columns| table(all, columns));
    let room = door.screen.table_columns();
    let narrowest = tables.last().map(|table| table.lines(None)).unwrap_or_default();
    if narrowest.iter().any(|line| line.width() > room) {
        door.screen.show(&grouped(all, room))?;
    } else {
        door.screen.first_fitting(&tables)?;
    }
    door.screen.show(&summary(all, door.screen.columns()))
}

/// One row for each site, and of what is known as many columns as asked for.
fn table(all: &[Standing], columns: usize) -> Table {
    let heads = ["SITE", "FEATURES", "STATE", "WHEN", "RELEASE", "WHO"];
    let mut table = Table::new(heads.get(..columns).unwrap_or(&heads));
    for one in all {
        let cells = [
            (Tone::Strong, one.site.to_string()),
            (Tone::Plain, one.features()),
            one.state.clone(),
            (Tone::Dim, when::of_seconds(one.at)),
            (Tone::Dim, one.release.clone().unwrap_or_default()),
            (Tone::Dim, one.who.clone()),
        ];
        table.row(cells.into_iter().take(columns));
    }
    table
}

/// Sites that stand alike, told once: for a narrow screen.
fn grouped(all: &[Standing], columns: usize) -> Vec<Line> {
    let alike = all.iter().map(|one| (one.site.clone(), (one.features(), one.state.clone())));
    let mut lines = Vec::new();
    for group in collapse(alike) {
        let (features, (tone, state)) = group.what;
        lines.push(Line::of(Tone::Strong, &listed(&group.sites, columns)));
        let features = if features.is_empty() { "no features".to_owned() } else { features };
        lines.push(Line::of(Tone::Plain, &format!("  {features}")));
        lines.push(Line::of(tone, &format!("  {state}")));
    }
    lines
}

/// What runs where, feature by feature; where versions differ, the fewer sites are named.
fn summary(all: &[Standing], columns: usize) -> Vec<Line> {
    let mut features: std::collections::BTreeMap<_, std::collections::BTreeMap<_, Vec<&SiteName>>> =
        std::collections::BTreeMap::new();
    for one in all {
        for (feature, version) in &one.versions {
            let sites = features.entry(feature).or_default().entry(version).or_default();
            sites.push(&one.site);
        }
    }
    let head = Line::of(Tone::Strong, &plural(all.len(), "site"));
    let head = match all.iter().filter(|one| one.is_unknown).count() {
        0 => head,
        unknown => head.add(Tone::Bad, &format!(", {unknown} could not be read")),
    };
    let mut lines = vec![Line::new(), head];
    for (feature, versions) in features {
        let most = versions.values().map(Vec::len).max().unwrap_or(0);
        let parts = versions.iter().rev().map(|(version, sites)| {
            if versions.len() > 1 && sites.len() < most {
                format!(
                    "{} on {version} ({})",
                    sites.len(),
                    listed(sites.iter().copied(), columns / 3)
                )
            } else {
                format!("{} on {version}", sites.len())
            }
        });
        let text = format!("  {feature}: {}", parts.collect::<Vec<_>>().join(", "));
        lines.push(Line::of(Tone::Plain, &text));
    }
    lines
}
