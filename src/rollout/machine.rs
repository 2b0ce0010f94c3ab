//! The rollout itself: stage everywhere, release in batches, stop when the budget is spent,
//! undo by policy, settle.
//!
//! One rule carries the policies: a site that may still have to be undone is not concluded.
//! Under `keep` and `rollback_failed` a site is concluded (and settled) as soon as it is
//! confirmed, under `rollback_batch` when its batch has ended well, under `rollback_all` at
//! the end. So what an abort has to undo is what is confirmed and not concluded. With a
//! window, the batch is the sites that are in flight when the budget is spent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Errand, Flags, Input, Order, board::Board};
use crate::{
    event::{Event, OnAbort, Released, Schedule, Staged, Undone},
    model::{Outcome, SiteName},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Staging,
    Rolling,
    Pausing,
    Undoing,
    Closing,
    Over,
}

/// How far a site has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Waiting,
    Staging,
    Ready,
    Releasing,
    Broken,
    Confirmed,
    Concluded(Outcome),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) place: Place,
    /// Whether a settling has to follow.
    pub(super) locked: bool,
    /// When its release began, counted in releases of the run.
    pub(super) began: u64,
}

/// A rollout, from the confirmation to the last lock given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    pub(super) schedule: Schedule,
    pub(super) index: BTreeMap<SiteName, usize>,
    pub(super) sites: Vec<Site>,
    pub(super) board: Board,
    pub(super) phase: Phase,
    /// Batches to come.
    pub(super) batches: VecDeque<Vec<usize>>,
    pub(super) batch_count: usize,
    /// The current batch, and what of it has not been begun.
    pub(super) batch: Vec<usize>,
    pub(super) queue: VecDeque<usize>,
    pub(super) failed: usize,
    pub(super) unreachable: usize,
    pub(super) releases: u64,
    pub(super) flags: Flags,
    /// Nothing new is begun any more.
    pub(super) stopping: bool,
    /// The budget is spent, and the policy applies.
    pub(super) spent: bool,
    pub(super) orders: Vec<Order>,
}

impl Rollout {
    /// A rollout and its first orders. A site that is named twice takes its first place.
    #[must_use]
    pub fn begin(schedule: Schedule) -> (Self, Vec<Order>) {
        Self::begin_knowing(schedule, &BTreeMap::new())
    }

    /// A rollout of which some sites are known to fail already. They are judged before the
    /// first order, so a budget that cannot hold is spent before anything is sent anywhere.
    #[must_use]
    pub fn begin_knowing(
        mut schedule: Schedule,
        foreseen: &BTreeMap<SiteName, Staged>,
    ) -> (Self, Vec<Order>) {
        let mut named = BTreeSet::new();
        schedule.sites.retain(|slot| named.insert(slot.site.clone()));
        let site = Site { place: Place::Waiting, locked: false, began: 0 };
        let mut rollout = Self {
            index: schedule.sites.iter().map(|slot| slot.site.clone()).zip(0..).collect(),
            sites: vec![site; schedule.sites.len()],
            board: Board::new(&schedule.sites),
            schedule,
            phase: Phase::Staging,
            batches: VecDeque::new(),
            batch_count: 0,
            batch: Vec::new(),
            queue: VecDeque::new(),
            failed: 0,
            unreachable: 0,
            releases: 0,
            flags: Flags::default(),
            stopping: false,
            spent: false,
            orders: Vec::new(),
        };
        rollout.foresee(foreseen);
        for index in 0..rollout.sites.len() {
            if rollout.place(index) == Some(Place::Waiting) {
                rollout.board.want(Errand::Stage, index as u64, index);
            }
        }
        let orders = rollout.orders();
        (rollout, orders)
    }

