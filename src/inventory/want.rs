//! What a group or a site says about features: requirements, opt-outs, holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use jiff::civil::Date;
use semver::Version;

use super::LayerName;
use crate::model::{
    FeatureName, Position, Problem, Problems, Requirement, did_you_mean,
    yaml::{Key, Node, Yaml},
};

/// Who said it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The group or the site.
    pub who: LayerName,
    /// The place in the file.
    pub at: Position,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.who, self.at)
    }
}

/// A feature that sites must have, in a version that satisfies a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The feature.
    pub feature: FeatureName,
    /// The versions that will do.
    pub requirement: Requirement,
    /// Who wants it.
    pub from: Origin,
}

/// A feature that sites must not get from their groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// The feature.
    pub feature: FeatureName,
    /// Who opted out.
    pub from: Origin,
}

/// A feature that stays at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The feature.
    pub feature: FeatureName,
    /// The version.
    pub version: Version,
    /// The last day on which the hold is meant; judged by `lock`, only warned of elsewhere.
    pub until: Option<Date>,
    /// Why, in the user's words.
    pub reason: Option<String>,
    /// Who holds it.
    pub from: Origin,
}

impl Hold {
    /// Its last day, if that is before `today`: then `lock` pays no attention to it.
    #[must_use]
    pub fn ended(&self, today: Date) -> Option<Date> {
        self.until.filter(|until| *until < today)
    }

    /// Until when and why: "until 2027-01-31 (theme clash)"; `None` where neither is said.
    #[must_use]
    pub fn terms(&self) -> Option<String> {
        let until = self.until.map(|until| format!("until {until}"));
        let reason = self.reason.as_ref().map(|why| format!("({why})"));
        let terms: Vec<String> = until.into_iter().chain(reason).collect();
        (!terms.is_empty()).then(|| terms.join(" "))
    }

    /// Its last day, if that is today or within so many days from it.
    #[must_use]
    pub fn ends_within(&self, days: i32, today: Date) -> Option<Date> {
        let last = today.checked_add(jiff::Span::new().days(days)).ok()?;
        self.until.filter(|until| (today..=last).contains(until))
    }
}

/// All that one entry says about features.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    pub wants: Vec<Arc<Want>>,
    pub opt_outs: Vec<Arc<OptOut>>,
    pub holds: Vec<Arc<Hold>>,
    /// What is wanted in words that could not be read: that is told, and nothing that follows.
    pub unread: Vec<FeatureName>,
}

impl Features {
    /// Takes what another part says. What it says of a feature replaces what was said.
    pub fn take(&mut self, more: Self) {
        let said = |feature: &FeatureName| {
            more.wants.iter().any(|want| want.feature == *feature)
                || more.opt_outs.iter().any(|out| out.feature == *feature)
        };
        self.wants.retain(|want| !said(&want.feature));
        self.opt_outs.retain(|out| !said(&out.feature));
        let held = |feature: &FeatureName| more.holds.iter().any(|hold| hold.feature == *feature);
        self.holds.retain(|hold| !held(&hold.feature));
        self.wants.extend(more.wants);
        self.opt_outs.extend(more.opt_outs);
        self.holds.extend(more.holds);
        self.unread.extend(more.unread);
    }

    /// Reads `features: { contact-form: "^2.1", popup: false }`, or a list of names.
    pub fn read_features(&mut self, who: &LayerName, node: &Node, problems: &mut Problems) {
        if let Yaml::List(items) = &node.value {
            for item in items {
                if let Some(feature) = item.parsed(problems) {
                    let from = Origin { who: who.clone(), at: item.at.clone() };
                    self.wants.push(Arc::new(Want {
                        feature,
                        requirement: Requirement::any(),
                        from,
                    }));
                }
            }
            return;
        }
        for (key, node) in node.map(problems).unwrap_or_default() {
            let feature = key.parsed::<FeatureName>(problems);
            let wish = wish(node, problems);
            let (Some(feature), Some(wish)) = (feature.clone(), wish) else {
                self.unread.extend(feature);
                continue;
            };
            let from = Origin { who: who.clone(), at: key.at.clone() };
            match wish {
                Wish::Have(requirement) => {
                    self.wants.push(Arc::new(Want { feature, requirement, from }));
                }
                Wish::OptOut => self.opt_outs.push(Arc::new(OptOut { feature, from })),
            }
        }
    }

