//! Why a set cannot get what it asks for, in words for somebody who never saw this program.
//!
//! The solver's proof is a tree; its leaves are the facts that cannot all hold. They are told
//! in the words of those who wrote them (`^2.1`, group, file and line), never in the solver's.

mod conflict;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use pubgrub::{DerivationTree, External};
use semver::Version;

use super::{
    ask::Through,
    solve::{Case, Package, Unfit},
    span::{Place, Span},
    world::{Listed, Number},
};
use crate::{
    feature::Published,
    model::{FeatureName, Position, Problem, Requirement, SiteName, listed},
};

/// Columns for the names of sites in a message.
const NAMES: usize = 60;

/// What is wrong with a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The feature was never published.
    Unpublished(FeatureName),
    /// It is held at a version that was never published.
    HeldAtNothing(FeatureName),
    /// No version is all that is asked of it directly.
    Unsatisfied(Number),
    /// These facts cannot all hold.
    Conflict(Vec<Fact>),
    /// It could not be worked out.
    TooHard,
}

/// A leaf of the solver's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// The set asks for this feature.
    Wants(Number),
    /// These versions require versions of that feature; with `Span` empty, none that is there.
    Needs(Number, Span, Number),
    /// These versions do not go with some of that feature.
    Shuns(Number, Span, Number),
    /// None of these may be chosen, or there are none.
    Nothing(Number, Span),
}

/// Collects the leaves of a proof, in the order of its reasoning, each once.
pub(super) fn facts(tree: &DerivationTree<Package, Span, String>, found: &mut Vec<Fact>) {
    let external = match tree {
        DerivationTree::Derived(derived) => {
            facts(&derived.cause1, found);
            facts(&derived.cause2, found);
            return;
        }
        DerivationTree::External(external) => external,
    };
    let fact = match external {
        External::FromDependencyOf(Package::Root, _, Package::Feature(to), _) => Fact::Wants(*to),
        External::FromDependencyOf(Package::Feature(from), span, Package::Feature(to), _) => {
            Fact::Needs(*from, span.clone(), *to)
        }
        External::FromDependencyOf(Package::Feature(from), span, Package::Shadow(to), _)
            if from != to =>
        {
            Fact::Shuns(*from, span.clone(), *to)
        }
        External::NoVersions(Package::Feature(number), span) => {
            Fact::Nothing(*number, span.clone())
        }
        _ => return,
    };
    if !found.contains(&fact) {
        found.push(fact);
    }
}

/// Lines of two columns.
fn columns(rows: impl IntoIterator<Item = (String, String)>) -> String {
    let rows: Vec<(String, String)> = rows.into_iter().collect();
    let widest = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (left, right) in &rows {
        let _ = write!(text, "\n    {left:widest$}  {right}");
    }
    text
}

/// The problem, told to `sites`; it speaks of nobody by name where that is empty.
pub(super) fn problem(case: &Case<'_>, trouble: &Trouble, sites: &BTreeSet<SiteName>) -> Problem {
    let telling = Telling { case, who: Who::new(sites), tried: None };
    match trouble {
        Trouble::Unpublished(feature) => telling.unpublished(feature),
        Trouble::HeldAtNothing(feature) => telling.held_at_nothing(feature),
        Trouble::Unsatisfied(number) => telling.unsatisfied(*number),
        Trouble::Conflict(facts) => telling.conflict(facts),
        Trouble::TooHard => {
            let who = &telling.who.names;
            Problem::new(format!("what {who} ask for could not be worked out in reasonable time"))
                .hint("narrow down the requirements between their features")
        }
    }
}

/// What makes it impossible that a set has the version of `feature` that is being tried.
pub(super) fn facts_about(
    case: &Case<'_>,
    trouble: &Trouble,
    feature: &FeatureName,
) -> Vec<String> {
    let Trouble::Conflict(facts) = trouble else { return Vec::new() };
    let tried = case.world.number(feature);
    Telling { case, who: Who::new(&BTreeSet::new()), tried }.in_brief(facts)
}

/// The sites of a message.
struct Who {
    names: String,
    is_one: bool,
    first: String,
}

impl Who {
    fn new(sites: &BTreeSet<SiteName>) -> Self {
        let mut names = listed(sites, NAMES);
        if let Some(rest) = names.strip_suffix(')').filter(|_| names.contains(" (")) {
            names = format!("{rest} sites)");
        }
        if let (2, Some(one), Some(other)) = (sites.len(), sites.first(), sites.last()) {
            names = format!("{one} and {other}");
        }
        let first = sites.first().map(ToString::to_string).unwrap_or_default();
        Self { names, is_one: sites.len() == 1, first }
    }

    fn verb(&self, verb: &str) -> String {
        format!("{} {verb}{}", self.names, if self.is_one { "s" } else { "" })
    }

