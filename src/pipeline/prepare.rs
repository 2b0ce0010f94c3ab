//! What sites should have: contents, variables and secrets, gathered once for all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use semver::Version;

use super::{Fleet, LoadError, ingredient::ingredient};
use crate::{
    desired::{self, Context, Ingredient, Placed},
    feature::{Choice, Given, Setting, VariableCheck},
    inventory::{SecretRef, Site, VariableValue},
    model::{FeatureName, Platform, Position, Problems, Secret, SiteName, Value},
    plan::{Base, Observation},
    project::{self, LinkMode},
    registry::{PublishedVersion, Registry},
    release::{Manifest, Source, TreePath, Wanted},
    resource::{GateSpec, HostPath},
    template::{Templates, Variable, Variables},
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
    ingredients: BTreeMap<(FeatureName, Version), Ingredient>,
    registry: Registry,
    sites: BTreeMap<SiteName, SiteFacts>,
    templates: Templates,
    hard_links: bool,
    keep: usize,
    owner: Option<String>,
    group: Option<String>,
}

/// A site's own part of what its release depends on.
struct SiteFacts {
    at: Position,
    platform: Option<Platform>,
    docroot: Option<String>,
    root: String,
    url: Option<String>,
    adopt: bool,
    variables: Variables,
}

impl Fleet {
    /// Gathers what releases of `sites` are made of. `choice` may be empty: then only their
    /// places are known.
    ///
    /// # Errors
    /// Everything wrong with variables, templates and published versions, and secrets that
    /// cannot be had.
    pub async fn prepare(
        &self,
        sites: &[SiteName],
        choice: Choice,
    ) -> Result<Arc<Prepared>, LoadError> {
        let mut prepared = self.blank(choice);
        prepared.open_published(self)?;
        let secrets = if prepared.choice.is_empty() {
            BTreeMap::new()
        } else {
            self.check_variables(sites, &prepared)?;
            self.secrets(sites).await?
        };
        self.fill(sites, &mut prepared, &secrets)?;
        Ok(Arc::new(prepared))
    }

    /// Checks everything that releases of `sites` are made of, without asking for any secret.
    ///
    /// # Errors
    /// Everything that [`Fleet::resolve`], [`Fleet::prepare`] and [`Prepared::wanted`] would
    /// refuse.
    pub fn check(&self, sites: &[SiteName]) -> Result<(), LoadError> {
        let mut problems = Problems::default();
        for play in &self.plays {
            problems.absorb(self.sites_of(play));
        }
        let (choice, _) = self.resolve(sites)?;
        let mut prepared = self.blank(choice);
        prepared.open_published(self)?;
        self.check_variables(sites, &prepared)?;
        // Templates only need something in the place of a secret to be judged.
        let stand_in = Secret::new("stand-in".to_owned());
        let wanted = self.secrets_wanted(sites).into_keys();
        let secrets = wanted.map(|source| (source, stand_in.clone())).collect();
        self.fill(sites, &mut prepared, &secrets)?;
        for site in sites {
            problems.absorb(prepared.wanted(site));
        }
        Ok(problems.or(())?)
    }

    fn blank(&self, choice: Choice) -> Prepared {
        let settings = &self.project.settings;
        Prepared {
            ingredients: BTreeMap::new(),
            registry: self.registry.clone(),
            sites: BTreeMap::new(),
            templates: Templates::new(),
            hard_links: settings.release.link == LinkMode::Hard,
            keep: usize::try_from(settings.release.keep).unwrap_or(5),
            owner: settings.release.owner.clone(),
            group: settings.release.group.clone(),
            choice,
        }
    }

