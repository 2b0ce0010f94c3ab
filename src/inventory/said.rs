//! Who said what about how a site is reached and where it lives: for explanations, and nothing
//! else. What holds is in [`Settings`](super::Settings) and the tags.

use super::LayerName;
use crate::model::{
    Position,
    yaml::{Fields, Node, Yaml},
};

/// The settings that are explained, by the keys that set them.
const KEYS: [&str; 10] =
    ["port", "user", "identity", "jump", "become", "url", "docroot", "root", "platform", "adopt"];

/// A setting or a tag, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// The setting's or the tag's key.
    pub key: String,
    /// Whether it is a tag.
    pub is_tag: bool,
    /// What was written, templates not filled in.
    pub value: String,
    /// Where.
    pub at: Position,
}

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The group or the site.
    pub who: LayerName,
    /// What it says, in the order of the keys.
    pub words: Vec<Saying>,
}

impl Said {
    /// What an entry says, before anybody takes its fields; `None` where that is nothing.
    pub(super) fn read(who: &LayerName, fields: &Fields<'_>) -> Option<Self> {
        let saying = |key: &str, is_tag, node: &Node| Saying {
            key: key.to_owned(),
            is_tag,
            value: text(node),
            at: node.at.clone(),
        };
        let mut words: Vec<Saying> = Vec::new();
        for key in KEYS {
            words.extend(fields.peek(key).map(|node| saying(key, false, node)));
        }
        if let Some(Yaml::Map(entries)) = fields.peek("tags").map(|node| &node.value) {
            words.extend(entries.iter().map(|(key, node)| saying(&key.text, true, node)));
        }
        (!words.is_empty()).then(|| Self { who: who.clone(), words })
    }

    /// One word alone.
    pub(super) fn one(who: &LayerName, key: &str, value: String, at: &Position) -> Self {
        let word = Saying { key: key.to_owned(), is_tag: false, value, at: at.clone() };
        Self { who: who.clone(), words: vec![word] }
    }
}

fn text(node: &Node) -> String {
    match &node.value {
        Yaml::Text(text) => text.clone(),
        Yaml::Int(number) => number.to_string(),
        Yaml::Bool(value) => value.to_string(),
        Yaml::List(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        // Everything else is refused by those who read it in earnest.
        _ => String::new(),
    }
}
