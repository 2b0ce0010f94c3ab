//! Ansible's inventories as they are: YAML, INI, and the JSON of `ansible-inventory --list`.
//!
//! Meaning and order are Ansible's ("How to build your inventory"); what Ansible warns of and
//! skips is refused here with its place and a way out. What a group or a site says in our own
//! words (features, tags, url, docroot, …) stands in a variable `fleet`, a mapping.
//! Nothing here reads a file or runs a program: `project` does.

mod connection;
mod ini;
mod listing;
mod literal;
mod shell_words;
mod tree;

use std::sync::Arc;

pub(super) use connection::{Connection, is_word};
pub use listing::hosts_without_variables;

use super::{
    Layer, LayerName, Text, Variable, VariableValue, entries::Entries, entry::Shared,
    pattern::place, range,
};
use crate::model::{
    GroupName, Position, Problem, Problems, SiteName,
    yaml::{Key, Node, Yaml, parse_as_ansible, parse_or_json},
};

/// The form of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// Our own, to be read strictly.
    Native(Box<Node>),
    /// YAML or JSON.
    Tree(Box<Node>),
    /// INI.
    Ini,
}

/// Finds out a file's form, by its name's ending and then by what is in it.
///
/// # Errors
/// What nobody can read.
pub(super) fn form(Text { file, text }: &Text) -> Result<Form, Problems> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let ending = name
        .rsplit_once('.')
        .map_or("", |(stem, ending)| if stem.is_empty() { "" } else { ending });
    let is_object = text.trim_start().starts_with('{');
    match ending {
        "toml" => {
            let at = Position { file: Arc::from(file.as_str()), line: 1, column: 1 };
            let problem = Problem::at(&at, "inventories in TOML are not read");
            Err(problem.hint("`ansible-inventory --list --yaml` turns it into YAML").into())
        }
        "yml" | "yaml" | "json" => tree_or_native(file, text),
        _ if is_object => tree_or_native(file, text),
        // Ansible tries YAML before INI where nothing is said.
        "" => match parse_or_json(file, text) {
            Ok(root) if tree::is_ansible(&root) => Ok(Form::Tree(Box::new(root.settled()))),
            Ok(root) if tree::is_native(&root) => Ok(Form::Native(Box::new(root))),
            _ => Ok(Form::Ini),
        },
        _ => Ok(Form::Ini),
    }
}

fn tree_or_native(file: &str, text: &str) -> Result<Form, Problems> {
    let root = parse_or_json(file, text)?;
    Ok(if tree::is_ansible(&root) {
        Form::Tree(Box::new(root.settled()))
    } else {
        Form::Native(Box::new(root))
    })
}

/// Reads a file in one of Ansible's forms.
pub(super) fn read(form: &Form, text: &Text, entries: &mut Entries, problems: &mut Problems) {
    match form {
        Form::Native(_) => {}
        Form::Tree(root) => tree::read(root, entries, problems),
        Form::Ini => ini::read(text, entries, problems),
    }
}

/// Reads a file of variables beside an inventory of Ansible's.
///
/// # Errors
/// All problems of the file.
pub(super) fn read_vars(who: &LayerName, Text { file, text }: &Text) -> Result<Shared, Problems> {
    let root = parse_as_ansible(file, text)?;
    let mut problems = Problems::default();
    let said = said(who, root.map(&mut problems).unwrap_or_default(), true, &mut problems);
    problems.with_excerpts(file, text).or(said.shared)
}

/// What variables say.
struct Said {
    /// The variables, and what a variable `fleet` says in our own words.
    shared: Shared,
    priority: Option<i64>,
}

fn said(who: &LayerName, entries: &[(Key, Node)], is_file: bool, problems: &mut Problems) -> Said {
    let mut shared = Shared::default();
    let mut priority = None;
    let mut variables = Vec::with_capacity(entries.len());
    for entry in entries {
        let (key, node) = entry;
        match key.text.as_str() {
            // In files it is a variable like any other, as in Ansible.
            "ansible_group_priority" if !is_file && matches!(who, LayerName::Group(_)) => {
                priority = whole(node);
                if priority.is_none() {
                    problems.push(node.expected("a whole number"));
                }
                continue;
            }
            "fleet" => {
                if let Some(mut fields) = node.fields(problems) {
                    shared = Shared::read_words(who, &mut fields, problems);
                    fields.finish("`fleet`", problems);
                }
            }
            _ => {}
        }
        variables.push(entry);
    }
    if !variables.is_empty() {
        let layer = Layer::of_entries(who.clone(), variables, problems);
        shared.layers.push(Arc::new(layer));
    }
    Said { shared, priority }
}

fn whole(node: &Node) -> Option<i64> {
    match &node.value {
        Yaml::Int(number) => Some(*number),
        Yaml::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl Entries {
    fn ansible_group(&mut self, key: &Key, problems: &mut Problems) -> Option<GroupName> {
        let name = named::<GroupName>(key, problems)?;
        self.group(&name, &key.at);
        Some(name)
    }

    fn group_vars(
        &mut self,
        group: &GroupName,
        at: &Position,
        vars: &[(Key, Node)],
        problems: &mut Problems,
    ) {
        let said = said(&LayerName::Group(group.clone()), vars, false, problems);
        let entry = self.group(group, at);
        entry.shared.take(said.shared);
        entry.priority = said.priority.unwrap_or(entry.priority);
    }

    /// Puts the sites that `key` stands for into a group, and sets variables for them.
    fn ansible_hosts(
        &mut self,
        key: &Key,
        group: &GroupName,
        vars: &[(Key, Node)],
        problems: &mut Problems,
    ) {
        if key.is_number {
            let problem = key.problem(format!("the number {} is no site's name", key.text));
            problems.push(problem.hint("put it in quotes"));
            return;
        }
        let (pattern, port) = place(&key.text).unwrap_or((key.text.as_str(), None));
        let names = match range::expand(pattern) {
            Ok(names) => names,
            Err(why) => return problems.push(key.problem(format!("`{pattern}`: {why}"))),
        };
        let said = said(&LayerName::Site, vars, false, problems);
        let port = port.filter(|port| *port > 0).map(|port| Arc::new(port_layer(&key.at, port)));
        for name in names {
            let name = match SiteName::new(&name) {
                Ok(name) => name,
                // The names of a range are alike: one complaint is enough.
                Err(why) => return problems.push(key.problem(why.to_string())),
            };
            let is_new = !self.index.contains_key(name.as_str());
            self.put_site(&name, group, &key.at, problems);
            let Some((entry, _)) = self.site(&name, &key.at) else { return };
            if is_new {
                entry.shared.layers.extend(port.clone());
            }
            entry.shared.take(said.shared.clone());
        }
    }
}

fn port_layer(at: &Position, port: u32) -> Layer {
    let value = VariableValue::Plain(port.into());
    let variable = Variable { at: at.clone(), value };
    let variables = [("ansible_port".to_owned(), variable)].into();
    Layer { name: LayerName::Site, variables }
}

/// A name from a key that must not be a number.
fn named<T>(key: &Key, problems: &mut Problems) -> Option<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    if key.is_number {
        let problem = key.problem(format!("the number {} is no name", key.text));
        problems.push(problem.hint("put it in quotes"));
        return None;
    }
    key.parsed(problems)
}

#[cfg(test)]
mod tests;
