//! One requirement set against what is published: `PubGrub`, with what we prefer.
//!
//! Features are decided in a fixed order (what `lock --update` moves, what is locked, what is
//! asked for, what others need; by name within each) and tried in a fixed order (locked, newest),
//! so the answer does not depend on the order of anything that comes in. As every departure from
//! a first choice is a consequence of decisions before it, what is locked stays wherever that
//! is possible at all.
//!
//! "Does not go with" is said to the solver through a shadow: a version of a shunned feature
//! needs the same place of its shadow, and whoever shuns it needs another place, or none.

mod provider;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use pubgrub::{PubGrubError, VersionSet as _};
use thiserror::Error;

use super::{
    AskedSet, Preference,
    explain::{Fact, Trouble, facts},
    span::{Place, Span},
    world::{Link, Listed, Number, World},
};
use crate::model::{FeatureName, Platform, Requirement};

/// Steps after which a set is given up: far more than any real one takes.
const MOST_STEPS: u32 = 500_000;

/// What the solver decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Package {
    /// The set itself.
    Root,
    /// A feature.
    Feature(Number),
    /// What stands for a feature that others do not go with.
    Shadow(Number),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The set asks the solver for more than it can work out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many steps")]
pub(super) struct TooHard;

/// Why a published version cannot be chosen for a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unfit<'c> {
    /// The feature was opted out of.
    OptedOut,
    /// The feature is held at another version.
    Held,
    /// It is not for the sites' platform.
    Platform(&'c BTreeSet<Platform>),
    /// It was yanked.
    Yanked(&'c str),
    /// `lock --update` asks for another one.
    NotNow(&'c Requirement),
}

/// A set, with everything about it in numbers.
#[derive(Clone)]
pub(super) struct Case<'c> {
    pub world: &'c World<'c>,
    pub asked: &'c AskedSet,
    now: BTreeMap<Number, &'c Requirement>,
    /// What is locked for this very set.
    own: BTreeMap<Number, Place>,
    /// The same, or what all its sites had in other words, whatever shall move.
    had: BTreeMap<Number, Place>,
    elsewhere: BTreeMap<Number, Vec<Place>>,
    moved: BTreeSet<Number>,
    /// Whether everything shall move.
    is_all_moved: bool,
    held: BTreeMap<Number, Place>,
    without: BTreeSet<Number>,
    /// Pre-releases that somebody asks for by name.
    early: BTreeMap<Number, BTreeSet<Place>>,
    /// What is asked for directly.
    rooted: BTreeMap<Number, Span>,
    steps: Cell<u32>,
}

impl<'c> Case<'c> {
    /// # Errors
    /// Wants and holds that nothing published could meet, whatever else there is.
    pub fn new(
        world: &'c World<'c>,
        asked: &'c AskedSet,
        preference: &'c Preference<'_>,
    ) -> Result<Self, Vec<(Self, Trouble)>> {
        let number = |name: &FeatureName| world.number(name);
        let mut case = Self {
            world,
            asked,
            now: BTreeMap::new(),
            own: BTreeMap::new(),
            had: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            moved: preference.moved.iter().filter_map(number).collect(),
            is_all_moved: preference.lock.is_none(),
            held: BTreeMap::new(),
            without: asked.set.without.iter().filter_map(number).collect(),
            early: BTreeMap::new(),
            rooted: BTreeMap::new(),
            steps: Cell::new(0),
        };
        case.prefer(preference);
        let troubles = case.root();
        if troubles.is_empty() {
            return Ok(case);
        }
        let with_case = |trouble| (case.clone(), trouble);
        Err(troubles.into_iter().map(with_case).collect())
    }

    fn prefer(&mut self, preference: &'c Preference<'_>) {
        let world = self.world;
        let place = |name: &FeatureName, version| {
            let number = world.number(name)?;
            Some((number, world.feature(number)?.place(version)?))
        };
        let asked = self.asked;
        let held = asked.set.holds.keys().filter_map(|name| place(name, asked.held(name)?));
        self.held = held.collect();
        let own = preference.own(asked).filter_map(|(name, version)| place(name, version));
        self.own = own.collect();
        let had = preference.had(asked).into_iter();
        self.had = had.filter_map(|(name, version)| place(name, version)).collect();
        for (name, versions) in &preference.elsewhere {
            let places = versions.iter().filter_map(|version| place(name, version));
            for (number, place) in places {
                self.elsewhere.entry(number).or_default().push(place);
            }
        }
        for (name, requirement) in &preference.now {
            let number = self.world.number(name).filter(|number| !self.held.contains_key(number));
            self.now.extend(number.map(|number| (number, requirement)));
        }
    }

    /// Works out what is asked for directly.
    fn root(&mut self) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for name in self.asked.set.holds.keys() {
            let known = self.world.number(name).is_some_and(|n| self.held.contains_key(&n));
            let is_wanted = self.asked.set.wants.contains_key(name);
            if is_wanted && self.asked.held(name).is_some() && !known {
                troubles.push(Trouble::HeldAtNothing(name.clone()));
            }
        }
        for (name, requirements) in &self.asked.set.wants {
            let number = self.world.number(name);
            let found = number.and_then(|number| Some((number, self.world.feature(number)?)));
            let Some((number, feature)) = found.filter(|(_, found)| !found.versions.is_empty())
            else {
                troubles.push(Trouble::Unpublished(name.clone()));
                continue;
            };
            self.find_early(number, feature, requirements);
            let span = match self.held.get(&number) {
                // A hold is a decision about this very version, whatever is asked.
                Some(place) => Span::of([*place]),
                None => self.agreed(number, feature, requirements),
            };
            let is_possible = feature.newest_in(&span).any(|p| self.fit(number, p).is_ok());
            self.rooted.insert(number, span);
            if !is_possible && !troubles.contains(&Trouble::HeldAtNothing(name.clone())) {
                troubles.push(Trouble::Unsatisfied(number));
            }
        }
        troubles
    }

    /// Pre-releases that the set's own words name, or that are locked or held.
    fn find_early(
        &mut self,
        number: Number,
        feature: &Listed<'_>,
        requirements: &BTreeSet<Requirement>,
    ) {
        let now = self.now.get(&number).copied();
        let is_early = |place: &Place| {
            let Some((version, _)) = feature.at(*place) else { return false };
            let is_named = || requirements.iter().chain(now).any(|asked| asked.matches(version));
            let is_settled = self.is_settled(number, *place);
            !version.pre.is_empty() && (is_settled || is_named())
        };
        let found: BTreeSet<Place> = feature.newest_in(&Span::full()).filter(is_early).collect();
        if !found.is_empty() {
            self.early.insert(number, found);
        }
    }

    /// What all requirements allow.
    pub fn agreed(
        &self,
        number: Number,
        feature: &Listed<'_>,
        requirements: &BTreeSet<Requirement>,
    ) -> Span {
        let each = requirements.iter().map(|requirement| {
            let span = feature.matching(requirement);
            self.with_early(number, requirement, span)
        });
        each.fold(Span::full(), |all, span| all.intersection(&span))
    }

    /// A span with the pre-releases that it covers and that are asked for by name.
    fn with_early(&self, number: Number, requirement: &Requirement, span: Span) -> Span {
        let Some(early) = self.early.get(&number) else { return span };
        let Some(feature) = self.world.feature(number) else { return span };
        let covered = early.iter().copied().filter(|place| {
            feature.at(*place).is_some_and(|(version, _)| requirement.covers(version))
        });
        span.union(&Span::of(covered))
    }

    /// Whether this version was chosen before, or by a hold: it may stay whatever became of it.
    fn is_settled(&self, number: Number, place: Place) -> bool {
        [&self.own, &self.had, &self.held].iter().any(|all| all.get(&number) == Some(&place))
    }

    /// Whether this version was yanked, and an update or nobody's choice lets it go.
    fn is_last(&self, number: Number, place: Place) -> bool {
        let published = self.world.feature(number).and_then(|feature| feature.at(place));
        let is_yanked = published.is_some_and(|(_, found)| found.yanked.is_some());
        let is_held = self.held.get(&number) == Some(&place);
        is_yanked && !is_held && (self.is_moved(number) || !self.is_settled(number, place))
    }

    fn is_moved(&self, number: Number) -> bool {
        self.is_all_moved || self.moved.contains(&number)
    }

    /// Whether a version may be chosen at all.
    pub fn fit(&self, number: Number, place: Place) -> Result<(), Unfit<'c>> {
        let published = self.world.feature(number).and_then(|feature| feature.at(place));
        let Some((version, published)) = published else { return Ok(()) };
        if self.without.contains(&number) {
            return Err(Unfit::OptedOut);
        }
        let held = self.held.get(&number);
        if held.is_some_and(|held| *held != place) {
            return Err(Unfit::Held);
        }
        let platform = self.asked.set.platform;
        if platform.is_some_and(|platform| !published.platforms.contains(&platform)) {
            return Err(Unfit::Platform(&published.platforms));
        }
        let is_settled = self.is_settled(number, place);
        if let Some(why) = published.yanked.as_deref().filter(|_| !is_settled) {
            return Err(Unfit::Yanked(why));
        }
        match self.now.get(&number) {
            Some(now) if !now.matches(version) => Err(Unfit::NotNow(now)),
            _ => Ok(()),
        }
    }

    /// The versions that what is asked for directly leaves, newest first.
    pub fn possible(&self, number: Number) -> Vec<Place> {
        let Some(feature) = self.world.feature(number) else { return Vec::new() };
        let span = self.rooted.get(&number).cloned().unwrap_or_else(Span::full);
        feature.newest_in(&span).filter(|place| self.fit(number, *place).is_ok()).collect()
    }

    /// The versions that all who ask for a feature themselves would take.
    pub fn wanted(&self, number: Number, feature: &Listed<'_>) -> Span {
        let requirements = self.asked.set.wants.get(feature.name);
        requirements.map_or_else(Span::full, |all| self.agreed(number, feature, all))
    }

    /// The same set as if these features were not held, to see what a hold stands in the way of.
    pub fn without_holds(&self, free: &BTreeSet<Number>) -> Self {
        let mut case = self.clone();
        case.steps.set(0);
        case.held.retain(|number, _| !free.contains(number));
        for (name, requirements) in &self.asked.set.wants {
            let number = self.world.number(name).filter(|number| free.contains(number));
            let found = number.and_then(|number| Some((number, self.world.feature(number)?)));
            if let Some((number, feature)) = found {
                let span = case.agreed(number, feature, requirements);
                case.rooted.insert(number, span);
            }
        }
        case
    }

    /// Whether a hold that is not over decides the version of this feature.
    pub fn is_held(&self, number: Number) -> bool {
        self.held.contains_key(&number)
    }

    /// What holds that are not over decide.
    pub fn held(&self) -> BTreeSet<Number> {
        self.held.keys().copied().collect()
    }

    /// The requirement of `lock --update F@REQ`, if it is about this feature.
    pub fn now(&self, number: Number) -> Option<&'c Requirement> {
        self.now.get(&number).copied()
    }

    /// A version for each feature that is asked for or needed.
    ///
    /// # Errors
    /// Why there is no such choice.
    pub fn solve(&self) -> Result<BTreeMap<Number, Place>, Trouble> {
        match pubgrub::resolve(self, Package::Root, 0_u32) {
            Ok(solution) => {
                let features = solution.into_iter().filter_map(|(package, place)| match package {
                    Package::Feature(number) => Some((number, place)),
                    Package::Root | Package::Shadow(_) => None,
                });
                let needed = self.needed(&features.collect());
                // A hold of what is only needed counts as well, at a version that there is.
                let names = needed.keys().filter_map(|number| self.world.feature(*number));
                let mut lost = names.filter(|feature| {
                    let held = self.asked.held(feature.name);
                    held.is_some_and(|version| feature.place(version).is_none())
                });
                match lost.next() {
                    Some(feature) => Err(Trouble::HeldAtNothing(feature.name.clone())),
                    None => Ok(needed),
                }
            }
            Err(PubGrubError::NoSolution(why)) => {
                let mut found: Vec<Fact> = Vec::new();
                facts(&why, &mut found);
                Err(Trouble::Conflict(found))
            }
            Err(_) => Err(Trouble::TooHard),
        }
    }

    /// What is asked for, and all that it needs.
    fn needed(&self, solution: &BTreeMap<Number, Place>) -> BTreeMap<Number, Place> {
        let mut needed = BTreeMap::new();
        let mut open: Vec<Number> = self.rooted.keys().copied().collect();
        while let Some(number) = open.pop() {
            let Some(place) = solution.get(&number) else { continue };
            if needed.insert(number, *place).is_none() {
                open.extend(self.requires(number, *place).iter().map(|link| link.to));
            }
        }
        needed
    }

    pub fn requires(&self, number: Number, place: Place) -> &'c [Link<'c>] {
        let feature = self.world.feature(number);
        let found = feature.and_then(|feature| feature.requires.get(place as usize));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    pub fn conflicts(&self, number: Number, place: Place) -> &'c [Link<'c>] {
        let feature = self.world.feature(number);
        let found = feature.and_then(|feature| feature.conflicts.get(place as usize));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    fn is_shunned(&self, number: Number) -> bool {
        self.world.feature(number).is_some_and(|feature| feature.is_shunned)
    }
}
