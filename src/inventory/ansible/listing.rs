//! The JSON that `ansible-inventory --list` and dynamic inventories print.

use std::collections::{BTreeSet, HashMap};

use super::{Entries, Said, said, tree::group_in_list};
use crate::{
    inventory::{LayerName, entry::Named},
    model::{
        Problems, SiteName,
        yaml::{Key, Node, Yaml, parse_as_ansible},
    },
};

/// Whether groups are written as lists, as programs print them.
pub(super) fn is_listing(groups: &[(Key, Node)]) -> bool {
    groups.iter().any(|(key, node)| {
        let holds_list = |entries: &[(Key, Node)]| {
            let is_list = |(key, node): &(Key, Node)| {
                matches!(key.text.as_str(), "hosts" | "children")
                    && matches!(node.value, Yaml::List(_))
            };
            entries.iter().any(is_list)
        };
        match &node.value {
            Yaml::List(_) => true,
            Yaml::Map(entries) => key.text == "_meta" || holds_list(entries),
            _ => false,
        }
    })
}

/// The sites whose variables the document leaves out (it has no `_meta`), in order; they are to
/// be asked for one by one. `None` where the document has them all, or cannot be read.
#[must_use]
pub fn hosts_without_variables(file: &str, text: &str) -> Option<Vec<String>> {
    let Yaml::Map(groups) = parse_as_ansible(file, text).ok()?.value else { return None };
    if groups.iter().any(|(key, _)| key.text == "_meta") {
        return None;
    }
    let mut known = BTreeSet::new();
    let mut hosts = Vec::new();
    for (_, node) in &groups {
        let list = match &node.value {
            Yaml::Map(entries) => entries.iter().find(|(key, _)| key.text == "hosts").map(|e| &e.1),
            _ => Some(node),
        };
        for host in list.map(Node::one_or_many).unwrap_or_default() {
            if let Yaml::Text(name) = &host.value
                && known.insert(name.clone())
            {
                hosts.push(name.clone());
            }
        }
    }
    Some(hosts)
}

/// Reads the groups and the variables in `_meta`.
pub(super) fn read(groups: &[(Key, Node)], entries: &mut Entries, problems: &mut Problems) {
    let mut hosts: BTreeSet<SiteName> = BTreeSet::new();
    let mut meta = None;
    for (key, node) in groups {
        if key.text == "_meta" {
            let fields = node.fields(problems);
            meta = fields.and_then(|mut fields| fields.optional("hostvars"));
            continue;
        }
        read_group(key, node, entries, &mut hosts, problems);
    }
    let Some(meta) = meta else { return };
    let vars: HashMap<&str, &Node> = meta
        .map(problems)
        .unwrap_or_default()
        .iter()
        .map(|(key, node)| (key.text.as_str(), node))
        .collect();
    for name in hosts {
        let Some(node) = vars.get(name.as_str()) else { continue };
        let Said { shared, .. } =
            said(&LayerName::Site, node.map(problems).unwrap_or_default(), false, problems);
        if let Some((entry, _)) = entries.site(&name, &node.at) {
            entry.shared.take(shared);
        }
    }
}

fn read_group(
    key: &Key,
    node: &Node,
    entries: &mut Entries,
    hosts: &mut BTreeSet<SiteName>,
    problems: &mut Problems,
) {
    let Some(name) = entries.ansible_group(key, problems) else { return };
    let mut take_hosts = |list: &Node, entries: &mut Entries, problems: &mut Problems| {
        for host in list.list(problems).unwrap_or_default() {
            let Some(site) = host.parsed::<SiteName>(problems) else { continue };
            entries.put_site(&site, &name, &host.at, problems);
            hosts.insert(site);
        }
    };
    let Yaml::Map(words) = &node.value else {
        return take_hosts(node, entries, problems);
    };
    for (word, node) in words {
        match word.text.as_str() {
            "hosts" => take_hosts(node, entries, problems),
            "vars" => {
                let vars = node.map(problems).unwrap_or_default();
                entries.group_vars(&name, &key.at, vars, problems);
            }
            "children" => {
                for child in node.list(problems).unwrap_or_default() {
                    let Some(group) = group_in_list(child, problems) else { continue };
                    entries.group(&group, &child.at);
                    let child = Named { at: child.at.clone(), name: group };
                    entries.put_group(&name, child, problems);
                }
            }
            other => {
                let problem = word.problem(format!("unknown key `{other}` in a group"));
                problems.push(problem.suggest(other, ["hosts", "children", "vars"]));
            }
        }
    }
}
