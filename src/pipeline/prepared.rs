//! What sites should have, made of what was gathered: releases whole or in part, for deploys and
//! for the way back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use semver::Version;

use super::{Fleet, LoadError, ingredient::ingredient};
use crate::{
    desired::{self, Context, Ingredient, Placed},
    feature::{Choice, Feature, Had},
    inventory::Site,
    model::{Digest, FeatureName, Platform, Position, Problem, Problems, SiteName},
    plan::{Base, Observation},
    registry::{PublishedVersion, Registry, RegistryError},
    release::{Manifest, Sources, Tree, Wanted},
    resource::{GateSpec, HostPath},
    template::{Templates, Variables},
};

/// Which features a deploy changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that a site should have.
    Everything,
    /// These alone; others stay as they are on the host.
    Only(BTreeSet<FeatureName>),
}

/// Everything that releases of these sites are made of.
pub struct Prepared {
    /// What each site gets.
    pub choice: Choice,
    /// What may be a slip in its variables.
    pub doubts: Vec<Problem>,
    pub(super) ingredients: BTreeMap<(FeatureName, Version), Ingredient>,
    /// Trees by recipe: sites that want the same share them.
    pub(super) trees: Mutex<BTreeMap<Digest, Tree>>,
    pub(super) registry: Registry,
    pub(super) sites: BTreeMap<SiteName, SiteFacts>,
    pub(super) templates: Templates,
    pub(super) hard_links: bool,
    pub(super) keep: usize,
    pub(super) owner: Option<String>,
    pub(super) group: Option<String>,
}

/// A site's own part of what its release depends on.
pub(super) struct SiteFacts {
    pub(super) at: Position,
    pub(super) platform: Option<Platform>,
    pub(super) docroot: Option<String>,
    pub(super) root: String,
    pub(super) url: Option<String>,
    pub(super) adopt: bool,
    pub(super) variables: Variables,
}

impl Prepared {
    /// The features that a site gets, each with the place that asks for it, or for what requires it.
    pub(super) fn features_of<'a>(&'a self, site: &'a Site) -> Vec<Had<'a>> {
        let chosen = self.choice.get(&site.name).into_iter().flatten();
        let features: Vec<&Feature> = chosen
            .filter_map(|(name, chosen)| {
                let found = self.ingredients.get(&(name.clone(), chosen.version.clone()))?;
                Some(&found.feature)
            })
            .collect();
        let mut had: Vec<Had<'_>> = Vec::new();
        had.extend(features.iter().filter_map(|feature| {
            let want = site.wants.iter().find(|want| want.feature == feature.name)?;
            Some(Had { feature, wanted_at: &want.from.at, by: None })
        }));
        let mut reached = 0;
        while let Some(Had { feature: by, wanted_at, .. }) = had.get(reached).copied() {
            for feature in features.iter().filter(|feature| by.requires.contains_key(&feature.name))
            {
                if had.iter().all(|had| had.feature.name != feature.name) {
                    had.push(Had { feature, wanted_at, by: Some(by) });
                }
            }
            reached += 1;
        }
        let is_had = |feature: &Feature| had.iter().any(|had| had.feature.name == feature.name);
        let rest: Vec<&Feature> = features.into_iter().filter(|one| !is_had(one)).collect();
        had.extend(rest.into_iter().map(|feature| Had { feature, wanted_at: &site.at, by: None }));
        had
    }

    pub(super) fn open_published(&mut self, fleet: &Fleet) -> Result<(), LoadError> {
        let needed: BTreeMap<(FeatureName, Version), _> = self
            .choice
            .values()
            .flatten()
            .map(|(feature, chosen)| ((feature.clone(), chosen.version.clone()), chosen.digest))
            .collect();
        for ((feature, version), digest) in needed {
            let published = fleet.registry.open(&feature, &version, Some(&digest));
            let published = published.map_err(|why| match why {
                RegistryError::Replaced { found, .. } => {
                    LoadError::Wrong(fleet.replaced(&feature, &version, digest, found).into())
                }
                other => other.into(),
            })?;
            let ingredient = ingredient(&published)?;
            self.ingredients.insert((feature, version), ingredient);
        }
        Ok(())
    }

