//! The one enum between the engine and its audiences.
//!
//! The engine has no mouth: whatever it does becomes an [`Event`], made by the dispatcher
//! alone, and reporters and the run journal read nothing else. The JSON form is a public
//! format (`docs/events.md`): `SCHEMA` rises when a reader of the old form would misread the
//! new one.

mod safe;
mod schedule;

use std::{collections::BTreeMap, io};

pub use safe::{json_line, one_line, sanitize, sanitize_bytes};
pub use schedule::{
    Batches, Budget, OnAbort, Released, Schedule, Share, Signal, Slot, Staged, Undone,
};

use serde::{Deserialize, Serialize};

use crate::model::{Digest, FeatureName, Outcome, ReleaseName, RunId, SiteName};

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Milliseconds since the Unix epoch, by the control machine's clock; for people only,
    /// no decision is taken on it.
    pub at: u64,
    /// Position in the run, from 0, without holes.
    pub index: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// An audience: something that is told what happens, in order.
pub trait Reporter {
    /// Takes one event.
    ///
    /// # Errors
    /// When it cannot be written.
    fn event(&mut self, event: &Stamped) -> io::Result<()>;

    /// Says what time it is (as [`Stamped::at`]), a few times a second, for audiences that
    /// show time passing. Most do not.
    ///
    /// # Errors
    /// When the screen cannot be written.
    fn tick(&mut self, _now: u64) -> io::Result<()> {
        Ok(())
    }

    /// Leaves the screen to somebody else, for a question, until the next event.
    ///
    /// # Errors
    /// When the screen cannot be written.
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The steps of a site's way through a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// TCP, key exchange, host key, authentication.
    Connect,
    /// The reading of everything the plan wants to know.
    Probe,
    /// Taking the host lock, uploading, verifying.
    Stage,
    /// Commands before activation.
    Before,
    /// Links, the switch of `current`, the journal record.
    Activate,
    /// Reloading of what serves the site.
    Reload,
    /// Health gates.
    Gate,
    /// Making the release the confirmed one.
    Confirm,
    /// Commands after confirmation.
    After,
    /// Bringing back what was there.
    Undo,
    /// Pruning and giving back the lock.
    Settle,
    /// A command of the user's (`exec`).
    Run,
}

/// What a run is going to do, said before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the JSON form ([`SCHEMA`]).
    pub schema: u32,
    /// The run.
    pub run: RunId,
    /// The verb: `deploy`, `rollback`, `exec`, …
    pub verb: String,
    /// The command as typed, secrets removed.
    pub command: String,
    /// Who runs it (`user@machine`).
    pub person: String,
    /// The environment's name.
    pub environment: String,
    /// The project's commit, if it is a git work tree.
    pub commit: Option<String>,
    /// Whether that work tree had uncommitted changes.
    pub dirty: bool,
    /// Digests of what the run was computed from: `inventory`, `lock`, `project`.
    pub pins: BTreeMap<String, Digest>,
    /// Every targeted site, in order.
    pub sites: Vec<SiteName>,
}

