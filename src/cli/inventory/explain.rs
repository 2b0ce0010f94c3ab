//! `inventory explain`: what holds for a site, and which file and line said it.

mod features;
mod settings;
mod topic;
mod variables;
mod versions;

use serde_json::{Value, json};

use self::{topic::Topic, versions::Versions};
use crate::{
    cli::{Door, Failure, Outcome, exit},
    feature::Feature,
    inventory::{Inventory, Site},
    model::{GroupName, Problem},
    pipeline::{self, Fleet},
    report::{Line, Tone},
};

/// What holds for a site, and which file and line said it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The site
    site: String,
    /// Only this variable, feature or setting
    key: Option<String>,
}

/// Explains a site.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let project = door.project()?;
    let environment = door.environment(&project)?;
    // What is wrong elsewhere in the project keeps nobody from being told about the inventory.
    let (fleet, why) = match pipeline::load(project.clone(), door.global.env.as_deref(), &[]) {
        Ok(fleet) => (Some(fleet), String::new()),
        Err(problems) => (None, problems.0.first().map(ToString::to_string).unwrap_or_default()),
    };
    let alone;
    let inventory = if let Some(fleet) = &fleet {
        &fleet.inventory
    } else {
        alone = project.inventory(environment)?;
        &alone
    };
    door.tell_notes(&inventory.notes)?;
    let site = find(inventory, &args.site)?;
    let versions = match &fleet {
        Some(fleet) => Versions::of(fleet, site),
        None => Versions::Unknown(why),
    };
    let mut topics = topics(site, fleet.as_ref(), &versions);
    if let Some(key) = &args.key {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        topics.retain(|topic| topic.name == *key);
        if topics.is_empty() {
            let problem = Problem::new(format!("nothing sets `{key}` for {}", site.name));
            let known = names.iter().map(String::as_str);
            let near = problem.suggest(key, known);
            return Err(Failure::usage(match (&near.hint, &versions) {
                (Some(_), _) => near,
                (None, Versions::Known { .. }) => near.hint(format!("all that holds for it: fleetctl inventory explain {}", site.name)),
                (None, _) => near.hint("which versions it gets is not known, and so not what its features fall back on"),
            }));
        }
    }
    let conflicts = versions.conflicts(site);
    let is_meant = |conflict: &&versions::Conflict| {
        args.key.as_ref().is_none_or(|key| conflict.features.contains(key))
    };
    let conflicts: Vec<_> = conflicts.iter().filter(is_meant).collect();
    if door.screen.is_json() {
        let conflicts: Vec<&str> = conflicts.iter().map(|known| known.text.as_str()).collect();
        let topics: Vec<Value> = topics.iter().map(Topic::to_json).collect();
        door.screen.json(&json!({
            "schema": 1, "site": site.name, "topics": topics, "conflicts": conflicts,
        }))?;
        return Ok(exit::DONE);
    }
    let mut lines = head(site, args.key.is_none());
    for conflict in conflicts {
        // A name or a hold that no version has is no quarrel of features.
        let is_missing = conflict.text.contains("never published");
        let label = if is_missing { "cannot be had: " } else { "in conflict: " };
        let line = Line::of(Tone::Bad, label).add(Tone::Plain, &conflict.text);
        lines.push(line);
        let feature = conflict.features.first().map_or("FEATURE", String::as_str);
        let words = format!("feature why {} {feature}", site.name);
        let command = fleet.as_ref().map(|fleet| fleet.command(&words)).unwrap_or_default();
        let text = format!("  the whole story: {command}");
        lines.push(Line::of(Tone::Dim, &text));
    }
    let mut heading = "";
    for topic in &topics {
        if topic.heading != heading {
            heading = topic.heading;
            if args.key.is_none() {
                lines.push(Line::new());
            }
            lines.push(Line::of(Tone::Dim, heading));
        }
        lines.extend(topic.lines());
    }
    door.screen.show(&lines)?;
    if let Versions::Unknown(why) = &versions {
        let why = why.lines().next().unwrap_or_default();
        let text = format!("versions are not shown: {why}");
        door.screen.note(&Line::of(Tone::Warn, "note: ").add(Tone::Plain, &text))?;
    }
    Ok(exit::DONE)
}

/// Which site this is about.
fn head(site: &Site, is_whole: bool) -> Vec<Line> {
    let name = Line::of(Tone::Strong, site.name.as_str());
    let mut lines = vec![name.add(Tone::Dim, &format!("  {}", site.at))];
    if !is_whole {
        return lines;
    }
    let groups: Vec<&str> = site.groups.iter().map(GroupName::as_str).collect();
    lines.push(
        Line::of(Tone::Dim, "groups, the later the stronger: ")
            .add(Tone::Plain, &groups.join(" → ")),
    );
    if let Some(why) = &site.blocked {
        let line = Line::of(Tone::Bad, "cannot be reached: ").add(Tone::Plain, &why.message);
        let place = why.at.as_ref().map(|at| format!("  ({at})")).unwrap_or_default();
        lines.push(line.add(Tone::Dim, &place));
    }
    lines
}

/// The site of that name, or what was probably meant.
pub fn find<'a>(inventory: &'a Inventory, name: &str) -> Result<&'a Site, Failure> {
    inventory.site(name).ok_or_else(|| {
        let problem =
            Problem::new(format!("there is no site `{name}` in {}", inventory.environment));
        let known = inventory.sites().iter().map(|site| site.name.as_str());
        Failure::usage(if inventory.groups.contains_key(name) {
            problem.hint(format!(
                "that is a group: `fleetctl inventory list --group {name}` lists its sites"
            ))
        } else {
            let near = problem.suggest(name, known);
            match near.hint {
                Some(_) => near,
                None => near.hint("all that there are: fleetctl inventory list"),
            }
        })
    })
}

fn topics(site: &Site, fleet: Option<&Fleet>, versions: &Versions) -> Vec<Topic> {
    let places = fleet.and_then(|fleet| fleet.places(site).ok()).unwrap_or_default();
    let opened = versions.opened(fleet);
    let mut topics = settings::topics(site, &places);
    topics.extend(features::topics(site, versions, &opened, jiff::Zoned::now().date()));
    let definitions: Vec<Feature> = opened.into_iter().map(|found| found.feature).collect();
    topics.extend(variables::topics(site, &definitions));
    topics
}
