//! `history`: what happened. Of sites, from their hosts; without any, the runs of this project
//! on this machine.

use serde_json::{Value, json};

use super::{
    Door, Outcome,
    door::wait,
    flags::{HostFlags, TargetFlags},
    run_list,
    visit::{self, Visit, code_of_reading, read_only},
    when,
};
use crate::{
    engine::site::Site,
    release::{Record, Verb},
    report::{Line, Table, Tone},
};

/// What happened: of sites, as their hosts tell it; without any, the runs made from here.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
    /// How many at most, the newest
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    limit_to: usize,
}

/// Tells what happened.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let target = args.target.target();
    if target == crate::inventory::Target::default() {
        return run_list::list(args.limit_to, door);
    }
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    wait(async {
        let visit = Visit::reading(door, &fleet, &target).await?;
        read_only(&visit, "history", async |session| {
            let sites: Vec<&Site> =
                visit.sites.iter().filter_map(|name| session.sites().get(name)).collect();
            tell(&sites, args.limit_to, door)?;
            Ok(code_of_reading(session.sites().values()))
        })
        .await
    })
}

fn tell(sites: &[&Site], limit: usize, door: &Door) -> std::io::Result<()> {
    let records = |site: &Site| -> Vec<Record> {
        let all = site.seen.as_ref().map(|seen| seen.journal.records.clone()).unwrap_or_default();
        all.into_iter().rev().take(limit).collect()
    };
    if door.screen.is_json() {
        let sites: Vec<Value> = sites
            .iter()
            .map(|site| {
                let records: Vec<Value> = records(site).iter().map(to_json).collect();
                let why = site.trouble.as_ref().map(ToString::to_string);
                json!({ "site": site.mouth.site(), "records": records, "why": why })
            })
            .collect();
        return door.screen.json(&json!({ "schema": 1, "sites": sites }));
    }
    for (index, site) in sites.iter().enumerate() {
        if index > 0 {
            door.screen.show([&Line::new()])?;
        }
        door.screen.show([&Line::of(Tone::Strong, site.mouth.site().as_str())])?;
        if let Some(why) = &site.trouble {
            door.screen.show([&Line::of(Tone::Bad, "  ").add(Tone::Bad, &why.to_string())])?;
            continue;
        }
        let records = records(site);
        if records.is_empty() {
            door.screen.show([&Line::of(Tone::Dim, "  nothing yet")])?;
        } else {
            door.screen.first_fitting(&[6, 5, 4, 3].map(|columns| table(&records, columns)))?;
        }
    }
    Ok(())
}

fn table(records: &[Record], columns: usize) -> Table {
    let heads = ["WHEN", "WHAT", "RELEASE", "RUN", "WHO", "COMMAND"];
    let mut table = Table::new(heads.get(..columns).unwrap_or(&heads));
    for record in records {
        let note = |key: &str| record.notes.get(key).cloned().unwrap_or_default();
        let cells = [
            (Tone::Plain, when::of_seconds(note("at").parse().ok())),
            told(record.verb),
            (Tone::Plain, record.release.to_string()),
            (Tone::Dim, record.run.to_string()),
            (Tone::Dim, note("person")),
            (Tone::Dim, note("command")),
        ];
        table.row(cells.into_iter().take(columns));
    }
    table
}

fn told(verb: Verb) -> (Tone, String) {
    match verb {
        Verb::Activate => (Tone::Plain, "activated".to_owned()),
        Verb::Confirm => (Tone::Good, "confirmed".to_owned()),
        Verb::Undone => (Tone::Warn, "rolled back".to_owned()),
    }
}

fn to_json(record: &Record) -> Value {
    json!({
        "what": told(record.verb).1,
        "release": record.release,
        "digest": record.digest,
        "run": record.run,
        "notes": record.notes,
    })
}
