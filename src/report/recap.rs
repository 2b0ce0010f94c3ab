//! The end of a run: what went wrong and where, how many sites ended how, what runs where,
//! and what to do next.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    Line, Shared, Tally, Tone, bytes, collapse, listed, plural, story::named, tally::SiteTally,
    took,
};
use crate::{
    event::{Released, Undone, Versions},
    model::{FeatureName, Outcome, SiteName},
};

/// The recap of a run, failures first so that the counts are what stays on the screen.
#[must_use]
pub fn recap(tally: &Tally, columns: usize) -> Vec<Line> {
    let mut lines = failures(tally, columns);
    if !lines.is_empty() {
        lines.insert(0, Line::new());
        lines.push(Line::new());
    }
    lines.push(counts(tally));
    lines.extend(where_lines(tally));
    if let Some(next) = next_step(tally) {
        lines.push(Line::of(Tone::Dim, "next: ").add(Tone::Plain, &next));
    }
    lines
}

/// Sites that are not as wanted, those with the same story once.
fn failures(tally: &Tally, columns: usize) -> Vec<Line> {
    let bad = tally.sites.iter().filter_map(|(name, site)| {
        let outcome = site.outcome.filter(|outcome| !outcome.is_good())?;
        // Sites that had no turn have no story.
        (outcome != Outcome::NotStarted || site.failure.is_some())
            .then(|| (name.clone(), (outcome, site.failure.clone(), site.undo_failure.clone())))
    });
    let mut groups = collapse(bad);
    // The worst is last, nearest to where the reader is.
    let rank = |outcome: Outcome| Outcome::ALL.iter().position(|known| *known == outcome);
    groups.sort_by_key(|group| (rank(group.what.0), Reverse(group.sites.len())));
    let mut lines = Vec::new();
    for Shared { what: (outcome, failure, undo_failure), sites } in groups {
        let word = format!("  {outcome}");
        let room = columns.saturating_sub(word.len());
        let head = Line::of(Tone::Strong, &listed(&sites, room));
        lines.push(head.add(tone_of(outcome), &word));
        for failure in [failure, undo_failure].into_iter().flatten() {
            let step = failure.step.map(|step| format!("{}: ", named(step)));
            let line = Line::of(Tone::Bad, &format!("  {}", step.unwrap_or_default()));
            lines.push(line.add(Tone::Plain, &failure.why));
            let tail = failure.tail.iter();
            lines.extend(tail.flat_map(|text| Line::lines_of(Tone::Dim, "  | ", text)));
        }
    }
    lines
}

fn counts(tally: &Tally) -> Line {
    let counts = tally.counts();
    let text = plural(tally.sites.len(), "site");
    let mut line = Line::of(Tone::Strong, &text);
    let mut mark = ": ";
    for outcome in Outcome::ALL {
        if let Some(count) = counts.get(&outcome) {
            line = line.add(Tone::Plain, mark).add(tone_of(outcome), &format!("{count} {outcome}"));
            mark = ", ";
        }
    }
    let millis = tally.finished.map_or(tally.now.saturating_sub(tally.began), |(_, took)| took);
    let mut text = format!(" in {}", took(millis));
    if tally.sent > 0 {
        text = format!("{text}, {} sent", bytes(tally.sent));
    }
    line.add(Tone::Dim, &text)
}

/// What runs where: for each feature, how many sites are on which version.
#[must_use]
pub fn where_lines(tally: &Tally) -> Vec<Line> {
    let mut features: BTreeMap<&FeatureName, BTreeMap<&semver::Version, usize>> = BTreeMap::new();
    let mut unknown = 0;
    for site in tally.sites.values() {
        let Some(versions) = standing(site) else {
            unknown += 1;
            continue;
        };
        for (feature, version) in versions {
            *features.entry(feature).or_default().entry(version).or_default() += 1;
        }
    }
    if features.is_empty() {
        return Vec::new();
    }
    let wide = features.keys().map(|feature| feature.as_str().len()).max().unwrap_or(0);
    let mut lines: Vec<Line> = features
        .into_iter()
        .map(|(feature, versions)| {
            let newest_first = versions.into_iter().rev();
            let parts: Vec<String> =
                newest_first.map(|(version, count)| format!("{count} on {version}")).collect();
            Line::of(Tone::Plain, &format!("  {feature:wide$}  {}", parts.join(", ")))
        })
        .collect();
    if unknown > 0 {
        let text = format!("  not known on {}", plural(unknown, "site"));
        lines.push(Line::of(Tone::Warn, &text));
    }
    lines
}

