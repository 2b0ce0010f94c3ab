//! What each event sounds like, in one line.

use super::{Line, Tally, Tone, bytes, listed, plural, tally::SiteTally, took, words::stopwatch};
use crate::{
    event::{Event, Released, Signal, Step, Undone, Versions},
    model::SiteName,
};

/// How much is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Troubles and the recap.
    Quiet,
    /// What changes, and troubles.
    #[default]
    Usual,
    /// Every step.
    Every,
}

/// The word for a step that is under way.
pub(super) const fn doing(step: Step) -> &'static str {
    match step {
        Step::Connect => "connecting",
        Step::Probe => "reading",
        Step::Stage => "staging",
        Step::Before => "before",
        Step::Activate => "activating",
        Step::Reload => "reloading",
        Step::Gate => "gates",
        Step::Confirm => "confirming",
        Step::After => "after",
        Step::Undo => "rolling back",
        Step::Settle => "settling",
        Step::Run => "running",
    }
}

/// The word for a step in a sentence about it.
pub(super) const fn named(step: Step) -> &'static str {
    match step {
        Step::Connect => "connection",
        Step::Probe => "probe",
        Step::Stage => "staging",
        Step::Before => "before",
        Step::Activate => "activation",
        Step::Reload => "reload",
        Step::Gate => "gate",
        Step::Confirm => "confirmation",
        Step::After => "after",
        Step::Undo => "rollback",
        Step::Settle => "settling",
        Step::Run => "command",
    }
}

/// The lines for an event that has already been taken by `tally`.
pub(super) fn tell(event: &Event, tally: &Tally, detail: Detail) -> Vec<Line> {
    let site_line = |site: &SiteName| Line::of(Tone::Strong, site.as_str()).add(Tone::Plain, ": ");
    let usual = |line: Line| if detail >= Detail::Usual { vec![line] } else { Vec::new() };
    let every = |line: Line| if detail >= Detail::Every { vec![line] } else { Vec::new() };
    match event {
        Event::RunStarted(header) => {
            let sites = plural(header.sites.len(), "site");
            let text = format!(
                "{} on {sites} of {} by {}, run {}",
                header.verb, header.environment, header.person, header.run
            );
            usual(Line::of(Tone::Plain, &text))
        }
        Event::Warned { site, message } => {
            let line = Line::of(Tone::Warn, "warning: ");
            let line = match site {
                Some(site) => line.add(Tone::Strong, site.as_str()).add(Tone::Plain, ": "),
                None => line,
            };
            vec![line.add(Tone::Plain, message)]
        }
        Event::StepStarted { site, step, .. } => {
            every(site_line(site).add(Tone::Dim, doing(*step)))
        }
        Event::StepDone { site, step, took: millis, sent, detail: note } => {
            let mut text = format!("{} done, {}", named(*step), took(*millis));
            if *sent > 0 {
                text = format!("{text}, {} sent", bytes(*sent));
            }
            if let Some(note) = note {
                text = format!("{text}: {note}");
            }
            every(site_line(site).add(Tone::Dim, &text))
        }
        Event::StepFailed { site, step, why, indeterminate, .. } => {
            let what = if *indeterminate { "nobody knows if it took effect" } else { "failed" };
            let text = format!("{} {what}: ", named(*step));
            vec![site_line(site).add(Tone::Bad, &text).add(Tone::Plain, why)]
        }
        Event::GateTried { site, gate, attempt, ok, detail: note } => {
            let tone = if *ok { Tone::Good } else { Tone::Warn };
            let text = format!("{gate}, attempt {attempt}: ");
            every(site_line(site).add(Tone::Dim, &text).add(tone, note))
        }
        Event::SiteReleased { site, result: Released::Confirmed } => {
            let moved = tally.sites.get(site).map(moved).unwrap_or_default();
            let line = site_line(site).add(Tone::Good, "released");
            usual(line.add(Tone::Plain, &moved))
        }
        Event::SiteUndone { site, result } => vec![match result {
            Undone::RolledBack => site_line(site).add(Tone::Warn, "rolled back"),
            Undone::Failed => site_line(site).add(Tone::Bad, "could not be rolled back"),
            Undone::Overtaken => site_line(site).add(Tone::Warn, "left to who has taken it over"),
            Undone::Lost => site_line(site)
                .add(Tone::Bad, "connection lost while rolling back; nobody knows how it stands"),
        }],
        Event::SiteProbed { .. }
        | Event::SitePlanned { .. }
        | Event::Output { .. }
        | Event::SiteStaged { .. }
        | Event::SiteReleased { .. }
        | Event::SiteSettled { .. }
        | Event::SiteFinished { .. }
        | Event::PauseEnded
        | Event::RunFinished { .. } => Vec::new(),
        whole => of_the_run(whole).map_or_else(Vec::new, |(least, line)| {
            if detail >= least { vec![line] } else { Vec::new() }
        }),
    }
}

/// Which versions a release brought: `, contact-form 2.1.4 → 2.2.0`; where none moved, the first
/// of the changes. What else changed, the plan has told, once for all sites.
fn moved(site: &SiteTally) -> String {
    let (none, Some(planned)) = (Versions::new(), &site.planned) else { return String::new() };
    let before = site.before.as_ref().unwrap_or(&none);
    let mut moved = String::new();
    for (feature, version) in planned {
        match before.get(feature) {
            Some(old) if old == version => {}
            Some(old) => moved.push_str(&format!(", {feature} {old} → {version}")),
            None => moved.push_str(&format!(", {feature} {version}")),
        }
    }
    for feature in before.keys().filter(|feature| !planned.contains_key(*feature)) {
        moved.push_str(&format!(", {feature} removed"));
    }
    match site.changes.first() {
        Some(change) if moved.is_empty() => format!(", {change}"),
        _ => moved,
    }
}

/// Lines about the run as a whole, and from which detail on they are told.
fn of_the_run(event: &Event) -> Option<(Detail, Line)> {
    Some(match event {
        Event::RolloutPlanned(schedule) => {
            let text = format!("staging on {}", plural(schedule.sites.len(), "site"));
            (Detail::Usual, Line::of(Tone::Plain, &text))
        }
        Event::StagingEnded { ready, failed } => {
            let mut text = format!("staged: {} to release", plural(*ready, "site"));
            if *failed > 0 {
                text = format!("{text}, {failed} could not be staged");
            }
            (Detail::Usual, Line::of(Tone::Plain, &text))
        }
        Event::BatchStarted { number, of, sites } => {
            let text = format!("batch {number} of {of}: {}", listed(sites, 60));
            (Detail::Usual, Line::of(Tone::Plain, &text))
        }
        Event::Paused { millis } => {
            let text = format!("pausing for {}", stopwatch(*millis));
            (Detail::Usual, Line::of(Tone::Plain, &text))
        }
        Event::Interrupted { signal } => {
            let name = match signal {
                Signal::Interrupt => "SIGINT",
                Signal::Terminate => "SIGTERM",
            };
            let text = format!(
                "interrupted ({name}): finishing what is in flight, once more to leave now"
            );
            (Detail::Quiet, Line::of(Tone::Warn, &text))
        }
        Event::Aborted { why, policy } => {
            let line = Line::of(Tone::Bad, "aborted: ");
            (Detail::Quiet, line.add(Tone::Plain, &format!("{why}; on_abort: {policy}")))
        }
        _ => return None,
    })
}