/// A feature as a site has it.
pub type Versions = BTreeMap<FeatureName, semver::Version>;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins. Always first.
    RunStarted(Header),
    /// A site could be reached and has been read.
    SiteProbed {
        /// The site.
        site: SiteName,
        /// What it has now; empty when nothing.
        versions: Versions,
        /// Its current release, if any.
        release: Option<ReleaseName>,
    },
    /// What will be done to a site; `changes` is empty when nothing will.
    SitePlanned {
        /// The site.
        site: SiteName,
        /// Lines such as `contact-form 2.1.4 → 2.2.0` or `link … added`, no secrets.
        changes: Vec<String>,
        /// The versions it will have.
        versions: Versions,
    },
    /// Something a person should know that stops nothing.
    Warned {
        /// The site it is about, if any.
        site: Option<SiteName>,
        /// What.
        message: String,
    },
    /// A step begins at a site. The journal holds this before the host hears of it.
    StepStarted {
        /// The site.
        site: SiteName,
        /// The step.
        step: Step,
        /// The release that the step is about.
        release: Option<ReleaseName>,
    },
    /// A step ended well.
    StepDone {
        /// The site.
        site: SiteName,
        /// The step.
        step: Step,
        /// Milliseconds it took.
        took: u64,
        /// Bytes sent, where the step sends any.
        sent: u64,
        /// One line for people.
        detail: Option<String>,
    },
    /// A step did not end well.
    StepFailed {
        /// The site.
        site: SiteName,
        /// The step.
        step: Step,
        /// What happened, why, and what to do.
        why: String,
        /// The tail of what the host said, made safe for a terminal.
        tail: Vec<String>,
        /// Whether nobody knows if the step took effect.
        indeterminate: bool,
    },
    /// One attempt of a gate.
    GateTried {
        /// The site.
        site: SiteName,
        /// The gate, as `http GET / → 200`.
        gate: String,
        /// The attempt, from 1.
        attempt: u32,
        /// Whether it was a success.
        ok: bool,
        /// What was seen.
        detail: String,
    },
    /// Output of a command of the user's at a site, whole, made safe for a terminal.
    Output {
        /// The site.
        site: SiteName,
        /// Standard output, kept up to the cap.
        stdout: String,
        /// Standard error, kept up to the cap.
        stderr: String,
        /// The exit status; `None` when it ended by a signal.
        status: Option<u32>,
        /// Bytes that were dropped above the cap.
        dropped: u64,
    },
    /// The plan is confirmed, and the rollout begins. With the results that follow it, a
    /// rollout can be rebuilt.
    RolloutPlanned(Schedule),
    /// Staging ended at a site.
    SiteStaged {
        /// The site.
        site: SiteName,
        /// How.
        result: Staged,
    },
    /// Staging is done everywhere; batches begin.
    StagingEnded {
        /// Sites staged and ready.
        ready: usize,
        /// Sites that could not be staged.
        failed: usize,
    },
    /// A batch begins.
    BatchStarted {
        /// From 1.
        number: usize,
        /// How many batches there are.
        of: usize,
        /// The sites in it.
        sites: Vec<SiteName>,
    },
    /// The release of a site ended: gates and confirmation included.
    SiteReleased {
        /// The site.
        site: SiteName,
        /// How.
        result: Released,
    },
    /// The undoing of a site ended.
    SiteUndone {
        /// The site.
        site: SiteName,
        /// How.
        result: Undone,
    },
    /// A site is pruned and its lock given back; this run does not touch it again.
    SiteSettled {
        /// The site.
        site: SiteName,
    },
    /// A pause begins between batches.
    Paused {
        /// Milliseconds.
        millis: u64,
    },
    /// The pause is over.
    PauseEnded,
    /// Somebody asked the run to stop: nothing new is begun, what is begun is finished.
    Interrupted {
        /// By which signal.
        signal: Signal,
    },
    /// The run stops early.
    Aborted {
        /// Why: `budget` or `interrupted`, with figures.
        why: String,
        /// What is done about it: the `on_abort` policy.
        policy: String,
    },
    /// A site has its one outcome.
    SiteFinished {
        /// The site.
        site: SiteName,
        /// The outcome.
        outcome: Outcome,
        /// Where it stands now, if known.
        release: Option<ReleaseName>,
        /// What it has now: empty for nothing, `None` when not known.
        versions: Option<Versions>,
        /// Why, where the outcome is not good.
        why: Option<String>,
    },
    /// The run is over. Always last.
    RunFinished {
        /// Sites by outcome.
        counts: BTreeMap<Outcome, usize>,
        /// The exit code.
        code: u8,
        /// Milliseconds from the first event.
        took: u64,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCS: &str = include_str!("../docs/events.md");

    fn examples() -> impl Iterator<Item = &'static str> {
        DOCS.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next())
    }

    /// The names of all events, from what serde says it would have taken.
    fn every_name() -> BTreeSet<String> {
        let error = serde_json::from_str::<Event>(r#"{"event":"?"}"#).unwrap_err().to_string();
        let names = error.split_once("expected one of").unwrap().1;
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_documents_examples_are_the_events_we_write() {
        for example in examples() {
            let event: Stamped = serde_json::from_str(example).expect(example);
            assert_eq!(serde_json::to_string(&event).unwrap(), example);
        }
    }

    #[test]
    fn every_event_is_documented() {
        let shown: BTreeSet<String> = examples()
            .map(|e| serde_json::from_str::<serde_json::Value>(e).unwrap())
            .map(|e| e["event"].as_str().unwrap().to_owned())
            .collect();
        assert!(shown.len() > 20);
        assert_eq!(shown, every_name());
        for name in &shown {
            assert!(DOCS.contains(&format!("### `{name}`")), "{name} has no heading");
        }
    }
}
