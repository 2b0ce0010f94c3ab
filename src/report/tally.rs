//! What the audiences have been told so far: the one memory behind every screen.

use std::collections::BTreeMap;

use super::collapse::Said;
use crate::{
    event::{Event, Header, Released, Signal, Staged, Stamped, Step, Undone, Versions},
    model::{Outcome, SiteName},
};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Hosts are read, or a command of the user's runs.
    Reading,
    /// Uploads, everywhere at once.
    Staging,
    /// Batch `number` of `of`.
    Rolling { number: usize, of: usize },
    /// Nothing new is begun any more.
    Stopping,
    /// It is over.
    Over,
}

/// Why a site is not as wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failure {
    pub step: Option<Step>,
    pub why: String,
    pub tail: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SiteTally {
    /// The step it is in, and since when.
    pub running: Option<(Step, u64)>,
    pub before: Option<Versions>,
    pub after: Option<Versions>,
    /// What it should have afterwards.
    pub planned: Option<Versions>,
    pub changes: Vec<String>,
    pub staged: Option<Staged>,
    /// Whether something live has been begun.
    pub touched: bool,
    pub released: Option<Released>,
    pub undone: Option<Undone>,
    pub outcome: Option<Outcome>,
    /// The first thing that went wrong: what follows is most often its consequence.
    pub failure: Option<Failure>,
    /// What went wrong while undoing.
    pub undo_failure: Option<Failure>,
    pub said: Option<Said>,
}

/// Everything a run's events have said.
#[derive(Debug, Clone)]
pub struct Tally {
    pub(super) header: Option<Header>,
    pub(super) sites: BTreeMap<SiteName, SiteTally>,
    pub(super) phase: Phase,
    pub(super) began: u64,
    pub(super) now: u64,
    pub(super) sent: u64,
    pub(super) aborted: bool,
    pub(super) interrupted: Option<Signal>,
    pub(super) finished: Option<(u8, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            header: None,
            sites: BTreeMap::new(),
            phase: Phase::Reading,
            began: 0,
            now: 0,
            sent: 0,
            aborted: false,
            interrupted: None,
            finished: None,
        }
    }
}

