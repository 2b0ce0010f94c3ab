//! `hosts ping`: whether hosts answer, let us in and run a command, and how long that takes.

use std::{cell::RefCell, collections::BTreeMap, io};

use serde_json::{Value, json};

use crate::{
    cli::{
        Door, Outcome,
        audience::{Audience, attended},
        door::wait,
        flags::{HostFlags, TargetFlags},
        visit::{self, Visit, interrupted},
    },
    event::{Event, Stamped},
    model::SiteName,
    report::{Line, Table, Tone, collapse, listed, plural, took},
    rollout::exit_code,
};

/// Whether hosts answer, let us in and run a command.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
}

/// What became of a ping: milliseconds, or why there are none.
type Answers = BTreeMap<SiteName, Result<u64, String>>;

/// Asks.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    let target = args.target.target();
    wait(async {
        let visit = Visit::reading(door, &fleet, &target).await?;
        let audience = Audience::progress(&door.screen);
        let answers: RefCell<(BTreeMap<SiteName, u64>, Answers)> = RefCell::default();
        let mut out = |events: &[Stamped]| -> io::Result<()> {
            for event in events {
                note(event, &mut answers.borrow_mut());
            }
            audience.borrow_mut().hear(events)
        };
        let mut session = visit.session("ping", &mut out).await?;
        let ran = attended(&audience, session.exec(":", fleet.patience())).await;
        audience.borrow_mut().pause();
        session.close().await;
        drop(session);
        let (outcomes, flags) = ran.map_err(interrupted)?;
        tell(&answers.into_inner().1, door)?;
        Ok(exit_code(outcomes.into_values(), flags))
    })
}

fn note(stamped: &Stamped, (begun, answers): &mut (BTreeMap<SiteName, u64>, Answers)) {
    match &stamped.event {
        Event::StepStarted { site, .. } => {
            begun.insert(site.clone(), stamped.at);
        }
        Event::Output { site, .. } => {
            let since = begun.get(site).copied().unwrap_or(stamped.at);
            answers.insert(site.clone(), Ok(stamped.at.saturating_sub(since)));
        }
        Event::StepFailed { site, why, .. } => {
            answers.insert(site.clone(), Err(why.clone()));
        }
        _ => {}
    }
}

fn tell(answers: &Answers, door: &Door) -> io::Result<()> {
    if door.screen.is_json() {
        let sites: Vec<Value> = answers
            .iter()
            .map(|(site, answer)| {
                json!({ "site": site, "millis": answer.as_ref().ok(), "why": answer.as_ref().err() })
            })
            .collect();
        return door.screen.json(&json!({ "schema": 1, "sites": sites }));
    }
    let mut table = Table::new(&["SITE", "ANSWERED IN"]);
    for (site, answer) in answers {
        if let Ok(millis) = answer {
            table.row([(Tone::Strong, site.to_string()), (Tone::Good, took(*millis))]);
        }
    }
    if !table.is_empty() {
        door.screen.table(&table)?;
    }
    let failed =
        answers.iter().filter_map(|(site, answer)| Some((site.clone(), answer.as_ref().err()?)));
    let mut lines = Vec::new();
    for group in collapse(failed) {
        lines.push(Line::new());
        lines.push(Line::of(Tone::Strong, &listed(&group.sites, door.screen.columns())));
        lines.push(Line::of(Tone::Bad, "  ✗ ").add(Tone::Plain, group.what));
    }
    let good = answers.values().filter(|answer| answer.is_ok()).count();
    lines.push(Line::new());
    let line = Line::of(Tone::Strong, &format!("{}: ", plural(answers.len(), "site")));
    let line = line.add(Tone::Good, &format!("{good} answer"));
    lines.push(match answers.len() - good {
        0 => line,
        bad => line.add(Tone::Plain, ", ").add(Tone::Bad, &format!("{bad} do not")),
    });
    door.screen.show(&lines)
}
