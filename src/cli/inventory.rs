//! `inventory`: which sites there are, what holds for one, and how groups contain each other.

mod explain;
mod graph;
mod list;

use clap::Subcommand;
pub use explain::find;

use super::{Door, Failure, Outcome};

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
}

/// Answers.
pub fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::List(args) => list::run(&args, door),
        Verb::Explain(args) => explain::run(&args, door),
        Verb::Graph => graph::run(door),
    }
}

/// The inventory that is meant.
///
/// # Errors
/// No project, and everything wrong in it.
fn open(door: &Door) -> Result<crate::inventory::Inventory, Failure> {
    let project = door.project()?;
    let environment = door.environment(&project)?;
    Ok(project.inventory(environment)?)
}
