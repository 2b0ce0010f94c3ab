//! Which version of a feature each site gets.
//!
//! The newest published one that satisfies everything that is asked of it through the site's
//! groups and by the site itself; a hold pins a site to one version whatever is asked. Each
//! feature is chosen for itself: dependencies between features will need a solver (PubGrub)
//! behind the same function.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::variables::named;
use crate::model::{
    Digest, FeatureName, GroupName, Position, Problem, Problems, Requirement, SiteName,
};

/// A version that has been published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its identity.
    pub digest: Digest,
    /// Why it should not be chosen any more, if it was yanked.
    pub yanked: Option<String>,
}

/// Everything that has been published.
pub type Catalog = BTreeMap<FeatureName, BTreeMap<Version, Published>>;

/// A site wants a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The site.
    pub site: SiteName,
    /// The feature.
    pub feature: FeatureName,
    /// Which versions will do.
    pub requirement: Requirement,
    /// Through what.
    pub through: Through,
    /// Where this is written.
    pub at: Position,
}

/// Through what a site wants a feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Through {
    /// A group it is in.
    Group(GroupName),
    /// Itself.
    Site,
}

/// A site is to stay at one version of a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The site.
    pub site: SiteName,
    /// The feature.
    pub feature: FeatureName,
    /// The version.
    pub version: Version,
    /// Where this is written.
    pub at: Position,
}

/// A version chosen for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The version.
    pub version: Version,
    /// Its identity.
    pub digest: Digest,
    /// Whether a hold chose it.
    pub held: bool,
}

/// What each site gets. Sites that want nothing are not in it.
pub type Choice = BTreeMap<SiteName, BTreeMap<FeatureName, Chosen>>;

/// Why not every site can get what it wants, in words.
pub type Conflict = Problems;

/// What one site asks of one feature, in a form that many sites share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ask<'a> {
    feature: &'a FeatureName,
    held: Option<(&'a Version, &'a Position)>,
    wants: Vec<(&'a str, &'a Through, &'a Position)>,
}

/// Chooses a version of every wanted feature for every site.
///
/// # Errors
/// Everything that cannot be satisfied: which sites, through which group and line, what was
/// published, and what could be changed.
pub fn resolve(wants: &[Want], catalog: &Catalog, holds: &[Hold]) -> Result<Choice, Conflict> {
    let holds: BTreeMap<_, _> =
        holds.iter().map(|hold| ((&hold.site, &hold.feature), hold)).collect();
    let mut by_site: BTreeMap<(&SiteName, &FeatureName), Vec<&Want>> = BTreeMap::new();
    for want in wants {
        by_site.entry((&want.site, &want.feature)).or_default().push(want);
    }
    // Most sites ask the same as others: each question is answered once.
    let mut asks: BTreeMap<Ask<'_>, (Vec<&Want>, BTreeSet<SiteName>)> = BTreeMap::new();
    for ((site, feature), wants) in by_site {
        let mut asked: Vec<_> =
            wants.iter().map(|want| (want.requirement.as_str(), &want.through, &want.at)).collect();
        asked.sort_unstable();
        asked.dedup();
        let held = holds.get(&(site, feature)).map(|hold| (&hold.version, &hold.at));
        let ask = Ask { feature, held, wants: asked };
        asks.entry(ask).or_insert_with(|| (wants, BTreeSet::new())).1.insert(site.clone());
    }
    let mut choice = Choice::new();
    let mut conflict = Conflict::default();
    for (ask, (wants, sites)) in asks {
        match choose(&ask, &wants, &sites, catalog) {
            Ok(chosen) => {
                for site in sites {
                    let versions = choice.entry(site).or_default();
                    versions.insert(ask.feature.clone(), chosen.clone());
                }
            }
            Err(problem) => conflict.push(problem),
        }
    }
    conflict.or(choice)
}

fn choose(
    ask: &Ask<'_>,
    wants: &[&Want],
    sites: &BTreeSet<SiteName>,
    catalog: &Catalog,
) -> Result<Chosen, Problem> {
    let feature = ask.feature;
    let Some(published) = catalog.get(feature).filter(|versions| !versions.is_empty()) else {
        return Err(unpublished(ask, sites, catalog));
    };
    if let Some((version, at)) = ask.held {
        // A hold is a decision about this very version: yanked or not, it stands.
        let Some(found) = published.get(version) else {
            let message =
                format!("{} held at {feature} {version}, which was never published", are(sites));
            return Err(Problem::at(at, message).hint(available(feature, published)));
        };
        return Ok(Chosen { version: version.clone(), digest: found.digest, held: true });
    }
    let fits = |version: &Version| wants.iter().all(|want| want.requirement.matches(version));
    let newest =
        published.iter().rev().find(|(version, found)| found.yanked.is_none() && fits(version));
    newest
        .map(|(version, found)| Chosen {
            version: version.clone(),
            digest: found.digest,
            held: false,
        })
        .ok_or_else(|| unsatisfied(ask, wants, sites, published))
}

