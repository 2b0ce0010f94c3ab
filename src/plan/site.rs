//! The plan of one site: nothing, a deployment, a confirmation that is still owed, or the reasons
//! why nothing may be done.

use std::collections::BTreeMap;

use super::{
    deviation::{Deviation, damaged, is_unfit_as_base},
    observation::{Observation, UndoRecord},
    preflight::{Needs, obstacles},
};
use crate::{
    model::{Digest, FeatureName, ReleaseName, RunId, Secret},
    release::{Difference, Manifest, Part, Wanted},
    resource::{Change, HostPath, Link, Moment, Operation, Undo, Verdict},
};

/// A release on the host that the wanted one is built from (or is).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its directory.
    pub name: ReleaseName,
    /// The identity its manifest is kept under.
    pub id: Digest,
    /// What it should hold.
    pub manifest: Manifest,
    /// Where it does not.
    pub deviations: Vec<Deviation>,
    /// Whether its contents were read and compared.
    pub verified: bool,
}

/// What the run brings into a plan.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The run.
    pub run: RunId,
    /// Whether root's rights can be had on the host.
    pub privilege: bool,
    /// Whether a release that was rolled back here may be tried again.
    pub retry_rejected: bool,
    /// Becomes the site's salt where it has none and needs one.
    pub fresh_salt: Secret,
    /// Whether an intact base with the wanted identity is made current as it is (rollback).
    pub reuse: bool,
}

/// Everything that makes a wanted release current, and takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The release's directory.
    pub name: ReleaseName,
    /// Its identity.
    pub id: Digest,
    /// What it is built from; `None` from nothing. With `reuse` it is the release itself.
    pub base: Option<(ReleaseName, Digest)>,
    /// Whether the release is there already, intact.
    pub reuse: bool,
    /// What must be sent.
    pub difference: Difference,
    /// The salt that the host must get.
    pub new_salt: Option<Secret>,
    /// Whether the root directory must be made.
    pub make_root: bool,
    /// What is current now.
    pub previous: Option<ReleaseName>,
    /// Operations before the switch.
    pub before: Vec<Operation>,
    /// Operations after the switch.
    pub after: Vec<Operation>,
    /// How to take all of it back.
    pub undo: UndoRecord,
    /// For people: what will be done, line by line.
    pub summary: Vec<String>,
}

/// What is to be done at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is as wanted, byte by byte.
    Unchanged,
    /// It is as wanted, but the run that activated it never came to confirm it.
    Confirm {
        /// The release.
        name: ReleaseName,
        /// Its identity.
        id: Digest,
        /// How to take it back if it does not pass its gates.
        undo: Box<UndoRecord>,
    },
    /// It is to be changed.
    Deploy(Box<Deployment>),
    /// Nothing may be done, for these reasons.
    Blocked(Vec<String>),
}

