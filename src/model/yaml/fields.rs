//! A mapping whose keys are known: taken one by one, what is left over is a mistake.

use super::{Key, Node};
use crate::model::{Position, Problem, Problems};

/// The entries of a mapping that have not been taken yet, and the keys that were asked for.
#[derive(Debug)]
pub struct Fields<'a> {
    at: &'a Position,
    entries: Vec<&'a (Key, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(at: &'a Position, entries: &'a [(Key, Node)]) -> Self {
        Self { at, entries: entries.iter().collect(), known: Vec::new() }
    }

    /// Where the mapping begins.
    #[must_use]
    pub const fn at(&self) -> &'a Position {
        self.at
    }

    /// Looks at an entry and leaves it to whoever takes it.
    #[must_use]
    pub fn peek(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(found, _)| found.text == key).map(|(_, node)| node)
    }

    /// Takes an entry that may be missing.
    pub fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Takes an entry that may be missing, with its key (for a message about the key itself).
    pub fn entry(&mut self, key: &'static str) -> Option<&'a (Key, Node)> {
        self.known.push(key);
        let index = self.entries.iter().position(|(found, _)| found.text == key)?;
        Some(self.entries.remove(index))
    }

    /// Takes an entry that may be written with either of two keys, not with both.
    pub fn either(
        &mut self,
        key: &'static str,
        alias: &'static str,
        problems: &mut Problems,
    ) -> Option<&'a Node> {
        match (self.entry(key), self.entry(alias)) {
            (Some(_), Some((second, _))) => {
                problems
                    .push(second.problem(format!("`{alias}` and `{key}` mean the same: keep one")));
                None
            }
            (found, None) | (None, found) => found.map(|(_, node)| node),
        }
    }

    /// Takes an entry that must be there.
    pub fn required(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'a Node> {
        let found = self.optional(key);
        if found.is_none() {
            problems.push(Problem::at(self.at, format!("`{key}` is missing")));
        }
        found
    }

    /// Refuses a key that is known to users of other tools or comes later, with a way out.
    pub fn refuse(&mut self, key: &'static str, why: &str, way_out: &str, problems: &mut Problems) {
        let index = self.entries.iter().position(|(found, _)| found.text == key);
        if let Some(index) = index {
            let (found, _) = self.entries.remove(index);
            problems.push(found.problem(format!("`{key}` {why}")).hint(way_out));
        }
    }

    /// Notes a problem for every key that nobody took. `owner` is "a site", "a gate".
    pub fn finish(self, owner: &str, problems: &mut Problems) {
        for (key, _) in &self.entries {
            let problem = key.problem(format!("unknown key `{}` in {owner}", key.text));
            let hinted = problem.suggest(&key.text, self.known.iter().copied());
            problems.push(match hinted.hint {
                Some(_) => hinted,
                None => hinted.hint(format!("known keys: {}", self.known.join(", "))),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml::parse;

    #[test]
    fn everything_wrong_with_a_mapping_is_told_at_once() {
        let node = parse("t.yml", "adress: x\nport: 1\nserial: 2\nbatches: 3\ntasks: []\nzzz: 1\n")
            .expect("good YAML");
        let mut problems = Problems::default();
        let mut fields = node.fields(&mut problems).expect("a mapping");
        assert!(fields.optional("address").is_none());
        assert!(fields.optional("port").is_some());
        assert!(fields.required("user", &mut problems).is_none());
        assert!(fields.either("batches", "serial", &mut problems).is_none());
        fields.refuse("tasks", "comes later", "use `release.before`", &mut problems);
        fields.finish("a site", &mut problems);
        let text = problems.to_string();
        for expected in [
            "t.yml:1:1: `user` is missing",
            "t.yml:3:1: `serial` and `batches` mean the same",
            "t.yml:5:1: `tasks` comes later\n  hint: use `release.before`",
            "t.yml:1:1: unknown key `adress` in a site\n  hint: did you mean `address`?",
            "t.yml:6:1: unknown key `zzz` in a site\n  hint: known keys: address, port, user",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }
}
