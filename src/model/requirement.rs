//! Which versions of a feature will do.

use std::{fmt, str::FromStr};

use semver::{Version, VersionReq};
use thiserror::Error;

use super::FeatureName;

/// A requirement as written: `^2.1`, `~2.1`, `>=2, <3`, `2.1.4` or `*` (`SemVer` 2.0.0).
///
/// A whole version alone means exactly that one. A part of a version alone (`2.1`) is read
/// differently by every tool that has requirements, and is therefore refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement {
    text: String,
    parsed: VersionReq,
}

/// The text is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequirementError {
    /// It is a part of a version.
    #[error(
        "`{0}` could mean several things: write `^{0}` (this or newer, compatible), `~{0}` (patches only) or a whole version"
    )]
    Part(String),
    /// It is something else.
    #[error("`{0}` is no version requirement such as `^2.1`, `~2.1`, `>=2, <3`, `2.1.4` or `*`")]
    Other(String),
}

impl Requirement {
    /// Any version: `*`.
    #[must_use]
    pub fn any() -> Self {
        Self { text: "*".to_owned(), parsed: VersionReq::STAR }
    }

    /// In a sentence: "^2.1", or "any version".
    #[must_use]
    pub fn said(&self) -> &str {
        if self.text == "*" { "any version" } else { &self.text }
    }

    /// With the feature that it is about: "popup ^2", or "popup" alone where any version is meant.
    #[must_use]
    pub fn said_of(&self, feature: &FeatureName) -> String {
        if self.text == "*" { feature.to_string() } else { format!("{feature} {}", self.text) }
    }

    /// Exactly `version`.
    #[must_use]
    pub fn exactly(version: &Version) -> Self {
        let comparator = semver::Comparator {
            op: semver::Op::Exact,
            major: version.major,
            minor: Some(version.minor),
            patch: Some(version.patch),
            pre: version.pre.clone(),
        };
        let parsed = VersionReq { comparators: vec![comparator] };
        Self { text: version.to_string(), parsed }
    }

    /// Whether `version` will do. A pre-release does only where one of the same
    /// major.minor.patch is asked for.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        self.parsed.matches(version)
    }

    /// Whether `version` lies within what is asked for, if pre-releases were versions like all
    /// others: `^2.1` then covers 2.2.0-rc.1, and neither 2.1.0-rc.1 nor 3.0.0-rc.1. For those
    /// who share a site with somebody who asks for a pre-release by name.
    #[must_use]
    pub fn covers(&self, version: &Version) -> bool {
        if version.pre.is_empty() || self.matches(version) {
            return self.matches(version);
        }
        let finished = Version::new(version.major, version.minor, version.patch);
        let begins_there = |comparator: &semver::Comparator| {
            let (minor, patch) = (comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
            let triple = (comparator.major, minor, patch);
            triple == (finished.major, finished.minor, finished.patch)
                && !matches!(comparator.op, semver::Op::Less | semver::Op::LessEq)
        };
        self.matches(&finished) && !self.parsed.comparators.iter().any(begins_there)
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Ord for Requirement {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl PartialOrd for Requirement {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        let other = || RequirementError::Other(text.chars().take(60).collect());
        let text = text.trim();
        if let Ok(version) = text.parse::<Version>() {
            return if version.build.is_empty() {
                Ok(Self::exactly(&version))
            } else {
                Err(other())
            };
        }
        let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
        let parsed: VersionReq = text.parse().map_err(|_| other())?;
        if digits {
            return Err(RequirementError::Part(text.to_owned()));
        }
        if text != "*" && parsed.comparators.is_empty() {
            return Err(other());
        }
        Ok(Self { text: text.to_owned(), parsed })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(requirement: &str) -> Vec<&'static str> {
        let requirement: Requirement = requirement.parse().expect("a requirement");
        ["1.9.0", "2.0.0", "2.1.0", "2.1.4", "2.2.0-rc.1", "2.2.0", "3.0.0"]
            .into_iter()
            .filter(|version| requirement.matches(&version.parse().expect("a version")))
            .collect()
    }

    #[test]
    fn each_form_allows_what_it_says() {
        assert_eq!(allowed("^2.1"), ["2.1.0", "2.1.4", "2.2.0"]);
        assert_eq!(allowed("~2.1"), ["2.1.0", "2.1.4"]);
        assert_eq!(allowed(">=2, <3"), ["2.0.0", "2.1.0", "2.1.4", "2.2.0"]);
        assert_eq!(allowed(">=2,<2.2"), ["2.0.0", "2.1.0", "2.1.4"]);
        assert_eq!(allowed("2.1.4"), ["2.1.4"]);
        assert_eq!(allowed("2.2.0-rc.1"), ["2.2.0-rc.1"]);
        assert_eq!(allowed("^2.2.0-rc.1"), ["2.2.0-rc.1", "2.2.0"]);
        assert_eq!(allowed("*"), ["1.9.0", "2.0.0", "2.1.0", "2.1.4", "2.2.0", "3.0.0"]);
    }

    #[test]
    fn a_pre_release_is_covered_where_it_lies_between_the_ends() {
        let covered = |requirement: &str| -> Vec<&str> {
            let requirement: Requirement = requirement.parse().expect("a requirement");
            ["2.1.0-rc.1", "2.2.0-rc.1", "2.2.0", "3.0.0-rc.1"]
                .into_iter()
                .filter(|version| requirement.covers(&version.parse().expect("a version")))
                .collect()
        };
        assert_eq!(covered("^2.1"), ["2.2.0-rc.1", "2.2.0"]);
        assert_eq!(covered("~2.1"), [""; 0]);
        assert_eq!(covered(">=2, <3"), ["2.1.0-rc.1", "2.2.0-rc.1", "2.2.0"]);
        assert_eq!(covered("2.2.0"), ["2.2.0"]);
        assert_eq!(covered("2.2.0-rc.1"), ["2.2.0-rc.1"]);
        assert_eq!(covered("*"), ["2.1.0-rc.1", "2.2.0-rc.1", "2.2.0", "3.0.0-rc.1"]);
    }

    #[test]
    fn what_is_unclear_or_no_requirement_is_refused() {
        let part = "2.1".parse::<Requirement>().expect_err("a part").to_string();
        assert!(part.contains("`^2.1`") && part.contains("`~2.1`"), "{part}");
        for bad in [
            "",
            " ",
            "2",
            "latest",
            "^",
            "2.1.4.5",
            ">=2 <3",
            "2.1.4+build",
            "^2.x.1",
            ",",
            "v2.1.4",
        ] {
            assert!(bad.parse::<Requirement>().is_err(), "{bad:?}");
        }
    }
}
