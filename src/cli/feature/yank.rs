//! `feature yank`: a version that nobody should get any more.

use semver::Version;

use crate::{
    cli::{Door, Failure, Outcome, exit},
    model::{FeatureName, Problem},
    registry::Registry,
    report::{Line, Tone},
};

/// Mark a version as not to be chosen any more.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The feature
    name: String,
    /// The version, with all three numbers
    version: String,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT", default_value = "yanked")]
    why: String,
}

/// Marks it.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let name = FeatureName::new(&args.name)?;
    let version: Version = args.version.parse().map_err(|why| {
        let problem = Problem::new(format!("`{}` is no version: {why}", args.version));
        Failure::usage(problem.hint("all three numbers, as in 2.1.4"))
    })?;
    let project = door.project()?;
    Registry::new(project.registry()).yank(&name, &version, &args.why)?;
    let line = Line::of(Tone::Warn, "- ")
        .add(Tone::Strong, &format!("{name} {version}"))
        .add(Tone::Plain, "  yanked: sites that have it keep it, others get another version");
    door.screen.show([&line])?;
    Ok(exit::DONE)
}
