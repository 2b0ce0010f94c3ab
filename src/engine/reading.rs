//! What a session does without a rollout: it reads all sites, or runs a command at each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    adhoc,
    session::{Ended, Session, Workers},
};
use crate::{
    event::Signal,
    model::{Outcome, SiteName},
    rollout::Flags,
};

impl Session<'_> {
    /// Reads all sites and plans them. Changes nothing. A site that cannot be read keeps the
    /// reason as its trouble.
    ///
    /// # Errors
    /// The signal that ended the reading.
    pub async fn read(&mut self) -> Result<(), Signal> {
        let mut workers: Workers = JoinSet::new();
        for (_, mut site) in std::mem::take(&mut self.sites) {
            let slots = Arc::clone(&self.slots);
            workers.spawn(async move {
                let _slot = slots.acquire_owned().await;
                site.read_or_note().await;
                (site, Ended::Read)
            });
        }
        let mut stopped = None;
        while !workers.is_empty() {
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => self.hear(note),
                Some(ended) = workers.join_next() => {
                    if let Ok((site, _)) = ended { self.add(site); }
                }
                signal = self.signals.next() => {
                    stopped = Some(signal);
                    workers.abort_all();
                }
            }
        }
        self.hear_all();
        stopped.map_or(Ok(()), Err)
    }

    /// Runs a command at every site, all at once. Tells each output as it comes; a site without
    /// an exit status is unreachable or failed.
    ///
    /// # Errors
    /// The signal that ended it.
    pub async fn exec(
        &mut self,
        command: &str,
        deadline: Duration,
    ) -> Result<(BTreeMap<SiteName, Outcome>, Flags), Signal> {
        let mut workers: JoinSet<(SiteName, Outcome, bool)> = JoinSet::new();
        for site in self.sites.values() {
            let (slots, host) = (Arc::clone(&self.slots), site.host.clone());
            let (mouth, command) = (site.mouth.clone(), command.to_owned());
            workers.spawn(async move {
                let _slot = slots.acquire_owned().await;
                let (outcome, denied) = adhoc::at_site(&host, &mouth, &command, deadline).await;
                (mouth.site().clone(), outcome, denied)
            });
        }
        let (mut outcomes, mut flags) = (BTreeMap::new(), Flags::default());
        while !workers.is_empty() {
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => self.hear(note),
                Some(ended) = workers.join_next() => {
                    if let Ok((site, outcome, denied)) = ended {
                        outcomes.insert(site, outcome);
                        flags.denied |= denied;
                    }
                }
                signal = self.signals.next() => return Err(signal),
            }
        }
        self.hear_all();
        Ok((outcomes, flags))
    }
}
