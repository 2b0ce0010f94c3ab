//! `inventory list`: one row per site.

use std::collections::BTreeMap;

use crate::{
    cli::{
        Door, Failure, Outcome,
        door::{selected, selected_by},
        exit,
        flags::TargetFlags,
    },
    inventory::{Inventory, Site, unreachable},
    pipeline,
    report::{Line, Table, Tone, plural},
};

/// The sites, with their hosts, groups and features.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
}

/// Shows the sites meant.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let (project, inventory) = super::open(door)?;
    let target = project.limited(&args.target.target());
    let target = target.map_err(Failure::usage)?;
    // What sites have because others need it stands in the lock.
    let by_feature = !target.features.is_empty();
    let environment = door.global.env.as_deref();
    let fleet = by_feature.then(|| pipeline::load(project, environment, &[]).ok()).flatten();
    let names = match fleet {
        Some(fleet) => selected_by(&inventory, &target, &|site| fleet.features_of(site))?,
        None => selected(&inventory, &target)?,
    };
    if door.screen.is_json() {
        door.screen.json(&names)?;
        return Ok(exit::DONE);
    }
    let sites: Vec<&Site> = names.iter().filter_map(|name| inventory.site(name.as_str())).collect();
    door.screen.first_fitting(&[5, 4, 3, 2].map(|columns| table(&sites, columns)))?;
    door.screen.note(&summary(&inventory, sites.len()))?;
    door.tell_notes(&unreachable(sites))?;
    Ok(exit::DONE)
}

fn table(sites: &[&Site], columns: usize) -> Table {
    let heads = ["SITE", "FEATURES", "HOST", "PLATFORM", "GROUPS"];
    let mut table = Table::new(heads.get(..columns).unwrap_or(&heads));
    for site in sites {
        let cells = [
            (Tone::Strong, site.name.to_string()),
            (Tone::Plain, features(site).join(" ")),
            (Tone::Plain, host(site)),
            (Tone::Plain, site.settings.platform.map(|p| p.to_string()).unwrap_or_default()),
            (Tone::Dim, groups(site).join(" ")),
        ];
        table.row(cells.into_iter().take(columns));
    }
    table
}

fn summary(inventory: &Inventory, shown: usize) -> Line {
    let all = inventory.sites().len();
    let hosts = plural(inventory.hosts().len(), "host");
    let text = format!("{} on {hosts} in {}", plural(all, "site"), inventory.environment);
    let part = if shown == all { String::new() } else { format!("{shown} of ") };
    Line::of(Tone::Dim, &format!("{part}{text}"))
}

/// The site's own groups: `all` says nothing, as every site is in it.
fn groups(site: &Site) -> Vec<&str> {
    site.groups.iter().map(crate::model::GroupName::as_str).filter(|name| *name != "all").collect()
}

fn host(site: &Site) -> String {
    let address = site.address.as_deref().unwrap_or(site.name.as_str());
    let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    match site.settings.port {
        Some(port) if port != 22 => format!("{address}:{port}"),
        _ => address,
    }
}

/// What is wanted, all that is asked of one feature together; holds are marked.
fn features(site: &Site) -> Vec<String> {
    let mut wants: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for want in &site.wants {
        let asked = wants.entry(want.feature.as_str()).or_default();
        let requirement = want.requirement.as_str();
        if requirement != "*" && !asked.contains(&requirement) {
            asked.push(requirement);
        }
    }
    let today = jiff::Zoned::now().date();
    let told = wants.into_iter().map(|(feature, asked)| {
        let asked = format!("{feature}{}", asked.join(",").replace(' ', ""));
        match site.holds.get(feature) {
            Some(hold) => match hold.ended(today) {
                None => format!("{feature}={}(held)", hold.version),
                Some(day) => format!("{asked}(hold ended {day})"),
            },
            None => asked,
        }
    });
    told.collect()
}
