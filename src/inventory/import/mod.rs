//! What other tools know about sites, as an inventory of ours to be looked over and kept.
//!
//! Pure: texts in, text out. What is written reads back as exactly what was found, and what
//! could not be taken over is told in notes, never dropped in silence.

mod csv;
mod ssh_config;
mod trellis;

use std::{collections::BTreeSet, fmt::Write as _};

pub use csv::from_csv;
pub use ssh_config::from_ssh_config;
pub use trellis::from_trellis;

use super::settings::Check;
use crate::model::{GroupName, Platform, Position, Problem, Problems, SiteName, TagKey};

/// Sites found elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    sites: Vec<Found>,
    /// What was not taken over, and where it stands.
    pub notes: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: SiteName,
    /// Keys and values as they are written, in order.
    words: Vec<(&'static str, String)>,
    port: Option<u16>,
    identity: Vec<String>,
    platform: Option<Platform>,
    groups: Vec<GroupName>,
    tags: Vec<(TagKey, String)>,
}

impl Found {
    const fn new(name: SiteName) -> Self {
        Self {
            name,
            words: Vec::new(),
            port: None,
            identity: Vec::new(),
            platform: None,
            groups: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn to_line(&self) -> String {
        let mut parts: Vec<String> =
            self.words.iter().map(|(key, word)| format!("{key}: {}", quoted(word))).collect();
        parts.extend(self.port.map(|port| format!("port: {port}")));
        let keys: Vec<String> = self.identity.iter().map(|key| quoted(key)).collect();
        match keys.as_slice() {
            [] => {}
            [key] => parts.push(format!("identity: {key}")),
            keys => parts.push(format!("identity: [{}]", keys.join(", "))),
        }
        parts.extend(self.platform.map(|platform| format!("platform: {platform}")));
        if !self.groups.is_empty() {
            let groups: Vec<String> =
                self.groups.iter().map(|name| quoted(name.as_str())).collect();
            parts.push(format!("groups: [{}]", groups.join(", ")));
        }
        if !self.tags.is_empty() {
            let tag = |(key, value): &(TagKey, String)| {
                format!("{}: {}", quoted(key.as_str()), quoted(value))
            };
            let tags: Vec<String> = self.tags.iter().map(tag).collect();
            parts.push(format!("tags: {{ {} }}", tags.join(", ")));
        }
        let name = quoted(self.name.as_str());
        if parts.is_empty() {
            format!("  {name}:\n")
        } else {
            format!("  {name}: {{ {} }}\n", parts.join(", "))
        }
    }
}

impl Imported {
    /// How many sites were found.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.sites.len()
    }

    /// The inventory as text.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let groups: BTreeSet<&GroupName> =
            self.sites.iter().flat_map(|site| &site.groups).collect();
        let mut text = String::new();
        if !groups.is_empty() {
            text.push_str("groups:\n");
            for group in groups {
                let _ = writeln!(text, "  {}: {{}}", quoted(group.as_str()));
            }
        }
        text.push_str("sites:\n");
        for site in &self.sites {
            text.push_str(&site.to_line());
        }
        text
    }

    /// Adds a site, unless one of that name is there.
    fn add(&mut self, at: &Position, site: Found, problems: &mut Problems) {
        if self.sites.iter().any(|known| known.name == site.name) {
            problems.push(Problem::at(at, format!("`{}` is here twice", site.name)));
        } else {
            self.sites.push(site);
        }
    }
}

/// A word as YAML: bare where nobody could read it as anything but text.
fn quoted(word: &str) -> String {
    let is_plain = word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && word.contains(['.', '-'])
        && word.len() > 3;
    if is_plain {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Notes why a word is not allowed, or gives it back.
fn allowed(at: &Position, word: &str, check: Check, problems: &mut Problems) -> Option<String> {
    let shown: String = word.chars().filter(|c| !c.is_control()).take(80).collect();
    let noted =
        check(word).map_err(|why| problems.push(Problem::at(at, format!("`{shown}` {why}"))));
    noted.ok().map(|()| word.to_owned())
}
