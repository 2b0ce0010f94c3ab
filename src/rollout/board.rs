//! Which errands wait for their host and which are out: never two out at one host.

use std::collections::{BTreeMap, BTreeSet};

use super::Errand;
use crate::event::Slot;

/// An errand that waits: the most urgent first, then by `key`, then by site.
type Waiting = (Errand, u64, usize);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Host {
    out: Option<(Errand, usize)>,
    waiting: BTreeSet<Waiting>,
}

/// The errands of a rollout. Sites are known by their place in the schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Board {
    hosts: Vec<Host>,
    host_of: Vec<usize>,
    /// Hosts where something may begin.
    woken: BTreeSet<usize>,
    /// Waiting and out, by errand.
    active: BTreeMap<Errand, usize>,
}

impl Board {
    pub(super) fn new(slots: &[Slot]) -> Self {
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        let mut host_of = Vec::with_capacity(slots.len());
        for slot in slots {
            let next = known.len();
            host_of.push(*known.entry(slot.host.as_str()).or_insert(next));
        }
        Self { hosts: vec![Host::default(); known.len()], host_of, ..Self::default() }
    }

    /// Wants `errand` at `site`; among equals of a host the lowest `key` goes first.
    pub(super) fn want(&mut self, errand: Errand, key: u64, site: usize) {
        let Some(index) = self.host_of.get(site).copied() else { return };
        let Some(host) = self.hosts.get_mut(index) else { return };
        if host.waiting.insert((errand, key, site)) {
            *self.active.entry(errand).or_default() += 1;
            self.woken.insert(index);
        }
    }

    /// Wants `errand` nowhere any more; what is out stays out.
    pub(super) fn forget(&mut self, errand: Errand) {
        let mut gone = 0;
        for host in &mut self.hosts {
            let before = host.waiting.len();
            host.waiting.retain(|(waiting, ..)| *waiting != errand);
            gone += before - host.waiting.len();
        }
        self.reduce(errand, gone);
    }

    /// Takes note that an errand ended. False when it was not out: then nothing happens.
    pub(super) fn end(&mut self, errand: Errand, site: usize) -> bool {
        let Some(index) = self.host_of.get(site).copied() else { return false };
        let Some(host) = self.hosts.get_mut(index) else { return false };
        if host.out != Some((errand, site)) {
            return false;
        }
        host.out = None;
        self.woken.insert(index);
        self.reduce(errand, 1);
        true
    }

    /// What can begin now, in the order in which it should.
    pub(super) fn issue(&mut self) -> Vec<(Errand, usize)> {
        let mut ready: Vec<Waiting> = Vec::new();
        for index in std::mem::take(&mut self.woken) {
            let Some(host) = self.hosts.get_mut(index) else { continue };
            if host.out.is_some() {
                continue;
            }
            if let Some(first) = host.waiting.pop_first() {
                host.out = Some((first.0, first.2));
                ready.push(first);
            }
        }
        ready.sort_unstable();
        ready.into_iter().map(|(errand, _, site)| (errand, site)).collect()
    }

    /// How many of an errand wait or are out.
    pub(super) fn active(&self, errand: Errand) -> usize {
        self.active.get(&errand).copied().unwrap_or(0)
    }

    /// What is out, by host.
    pub(super) fn out(&self) -> impl Iterator<Item = (Errand, usize)> {
        self.hosts.iter().filter_map(|host| host.out)
    }

    fn reduce(&mut self, errand: Errand, by: usize) {
        let count = self.active.entry(errand).or_default();
        *count = count.saturating_sub(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(hosts: &[&str]) -> Board {
        let slots: Vec<Slot> = hosts
            .iter()
            .enumerate()
            .map(|(i, host)| Slot {
                site: format!("s{i}").parse().unwrap(),
                host: (*host).to_owned(),
                canary: false,
            })
            .collect();
        Board::new(&slots)
    }

    #[test]
    fn sites_of_one_host_go_in_turn_and_the_urgent_first() {
        let mut board = board(&["a", "a", "b"]);
        for site in 0..3 {
            board.want(Errand::Release, site as u64, site);
        }
        assert_eq!(board.issue(), [(Errand::Release, 0), (Errand::Release, 2)]);
        assert_eq!(board.issue(), []);
        board.want(Errand::Undo, 0, 0);
        assert!(!board.end(Errand::Release, 1), "it is not out");
        assert!(board.end(Errand::Release, 0));
        assert_eq!(board.issue(), [(Errand::Undo, 0)]);
        assert!(board.end(Errand::Undo, 0));
        assert_eq!(board.issue(), [(Errand::Release, 1)]);
        assert_eq!(board.active(Errand::Release), 2);
    }

    #[test]
    fn what_is_forgotten_does_not_begin() {
        let mut board = board(&["a", "a"]);
        board.want(Errand::Stage, 0, 0);
        board.want(Errand::Stage, 1, 1);
        board.issue();
        board.forget(Errand::Stage);
        assert_eq!(board.active(Errand::Stage), 1);
        assert!(board.end(Errand::Stage, 0));
        assert_eq!(board.issue(), []);
        assert_eq!(board.active(Errand::Stage), 0);
    }
}