/// Plans a site. `base` is its current release as the control machine knows it; for a rollback,
/// the release to go back to.
#[must_use]
pub fn plan(wanted: &Wanted, seen: &Observation, base: Option<&Base>, policy: &Policy) -> Decision {
    // A site that wants nothing and has nothing gets no empty release.
    if wanted.manifest.features.is_empty()
        && wanted.manifest.links.is_empty()
        && seen.current.is_none()
    {
        return Decision::Unchanged;
    }
    let salt = seen.salt.as_ref().unwrap_or(&policy.fresh_salt);
    let id = wanted.manifest.identity(salt);
    let usable = base.filter(|base| !is_unfit_as_base(&base.deviations));
    let intact =
        base.is_some_and(|base| base.verified && base.deviations.is_empty() && base.id == id);
    let reuse = policy.reuse && intact;
    let name = match base {
        Some(base) if reuse => base.name.clone(),
        _ => ReleaseName::new(seen.next_seq(), &id),
    };
    let links = Links::judge(wanted, seen, &name);
    let is_current = base.map(|base| &base.name) == seen.current_name();

    if intact && is_current && links.changes.is_empty() && links.blocked.is_empty() {
        let Some(base) = base else { return Decision::Unchanged };
        if seen.journal.is_confirmed(&base.name) {
            return Decision::Unchanged;
        }
        let nothing = UndoRecord {
            run: policy.run.clone(),
            release: base.name.clone(),
            previous: seen.confirmed_there_before(&base.name),
            before: Vec::new(),
            after: Vec::new(),
            adopted: BTreeMap::new(),
        };
        let undo = Box::new(seen.undo.get(&base.name).cloned().unwrap_or(nothing));
        return Decision::Confirm { name: base.name.clone(), id, undo };
    }

    let damaged = usable.map(|base| damaged(&base.deviations)).unwrap_or_default();
    let difference = if reuse {
        Difference::default()
    } else {
        Difference::between(usable.map(|base| &base.manifest), &damaged, &wanted.manifest)
    };
    let mut reasons = obstacles(seen, &needs(wanted, usable, &difference, policy));
    reasons.extend(foreign_current(seen));
    reasons.extend(links.blocked.iter().cloned());
    if let Some(rejected) = seen.journal.rejection_of(&id).filter(|_| !policy.retry_rejected) {
        reasons.push(format!(
            "this very release was rolled back here by run {}; deploy it again with --retry-rejected",
            rejected.run
        ));
    }
    if !reasons.is_empty() {
        return Decision::Blocked(reasons);
    }
    let mut summary = feature_lines(seen, &wanted.manifest.features);
    summary.extend(file_lines(base, seen, &difference, reuse));
    summary.extend(links.changes.iter().map(|change| change.summary.clone()));
    Decision::Deploy(Box::new(Deployment {
        undo: links.undo(policy, &name, seen),
        before: links.forward(Moment::BeforeSwitch),
        after: links.forward(Moment::AfterSwitch),
        new_salt: (wanted.manifest.tainted && seen.salt.is_none())
            .then(|| policy.fresh_salt.clone()),
        base: usable.map(|base| (base.name.clone(), base.id)),
        make_root: seen.root.is_none(),
        previous: seen.current_name().cloned(),
        name,
        id,
        reuse,
        difference,
        summary,
    }))
}

/// A `current` that somebody else has made is not ours to replace.
fn foreign_current(seen: &Observation) -> Option<String> {
    let current = seen.current.as_ref().filter(|current| current.name.is_none())?;
    Some(format!(
        "`current` points to {}, which is no release of fleetctl's; move it away if the site may go over to fleetctl",
        current.link
    ))
}

fn needs<'a>(
    wanted: &'a Wanted,
    base: Option<&Base>,
    difference: &Difference,
    policy: &Policy,
) -> Needs<'a> {
    let copied = base.filter(|_| !wanted.hard_links);
    Needs {
        root: &wanted.root,
        owner: wanted.owner.as_deref(),
        group: wanted.group.as_deref(),
        privilege: policy.privilege,
        bytes: difference.bytes() + copied.map_or(0, |base| base.manifest.entries.size()),
        files: (difference.send.len() + copied.map_or(0, |base| base.manifest.entries.len()))
            as u64,
    }
}

/// The links of a site, judged.
struct Links {
    changes: Vec<Change>,
    blocked: Vec<String>,
}

