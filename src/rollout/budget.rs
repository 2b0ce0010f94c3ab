//! The budget, and what its end means: the only rule that stops a rollout.

use super::{
    Announcement, Errand, Order, Rollout,
    machine::{Phase, Place},
};
use crate::{
    event::{Batches, OnAbort},
    model::{Outcome, SiteName},
};

impl Rollout {
    /// Whether `site`, once it is confirmed, can not be chosen by the policy any more, whatever
    /// becomes of the others.
    #[must_use]
    pub fn confirms_for_good(&self, site: &SiteName) -> bool {
        match self.schedule.on_abort {
            OnAbort::Keep | OnAbort::RollbackFailed => true,
            OnAbort::RollbackBatch => {
                let alone = |index: &usize| self.batch == [*index];
                matches!(self.schedule.batches, Batches::Sizes(_))
                    && self.index.get(site).is_some_and(alone)
            }
            OnAbort::RollbackAll => false,
        }
    }

    /// Whether a site that is confirmed now can not be chosen by the policy any more.
    pub(super) const fn is_safe_from_undo(&self) -> bool {
        match self.schedule.on_abort {
            OnAbort::Keep | OnAbort::RollbackFailed => true,
            OnAbort::RollbackBatch => {
                matches!(self.schedule.batches, Batches::Window(_)) && !self.spent
            }
            OnAbort::RollbackAll => false,
        }
    }

    /// A site failed. Without an outcome it has been touched, and is undone at once.
    pub(super) fn count_failed(&mut self, index: usize, outcome: Option<Outcome>) {
        self.failed += 1;
        match outcome {
            Some(outcome) => self.conclude(index, outcome),
            None => self.want_undo(index),
        }
        self.judge_failed();
    }

    pub(super) fn judge_failed(&mut self) {
        let allowed = self.schedule.budget.failed.of(self.sites.len());
        if self.failed > allowed {
            self.flags.aborted = true;
            self.abort(self.failed, "failed", allowed);
        }
    }

    pub(super) fn count_unreachable(&mut self, index: usize) {
        self.unreachable += 1;
        self.conclude(index, Outcome::Unreachable);
        self.judge_unreachable();
    }

    pub(super) fn judge_unreachable(&mut self) {
        let allowed = self.schedule.budget.unreachable.of(self.sites.len());
        if self.unreachable > allowed {
            // Before the first release no site is in doubt, and the exit code says what
            // stopped the run: unreachable hosts (8) or refused connections (12).
            self.flags.aborted |= self.phase != Phase::Staging;
            self.abort(self.unreachable, "unreachable", allowed);
        }
    }

    /// Stops because the budget is spent: the only rule that does.
    pub(super) fn abort(&mut self, count: usize, what: &str, allowed: usize) {
        if !std::mem::replace(&mut self.spent, true) {
            let sites = if count == 1 { "site" } else { "sites" };
            let why = format!("{count} {sites} {what}, the budget allows {allowed}");
            let policy = self.schedule.on_abort;
            self.orders.push(Order::Announce(Announcement::Aborted { why, policy }));
        }
        self.stop();
    }

    /// Begins nothing new. What is in flight goes on.
    pub(super) fn stop(&mut self) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.board.forget(Errand::Stage);
        self.board.forget(Errand::Release);
        self.queue.clear();
        for index in 0..self.sites.len() {
            if matches!(self.place(index), Some(Place::Waiting | Place::Ready)) {
                self.conclude(index, Outcome::NotStarted);
            }
        }
    }
}
