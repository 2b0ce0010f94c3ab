//! A mapping while it is being read: keys stay unique, merges wait for the end.

use std::collections::HashMap;

use super::{Key, Node, Yaml};
use crate::model::{Problem, Problems};

/// Up to so many keys, looking through them is faster than an index.
const FEW: usize = 16;

/// A mapping that is still open.
#[derive(Default)]
pub(super) struct OpenMap {
    entries: Vec<(Key, Node)>,
    /// The line of every key, once there are more than a few.
    index: HashMap<String, u32>,
    /// The key whose value comes next.
    key: Option<Pending>,
    merges: Vec<(u32, Node)>,
}

struct Pending {
    key: Key,
    is_merge: bool,
    is_duplicate: bool,
}

impl OpenMap {
    /// Whether a key comes next.
    pub const fn wants_key(&self) -> bool {
        self.key.is_none()
    }

    /// Takes the next key. `<<` merges where it is not quoted.
    pub fn put_key(&mut self, key: Key, is_plain: bool, problems: &mut Problems) {
        let is_merge = is_plain && key.text == "<<";
        let first = if is_merge {
            self.merges.first().map(|(line, _)| *line)
        } else {
            self.line(&key.text)
        };
        if let Some(line) = first {
            let text = &key.text;
            let message = format!("`{text}` is here twice: it is already in line {line}");
            problems.push(Problem::at(&key.at, message).hint("keep one of them"));
        }
        self.key = Some(Pending { key, is_merge, is_duplicate: first.is_some() });
    }

    /// Takes the value of the key before it. Of two entries with one key the first stays.
    pub fn put_value(&mut self, node: Node) {
        match self.key.take() {
            Some(Pending { key, is_merge: true, .. }) => self.merges.push((key.at.line, node)),
            Some(Pending { key, is_duplicate: false, .. }) => self.insert(key, node),
            _ => {}
        }
    }

    /// The mapping, with what `<<` brings and is not written out.
    pub fn finish(mut self, problems: &mut Problems) -> Yaml {
        for (_, source) in std::mem::take(&mut self.merges) {
            let maps = match source.value {
                Yaml::List(items) => items,
                _ => vec![source],
            };
            for map in maps {
                let Yaml::Map(more) = map.value else {
                    let message = "`<<` merges a mapping, or a list of mappings";
                    problems.push(Problem::at(&map.at, message).hint("as in `<<: *defaults`"));
                    continue;
                };
                for (key, node) in more {
                    if self.line(&key.text).is_none() {
                        self.insert(key, node);
                    }
                }
            }
        }
        Yaml::Map(self.entries)
    }

    fn line(&self, text: &str) -> Option<u32> {
        if self.entries.len() > FEW {
            return self.index.get(text).copied();
        }
        self.entries.iter().find(|(key, _)| key.text == text).map(|(key, _)| key.at.line)
    }

    fn insert(&mut self, key: Key, node: Node) {
        if self.entries.len() == FEW {
            let lines = self.entries.iter().map(|(key, _)| (key.text.clone(), key.at.line));
            self.index = lines.collect();
        }
        if self.entries.len() >= FEW {
            self.index.insert(key.text.clone(), key.at.line);
        }
        self.entries.push((key, node));
    }
}
