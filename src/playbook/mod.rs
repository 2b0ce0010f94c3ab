//! Playbooks: which sites, in which waves, with which gates and commands.
//!
//! A bounded part of Ansible's language with the same words. What is not supported is refused
//! with its place and a way out, never ignored: a task that is silently not run is worse than
//! a run that does not begin. Pure: texts in, plays or all problems out.

mod read;
mod release;
mod rollout;

pub use read::parse;
pub use release::{ReleaseSpec, Reload};
pub use rollout::{RolloutSpec, SiteOrder};

use crate::model::Position;

/// One play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// What people call it.
    pub name: String,
    /// The pattern of its sites, as written: names of groups and sites, globs, commas.
    pub hosts: String,
    /// Where the pattern is written; `None` in the built-in play.
    pub at: Option<Position>,
    /// How it reaches its sites.
    pub rollout: RolloutSpec,
    /// What goes with the release at each site.
    pub release: ReleaseSpec,
}

impl Default for Play {
    /// The play of a project without `playbooks/deploy.yml`.
    fn default() -> Self {
        Self {
            name: "deploy".to_owned(),
            hosts: "all".to_owned(),
            at: None,
            rollout: RolloutSpec::default(),
            release: ReleaseSpec::default(),
        }
    }
}
