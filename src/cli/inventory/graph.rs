//! `inventory graph`: the groups as a tree.

use serde_json::json;

use crate::{
    cli::{Door, Outcome, exit},
    inventory::Inventory,
    model::GroupName,
    report::{Line, Tone, plural},
};

/// Shows the groups, each below those that contain it.
pub fn run(door: &Door) -> Outcome {
    let (_, inventory) = super::open(door)?;
    if door.screen.is_json() {
        let groups = inventory.groups.iter().map(|(name, group)| {
            let sites: Vec<_> = inventory.members(name.as_str()).map(|site| &site.name).collect();
            (name.as_str(), json!({ "children": group.children, "sites": sites }))
        });
        let groups: serde_json::Map<_, _> =
            groups.map(|(name, group)| (name.to_owned(), group)).collect();
        door.screen.json(&json!({ "schema": 1, "groups": groups }))?;
        return Ok(exit::DONE);
    }
    let mut lines = vec![group_line("", "all", &inventory)];
    let all = inventory.groups.get("all").map(|all| all.children.as_slice()).unwrap_or_default();
    let top: Vec<&GroupName> =
        all.iter().filter(|name| is_worth_telling(&inventory, name)).collect();
    below(&top, "", &inventory, &mut lines);
    door.screen.show(&lines)?;
    Ok(exit::DONE)
}

/// `ungrouped` is always there, and usually empty.
fn is_worth_telling(inventory: &Inventory, name: &GroupName) -> bool {
    let is_empty = || inventory.members("ungrouped").next().is_none();
    name.as_str() != "all" && (name.as_str() != "ungrouped" || !is_empty())
}

fn below(names: &[&GroupName], margin: &str, inventory: &Inventory, lines: &mut Vec<Line>) {
    for (index, name) in names.iter().enumerate() {
        let is_last = index + 1 == names.len();
        let (branch, next) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(group_line(&format!("{margin}{branch}"), name.as_str(), inventory));
        // The inventory has no cycles: they are refused when it is read.
        let children =
            inventory.groups.get(*name).map(|group| group.children.iter().collect::<Vec<_>>());
        below(&children.unwrap_or_default(), &format!("{margin}{next}"), inventory, lines);
    }
}

fn group_line(branch: &str, name: &str, inventory: &Inventory) -> Line {
    let count = plural(inventory.members(name).count(), "site");
    Line::of(Tone::Dim, branch).add(Tone::Strong, name).add(Tone::Dim, &format!("  {count}"))
}
