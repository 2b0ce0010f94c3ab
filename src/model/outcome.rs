//! What became of a site in a run. Every targeted site ends with exactly one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one outcome of a site in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It already was as wanted, and that was verified.
    Unchanged,
    /// It is now as wanted.
    Changed,
    /// A step or a gate failed, and the site was left where it then was.
    Failed,
    /// No connection, before anything was changed.
    Unreachable,
    /// It was left out on purpose.
    Skipped,
    /// The run stopped before its turn.
    NotStarted,
    /// It was changed, and what was there before is back.
    RolledBack,
    /// It was changed, and bringing back what was there failed.
    RollbackFailed,
    /// The connection was lost during a change, and the host has not been asked again.
    Indeterminate,
}

impl Outcome {
    /// All outcomes, in the order in which a recap counts them.
    pub const ALL: [Self; 9] = [
        Self::Unchanged,
        Self::Changed,
        Self::Skipped,
        Self::NotStarted,
        Self::RolledBack,
        Self::Unreachable,
        Self::Failed,
        Self::Indeterminate,
        Self::RollbackFailed,
    ];

    /// Whether the site is as the run wanted it.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Unchanged | Self::Changed | Self::Skipped)
    }

    /// The word used in every output and journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Skipped => "skipped",
            Self::NotStarted => "not_started",
            Self::RolledBack => "rolled_back",
            Self::RollbackFailed => "rollback_failed",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
