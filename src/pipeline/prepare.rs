//! What sites should have: contents, variables and secrets, gathered once for all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    Fleet, LoadError,
    prepared::{Prepared, SiteFacts},
};
use crate::{
    feature::{Choice, Given, Setting, VariableCheck},
    inventory::{SecretRef, Site, VariableValue},
    model::{Position, Problem, Problems, Secret, SiteName, Value},
    project::{self, LinkMode},
    template::{Templates, Variable, Variables},
};

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
            prepared.doubts = self.check_variables(sites, &prepared)?;
            self.secrets(sites).await?
        };
        self.fill(sites, &mut prepared, &secrets)?;
        Ok(Arc::new(prepared))
    }

    /// Checks everything that releases of `sites` are made of, without asking for any secret.
    /// Tells what may be a slip.
    ///
    /// # Errors
    /// Everything that [`Fleet::resolve`], [`Fleet::prepare`] and [`Prepared::wanted`] would
    /// refuse.
    pub fn check(&self, sites: &[SiteName]) -> Result<Vec<Problem>, LoadError> {
        let mut problems = Problems::default();
        let mut doubts = Vec::new();
        for play in &self.plays {
            problems.absorb(self.sites_of(play));
            doubts.extend(self.canary_of_nobody(play));
        }
        let choice = self.resolve(sites)?.choice();
        let mut prepared = self.blank(choice);
        prepared.open_published(self)?;
        doubts.extend(self.check_variables(sites, &prepared)?);
        // Templates only need something in the place of a secret to be judged.
        let stand_in = Secret::new("stand-in".to_owned());
        let wanted = self.secrets_wanted(sites).into_keys();
        let secrets = wanted.map(|source| (source, stand_in.clone())).collect();
        self.fill(sites, &mut prepared, &secrets)?;
        for site in sites {
            problems.absorb(prepared.wanted(site));
        }
        Ok(problems.or(doubts)?)
    }

    fn blank(&self, choice: Choice) -> Prepared {
        let settings = &self.project.settings;
        Prepared {
            ingredients: BTreeMap::new(),
            trees: Mutex::default(),
            registry: self.registry.clone(),
            sites: BTreeMap::new(),
            templates: Templates::new(),
            hard_links: settings.release.link == LinkMode::Hard,
            keep: usize::try_from(settings.release.keep).unwrap_or(5),
            owner: settings.release.owner.clone(),
            group: settings.release.group.clone(),
            choice,
            doubts: Vec::new(),
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
    fn check_variables(
        &self,
        sites: &[SiteName],
        prepared: &Prepared,
    ) -> Result<Vec<Problem>, LoadError> {
        let mut check = VariableCheck::default();
        for site in sites.iter().filter_map(|name| self.inventory.site(name.as_str())) {
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
            check.site(&site.name, &prepared.features_of(site), &settings);
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

    /// Where a site lives (`root`, `docroot`, `url`), templates filled in.
    ///
    /// # Errors
    /// Templates that cannot be filled in without a secret, or at all.
    pub fn places(&self, site: &Site) -> Result<BTreeMap<&'static str, String>, Problems> {
        let facts = self.facts(site, &BTreeMap::new(), &Templates::new())?;
        let places = [("root", Some(facts.root)), ("docroot", facts.docroot), ("url", facts.url)];
        Ok(places.into_iter().filter_map(|(name, place)| Some((name, place?))).collect())
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
