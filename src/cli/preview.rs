//! What a session has planned, in the words of the report: for `plan`, and before a deploy.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::visit::Visit;
use crate::{
    engine::{adhoc, session::Session, site::Site},
    model::{ArtifactPath, Content, Digest, FeatureName, SiteName},
    pipeline::{Scope, Task},
    plan::{Base, Decision, Deployment},
    registry::Registry,
    release::{Entry, Manifest, Part, Source, TreePath, Wanted},
    report::plan::{FileDiff, Files, SitePlan},
    shell::quote,
};

/// Files of which more is not compared here, in bytes.
const LARGEST: u64 = 512 << 10;
/// How long a host may take to show a file.
const SHOW: Duration = Duration::from_secs(30);

/// Which files are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// None.
    None,
    /// Those that change.
    Changed,
    /// New and removed ones too.
    All,
}

/// The plans of all sites, in the order wanted.
pub async fn plans(
    visit: &Visit<'_>,
    session: &Session<'_>,
    shown: Shown,
) -> Vec<(SiteName, SitePlan)> {
    let found = visit.sites.iter().filter_map(|name| session.sites().get(name));
    let all = found.map(|site| async move {
        let name = site.mouth.site().clone();
        let plan = plan(visit, site, shown).await;
        (name, plan)
    });
    futures::future::join_all(all).await
}

async fn plan(visit: &Visit<'_>, site: &Site, shown: Shown) -> SitePlan {
    let mut plan = SitePlan { places: places(visit, site.mouth.site()), ..SitePlan::default() };
    if let Some(why) = &site.trouble {
        plan.blocked = Some(why.to_string());
        return plan;
    }
    match &site.decision {
        Some(Decision::Deploy(deployment)) => {
            summarise(&mut plan, deployment);
            let base = site.seen.as_ref().and_then(|seen| site.base_of(seen, None));
            let old = base.as_ref().map(|base| &base.manifest);
            if let Some(wanted) = site.wanted.as_ref().filter(|_| !deployment.reuse) {
                plan.files = files(old, &wanted.manifest);
                if shown != Shown::None {
                    plan.diffs = diffs(visit, site, base.as_ref(), wanted, shown).await;
                }
            }
        }
        Some(Decision::Confirm { name, .. }) => {
            let text =
                format!("release {name} is active and was never confirmed: its gates are due");
            plan.changes.push(text);
        }
        Some(Decision::Blocked(reasons)) => plan.blocked = Some(reasons.join("; ")),
        Some(Decision::Unchanged) | None => {}
    }
    if let (Task::Deploy(Scope::Only(only)), Some(seen)) = (&visit.task, &site.seen) {
        let pending = visit.prepared.pending(site.mouth.site(), only, seen);
        if !pending.is_empty() {
            plan.warnings.push(format!("left for another deploy: {}", pending.join(", ")));
        }
    }
    plan
}

fn places(visit: &Visit<'_>, site: &SiteName) -> Vec<(String, String)> {
    let mut places = vec![
        (site.to_string(), "<site>".to_owned()),
        (visit.prepared.root(site).to_owned(), "<root>".to_owned()),
    ];
    places.extend(
        visit.prepared.docroot(site).map(|docroot| (docroot.to_owned(), "<docroot>".to_owned())),
    );
    places
}

/// Sorts what the plan says about links from the rest. What is said about files is counted anew.
fn summarise(plan: &mut SitePlan, deployment: &Deployment) {
    for line in &deployment.summary {
        let Some(link) = line.strip_prefix("link ") else {
            if !line.starts_with("files: ") {
                plan.changes.push(line.clone());
            }
            continue;
        };
        if let Some((place, what)) = link.split_once(" replaces ") {
            let what = what.trim_end_matches(", which is kept for undo");
            let place = place.split(" → ").next().unwrap_or(place);
            plan.replaced.push(format!("{place}, {what}"));
        } else if link.contains(" removed") {
            plan.changes.push(line.clone());
        } else {
            plan.linked.push(link.trim_end_matches(" added").to_owned());
        }
    }
    if plan.changes.is_empty() && plan.linked.is_empty() && plan.replaced.is_empty() {
        plan.changes.push("the rendered configuration".to_owned());
    }
}

fn is_file(entry: &Entry) -> bool {
    matches!(entry, Entry::File { .. })
}

