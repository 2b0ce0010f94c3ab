//! The door: what people type, and what they see of it.
//!
//! One file per verb: its arguments and its `run`. A verb asks the rooms below and tells the
//! person; it decides nothing itself. Every way out has a documented code ([`exit`]), and
//! nothing else in the house knows the command line.

mod artifact;
mod audience;
mod audit;
mod confirm;
mod deploy;
mod door;
mod exec;
pub mod exit;
mod failure;
mod feature;
mod files;
mod flags;
mod history;
mod host_lock;
mod hosts;
mod import;
mod init;
mod inventory;
mod lock;
mod new;
mod plan;
mod preview;
mod problems;
mod run_list;
mod screen;
mod ssh;
mod status;
mod validate;
mod visit;
mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use door::Door;
use failure::{Failure, Outcome};
use flags::Global;
use screen::Screen;

/// Deploys features to fleets of websites over SSH: versioned, verified, in batches, undoable.
#[derive(Debug, Parser)]
#[command(name = "fleetctl", version, arg_required_else_help = true, after_help = exit::TABLE)]
#[command(infer_subcommands = false, max_term_width = 100, propagate_version = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a new project, ready to be filled in
    Init(init::Args),
    /// Add a site or a feature to the project
    #[command(subcommand)]
    New(new::Verb),
    /// Take over sites from an `ssh_config`, a table or Trellis
    #[command(subcommand)]
    Import(import::Verb),
    /// Check everything that is written in the project
    Validate(validate::Args),
    /// What the inventory says
    #[command(subcommand)]
    Inventory(inventory::Verb),
    /// Features and their published versions
    #[command(subcommand)]
    Feature(feature::Verb),
    /// Archives, judged before anybody trusts them
    #[command(subcommand)]
    Artifact(artifact::Verb),
    /// Write down which version of each feature every site gets
    Lock(lock::Args),
    /// Hosts: their keys, whether they answer
    #[command(subcommand)]
    Hosts(hosts::Verb),
    /// Show what a deploy would do
    Plan(plan::Args),
    /// Bring sites to what they should have, in batches, with health gates
    Deploy(deploy::Args),
    /// Bring sites back to the release they had before
    Rollback(deploy::RollbackArgs),
    /// What runs where
    Status(status::Args),
    /// What happened: at sites, or in runs made from here
    History(history::Args),
    /// Find what is not as released
    Audit(audit::Args),
    /// Run a command at sites
    Exec(exec::Args),
    /// The runs made from here
    #[command(subcommand)]
    Run(run_list::Verb),
    /// Who holds the locks of sites
    #[command(subcommand)]
    HostLock(host_lock::Verb),
    /// Log in on a site's host
    Ssh(ssh::Args),
}

/// Parses the command line, runs it, and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => {
            // Help and versions are what was asked for; everything else is code 2.
            let _ = said.print();
            return ExitCode::from(if said.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let screen = Screen::new(&cli.global);
    let door = Door::new(cli.global, screen);
    let code = run(cli.verb, &door).unwrap_or_else(|failure| {
        screen.fail(&failure);
        failure.code
    });
    ExitCode::from(code)
}

fn run(verb: Verb, door: &Door) -> Outcome {
    match verb {
        Verb::Init(args) => init::run(&args, door),
        Verb::New(verb) => new::run(verb, door),
        Verb::Import(verb) => import::run(&verb, door),
        Verb::Validate(args) => validate::run(&args, door),
        Verb::Inventory(verb) => inventory::run(verb, door),
        Verb::Feature(verb) => feature::run(verb, door),
        Verb::Artifact(verb) => artifact::run(&verb, door),
        Verb::Lock(args) => lock::run(&args, door),
        Verb::Hosts(verb) => hosts::run(verb, door),
        Verb::Plan(args) => plan::run(&args, door),
        Verb::Deploy(args) => deploy::run(&args, door),
        Verb::Rollback(args) => deploy::run_rollback(&args, door),
        Verb::Status(args) => status::run(&args, door),
        Verb::History(args) => history::run(&args, door),
        Verb::Audit(args) => audit::run(&args, door),
        Verb::Exec(args) => exec::run(&args, door),
        Verb::Run(verb) => run_list::run(&verb, door),
        Verb::HostLock(verb) => host_lock::run(&verb, door),
        Verb::Ssh(args) => ssh::run(&args, door),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ansibles_words_are_understood() {
        let words =
            ["fleetctl", "hosts", "ping", "--tags", "tier=canary", "--forks", "3", "-l", "a*"];
        assert!(Cli::try_parse_from(words).is_ok());
    }
}
