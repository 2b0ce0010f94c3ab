//! What single steps need besides the place: the lock, and how it goes on from there.

use super::Rise;
use crate::{
    model::ReleaseName,
    plan::{Deployment, Holder, Prune, UndoRecord},
    playbook::Reload,
};

/// What taking the lock needs.
#[derive(Debug, Clone, Copy)]
pub struct Lock<'a> {
    /// Who takes it.
    pub holder: &'a Holder,
    /// A run that is known to be dead: its lock may be taken over.
    pub dead: Option<&'a str>,
    /// What `current` said when the plan was made; empty for nothing.
    pub current: &'a str,
    /// The generation when the plan was made.
    pub generation: u64,
}

impl Lock<'_> {
    pub(super) fn values(&self) -> [(&'static str, String); 4] {
        [
            ("who", self.holder.to_fields()),
            ("dead", self.dead.unwrap_or_default().to_owned()),
            ("expect_current", self.current.to_owned()),
            ("expect_generation", self.generation.to_string()),
        ]
    }
}

/// What an activation needs.
#[derive(Debug, Clone, Copy)]
pub struct Activation<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// The generation that the lock has.
    pub generation: u64,
    /// The line for the site's journal.
    pub intent: &'a str,
    /// Commands before anything changes: what they are called, and their text.
    pub before: &'a [(String, String)],
    /// What is reloaded after the switch.
    pub reload: &'a [Reload],
    /// How the reload gets its rights.
    pub rise: Rise,
    /// Seconds that each command may take.
    pub patience: u64,
}

/// What a confirmation needs.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation<'a> {
    /// The release.
    pub name: &'a ReleaseName,
    /// The generation that the lock has.
    pub generation: u64,
    /// The line for the site's journal.
    pub record: &'a str,
    /// Commands behind it: what they are called, and their text.
    pub after: &'a [(String, String)],
    /// Seconds that each command may take.
    pub patience: u64,
    /// What to remove before the lock is given back, where nothing can undo the site any more.
    pub settle: Option<&'a Prune>,
}

/// What an undo needs.
#[derive(Debug, Clone, Copy)]
pub struct UndoStep<'a> {
    /// What to take back.
    pub record: &'a UndoRecord,
    /// The generation that the lock has.
    pub generation: u64,
    /// The line for the site's journal.
    pub line: &'a str,
    /// What is reloaded after the switch back.
    pub reload: &'a [Reload],
    /// How the reload gets its rights.
    pub rise: Rise,
    /// Seconds that each command may take.
    pub patience: u64,
}