    /// The rollout that a run's journal tells of; `None` when none had begun. What it has
    /// ordered and not heard of is [`Self::in_flight`].
    #[must_use]
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut rollout: Option<Self> = None;
        let mut foreseen = BTreeMap::new();
        for event in events {
            match (event, &mut rollout) {
                (Event::SiteStaged { site, result }, None) => {
                    foreseen.insert(site.clone(), *result);
                }
                (Event::RolloutPlanned(schedule), None) => {
                    rollout = Some(Self::begin_knowing(schedule.clone(), &foreseen).0);
                }
                (event, Some(rollout)) => {
                    if let Some(input) = Input::from_event(event) {
                        rollout.step(input);
                    }
                }
                (_, None) => {}
            }
        }
        rollout
    }

    /// Takes what has happened, gives what is to be done. An input that answers no order
    /// that is out changes nothing.
    pub fn step(&mut self, input: Input) -> Vec<Order> {
        match input {
            Input::Staged(site, result) => {
                if let Some(index) = self.end(Errand::Stage, &site) {
                    self.staged(index, result);
                }
            }
            Input::Released(site, result) => {
                if let Some(index) = self.end(Errand::Release, &site) {
                    self.released(index, result);
                }
            }
            Input::Undone(site, result) => {
                if let Some(index) = self.end(Errand::Undo, &site) {
                    self.undone(index, result);
                }
            }
            Input::Settled(site) => {
                self.end(Errand::Settle, &site);
            }
            Input::PauseOver => {
                if self.phase == Phase::Pausing {
                    self.next_batch();
                }
            }
            Input::Interrupted(signal) => {
                self.flags.interrupted.get_or_insert(signal);
                self.stop();
            }
        }
        self.orders()
    }

    /// Errands that are out, one per host at most.
    pub fn in_flight(&self) -> impl Iterator<Item = (Errand, &SiteName)> {
        self.board.out().filter_map(|(errand, index)| Some((errand, self.name(index)?)))
    }

    /// The outcomes so far.
    pub fn outcomes(&self) -> impl Iterator<Item = (&SiteName, Outcome)> {
        self.schedule.sites.iter().zip(&self.sites).filter_map(|(slot, site)| match site.place {
            Place::Concluded(outcome) => Some((&slot.site, outcome)),
            _ => None,
        })
    }

    /// Whether the last order has been given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// All that is foreseen counts before the budget is judged; no lock was taken there.
    fn foresee(&mut self, foreseen: &BTreeMap<SiteName, Staged>) {
        for (site, result) in foreseen {
            let Some(index) = self.index.get(site).copied() else { continue };
            match result {
                Staged::Failed => {
                    self.failed += 1;
                    self.conclude(index, Outcome::Failed);
                }
                Staged::Unreachable | Staged::Denied => {
                    self.unreachable += 1;
                    self.flags.denied |= *result == Staged::Denied;
                    self.conclude(index, Outcome::Unreachable);
                }
                Staged::Held => {
                    self.flags.held = true;
                    self.conclude(index, Outcome::Failed);
                }
                // These are found out by staging alone.
                Staged::Ready | Staged::Unchanged | Staged::Skipped | Staged::Stale => {}
            }
        }
        if self.flags.held {
            self.stop();
        }
        self.judge_failed();
        self.judge_unreachable();
    }

    fn staged(&mut self, index: usize, result: Staged) {
        if let Some(site) = self.sites.get_mut(index) {
            // Wherever staging may have taken the lock, it has to be given back.
            site.locked = matches!(
                result,
                Staged::Ready | Staged::Failed | Staged::Unreachable | Staged::Stale
            );
        }
        match result {
            Staged::Ready if self.stopping => self.conclude(index, Outcome::NotStarted),
            Staged::Ready => self.put(index, Place::Ready),
            Staged::Unchanged => self.conclude(index, Outcome::Unchanged),
            Staged::Skipped => self.conclude(index, Outcome::Skipped),
            Staged::Failed => self.count_failed(index, Some(Outcome::Failed)),
            Staged::Unreachable => self.count_unreachable(index),
            Staged::Denied => {
                self.flags.denied = true;
                self.count_unreachable(index);
            }
            // No failure of this run, but nothing of it may go on.
            Staged::Held | Staged::Stale => {
                self.flags.held |= result == Staged::Held;
                self.flags.stale |= result == Staged::Stale;
                self.conclude(index, Outcome::Failed);
                self.stop();
            }
        }
    }

    fn released(&mut self, index: usize, result: Released) {
        let keep = self.schedule.on_abort == OnAbort::Keep;
        match result {
            Released::Confirmed => {
                self.put(index, Place::Confirmed);
                if self.is_safe_from_undo() {
                    self.conclude(index, Outcome::Changed);
                }
            }
            Released::Unreachable => self.count_unreachable(index),
            Released::FailedUntouched => self.count_failed(index, Some(Outcome::Failed)),
            Released::Failed => self.count_failed(index, keep.then_some(Outcome::Failed)),
            Released::Lost => self.count_failed(index, keep.then_some(Outcome::Indeterminate)),
        }
    }

    fn undone(&mut self, index: usize, result: Undone) {
        self.flags.undo_lost |= result == Undone::Lost;
        self.conclude(
            index,
            match result {
                Undone::RolledBack => Outcome::RolledBack,
                Undone::Failed => Outcome::RollbackFailed,
                Undone::Lost => Outcome::Indeterminate,
                Undone::Overtaken => Outcome::Failed,
            },
        );
    }

    /// Advances, and collects what is to be done.
    fn orders(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        loop {
            self.advance();
            orders.append(&mut self.orders);
            let issued = self.board.issue();
            if issued.is_empty() {
                return orders;
            }
            for (errand, index) in issued {
                match errand {
                    Errand::Stage => self.put(index, Place::Staging),
                    Errand::Release => {
                        self.releases += 1;
                        self.put(index, Place::Releasing);
                        if let Some(site) = self.sites.get_mut(index) {
                            site.began = self.releases;
                        }
                    }
                    Errand::Undo | Errand::Settle => {}
                }
                orders.extend(self.name(index).map(|site| Order::Begin(errand, site.clone())));
            }
        }
    }

    /// The newest is undone first.
    pub(super) fn want_undo(&mut self, index: usize) {
        self.put(index, Place::Broken);
        let began = self.sites.get(index).map_or(0, |site| site.began);
        self.board.want(Errand::Undo, u64::MAX - began, index);
    }

    pub(super) fn conclude(&mut self, index: usize, outcome: Outcome) {
        self.put(index, Place::Concluded(outcome));
        self.orders.extend(self.name(index).map(|site| Order::Conclude(site.clone(), outcome)));
        if self.sites.get(index).is_some_and(|site| site.locked) {
            self.board.want(Errand::Settle, index as u64, index);
        }
    }

    fn end(&mut self, errand: Errand, site: &SiteName) -> Option<usize> {
        let index = self.index.get(site).copied()?;
        self.board.end(errand, index).then_some(index)
    }

    fn put(&mut self, index: usize, place: Place) {
        if let Some(site) = self.sites.get_mut(index) {
            site.place = place;
        }
    }

    pub(super) fn place(&self, index: usize) -> Option<Place> {
        self.sites.get(index).map(|site| site.place)
    }

    pub(super) fn indices(&self, place: Place) -> Vec<usize> {
        let sites = self.sites.iter().enumerate();
        sites.filter(|(_, site)| site.place == place).map(|(index, _)| index).collect()
    }

    pub(super) fn name(&self, index: usize) -> Option<&SiteName> {
        self.schedule.sites.get(index).map(|slot| &slot.site)
    }
}
