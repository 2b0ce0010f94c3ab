//! Ends commands on hosts whose sshd takes no signals.
//!
//! OpenSSH before 9.8 refuses the signal request on root's connections, and closing a channel
//! leaves its command running. But each command is a child of the sshd that serves the
//! connection, in the order of the requests: so another command of the same connection can
//! find it, if it is told which of how many. Called when a deadline has passed.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use russh::{Channel, client::Msg};
use tokio::time::timeout;

use super::run::Running;
use crate::transport::Blob;

const SCRIPT: &str = include_str!("reap.sh");

/// How long the host may take to end the command.
const LIMIT: Duration = Duration::from_secs(5);

/// The commands that run on a connection, in the order of their start.
#[derive(Default)]
pub(super) struct Order(Mutex<Started>);

#[derive(Default)]
struct Started {
    next: u64,
    running: BTreeSet<u64>,
}

/// A command's place in the order, until dropped.
pub(super) struct Place<'a>(&'a Order, u64);

impl Order {
    fn lock(&self) -> MutexGuard<'_, Started> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a command that is about to start.
    pub(super) fn join(&self) -> Place<'_> {
        let mut started = self.lock();
        let number = started.next;
        started.next += 1;
        started.running.insert(number);
        Place(self, number)
    }
}

impl Place<'_> {
    /// Which one it is of how many, counted from 1.
    fn of(&self) -> (usize, usize) {
        let started = self.0.lock();
        (started.running.range(..=self.1).count(), started.running.len())
    }

    /// Ends the command that has this place. Whether it worked is seen on its own channel.
    pub(super) async fn reap(&self, channel: Channel<Msg>) {
        let (which, all) = self.of();
        let command = format!("exec /bin/sh -s {which} {all}");
        let script = vec![Blob::Shared(Bytes::from_static(SCRIPT.as_bytes()))];
        let _ = timeout(LIMIT, async {
            if let Ok(mut running) = Running::start(channel, command.as_bytes(), script, 0).await {
                running.drain().await;
            }
        })
        .await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().running.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_among_those_that_still_run() {
        let order = Order::default();
        let (first, second, third) = (order.join(), order.join(), order.join());
        assert_eq!((first.of(), second.of(), third.of()), ((1, 3), (2, 3), (3, 3)));
        drop(second);
        assert_eq!((first.of(), third.of()), ((1, 2), (2, 2)));
    }
}
