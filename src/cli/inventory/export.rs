//! `inventory export`: the inventory as other tools read it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    cli::{Door, Failure, Outcome, door::selected, exit, flags::TargetFlags},
    inventory::{Inventory, Site, VariableValue},
    model::{Problem, Problems, SiteName},
};

/// The inventory as other tools read it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    /// The form: `ansible` is the document of `ansible-inventory --list`
    #[arg(long, value_enum, default_value = "ansible", value_name = "FORM")]
    format: Form,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// One JSON document: groups, and variables in `_meta.hostvars`
    Ansible,
}

/// Writes it.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let Form::Ansible = args.format;
    let (project, inventory) = super::open(door)?;
    let target = project.limited(&args.target.target());
    let names = selected(&inventory, &target.map_err(Failure::usage)?)?;
    let names: BTreeSet<SiteName> = names.into_iter().collect();
    let is_meant = |site: &Site| names.contains(&site.name);
    let mut document = Map::new();
    let mut variables = Map::new();
    for (name, group) in &inventory.groups {
        let mut entry = Map::new();
        if !group.children.is_empty() {
            entry.insert("children".to_owned(), json!(group.children));
        }
        let sites = inventory.direct(name.as_str()).filter(|site| is_meant(site));
        let sites: Vec<&str> = sites.map(|site| site.name.as_str()).collect();
        if name.as_str() != "all" && !sites.is_empty() {
            entry.insert("hosts".to_owned(), json!(sites));
        }
        if !entry.is_empty() {
            document.insert(name.to_string(), entry.into());
        }
    }
    let mut problems = Problems::default();
    for site in inventory.sites().iter().filter(|site| is_meant(site)) {
        let of_site = variables_of(site, &inventory, &mut problems);
        if !of_site.is_empty() {
            variables.insert(site.name.to_string(), of_site.into());
        }
    }
    problems.or(())?;
    document.insert("_meta".to_owned(), json!({ "hostvars": variables }));
    door.screen.json(&document)?;
    Ok(exit::DONE)
}

/// All variables of a site, as Ansible would need them: what our own form says about reaching it
/// under Ansible's names. A secret is never asked for: only where it comes from is written.
fn variables_of(site: &Site, inventory: &Inventory, problems: &mut Problems) -> Map<String, Value> {
    let mut variables = Map::new();
    if !inventory.is_ansible {
        let settings = &site.settings;
        let mut say = |name: &str, value: Option<Value>| {
            variables.extend(value.map(|value| (name.to_owned(), value)));
        };
        say("ansible_host", site.address.clone().map(Value::from));
        say("ansible_port", settings.port.map(Value::from));
        say("ansible_user", settings.user.clone().map(Value::from));
        let key = settings.identity.first();
        say("ansible_ssh_private_key_file", key.cloned().map(Value::from));
        say("ansible_become", settings.become_root.map(Value::from));
        let jump = settings.jump.as_ref().map(|jump| format!("-o ProxyJump={jump}"));
        say("ansible_ssh_common_args", jump.map(Value::from));
    }
    for (name, variable) in site.variables(&[]) {
        match &variable.value {
            VariableValue::Plain(value) => {
                variables.insert(name.to_owned(), value.clone());
            }
            VariableValue::Secret(source) => {
                let lookup = source.as_ansible();
                if lookup.is_none() {
                    let message = format!("`{name}` is a secret that Ansible cannot look up");
                    problems.push(Problem::at(&variable.at, message));
                }
                variables.extend(lookup.map(|text| (name.to_owned(), text.into())));
            }
        }
    }
    variables
}
