//! Why a lock changes what sites have: what the inventory says now, and what it said.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::LockedSet;
use crate::{
    feature::{Catalog, RequirementSet, Solved, Through},
    model::{FeatureName, Position, Requirement},
};

/// Why a feature has another version, is new, or is gone; `None` where only versions moved.
pub(super) fn moved(
    old: &RequirementSet,
    locked: &LockedSet,
    solved: &Solved,
    feature: &FeatureName,
) -> Option<String> {
    if !solved.gets.contains_key(feature) {
        return Some(lost(locked, feature, solved.asked.opt_outs.get(feature)));
    }
    if !locked.gets.contains_key(feature) {
        return gained(solved, feature);
    }
    reworded(old, locked, solved, feature)
}

/// Which other features do not go with the version that sites had.
pub(super) fn others(
    locked: &LockedSet,
    solved: &Solved,
    feature: &FeatureName,
    catalog: &Catalog,
) -> Option<String> {
    let from = locked.gets.get(feature)?;
    let published = |name: &FeatureName, version| catalog.get(name)?.get(version);
    let own = published(feature, from);
    let mut all = Vec::new();
    for (name, chosen) in solved.gets.iter().filter(|(name, _)| *name != feature) {
        let version = &chosen.version;
        let Some(other) = published(name, version) else { continue };
        // A need is met by what it covers, a pre-release that was asked for among it.
        let wants = other.requires.get(feature).filter(|wanted| !wanted.covers(from));
        let shuns = other.conflicts.get(feature).filter(|shunned| shunned.matches(from));
        let wanted = own.and_then(|own| own.requires.get(name));
        let wanted = wanted.filter(|wanted| !wanted.covers(version));
        let shunned = own.and_then(|own| own.conflicts.get(name));
        let shunned = shunned.filter(|shunned| shunned.matches(version));
        let is_that = || format!(", and that is {version} now");
        all.extend(wants.map(|req| format!("{name} {version} needs {feature} {}", req.said())));
        all.extend(
            shuns.map(|req| format!("{name} {version} does not go with {}", req.said_of(feature))),
        );
        all.extend(
            wanted.map(|req| format!("{feature} {from} needs {name} {}{}", req.said(), is_that())),
        );
        all.extend(shunned.map(|req| {
            format!("{feature} {from} does not go with {}{}", req.said_of(name), is_that())
        }));
    }
    // What the version needs, and is not there any more.
    let gone = own.into_iter().flat_map(|own| &own.requires);
    let gone = gone.filter(|(name, _)| !solved.gets.contains_key(*name));
    all.extend(gone.map(|(name, req)| {
        let asked = &solved.asked;
        let why = match (asked.opt_outs.get(name), asked.held(name), asked.holds.get(name)) {
            (Some(at), ..) => format!(", which is opted out of, {at}"),
            (None, Some(version), Some((at, _))) => format!(", which is held at {version}, {at}"),
            _ => ", which cannot be had".to_owned(),
        };
        format!("{feature} {from} needs {}{why}", req.said_of(name))
    }));
    (!all.is_empty()).then(|| all.join("; "))
}

/// Why sites have a feature no more.
pub(super) fn lost(
    locked: &LockedSet,
    feature: &FeatureName,
    opted_out: Option<&Position>,
) -> String {
    if let Some(at) = opted_out {
        return format!("opted out, {at}");
    }
    if let Some(asked) = locked.asked.get(feature) {
        return format!("no longer wanted; before: {}", wanted_before(asked));
    }
    let askers = locked.needs.get(feature).into_iter().flat_map(BTreeMap::values).flatten();
    let askers: BTreeSet<&str> = askers.map(FeatureName::as_str).collect();
    let askers: Vec<&str> = askers.into_iter().collect();
    format!("no longer needed; before: by {}", askers.join(" and "))
}

