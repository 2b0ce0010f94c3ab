//! What a run that died has left at a site: a reload that it owed, or, where nothing else is
//! needed, its lock, what it was staging, releases that it would have pruned. One ordinary
//! command finishes that too.

use tokio::time::Instant;

use super::{
    host::Rights,
    site::{SHORT, Site},
};
use crate::{
    event::{Released, Step},
    model::ReleaseName,
    plan::{Observation, prune},
};

impl Site {
    /// Whether a run that is over has left its lock here, or something half staged.
    #[must_use]
    pub fn has_leftovers(&self) -> bool {
        let Some(seen) = &self.seen else { return false };
        match &seen.lock {
            Some(lock) => lock.left == 0 || self.is_dead(&lock.holder),
            None => seen.partials,
        }
    }

    /// Clears it away, under the lock, in one step. The site is as wanted already, so trouble is
    /// told and stops nothing.
    pub(super) async fn clear_leftovers(&self, seen: &Observation) {
        if !self.has_leftovers() || self.mouth.permit(Step::Settle, None).await.is_err() {
            return;
        }
        let begun = Instant::now();
        let old = prune(seen, seen.current_name(), None, self.keep());
        let make = |marker: &str| self.place.tidy(marker, &self.lock(seen), &old);
        match self.host.run(Rights::Owner, &[], SHORT * 5, make).await {
            Ok(_) => self.mouth.done(Step::Settle, begun, 0, None),
            Err(why) => self.mouth.warn(format!(
                "what an interrupted run has left here could not be cleared ({why})"
            )),
        }
    }

    /// The run that made it active may have ended before its reload: then the gates would go
    /// green on the code of the release before.
    pub(super) async fn reload_what_is_active(
        &mut self,
        name: &ReleaseName,
    ) -> Result<(), Released> {
        if self.manner.reload.is_empty() {
            return Ok(());
        }
        if self.mouth.permit(Step::Reload, Some(name)).await.is_err() {
            return Err(Released::Failed);
        }
        let begun = Instant::now();
        match self.reload().await {
            Ok(_) => {
                self.mouth.done(Step::Reload, begun, 0, None);
                Ok(())
            }
            Err(why) => {
                self.mouth.failed(Step::Reload, why.to_string(), why.tail(), false);
                Err(Released::Failed)
            }
        }
    }
}
