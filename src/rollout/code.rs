//! The exit code of a run: constant, documented, and a pure function of what happened.

use crate::{event::Signal, model::Outcome};

/// What happened to the run as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each may be true beside any other")]
pub struct Flags {
    /// The budget was spent, and the run stopped.
    pub aborted: bool,
    /// Nobody knows whether an undo took effect.
    pub undo_lost: bool,
    /// A host lock was held by somebody else.
    pub held: bool,
    /// A host had moved since the plan was made.
    pub stale: bool,
    /// Authentication or a host key stopped a connection.
    pub denied: bool,
    /// A secret could not be had.
    pub secret: bool,
    /// The run was asked to stop.
    pub interrupted: Option<Signal>,
}

/// The exit code. Where several apply, the first of 7, 6, 5, 130 or 143, 13, 12, 9, 11, 4, 8.
///
/// - 7: an undo failed, or nobody knows whether it did
/// - 6: aborted, and something was rolled back
/// - 5: aborted, and nothing was rolled back
/// - 130, 143: interrupted, can be resumed
/// - 13: a secret could not be had; 12: authentication or host key
/// - 9: a host lock is held; 11: the plan is stale
/// - 4: some site failed, within the budget
/// - 8: the only trouble is unreachable sites
/// - 0: every site is as wanted
#[must_use]
pub fn exit_code(outcomes: impl IntoIterator<Item = Outcome>, flags: Flags) -> u8 {
    let mut counts = Counts::default();
    for outcome in outcomes {
        counts.add(outcome);
    }
    let stopped = flags.interrupted.map(Signal::code);
    if counts.rollback_failed || flags.undo_lost {
        7
    } else if flags.aborted {
        if counts.rolled_back { 6 } else { 5 }
    } else if let Some(code) = stopped {
        code
    } else if flags.secret {
        13
    } else if flags.denied {
        12
    } else if flags.held {
        9
    } else if flags.stale {
        11
    } else if counts.failed || counts.rolled_back {
        4
    } else if counts.unreachable {
        8
    } else if counts.not_started {
        // A run that left sites out must not look like success, whatever stopped it.
        5
    } else {
        0
    }
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each may be true beside any other")]
struct Counts {
    failed: bool,
    unreachable: bool,
    rolled_back: bool,
    rollback_failed: bool,
    not_started: bool,
}

impl Counts {
    const fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Unchanged | Outcome::Changed | Outcome::Skipped => {}
            Outcome::Failed | Outcome::Indeterminate => self.failed = true,
            Outcome::Unreachable => self.unreachable = true,
            Outcome::NotStarted => self.not_started = true,
            Outcome::RolledBack => self.rolled_back = true,
            Outcome::RollbackFailed => self.rollback_failed = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use Outcome as O;

    use super::*;

    #[test]
    fn several_troubles_give_the_first_of_the_documented_order() {
        let all = Flags {
            aborted: true,
            undo_lost: true,
            held: true,
            stale: true,
            denied: true,
            secret: true,
            interrupted: Some(Signal::Terminate),
        };
        let everything = || O::ALL.into_iter();
        assert_eq!(exit_code(everything(), all), 7);
        let no_failed_undo = || everything().filter(|o| *o != O::RollbackFailed);
        assert_eq!(exit_code(no_failed_undo(), all), 7);
        let all = Flags { undo_lost: false, ..all };
        assert_eq!(exit_code(no_failed_undo(), all), 6);
        let rest = || no_failed_undo().filter(|o| *o != O::RolledBack);
        assert_eq!(exit_code(rest(), all), 5);
        let all = Flags { aborted: false, ..all };
        assert_eq!(exit_code(rest(), all), 143);
        let all = Flags { interrupted: None, ..all };
        assert_eq!(exit_code(rest(), all), 13);
        let all = Flags { secret: false, ..all };
        assert_eq!(exit_code(rest(), all), 12);
        let all = Flags { denied: false, ..all };
        assert_eq!(exit_code(rest(), all), 9);
        let all = Flags { held: false, ..all };
        assert_eq!(exit_code(rest(), all), 11);
        assert_eq!(exit_code(rest(), Flags::default()), 4);
    }

    #[test]
    fn only_good_outcomes_are_success() {
        let code = |outcomes: &[Outcome]| exit_code(outcomes.iter().copied(), Flags::default());
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[O::Changed, O::Unchanged, O::Skipped]), 0);
        assert_eq!(code(&[O::Changed, O::Unreachable]), 8);
        assert_eq!(code(&[O::Unreachable, O::Failed]), 4);
        assert_eq!(code(&[O::Changed, O::RolledBack]), 4);
        assert_eq!(code(&[O::Changed, O::Indeterminate]), 4);
        assert_eq!(code(&[O::Changed, O::NotStarted]), 5);
        for outcome in O::ALL {
            assert_eq!(code(&[O::Changed, outcome]) == 0, outcome.is_good(), "{outcome}");
        }
    }
}
