//! The way away from a version that was yanked: said only after it was tried.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use semver::Version;

use crate::{
    feature::{Catalog, Resolution, Solved, Update},
    model::{FeatureName, SiteName, listed},
    pipeline::Fleet,
};

/// What is known when a way is looked for.
pub struct Ways<'a> {
    pub fleet: &'a Fleet,
    pub catalog: &'a Catalog,
    pub today: Date,
}

impl Ways<'_> {
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
        let told = kept.into_iter().map(|((feature, version), (why, having))| {
            let sites: BTreeSet<&SiteName> =
                having.iter().flat_map(|set| &set.asked.sites).collect();
            let verb = if sites.len() == 1 { "keeps" } else { "keep" };
            let way = self.said(feature, version, &having);
            let sites = listed(sites, 60);
            format!("{feature} {version} was yanked ({why}), and {sites} {verb} it; {way}")
        });
        told.collect()
    }

    /// What sites that have this version could do to have another one.
    pub fn said(&self, feature: &FeatureName, version: &Version, having: &[&Solved]) -> String {
        let free = having.iter().filter(|solved| !held(solved, feature));
        let sites: BTreeSet<&SiteName> = free.flat_map(|solved| &solved.asked.sites).collect();
        if sites.is_empty() {
            return "it is held there; to move, lift the hold".to_owned();
        }
        let update = Update { feature: Some(feature.clone()), requirement: None };
        let Ok(next) = self.fleet.relock(self.today, &[update], self.catalog) else {
            return format!(
                "to see what keeps it from moving: fleetctl lock --check --update {feature}"
            );
        };
        let found = next
            .sets
            .iter()
            .filter(|solved| solved.asked.sites.iter().any(|site| sites.contains(site)));
        let versions = found.filter_map(|solved| Some(&solved.gets.get(feature)?.version));
        let others: BTreeSet<&Version> = versions.filter(|to| *to != version).collect();
        let to: Vec<String> = others
            .iter()
            .rev()
            .map(|to| if *to < version { format!("{to}, which is older") } else { to.to_string() })
            .collect();
        if to.is_empty() {
            return "no other published version will do; publish a newer one".to_owned();
        }
        format!("to move to {}: fleetctl lock --update {feature}", to.join(" and "))
    }
}

fn held(solved: &Solved, feature: &FeatureName) -> bool {
    solved.gets.get(feature).is_some_and(|chosen| chosen.held)
}