    /// A published version, for those who show its contents.
    #[must_use]
    pub fn archive(&self, feature: &FeatureName, version: &Version) -> Option<PublishedVersion> {
        self.registry.open(feature, version, None).ok()
    }

    fn context<'a>(&'a self, site: &'a SiteName) -> Option<Context<'a>> {
        let facts = self.sites.get(site)?;
        Some(Context {
            site,
            at: &facts.at,
            platform: facts.platform,
            docroot: facts.docroot.as_deref(),
            root: &facts.root,
            owner: self.owner.as_deref(),
            group: self.group.as_deref(),
            hard_links: self.hard_links,
            keep: self.keep,
            adopt: facts.adopt,
            variables: &facts.variables,
        })
    }

    /// Where releases of a site are on its host.
    #[must_use]
    pub fn root(&self, site: &SiteName) -> &str {
        self.sites.get(site).map_or("", |facts| &facts.root)
    }

    /// What a site's web server serves.
    #[must_use]
    pub fn docroot(&self, site: &SiteName) -> Option<&str> {
        self.sites.get(site).and_then(|facts| facts.docroot.as_deref())
    }

    /// Where a site answers.
    #[must_use]
    pub fn url(&self, site: &SiteName) -> Option<&str> {
        self.sites.get(site).and_then(|facts| facts.url.as_deref())
    }

    /// A site's platform.
    #[must_use]
    pub fn platform(&self, site: &SiteName) -> Option<Platform> {
        self.sites.get(site).and_then(|facts| facts.platform)
    }

    fn place_all(&self, site: &SiteName) -> Result<BTreeMap<FeatureName, Placed>, Problems> {
        let mut problems = Problems::default();
        let mut placed = BTreeMap::new();
        let Some(context) = self.context(site) else { return Ok(placed) };
        for (feature, chosen) in self.choice.get(site).into_iter().flatten() {
            let key = (feature.clone(), chosen.version.clone());
            let Some(ingredient) = self.ingredients.get(&key) else { continue };
            let found = desired::place(ingredient, &context, &self.templates);
            if let Some(found) = problems.absorb(found) {
                placed.insert(feature.clone(), found);
            }
        }
        problems.or(placed)
    }

    /// The release that a site should have.
    ///
    /// # Errors
    /// Everything that keeps it from being made.
    pub fn wanted(&self, site: &SiteName) -> Result<Wanted, Problems> {
        let placed = self.place_all(site)?;
        let context = self.context(site).ok_or_else(Problems::default)?;
        self.assemble(&context, &placed)
    }

    fn assemble(
        &self,
        context: &Context<'_>,
        placed: &BTreeMap<FeatureName, Placed>,
    ) -> Result<Wanted, Problems> {
        let trees = || self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        let recipe = desired::recipe(context, placed);
        let grown = recipe.and_then(|recipe| trees().get(&recipe).cloned());
        let wanted = desired::assemble(context, placed, grown)?;
        if let Some(recipe) = recipe {
            trees().entry(recipe).or_insert_with(|| wanted.manifest.entries.clone());
        }
        Ok(wanted)
    }

    /// The health gates that a site's features bring along.
    #[must_use]
    pub fn gates(&self, site: &SiteName) -> Vec<GateSpec> {
        let chosen = self.choice.get(site).into_iter().flatten();
        let found = chosen.filter_map(|(feature, chosen)| {
            self.ingredients.get(&(feature.clone(), chosen.version.clone()))
        });
        found.flat_map(|ingredient| ingredient.feature.health.clone()).collect()
    }

    /// A release without content at a site's place: what a rollback fills.
    #[must_use]
    pub fn frame(&self, site: &SiteName) -> Option<Wanted> {
        desired::assemble(&self.context(site)?, &BTreeMap::new(), None).ok()
    }

