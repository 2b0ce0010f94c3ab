//! The way away from a version that was yanked: said only after it was tried.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::{
    had::Had,
    prospect::{Next, Prospect, costs_said},
};
use crate::{
    feature::{Resolution, Solved},
    model::{FeatureName, SiteName, listed},
};

/// Columns for the names of sites.
const NAMES: usize = 60;

type Sites<'a> = BTreeSet<&'a SiteName>;

impl Prospect<'_> {
    /// Versions that sites have though they should not be chosen any more, and their ways away.
    pub fn away(&self, resolution: &Resolution) -> Vec<String> {
        let mut kept: BTreeMap<(&FeatureName, &Version), (&str, Vec<&Solved>)> = BTreeMap::new();
        for solved in &resolution.sets {
            for (feature, chosen) in &solved.gets {
                let published = self.catalog.get(feature).and_then(|all| all.get(&chosen.version));
                let Some(why) = published.and_then(|found| found.yanked.as_deref()) else {
                    continue;
                };
                let (_, having) =
                    kept.entry((feature, &chosen.version)).or_insert_with(|| (why, Vec::new()));
                having.push(solved);
            }
        }
        let had = Had::of(self.fleet);
        let told = kept.into_iter().map(|((feature, version), (why, having))| {
            let sites = having.iter().flat_map(|set| &set.asked.sites);
            let (have, get): (Sites<'_>, Sites<'_>) =
                sites.partition(|site| had.has(site, feature, version));
            let verb = |sites: &Sites<'_>, one, more| {
                format!(
                    "{} {}",
                    listed(sites.iter().copied(), NAMES),
                    if sites.len() == 1 { one } else { more }
                )
            };
            let mut who = Vec::new();
            if !have.is_empty() {
                who.push(verb(&have, "has it", "have it"));
            }
            if !get.is_empty() {
                who.push(verb(&get, "would get it", "would get it"));
            }
            let way = self.way(feature, version, &having);
            format!("{feature} {version} was yanked ({why}), and {}; {way}", who.join(", and "))
        });
        told.collect()
    }

    /// What sites that have this version could do to have another one.
    pub fn way(&self, feature: &FeatureName, version: &Version, having: &[&Solved]) -> String {
        let (update, lock) = (self.update(feature), self.fleet.command("lock"));
        let mut ways: BTreeMap<String, Sites<'_>> = BTreeMap::new();
        for solved in having {
            let said = match self.next(solved, feature, version) {
                Next::To(to) => format!("the next `{lock}` brings {}", to.version),
                Next::Gone => format!("the next `{lock}` takes it away"),
                Next::Same if self.is_held(solved, feature) => {
                    "it is held there: to move, lift the hold".to_owned()
                }
                Next::Same => update.as_ref().map_or_else(
                    || {
                        let words = format!("lock --check --update {feature}");
                        format!("to see what keeps it from moving: {}", self.fleet.command(&words))
                    },
                    |update| self.moved(feature, version, solved, update),
                ),
            };
            ways.entry(said).or_default().extend(&solved.asked.sites);
        }
        if ways.len() == 1 {
            return ways.into_keys().collect();
        }
        let each = ways
            .iter()
            .map(|(said, sites)| format!("{}: {said}", listed(sites.iter().copied(), NAMES)));
        each.collect::<Vec<_>>().join("; ")
    }

    fn moved(
        &self,
        feature: &FeatureName,
        version: &Version,
        solved: &Solved,
        update: &Resolution,
    ) -> String {
        let next = update.of_set(&solved.asked.set);
        let command = self.fleet.command(&format!("lock --update {feature}"));
        let Some(to) = next.and_then(|next| next.gets.get(feature)).map(|to| &to.version) else {
            return format!("an update takes it away: {command}");
        };
        if to == version {
            return "no other published version will do; publish a newer one".to_owned();
        }
        let older = if to < version { ", which is older" } else { "" };
        let costs = costs_said(&self.costs(solved, feature, update));
        format!("to move to {to}{older}: {command}{costs}")
    }

    /// Whether a hold keeps it that the next lock keeps to.
    fn is_held(&self, solved: &Solved, feature: &FeatureName) -> bool {
        let next = self.plain().0.of_set(&solved.asked.set).unwrap_or(solved);
        next.gets.get(feature).is_some_and(|chosen| chosen.held)
    }
}
