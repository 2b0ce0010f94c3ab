//! `feature publish`: a directory becomes a version that everybody can choose, for good.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::{Door, Failure, Outcome, exit},
    model::{FeatureName, Problem, Problems},
    pipeline,
    project::Project,
    registry::{FeatureSource, Publication, Registry, RegistryError, read_source},
    release::artifact::Entry,
    report::{Line, Tone, bytes, plural},
};

/// Publish the version in a feature's directory.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of features in the project, or directories
    #[arg(required = true, value_name = "NAME|DIR")]
    features: Vec<String>,
}

/// Publishes; nothing if anything is wrong with one of them.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let project = door.project()?;
    let mut problems = Problems::default();
    let mut sources = Vec::new();
    for typed in &args.features {
        match read(typed, &project, door) {
            Ok(source) => sources.push(source),
            Err(RegistryError::Refused(found)) => problems.0.extend(found.0),
            Err(other) => return Err(other.into()),
        }
    }
    problems.or(())?;
    let registry = pipeline::registry(&project)?;
    check_relations(&sources, &project, &registry)?;
    let mut documents: Vec<Value> = Vec::new();
    for source in &sources {
        let feature = &source.feature;
        let (is_fresh, digest) = match registry.publish(source)? {
            Publication::Fresh(digest) => (true, digest),
            Publication::Known(digest) => (false, digest),
        };
        if door.screen.is_json() {
            documents.push(json!({
                "feature": feature.name, "version": feature.version, "digest": digest, "fresh": is_fresh,
            }));
            continue;
        }
        let (mark, tone, word) = if is_fresh {
            ("+ ", Tone::Good, "published")
        } else {
            ("= ", Tone::Dim, "was published before, byte for byte the same")
        };
        let size = format!(
            "  {}, {}, {}",
            digest.short(),
            plural(files(source), "file"),
            bytes(source.manifest.size())
        );
        let line = Line::of(tone, mark)
            .add(Tone::Strong, &format!("{} {}", feature.name, feature.version))
            .add(Tone::Plain, &format!("  {word}"))
            .add(Tone::Dim, &size);
        door.screen.show([&line])?;
    }
    if door.screen.is_json() {
        door.screen.json(&json!({ "schema": 1, "published": documents }))?;
    }
    Ok(exit::DONE)
}

/// What is published stays: a version that requires what nobody has could never be installed, and
/// a mistyped conflict would keep nothing apart.
fn check_relations(
    sources: &[FeatureSource],
    project: &Project,
    registry: &Registry,
) -> Result<(), Failure> {
    if sources.iter().all(|one| one.feature.requires.is_empty() && one.feature.conflicts.is_empty())
    {
        return Ok(());
    }
    let mut known: BTreeMap<FeatureName, BTreeSet<Version>> = BTreeMap::new();
    known.extend(project.features()?.into_iter().map(|(name, _)| (name, BTreeSet::new())));
    for (name, versions) in registry.catalog()? {
        known.entry(name).or_default().extend(versions.into_keys());
    }
    for FeatureSource { feature, .. } in sources {
        known.entry(feature.name.clone()).or_default().insert(feature.version.clone());
    }
    let dangling = sources.iter().flat_map(|source| source.feature.dangling(&known));
    Ok(Problems(dangling.collect()).or(())?)
}

fn files(source: &FeatureSource) -> usize {
    let entries = source.manifest.entries().values();
    entries.filter(|entry| matches!(entry, Entry::File { .. })).count()
}

/// A feature of the project by its name, or any directory.
fn read(typed: &str, project: &Project, door: &Door) -> Result<FeatureSource, RegistryError> {
    let named = project.features()?;
    if let Some((name, path)) = named.iter().find(|(name, _)| name.as_str() == typed) {
        let source = read_source(path, &format!("features/{name}"))?;
        if source.feature.name != *name {
            let file = format!("features/{name}/feature.yml");
            let message =
                format!("{file}: `name` is {}, and the directory says {name}", source.feature.name);
            return Err(RegistryError::Refused(
                Problem::new(message).hint("rename one of them: what is published stays").into(),
            ));
        }
        return Ok(source);
    }
    let directory = door.path(typed);
    if directory.is_dir() {
        let shown = directory.strip_prefix(&project.root).unwrap_or(&directory);
        return read_source(&directory, &shown.display().to_string());
    }
    let problem = Problem::new(format!("`{typed}` is no feature of this project and no directory"));
    let near = problem.suggest(typed, named.iter().map(|(name, _)| name.as_str()));
    Err(RegistryError::Refused(if near.hint.is_none() && named.is_empty() {
        near.hint("features are directories below features/; `fleetctl new feature NAME` makes one")
            .into()
    } else {
        near.into()
    }))
}
