//! The pure state machines of a rollout: who is next, when to stop, what to undo; and the
//! decision of a gate.
//!
//! No clock, no I/O: the engine's dispatcher tells what happened ([`Input`]) and does what it
//! is told ([`Order`]). The same inputs give the same orders, so a rollout is rebuilt from a
//! journal by telling it everything once more ([`Rollout::replay`]). Orders are given in the
//! order in which they should begin; how many run at once across hosts is the dispatcher's
//! affair, but there are never two at one host.

mod board;
mod budget;
mod code;
pub mod gate;
mod machine;
#[cfg(test)]
mod model_test;
mod order;
mod phases;
mod sizes;

use std::{collections::BTreeMap, time::Duration};

pub use code::{Flags, exit_code};
pub use machine::Rollout;
pub use order::schedule;

use crate::{
    event::{Event, OnAbort, Released, Signal, Staged, Undone},
    model::{Outcome, SiteName},
};

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An ordered staging ended.
    Staged(SiteName, Staged),
    /// An ordered release ended.
    Released(SiteName, Released),
    /// An ordered undo ended.
    Undone(SiteName, Undone),
    /// An ordered settling ended, well or not.
    Settled(SiteName),
    /// The ordered pause is over.
    PauseOver,
    /// Somebody asked the run to stop.
    Interrupted(Signal),
}

impl Input {
    /// The input that a journal's event stands for, if it stands for one.
    #[must_use]
    pub fn from_event(event: &Event) -> Option<Self> {
        Some(match event {
            Event::SiteStaged { site, result } => Self::Staged(site.clone(), *result),
            Event::SiteReleased { site, result } => Self::Released(site.clone(), *result),
            Event::SiteUndone { site, result } => Self::Undone(site.clone(), *result),
            Event::SiteSettled { site } => Self::Settled(site.clone()),
            Event::PauseEnded => Self::PauseOver,
            Event::Interrupted { signal } => Self::Interrupted(*signal),
            _ => return None,
        })
    }
}

/// Something to do at a site. The order of the variants is their urgency at one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errand {
    /// Bring back what was there before the run.
    Undo,
    /// before → activate → reload → gates → confirm → after.
    Release,
    /// Lock, check, upload, verify.
    Stage,
    /// Prune and give back the lock, if one is held.
    Settle,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Begin an errand at a site. It ends with the input of the same name.
    Begin(Errand, SiteName),
    /// Wait, then give [`Input::PauseOver`].
    Pause(Duration),
    /// Tell the audiences.
    Announce(Announcement),
    /// The site has its one outcome; at most a settling follows.
    Conclude(SiteName, Outcome),
    /// All is done. Always last, once.
    Finish {
        /// Every targeted site.
        outcomes: BTreeMap<SiteName, Outcome>,
        /// Why the run ended as it did, for [`exit_code`] with what only the caller knows.
        flags: Flags,
        /// The exit code by these flags.
        code: u8,
    },
}

/// What the audiences should hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
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
        /// How many there are.
        of: usize,
        /// The sites in it.
        sites: Vec<SiteName>,
    },
    /// The run stops early.
    Aborted {
        /// Why, with figures.
        why: String,
        /// What will be undone.
        policy: OnAbort,
    },
}

impl From<Announcement> for Event {
    fn from(announcement: Announcement) -> Self {
        match announcement {
            Announcement::StagingEnded { ready, failed } => Self::StagingEnded { ready, failed },
            Announcement::BatchStarted { number, of, sites } => {
                Self::BatchStarted { number, of, sites }
            }
            Announcement::Aborted { why, policy } => {
                Self::Aborted { why, policy: policy.as_str().to_owned() }
            }
        }
    }
}