/// What a site has now, as far as is known: a site that was not touched, or was brought back,
/// is as it was read.
fn standing(site: &SiteTally) -> Option<&Versions> {
    let touched = match site.released {
        Some(released) => {
            matches!(released, Released::Confirmed | Released::Failed | Released::Lost)
        }
        // The run was left while this was under way.
        None => site.touched,
    };
    let as_before = !touched || site.undone == Some(Undone::RolledBack);
    site.after.as_ref().or(site.before.as_ref().filter(|_| as_before))
}

/// What to do next, if anything.
#[must_use]
pub fn next_step(tally: &Tally) -> Option<String> {
    let (code, _) = tally.finished?;
    let header = tally.header.as_ref()?;
    let again = &header.command;
    let of = |wanted: &[Outcome]| {
        let sites: Vec<&SiteName> = tally
            .sites
            .iter()
            .filter(|(_, site)| site.outcome.is_some_and(|outcome| wanted.contains(&outcome)))
            .map(|(name, _)| name)
            .collect();
        // A pattern that can be pasted: ranges are patterns too.
        super::ranges(sites).join(",")
    };
    let text = match (header.verb.as_str(), code) {
        (_, 7) => format!(
            "look at {}: fleetctl audit, then fleetctl rollback",
            of(&[Outcome::RollbackFailed, Outcome::Indeterminate])
        ),
        (_, 9) => "fleetctl host-lock ls, and the same again when it is free".to_owned(),
        (_, 11) => format!("hosts have moved since they were read: {again}"),
        (_, 12) => format!("fleetctl hosts doctor --limit {}", of(&[Outcome::Unreachable])),
        (_, 130 | 143) => format!("{again}: it goes on where this run stopped"),
        ("deploy" | "apply" | "rollback", 6) => {
            format!("mend the cause and release a new version, or: {again} --retry-rejected")
        }
        ("deploy" | "apply" | "rollback", 4 | 5 | 8) => {
            let failed = |site: &SiteTally| site.outcome == Some(Outcome::Failed);
            let first = if tally.sites.values().any(failed) { "mend the cause, then " } else { "" };
            format!("{first}{again}: it does only what is missing")
        }
        _ => return None,
    };
    Some(text)
}

/// How an outcome looks.
pub(super) const fn tone_of(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Changed => Tone::Good,
        Outcome::Unchanged | Outcome::Skipped => Tone::Dim,
        Outcome::NotStarted | Outcome::RolledBack => Tone::Warn,
        Outcome::Failed
        | Outcome::Unreachable
        | Outcome::RollbackFailed
        | Outcome::Indeterminate => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_said_to_run_somewhere() {
        let versions =
            |text: &str| -> Versions { [("popup".parse().unwrap(), text.parse().unwrap())].into() };
        let site = |released, undone, after: Option<&str>| SiteTally {
            before: Some(versions("1.0.0")),
            after: after.map(versions),
            released,
            undone,
            ..SiteTally::default()
        };
        for (released, undone, after, expected) in [
            (None, None, None, Some("1.0.0")),
            (Some(Released::Unreachable), None, None, Some("1.0.0")),
            (Some(Released::Confirmed), None, Some("1.1.0"), Some("1.1.0")),
            (Some(Released::Lost), None, None, None),
            (Some(Released::Failed), None, None, None),
            (Some(Released::Failed), Some(Undone::RolledBack), None, Some("1.0.0")),
            (Some(Released::Failed), Some(Undone::Failed), None, None),
        ] {
            let site = site(released, undone, after);
            assert_eq!(standing(&site), expected.map(versions).as_ref(), "{site:?}");
        }
    }
}
