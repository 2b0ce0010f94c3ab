//! `inventory`: which sites there are, what holds for one, and how groups contain each other.

mod explain;
mod export;
mod graph;
mod list;

use clap::Subcommand;
pub use explain::find;

use super::{Door, Failure, Outcome};
use crate::{inventory::Inventory, project::Project};

/// What is asked of the inventory.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The sites, with their hosts, groups and features
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// What holds for a site, and which file and line said it
    Explain(explain::Args),
    /// Groups, the groups in them, and how many sites each has
    Graph,
    /// The inventory as other tools read it
    Export(export::Args),
}

/// Answers.
pub fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::List(args) => list::run(&args, door),
        Verb::Explain(args) => explain::run(&args, door),
        Verb::Graph => graph::run(door),
        Verb::Export(args) => export::run(&args, door),
    }
}

/// The inventory that is meant.
///
/// # Errors
/// No project, and everything wrong in it.
fn open(door: &Door) -> Result<(Project, Inventory), Failure> {
    let project = door.project()?;
    let environment = door.environment(&project)?;
    let inventory = project.inventory(environment)?;
    door.tell_notes(&inventory.notes)?;
    Ok((project, inventory))
}
