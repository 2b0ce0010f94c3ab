//! What a rollout is told before it begins, and what it hears while it runs.
//!
//! These are words of the journal: a rollout is rebuilt from its [`Schedule`] and the results
//! that follow it, so they live beside the events and not in the machine that reads them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::model::SiteName;

/// A part of a play's sites: a count, or a percentage of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Share {
    /// So many sites.
    Count(u32),
    /// Hundredths of a percent, 0 to 10000, so that `12.5%` is exact.
    Percent(u32),
}

impl Share {
    /// A whole percentage.
    #[must_use]
    pub const fn percent(whole: u32) -> Self {
        Self::Percent(whole * 100)
    }

    /// The part of `total`, rounded down; 0 is possible.
    #[must_use]
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Percent(hundredths) => {
                let part = total as u128 * u128::from(hundredths) / 10_000;
                usize::try_from(part).unwrap_or(usize::MAX)
            }
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(all) if all % 100 == 0 => write!(f, "{}%", all / 100),
            Self::Percent(all) => {
                let text = format!("{}.{:02}", all / 100, all % 100);
                write!(f, "{}%", text.trim_end_matches('0'))
            }
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is neither a count nor a percentage such as `10%`");
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            if plain { digits.parse::<u32>().map_err(|_| bad()) } else { Err(bad()) }
        };
        let Some(percent) = text.strip_suffix('%') else { return number(text).map(Self::Count) };
        let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
        let part = match part.len() {
            1 => number(part)? * 10,
            2 => number(part)?,
            _ => return Err(bad()),
        };
        let all = number(whole)?.checked_mul(100).and_then(|w| w.checked_add(part));
        match all {
            Some(all) if all <= 10_000 => Ok(Self::Percent(all)),
            _ => Err(format!("{text:?} is more than 100%")),
        }
    }
}

impl TryFrom<String> for Share {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// How many sites are released at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batches {
    /// One batch after the other; the last size repeats. Each is at least one site.
    Sizes(Vec<Share>),
    /// So many at any time, the next one as soon as one is done.
    Window(u32),
}

/// How much may go wrong, over the whole run, before it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Sites that may fail.
    pub failed: Share,
    /// Sites that may be unreachable.
    pub unreachable: Share,
}

/// What is undone when the budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAbort {
    /// Nothing, not even a site that failed.
    Keep,
    /// The sites that failed.
    RollbackFailed,
    /// These, and every other site of the batch.
    RollbackBatch,
    /// Every site that the run has changed.
    RollbackAll,
}

impl OnAbort {
    /// The word in files, journals and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::RollbackFailed => "rollback_failed",
            Self::RollbackBatch => "rollback_batch",
            Self::RollbackAll => "rollback_all",
        }
    }
}

/// A site's place in a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The site.
    pub site: SiteName,
    /// What its host is told apart by. Sites with the same are worked on in turn.
    pub host: String,
    /// Whether it is in the first batch, before all others.
    pub canary: bool,
}

/// Everything a rollout decides by, besides what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Every targeted site, in the order wanted.
    pub sites: Vec<Slot>,
    /// How many at once.
    pub batches: Batches,
    /// When to stop.
    pub budget: Budget,
    /// What to undo then.
    pub on_abort: OnAbort,
    /// Milliseconds between two batches.
    pub pause: u64,
}

/// How staging ended at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Staged {
    /// The lock is ours, and the release is there, verified, not active.
    Ready,
    /// It already is as wanted; nothing was locked.
    Unchanged,
    /// It could not be staged.
    Failed,
    /// No connection.
    Unreachable,
    /// No connection, because of authentication or the host key.
    Denied,
    /// Somebody else holds the host lock.
    Held,
    /// The host has moved since it was read.
    Stale,
    /// Left out on purpose.
    Skipped,
}

/// How the release of a site ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Released {
    /// Active, healthy, and confirmed on the host.
    Confirmed,
    /// It failed before anything was changed.
    FailedUntouched,
    /// It failed after something was changed.
    Failed,
    /// The connection was lost after something may have been changed, and nobody knows.
    Lost,
    /// No connection, before anything was changed.
    Unreachable,
}

/// How the undoing of a site ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// What was there before is back.
    RolledBack,
    /// It is not.
    Failed,
    /// The connection was lost, and nobody knows.
    Lost,
    /// The site belongs to another run by now: nothing was undone, and nothing had to be.
    Overtaken,
}

/// Who asked the run to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// SIGINT, usually Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// The exit code of a run that it stopped: 128 + the signal's number (POSIX shells).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_they_are_written() {
        for text in ["0", "7", "10%", "33%", "12.5%", "0.01%", "100%"] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
        }
        for bad in ["", "%", "-1", "+1", "101%", "1e2", "10 %", "1.234%", ".5%", "99999999999"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_percentage_is_rounded_down_and_exact() {
        let part = |text: &str, total| text.parse::<Share>().unwrap().of(total);
        assert_eq!(part("33%", 3), 0);
        assert_eq!(part("10%", 60), 6);
        assert_eq!(part("29%", 100), 29);
        assert_eq!(part("12.5%", 8), 1);
        assert_eq!(part("100%", 0), 0);
        assert_eq!(part("5", 3), 5);
    }
}
