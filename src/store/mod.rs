//! The run journal: `.fleetctl/runs/<run>/journal.jsonl`, append-only lines of events.
//!
//! A journal is an audience like any other, but the one that comes first: what it holds is on
//! disk before a host hears of it, and a run that cannot write it stops. A journal is never
//! truncated or repaired by a reader: a line cut off at its end is not read, and a damaged one
//! is reported with its place. The control machine's records are for people and for resuming;
//! what stands on a host is known by the host.

mod journal;
mod open;
mod runs;

use std::{io, path::PathBuf};

pub use journal::{Journal, Parsed, parse};
pub use open::{OpenSite, Progress, open_sites};
pub use runs::{Brief, Interrupted, Reading, State, Store};
use thiserror::Error;

use crate::{event::Stamped, model::RunId};

/// Why a journal could not be written or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The journal cannot be written: no host may be changed.
    #[error("cannot write the run journal {}: {source}", path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a run with this identity.
    #[error("there is a run {0} already")]
    Exists(RunId),
    /// There is none.
    #[error("there is no run {0} here; `fleetctl history` lists them")]
    Unknown(RunId),
    /// A line that was written whole is no event.
    #[error("{}:{line}: this journal is damaged: {why}; it was left as it is", path.display())]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
        /// What the lines before it say.
        before: Vec<Stamped>,
    },
    /// A later fleetctl wrote it in a form that this one would misread.
    #[error("{}: written by a newer fleetctl (schema {schema}); use that one", path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        schema: u32,
    },
}
