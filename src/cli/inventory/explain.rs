//! `inventory explain`: what holds for a site, and which file and line said it.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use crate::{
    cli::{Door, Failure, Outcome, exit},
    inventory::{Explained, Inventory, Site, VariableValue, sounds_secret},
    model::{Problem, SiteName},
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

/// Something about a site: what it is, and everybody who said something about it.
struct Topic {
    heading: &'static str,
    name: String,
    value: String,
    /// Who said what, where, and whether it holds; the strongest first.
    said: Vec<(String, String, bool)>,
}

/// Explains a site.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let (_, inventory) = super::open(door)?;
    let site = find(&inventory, &args.site)?;
    let mut topics = topics(site);
    if let Some(key) = &args.key {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        topics.retain(|topic| topic.name == *key);
        if topics.is_empty() {
            let problem = Problem::new(format!("nothing sets `{key}` for {}", site.name));
            let known = names.iter().map(String::as_str);
            return Err(Failure::usage(problem.suggest(key, known)));
        }
    }
    if door.screen.is_json() {
        door.screen.json(&to_json(&site.name, &topics))?;
        return Ok(exit::DONE);
    }
    let mut lines = Vec::new();
    if args.key.is_none() {
        let line = Line::of(Tone::Strong, site.name.as_str());
        lines.push(line.add(Tone::Dim, &format!("  {}", site.at)));
        let groups: Vec<&str> = site.groups.iter().map(crate::model::GroupName::as_str).collect();
        lines.push(
            Line::of(Tone::Dim, "groups, the later the stronger: ")
                .add(Tone::Plain, &groups.join(" → ")),
        );
    }
    if let (Some(why), None) = (&site.blocked, &args.key) {
        let line = Line::of(Tone::Bad, "cannot be reached: ").add(Tone::Plain, &why.message);
        let place = why.at.as_ref().map(|at| format!("  ({at})")).unwrap_or_default();
        lines.push(line.add(Tone::Dim, &place));
    }
    let mut heading = "";
    for topic in &topics {
        if topic.heading != heading {
            heading = topic.heading;
            lines.push(Line::new());
            lines.push(Line::of(Tone::Dim, heading));
        }
        let line = Line::of(Tone::Strong, &format!("  {}: ", topic.name));
        lines.push(line.add(Tone::Plain, &topic.value));
        for (who, what, holds) in &topic.said {
            let (mark, tone) =
                if *holds { ("    ✓ ", Tone::Good) } else { ("    · ", Tone::Dim) };
            lines.push(
                Line::of(tone, mark).add(Tone::Plain, who).add(Tone::Dim, &format!(" {what}")),
            );
        }
    }
    door.screen.show(&lines)?;
    Ok(exit::DONE)
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
            problem.suggest(name, known)
        })
    })
}

fn topics(site: &Site) -> Vec<Topic> {
    let settings = &site.settings;
    let own = |value: &Option<String>| value.clone();
    let facts = [
        ("address", site.address.clone().or_else(|| Some(site.name.to_string()))),
        ("port", settings.port.map(|port| port.to_string())),
        ("user", own(&settings.user)),
        ("identity", (!settings.identity.is_empty()).then(|| settings.identity.join(", "))),
        ("jump", own(&settings.jump)),
        ("become", settings.become_root.map(|on| on.to_string())),
        ("url", own(&settings.url)),
        ("docroot", own(&settings.docroot)),
        ("root", own(&settings.root)),
        ("platform", settings.platform.map(|platform| platform.to_string())),
    ];
    let fact = |(name, value): (&str, Option<String>)| {
        Some(Topic { heading: "settings", name: name.to_owned(), value: value?, said: Vec::new() })
    };
    let mut topics: Vec<Topic> = facts.into_iter().filter_map(fact).collect();
    topics.extend(site.tags.iter().map(|(key, value)| Topic {
        heading: "tags",
        name: key.to_string(),
        value: value.clone(),
        said: Vec::new(),
    }));
    topics.extend(features(site));
    topics
        .extend(site.explain(None, &[]).into_iter().map(|(name, layers)| variable(name, &layers)));
    topics
}

fn features(site: &Site) -> impl Iterator<Item = Topic> {
    let mut features: BTreeMap<String, Topic> = BTreeMap::new();
    let topic = |name: &str| Topic {
        heading: "features",
        name: name.to_owned(),
        value: String::new(),
        said: Vec::new(),
    };
    for want in &site.wants {
        let name = want.feature.as_str();
        let topic = features.entry(name.to_owned()).or_insert_with(|| topic(name));
        let text = want.requirement.as_str();
        if !topic.value.split(", ").any(|known| known == text) {
            topic.value = if topic.value.is_empty() {
                text.to_owned()
            } else {
                format!("{}, {text}", topic.value)
            };
        }
        topic.said.push((format!("{} wants {text}", want.from.who), at(&want.from.at), true));
    }
    for hold in site.holds.values() {
        let name = hold.feature.as_str();
        let topic = features.entry(name.to_owned()).or_insert_with(|| topic(name));
        topic.value = format!("held at {}", hold.version);
        let until = hold.until.map(|day| format!(" until {day}")).unwrap_or_default();
        let reason = hold.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let who = format!("{} holds {}{until}{reason}", hold.from.who, hold.version);
        topic.said.push((who, at(&hold.from.at), true));
    }
    for out in &site.opt_outs {
        let name = out.feature.as_str();
        let topic = features.entry(name.to_owned()).or_insert_with(|| topic(name));
        let is_in = site.wants.iter().any(|want| want.feature == out.feature);
        if !is_in {
            "none: opted out".clone_into(&mut topic.value);
        }
        topic.said.push((format!("{} opts out", out.from.who), at(&out.from.at), !is_in));
    }
    features.into_values()
}

fn variable(name: &str, layers: &[Explained<'_>]) -> Topic {
    let said = layers.iter().rev().map(|explained| {
        let place = at(&explained.variable.at);
        let what = if explained.holds {
            String::new()
        } else {
            format!(" said {}", shown(name, &explained.variable.value))
        };
        (format!("{}{what}", explained.layer), place, explained.holds)
    });
    let value = layers.last().map(|explained| shown(name, &explained.variable.value));
    Topic {
        heading: "variables",
        name: name.to_owned(),
        value: value.unwrap_or_default(),
        said: said.collect(),
    }
}

fn at(place: &impl fmt::Display) -> String {
    format!("({place})")
}

/// A value as a person reads it; of a secret only where it comes from, of what sounds like one
/// nothing.
fn shown(name: &str, value: &VariableValue) -> String {
    match value {
        VariableValue::Plain(value) if sounds_secret(name) && !value.is_null() => "…".to_owned(),
        VariableValue::Plain(Value::String(text)) => text.clone(),
        VariableValue::Plain(value) => value.to_string(),
        VariableValue::Secret(source) => format!("a secret from {source}"),
    }
}

fn to_json(site: &SiteName, topics: &[Topic]) -> Value {
    let topics: Vec<Value> = topics
        .iter()
        .map(|topic| {
            let said: Vec<Value> = topic
                .said
                .iter()
                .map(|(who, what, holds)| json!({ "who": who, "at": what.trim_matches(['(', ')']), "holds": holds }))
                .collect();
            json!({ "kind": topic.heading, "name": topic.name, "value": topic.value, "said": said })
        })
        .collect();
    json!({ "schema": 1, "site": site, "topics": topics })
}
