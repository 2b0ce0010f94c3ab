//! `feature`: publish versions, list them, take one back; what sites get, and why.

mod against;
mod because;
mod had;
mod list;
mod matrix;
mod outdated;
mod prospect;
mod publish;
mod resolve;
mod way;
mod why;
mod yank;

pub use against::{Doubt, hold_said};
use clap::Subcommand;
pub use prospect::Prospect;

use super::{Door, Outcome};

/// What is done with features.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What is published, what is in the project, and what waits to be published
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// What each site gets, and because of what
    Resolve(resolve::Args),
    /// Why a site has that version and no newer one, or has it not
    Why(why::Args),
    /// Which versions the sites of each group have
    Matrix(matrix::Args),
    /// What could be newer; exit code 10 when something newer fits
    Outdated(outdated::Args),
    /// Publish the version in a feature's directory; published versions never change
    Publish(publish::Args),
    /// Mark a version as not to be chosen any more; sites that have it keep it
    Yank(yank::Args),
}

/// Does it.
pub fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::List(args) => list::run(&args, door),
        Verb::Resolve(args) => resolve::run(&args, door),
        Verb::Why(args) => why::run(&args, door),
        Verb::Matrix(args) => matrix::run(&args, door),
        Verb::Outdated(args) => outdated::run(&args, door),
        Verb::Publish(args) => publish::run(&args, door),
        Verb::Yank(args) => yank::run(&args, door),
    }
}
