//! Identical things, once, with the sites they hold for.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Line, Tone, listed};
use crate::model::SiteName;

/// Something and the sites that share it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared<T> {
    /// What they share.
    pub what: T,
    /// The sites.
    pub sites: Vec<SiteName>,
}

/// Groups equal things: the one of most sites first, then by first site.
pub fn collapse<T: Ord>(items: impl IntoIterator<Item = (SiteName, T)>) -> Vec<Shared<T>> {
    let mut groups: BTreeMap<T, Vec<SiteName>> = BTreeMap::new();
    for (site, what) in items {
        groups.entry(what).or_default().push(site);
    }
    let mut groups: Vec<Shared<T>> =
        groups.into_iter().map(|(what, sites)| Shared { what, sites }).collect();
    for group in &mut groups {
        group.sites.sort();
    }
    groups.sort_by(|a, b| {
        (Reverse(a.sites.len()), &a.sites).cmp(&(Reverse(b.sites.len()), &b.sites))
    });
    groups
}

/// What a command of the user's did at a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    /// Failures sort last.
    pub failed: bool,
    pub status: Option<u32>,
    pub stdout: String,
    pub stderr: String,
    pub dropped: u64,
}

/// The outputs of a command, equal ones once: what went well first.
#[must_use]
pub fn outputs(tally: &super::Tally, columns: usize) -> Vec<Line> {
    let mut groups = collapse(tally.said());
    groups.sort_by_key(|group| group.what.failed);
    let mut lines = Vec::new();
    for Shared { what, sites } in groups {
        let tone = if what.failed { Tone::Bad } else { Tone::Good };
        let status = match what.status {
            Some(0) => String::new(),
            Some(code) => format!("  exit {code}"),
            None => "  ended by a signal".to_owned(),
        };
        let room = columns.saturating_sub(status.len());
        lines.push(Line::of(Tone::Strong, &listed(&sites, room)).add(tone, &status));
        lines.extend(Line::lines_of(Tone::Plain, "  ", &what.stdout));
        lines.extend(Line::lines_of(Tone::Warn, "  ! ", &what.stderr));
        if what.dropped > 0 {
            let text = format!("  … {} more were not kept", super::bytes(what.dropped));
            lines.push(Line::of(Tone::Dim, &text));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_grouped_with_the_most_common_first() {
        let site = |name: &str| name.parse::<SiteName>().unwrap();
        let groups = collapse([(site("d"), 1), (site("c"), 2), (site("a"), 2), (site("b"), 3)]);
        let shown: Vec<(i32, Vec<&str>)> = groups
            .iter()
            .map(|g| (g.what, g.sites.iter().map(SiteName::as_str).collect()))
            .collect();
        assert_eq!(shown, [(2, vec!["a", "c"]), (3, vec!["b"]), (1, vec!["d"])]);
    }
}
