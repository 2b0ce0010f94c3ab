//! Which versions sites get: what is locked, and what the registry offers where nothing is.
//!
//! `deploy` and its like read the lock and ask the registry for nothing that is in it; `lock`
//! lists the registry and makes the next lock. Neither writes a file: that is the door's.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use semver::Version;

use self::words::{newest_of, no_site_has};
use super::{Fleet, LoadError};
use crate::{
    feature::{
        self, Ask, AskedSet, Catalog, Choice, Moves, OptOut, RequirementSet, Resolution, Solved,
        Through, Update, requirement_sets,
    },
    inventory::{LayerName, Site},
    model::{FeatureName, Problem, Problems, SiteName},
    registry::read_source,
};

/// Which versions sites get, and whether the lock knew.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The answers.
    pub resolution: Resolution,
    /// Sites that ask for what the lock does not know, where there is a lock.
    pub behind: BTreeSet<SiteName>,
    /// Sites that came to ask for what others have locked: they get the same, and `lock` has not
    /// taken them in yet.
    pub joined: BTreeSet<SiteName>,
}

impl Resolved {
    /// What each site gets.
    #[must_use]
    pub fn choice(&self) -> Choice {
        self.resolution.choice()
    }

    /// Whether the lock has all these sites, and what they ask for.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.behind.is_empty() && self.joined.is_empty()
    }
}

impl Fleet {
    /// Chooses versions for these sites: what is locked, else what is published and nearest to
    /// what is locked for others. What is locked because of a hold stays whatever its day.
    ///
    /// # Errors
    /// A registry that cannot be read, requirements that cannot be met, and, where only what is
    /// locked may be deployed ([`Fleet::locked`]), everything that is not.
    pub fn resolve(&self, sites: &[SiteName]) -> Result<Resolved, LoadError> {
        let (resolved, problems) = self.resolve_most(sites)?;
        problems.or(resolved).map_err(LoadError::Wrong)
    }

    /// The same for those who show what there is: sites whose wants can be met, and what is wrong
    /// with those of the others.
    ///
    /// # Errors
    /// A registry that cannot be read, and no lock where only what is locked may be deployed.
    pub fn resolve_most(&self, sites: &[SiteName]) -> Result<(Resolved, Problems), LoadError> {
        let sets = self.asked(sites);
        let Some(lock) = &self.lock else {
            if self.locked && !sets.is_empty() {
                return Err(LoadError::Wrong(self.never_locked().into()));
            }
            let catalog = self.registry.catalog()?;
            let (resolution, conflict) = feature::resolve_most(sets, &catalog, None, &[]);
            return Ok((Resolved { resolution, ..Resolved::default() }, conflict));
        };
        let mut resolved = Resolved::default();
        let mut missing = Vec::new();
        for asked in sets {
            // A lock is for the project's own sites: of others it knows nothing.
            if !self.project.is_inventory_given() {
                resolved.joined.extend(lock.joined(&asked).cloned());
            }
            match lock.answer(asked) {
                Ok(solved) => resolved.resolution.sets.push(solved),
                Err(asked) => missing.push(*asked),
            }
        }
        if missing.is_empty() {
            return Ok((resolved, Problems::default()));
        }
        if self.locked {
            let problems = missing.iter().map(|asked| self.not_locked(asked)).collect();
            return Ok((resolved, Problems(problems)));
        }
        resolved.behind = missing.iter().flat_map(|asked| asked.sites.iter().cloned()).collect();
        let catalog = self.registry.catalog()?;
        let (found, conflict) = feature::resolve_most(missing, &catalog, Some(lock), &[]);
        resolved.resolution.sets.extend(found.sets);
        resolved.resolution.sets.sort_by(|one, other| one.asked.set.cmp(&other.asked.set));
        Ok((resolved, conflict))
    }

    /// What all sites of the environment should have from now on: the next lock. Holds that were
    /// meant to be over before today hold no more. `catalog` is what the registry lists.
    ///
    /// # Errors
    /// What is locked and gone from the registry, requirements that cannot be met, and updates of
    /// what no site has.
    pub fn relock(&self, updates: &[Update], catalog: &Catalog) -> Result<Resolution, LoadError> {
        let (resolution, conflict) = self.relock_most(updates, catalog)?;
        conflict.or(resolution).map_err(LoadError::Wrong)
    }