fn unpublished(ask: &Ask<'_>, sites: &BTreeSet<SiteName>, catalog: &Catalog) -> Problem {
    let feature = ask.feature;
    let message = |why: &str| {
        format!("the feature `{feature}` was never published — {} it{why}", verb(sites, "want"))
    };
    let problem = match ask.wants.first() {
        Some((_, through, at)) => Problem::at(at, message(&format!(" {}", said(through, sites)))),
        None => Problem::new(message("")),
    };
    let problem = problem.suggest(feature.as_str(), catalog.keys().map(FeatureName::as_str));
    match problem.hint {
        Some(_) => problem,
        None => problem.hint(format!("publish it: fleetctl feature publish features/{feature}")),
    }
}

fn unsatisfied(
    ask: &Ask<'_>,
    wants: &[&Want],
    sites: &BTreeSet<SiteName>,
    published: &BTreeMap<Version, Published>,
) -> Problem {
    let feature = ask.feature;
    let each: Vec<String> = ask
        .wants
        .iter()
        .map(|(text, through, at)| format!("\n    {text}  {}, {at}", said(through, sites)))
        .collect();
    let subject = verb(sites, "want");
    let message = match each.as_slice() {
        [one] => format!("no published version of {feature} will do: {subject}{one}"),
        all => {
            format!(
                "no published version of {feature} satisfies everybody: {subject}{}",
                all.concat()
            )
        }
    };
    // The site's own word is the easiest to change, else the last group's.
    let place = ask.wants.iter().max_by_key(|(_, through, _)| (*through).clone());
    let problem = match place {
        Some((_, _, at)) => Problem::at(at, message),
        None => Problem::new(message),
    };
    let fits = |version: &Version| wants.iter().all(|want| want.requirement.matches(version));
    let yanked = published.iter().rev().find(|(version, _)| fits(version));
    if let Some((version, Published { yanked: Some(why), .. })) = yanked {
        let hint = format!("{version} would do, and was yanked: {why}. Publish a newer one");
        return problem.hint(format!("{hint}; {}", available(feature, published)));
    }
    let alone = |want: &Want| {
        published
            .iter()
            .any(|(version, found)| found.yanked.is_none() && want.requirement.matches(version))
    };
    let hopeless: BTreeSet<&str> =
        wants.iter().filter(|want| !alone(want)).map(|want| want.requirement.as_str()).collect();
    let site = sites.first().map(SiteName::as_str).unwrap_or_default();
    let advice = if hopeless.is_empty() {
        format!(
            "each alone could be satisfied: change one, or opt out with `features: {{ {feature}: false }}` at {site}"
        )
    } else {
        let all: Vec<&str> = hopeless.into_iter().collect();
        format!("nothing published satisfies {}", all.join(", or "))
    };
    problem.hint(format!("{advice}; {}", available(feature, published)))
}

/// "published are 1.0.0, 2.1.0 (yanked) and 2.2.0": the newest few.
fn available(feature: &FeatureName, published: &BTreeMap<Version, Published>) -> String {
    const SHOWN: usize = 8;
    let newest = published.iter().rev().take(SHOWN).map(|(version, found)| match found.yanked {
        Some(_) => format!("{version} (yanked)"),
        None if !version.pre.is_empty() => format!("{version} (a pre-release: ask for it by name)"),
        None => version.to_string(),
    });
    let mut newest: Vec<String> = newest.collect();
    newest.reverse();
    let older = if published.len() > SHOWN { "…, " } else { "" };
    format!("published of {feature}: {older}{}", newest.join(", "))
}

fn said(through: &Through, sites: &BTreeSet<SiteName>) -> String {
    match through {
        Through::Group(group) => format!("through group {group}"),
        Through::Site if sites.len() == 1 => "said by the site itself".to_owned(),
        Through::Site => "said by each site itself".to_owned(),
    }
}

fn verb(sites: &BTreeSet<SiteName>, verb: &str) -> String {
    let ending = if sites.len() == 1 { "s" } else { "" };
    format!("{} {verb}{ending}", named(sites))
}

fn are(sites: &BTreeSet<SiteName>) -> String {
    let are = if sites.len() == 1 { "is" } else { "are" };
    format!("{} {are}", named(sites))
}

#[cfg(test)]
mod tests;
