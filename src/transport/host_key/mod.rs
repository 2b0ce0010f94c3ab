//! Whether a host's key is the one we know: a pure matcher over the text of `known_hosts`.
//!
//! Verdicts equal OpenSSH's or are stricter, never looser. What this matcher does not judge
//! (markers, wildcards and negation in a line for that host) it refuses with file and line
//! instead of reading it as something else. It never edits a file; [`append`] is called by
//! `hosts trust` alone. Called by `ssh` before anything is sent to a host.

mod append;
mod known;
mod name;
mod verdict;

pub use append::{AppendError, append};
pub use known::KnownHosts;
pub use name::LookupName;
pub use verdict::{HostKey, HostKeyProblem, Seen, Verdict};