    /// The same for those who show what there is: the sets that can have a next lock, and what is
    /// wrong with the others.
    ///
    /// # Errors
    /// What is locked and gone from the registry, and updates of what no site has.
    pub fn relock_most(
        &self,
        updates: &[Update],
        catalog: &Catalog,
    ) -> Result<(Resolution, Problems), LoadError> {
        let sites: Vec<SiteName> =
            self.inventory.sites().iter().map(|site| site.name.clone()).collect();
        self.still_published(catalog, updates)?;
        self.are_known(catalog, updates).map_err(LoadError::NoTarget)?;
        self.are_there(catalog, updates)?;
        let sets = self.asked(&sites);
        let (resolution, conflict) =
            feature::resolve_most(sets, catalog, self.lock.as_ref(), updates);
        if !conflict.0.is_empty() {
            return Ok((resolution, conflict));
        }
        let mut problems = Problems::default();
        let known: BTreeSet<&FeatureName> =
            resolution.sets.iter().flat_map(|solved| solved.gets.keys()).collect();
        for feature in updates.iter().filter_map(|update| update.feature.as_ref()) {
            if !known.contains(feature) {
                problems.push(
                    self.nobody_would_have(feature)
                        .unwrap_or_else(|| no_site_has(feature, &known, catalog)),
                );
            }
        }
        problems.or((resolution, conflict)).map_err(LoadError::NoTarget)
    }

    /// A name that is nowhere is told before anything else that may be wrong.
    fn are_known(&self, catalog: &Catalog, updates: &[Update]) -> Result<(), Problems> {
        let wants = self.inventory.sites().iter().flat_map(|site| &site.wants);
        let locked = self.lock.iter().flat_map(|lock| lock.features.keys());
        let known: BTreeSet<&FeatureName> = wants.map(|want| &want.feature).chain(locked).collect();
        let names = updates.iter().filter_map(|update| update.feature.as_ref());
        let unknown = names.filter(|name| !known.contains(name) && !catalog.contains_key(*name));
        Problems(unknown.map(|name| no_site_has(name, &known, catalog)).collect()).or(())
    }

