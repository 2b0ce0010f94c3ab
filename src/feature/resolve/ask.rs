//! What sites ask for. Sites that ask for the same are one set, and get one answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use jiff::civil::Date;
use semver::Version;

use crate::model::{FeatureName, GroupName, Platform, Position, Requirement, SiteName};

/// Everything that a site asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The site.
    pub site: SiteName,
    /// What it is built with.
    pub platform: Option<Platform>,
    /// What it wants, through its groups and itself.
    pub wants: Vec<Want>,
    /// What it must not get, whoever needs it.
    pub opt_outs: Vec<OptOut>,
    /// What stays at one version; at most one for a feature.
    pub holds: Vec<Hold>,
}

/// A feature that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The feature.
    pub feature: FeatureName,
    /// Which versions will do.
    pub requirement: Requirement,
    /// Through what.
    pub through: Through,
    /// Where this is written.
    pub at: Position,
}

/// A feature that must not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// The feature.
    pub feature: FeatureName,
    /// Where this is written.
    pub at: Position,
}

/// A feature that stays at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The feature.
    pub feature: FeatureName,
    /// The version, and its last day.
    pub held: Held,
    /// Whether its time is over, so that it holds nothing any more.
    pub is_over: bool,
    /// Where this is written.
    pub at: Position,
}

/// Where a feature stays, and how long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The version.
    pub version: Version,
    /// The last day of it; no end where `None`.
    pub until: Option<Date>,
}

/// "2.1.4 until 2027-01-31"; read again by [`FromStr`].
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.version)?;
        self.until.map_or(Ok(()), |day| write!(f, " until {day}"))
    }
}

impl FromStr for Held {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (version, day) =
            text.split_once(" until ").map_or((text, None), |(version, day)| (version, Some(day)));
        let version = version.parse().map_err(|why| format!("`{version}` is no version: {why}"))?;
        let until = day.map(|day| day.parse().map_err(|why| format!("`{day}` is no day: {why}")));
        Ok(Self { version, until: until.transpose()? })
    }
}

/// Through what a site wants a feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Through {
    /// A group it is in.
    Group(GroupName),
    /// Itself.
    Site,
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "group {group}"),
            Self::Site => f.write_str("the site itself"),
        }
    }
}

/// What tells one solution from another: everything that is asked, and nothing about who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequirementSet {
    /// What is wanted, and all that is required of it.
    pub wants: BTreeMap<FeatureName, BTreeSet<Requirement>>,
    /// What must not be there.
    pub without: BTreeSet<FeatureName>,
    /// What stays at one version. The day is a part of it: of sites that hold the same until
    /// other days one may move before the other.
    pub holds: BTreeMap<FeatureName, Held>,
    /// What the sites are built with.
    pub platform: Option<Platform>,
}

/// Which groups ask what of each feature, and where that is written.
pub type Asked = BTreeMap<FeatureName, BTreeMap<Requirement, BTreeMap<Through, Position>>>;

/// The sites that ask for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedSet {
    /// What they ask for.
    pub set: RequirementSet,
    /// The sites.
    pub sites: BTreeSet<SiteName>,
    /// All sites of the fleet that ask for this, where it was asked about some of them: what
    /// they get does not depend on who is asked about.
    pub peers: BTreeSet<SiteName>,
    /// Through which groups.
    pub asked: Asked,
    /// Where opt-outs are written.
    pub opt_outs: BTreeMap<FeatureName, Position>,
    /// Where holds are written, and whether their time is over.
    pub holds: BTreeMap<FeatureName, (Position, bool)>,
    /// Until when and why a feature is held, in words: "until 2027-01-31 (their own form)". Said
    /// in messages, and otherwise of no account; empty until the caller knows.
    pub terms: BTreeMap<FeatureName, String>,
}

impl AskedSet {
    /// The version at which a feature is held, unless the hold's time is over.
    #[must_use]
    pub fn held(&self, feature: &FeatureName) -> Option<&Version> {
        let is_over = self.holds.get(feature).is_some_and(|(_, is_over)| *is_over);
        self.set.holds.get(feature).filter(|_| !is_over).map(|held| &held.version)
    }
}

/// Joins sites that ask for the same. Sites that want nothing are in no set. The result does not
/// depend on the order of what comes in.
#[must_use]
pub fn requirement_sets(asks: &[Ask]) -> Vec<AskedSet> {
    let mut sets: BTreeMap<RequirementSet, AskedSet> = BTreeMap::new();
    for ask in asks.iter().filter(|ask| !ask.wants.is_empty()) {
        let mut set = RequirementSet { platform: ask.platform, ..RequirementSet::default() };
        for want in &ask.wants {
            let requirements = set.wants.entry(want.feature.clone()).or_default();
            requirements.insert(want.requirement.clone());
        }
        set.without.extend(ask.opt_outs.iter().map(|out| out.feature.clone()));
        set.holds.extend(ask.holds.iter().map(|hold| (hold.feature.clone(), hold.held.clone())));
        let known = sets.entry(set).or_insert_with_key(|set| AskedSet {
            set: set.clone(),
            sites: BTreeSet::new(),
            peers: BTreeSet::new(),
            asked: Asked::new(),
            opt_outs: BTreeMap::new(),
            holds: BTreeMap::new(),
            terms: BTreeMap::new(),
        });
        known.join(ask);
    }
    sets.into_values().collect()
}

impl AskedSet {
    fn join(&mut self, ask: &Ask) {
        self.sites.insert(ask.site.clone());
        self.peers.insert(ask.site.clone());
        let first = |known: &mut Position, at: &Position| {
            if at < known {
                known.clone_from(at);
            }
        };
        for want in &ask.wants {
            let all = self.asked.entry(want.feature.clone()).or_default();
            let all = all.entry(want.requirement.clone()).or_default();
            let known = all.entry(want.through.clone()).or_insert_with(|| want.at.clone());
            first(known, &want.at);
        }
        for out in &ask.opt_outs {
            let known = self.opt_outs.entry(out.feature.clone()).or_insert_with(|| out.at.clone());
            first(known, &out.at);
        }
        for hold in &ask.holds {
            let fresh = || (hold.at.clone(), true);
            let known = self.holds.entry(hold.feature.clone()).or_insert_with(fresh);
            first(&mut known.0, &hold.at);
            // One that still holds is enough.
            known.1 &= hold.is_over;
        }
    }
}
