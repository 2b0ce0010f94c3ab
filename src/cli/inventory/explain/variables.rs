//! A site's variables, and what its features fall back on where it sets nothing.

use std::collections::BTreeMap;

use super::topic::{Topic, Word};
use crate::{
    feature::{Feature, VariableSpec},
    inventory::{Explained, Site, VariableValue, sounds_secret},
    model::Value,
};

/// Variables by name: what is set, and what the site's features know besides.
pub fn topics(site: &Site, definitions: &[Feature]) -> Vec<Topic> {
    let set = site.explain(None, &[]);
    let set = set.into_iter().map(|(name, layers)| (name.to_owned(), variable(name, &layers)));
    let mut all: BTreeMap<String, Topic> = set.collect();
    for feature in definitions {
        for (name, spec) in &feature.schema {
            fall_back(&mut all, feature, name, spec);
        }
    }
    let is_read = |name: &str| definitions.iter().any(|one| one.schema.contains_key(name));
    // Where features are known, what none of them declares is worth a second look.
    let unread = all.iter_mut().filter(|(name, _)| !definitions.is_empty() && !is_read(name));
    for (_, topic) in unread {
        topic.said.push(Word::new("no feature of this site declares it", &"", false));
    }
    all.into_values().collect()
}

fn variable(name: &str, layers: &[Explained<'_>]) -> Topic {
    let said = layers.iter().rev().map(|explained| {
        let what = if explained.holds {
            String::new()
        } else {
            format!(" said {}", shown(name, &explained.variable.value))
        };
        let who = format!("{}{what}", explained.layer);
        Word::new(who, &explained.variable.at, explained.holds)
    });
    let value = layers.last().map(|explained| shown(name, &explained.variable.value));
    let (value, said) = (value.unwrap_or_default(), said.collect());
    Topic { value, said, ..Topic::new("variables", name) }
}

/// Adds what a feature says of a variable that it reads.
fn fall_back(
    all: &mut BTreeMap<String, Topic>,
    feature: &Feature,
    name: &str,
    spec: &VariableSpec,
) {
    let title = format!("{} {}", feature.name, feature.version);
    let default = spec.default.as_ref().map(|value| {
        if spec.secret {
            "…".to_owned()
        } else {
            shown(name, &VariableValue::Plain(value.clone()))
        }
    });
    // Two features may read the same variable, each with a default of its own.
    let is_set =
        all.get(name).is_some_and(|topic| topic.said.iter().any(|word| !word.at.is_empty()));
    let topic = all.entry(name.to_owned()).or_insert_with(|| Topic::new("variables", name));
    let word = match (default, is_set) {
        (Some(default), true) => {
            Word::new(format!("{title} has the default {default}"), &"", false)
        }
        (Some(default), false) => {
            let word = Word::new(format!("{title} has the default {default}"), &"", true);
            topic.value = default;
            word
        }
        (None, true) => return,
        (None, false) => {
            let what = if spec.required { "requires it" } else { "reads it, and does without" };
            if topic.value.is_empty() {
                "not set".clone_into(&mut topic.value);
            }
            Word::new(format!("{title} {what}"), &"", false)
        }
    };
    topic.said.push(word);
}

/// A value as a person reads it; of a secret only where it comes from, of what sounds like one
/// nothing.
fn shown(name: &str, value: &VariableValue) -> String {
    match value {
        VariableValue::Plain(value) if sounds_secret(name) && !value.is_null() => "…".to_owned(),
        VariableValue::Plain(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        VariableValue::Plain(Value::String(text)) => text.clone(),
        VariableValue::Plain(value) => value.to_string(),
        VariableValue::Secret(source) => format!("a secret from {source}"),
    }
}
