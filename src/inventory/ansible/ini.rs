//! Ansible's INI: `[group]`, `[group:children]`, `[group:vars]`.
//!
//! Lines are taken as Ansible's plugin takes them: a host line is split like a shell line, a line
//! of variables at its first `=`, values are Python literals or text. A group may be named as a
//! child before it is declared; it joins its parent when it is.

use std::sync::Arc;

use super::{
    Entries, literal,
    shell_words::{ShellWord, shell_words},
};
use crate::{
    inventory::{Text, entry::Named},
    model::{
        GroupName, Position, Problem, Problems,
        yaml::{Key, Node, Yaml},
    },
};

/// What a section's lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
    /// One that could not be read: its lines are passed over.
    Broken,
}

/// A group that is named and not declared yet.
struct Pending {
    group: GroupName,
    at: Position,
    kind: PendingKind,
}

enum PendingKind {
    /// It has variables.
    Vars,
    /// It is a child of these groups.
    Children(Vec<GroupName>),
}

struct Reader<'a> {
    file: Arc<str>,
    line: u32,
    group: Option<GroupName>,
    section: Section,
    pending: Vec<Pending>,
    entries: &'a mut Entries,
    problems: &'a mut Problems,
}

/// Reads a file.
pub(super) fn read(Text { file, text }: &Text, entries: &mut Entries, problems: &mut Problems) {
    let mut reader = Reader {
        file: Arc::from(file.as_str()),
        line: 0,
        group: GroupName::new("ungrouped").ok(),
        section: Section::Hosts,
        pending: Vec::new(),
        entries,
        problems,
    };
    for line in text.lines() {
        reader.line = reader.line.saturating_add(1);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        reader.take(trimmed, u32::try_from(indent).unwrap_or(0).saturating_add(1));
    }
    reader.finish();
}