    /// Reads `hold: { contact-form: { version: 2.1.4, until: 2027-01-31, reason: … } }`.
    pub fn read_holds(&mut self, who: &LayerName, node: &Node, problems: &mut Problems) {
        for (key, node) in node.map(problems).unwrap_or_default() {
            let feature = key.parsed::<FeatureName>(problems);
            let terms = terms(node, problems);
            let (Some(feature), Some((version, until, reason))) = (feature, terms) else {
                continue;
            };
            let from = Origin { who: who.clone(), at: key.at.clone() };
            self.holds.push(Arc::new(Hold { feature, version, until, reason, from }));
        }
    }
}

enum Wish {
    Have(Requirement),
    OptOut,
}

fn wish(node: &Node, problems: &mut Problems) -> Option<Wish> {
    match &node.value {
        Yaml::Bool(true) => Some(Wish::Have(Requirement::any())),
        Yaml::Bool(false) => Some(Wish::OptOut),
        Yaml::Text(text) => match text.parse() {
            Ok(requirement) => Some(Wish::Have(requirement)),
            Err(why) => {
                problems.push(node.problem(format!("{why}")));
                None
            }
        },
        Yaml::Int(_) | Yaml::Float(_) => {
            let problem = node.expected("a version requirement");
            problems.push(problem.hint("put it in quotes, as in \"^2.1\""));
            None
        }
        Yaml::Null => {
            let problem = node.problem("expected a version requirement, found nothing");
            problems.push(problem.hint("write \"*\" for any version, or false to opt out"));
            None
        }
        _ => {
            problems.push(node.expected("a version requirement such as \"^2.1\", or false"));
            None
        }
    }
}

type Terms = (Version, Option<Date>, Option<String>);

fn terms(node: &Node, problems: &mut Problems) -> Option<Terms> {
    let Yaml::Map(_) = &node.value else {
        return Some((version(node, problems)?, None, None));
    };
    let mut fields = node.fields(problems)?;
    let version = fields.required("version", problems).and_then(|node| version(node, problems));
    let until = fields.optional("until").map(|node| date(node, problems));
    let reason = fields.optional("reason").map(|node| node.text(problems).map(str::to_owned));
    fields.finish("a hold", problems);
    let (until, reason) = (until.map_or(Some(None), |day| day.map(Some))?, reason.flatten());
    Some((version?, until, reason))
}

fn version(node: &Node, problems: &mut Problems) -> Option<Version> {
    if matches!(node.value, Yaml::Int(_) | Yaml::Float(_)) {
        problems.push(node.expected("a whole version").hint("all three numbers, as in 2.1.4"));
        return None;
    }
    let text = node.text(problems)?;
    let read = Version::parse(text).map_err(|why| {
        let problem = node.problem(format!("`{text}` is no version: {why}"));
        problems.push(problem.hint("a hold names one version with all three numbers, as in 2.1.4"));
    });
    read.ok()
}

fn date(node: &Node, problems: &mut Problems) -> Option<Date> {
    let text = node.text(problems)?;
    // jiff's parser also takes times and short forms; a deadline is a day.
    let is_day = text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    let read = text.parse().ok().filter(|_| is_day);
    if read.is_none() {
        let problem = node.problem(format!("`{text}` is no date"));
        problems.push(problem.hint("write year-month-day, as in 2027-01-31"));
    }
    read
}

