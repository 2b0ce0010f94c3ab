//! `host-lock`: who holds the locks of sites, and breaking one that nobody will give back.

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Door, Failure, Outcome,
    confirm::agreed_or_stopped,
    door::wait,
    exit,
    flags::{HostFlags, TargetFlags},
    visit::{self, Visit, code_of_reading, read_only},
    when,
};
use crate::{
    engine::{host::Rights, session::Session, site::Site},
    model::Problem,
    plan::HostLock,
    report::{Line, Table, Tone},
};

/// How long a host may take to break its lock.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is done with host locks.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Locks that are held, or were left behind
    #[command(visible_alias = "list")]
    Ls(Args),
    /// Break locks whose runs are dead; their owners, if they live, change nothing any more
    Break(Args),
}

/// At which sites.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
}

/// Looks, or breaks.
pub fn run(verb: &Verb, door: &Door) -> Outcome {
    let (args, is_break) = match verb {
        Verb::Ls(args) => (args, false),
        Verb::Break(args) => (args, true),
    };
    let target = args.target.target();
    if is_break && target == crate::inventory::Target::default() {
        let problem = Problem::new("whose locks to break is for you to say");
        return Err(Failure::usage(
            problem.hint("`fleetctl host-lock ls` shows those that are held"),
        ));
    }
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    wait(async {
        let visit = Visit::reading(door, &fleet, &target).await?;
        read_only(&visit, "host-lock", async |session| {
            let held = held(session);
            tell(&held, door)?;
            let code = code_of_reading(session.sites().values());
            if !is_break || held.is_empty() {
                return Ok(code);
            }
            let question = format!("Break {}?", crate::report::plural(held.len(), "lock"));
            if !agreed_or_stopped(&question, door).await? {
                return Ok(exit::ABORTED);
            }
            break_all(&held, door).await.map(|broken| if broken { code } else { exit::FAILED })
        })
        .await
    })
}

fn held<'s>(session: &'s Session<'_>) -> Vec<(&'s Site, &'s HostLock)> {
    let sites = session.sites().values();
    sites.filter_map(|site| Some((site, site.seen.as_ref()?.lock.as_ref()?))).collect()
}

async fn break_all(held: &[(&Site, &HostLock)], door: &Door) -> Result<bool, Failure> {
    let all = held.iter().map(|(site, lock)| async move {
        let make = |marker: &str| site.place.break_lock(marker, lock.run.as_str());
        (site.mouth.site(), site.host.run(Rights::Owner, &[], PATIENCE, make).await)
    });
    let mut all_broken = true;
    for (site, done) in futures::future::join_all(all).await {
        let line = match done {
            Ok(_) => Line::of(Tone::Good, "- ")
                .add(Tone::Strong, site.as_str())
                .add(Tone::Plain, "  broken"),
            Err(why) => {
                all_broken = false;
                let line = Line::of(Tone::Bad, "✗ ").add(Tone::Strong, site.as_str());
                line.add(Tone::Plain, &format!("  {why}"))
            }
        };
        door.screen.say(&[line])?;
    }
    Ok(all_broken)
}

fn tell(held: &[(&Site, &HostLock)], door: &Door) -> std::io::Result<()> {
    if door.screen.is_json() {
        let locks: Vec<Value> = held
            .iter()
            .map(|(site, lock)| {
                json!({
                    "site": site.mouth.site(), "run": lock.run, "left": lock.left,
                    "person": lock.holder.person, "command": lock.holder.command, "at": lock.holder.at,
                })
            })
            .collect();
        return door.screen.json(&json!({ "schema": 1, "locks": locks }));
    }
    if held.is_empty() {
        return door.screen.show([&Line::of(Tone::Good, "no lock is held")]);
    }
    let mut table = Table::new(&["SITE", "RUN", "WHO", "SINCE", "LEASE", "COMMAND"]);
    for (site, lock) in held {
        let lease = match lock.left {
            0 => (Tone::Dim, "over".to_owned()),
            left => (Tone::Warn, format!("{} left", when::span(left))),
        };
        table.row([
            (Tone::Strong, site.mouth.site().to_string()),
            (Tone::Plain, lock.run.to_string()),
            (Tone::Plain, lock.holder.person.clone()),
            (Tone::Dim, when::of_seconds(i64::try_from(lock.holder.at).ok())),
            lease,
            (Tone::Dim, lock.holder.command.clone()),
        ]);
    }
    door.screen.table(&table)
}
