//! What is known of a site's staging before it is begun, so that a run that cannot go well is
//! stopped before it sends anything anywhere. Asks no host; called by the session.

use super::{host::StepError, site::Site};
use crate::{
    event::{Staged, Step},
    plan::{Decision, Holder, HostLock},
    transport::TransportError::{Authentication, HostKey},
};

impl Site {
    /// How staging is bound to fail, if that is known before it is begun.
    #[must_use]
    pub fn foreseen(&self) -> Option<Staged> {
        match (&self.seen, &self.decision) {
            (None, _) => Some(self.unread()),
            (_, Some(Decision::Blocked(_))) => Some(Staged::Failed),
            (_, Some(Decision::Deploy(_) | Decision::Confirm { .. })) => {
                self.lock_of_another().map(|_| Staged::Held)
            }
            _ => None,
        }
    }

    /// Says why nothing may be done here, if so.
    pub fn tell_obstacles(&self) {
        match (&self.decision, self.lock_of_another()) {
            (Some(Decision::Blocked(reasons)), _) => {
                self.mouth.failed(Step::Stage, reasons.join("; "), &[], false);
            }
            (Some(Decision::Deploy(_) | Decision::Confirm { .. }), Some(lock)) => {
                self.mouth.failed(
                    Step::Stage,
                    held(lock.run.as_str(), &lock.left.to_string(), &lock.holder),
                    &[],
                    false,
                );
            }
            _ => {}
        }
    }

    /// The lease of another run that was at work here when the site was read: what was read is
    /// not what it will leave.
    fn lock_of_another(&self) -> Option<&HostLock> {
        let lock = self.seen.as_ref()?.lock.as_ref()?;
        (lock.run != self.shared.run && !self.has_leftovers()).then_some(lock)
    }

    /// What the trouble of a site that could not be read means.
    pub(super) fn unread(&self) -> Staged {
        match &self.trouble {
            Some(StepError::Unreachable(HostKey(_) | Authentication { .. })) => Staged::Denied,
            Some(StepError::Refused { .. }) => Staged::Failed,
            _ => Staged::Unreachable,
        }
    }
}

/// Whom a site waits for, in words.
pub(super) fn held(run: &str, left: &str, holder: &Holder) -> String {
    format!(
        "the site is locked by {} (run {run}: {}) for {left} s more; wait, or `fleetctl host-lock break`",
        holder.person, holder.command
    )
}
