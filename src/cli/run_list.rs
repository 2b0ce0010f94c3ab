//! `run`: the runs made from this machine, from their journals.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Door, Failure, Outcome, exit, when};
use crate::{
    event::Event,
    model::{self, Problem, RunId, did_you_mean},
    report::{Line, Table, Tone, plural},
    store::{Brief, State, Store},
};

/// What is asked about runs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The runs made from here, the newest first
    #[command(visible_alias = "ls")]
    List {
        /// How many at most
        #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
        limit_to: usize,
    },
    /// A run once more, as it was shown
    Show {
        /// The run; its beginning will do, and `last` is the newest
        run: String,
    },
}

/// Answers.
pub fn run(verb: &Verb, door: &Door) -> Outcome {
    match verb {
        Verb::List { limit_to } => list(*limit_to, door),
        Verb::Show { run } => show(run, door),
    }
}

/// The runs made from here, the newest first.
pub fn list(limit: usize, door: &Door) -> Outcome {
    let store = Store::of_project(&door.project()?.root);
    let mut briefs: Vec<Brief> = Vec::new();
    for run in store.runs()?.iter().rev() {
        if briefs.len() == limit {
            break;
        }
        match store.brief(run) {
            Ok(brief) => briefs.extend(brief),
            Err(why) => {
                door.screen
                    .note(&Line::of(Tone::Warn, "note: ").add(Tone::Plain, &why.to_string()))?;
            }
        }
    }
    if door.screen.is_json() {
        let runs: Vec<Value> = briefs.iter().map(to_json).collect();
        door.screen.json(&json!({ "schema": 1, "runs": runs }))?;
        return Ok(exit::DONE);
    }
    if briefs.is_empty() {
        door.screen.show([&Line::of(Tone::Dim, "no runs were made from here yet")])?;
        return Ok(exit::DONE);
    }
    door.screen.first_fitting(&[7, 6, 5, 4].map(|columns| table(&briefs, columns)))?;
    Ok(exit::DONE)
}

fn table(briefs: &[Brief], columns: usize) -> Table {
    let heads = ["RUN", "WHAT", "SITES", "ENDED", "WHEN", "WHO", "COMMAND"];
    let mut table = Table::new(heads.get(..columns).unwrap_or(&heads));
    for brief in briefs {
        let cells = [
            (Tone::Strong, brief.header.run.to_string()),
            (Tone::Plain, brief.header.verb.clone()),
            (Tone::Plain, brief.header.sites.len().to_string()),
            ended(brief),
            (Tone::Plain, when::of_millis(brief.at)),
            (Tone::Dim, brief.header.person.clone()),
            (Tone::Dim, brief.header.command.clone()),
        ];
        table.row(cells.into_iter().take(columns));
    }
    table
}

fn ended(brief: &Brief) -> (Tone, String) {
    match (&brief.finished, brief.state) {
        (Some(Event::RunFinished { code, counts, .. }), _) => {
            // In the recap's order: the same story in the same words.
            let all: Vec<String> = model::Outcome::ALL
                .iter()
                .filter_map(|outcome| Some(format!("{} {outcome}", counts.get(outcome)?)))
                .collect();
            let tone = if *code == 0 { Tone::Good } else { Tone::Bad };
            let code = if *code == 0 { String::new() } else { format!(", exit {code}") };
            (tone, format!("{}{code}", all.join(", ")))
        }
        (_, State::Running) => (Tone::Warn, "running".to_owned()),
        _ => (Tone::Bad, "interrupted".to_owned()),
    }
}

fn show(typed: &str, door: &Door) -> Outcome {
    let store = Store::of_project(&door.project()?.root);
    let run = find(typed, &store.runs()?)?;
    let reading = store.read(&run)?;
    let mut reporter = door.screen.replay();
    for event in &reading.events {
        reporter.event(event)?;
    }
    reporter.suspend()?;
    if reading.state == State::Interrupted {
        let text = format!("interrupted after {}", plural(reading.events.len(), "event"));
        door.screen.say(&[Line::of(Tone::Warn, &text)])?;
    }
    Ok(exit::DONE)
}

fn find(typed: &str, runs: &[RunId]) -> Result<RunId, Failure> {
    if typed == "last"
        && let Some(last) = runs.last()
    {
        return Ok(last.clone());
    }
    let found: Vec<&RunId> = runs.iter().filter(|run| run.as_str().starts_with(typed)).collect();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let problem = Problem::new(format!("there is no run `{typed}` here"));
            let near = did_you_mean(typed, runs.iter().map(RunId::as_str));
            let hint = near.map_or_else(
                || "`fleetctl run list` lists them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Err(Failure::usage(problem.hint(hint)))
        }
        several => {
            let problem =
                Problem::new(format!("`{typed}` begins {}", plural(several.len(), "run")));
            let names: Vec<&str> = several.iter().take(5).map(|run| run.as_str()).collect();
            Err(Failure::usage(problem.hint(format!("say more: {}", names.join(", ")))))
        }
    }
}

fn to_json(brief: &Brief) -> Value {
    json!({
        "at": brief.at, "run": brief.header.run, "verb": brief.header.verb,
        "environment": brief.header.environment, "sites": brief.header.sites,
        "person": brief.header.person, "command": brief.header.command, "commit": brief.header.commit,
        "ended": ended(brief).1,
    })
}
