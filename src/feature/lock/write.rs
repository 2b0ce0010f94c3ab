//! The lock as text: sorted, one fact on a line, so that reviews and merges are of facts.

use std::fmt::{self, Write as _};

use super::{Lock, LockedSet};
use crate::{
    feature::RequirementSet,
    model::{FeatureName, ranges, yaml::is_plain_text},
};

/// What the file says to whoever opens it.
const HEAD: &str = "\
# Which version of each feature every site gets, and because of what: each entry of `sets` is one
# combination of requirements, with the sites that have it. Written by `fleetctl lock`, obeyed by
# `fleetctl deploy`. Commit it. After a merge, run `fleetctl lock` again.
lock: 1
";

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        f.write_str(if self.features.is_empty() { "\nfeatures: {}\n" } else { "\nfeatures:\n" })?;
        for (feature, versions) in &self.features {
            writeln!(f, "  {feature}:")?;
            for (version, digest) in versions {
                writeln!(f, "    {version}: sha256:{digest}")?;
            }
        }
        f.write_str(if self.sets.is_empty() { "\nsets: []\n" } else { "\nsets:\n" })?;
        for (set, locked) in &self.sets {
            write_set(f, set, locked)?;
        }
        Ok(())
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, set: &RequirementSet, locked: &LockedSet) -> fmt::Result {
    f.write_str("  - wants:\n")?;
    for (feature, requirements) in &locked.asked {
        writeln!(f, "      {feature}:")?;
        for (requirement, askers) in requirements {
            let askers = words(askers.iter().map(|through| match through {
                super::Through::Group(group) => group.as_str(),
                super::Through::Site => super::read::ITSELF,
            }));
            writeln!(f, "        \"{requirement}\": {askers}")?;
        }
    }
    if let Some(platform) = set.platform {
        writeln!(f, "    platform: {platform}")?;
    }
    if !set.without.is_empty() {
        writeln!(f, "    without: {}", words(set.without.iter().map(FeatureName::as_str)))?;
    }
    if !set.holds.is_empty() {
        f.write_str("    holds:\n")?;
        for (feature, held) in &set.holds {
            writeln!(f, "      {feature}: {held}")?;
        }
    }
    if !locked.over.is_empty() {
        writeln!(f, "    over: {}", words(locked.over.iter().map(FeatureName::as_str)))?;
    }
    if !locked.needs.is_empty() {
        f.write_str("    needs:\n")?;
        for (feature, requirements) in &locked.needs {
            writeln!(f, "      {feature}:")?;
            for (requirement, askers) in requirements {
                let askers = words(askers.iter().map(FeatureName::as_str));
                writeln!(f, "        \"{requirement}\": {askers}")?;
            }
        }
    }
    f.write_str("    gets:\n")?;
    for (feature, version) in &locked.gets {
        writeln!(f, "      {feature}: {version}")?;
    }
    f.write_str(if locked.sites.is_empty() { "" } else { "    sites:\n" })?;
    for range in ranges(&locked.sites) {
        let quote = if is_plain_text(&range) { "" } else { "\"" };
        writeln!(f, "      - {quote}{range}{quote}")?;
    }
    Ok(())
}

/// `[forms, promo]`; what would not be read back as the same text is quoted.
fn words<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("[");
    for (index, word) in all.enumerate() {
        let gap = if index == 0 { "" } else { ", " };
        let quote = if is_plain_text(word) { "" } else { "\"" };
        // Names hold neither quotes nor backslashes.
        let _ = write!(text, "{gap}{quote}{word}{quote}");
    }
    text + "]"
}
