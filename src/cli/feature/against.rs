//! What stands against a version, in words.

use semver::Version;

use super::Prospect;
use crate::{
    feature::{Against, Solved},
    inventory::Hold,
    model::FeatureName,
};

/// A version that was not chosen, and for whom.
pub struct Doubt<'a> {
    /// What locks would bring.
    pub prospect: &'a Prospect<'a>,
    /// The sites, and what they have.
    pub solved: &'a Solved,
    /// The feature.
    pub feature: &'a FeatureName,
    /// The version.
    pub version: &'a Version,
}

impl Doubt<'_> {
    /// Why these sites do not have it, and what could be done.
    pub fn said(&self, against: &Against) -> String {
        match against {
            Against::Yanked(why) => format!("yanked: {why}"),
            Against::Platforms(platforms) => {
                let platforms: Vec<&str> = platforms.iter().map(|known| known.as_str()).collect();
                let own = self.solved.asked.set.platform.map_or("none", |own| own.as_str());
                let platforms = platforms.join(" and ");
                format!("it is for {platforms} alone, and the site is {own}")
            }
            Against::Asked { requirement, through, at } => {
                format!("{through} wants {requirement}, {at}")
            }
            Against::PreRelease => "a pre-release: nobody asks for it by name".to_owned(),
            Against::Impossible(facts) if facts.is_empty() => {
                format!("it does not go with the others; to see why: {}", self.check())
            }
            Against::Impossible(facts) => facts.join("; "),
            Against::Possible(others) => self.possible(others),
        }
    }

    fn check(&self) -> String {
        let words = format!("lock --check --update {}@{}", self.feature, self.version);
        self.prospect.fleet.command(&words)
    }

    fn possible(&self, others: &[(FeatureName, Option<Version>)]) -> String {
        let Self { prospect, solved, feature, version } = self;
        let lock = prospect.fleet.lock_name();
        let Some(update) = prospect.command(solved, feature, version) else {
            return format!("{lock}; other sites are in the way of moving it: {}", self.check());
        };
        let moves: Vec<String> = others
            .iter()
            .map(|(name, to)| {
                let from = self.solved.gets.get(name).map(|chosen| &chosen.version);
                match (from, to) {
                    (Some(from), Some(to)) if to < from => {
                        format!("{name} {from} → {to}, which is older")
                    }
                    (Some(from), Some(to)) => format!("{name} {from} → {to}"),
                    (None, Some(to)) => format!("+ {name} {to}"),
                    (_, None) => format!("- {name}"),
                }
            })
            .collect();
        let moves = moves.join(", ");
        match (prospect.fleet.lock.is_some(), moves.is_empty()) {
            (true, true) => format!("{lock}; to move it: {update}"),
            (true, false) => format!("{lock}; to move it: {update} (with it: {moves})"),
            (false, true) => format!("to have it: {update}"),
            (false, false) => {
                format!("others were chosen first; to have it: {update} (with it: {moves})")
            }
        }
    }
}

/// "the hold until 2027-01-31 (theme clash), inventory/sites.yml:7:3".
pub fn hold_said(hold: &Hold) -> String {
    let terms = hold.terms().map(|terms| format!(" {terms}")).unwrap_or_default();
    format!("the hold{terms}, {}", hold.from.at)
}
