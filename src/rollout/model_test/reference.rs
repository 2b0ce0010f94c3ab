//! What a rollout has to come to, told over its whole history at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Mark, name};
use crate::{
    event::{Batches, OnAbort, Released, Share, Staged, Undone},
    model::{Outcome, SiteName},
    rollout::{Announcement, Errand, Input, Order},
};

/// What the history should have come to, from the scripts and the order of its inputs alone.
pub(super) struct Reference<'a> {
    pub case: &'a Case,
    pub history: &'a [Mark],
}

impl Reference<'_> {
    fn find(&self, wanted: impl Fn(&Mark) -> bool) -> Option<usize> {
        self.history.iter().position(wanted)
    }

    pub fn begun(&self, errand: Errand, site: usize) -> Option<usize> {
        self.find(|m| *m == Mark::Out(Order::Begin(errand, name(site))))
    }

    pub fn ended(&self, errand: Errand, site: usize) -> Option<usize> {
        self.find(|m| match m {
            Mark::In(Input::Staged(s, _)) => errand == Errand::Stage && *s == name(site),
            Mark::In(Input::Released(s, _)) => errand == Errand::Release && *s == name(site),
            Mark::In(Input::Undone(s, _)) => errand == Errand::Undo && *s == name(site),
            Mark::In(Input::Settled(s)) => errand == Errand::Settle && *s == name(site),
            _ => false,
        })
    }

    /// Where the budget was spent: by failed sites, by unreachable ones.
    fn aborts(&self) -> (Option<usize>, Option<usize>) {
        let total = self.case.scripts.len();
        let (mut failed, mut unreachable) = (0, 0);
        let (mut by_failed, mut by_unreachable) = (None, None);
        for (at, mark) in self.history.iter().enumerate() {
            use Released as R;
            use Staged as S;
            match mark {
                Mark::In(
                    Input::Staged(_, S::Failed)
                    | Input::Released(_, R::Failed | R::FailedUntouched | R::Lost),
                ) => failed += 1,
                Mark::In(
                    Input::Staged(_, S::Unreachable | S::Denied)
                    | Input::Released(_, R::Unreachable),
                ) => unreachable += 1,
                _ => continue,
            }
            if failed > self.case.budget.failed.of(total) {
                by_failed.get_or_insert(at);
            }
            if unreachable > self.case.budget.unreachable.of(total) {
                by_unreachable.get_or_insert(at);
            }
        }
        (by_failed, by_unreachable)
    }

    fn interrupted(&self) -> Option<usize> {
        self.find(|m| matches!(m, Mark::In(Input::Interrupted(_))))
    }

    fn staged_as(&self, wanted: Staged) -> bool {
        (0..self.case.scripts.len()).any(|s| {
            self.case.scripts[s].staged == wanted && self.ended(Errand::Stage, s).is_some()
        })
    }

    pub fn stop(&self) -> Option<usize> {
        let refused =
            self.find(|m| matches!(m, Mark::In(Input::Staged(_, Staged::Held | Staged::Stale))));
        let (failed, unreachable) = self.aborts();
        [failed, unreachable, refused, self.interrupted()].into_iter().flatten().min()
    }

    /// Batches by the plainest reading of the words.
    pub fn batches(&self) -> Vec<Vec<usize>> {
        let total = self.case.scripts.len();
        let ready = |canary: bool| -> Vec<usize> {
            (0..total)
                .filter(|i| self.case.scripts[*i].canary == canary)
                .filter(|i| self.case.scripts[*i].staged == Staged::Ready)
                .collect()
        };
        let mut batches = vec![ready(true)];
        let mut others = ready(false);
        let mut number = 0;
        while !others.is_empty() {
            let size = match &self.case.batches {
                Batches::Window(_) => others.len(),
                Batches::Sizes(shares) => match shares[number.min(shares.len() - 1)] {
                    Share::Count(n) => n as usize,
                    Share::Percent(p) => total * p as usize / 10_000,
                },
            };
            number += 1;
            let size = size.max(1).min(others.len());
            batches.push(others.drain(..size).collect());
        }
        batches.retain(|batch| !batch.is_empty());
        batches
    }

    pub fn undo_set(&self) -> BTreeSet<usize> {
        let case = self.case;
        let all = 0..case.scripts.len();
        let released = |i: &usize| self.ended(Errand::Release, *i).is_some();
        if case.on_abort == OnAbort::Keep {
            return BTreeSet::new();
        }
        let mut set: BTreeSet<usize> = all
            .clone()
            .filter(released)
            .filter(|i| matches!(case.scripts[*i].released, Released::Failed | Released::Lost))
            .collect();
        let (failed, unreachable) = self.aborts();
        let Some(abort) = failed.into_iter().chain(unreachable).min() else { return set };
        let confirmed =
            all.filter(released).filter(|i| case.scripts[*i].released == Released::Confirmed);
        let batch: Vec<SiteName> = self
            .history
            .iter()
            .rev()
            .find_map(|m| match m {
                Mark::Out(Order::Announce(Announcement::BatchStarted { sites, .. })) => {
                    Some(sites.clone())
                }
                _ => None,
            })
            .unwrap_or_default();
        match (case.on_abort, &case.batches) {
            (OnAbort::RollbackAll, _) => set.extend(confirmed),
            (OnAbort::RollbackBatch, Batches::Sizes(_)) => {
                set.extend(confirmed.filter(|i| batch.contains(&name(*i))));
            }
            (OnAbort::RollbackBatch, Batches::Window(_)) => {
                set.extend(confirmed.filter(|i| self.ended(Errand::Release, *i) > Some(abort)));
            }
            _ => {}
        }
        set
    }

    pub fn outcome(&self, site: usize, undone: &BTreeSet<usize>) -> Outcome {
        let script = &self.case.scripts[site];
        if self.ended(Errand::Stage, site).is_none() {
            return Outcome::NotStarted;
        }
        match script.staged {
            Staged::Ready => {}
            Staged::Unchanged => return Outcome::Unchanged,
            Staged::Skipped => return Outcome::Skipped,
            Staged::Unreachable | Staged::Denied => return Outcome::Unreachable,
            Staged::Failed | Staged::Held | Staged::Stale => return Outcome::Failed,
        }
        if self.ended(Errand::Release, site).is_none() {
            return Outcome::NotStarted;
        }
        if undone.contains(&site) {
            return match script.undone {
                Undone::RolledBack => Outcome::RolledBack,
                Undone::Failed => Outcome::RollbackFailed,
                Undone::Lost => Outcome::Indeterminate,
                Undone::Overtaken => Outcome::Failed,
            };
        }
        match script.released {
            Released::Confirmed => Outcome::Changed,
            Released::Unreachable => Outcome::Unreachable,
            Released::Failed | Released::FailedUntouched => Outcome::Failed,
            Released::Lost => Outcome::Indeterminate,
        }
    }

    pub fn code(&self, outcomes: &BTreeMap<SiteName, Outcome>, undone: &BTreeSet<usize>) -> u8 {
        let any = |wanted: &[Outcome]| outcomes.values().any(|o| wanted.contains(o));
        let lost = undone.iter().any(|i| self.case.scripts[*i].undone == Undone::Lost);
        let (failed, unreachable) = self.aborts();
        let staging_over = self
            .find(|m| matches!(m, Mark::Out(Order::Announce(Announcement::StagingEnded { .. }))));
        let unreachable_later = unreachable.is_some_and(|at| staging_over.is_some_and(|s| s < at));
        let aborted = failed.is_some() || unreachable_later;
        let rules = [
            (any(&[Outcome::RollbackFailed]) || lost, 7),
            (aborted && any(&[Outcome::RolledBack]), 6),
            (aborted, 5),
            (self.interrupted().is_some(), 130),
            (self.staged_as(Staged::Denied), 12),
            (self.staged_as(Staged::Held), 9),
            (self.staged_as(Staged::Stale), 11),
            (any(&[Outcome::Failed, Outcome::Indeterminate, Outcome::RolledBack]), 4),
            (any(&[Outcome::Unreachable]), 8),
        ];
        rules.into_iter().find_map(|(applies, code)| applies.then_some(code)).unwrap_or(0)
    }
}
