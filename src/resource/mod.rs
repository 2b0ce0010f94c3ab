//! Typed desired state, and the small vocabulary that crosses the wire.
//!
//! A resource says what it wants to know ([`Fact`]), and judges the answers ([`Verdict`]).
//! What it wants done is a [`Change`]: operations forward, and how to undo them. Nothing here
//! knows how an operation is spelled in shell; nothing here touches a host.

mod gate;
mod link;

use std::collections::{BTreeMap, BTreeSet};

pub use gate::{Check, GateSpec, HttpCheck, StatusRule, Vantage};
pub use link::Link;
use serde::{Deserialize, Serialize};

/// An absolute path on a host.
pub type HostPath = String;

/// Something that the probe is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// What is at a path, not following a link at its end.
    Lstat(HostPath),
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lstat {
    /// Nothing is there, and its parent directory exists.
    Absent,
    /// Nothing is there, nor is the parent directory. Holds the nearest ancestor that exists.
    NoParent(HostPath),
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its target, as written.
    Link(String),
    /// A socket, fifo or device.
    Other,
    /// The host would not say.
    Denied(String),
}

/// What the probe saw.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// By path.
    pub lstat: BTreeMap<HostPath, Lstat>,
    /// Directories in which the owner may not write.
    pub read_only: BTreeSet<HostPath>,
}

/// A small step on a host. Each is idempotent: done twice is done once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Operation {
    /// Make a directory (and no parents) with mode 0755.
    MakeDirectory {
        /// Where.
        path: HostPath,
    },
    /// Remove a directory if it is empty.
    RemoveDirectory {
        /// Where.
        path: HostPath,
    },
    /// Put a symbolic link in place atomically; refuse if something else than a link is there.
    PutLink {
        /// Where.
        path: HostPath,
        /// What it points to, as written.
        target: String,
    },
    /// Remove a symbolic link if it points to `target`; leave anything else.
    RemoveLink {
        /// Where.
        path: HostPath,
        /// What it must point to, as written.
        target: String,
    },
    /// Move what is at `path` away, to slot `slot` of undo material.
    Keep {
        /// What.
        path: HostPath,
        /// Slot: release name and number.
        slot: String,
    },
    /// Move slot `slot` of undo material back to `path`.
    Restore {
        /// Where to.
        path: HostPath,
        /// Slot: release name and number.
        slot: String,
    },
}

/// How a change is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// By these, in this order.
    Operations(Vec<Operation>),
    /// There is nothing to take back.
    Nothing,
    /// It cannot be taken back.
    Impossible {
        /// Why.
        why: String,
    },
}

/// When, relative to the switch of `current`, a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// What the new release no longer has goes away before the switch.
    BeforeSwitch,
    /// What points into the new release comes after the switch.
    AfterSwitch,
}

/// One change to a host, with how it is shown, done and undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Stable within a plan: kind and subject.
    pub id: String,
    /// One line for the plan.
    pub summary: String,
    /// When.
    pub moment: Moment,
    /// What is done.
    pub forward: Vec<Operation>,
    /// How it is taken back.
    pub undo: Undo,
}

/// What a resource says when it has seen the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as wanted.
    Same,
    /// It will be after this.
    Change(Change),
    /// It cannot be made so, and nothing may be done to this site.
    Blocked {
        /// Why, and what to do.
        why: String,
    },
}
