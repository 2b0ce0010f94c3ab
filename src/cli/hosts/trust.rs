//! `hosts trust`: shows what hosts say their keys are, and writes down those that a person
//! believes.

use std::{collections::BTreeMap, fs, path::Path};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::{
    cli::{
        Door, Failure, Outcome,
        door::wait,
        exit,
        flags::{HostFlags, TargetFlags},
    },
    engine::line::Way,
    model::{Problem, SiteName},
    pipeline::{self, Fleet},
    report::{Line, Tone, listed, plural},
    transport::{
        TransportError,
        host_key::{AppendError, HostKey, KnownHosts, LookupName, Verdict, append},
        ssh::{self, Dial},
        ssh_config::Here,
    },
};

/// Show the keys of hosts, and add them to the project's `known_hosts`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
}

/// A host that was asked, and its sites.
struct Asked {
    name: LookupName,
    sites: Vec<SiteName>,
    /// Its keys, and what is known about each.
    keys: Result<Vec<(HostKey, Verdict)>, TransportError>,
}

/// Asks hosts for their keys, and the person for trust.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let target = args.target.target();
    if target == crate::inventory::Target::default() {
        let problem = Problem::new("whom to trust is for you to say");
        return Err(Failure::usage(
            problem.hint("name sites, or all of them: fleetctl hosts trust '*'"),
        ));
    }
    let fleet = pipeline::load(door.project()?, door.global.env.as_deref(), &[])?;
    let sites = fleet.select(&target)?;
    let asked = wait(scan(&fleet, &sites, args.hosts.parallel))?;
    let file = fleet.project.known_hosts(&fleet.environment).into_iter().next().unwrap_or_default();
    if !door.screen.is_json() {
        door.screen.show(&told(&asked, door.screen.columns()))?;
    }
    let fresh: Vec<&Asked> = asked.iter().filter(|host| !host.fresh().is_empty()).collect();
    let bad = asked.iter().filter(|host| host.is_bad()).count();
    let deaf = asked.iter().filter(|host| host.keys.is_err()).count();
    let mut added = 0;
    if !fresh.is_empty() {
        let question = format!("Trust {}?", plural(fresh.len(), "host"));
        if door.agreed(&question)? {
            for host in &fresh {
                added += write(&file, host)?;
            }
        }
    }
    let shown = file.strip_prefix(&fleet.project.root).unwrap_or(&file).display().to_string();
    if door.screen.is_json() {
        door.screen.json(&to_json(&asked, &shown, added))?;
    } else if added > 0 {
        let line = Line::of(Tone::Good, "+ ").add(Tone::Plain, &shown);
        door.screen.show([&line.add(Tone::Dim, &format!("  {}", plural(added, "key")))])?;
    }
    Ok(match (bad, deaf, fresh.len()) {
        (1.., _, _) => exit::DENIED,
        (0, 1.., _) => exit::UNREACHABLE,
        (0, 0, 1..) if added == 0 => exit::DENIED,
        _ => exit::DONE,
    })
}

async fn scan(
    fleet: &Fleet,
    sites: &[SiteName],
    parallel: Option<u32>,
) -> Result<Vec<Asked>, Failure> {
    let here = Here::from_environment();
    let mut hosts: BTreeMap<String, (Dial, Vec<SiteName>)> = BTreeMap::new();
    let mut ways = Vec::new();
    for site in sites.iter().filter_map(|name| fleet.inventory.site(name.as_str())) {
        let way = fleet.way(site, &here).await?;
        if let Way::Ssh(dial) = &way {
            let host = hosts.entry(dial.name.as_str().to_owned());
            host.or_insert_with(|| ((**dial).clone(), Vec::new())).1.push(site.name.clone());
        }
        ways.push(way);
    }
    let keys = fleet.keys(&ways).await;
    let at_once = parallel.unwrap_or(fleet.project.settings.parallel) as usize;
    let asked = stream::iter(hosts.into_values())
        .map(|(dial, sites)| {
            let keys = &keys;
            async move {
                let found = ssh::scan(&dial, keys).await;
                let known = known(&dial);
                let judged = found.map(|found| {
                    found
                        .into_iter()
                        .map(|key| (key.clone(), judged(&known, &dial.name, &key)))
                        .collect()
                });
                Asked { name: dial.name, sites, keys: judged }
            }
        })
        .buffered(at_once.max(1))
        .collect()
        .await;
    Ok(asked)
}

