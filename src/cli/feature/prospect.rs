//! What locks would make of the fleet, tried before it is told: a plain one, and updates.

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use semver::Version;

use crate::{
    feature::{Catalog, Chosen, Resolution, Solved, Update},
    model::{FeatureName, Problems, Requirement},
    pipeline::{Fleet, LoadError},
};

/// Locks that were tried, each once.
pub struct Prospect<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// What is published.
    pub catalog: &'a Catalog,
    plain: OnceCell<(Resolution, Problems)>,
    everything: OnceCell<Option<Resolution>>,
    /// The last feature that was updated alone: a whole lock is much to remember.
    update: RefCell<Option<(FeatureName, Option<Rc<Resolution>>)>>,
}

/// What a plain lock makes of a feature of a set.
pub enum Next<'p> {
    /// It stays, or nobody knows.
    Same,
    /// Another version.
    To(&'p Chosen),
    /// The sites have it no more.
    Gone,
}

impl<'a> Prospect<'a> {
    /// Nothing is tried yet.
    pub fn new(fleet: &'a Fleet, catalog: &'a Catalog) -> Self {
        Self {
            fleet,
            catalog,
            plain: OnceCell::new(),
            everything: OnceCell::new(),
            update: RefCell::default(),
        }
    }

    /// A plain `lock`: the sets that can be solved, and what would refuse it.
    pub fn plain(&self) -> &(Resolution, Problems) {
        self.plain.get_or_init(|| match self.fleet.relock_most(&[], self.catalog) {
            Ok(found) => found,
            Err(LoadError::Wrong(problems) | LoadError::NoTarget(problems)) => {
                (Resolution::default(), problems)
            }
            Err(other) => {
                (Resolution::default(), crate::model::Problem::new(other.to_string()).into())
            }
        })
    }

    /// What a plain `lock` makes of a version that sites of a set have, whatever their set gets.
    pub fn next(&self, solved: &Solved, feature: &FeatureName, has: &Version) -> Next<'_> {
        let Some(next) = self.plain().0.of_set(&solved.asked.set) else { return Next::Same };
        match next.gets.get(feature) {
            Some(to) if to.version == *has => Next::Same,
            Some(to) => Next::To(to),
            None => Next::Gone,
        }
    }

    /// Why a plain `lock` changes a feature of a set, as `lock` says it.
    pub fn why(&self, solved: &Solved, feature: &FeatureName) -> Option<String> {
        let moves = self.fleet.moves(&self.plain().0, self.catalog, &[]).moves.into_iter();
        let mut moves = moves.filter(|step| step.feature == *feature);
        let site = solved.asked.sites.first()?;
        moves.find(|step| step.sites.contains(site))?.why
    }

    /// `lock --update FEATURE`; `None` where that would be refused.
    pub fn update(&self, feature: &FeatureName) -> Option<Rc<Resolution>> {
        if let Some((_, known)) = self.update.borrow().as_ref().filter(|(name, _)| name == feature)
        {
            return known.clone();
        }
        let found = self.updated(feature, None).map(Rc::new);
        *self.update.borrow_mut() = Some((feature.clone(), found.clone()));
        found
    }

    /// `lock --update`; `None` where that would be refused.
    pub fn everything(&self) -> Option<&Resolution> {
        let found = self.everything.get_or_init(|| {
            let update = Update { feature: None, requirement: None };
            self.fleet.relock(&[update], self.catalog).ok()
        });
        found.as_ref()
    }

    fn updated(&self, feature: &FeatureName, to: Option<&Version>) -> Option<Resolution> {
        let requirement = to.map(Requirement::exactly);
        let update = Update { feature: Some(feature.clone()), requirement };
        self.fleet.relock(&[update], self.catalog).ok()
    }

    /// The command that brings a set this version; `None` where none does.
    pub fn command(
        &self,
        solved: &Solved,
        feature: &FeatureName,
        version: &Version,
    ) -> Option<String> {
        let brings = |found: &Resolution| {
            let gets = found.of_set(&solved.asked.set).and_then(|next| next.gets.get(feature));
            gets.is_some_and(|chosen| chosen.version == *version)
        };
        if brings(&self.plain().0) {
            return Some(self.fleet.command("lock"));
        }
        if self.update(feature).is_some_and(|found| brings(&found)) {
            return Some(self.fleet.command(&format!("lock --update {feature}")));
        }
        let found = self.updated(feature, Some(version)).filter(|found| brings(found));
        if found.is_some() {
            return Some(self.fleet.command(&format!("lock --update {feature}@{version}")));
        }
        let found = self.everything().filter(|found| brings(found));
        found.map(|_| self.fleet.command("lock --update"))
    }

    /// What an update of a feature takes back at a set, compared with a plain lock.
    pub fn costs(
        &self,
        solved: &Solved,
        feature: &FeatureName,
        update: &Resolution,
    ) -> Vec<(FeatureName, Version)> {
        let set = &solved.asked.set;
        let before = self.plain().0.of_set(set).unwrap_or(solved);
        let after = update.of_set(set).into_iter().flat_map(|next| &next.gets);
        let older = after.filter(|(name, to)| {
            let from = before.gets.get(*name).filter(|_| *name != feature);
            from.is_some_and(|from| to.version < from.version)
        });
        older.map(|(name, to)| (name.clone(), to.version.clone())).collect()
    }
}

/// "(with it popup back to 1.0.2)", or nothing.
pub fn costs_said(costs: &[(FeatureName, Version)]) -> String {
    let each: Vec<String> = costs.iter().map(|(name, to)| format!("{name} back to {to}")).collect();
    if each.is_empty() { String::new() } else { format!(" (with it {})", each.join(", ")) }
}
