//! Ansible's YAML: groups at the top, each with `hosts`, `children` and `vars`.

use super::{Entries, listing, named};
use crate::model::{
    GroupName, Problems,
    yaml::{Key, Node, Yaml},
};

const WORDS: [&str; 3] = ["hosts", "children", "vars"];

/// Whether a document is in one of Ansible's forms: it has no `sites` and no `groups`, and
/// something at its top is a group of Ansible's.
pub(super) fn is_ansible(root: &Node) -> bool {
    let Yaml::Map(entries) = &root.value else { return false };
    let has = |words: &[&str]| entries.iter().any(|(key, _)| words.contains(&key.text.as_str()));
    if is_native(root) {
        return false;
    }
    let is_group = |(_, node): &(Key, Node)| match &node.value {
        Yaml::Map(inner) => inner.iter().any(|(key, _)| WORDS.contains(&key.text.as_str())),
        Yaml::List(_) => true,
        _ => false,
    };
    // These are words of a group itself, one level too high.
    !has(&["hosts", "vars", "children"])
        && (has(&["all", "ungrouped", "_meta", "plugin"]) || entries.iter().any(is_group))
}

/// Whether a document is certainly in our own form.
pub(super) fn is_native(root: &Node) -> bool {
    let Yaml::Map(entries) = &root.value else { return false };
    entries.iter().any(|(key, _)| matches!(key.text.as_str(), "sites" | "groups"))
}

/// Reads a document.
pub(super) fn read(root: &Node, entries: &mut Entries, problems: &mut Problems) {
    let Yaml::Map(groups) = &root.value else { return };
    if let Some((key, _)) = groups.iter().find(|(key, _)| key.text == "plugin") {
        let problem = key.problem("this configures an inventory plugin of Ansible's");
        problems.push(problem.hint("let `ansible-inventory --list` print it into a file"));
        return;
    }
    if listing::is_listing(groups) {
        return listing::read(groups, entries, problems);
    }
    for (key, node) in groups {
        read_group(key, node, entries, problems);
    }
}

fn read_group(
    key: &Key,
    node: &Node,
    entries: &mut Entries,
    problems: &mut Problems,
) -> Option<GroupName> {
    let name = entries.ansible_group(key, problems)?;
    for (word, node) in node.map(problems).unwrap_or_default() {
        let node = word_or_map(node);
        let node = node.as_ref();
        match word.text.as_str() {
            "vars" => {
                let vars = node.map(problems).unwrap_or_default();
                entries.group_vars(&name, &key.at, vars, problems);
            }
            "children" => {
                for (child, node) in node.map(problems).unwrap_or_default() {
                    if let Some(group) = read_group(child, node, entries, problems) {
                        let child =
                            super::super::entry::Named { at: child.at.clone(), name: group };
                        entries.put_group(&name, child, problems);
                    }
                }
            }
            "hosts" => {
                for (host, node) in node.map(problems).unwrap_or_default() {
                    let vars = node.map(problems).unwrap_or_default();
                    entries.ansible_hosts(host, &name, vars, problems);
                }
            }
            other => {
                let problem = word.problem(format!("unknown key `{other}` in a group"));
                let near = problem.suggest(other, WORDS);
                problems.push(match near.hint {
                    Some(_) => near,
                    None => near.hint("known keys: hosts, children, vars; variables go below vars"),
                });
            }
        }
    }
    Some(name)
}

/// One name alone stands for a mapping with that key.
fn word_or_map(node: &Node) -> std::borrow::Cow<'_, Node> {
    let Yaml::Text(text) = &node.value else { return std::borrow::Cow::Borrowed(node) };
    let key = Key { at: node.at.clone(), text: text.clone(), is_number: false };
    let nothing = Node { at: node.at.clone(), value: Yaml::Null };
    let value = Yaml::Map(vec![(key, nothing)]);
    std::borrow::Cow::Owned(Node { at: node.at.clone(), value })
}

/// A name of a group where a list holds it.
pub(super) fn group_in_list(node: &Node, problems: &mut Problems) -> Option<GroupName> {
    let text = node.text(problems)?.to_owned();
    named(&Key { at: node.at.clone(), text, is_number: false }, problems)
}
