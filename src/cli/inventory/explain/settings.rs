//! How a site is reached and where it lives, and its tags.

use std::collections::BTreeMap;

use super::topic::{Topic, Word};
use crate::inventory::Site;

/// Settings, then tags. `places` are those with templates, filled in.
pub fn topics(site: &Site, places: &BTreeMap<&'static str, String>) -> Vec<Topic> {
    let settings = &site.settings;
    let own = |value: &Option<String>| value.clone();
    let place = |name: &str, value: &Option<String>| {
        value.as_ref().map(|raw| places.get(name).unwrap_or(raw).clone())
    };
    let facts = [
        ("address", site.address.clone().or_else(|| Some(site.name.to_string()))),
        ("port", settings.port.map(|port| port.to_string())),
        ("user", own(&settings.user)),
        ("identity", (!settings.identity.is_empty()).then(|| settings.identity.join(", "))),
        ("jump", own(&settings.jump)),
        ("become", settings.become_root.map(|on| on.to_string())),
        ("url", place("url", &settings.url)),
        ("docroot", place("docroot", &settings.docroot)),
        ("root", place("root", &settings.root).or_else(|| places.get("root").cloned())),
        ("platform", settings.platform.map(|platform| platform.to_string())),
        ("adopt", settings.adopt.map(|on| on.to_string())),
    ];
    let fact = |(name, value): (&str, Option<String>)| {
        let (value, mut topic) = (value?, Topic::new("settings", name));
        topic.said = said(site, name, false, &value);
        if topic.said.is_empty() {
            topic.said = from_variables(site, name, &value);
        }
        if topic.said.is_empty() {
            topic.said.extend(by_default(name).map(|who| Word::new(who, &"", true)));
        }
        topic.value = value;
        Some(topic)
    };
    let mut topics: Vec<Topic> = facts.into_iter().filter_map(fact).collect();
    topics.extend(site.tags.iter().map(|(key, value)| {
        let said = said(site, key.as_str(), true, value);
        Topic { value: value.clone(), said, ..Topic::new("tags", key.as_str()) }
    }));
    topics
}

/// Everybody who said something about a key, the strongest first.
fn said(site: &Site, key: &str, is_tag: bool, value: &str) -> Vec<Word> {
    let words = site.said.iter().flat_map(|said| said.words.iter().map(move |word| (said, word)));
    let words = words.filter(|(_, word)| word.key == key && word.is_tag == is_tag);
    let told = words.collect::<Vec<_>>().into_iter().rev().zip(0..).map(|((said, word), place)| {
        let what = if word.value == value { String::new() } else { format!(": {}", word.value) };
        Word::new(format!("{}{what}", said.who), &word.at, place == 0)
    });
    told.collect()
}

/// What an inventory of Ansible's says about it: a variable, explained among the variables.
fn from_variables(site: &Site, key: &str, value: &str) -> Vec<Word> {
    let names: &[&str] = match key {
        "address" => &["ansible_host", "ansible_ssh_host"],
        "port" => &["ansible_port", "ansible_ssh_port"],
        "user" => &["ansible_user", "ansible_ssh_user"],
        "identity" => &["ansible_ssh_private_key_file", "ansible_private_key_file"],
        "become" => &["ansible_become"],
        "jump" => &["ansible_ssh_common_args", "ansible_ssh_extra_args"],
        "platform" => &["platform"],
        _ => &[],
    };
    let found = names.iter().find_map(|name| {
        let all = site.explain(Some(name), &[]);
        let last = all.values().next()?.last()?;
        let what = if *name == key { String::new() } else { format!(" says {name}") };
        // Without our own form a site's name is its address until a variable says otherwise.
        let is_it = key != "address" || value != site.name.as_str();
        is_it.then(|| Word::new(format!("{}{what}", last.layer), &last.variable.at, true))
    });
    found.into_iter().collect()
}

fn by_default(key: &str) -> Option<&'static str> {
    match key {
        "address" => Some("the site's name: no address is written"),
        "root" => Some("`release.root` of fleet.yml, or its default"),
        _ => None,
    }
}