    /// What to write, and where, to have a feature no more.
    fn opt_out(&self, feature: &str) -> String {
        let whose = if self.is_one {
            format!("at {}", self.first)
        } else {
            "at each of these sites, or in a group of theirs".to_owned()
        };
        format!("`features: {{ {feature}: false }}` {whose}")
    }

    const fn are(&self) -> &'static str {
        if self.is_one { "is" } else { "are" }
    }

    fn through(&self, through: &Through) -> String {
        match through {
            Through::Group(group) => format!("through group {group}"),
            Through::Site if self.is_one => "said by the site itself".to_owned(),
            Through::Site => "said by each site itself".to_owned(),
        }
    }
}

struct Telling<'t, 'c> {
    case: &'t Case<'c>,
    who: Who,
    /// The feature of which one version is being tried: it is no wonder that no other will do.
    tried: Option<Number>,
}

impl Telling<'_, '_> {
    fn listed(&self, number: Number) -> Option<&Listed<'_>> {
        self.case.world.feature(number)
    }

    fn name(&self, number: Number) -> &str {
        self.listed(number).map_or("?", |feature| feature.name.as_str())
    }

    /// Where a feature is asked for: the site's own word, as the easiest to change, else the
    /// last group's.
    fn place(&self, feature: &FeatureName) -> Option<&Position> {
        let all = self.case.asked.asked.get(feature)?.values().flatten();
        all.max_by_key(|(through, at)| (*through, *at)).map(|(_, at)| at)
    }

    /// Who requires what of a feature: "^2.1", and "through group forms" with the place.
    fn asked(&self, feature: &FeatureName) -> Vec<(String, String)> {
        let all = self.case.asked.asked.get(feature).into_iter().flatten();
        let each = all.flat_map(|(requirement, askers)| {
            askers.iter().map(move |(through, at)| {
                (requirement.to_string(), format!("{}, {at}", self.who.through(through)))
            })
        });
        each.collect()
    }

    fn unpublished(&self, feature: &FeatureName) -> Problem {
        let askers = self.case.asked.asked.get(feature).into_iter().flat_map(BTreeMap::values);
        let through = askers.flat_map(BTreeMap::keys).next();
        let through = through.map(|through| self.who.through(through)).unwrap_or_default();
        let message = format!(
            "the feature `{feature}` was never published — {} it {through}",
            self.who.verb("want")
        );
        let problem = match self.place(feature) {
            Some(at) => Problem::at(at, message),
            None => Problem::new(message),
        };
        let known = self.case.world.published().map(FeatureName::as_str);
        let problem = problem.suggest(feature.as_str(), known);
        match problem.hint {
            Some(_) => problem,
            None => {
                problem.hint(format!("publish it: fleetctl feature publish features/{feature}"))
            }
        }
    }

    fn held_at_nothing(&self, feature: &FeatureName) -> Problem {
        let version = self.case.asked.set.holds.get(feature).map(ToString::to_string);
        let message = format!(
            "{} {} held at {feature} {}, which was never published",
            self.who.names,
            self.who.are(),
            version.unwrap_or_default()
        );
        let problem = match self.case.asked.holds.get(feature) {
            Some((at, _)) => Problem::at(at, message),
            None => Problem::new(message),
        };
        let number = self.case.world.number(feature);
        problem.hint(number.map(|number| self.available(number)).unwrap_or_default())
    }

    fn unsatisfied(&self, number: Number) -> Problem {
        let Some(feature) = self.listed(number) else { return Problem::new("") };
        let name = feature.name;
        let asked = self.asked(name);
        let wants = self.who.verb("want");
        let now = self.case.now(number);
        let is_one = asked.len() == 1 && now.is_none();
        let by_hand = now.map(|now| (now.to_string(), format!("by `lock --update {name}@{now}`")));
        let mut lines = columns(asked.into_iter().chain(by_hand));
        if let Some(held) = self.held(number) {
            let _ = write!(lines, "\n    {held}");
        }
        let message = if is_one {
            format!("no published version of {name} will do: {wants}{lines}")
        } else {
            format!("no published version of {name} satisfies everybody: {wants}{lines}")
        };
        let problem = match self.place(name) {
            Some(at) if now.is_none() => Problem::at(at, message),
            _ => Problem::new(message),
        };
        problem.hint(format!("{}; {}", self.advice(number, feature), self.available(number)))
    }

    /// What to do about an update to versions that will not do.
    fn not_now(&self, feature: &Listed<'_>, number: Number, now: &Requirement) -> String {
        let places: Vec<Place> = feature.newest_in(&feature.matching(now)).collect();
        if !places.is_empty() && places.iter().all(|place| self.case.fit(number, *place).is_err()) {
            let why = self.unfit(number, feature, places).join("; ");
            return format!("{why}: update to another version");
        }
        "change what is asked for, or update to a version that it allows".to_owned()
    }

    /// What to do about a feature of which nothing will do.
    fn advice(&self, number: Number, feature: &Listed<'_>) -> String {
        let name = feature.name;
        let requirements = self.case.asked.set.wants.get(name);
        let all = || requirements.into_iter().flatten();
        // What everybody would take, if only it could be chosen.
        let agreed = if self.case.is_held(number) {
            // Then the hold decides, and nothing that is asked.
            Span::of(self.case.asked.held(name).and_then(|held| feature.place(held)))
        } else {
            self.case.wanted(number, feature)
        };
        if let Some(now) = self.case.now(number) {
            return self.not_now(feature, number, now);
        }
        for place in feature.newest_in(&agreed) {
            let Some((version, _)) = feature.at(place) else { continue };
            match self.case.fit(number, place) {
                Err(Unfit::Yanked(why)) => {
                    return format!(
                        "{version} would do, and was yanked: {why}. Publish a newer one"
                    );
                }
                Err(Unfit::Platform(platforms)) => {
                    let platforms: Vec<_> = platforms.iter().map(|known| known.as_str()).collect();
                    let own = self.case.asked.set.platform.map_or("", |own| own.as_str());
                    let also = if self.case.is_held(number) { "lift the hold, " } else { "" };
                    return format!(
                        "{version} would do, and is for {} alone, while {} {} {own}. Publish one for {own}, {also}or opt out: {}",
                        platforms.join(" and "),
                        if self.who.is_one { "this site" } else { "these sites" },
                        self.who.are(),
                        self.who.opt_out(name.as_str()),
                    );
                }
                _ => {}
            }
        }
        let hopeless =
            all().filter(|asked| feature.newest_in(&feature.matching(asked)).next().is_none());
        let hopeless: Vec<&str> = hopeless.map(Requirement::as_str).collect();
        if !hopeless.is_empty() {
            return format!("nothing published satisfies {}", hopeless.join(", "));
        }
        // What is there, and would do for one of them, and still cannot be had.
        for asked in all() {
            let found: Vec<Place> = feature.newest_in(&feature.matching(asked)).collect();
            if found.iter().all(|place| self.case.fit(number, *place).is_err()) {
                let why = self.unfit(number, feature, found).join("; ");
                return format!("what satisfies {asked} cannot be chosen: {why}");
            }
        }
        let ways = all().filter_map(|left| {
            let others = all().filter(|asked| *asked != left).cloned().collect();
            let span = self.case.agreed(number, feature, &others);
            let mut places = feature.newest_in(&span);
            let place = places.find(|place| self.case.fit(number, *place).is_ok())?;
            Some(format!("without {left}, {} would do", feature.at(place)?.0))
        });
        let mut ways: Vec<String> = ways.collect();
        if ways.is_empty() {
            ways.push("each alone could be satisfied".to_owned());
        }
        format!("{}: change one, or opt out: {}", ways.join("; "), self.who.opt_out(name.as_str()))
    }

    /// "2.1.4 and 2.2.0"; many as "1.0.0 to 2.9.0 (14 versions)".
    #[expect(clippy::unused_self, reason = "all that tells is here")]
    fn versions(&self, feature: &Listed<'_>, places: &[Place]) -> String {
        const MOST: usize = 4;
        let texts: Vec<String> = places
            .iter()
            .filter_map(|place| feature.at(*place))
            .map(|(version, _)| version.to_string())
            .collect();
        match texts.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [first, .., last] if texts.len() > MOST => {
                format!("{first} to {last}, {} versions", texts.len())
            }
            [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        }
    }

    /// "published of popup: 1.0.0, 2.1.0 (yanked)": the newest few.
    fn available(&self, number: Number) -> String {
        const SHOWN: usize = 8;
        let Some(feature) = self.listed(number) else { return String::new() };
        let name = feature.name;
        if feature.versions.is_empty() {
            return format!("no version of {name} was ever published");
        }
        let is_named = |version: &Version| {
            let mut wants = self.case.asked.set.wants.get(name).into_iter().flatten();
            !version.pre.is_empty() && wants.any(|asked| asked.matches(version))
        };
        let show = |(version, published): &(&Version, &Published)| match published.yanked {
            Some(_) => format!("{version} (yanked)"),
            None if is_named(version) => format!("{version} (a pre-release)"),
            None if !version.pre.is_empty() => {
                format!("{version} (a pre-release: ask for it by name)")
            }
            None => version.to_string(),
        };
        let mut newest: Vec<String> = feature.versions.iter().rev().take(SHOWN).map(show).collect();
        newest.reverse();
        let older = if feature.versions.len() > SHOWN { "…, " } else { "" };
        format!("published of {name}: {older}{}", newest.join(", "))
    }
}