fn known(dial: &Dial) -> KnownHosts {
    let mut known = KnownHosts::new();
    for path in &dial.known_hosts {
        if let Ok(text) = fs::read(path) {
            known.add(&path.display().to_string(), &text);
        }
    }
    known
}

/// What is known about one of several keys that a host has: another of its keys is no change.
fn judged(known: &KnownHosts, name: &LookupName, key: &HostKey) -> Verdict {
    match known.judge(name, key) {
        Verdict::Changed { .. } if !known.algorithms(name).contains(key.algorithm()) => {
            Verdict::Unknown
        }
        verdict => verdict,
    }
}

impl Asked {
    fn fresh(&self) -> Vec<HostKey> {
        if self.is_bad() {
            return Vec::new();
        }
        let keys = self.keys.iter().flatten();
        keys.filter(|(_, verdict)| *verdict == Verdict::Unknown)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Whether what is known speaks against the host.
    fn is_bad(&self) -> bool {
        let mut keys = self.keys.iter().flatten();
        keys.any(|(_, verdict)| !matches!(verdict, Verdict::Trusted | Verdict::Unknown))
    }
}

fn write(file: &Path, host: &Asked) -> Result<usize, Failure> {
    match append(file, &host.name, &host.fresh()) {
        Ok(added) => Ok(added.len()),
        Err(why @ AppendError::Refused(_)) => {
            Err(Failure { code: exit::DENIED, problems: Problem::new(why.to_string()).into() })
        }
        Err(why) => Err(Failure::internal(why.to_string())),
    }
}

fn told(asked: &[Asked], columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for host in asked {
        let head = Line::of(Tone::Strong, host.name.as_str());
        lines.push(head.add(Tone::Dim, &format!("  {}", listed(&host.sites, columns / 2))));
        match &host.keys {
            Err(why) => lines.push(Line::of(Tone::Bad, "  ✗ ").add(Tone::Plain, &why.to_string())),
            Ok(keys) => lines.extend(keys.iter().map(|(key, verdict)| key_line(key, verdict))),
        }
    }
    lines
}

fn key_line(key: &HostKey, verdict: &Verdict) -> Line {
    let (mark, tone, word) = match verdict {
        Verdict::Trusted => ("  = ", Tone::Dim, "known".to_owned()),
        Verdict::Unknown => ("  + ", Tone::Good, "new".to_owned()),
        Verdict::Changed { at, .. } => (
            "  ✗ ",
            Tone::Bad,
            format!("CHANGED: {at} has another; remove that line if you know why"),
        ),
        Verdict::Revoked { at } => ("  ✗ ", Tone::Bad, format!("REVOKED by {at}")),
        Verdict::CannotJudge { at, why } => {
            ("  ✗ ", Tone::Bad, format!("cannot be judged: {at} {why}"))
        }
    };
    let line =
        Line::of(tone, mark).add(Tone::Plain, &format!("{:<8}{}", key.kind(), key.fingerprint()));
    line.add(tone, &format!("  {word}"))
}

fn to_json(asked: &[Asked], file: &str, added: usize) -> Value {
    let hosts: Vec<Value> = asked
        .iter()
        .map(|host| {
            let keys: Vec<Value> = host
                .keys
                .iter()
                .flatten()
                .map(|(key, verdict)| {
                    let verdict = match verdict {
                        Verdict::Trusted => "known",
                        Verdict::Unknown => "new",
                        Verdict::Changed { .. } => "changed",
                        Verdict::Revoked { .. } => "revoked",
                        Verdict::CannotJudge { .. } => "cannot_judge",
                    };
                    json!({ "kind": key.algorithm(), "fingerprint": key.fingerprint(), "verdict": verdict })
                })
                .collect();
            let why = host.keys.as_ref().err().map(ToString::to_string);
            json!({ "host": host.name.as_str(), "sites": host.sites, "keys": keys, "why": why })
        })
        .collect();
    json!({ "schema": 1, "hosts": hosts, "file": file, "added": added })
}