impl Reader<'_> {
    fn at(&self, column: u32) -> Position {
        Position { file: Arc::clone(&self.file), line: self.line, column }
    }

    fn refuse(&mut self, column: u32, message: impl Into<String>, hint: &str) {
        self.problems.push(Problem::at(&self.at(column), message).hint(hint));
    }

    fn take(&mut self, line: &str, column: u32) {
        if let Some((name, kind)) = header(line) {
            return self.open(name, kind, column);
        }
        if line.starts_with('[') && line.ends_with(']') {
            self.section = Section::Broken;
            let hint = "write [group], [group:children] or [group:vars], without blanks";
            return self.refuse(column, format!("`{line}` is no section"), hint);
        }
        match self.section {
            Section::Hosts => self.host(line, column),
            Section::Vars => self.variable(line, column),
            Section::Children => self.child(line, column),
            Section::Broken => {}
        }
    }

    fn open(&mut self, name: &str, kind: Option<&str>, column: u32) {
        let at = self.at(column + 1);
        self.section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("children") => Section::Children,
            Some("vars") => Section::Vars,
            Some(other) => {
                let message = format!("[{name}:{other}] is no kind of section");
                let problem = Problem::at(&at, message);
                self.problems.push(problem.suggest(other, ["children", "vars", "hosts"]));
                Section::Broken
            }
        };
        self.group = self.name(name, &at);
        let Some(group) = self.group.clone() else {
            self.section = Section::Broken;
            return;
        };
        let place = self.pending.iter().position(|pending| pending.group == group);
        let is_new = !self.entries.groups.contains_key(group.as_str())
            && !matches!(group.as_str(), "all" | "ungrouped");
        if is_new && self.section == Section::Vars && place.is_none() {
            let kind = PendingKind::Vars;
            self.pending.push(Pending { group: group.clone(), at: at.clone(), kind });
        }
        self.entries.group(&group, &at);
        if let Some(place) = place
            && self.section != Section::Vars
        {
            let pending = self.pending.remove(place);
            if let PendingKind::Children(parents) = pending.kind {
                for parent in parents {
                    let child = Named { at: pending.at.clone(), name: group.clone() };
                    self.entries.put_group(&parent, child, self.problems);
                }
            }
        }
    }

    fn name(&mut self, text: &str, at: &Position) -> Option<GroupName> {
        let read = GroupName::new(text);
        read.map_err(|why| self.problems.push(Problem::at(at, why.to_string()))).ok()
    }

    fn host(&mut self, line: &str, column: u32) {
        let words = match shell_words(line) {
            Ok(words) => words,
            Err((inside, why)) => {
                return self.refuse(column + inside - 1, why, "quote the whole value");
            }
        };
        let (Some((first, rest)), Some(group)) = (words.split_first(), self.group.clone()) else {
            return;
        };
        if first.text.ends_with(':') {
            let message = format!("`{}` ends with a colon, where a port would follow", first.text);
            return self.refuse(column + first.column - 1, message, "remove it, or add the port");
        }
        let mut vars = Vec::with_capacity(rest.len());
        for ShellWord { column: inside, text } in rest {
            let at = self.at(column + inside - 1);
            let Some((key, value)) = text.split_once('=') else {
                let message = format!("`{text}` sets no variable");
                self.problems.push(Problem::at(&at, message).hint("write name=value"));
                continue;
            };
            vars.push(entry(&at, key, value));
        }
        if let Some((key, node)) = vars.iter().find(|(key, _)| key.text == "fleet")
            && !matches!(node.value, Yaml::Map(_))
        {
            let problem =
                key.problem("`fleet` is no mapping: the quotes of a host line are taken off");
            self.problems.push(problem.hint("write fleet=\"{'features': {'popup': '^1.0'}}\""));
            return;
        }
        let at = self.at(column + first.column - 1);
        let key = Key { at, text: first.text.clone(), is_number: false };
        // Of two values on a line the last counts.
        let vars = last_of_each(vars);
        self.entries.ansible_hosts(&key, &group, &vars, self.problems);
    }

    fn variable(&mut self, line: &str, column: u32) {
        let Some((key, value)) = line.split_once('=') else {
            return self.refuse(column, format!("`{line}` sets no variable"), "write name=value");
        };
        let at = self.at(column);
        if let Some(group) = self.group.clone() {
            let vars = [entry(&at, key.trim(), value.trim())];
            self.entries.group_vars(&group, &at, &vars, self.problems);
        }
    }

    fn child(&mut self, line: &str, column: u32) {
        let name = line.split('#').next().unwrap_or_default().trim_end();
        if name.is_empty() || name.contains([':', ']']) || name.contains(char::is_whitespace) {
            let hint = "one group to a line, without variables";
            return self.refuse(column, format!("`{line}` is no name of a group"), hint);
        }
        let at = self.at(column);
        let (Some(child), Some(parent)) = (self.name(name, &at), self.group.clone()) else {
            return;
        };
        let is_known = self.entries.groups.contains_key(child.as_str())
            || matches!(child.as_str(), "all" | "ungrouped");
        if is_known {
            self.entries.put_group(&parent, Named { at, name: child }, self.problems);
            return;
        }
        match self.pending.iter_mut().find(|pending| pending.group == child) {
            Some(Pending { kind: PendingKind::Children(parents), .. }) => parents.push(parent),
            Some(_) => {}
            None => {
                let kind = PendingKind::Children(vec![parent]);
                self.pending.push(Pending { group: child, at, kind });
            }
        }
    }

    fn finish(self) {
        for Pending { group, at, kind } in &self.pending {
            let message = match kind {
                PendingKind::Vars => format!("variables for `{group}`, but there is no such group"),
                PendingKind::Children(_) => format!("there is no group `{group}`"),
            };
            let known = self.entries.order.iter().filter(|known| *known != group);
            let problem =
                Problem::at(at, message).suggest(group.as_str(), known.map(GroupName::as_str));
            self.problems.push(match problem.hint {
                Some(_) => problem,
                None => problem.hint(format!("declare it: [{group}]")),
            });
        }
    }
}

/// `[name]` or `[name:kind]`, perhaps with a comment behind it.
fn header(line: &str) -> Option<(&str, Option<&str>)> {
    let (inside, after) = line.strip_prefix('[')?.split_once(']')?;
    let after = after.trim_start();
    if !after.is_empty() && !after.starts_with('#') {
        return None;
    }
    let (name, kind) = inside.split_once(':').map_or((inside, None), |(n, k)| (n, Some(k)));
    let is_word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_good =
        !name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(is_word);
    is_good.then_some((name, kind))
}

fn entry(at: &Position, key: &str, value: &str) -> (Key, Node) {
    let key = Key { at: at.clone(), text: key.to_owned(), is_number: false };
    let node = literal::value(at, value);
    (key, node)
}

fn last_of_each(vars: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    let mut kept: Vec<(Key, Node)> = Vec::with_capacity(vars.len());
    for (key, node) in vars {
        match kept.iter_mut().find(|(known, _)| known.text == key.text) {
            Some(known) => known.1 = node,
            None => kept.push((key, node)),
        }
    }
    kept
}