fn files(old: Option<&Manifest>, new: &Manifest) -> Files {
    let old = old.map(|old| old.entries.clone()).unwrap_or_default();
    let mut files = Files {
        kept: new.entries.values().filter(|entry| is_file(entry)).count(),
        ..Files::default()
    };
    for (_, before, after) in old.changes(&new.entries) {
        match (before, after.filter(|entry| is_file(entry))) {
            (None, Some(_)) => files.added += 1,
            (Some(_), Some(_)) => files.changed += 1,
            (Some(entry), None) if after.is_none() && is_file(entry) => files.removed += 1,
            _ => {}
        }
    }
    files.kept -= files.changed + files.added;
    files
}

async fn diffs(
    visit: &Visit<'_>,
    site: &Site,
    base: Option<&Base>,
    wanted: &Wanted,
    shown: Shown,
) -> Vec<FileDiff> {
    let nothing = BTreeMap::new();
    let old = base.map_or(&nothing, |base| &base.manifest.entries);
    let mut diffs = Vec::new();
    for (path, entry) in wanted.manifest.entries.iter().filter(|(_, entry)| is_file(entry)) {
        let before = old.get(path).filter(|entry| is_file(entry));
        if before == Some(entry) || (before.is_none() && shown != Shown::All) {
            continue;
        }
        if entry.size().max(before.map_or(0, Entry::size)) > LARGEST {
            continue;
        }
        let Some(new) = new_content(visit, wanted, path) else { continue };
        let before = match (before, base) {
            (Some(entry), Some(base)) => {
                let Some(content) =
                    old_content(visit, site, base, path, entry, new.is_tainted()).await
                else {
                    continue;
                };
                Some(content)
            }
            _ => None,
        };
        diffs.push(FileDiff { path: path.clone(), old: before, new: Some(new) });
    }
    diffs
}

fn new_content(visit: &Visit<'_>, wanted: &Wanted, path: &TreePath) -> Option<Content> {
    match wanted.sources.get(path)? {
        Source::Rendered(content) => Some(content.clone()),
        Source::Artifact { feature, version, path } => {
            let published = visit.prepared.archive(feature, version)?;
            let inside = ArtifactPath::new(path).ok()?;
            let mut found = published.contents(&[inside.clone()].into()).ok()?;
            found.remove(&inside).map(Content::Plain)
        }
    }
}

/// What the host has now: from the registry where it is published, else from the host itself.
/// What may carry a secret is never fetched.
async fn old_content(
    visit: &Visit<'_>,
    site: &Site,
    base: &Base,
    path: &TreePath,
    entry: &Entry,
    new_is_tainted: bool,
) -> Option<Content> {
    let is_open = matches!(entry, Entry::File { mode, .. } if mode & 0o004 != 0);
    if new_is_tainted || !is_open {
        return Some(Content::Tainted(Bytes::new()));
    }
    if let Some(content) = published_before(visit, base, path, entry).await {
        return Some(content);
    }
    let root = visit.prepared.root(site.mouth.site());
    let place = quote(&format!("{root}/current/{path}"));
    let ran = adhoc::run(&site.host, &format!("cat -- {place}"), SHOW).await.ok()?;
    (ran.status == Some(0) && ran.dropped == 0).then(|| Content::Plain(ran.stdout.into()))
}

/// The file of the version that the host has, if that file came from its artifact.
async fn published_before(
    visit: &Visit<'_>,
    base: &Base,
    path: &TreePath,
    entry: &Entry,
) -> Option<Content> {
    let Entry::File { digest, .. } = entry else { return None };
    let feature: FeatureName = path.split('/').nth(1)?.parse().ok()?;
    let part = base.manifest.features.get(&feature)?;
    let (registry, part, digest) = (visit.fleet.registry.clone(), part.clone(), *digest);
    // It may have to be fetched, and hosts want to be heard meanwhile.
    let found = move || content_of(&registry, &feature, &part, digest);
    tokio::task::spawn_blocking(found).await.ok()?
}

/// The file with this digest in a published version.
fn content_of(
    registry: &Registry,
    feature: &FeatureName,
    part: &Part,
    digest: Digest,
) -> Option<Content> {
    let published = registry.open(feature, &part.version, Some(&part.digest)).ok()?;
    let inside = published.manifest.entries().iter().find_map(|(inside, entry)| match entry {
        crate::release::artifact::Entry::File { digest: known, .. } if *known == digest => {
            Some(inside.clone())
        }
        _ => None,
    })?;
    let mut found = published.contents(&[inside.clone()].into()).ok()?;
    found.remove(&inside).map(Content::Plain)
}