/// Everybody who asks for a feature that is new at sites.
pub(super) fn gained(solved: &Solved, feature: &FeatureName) -> Option<String> {
    let mut all = Vec::new();
    for (requirement, askers) in solved.asked.asked.get(feature).into_iter().flatten() {
        all.extend(
            askers.iter().map(|(who, at)| format!("{who} wants {}, {at}", requirement.said())),
        );
    }
    for (requirement, askers) in solved.needs.get(feature).into_iter().flatten() {
        all.extend(askers.iter().map(|other| {
            let version = solved.gets.get(other).map(|chosen| format!(" {}", chosen.version));
            format!("{other}{} needs {}", version.unwrap_or_default(), requirement.said())
        }));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

/// What is said otherwise about a feature that sites had and have.
pub(super) fn reworded(
    old: &RequirementSet,
    locked: &LockedSet,
    solved: &Solved,
    feature: &FeatureName,
) -> Option<String> {
    let asked = &solved.asked;
    let mut all = Vec::new();
    let held_before = old.holds.get(feature).filter(|_| !locked.over.contains(feature));
    let holds = asked.held(feature).is_some();
    let held_now = asked.set.holds.get(feature).filter(|_| holds);
    match (held_before, held_now) {
        (Some(_), None) if asked.set.holds.contains_key(feature) => {
            all.push("its hold has ended".to_owned());
        }
        (Some(held), None) => all.push(format!("no longer held at {}", held.version)),
        (before, Some(held)) if before != Some(held) => {
            let at = asked.holds.get(feature).map(|(at, _)| format!(", {at}"));
            all.push(format!("held at {held}{}", at.unwrap_or_default()));
        }
        (None, None) if old.holds.get(feature) != asked.set.holds.get(feature) => {
            // One that had ended before, or ended before anybody saw it.
            let is_gone = !asked.set.holds.contains_key(feature);
            all.push(
                if is_gone { "its hold, which had ended, is gone" } else { "its hold has ended" }
                    .to_owned(),
            );
        }
        _ => {}
    }
    let now: BTreeMap<&Requirement, BTreeSet<&Through>> = (asked.asked.get(feature).into_iter())
        .flatten()
        .map(|(requirement, askers)| (requirement, askers.keys().collect()))
        .collect();
    let then: BTreeMap<&Requirement, BTreeSet<&Through>> = (locked.asked.get(feature).into_iter())
        .flatten()
        .map(|(requirement, askers)| (requirement, askers.iter().collect()))
        .collect();
    if now != then {
        all.push(changed_wants(locked, solved, feature));
    }
    if old.platform != asked.set.platform {
        let name = |set: &RequirementSet| set.platform.map_or("none", |own| own.as_str());
        all.push(format!("the platform is {}, before {}", name(&asked.set), name(old)));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

fn changed_wants(locked: &LockedSet, solved: &Solved, feature: &FeatureName) -> String {
    let mut text = String::new();
    for (requirement, askers) in solved.asked.asked.get(feature).into_iter().flatten() {
        for (who, at) in askers {
            let gap = if text.is_empty() { "" } else { " and " };
            let who = match who {
                // Sites that ask for the same are one set, whoever of them says so itself.
                Through::Site if solved.asked.sites.len() > 1 => "one of them itself".to_owned(),
                who => who.to_string(),
            };
            let _ = write!(text, "{gap}{who} wants {}, {at}", requirement.said());
        }
    }
    match (text.as_str(), locked.asked.get(feature)) {
        ("", before) => {
            let before = before.map(wanted_before).unwrap_or_default();
            format!("nobody wants it directly any more; before: {before}")
        }
        (now, Some(before)) => format!("{now}; before: {}", wanted_before(before)),
        (now, None) => format!("{now}; before nobody wanted it directly"),
    }
}

/// "^2.1 through group forms".
fn wanted_before(asked: &BTreeMap<Requirement, BTreeSet<Through>>) -> String {
    let each = asked.iter().map(|(requirement, askers)| {
        let askers: Vec<String> = askers.iter().map(ToString::to_string).collect();
        format!("{} by {}", requirement.said(), askers.join(" and "))
    });
    each.collect::<Vec<_>>().join(" and ")
}

/// Opt-outs and holds that came or went without an effect: the feature was not there, and is not.
pub(super) fn without_effect(
    old: &RequirementSet,
    locked: &LockedSet,
    solved: &Solved,
) -> Vec<(FeatureName, String)> {
    let new = &solved.asked;
    let is_absent = |feature: &&FeatureName| {
        !locked.gets.contains_key(*feature) && !solved.gets.contains_key(*feature)
    };
    let mut all = Vec::new();
    for feature in new.set.without.difference(&old.without).filter(is_absent) {
        let at = new.opt_outs.get(feature).map(|at| format!(", {at}")).unwrap_or_default();
        all.push((feature.clone(), format!("opted out{at}; it was not there")));
    }
    for feature in old.without.difference(&new.set.without).filter(is_absent) {
        all.push((feature.clone(), "no longer opted out; not wanted there".to_owned()));
    }
    for (feature, held) in new.set.holds.iter().filter(|(feature, _)| is_absent(feature)) {
        if old.holds.get(feature) != Some(held) {
            all.push((feature.clone(), format!("held at {held}; not wanted there")));
        }
    }
    for feature in old.holds.keys().filter(is_absent) {
        if !new.set.holds.contains_key(feature) {
            all.push((feature.clone(), "no longer held; not wanted there".to_owned()));
        }
    }
    all
}
