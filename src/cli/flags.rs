//! Flags that verbs share, so that the same words mean the same everywhere.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use super::screen::Format;
use crate::inventory::Target;

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The project's directory, when it is not the one around you
    #[arg(long, global = true, value_name = "DIR", env = "FLEETCTL_PROJECT", hide_env = true)]
    pub project: Option<PathBuf>,
    /// An inventory in place of the project's: a file, a program or a directory; may be repeated
    #[arg(short, long, global = true, value_name = "PATH")]
    pub inventory: Vec<PathBuf>,
    /// The environment, when it is not the first of fleet.yml
    #[arg(long, global = true, value_name = "NAME", env = "FLEETCTL_ENV", hide_env = true)]
    pub env: Option<String>,
    /// tty, plain, json or github; `tty` on a terminal and `plain` elsewhere without it
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    pub output: Option<Format>,
    /// Only troubles and results
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Every step
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Do not ask before acting
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// No colours (also with `NO_COLOR` set)
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// Which sites a command is about. Words in one flag add up, different flags narrow down.
/// Positional targets and `--limit` are Ansible's patterns.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Targets")]
pub struct TargetFlags {
    /// Sites, groups, patterns: `forms`, `'forms:&eu:!hold'`, `'shop*'`, `'web[0:2]'`
    #[arg(value_name = "PATTERN", help_heading = None)]
    pub patterns: Vec<String>,
    /// Sites in these groups; names and globs, with commas
    #[arg(short, long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// These sites; names and globs, with commas
    #[arg(short, long, value_name = "SITE")]
    pub site: Vec<String>,
    /// Sites that have these features; a deploy then changes these alone
    #[arg(long, value_name = "FEATURE")]
    pub feature: Vec<String>,
    /// Sites with this tag, as `tier=canary`
    #[arg(short, long, visible_alias = "tags", value_name = "KEY=VALUE")]
    pub tag: Vec<String>,
    /// Of the sites meant so far only these: a pattern such as `eu:!hold`, or `@file`
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Vec<String>,
}

impl TargetFlags {
    /// The target.
    #[must_use]
    pub fn target(&self) -> Target {
        Target {
            patterns: self.patterns.clone(),
            groups: self.group.clone(),
            sites: self.site.clone(),
            tags: self.tag.clone(),
            features: self.feature.clone(),
            limit: self.limit.clone(),
        }
    }
}

/// How hosts are worked on.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Hosts")]
pub struct HostFlags {
    /// How many hosts are worked on at once
    #[arg(long, visible_alias = "forks", short_alias = 'f', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallel: Option<u32>,
    /// How long a command on a host may take, as `90s`, `5m`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Use sudo for what needs root
    #[arg(short, long = "become")]
    pub become_root: bool,
}

/// What is to be deployed, and how.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(next_help_heading = "Deploying")]
pub struct DeployFlags {
    /// A variable, as `name=value`, or `@file.yml`; stronger than the inventory's
    #[arg(short, long = "extra-vars", value_name = "NAME=VALUE")]
    pub extra: Vec<String>,
    /// Only show what would be done (the same as `plan`)
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show the changes of files
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Sizes of the batches, as `1,10%,100%`, instead of the play's
    #[arg(long, visible_alias = "serial", value_name = "SIZES", value_delimiter = ',')]
    pub batches: Vec<String>,
    /// Deploy only what is locked, or nothing (the default where `CI` is set)
    #[arg(long, overrides_with = "no_locked")]
    pub locked: bool,
    /// Take what fits where the lock is behind
    #[arg(long, overrides_with = "locked")]
    pub no_locked: bool,
    /// Try a release again that was rolled back before
    #[arg(long)]
    pub retry_rejected: bool,
}

impl DeployFlags {
    /// Whether nothing but what is locked may be deployed.
    #[must_use]
    pub fn only_locked(&self) -> bool {
        let is_ci = || {
            let ci = std::env::var_os("CI").unwrap_or_default();
            !ci.is_empty() && !ci.eq_ignore_ascii_case("false") && ci != "0"
        };
        self.locked || (!self.no_locked && is_ci())
    }
}

/// A length of time such as `500ms`, `90s`, `5m`, `1h`; a number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no length of time such as 90s, 5m or 500ms");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(bad)?;
    let number: u64 = number.parse().map_err(|_| bad())?;
    let millis = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    match millis.ok_or_else(bad)? {
        0 => Err("no time at all lets nothing succeed".to_owned()),
        millis => Ok(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_as_they_are_meant() {
        for (text, millis) in [("500ms", 500), ("90s", 90_000), ("7", 7_000), ("5m", 300_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)));
        }
        for bad in ["", "s", "5 m", "5d", "-1s", "1.5s", "0s", "99999999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
