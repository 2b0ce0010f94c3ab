//! The end of a site's way through a run, and of one that another run did not come to: what is not
//! needed any more goes, and the lock is given back. Called by the errands and the session; must
//! never touch what is current.

use tokio::time::Instant;

use super::{
    host::Rights,
    site::{SHORT, Site},
};
use crate::{
    event::Step,
    plan::{Decision, Prune, prune},
};

impl Site {
    /// What is not needed any more, as things stand; `None` for a site that nothing is done at.
    pub(super) fn superfluous(&self) -> Option<Prune> {
        let seen = self.seen.as_ref()?;
        let ours = match &self.decision {
            Some(Decision::Deploy(deployment)) => Some(&deployment.name),
            Some(Decision::Confirm { name, .. }) => Some(name),
            _ => return None,
        };
        let current = if self.active { ours } else { seen.current_name() };
        let never_used = ours.filter(|_| self.staged && !self.active);
        Some(prune(seen, current, never_used, self.keep()))
    }

    pub(super) fn keep(&self) -> usize {
        self.wanted.as_ref().map_or(5, |wanted| wanted.keep)
    }

    /// Removes what is not needed any more and gives the lock back.
    pub async fn settle(&mut self) {
        if self.settled {
            return;
        }
        let Some(old) = self.superfluous() else { return };
        if self.mouth.permit(Step::Settle, None).await.is_err() {
            return;
        }
        let begun = Instant::now();
        let make = |marker: &str| self.place.settle(marker, &old);
        match self.host.run(Rights::Owner, &[], SHORT * 5, make).await {
            Ok(_) => self.mouth.done(Step::Settle, begun, 0, None),
            Err(why) => self.mouth.warn(format!(
                "the host lock could not be given back ({why}); it ends by itself within {} s",
                self.place.lease
            )),
        }
        self.generation = None;
    }
}
