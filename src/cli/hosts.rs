//! `hosts`: the machines themselves.

mod doctor;
mod ping;
mod trust;

use clap::Subcommand;

use super::{Door, Outcome};

/// What is done with hosts.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Whether hosts answer, let us in and run a command
    Ping(ping::Args),
    /// Whether hosts have what a deploy needs
    Doctor(doctor::Args),
    /// Show the keys of hosts, and add them to the project's `known_hosts`
    Trust(trust::Args),
}

/// Does it.
pub fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::Ping(args) => ping::run(&args, door),
        Verb::Doctor(args) => doctor::run(&args, door),
        Verb::Trust(args) => trust::run(&args, door),
    }
}
