//! What stands against a version that was not chosen: found by trying it.

use std::collections::BTreeSet;

use semver::Version;

use super::{Case, Preference, Solved, Through, Update, World, explain};
use crate::{
    feature::{Catalog, Lock, Published},
    model::{FeatureName, Platform, Position, Requirement},
};

/// Why some sites have not a version that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// It was yanked, for this reason.
    Yanked(String),
    /// It is for these platforms alone.
    Platforms(BTreeSet<Platform>),
    /// Somebody asks for another one.
    Asked {
        /// What is asked.
        requirement: Requirement,
        /// By whom.
        through: Through,
        /// Where this is written.
        at: Position,
    },
    /// It is a pre-release that nobody asks for by name.
    PreRelease,
    /// Other features make it impossible: these facts, in words. Empty where it is not known why.
    Impossible(Vec<String>),
    /// Nothing: it could be had, with these others in other versions; `None` where a feature
    /// would be gone.
    Possible(Vec<(FeatureName, Option<Version>)>),
}

/// What is published, ready to be tried for any number of sets.
pub struct Trials<'c> {
    catalog: &'c Catalog,
    world: World<'c>,
    lock: Option<&'c Lock>,
}

impl<'c> Trials<'c> {
    /// Gets ready, once for all sets.
    #[must_use]
    pub fn new(catalog: &'c Catalog, lock: Option<&'c Lock>) -> Self {
        Self { catalog, world: World::new(catalog), lock }
    }

    /// The published versions above the one that `solved` chose, the newest first, and what stands
    /// against each: tried as they are asked for. Holds and opt-outs of the feature itself are not
    /// looked at: they stand against all of them.
    pub fn newer(
        &self,
        solved: &Solved,
        feature: &FeatureName,
    ) -> impl Iterator<Item = (&'c Version, Against)> {
        let chosen = solved.gets.get(feature);
        let published = self.catalog.get(feature).into_iter().flatten().rev();
        let is_newer =
            move |version: &Version| chosen.is_some_and(|chosen| *version > chosen.version);
        let newer = published.filter(move |(version, _)| is_newer(version));
        newer.map(move |(version, found)| {
            let against = direct(solved, feature, version, found)
                .unwrap_or_else(|| tried(&self.world, solved, feature, version, self.lock));
            (version, against)
        })
    }
}

/// What can be seen without a look at other features.
fn direct(
    solved: &Solved,
    feature: &FeatureName,
    version: &Version,
    found: &Published,
) -> Option<Against> {
    let asked = &solved.asked;
    if let Some(why) = &found.yanked {
        return Some(Against::Yanked(why.clone()));
    }
    if asked.set.platform.is_some_and(|own| !found.platforms.contains(&own)) {
        return Some(Against::Platforms(found.platforms.clone()));
    }
    let against = asked.asked.get(feature).into_iter().flatten();
    let mut against = against.filter(|(requirement, _)| !requirement.covers(version));
    if let Some((requirement, askers)) = against.next() {
        let (through, at) = askers.iter().next()?;
        let (requirement, through, at) = (requirement.clone(), through.clone(), at.clone());
        return Some(Against::Asked { requirement, through, at });
    }
    let is_named = || {
        let mut wants = asked.set.wants.get(feature).into_iter().flatten();
        wants.any(|requirement| requirement.matches(version))
    };
    (!version.pre.is_empty() && !is_named()).then_some(Against::PreRelease)
}

/// Solves the set once more, with this very version.
fn tried(
    world: &World<'_>,
    solved: &Solved,
    feature: &FeatureName,
    version: &Version,
    lock: Option<&Lock>,
) -> Against {
    let requirement = Some(Requirement::exactly(version));
    let update = Update { feature: Some(feature.clone()), requirement };
    let preference = Preference::new(lock, std::slice::from_ref(&update));
    let Ok(case) = Case::new(world, &solved.asked, &preference) else {
        return Against::Impossible(Vec::new());
    };
    let solution = match case.solve() {
        Ok(solution) => solution,
        Err(trouble) => return Against::Impossible(explain::facts_about(&case, &trouble, feature)),
    };
    let versions = solution.into_iter().filter_map(|(number, place)| {
        let feature = world.feature(number)?;
        Some((feature.name.clone(), feature.at(place)?.0.clone()))
    });
    let gets: std::collections::BTreeMap<FeatureName, Version> = versions.collect();
    if gets.get(feature) != Some(version) {
        // Those who need another one would go back rather than bear it; or it is held after all.
        let needs = solved.needs.get(feature).into_iter().flatten();
        let against = needs.filter(|(requirement, _)| !requirement.covers(version));
        let facts = against.flat_map(|(requirement, askers)| {
            askers.iter().map(move |asker| {
                let at = solved.gets.get(asker).map(|chosen| format!(" {}", chosen.version));
                format!("{asker}{} needs {feature} {requirement}", at.unwrap_or_default())
            })
        });
        return Against::Impossible(facts.collect());
    }
    let has = |name: &FeatureName| solved.gets.get(name).map(|chosen| &chosen.version);
    let names: BTreeSet<&FeatureName> = gets.keys().chain(solved.gets.keys()).collect();
    let others = names.into_iter().filter(|name| *name != feature);
    let moved = others.filter(|name| has(name) != gets.get(*name));
    Against::Possible(moved.map(|name| (name.clone(), gets.get(name).cloned())).collect())
}