    /// An update to what there is no version of is a slip of whoever typed it, and not a conflict
    /// of those who have the feature.
    fn are_there(&self, catalog: &Catalog, updates: &[Update]) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for update in updates {
            let (Some(feature), Some(requirement)) = (&update.feature, &update.requirement) else {
                continue;
            };
            let Some(published) = catalog.get(feature) else { continue };
            if published.keys().any(|version| requirement.matches(version)) {
                continue;
            }
            let why = match Version::parse(requirement.as_str()) {
                Ok(version) => format!("{version} was never published"),
                Err(_) => "no published version satisfies that".to_owned(),
            };
            let problem = Problem::new(format!("--update {feature}@{requirement}: {why}"));
            let is_draft = self.draft(feature).is_some_and(|own| requirement.matches(&own));
            let first = if is_draft {
                format!("publish it first: fleetctl feature publish {feature}; ")
            } else {
                String::new()
            };
            problems.push(problem.hint(first + &newest_of(feature, published)));
        }
        problems.or(())
    }

    /// The version of a feature in the project, if it is sound: what is not is `validate`'s affair.
    fn draft(&self, feature: &FeatureName) -> Option<Version> {
        let features = self.project.features().ok()?;
        let (name, path) = features.into_iter().find(|(name, _)| name == feature)?;
        let source = read_source(&path, &format!("features/{name}")).ok()?;
        Some(source.feature.version)
    }

    /// What a new lock changes, site by site.
    #[must_use]
    pub fn moves(&self, resolution: &Resolution, catalog: &Catalog, updates: &[Update]) -> Moves {
        let sites = self.inventory.sites().iter().map(|site| {
            let out = site.opt_outs.iter().map(|out| (out.feature.clone(), out.from.at.clone()));
            (site.name.clone(), out.collect())
        });
        let found = (catalog, updates);
        feature::moves(self.lock.as_ref(), resolution, &sites.collect(), found)
    }

    /// The day on which the hold of a feature ended at the sites of a set; `None` where it holds, or
    /// nothing is held.
    #[must_use]
    pub fn hold_ended(&self, solved: &Solved, feature: &FeatureName) -> Option<Date> {
        solved.asked.set.holds.get(feature)?.until.filter(|day| *day < self.today)
    }

    /// What is locked must still be in the registry, and the same: else a new lock would move sites,
    /// or take over what somebody put in its place, without a word.
    ///
    /// # Errors
    /// Everything that is gone or another.
    pub fn still_published(&self, catalog: &Catalog, updates: &[Update]) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let moves = |feature: &FeatureName| {
            updates.iter().any(|update| update.feature.as_ref().is_none_or(|name| name == feature))
        };
        for (feature, versions) in self.lock.iter().flat_map(|lock| &lock.features) {
            for (version, locked) in versions {
                match catalog.get(feature).and_then(|published| published.get(version)) {
                    Some(found) if found.digest == *locked => {}
                    Some(found) => {
                        problems.push(self.replaced(feature, version, *locked, found.digest));
                    }
                    None if moves(feature) => {}
                    None => {
                        let name = self.lock_name();
                        let message =
                            format!("{feature} {version} is in {name}, and not in the registry");
                        let is_gone = catalog.get(feature).is_none_or(BTreeMap::is_empty);
                        let move_on = self.command(&format!("lock --update {feature}"));
                        problems.push(Problem::new(message).hint(if is_gone {
                            format!("restore it: no version of {feature} is left")
                        } else {
                            format!("restore it; or move its sites on purpose: {move_on}")
                        }));
                    }
                }
            }
        }
        problems.or(())
    }

    /// What these sites ask for today, joined, with the terms of the holds.
    fn asked(&self, sites: &[SiteName]) -> Vec<AskedSet> {
        let found = sites.iter().filter_map(|name| self.inventory.site(name.as_str()));
        let asks: Vec<Ask> = found.map(|site| ask(site, self.today)).collect();
        let mut sets = requirement_sets(&asks);
        let all = self.inventory.sites();
        if sites.len() < all.len() {
            let everybody: Vec<Ask> = all.iter().map(|site| ask(site, self.today)).collect();
            let everybody = requirement_sets(&everybody).into_iter();
            let mut peers: BTreeMap<RequirementSet, BTreeSet<SiteName>> =
                everybody.map(|asked| (asked.set, asked.peers)).collect();
            for set in &mut sets {
                set.peers = peers.remove(&set.set).unwrap_or_default();
            }
        }
        for set in &mut sets {
            let found = set.sites.iter().filter_map(|name| self.inventory.site(name.as_str()));
            for hold in found.flat_map(|site| site.holds.values()) {
                // Of several holds that say the same of a set's sites the first is told.
                let is_told =
                    set.holds.get(&hold.feature).is_some_and(|(at, _)| *at == hold.from.at);
                if let Some(terms) = hold.terms().filter(|_| is_told) {
                    set.terms.insert(hold.feature.clone(), terms);
                }
            }
        }
        sets
    }

    /// What a site has as far as can be told without the registry: what is locked for it, else
    /// what it asks for.
    #[must_use]
    pub fn features_of(&self, site: &Site) -> BTreeSet<FeatureName> {
        let wants = site.wants.iter().map(|want| want.feature.clone());
        let locked = self.lock.as_ref().and_then(|lock| {
            let asked = requirement_sets(&[ask(site, self.today)]).into_iter().next()?;
            let known = lock.sets.get(&asked.set).map(|locked| &locked.gets);
            known.or_else(|| lock.gets_of(&site.name))
        });
        let locked = locked.into_iter().flat_map(|gets| gets.keys().cloned());
        wants.chain(locked).collect()
    }

    /// The lock's file name.
    #[must_use]
    pub fn lock_name(&self) -> String {
        self.project.lock_name(&self.environment)
    }
}

fn ask(site: &Site, today: Date) -> Ask {
    let wants = site.wants.iter().map(|want| feature::Want {
        feature: want.feature.clone(),
        requirement: want.requirement.clone(),
        through: match &want.from.who {
            LayerName::Group(group) => Through::Group(group.clone()),
            _ => Through::Site,
        },
        at: want.from.at.clone(),
    });
    let wants: Vec<feature::Want> = wants.collect();
    // A site's own want is stronger than the opt-out of one of its groups.
    let is_wanted = |feature: &FeatureName| wants.iter().any(|want| want.feature == *feature);
    let opt_outs = site.opt_outs.iter().filter(|out| !is_wanted(&out.feature));
    let holds = site.holds.values().map(|hold| feature::Hold {
        feature: hold.feature.clone(),
        held: feature::Held { version: hold.version.clone(), until: hold.until },
        is_over: hold.ended(today).is_some(),
        at: hold.from.at.clone(),
    });
    Ask {
        site: site.name.clone(),
        platform: site.settings.platform,
        opt_outs: opt_outs
            .map(|out| OptOut { feature: out.feature.clone(), at: out.from.at.clone() })
            .collect(),
        holds: holds.collect(),
        wants,
    }
}
