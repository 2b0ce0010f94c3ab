//! `init`: a small project that validates, publishes and deploys as soon as it has an address.

use std::{fs, io, path::PathBuf};

use super::{Door, Failure, Outcome, exit, files};
use crate::{
    model::{Problem, Problems},
    report::{Line, Tone},
};

const FILES: [(&str, &str); 6] = [
    ("fleet.yml", include_str!("skeleton/fleet.yml")),
    ("inventory/sites.yml", include_str!("skeleton/sites.yml")),
    ("playbooks/deploy.yml", include_str!("skeleton/deploy.yml")),
    ("features/hello/feature.yml", include_str!("skeleton/hello.yml")),
    ("features/hello/templates/hello.js.j2", include_str!("skeleton/hello.js.j2")),
    (".gitignore", include_str!("skeleton/gitignore")),
];

/// Make a new project, ready to be filled in. Nothing that is there is overwritten.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where; made if need be
    #[arg(default_value = ".", value_name = "DIR")]
    directory: PathBuf,
}

/// Writes the files of a new project.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let typed = args.directory.display().to_string();
    let root = door.path(&typed);
    if root.join("fleet.yml").exists() {
        let problem = Problem::new(format!("{typed}: there is a fleet.yml already"));
        return Err(Failure::usage(
            problem.hint("nothing was written; `fleetctl validate` checks it"),
        ));
    }
    let mut files = Vec::new();
    let mut problems = Problems::default();
    for (path, text) in FILES {
        let at = root.join(path);
        match fs::symlink_metadata(&at) {
            // What git shall not keep is the person's own affair where they have said it.
            Ok(_) if path == ".gitignore" => {}
            Ok(_) => {
                let problem = Problem::new(format!("{typed}/{path}: is there already"));
                problems
                    .push(problem.hint("nothing was written; move it away, or write a fleet.yml"));
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => files.push((at, text)),
            Err(why) => problems.push(Problem::new(format!("{}: {why}", at.display()))),
        }
    }
    problems.or(()).map_err(Failure::usage)?;
    for (at, text) in &files {
        files::write_new(at, text)?;
    }
    let cd =
        if typed == "." { String::new() } else { format!("cd {}", crate::shell::quote(&typed)) };
    let next = [
        cd.as_str(),
        "$EDITOR inventory/sites.yml     # your first site and its address",
        "fleetctl validate",
        "fleetctl feature publish hello",
        "fleetctl hosts trust --site '*'",
        "fleetctl plan",
    ];
    let mut lines: Vec<Line> = files
        .iter()
        .filter_map(|(at, _)| at.strip_prefix(&root).ok())
        .map(|path| Line::of(Tone::Good, "+ ").add(Tone::Plain, &path.display().to_string()))
        .collect();
    lines.push(Line::of(Tone::Dim, "next:"));
    let steps = next.iter().filter(|step| !step.is_empty());
    lines.extend(steps.map(|step| Line::verbatim(Tone::Plain, &format!("  {step}"))));
    door.screen.show(&lines)?;
    Ok(exit::DONE)
}
