//! `feature`: publish versions, list them, take one back.

mod list;
mod publish;
mod yank;

use clap::Subcommand;

use super::{Door, Outcome};

/// What is done with features.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What is published, what is in the project, and what waits to be published
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Publish the version in a feature's directory; published versions never change
    Publish(publish::Args),
    /// Mark a version as not to be chosen any more; sites that have it keep it
    Yank(yank::Args),
}

/// Does it.
pub fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::List(args) => list::run(&args, door),
        Verb::Publish(args) => publish::run(&args, door),
        Verb::Yank(args) => yank::run(&args, door),
    }
}
