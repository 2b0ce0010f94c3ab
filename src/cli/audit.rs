//! `audit`: what is not as released. Reads only, and leaves locked hosts alone.

use serde_json::json;

use super::{
    Door, Outcome,
    door::wait,
    exit,
    flags::{HostFlags, TargetFlags},
    visit::{self, Visit, code_of_reading, read_only},
};
use crate::{
    engine::{scripts::Depth, site::Site},
    model::Secret,
    plan::{self, Decision, Observation},
    release::{Record, Verb},
    report::audit::{Finding, Kind, audit},
};

/// Find what is not as released: changed, missing, extra files, modes, owners, links, other
/// releases. Exit code 10 when there is anything.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
    /// A variable, as `name=value`; stronger than the inventory's
    #[arg(short, long = "extra-vars", value_name = "NAME=VALUE")]
    extra: Vec<String>,
}

/// Audits.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &args.hosts, &args.extra)?;
    let target = args.target.target();
    wait(async {
        let mut visit = Visit::deploying(door, &fleet, &target).await?;
        // A release that was rolled back is told as such, and must not look like an obstacle.
        visit.options.retry_rejected = true;
        // What runs is compared with what it was made of, also where something newer waits.
        visit.options.depth = Depth::Contents;
        read_only(&visit, "audit", async |session| {
            let mut findings = Vec::new();
            for site in visit.sites.iter().filter_map(|name| session.sites().get(name)) {
                findings.extend(found(site));
            }
            findings.sort();
            if door.screen.is_json() {
                let audited = visit.sites.len();
                door.screen
                    .json(&json!({ "schema": 1, "audited": audited, "findings": findings }))?;
            } else {
                let shown: Vec<Finding> =
                    findings.iter().map(|finding| generalised(&visit, finding)).collect();
                let columns = door.screen.table_columns();
                door.screen.show(&audit(&shown, visit.sites.len(), columns))?;
            }
            let has_drift = findings.iter().any(|finding| finding.kind.is_drift());
            // A door that is shut is worse news than drift, an absent host is not.
            Ok(match code_of_reading(session.sites().values()) {
                exit::DENIED => exit::DENIED,
                _ if has_drift => exit::PENDING,
                code => code,
            })
        })
        .await
    })
}

/// The finding with the site's own places named alike everywhere, so that it is told once.
fn generalised(visit: &Visit<'_>, finding: &Finding) -> Finding {
    let places = [
        (visit.prepared.docroot(&finding.site).unwrap_or_default(), "<docroot>"),
        (visit.prepared.root(&finding.site), "<root>"),
    ];
    let told = |text: &str| {
        places
            .iter()
            .filter(|(own, _)| !own.is_empty())
            .fold(text.to_owned(), |text, (own, shown)| {
                text.replace(&format!("{own}/"), &format!("{shown}/"))
            })
    };
    Finding { path: told(&finding.path), detail: told(&finding.detail), ..finding.clone() }
}

/// Everything that is not as released at one site.
fn found(site: &Site) -> Vec<Finding> {
    let name = site.mouth.site();
    let finding = |kind: Kind, path: &str, detail: String| Finding {
        site: name.clone(),
        path: path.to_owned(),
        kind,
        detail,
    };
    let Some(seen) = &site.seen else {
        let why = site.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
        return vec![finding(Kind::Unreachable, "", why)];
    };
    if let Some(lock) = seen.lock.as_ref().filter(|lock| lock.left > 0) {
        return vec![finding(
            Kind::Busy,
            "",
            format!("run {} by {}", lock.run, lock.holder.person),
        )];
    }
    let mut findings: Vec<Finding> = site
        .deviations
        .iter()
        .map(|deviation| finding(kind(deviation.kind), &deviation.path, deviation.detail.clone()))
        .collect();
    match &site.decision {
        None | Some(Decision::Unchanged) => {}
        Some(Decision::Confirm { name, .. }) => {
            findings.push(finding(
                Kind::Release,
                "",
                format!("{name} is active and was never confirmed"),
            ));
        }
        Some(Decision::Blocked(reasons)) => {
            findings.extend(reasons.iter().map(|why| finding(Kind::Release, "", why.clone())));
        }
        Some(Decision::Deploy(deployment)) => {
            findings.extend(
                pending(site, seen, &deployment.summary)
                    .into_iter()
                    .map(|(kind, path, detail)| finding(kind, &path, detail)),
            );
        }
    }
    findings
}

/// What a deploy would do that is no repair of files: another release that is wanted, and links
/// of the current one that are not there.
fn pending(site: &Site, seen: &Observation, summary: &[String]) -> Vec<(Kind, String, String)> {
    let is_repair = |line: &&String| line.starts_with("repair ") || line.starts_with("files: ");
    let (links, features): (Vec<&String>, Vec<&String>) =
        summary.iter().filter(|line| !is_repair(line)).partition(|line| line.starts_with("link "));
    let features: Vec<&str> = features.into_iter().map(String::as_str).collect();
    let mut found = Vec::new();
    let none = std::collections::BTreeMap::new();
    let ours = seen.current.as_ref().map_or(&none, |current| &current.about.links);
    for link in links {
        let link = link.trim_start_matches("link ");
        let (path, rest) = link.split_once(' ').unwrap_or((link, ""));
        // A link that only the wanted release has comes with it, and is no drift.
        if ours.contains_key(path) {
            found.push((Kind::Link, path.to_owned(), link_detail(rest)));
        }
    }
    let rejection = rejection(site, seen);
    let is_repaired = summary.iter().any(|line| line.starts_with("repair "));
    if features.is_empty() && rejection.is_none() && (is_repaired || !found.is_empty()) {
        return found;
    }
    let wanted = match (seen.current_name(), features.is_empty()) {
        (_, true) => "another configuration is wanted".to_owned(),
        (Some(_), false) => format!("pending: {}", features.join(", ")),
        (None, false) => format!("nothing is deployed; pending: {}", features.join(", ")),
    };
    found.push(match rejection {
        Some(record) => {
            (Kind::RolledBack, String::new(), format!("by run {}; {wanted}", record.run))
        }
        None => (Kind::Release, String::new(), wanted),
    });
    found
}

/// The run that took back the very release that the site should have.
fn rejection<'s>(site: &Site, seen: &'s Observation) -> Option<&'s Record> {
    // Without a salt nothing secret was ever there, and it plays no part.
    let salt = seen.salt.clone().unwrap_or_else(|| Secret::new(String::new()));
    let id = site.wanted.as_ref()?.manifest.identity(&salt);
    seen.journal.rejection_of(&id).filter(|record| record.verb == Verb::Undone)
}

fn link_detail(rest: &str) -> String {
    let wanted = rest.trim_start_matches("→ ");
    match wanted.strip_suffix(" added") {
        Some(target) => format!("not there, should lead to {target}"),
        None => wanted.to_owned(),
    }
}

const fn kind(kind: plan::Kind) -> Kind {
    match kind {
        plan::Kind::Changed | plan::Kind::Type => Kind::Changed,
        plan::Kind::Missing => Kind::Missing,
        plan::Kind::Extra => Kind::Extra,
        plan::Kind::Mode => Kind::Mode,
        plan::Kind::Owner => Kind::Owner,
        plan::Kind::Link => Kind::Link,
        plan::Kind::Release => Kind::Release,
    }
}