impl Tally {
    /// The tally of a whole journal.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Stamped>) -> Self {
        let mut tally = Self::default();
        events.into_iter().for_each(|event| tally.take(event));
        tally
    }

    /// Takes one more event.
    pub fn take(&mut self, stamped: &Stamped) {
        self.now = self.now.max(stamped.at);
        match &stamped.event {
            Event::RunStarted(header) => {
                self.began = stamped.at;
                self.sites =
                    header.sites.iter().map(|s| (s.clone(), SiteTally::default())).collect();
                self.header = Some(header.clone());
            }
            Event::RolloutPlanned(_) => self.phase = Phase::Staging,
            Event::BatchStarted { number, of, .. } => {
                self.phase = Phase::Rolling { number: *number, of: *of };
            }
            Event::Aborted { .. } => {
                self.aborted = true;
                self.phase = Phase::Stopping;
            }
            Event::Interrupted { signal } => {
                self.interrupted = Some(*signal);
                self.phase = Phase::Stopping;
            }
            Event::RunFinished { code, took, .. } => {
                self.finished = Some((*code, *took));
                self.phase = Phase::Over;
            }
            Event::StepDone { sent, .. } => {
                self.sent = self.sent.saturating_add(*sent);
                self.take_of_site(stamped);
            }
            _ => self.take_of_site(stamped),
        }
    }

    fn take_of_site(&mut self, stamped: &Stamped) {
        let Some(name) = site_of(&stamped.event) else { return };
        let site = self.sites.entry(name.clone()).or_default();
        match &stamped.event {
            Event::SiteProbed { versions, .. } => site.before = Some(versions.clone()),
            Event::SitePlanned { changes, versions, .. } => {
                site.changes.clone_from(changes);
                site.planned = Some(versions.clone());
            }
            Event::StepStarted { step, .. } => {
                site.running = Some((*step, stamped.at));
                site.touched |= matches!(step, Step::Activate | Step::Reload);
            }
            Event::StepDone { .. } => site.running = None,
            Event::StepFailed { step, why, tail, .. } => {
                site.running = None;
                let failure = Failure { step: Some(*step), why: why.clone(), tail: tail.clone() };
                let place =
                    if *step == Step::Undo { &mut site.undo_failure } else { &mut site.failure };
                place.get_or_insert(failure);
            }
            Event::Output { stdout, stderr, status, dropped, .. } => {
                site.said = Some(Said {
                    failed: *status != Some(0),
                    status: *status,
                    stdout: stdout.clone(),
                    stderr: stderr.clone(),
                    dropped: *dropped,
                });
            }
            Event::SiteStaged { result, .. } => site.staged = Some(*result),
            Event::SiteReleased { result, .. } => site.released = Some(*result),
            Event::SiteUndone { result, .. } => site.undone = Some(*result),
            Event::SiteFinished { outcome, versions, why, .. } => {
                site.running = None;
                site.outcome = Some(*outcome);
                site.after.clone_from(versions);
                if let (Some(why), false) = (why, outcome.is_good()) {
                    let (step, tail) = (None, Vec::new());
                    site.failure.get_or_insert(Failure { step, why: why.clone(), tail });
                }
            }
            _ => {}
        }
    }

    /// Whether the run came to its end.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.finished.is_some()
    }

    /// Sites by outcome.
    pub(super) fn counts(&self) -> BTreeMap<Outcome, usize> {
        let mut counts = BTreeMap::new();
        for outcome in self.sites.values().filter_map(|site| site.outcome) {
            *counts.entry(outcome).or_default() += 1;
        }
        counts
    }

    /// Sites where something is under way, the longest first.
    pub(super) fn running(&self) -> Vec<(&SiteName, Step, u64)> {
        let sites = self.sites.iter();
        let mut running: Vec<_> = sites
            .filter_map(|(name, site)| site.running.map(|(step, since)| (name, step, since)))
            .collect();
        running.sort_by_key(|(name, _, since)| (*since, *name));
        running
    }

    /// How many sites are through the current phase, and how many go through it.
    pub(super) fn progress(&self) -> (usize, usize) {
        let count = |wanted: &dyn Fn(&SiteTally) -> bool| {
            self.sites.values().filter(|site| wanted(site)).count()
        };
        let all = self.sites.len();
        match self.phase {
            Phase::Reading => (count(&|s| s.before.is_some() || s.outcome.is_some()), all),
            Phase::Staging => (count(&|s| s.staged.is_some() || s.outcome.is_some()), all),
            Phase::Rolling { .. } | Phase::Stopping | Phase::Over => {
                (count(&|s| s.released.is_some()), count(&|s| s.staged == Some(Staged::Ready)))
            }
        }
    }

    pub(super) fn said(&self) -> impl Iterator<Item = (SiteName, Said)> {
        let sites = self.sites.iter();
        sites.filter_map(|(name, site)| Some((name.clone(), site.said.clone()?)))
    }
}

/// The site an event is about.
pub(super) const fn site_of(event: &Event) -> Option<&SiteName> {
    match event {
        Event::SiteProbed { site, .. }
        | Event::SitePlanned { site, .. }
        | Event::StepStarted { site, .. }
        | Event::StepDone { site, .. }
        | Event::StepFailed { site, .. }
        | Event::GateTried { site, .. }
        | Event::Output { site, .. }
        | Event::SiteStaged { site, .. }
        | Event::SiteReleased { site, .. }
        | Event::SiteUndone { site, .. }
        | Event::SiteSettled { site }
        | Event::SiteFinished { site, .. } => Some(site),
        Event::Warned { site, .. } => site.as_ref(),
        Event::RunStarted(_)
        | Event::RolloutPlanned(_)
        | Event::StagingEnded { .. }
        | Event::BatchStarted { .. }
        | Event::Paused { .. }
        | Event::PauseEnded
        | Event::Interrupted { .. }
        | Event::Aborted { .. }
        | Event::RunFinished { .. } => None,
    }
}