    fn fill(
        &self,
        sites: &[SiteName],
        prepared: &mut Prepared,
        secrets: &BTreeMap<SecretRef, Secret>,
    ) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for site in sites.iter().filter_map(|name| self.inventory.site(name.as_str())) {
            let facts = self.facts(site, secrets, &prepared.templates);
            if let Some(facts) = problems.absorb(facts) {
                prepared.sites.insert(site.name.clone(), facts);
            }
        }
        problems.or(())
    }

    /// Every variable against the schema of every feature that its site gets.
    fn check_variables(&self, sites: &[SiteName], prepared: &Prepared) -> Result<(), LoadError> {
        let mut check = VariableCheck::default();
        for site in sites.iter().filter_map(|name| self.inventory.site(name.as_str())) {
            let Some(chosen) = prepared.choice.get(&site.name) else { continue };
            let variables = site.variables(&[&self.extra]);
            let settings: BTreeMap<&str, Setting<'_>> = variables
                .iter()
                .map(|(name, variable)| {
                    let given = match &variable.value {
                        VariableValue::Plain(value) => Given::Literal(value),
                        VariableValue::Secret(_) => Given::Secret,
                    };
                    (*name, Setting { given, at: Some(&variable.at) })
                })
                .collect();
            for (feature, version) in chosen {
                let key = (feature.clone(), version.version.clone());
                let Some(ingredient) = prepared.ingredients.get(&key) else { continue };
                let wanted = site.wants.iter().find(|want| want.feature == *feature);
                let at = wanted.map_or(&site.at, |want| &want.from.at);
                check.site(&site.name, &ingredient.feature, at, &settings);
            }
        }
        Ok(check.finish()?)
    }

    async fn secrets(&self, sites: &[SiteName]) -> Result<BTreeMap<SecretRef, Secret>, LoadError> {
        let wanted = self.secrets_wanted(sites);
        let environment = |name: &str| std::env::var_os(name);
        project::secrets(&self.project, &wanted, &environment).await.map_err(LoadError::NoSecret)
    }

    /// Every secret that these sites refer to, and where.
    fn secrets_wanted(&self, sites: &[SiteName]) -> BTreeMap<SecretRef, Position> {
        let mut wanted = BTreeMap::new();
        for site in sites.iter().filter_map(|name| self.inventory.site(name.as_str())) {
            for variable in site.variables(&[&self.extra]).into_values() {
                if let VariableValue::Secret(source) = &variable.value {
                    wanted.entry(source.clone()).or_insert_with(|| variable.at.clone());
                }
            }
        }
        wanted
    }

    fn facts(
        &self,
        site: &Site,
        secrets: &BTreeMap<SecretRef, Secret>,
        templates: &Templates,
    ) -> Result<SiteFacts, Problems> {
        let mut variables = Variables::new();
        for (name, variable) in site.variables(&[&self.extra]) {
            let value = match &variable.value {
                VariableValue::Plain(value) => Variable::Plain(value.clone()),
                VariableValue::Secret(source) => match secrets.get(source) {
                    Some(secret) => Variable::Secret(secret.clone()),
                    None => continue,
                },
            };
            variables.insert(name.to_owned(), value);
        }
        let groups: Vec<Value> = site.groups.iter().map(|group| group.as_str().into()).collect();
        let tags: serde_json::Map<String, Value> =
            site.tags.iter().map(|(key, value)| (key.to_string(), value.as_str().into())).collect();
        let builtins = [
            ("site", Value::from(site.name.as_str())),
            ("environment", Value::from(self.environment.name.as_str())),
            ("groups", Value::Array(groups)),
            ("tags", Value::Object(tags)),
        ];
        for (name, value) in builtins {
            variables.insert(name.to_owned(), Variable::Plain(value));
        }
        let platform = site.settings.platform;
        if let Some(platform) = platform {
            variables.insert("platform".to_owned(), Variable::Plain(platform.as_str().into()));
        }
        let mut problems = Problems::default();
        let written = &self.project.settings.release.root;
        let places = [
            ("root", Some(site.settings.root.as_deref().unwrap_or(written))),
            ("docroot", site.settings.docroot.as_deref()),
            ("url", site.settings.url.as_deref()),
        ];
        let mut rendered = BTreeMap::new();
        for (name, text) in places {
            let Some(text) = text else { continue };
            match templates.render_line(&site.at, text, &variables) {
                Ok(line) => {
                    let line = line.trim_end_matches('/').to_owned();
                    variables.insert(name.to_owned(), Variable::Plain(line.as_str().into()));
                    rendered.insert(name, line);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let mut take = |name: &str| rendered.remove(name);
        problems.or(SiteFacts {
            at: site.at.clone(),
            platform,
            docroot: take("docroot"),
            root: take("root").unwrap_or_default(),
            url: take("url"),
            adopt: site.settings.adopt.unwrap_or(false),
            variables,
        })
    }
}

impl Prepared {
    fn open_published(&mut self, fleet: &Fleet) -> Result<(), LoadError> {
        let needed: BTreeMap<(FeatureName, Version), _> = self
            .choice
            .values()
            .flatten()
            .map(|(feature, chosen)| ((feature.clone(), chosen.version.clone()), chosen.digest))
            .collect();
        for ((feature, version), digest) in needed {
            let published = fleet.registry.open(&feature, &version, Some(&digest))?;
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
        desired::assemble(&context, &placed)
    }

    /// The health gates that a site's features bring along.
    #[must_use]
    pub fn gates(&self, site: &SiteName) -> Vec<GateSpec> {
        let placed = self.place_all(site).unwrap_or_default();
        placed.into_values().flat_map(|placed| placed.gates).collect()
    }

    /// A release without content at a site's place: what a rollback fills.
    #[must_use]
    pub fn frame(&self, site: &SiteName) -> Option<Wanted> {
        desired::assemble(&self.context(site)?, &BTreeMap::new()).ok()
    }

    /// Where the contents of a release come from that a site has or had: the artifacts of its
    /// versions, and what can be rendered again to the same bytes. What is not to be had is left
    /// out.
    #[must_use]
    pub fn sources(&self, site: &SiteName, manifest: &Manifest) -> BTreeMap<TreePath, Source> {
        let mut sources = BTreeMap::new();
        let Some(context) = self.context(site) else { return sources };
        let mut placed = BTreeMap::new();
        for (name, part) in &manifest.features {
            let published = self.registry.open(name, &part.version, Some(&part.digest));
            let found = published.map_err(LoadError::from).and_then(|found| ingredient(&found));
            let Ok(ingredient) = found else { continue };
            let (found, _) = desired::place_what_fits(&ingredient, &context, &self.templates);
            placed.insert(name.clone(), found);
        }
        let Ok(wanted) = desired::assemble(&context, &placed) else { return sources };
        for (path, source) in wanted.sources {
            if manifest.entries.get(&path) == wanted.manifest.entries.get(&path) {
                sources.insert(path, source);
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
        desired::assemble(&context, &placed).map_err(text)
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