/// What is said of features in a whole inventory, by name: to find names that are mistyped.
#[derive(Debug, Default)]
pub(super) struct Mentions<'f> {
    /// Where each is wanted.
    wanted: BTreeMap<&'f FeatureName, BTreeSet<&'f Position>>,
    /// Where each is opted out of or held, and which of the two.
    refused: BTreeMap<&'f FeatureName, BTreeMap<&'f Position, &'static str>>,
    /// What somebody wants in words that could not be read.
    unread: BTreeSet<&'f FeatureName>,
}

impl<'f> Mentions<'f> {
    pub fn take(&mut self, features: &'f Features) {
        for want in &features.wants {
            self.wanted.entry(&want.feature).or_default().insert(&want.from.at);
        }
        for out in &features.opt_outs {
            self.refused.entry(&out.feature).or_default().insert(&out.from.at, "opts out of");
        }
        for hold in &features.holds {
            self.refused.entry(&hold.feature).or_default().insert(&hold.from.at, "holds");
        }
        self.unread.extend(&features.unread);
    }

    /// The problems of opting out of, or holding, what nobody in the inventory wants. Which of two
    /// like names is the mistyped one cannot be known from here: both places are told, and the
    /// name that is written at fewer places is taken to be the one.
    ///
    /// Returned are those without a like name: they are right where another feature needs it.
    pub fn unwanted(&self, problems: &mut Problems) -> Vec<(FeatureName, Problem)> {
        let mut unasked = Vec::new();
        for (name, places) in &self.refused {
            if self.wanted.contains_key(name) || self.unread.contains(name) {
                continue;
            }
            match self.near(name) {
                Some((near, wants)) if self.places(near) < places.len() => {
                    let near_at = wants.iter().next();
                    problems.0.extend(near_at.map(|at| mistyped_want(near, at, name, places)));
                }
                near => {
                    let at = near.and_then(|(near, wants)| Some((near, *wants.iter().next()?)));
                    for (place, what) in places {
                        let problem = unwanted(name, place, what, at);
                        match at {
                            Some(_) => problems.push(problem),
                            None => unasked.push(((*name).clone(), problem)),
                        }
                    }
                }
            }
        }
        unasked
    }

    fn near(&self, name: &FeatureName) -> Option<(&'f FeatureName, &BTreeSet<&'f Position>)> {
        let near = did_you_mean(name.as_str(), self.wanted.keys().map(|name| name.as_str()))?;
        let mut wanted = self.wanted.iter();
        wanted.find(|(name, _)| name.as_str() == near).map(|(name, places)| (*name, places))
    }

    /// At how many places a name is written.
    fn places(&self, name: &FeatureName) -> usize {
        let wanted = self.wanted.get(name).map_or(0, BTreeSet::len);
        wanted + self.refused.get(name).map_or(0, BTreeMap::len)
    }
}

const BOTH: &str = "one of the two names may be mistyped: look at both places";

/// The problem of a want, where the like name is written at more places.
fn mistyped_want(
    feature: &FeatureName,
    at: &Position,
    other: &FeatureName,
    places: &BTreeMap<&Position, &str>,
) -> Problem {
    let first = places.iter().next();
    let first = first.map(|(place, what)| format!("{place} {what}")).unwrap_or_default();
    let more = match places.len() {
        2 => " (and one more place)".to_owned(),
        count => format!(" (and {} more places)", count.saturating_sub(1)),
    };
    let message = format!(
        "wants `{feature}`, while {first} `{other}`{more}, which no group and no site wants"
    );
    key(feature, at).problem(message).hint(BOTH)
}

/// The problem of an opt-out or a hold, and the place that wants a like name.
fn unwanted(
    feature: &FeatureName,
    at: &Position,
    what: &str,
    near: Option<(&FeatureName, &Position)>,
) -> Problem {
    let message = format!("{what} `{feature}`, but no group and no site wants that feature");
    match near {
        Some((name, other)) => {
            let message = format!("{message}, while {other} wants `{name}`");
            key(feature, at).problem(message).hint(BOTH)
        }
        None => key(feature, at).problem(message),
    }
}

