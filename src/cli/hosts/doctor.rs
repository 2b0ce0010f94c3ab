//! `hosts doctor`: whether hosts have what a deploy needs, before one is tried.

use serde_json::{Value, json};

use crate::{
    cli::{
        Door, Outcome,
        door::wait,
        exit,
        flags::{HostFlags, TargetFlags},
        visit::{self, Visit, code_of_reading, read_only},
    },
    engine::{scripts::Depth, site::Site},
    model::SiteName,
    plan::{Needs, obstacles},
    report::{Line, Shared, Tone, bytes, collapse, listed, plural},
};

/// Less free space than this is told, in KiB.
const LITTLE_KIB: u64 = 200 << 10;
/// A clock that is further off than this is told, in seconds.
const SKEW: i64 = 120;

/// Whether hosts have what a deploy needs: tools, rights, room, directories nobody else can write,
/// web servers and containers that see a switch.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    hosts: HostFlags,
}

/// A finding: whether it forbids a deploy, and what it is.
type Finding = (bool, String);

/// Examines.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &args.hosts, &[])?;
    let target = args.target.target();
    wait(async {
        let mut visit = Visit::reading(door, &fleet, &target).await?;
        visit.options.depth = Depth::Servers;
        read_only(&visit, "doctor", async |session| {
            let found = visit.sites.iter().filter_map(|name| session.sites().get(name));
            let all: Vec<(SiteName, Vec<Finding>)> =
                found.map(|site| (site.mouth.site().clone(), examined(&visit, site))).collect();
            tell(&all, door)?;
            let is_ill = all.iter().flat_map(|(_, findings)| findings).any(|(forbids, _)| *forbids);
            Ok(match code_of_reading(session.sites().values()) {
                0 if is_ill => exit::FAILED,
                code => code,
            })
        })
        .await
    })
}

fn examined(visit: &Visit<'_>, site: &Site) -> Vec<Finding> {
    let name = site.mouth.site();
    let Some(seen) = &site.seen else {
        let why = site.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
        return vec![(true, why)];
    };
    let release = &visit.fleet.project.settings.release;
    let needs = Needs {
        root: visit.prepared.root(name),
        owner: release.owner.as_deref(),
        group: release.group.as_deref(),
        privilege: site.host.account.become_root || site.host.line.login() == "root",
        bytes: 0,
        files: 0,
    };
    let mut findings: Vec<Finding> =
        obstacles(seen, &needs).into_iter().map(|why| (true, why)).collect();
    if let Some(space) = seen.space.filter(|space| *space < LITTLE_KIB) {
        findings.push((false, format!("only {} are free below {}", bytes(space << 10), seen.near)));
    }
    if let Some(lock) = &seen.lock {
        let held = if lock.left > 0 { "is held" } else { "was left behind" };
        findings.push((
            false,
            format!("the host lock {held} by run {} of {}", lock.run, lock.holder.person),
        ));
    }
    let now = jiff::Timestamp::now().as_second();
    if let Some(skew) =
        seen.clock.and_then(|clock| i64::try_from(clock).ok()).map(|clock| clock - now)
        && skew.abs() > SKEW
    {
        let way = if skew > 0 { "ahead" } else { "behind" };
        findings.push((
            false,
            format!("its clock is {} {way}", crate::cli::when::span(skew.unsigned_abs())),
        ));
    }
    findings.extend(seen.by_link.iter().map(|file| {
        (false, format!("{file} hands PHP the path with the link in it, so it may go on with the old release; use $realpath_root in SCRIPT_FILENAME and DOCUMENT_ROOT"))
    }));
    findings.extend(seen.mounted.iter().map(|container| {
        let root = visit.prepared.root(name);
        (false, format!("the container {container} mounts {root}/current, which stays what it was when the container started; mount {root}"))
    }));
    findings
}

fn tell(all: &[(SiteName, Vec<Finding>)], door: &Door) -> std::io::Result<()> {
    if door.screen.is_json() {
        let sites: Vec<Value> = all
            .iter()
            .map(|(site, findings)| {
                let texts = |wanted: bool| -> Vec<&String> {
                    findings
                        .iter()
                        .filter(|(forbids, _)| *forbids == wanted)
                        .map(|(_, text)| text)
                        .collect()
                };
                json!({ "site": site, "obstacles": texts(true), "notes": texts(false) })
            })
            .collect();
        return door.screen.json(&json!({ "schema": 1, "sites": sites }));
    }
    let ill = all.iter().filter(|(_, findings)| !findings.is_empty());
    let mut groups = collapse(ill.map(|(site, findings)| (site.clone(), findings.clone())));
    groups.sort_by_key(|group| group.what.iter().any(|(forbids, _)| *forbids));
    let mut lines = Vec::new();
    for Shared { what, sites } in groups {
        lines.push(Line::of(Tone::Strong, &listed(&sites, door.screen.columns())));
        for (forbids, text) in what {
            let (mark, tone) = if forbids { ("  ✗ ", Tone::Bad) } else { ("  ! ", Tone::Warn) };
            lines.push(Line::of(tone, mark).add(Tone::Plain, &text));
        }
        lines.push(Line::new());
    }
    let ready =
        all.iter().filter(|(_, findings)| findings.iter().all(|(forbids, _)| !forbids)).count();
    let line = Line::of(Tone::Strong, &format!("{}: ", plural(all.len(), "site")));
    let line = line.add(Tone::Good, &format!("{ready} ready for a deploy"));
    lines.push(match all.len() - ready {
        0 => line,
        ill => line.add(Tone::Plain, ", ").add(Tone::Bad, &format!("{ill} not")),
    });
    door.screen.show(&lines)
}