    /// Where the contents of a release come from that a site has or had: the artifacts of its
    /// versions, and what can be rendered again to the same bytes. What is not to be had is left
    /// out.
    #[must_use]
    pub fn sources(&self, site: &SiteName, manifest: &Manifest) -> Sources {
        let mut sources = Sources::default();
        let Some(context) = self.context(site) else { return sources };
        let mut placed = BTreeMap::new();
        for (name, part) in &manifest.features {
            let published = self.registry.open(name, &part.version, Some(&part.digest));
            let found = published.map_err(LoadError::from).and_then(|found| ingredient(&found));
            let Ok(ingredient) = found else { continue };
            let (found, _) = desired::place_what_fits(&ingredient, &context, &self.templates);
            placed.insert(name.clone(), found);
        }
        let Ok(wanted) = self.assemble(&context, &placed) else { return sources };
        for (path, source) in wanted.sources.iter() {
            if manifest.entries.get(path) == wanted.manifest.entries.get(path) {
                sources.insert(path.clone(), source.clone());
            }
        }
        sources
    }

    /// Places at which links may be, whatever the site then has.
    #[must_use]
    pub fn look(&self, site: &SiteName) -> Vec<HostPath> {
        let mut look =
            self.context(site).map(|context| desired::mount_points(&context)).unwrap_or_default();
        let placed = self.place_all(site).unwrap_or_default();
        look.extend(placed.values().flat_map(desired::links_of).cloned());
        look
    }

    /// The release for a deploy of `only`: these features as they should be, all others as they
    /// are on the host.
    ///
    /// # Errors
    /// In words, when that cannot be made.
    pub fn wanted_only(
        &self,
        site: &SiteName,
        only: &BTreeSet<FeatureName>,
        seen: &Observation,
        base: Option<&Base>,
    ) -> Result<Wanted, Vec<String>> {
        let text =
            |problems: Problems| problems.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        let only = &self.with_needs(site, only);
        let mut fresh = self.place_all(site).map_err(text)?;
        let context = self.context(site).ok_or_else(|| vec!["the site is not known".to_owned()])?;
        if seen.current.is_some() && base.is_none() {
            return Err(vec![
                "the manifest of the current release is not to be had, so the other features cannot be kept; deploy without --feature".to_owned(),
            ]);
        }
        let mut placed = BTreeMap::new();
        for name in base.into_iter().flat_map(|base| base.manifest.features.keys()) {
            if only.contains(name) {
                continue;
            }
            let Some(mut kept) = base
                .and_then(|base| desired::keep(name, &base.manifest, context.root, context.adopt))
            else {
                continue;
            };
            if let Some(fresh) = fresh.get(name) {
                desired::lend_sources(&mut kept, fresh);
            }
            placed.insert(name.clone(), kept);
        }
        placed.extend(fresh.extract_if(.., |name, _| only.contains(name)));
        self.assemble(&context, &placed).map_err(text)
    }

    /// These features and all that their versions at a site require.
    fn with_needs(&self, site: &SiteName, only: &BTreeSet<FeatureName>) -> BTreeSet<FeatureName> {
        let Some(chosen) = self.choice.get(site) else { return only.clone() };
        let mut open: Vec<&FeatureName> = only.iter().collect();
        let mut all = BTreeSet::new();
        while let Some(name) = open.pop() {
            if !all.insert(name.clone()) {
                continue;
            }
            let Some(version) = chosen.get(name) else { continue };
            let key = (name.clone(), version.version.clone());
            let ingredient = self.ingredients.get(&key).into_iter();
            open.extend(ingredient.flat_map(|found| found.feature.requires.keys()));
        }
        all
    }

    /// What a deploy of `only` leaves undone at a site: features whose version on the host is not
    /// the chosen one.
    #[must_use]
    pub fn pending(
        &self,
        site: &SiteName,
        only: &BTreeSet<FeatureName>,
        seen: &Observation,
    ) -> Vec<String> {
        let only = &self.with_needs(site, only);
        let none = BTreeMap::new();
        let here = seen.current.as_ref().map_or(&none, |current| &current.about.features);
        let chosen = self.choice.get(site);
        let mut pending = Vec::new();
        for (name, wanted) in chosen.into_iter().flatten().filter(|(name, _)| !only.contains(*name))
        {
            match here.get(name) {
                Some(part) if part.version == wanted.version => {}
                Some(part) => pending.push(format!("{name} {} → {}", part.version, wanted.version)),
                None => pending.push(format!("{name} {}", wanted.version)),
            }
        }
        let gone = here.keys().filter(|name| {
            !only.contains(*name) && chosen.is_none_or(|chosen| !chosen.contains_key(*name))
        });
        pending.extend(gone.map(|name| format!("{name} to be removed")));
        pending
    }
}