impl Links {
    fn judge(wanted: &Wanted, seen: &Observation, name: &ReleaseName) -> Self {
        let none = BTreeMap::new();
        let ours = seen.current.as_ref().map_or(&none, |current| &current.about.links);
        let kept = wanted.links.iter().map(|(at, link)| Link {
            at: at.clone(),
            target: Some(link.target.clone()),
            ours: ours.get(at).cloned(),
            adopt: link.adopt,
            make_parent: link.make_parent,
            adopted: None,
        });
        let gone =
            ours.iter().filter(|(at, _)| !wanted.links.contains_key(*at)).map(|(at, target)| {
                Link {
                    at: at.clone(),
                    target: None,
                    ours: Some(target.clone()),
                    adopt: false,
                    make_parent: false,
                    adopted: seen.adopted(at).map(str::to_owned),
                }
            });
        let mut links = Self { changes: Vec::new(), blocked: Vec::new() };
        for (index, link) in kept.chain(gone).enumerate() {
            match link.judge(&seen.answers, &format!("{name}/{index}")) {
                Verdict::Same => {}
                Verdict::Change(change) => links.changes.push(change),
                Verdict::Blocked { why } => links.blocked.push(why),
            }
        }
        links
    }

    /// What is kept for this release in undo material: from now, and from `earlier`, when it was
    /// current before.
    fn adopted(&self, earlier: Option<&UndoRecord>) -> BTreeMap<HostPath, String> {
        let mut kept = earlier.map(|record| record.adopted.clone()).unwrap_or_default();
        for operation in self.changes.iter().flat_map(|change| &change.forward) {
            if let Operation::Keep { path, slot } = operation {
                kept.insert(path.clone(), slot.clone());
            }
        }
        kept
    }

    fn forward(&self, moment: Moment) -> Vec<Operation> {
        let all = self.changes.iter().filter(|change| change.moment == moment);
        all.flat_map(|change| change.forward.iter().cloned()).collect()
    }

    /// What came after the switch goes before the switch back, and the other way round; newest
    /// first.
    fn undo(&self, policy: &Policy, name: &ReleaseName, seen: &Observation) -> UndoRecord {
        let back = |moment: Moment| {
            let all = self.changes.iter().rev().filter(|change| change.moment == moment);
            all.flat_map(|change| match &change.undo {
                Undo::Operations(operations) => operations.clone(),
                Undo::Nothing | Undo::Impossible { .. } => Vec::new(),
            })
            .collect()
        };
        UndoRecord {
            run: policy.run.clone(),
            release: name.clone(),
            previous: seen.current_name().cloned(),
            before: back(Moment::AfterSwitch),
            after: back(Moment::BeforeSwitch),
            adopted: self.adopted(seen.undo.get(name)),
        }
    }
}

fn feature_lines(seen: &Observation, wanted: &BTreeMap<FeatureName, Part>) -> Vec<String> {
    let none = BTreeMap::new();
    let had = seen.current.as_ref().map_or(&none, |current| &current.about.features);
    let mut names: Vec<&FeatureName> = had.keys().chain(wanted.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let line = |name: &&FeatureName| match (had.get(*name), wanted.get(*name)) {
        (Some(old), Some(new)) if old.version != new.version => {
            Some(format!("{name} {} → {}", old.version, new.version))
        }
        (None, Some(new)) => Some(format!("{name} {} added", new.version)),
        (Some(old), None) => Some(format!("{name} {} removed", old.version)),
        _ => None,
    };
    names.iter().filter_map(line).collect()
}

fn file_lines(
    base: Option<&Base>,
    seen: &Observation,
    difference: &Difference,
    reuse: bool,
) -> Vec<String> {
    let files = difference
        .send
        .values()
        .filter(|entry| matches!(entry, crate::release::Entry::File { .. }));
    let files = files.count();
    let mut lines = Vec::new();
    if reuse {
        lines.extend(base.map(|base| format!("release {} becomes current again", base.name)));
    } else if files > 0 || !difference.drop.is_empty() {
        let kib = difference.bytes().div_ceil(1024);
        lines
            .push(format!("files: {files} to send ({kib} KiB), {} to drop", difference.drop.len()));
    }
    let shown = base.filter(|base| Some(&base.name) == seen.current_name() || !reuse);
    for deviation in shown.map(|base| base.deviations.as_slice()).unwrap_or_default() {
        lines.push(format!("repair {}: {}", deviation.path, deviation.detail));
    }
    lines
}

#[cfg(test)]
mod tests;
