//! `ssh`: the system's own ssh, with what the inventory says about the site.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use super::{Door, Failure, Outcome, inventory::find};
use crate::model::Problem;

/// Log in on a site's host, as fleetctl would.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The site
    site: String,
    /// Only show the command
    #[arg(long)]
    show: bool,
    /// A command to run there instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Becomes ssh.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let project = door.project()?;
    let environment = door.environment(&project)?;
    let inventory = project.inventory(environment)?;
    let site = find(&inventory, &args.site)?;
    let mut settings = project.settings.ssh.site.clone();
    settings.overlay(&site.settings);
    let mut words: Vec<OsString> = vec!["ssh".into()];
    let mut add = |flag: &str, value: OsString| words.extend([flag.into(), value]);
    if let Some(port) = settings.port {
        add("-p", port.to_string().into());
    }
    if let Some(user) = &settings.user {
        add("-l", user.into());
    }
    for key in &settings.identity {
        add("-i", project.path(key).into());
    }
    if let Some(jump) = &settings.jump {
        add("-J", jump.into());
    }
    let mut known: Vec<String> =
        project.known_hosts(environment).iter().map(|path| path.display().to_string()).collect();
    known.push("~/.ssh/known_hosts".to_owned());
    // Paths with blanks need quotes of ssh's own (ssh_config(5)).
    let quoted =
        |path: &String| if path.contains(' ') { format!("\"{path}\"") } else { path.clone() };
    let known: Vec<String> = known.iter().map(quoted).collect();
    add("-o", format!("UserKnownHostsFile={}", known.join(" ")).into());
    words.push("--".into());
    words.push(site.address.as_deref().unwrap_or(site.name.as_str()).into());
    if !args.command.is_empty() {
        words.push(crate::shell::command_line(&args.command).into());
    }
    if args.show {
        let shown: Vec<String> =
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let line = crate::shell::command_line(&shown);
        door.screen.show([&crate::report::Line::verbatim(crate::report::Tone::Plain, &line)])?;
        return Ok(super::exit::DONE);
    }
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    // On success this never comes back.
    let why = Command::new(program).args(words).exec();
    let problem = Problem::new(format!("cannot run ssh: {why}"));
    Err(Failure {
        problems: problem.hint("install the OpenSSH client").into(),
        ..Failure::internal("")
    })
}
