//! What to say when versions cannot be had from the lock, or not from the registry.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    feature::{AskedSet, Catalog, Published},
    model::{Digest, FeatureName, Position, Problem, listed},
    pipeline::Fleet,
};

/// Versions and names that a hint lists at most.
const SHOWN: usize = 8;

impl Fleet {
    /// What to say of an update with which those who need a feature would rather go back to what
    /// needs it not; `None` where no site has it now.
    pub(super) fn nobody_would_have(&self, feature: &FeatureName) -> Option<Problem> {
        let sets = self.lock.iter().flat_map(|lock| lock.sets.values());
        let needs = sets.filter_map(|locked| Some((locked, locked.needs.get(feature)?)));
        let each = needs.flat_map(|(locked, needs)| {
            needs.iter().flat_map(move |(requirement, askers)| {
                askers.iter().filter_map(move |asker| {
                    Some(format!(
                        "{asker} {} needs {feature} {requirement}",
                        locked.gets.get(asker)?
                    ))
                })
            })
        });
        let each: BTreeSet<String> = each.collect();
        if each.is_empty() {
            return None;
        }
        let each: Vec<String> = each.into_iter().collect();
        let message =
            format!("--update {feature}: no site would have it any more: {}", each.join("; "));
        Some(Problem::new(message).hint(
            "update what needs it as well, or wait for a version of that which bears the new one",
        ))
    }

    pub(super) fn never_locked(&self) -> Problem {
        let name = self.lock_name();
        Problem::new(format!("there is no {name}, and only what is locked may be deployed"))
            .hint(format!("write it with `{}` and commit it; or take the newest versions that fit with --no-locked", self.command("lock")))
    }

    pub(super) fn not_locked(&self, asked: &AskedSet) -> Problem {
        let name = self.lock_name();
        let asks = if asked.sites.len() == 1 { "asks" } else { "ask" };
        let sites = listed(&asked.sites, 60);
        let mut message = format!("{name} does not have what {sites} {asks} for:");
        let mut place: Option<&Position> = None;
        for (feature, requirements) in &asked.asked {
            for (requirement, askers) in requirements {
                for (through, at) in askers {
                    message.push_str(&format!("\n    {feature} {requirement}  {through}, {at}"));
                    place = place.max(Some(at));
                }
            }
        }
        for (feature, at) in &asked.opt_outs {
            message.push_str(&format!("\n    no {feature}  {at}"));
        }
        for (feature, (at, _)) in &asked.holds {
            let version = asked.set.holds.get(feature).map(ToString::to_string);
            let version = version.unwrap_or_default();
            message.push_str(&format!("\n    {feature} held at {version}  {at}"));
        }
        if let Some(platform) = asked.set.platform {
            message.push_str(&format!("\n    for the platform {platform}"));
        }
        let problem = match place {
            Some(at) => Problem::at(at, message),
            None => Problem::new(message),
        };
        problem.hint(format!(
            "run `{}`, look at what it changes, and commit {name}",
            self.command("lock")
        ))
    }

    /// What to say of a version whose content is not what was chosen.
    pub(in crate::pipeline) fn replaced(
        &self,
        feature: &FeatureName,
        version: &Version,
        chosen: Digest,
        found: Digest,
    ) -> Problem {
        let by = if self.lock.is_some() { self.lock_name() } else { "what was chosen".to_owned() };
        let message = format!(
            "{feature} {version} in the registry is not the one of {by}\n    {by}: {chosen}\n    registry: {found}"
        );
        Problem::new(message).hint(
            "published versions never change: find out who replaced it, or, if the new content is meant, publish it as a new version",
        )
    }
}

/// What to say of an update of a feature that no site has.
pub(super) fn no_site_has(
    feature: &FeatureName,
    known: &BTreeSet<&FeatureName>,
    catalog: &Catalog,
) -> Problem {
    let problem = Problem::new(format!("--update {feature}: no site has it"));
    if catalog.contains_key(feature) {
        return problem.hint(
            "it is published, and nobody wants it: give it to a group or a site under `features`",
        );
    }
    let near = problem.suggest(feature.as_str(), known.iter().map(|known| known.as_str()));
    if near.hint.is_some() || known.is_empty() {
        return near;
    }
    let names: Vec<&str> = known.iter().take(SHOWN).map(|known| known.as_str()).collect();
    let more = if known.len() > SHOWN { ", … (all: fleetctl feature list)" } else { "" };
    near.hint(format!("sites have {}{more}", names.join(", ")))
}

/// "published of popup: 1.0.0, 2.1.0": the newest few.
pub(super) fn newest_of(feature: &FeatureName, published: &BTreeMap<Version, Published>) -> String {
    let newest = published.iter().rev().take(SHOWN).map(|(version, found)| match found.yanked {
        Some(_) => format!("{version} (yanked)"),
        None if !version.pre.is_empty() => format!("{version} (a pre-release: name it whole)"),
        None => version.to_string(),
    });
    let mut newest: Vec<String> = newest.collect();
    newest.reverse();
    let older = if published.len() > SHOWN { "…, " } else { "" };
    format!("published of {feature}: {older}{}", newest.join(", "))
}