fn key(feature: &FeatureName, at: &Position) -> Key {
    Key { at: at.clone(), text: feature.to_string(), is_number: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml::parse;

    fn read(text: &str) -> (Features, Problems) {
        let (mut features, mut problems) = (Features::default(), Problems::default());
        let node = parse("f.yml", text).expect("good YAML");
        let mut fields = node.fields(&mut problems).expect("a mapping");
        if let Some(node) = fields.optional("features") {
            features.read_features(&LayerName::Site, node, &mut problems);
        }
        if let Some(node) = fields.optional("hold") {
            features.read_holds(&LayerName::Site, node, &mut problems);
        }
        (features, problems)
    }

    #[test]
    fn requirements_opt_outs_and_holds_are_read() {
        let (features, problems) = read(
            "features: { contact-form: '^2.1', popup: false, chat: true }\n\
             hold: { contact-form: { version: 2.1.4, until: 2027-01-31, reason: clash }, chat: 1.0.0 }\n",
        );
        assert_eq!(problems.0, []);
        assert_eq!(features.wants.len(), 2);
        assert_eq!(features.wants[0].requirement.to_string(), "^2.1");
        assert_eq!(features.wants[1].requirement, Requirement::any());
        assert_eq!(features.opt_outs[0].feature.as_str(), "popup");
        assert_eq!(features.holds[0].until, Some(jiff::civil::date(2027, 1, 31)));
        assert_eq!(features.holds[1].version, Version::new(1, 0, 0));
        let (features, _) = read("features: [contact-form, popup]\n");
        assert_eq!(features.wants.len(), 2);
    }

    #[test]
    fn a_hold_holds_until_its_last_day_is_over() {
        let (features, _) = read("hold: { chat: { version: 1.0.0, until: 2027-01-31 } }\n");
        let hold = &features.holds[0];
        let day = |text: &str| text.parse::<Date>().expect("a day");
        let until = Some(day("2027-01-31"));
        assert_eq!(hold.ended(day("2027-01-31")), None);
        assert_eq!(hold.ended(day("2027-02-01")), until);
        assert_eq!(hold.ends_within(14, day("2027-01-16")), None);
        assert_eq!(hold.ends_within(14, day("2027-01-17")), until);
        assert_eq!(hold.ends_within(14, day("2027-01-31")), until);
        assert_eq!(hold.ends_within(14, day("2027-02-01")), None);
        let (features, _) = read("hold: { chat: 1.0.0 }\n");
        assert_eq!(features.holds[0].ended(day("2999-01-01")), None);
    }

    #[test]
    fn what_is_no_requirement_and_no_hold_is_told() {
        let (_, problems) = read(
            "features:\n  A: '*'\n  b: 2\n  c: 2.1\n  d: ~\n  e: x.y\n  f: [1]\n  g: no\n\
             hold:\n  a: 2.1\n  b: { until: 2027-01-31 }\n  c: { version: 2.1.4, until: 2027-13-01 }\n  \
             d: { version: ^2, untl: 2027-01-01 }\n  e: { version: 1.0.0, until: 2027-01-01T10:00 }\n",
        );
        let text = problems.to_string();
        for expected in [
            "f.yml:2:3: \"A\" must begin with a lower-case letter",
            "f.yml:3:6: expected a version requirement, found the number 2\n  hint: put it in quotes",
            "f.yml:4:6: expected a version requirement, found the number 2.1",
            "f.yml:5:6: expected a version requirement, found nothing",
            "f.yml:6:6: `x.y` is no version requirement",
            "f.yml:7:6: expected a version requirement such as",
            "f.yml:8:6: expected a version requirement such as \"^2.1\", or false, found `no`",
            "f.yml:10:6: expected a whole version",
            "f.yml:11:6: `version` is missing",
            "f.yml:12:31: `2027-13-01` is no date",
            "f.yml:13:17: `^2` is no version",
            "f.yml:13:21: unknown key `untl` in a hold\n  hint: did you mean `until`?",
            "f.yml:14:31: `2027-01-01T10:00` is no date",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }
}
