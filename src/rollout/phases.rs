//! The phases of a rollout: from staging through the batches to the last lock given back.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Announcement, Errand, Order, Rollout,
    board::Board,
    exit_code,
    machine::{Phase, Place},
    sizes::sizes,
};
use crate::{
    event::{Batches, OnAbort},
    model::{Outcome, SiteName},
};

impl Rollout {
    /// Goes through as many phases as can be gone through now.
    pub(super) fn advance(&mut self) {
        loop {
            let before = (self.phase, self.batches.len());
            match self.phase {
                Phase::Staging if self.board.active(Errand::Stage) == 0 => self.end_staging(),
                Phase::Rolling => self.roll(),
                Phase::Pausing if self.stopping => self.phase = Phase::Closing,
                Phase::Undoing if self.board.active(Errand::Undo) == 0 => {
                    self.phase = Phase::Closing;
                }
                Phase::Closing => self.close(),
                _ => {}
            }
            if before == (self.phase, self.batches.len()) {
                return;
            }
        }
    }

    fn end_staging(&mut self) {
        if self.stopping {
            self.phase = Phase::Closing;
            return;
        }
        let ready = |rollout: &Self, canary: bool| -> Vec<usize> {
            let slots = rollout.schedule.sites.iter().enumerate();
            slots
                .filter(|(index, slot)| {
                    slot.canary == canary && rollout.place(*index) == Some(Place::Ready)
                })
                .map(|(index, _)| index)
                .collect()
        };
        let canaries = ready(self, true);
        let mut others = ready(self, false);
        self.orders.push(Order::Announce(Announcement::StagingEnded {
            ready: canaries.len() + others.len(),
            failed: self.failed + self.unreachable,
        }));
        let sizes = sizes(&self.schedule.batches, self.sites.len(), others.len());
        if !canaries.is_empty() {
            self.batches.push_back(canaries);
        }
        for size in sizes {
            let rest = others.split_off(size.min(others.len()));
            self.batches.push_back(std::mem::replace(&mut others, rest));
        }
        self.batch_count = self.batches.len();
        self.next_batch();
    }

    pub(super) fn next_batch(&mut self) {
        let Some(batch) = self.batches.pop_front() else {
            self.phase = Phase::Closing;
            return;
        };
        self.orders.push(Order::Announce(Announcement::BatchStarted {
            number: self.batch_count - self.batches.len(),
            of: self.batch_count,
            sites: batch.iter().filter_map(|index| self.name(*index)).cloned().collect(),
        }));
        self.queue = batch.iter().copied().collect();
        self.batch = batch;
        self.phase = Phase::Rolling;
    }

    fn roll(&mut self) {
        let limit = match self.schedule.batches {
            Batches::Sizes(_) => usize::MAX,
            Batches::Window(size) => usize::try_from(size).unwrap_or(usize::MAX).max(1),
        };
        let busy = |board: &Board| board.active(Errand::Release) + board.active(Errand::Undo);
        while busy(&self.board) < limit
            && let Some(index) = self.queue.pop_front()
        {
            self.board.want(Errand::Release, index as u64, index);
        }
        if busy(&self.board) > 0 {
            return;
        }
        if self.spent {
            // Not concluded yet means: still to be undone by this policy.
            for index in self.indices(Place::Confirmed) {
                self.want_undo(index);
            }
            self.phase = Phase::Undoing;
        } else if self.stopping {
            self.phase = Phase::Closing;
        } else {
            if self.schedule.on_abort != OnAbort::RollbackAll {
                for index in std::mem::take(&mut self.batch) {
                    if self.place(index) == Some(Place::Confirmed) {
                        self.conclude(index, Outcome::Changed);
                    }
                }
            }
            if self.schedule.pause > 0 && !self.batches.is_empty() {
                self.orders.push(Order::Pause(Duration::from_millis(self.schedule.pause)));
                self.phase = Phase::Pausing;
            } else {
                self.next_batch();
            }
        }
    }

    fn close(&mut self) {
        for index in self.indices(Place::Confirmed) {
            self.conclude(index, Outcome::Changed);
        }
        if self.board.active(Errand::Settle) > 0 {
            return;
        }
        let outcomes: BTreeMap<SiteName, Outcome> =
            self.outcomes().map(|(site, outcome)| (site.clone(), outcome)).collect();
        let code = exit_code(outcomes.values().copied(), self.flags);
        self.orders.push(Order::Finish { outcomes, flags: self.flags, code });
        self.phase = Phase::Over;
    }
}
