//! `feature yank`: a version that nobody should get any more.

use semver::Version;

use crate::{
    cli::{Door, Failure, Outcome, exit},
    model::{FeatureName, Problem},
    pipeline,
    report::{Line, Tone},
};

/// Mark a version as not to be chosen any more, or take that back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The feature, or `FEATURE@VERSION`
    name: String,
    /// The version, with all three numbers
    version: Option<String>,
    /// Why, for those who wonder; needed unless it is taken back
    #[arg(long, alias = "why", value_name = "TEXT", required_unless_present = "undo")]
    reason: Option<String>,
    /// Take the yank back
    #[arg(long, conflicts_with = "reason")]
    undo: bool,
}

/// Marks it.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let (name, version) = match (args.name.split_once('@'), &args.version) {
        (Some((name, version)), None) => (name, version),
        (None, Some(version)) => (args.name.as_str(), version.as_str()),
        (Some(_), Some(_)) => {
            return Err(Failure::usage(Problem::new("the version is given twice")));
        }
        (None, None) => {
            let problem = Problem::new(format!("which version of {}?", args.name));
            let hint = format!("all there are: fleetctl feature list {}", args.name);
            return Err(Failure::usage(problem.hint(hint)));
        }
    };
    let name = FeatureName::new(name)?;
    let version: Version = version.parse().map_err(|why| {
        let problem = Problem::new(format!("`{version}` is no version: {why}"));
        Failure::usage(problem.hint("all three numbers, as in 2.1.4"))
    })?;
    let project = door.project()?;
    let registry = pipeline::registry(&project)?;
    let title = format!("{name} {version}");
    let (mark, tone, text) = match &args.reason {
        Some(reason) => {
            registry.yank(&name, &version, reason)?;
            let text = "  yanked: combinations that are locked to it keep it, also for sites that come to ask for the same; nothing else gets it; who has it: fleetctl validate";
            ("- ", Tone::Warn, text)
        }
        None if registry.unyank(&name, &version)? => ("+ ", Tone::Good, "  may be chosen again"),
        None => ("= ", Tone::Dim, "  was not yanked"),
    };
    let line = Line::of(tone, mark).add(Tone::Strong, &title).add(Tone::Plain, text);
    door.screen.show([&line])?;
    Ok(exit::DONE)
}
