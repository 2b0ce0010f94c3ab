//! `import`: sites that other tools know, as an inventory to be looked over and kept.

use std::{fs, io::Read as _};

use clap::Subcommand;

use super::{Door, Failure, Outcome, exit, files};
use crate::{
    inventory::import::{Imported, from_csv, from_ssh_config, from_trellis},
    model::{Problem, Problems},
    report::{Line, Tone, plural},
};

/// Where sites are taken from.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Hosts of an `ssh_config`
    SshConfig(Args),
    /// A table with a header: name, address, port, user, url, docroot, platform, groups, tags
    Csv(Args),
    /// The `wordpress_sites.yml` of Roots Trellis
    Trellis(Args),
}

/// What is read and where it goes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; `-` is standard input
    file: String,
    /// Write the inventory to this file, which must not exist yet; without it, to the screen
    #[arg(long, value_name = "FILE")]
    to: Option<String>,
}

/// Reads sites and writes an inventory.
pub fn run(verb: &Verb, door: &Door) -> Outcome {
    type Read = fn(&str, &str) -> Result<Imported, Problems>;
    let (args, read): (_, Read) = match verb {
        Verb::SshConfig(args) => (args, from_ssh_config),
        Verb::Csv(args) => (args, from_csv),
        Verb::Trellis(args) => (args, from_trellis),
    };
    let found = read(&args.file, &text(&args.file, door)?)?;
    for note in &found.notes {
        door.tell_note(note)?;
    }
    if found.count() == 0 {
        return Err(Problem::new(format!("{}: there are no sites in it", args.file)).into());
    }
    let yaml = found.to_yaml();
    let Some(to) = &args.to else {
        let lines: Vec<Line> = yaml.lines().map(|line| Line::verbatim(Tone::Plain, line)).collect();
        door.screen.show(&lines)?;
        return Ok(exit::DONE);
    };
    files::write_new(&door.path(to), &yaml)?;
    let line = Line::of(Tone::Good, "+ ").add(Tone::Plain, to);
    let next = Line::of(Tone::Dim, "next: ").add(
        Tone::Plain,
        "look it over, say which features the sites want, and `fleetctl validate`",
    );
    let line = line.add(Tone::Dim, &format!("  {}", plural(found.count(), "site")));
    door.screen.show(&[line, next])?;
    Ok(exit::DONE)
}

fn text(file: &str, door: &Door) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        fs::read_to_string(door.path(file)).map(|found| text = found)
    };
    match read {
        Ok(()) => Ok(text),
        Err(why) => Err(Failure::usage(Problem::new(format!("{file}: {why}")))),
    }
}
