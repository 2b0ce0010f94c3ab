//! What is published, in the form in which the solver asks for it: made once for all sets.

use std::collections::BTreeMap;

use pubgrub::VersionSet as _;
use semver::Version;

use super::span::{Place, Span};
use crate::{
    feature::{Catalog, Published},
    model::{FeatureName, Requirement},
};

/// The number of a feature: its place in the order of names.
pub(super) type Number = u32;

/// All features by number.
#[derive(Debug)]
pub(super) struct World<'c> {
    features: Vec<Listed<'c>>,
    numbers: BTreeMap<&'c str, Number>,
}

/// A feature and its versions, oldest first. One that others require and nobody published has
/// none.
#[derive(Debug)]
pub(super) struct Listed<'c> {
    pub name: &'c FeatureName,
    pub versions: Vec<(&'c Version, &'c Published)>,
    /// What each version requires.
    pub requires: Vec<Vec<Link<'c>>>,
    /// What each version does not go with.
    pub conflicts: Vec<Vec<Link<'c>>>,
    /// Whether any version of another feature does not go with some version of this one.
    pub is_shunned: bool,
}

/// What a version says about another feature.
#[derive(Debug)]
pub(super) struct Link<'c> {
    pub to: Number,
    pub requirement: &'c Requirement,
    /// The versions that match it.
    pub span: Span,
}

impl<'c> World<'c> {
    pub fn new(catalog: &'c Catalog) -> Self {
        let mut names: BTreeMap<&str, &FeatureName> = BTreeMap::new();
        for (name, versions) in catalog {
            names.insert(name.as_str(), name);
            for required in versions.values().flat_map(|version| version.requires.keys()) {
                names.entry(required.as_str()).or_insert(required);
            }
        }
        let numbers: BTreeMap<&str, Number> = names.keys().copied().zip(0..).collect();
        let mut features: Vec<Listed<'_>> = names
            .into_values()
            .map(|name| Listed {
                name,
                versions: catalog.get(name).into_iter().flatten().collect(),
                requires: Vec::new(),
                conflicts: Vec::new(),
                is_shunned: false,
            })
            .collect();
        let links = |features: &[Listed<'c>], relations: &'c BTreeMap<FeatureName, Requirement>| {
            let known = relations.iter().filter_map(|(name, requirement)| {
                let to = *numbers.get(name.as_str())?;
                let span = features.get(to as usize)?.matching(requirement);
                Some(Link { to, requirement, span })
            });
            known.collect::<Vec<_>>()
        };
        let (mut requires, mut conflicts, mut shunned) = (Vec::new(), Vec::new(), Vec::new());
        for (feature, number) in features.iter().zip(0_u32..) {
            let published = || feature.versions.iter().map(|(_, published)| *published);
            let each = published().map(|published| links(&features, &published.requires));
            requires.push(each.collect::<Vec<_>>());
            let each: Vec<Vec<Link<'_>>> = published()
                .map(|published| {
                    let mut all = links(&features, &published.conflicts);
                    all.retain(|link| link.to != number);
                    all
                })
                .collect();
            shunned.extend(each.iter().flatten().map(|link| link.to));
            conflicts.push(each);
        }
        for ((feature, requires), conflicts) in features.iter_mut().zip(requires).zip(conflicts) {
            (feature.requires, feature.conflicts) = (requires, conflicts);
        }
        for number in shunned {
            if let Some(feature) = features.get_mut(number as usize) {
                feature.is_shunned = true;
            }
        }
        Self { features, numbers }
    }

    pub fn number(&self, name: &FeatureName) -> Option<Number> {
        self.numbers.get(name.as_str()).copied()
    }

    /// The names of what was published.
    pub fn published(&self) -> impl Iterator<Item = &'c FeatureName> {
        let published = self.features.iter().filter(|feature| !feature.versions.is_empty());
        published.map(|feature| feature.name)
    }

    pub fn feature(&self, number: Number) -> Option<&Listed<'c>> {
        self.features.get(number as usize)
    }
}

impl<'c> Listed<'c> {
    /// The versions that match `requirement`, by `SemVer`'s own rule.
    pub fn matching(&self, requirement: &Requirement) -> Span {
        self.which(|version| requirement.matches(version))
    }

    pub fn which(&self, fits: impl Fn(&Version) -> bool) -> Span {
        let all = self.versions.iter().zip(0..);
        Span::of(all.filter(|((version, _), _)| fits(version)).map(|(_, place)| place))
    }

    pub fn at(&self, place: Place) -> Option<(&'c Version, &'c Published)> {
        self.versions.get(place as usize).copied()
    }

    pub fn place(&self, version: &Version) -> Option<Place> {
        let found = self.versions.binary_search_by_key(&version, |(version, _)| version).ok()?;
        Place::try_from(found).ok()
    }

    /// The places in a span, newest first.
    pub fn newest_in<'s>(&'s self, span: &'s Span) -> impl Iterator<Item = Place> + 's {
        let count = Place::try_from(self.versions.len()).unwrap_or(Place::MAX);
        (0..count).rev().filter(|place| span.contains(place))
    }
}
