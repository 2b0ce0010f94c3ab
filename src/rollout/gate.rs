//! The decision of a gate: is a site healthy, is it not, or is it too early to say.
//!
//! The engine makes the attempts and keeps the time; here is only what follows from them.

use std::time::Duration;

use crate::resource::GateSpec;

/// When a gate passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many attempts there are at most. Fewer than `successes` are taken as as many.
    pub attempts: u32,
    /// How long to wait after an attempt.
    pub interval: Duration,
    /// After how long the gate has failed, counted from its beginning.
    pub deadline: Duration,
    /// How many attempts in a row must succeed; 0 is taken as 1.
    pub successes: u32,
}

impl From<&GateSpec> for Rules {
    fn from(spec: &GateSpec) -> Self {
        Self {
            attempts: spec.attempts,
            interval: spec.interval,
            deadline: spec.deadline,
            successes: spec.successes,
        }
    }
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again after so long.
    Again(Duration),
    /// The site is healthy.
    Passed,
    /// It is not.
    Failed(Reason),
}

/// Why a gate failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The attempts that are left cannot be enough.
    Attempts,
    /// The deadline is over, or would be before the next attempt.
    Deadline,
}

/// A gate on its way to a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    rules: Rules,
    tried: u32,
    streak: u32,
}

impl Gate {
    /// A gate before its first attempt.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let successes = rules.successes.max(1);
        let attempts = rules.attempts.max(successes);
        Self { rules: Rules { attempts, successes, ..rules }, tried: 0, streak: 0 }
    }

    /// Attempts made so far.
    #[must_use]
    pub const fn tried(&self) -> u32 {
        self.tried
    }

    /// Takes the result of an attempt that ended `elapsed` after the gate began. An attempt
    /// that ends after the deadline is no success, whatever it says.
    pub fn step(&mut self, ok: bool, elapsed: Duration) -> Decision {
        let rules = self.rules;
        self.tried = self.tried.saturating_add(1);
        if elapsed > rules.deadline {
            return Decision::Failed(Reason::Deadline);
        }
        self.streak = if ok { self.streak + 1 } else { 0 };
        if self.streak >= rules.successes {
            return Decision::Passed;
        }
        let left = rules.attempts.saturating_sub(self.tried);
        if left < rules.successes - self.streak {
            return Decision::Failed(Reason::Attempts);
        }
        if elapsed.saturating_add(rules.interval) > rules.deadline {
            return Decision::Failed(Reason::Deadline);
        }
        Decision::Again(rules.interval)
    }
}

/// What a request to a site showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// An HTTP status (RFC 9110, section 15).
    Status(u16),
    /// No answer, or none that is HTTP.
    NoAnswer,
}

impl Health {
    /// 0 is well; higher is worse.
    const fn severity(self) -> u8 {
        match self {
            Self::Status(..400) => 0,
            Self::Status(400..500) => 1,
            Self::Status(_) => 2,
            Self::NoAnswer => 3,
        }
    }
}

/// What the default gate says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The status is below 400.
    Well,
    /// It is not, and it was as bad or worse before: let through, and to be reported.
    RedBefore,
    /// It is worse than before.
    Worse,
}

/// The rule of the default gate: a status below 400, or at least no worse than before. Worse
/// means a worse kind: client error, server error, no answer. Where nothing is known of
/// before, the site counts as having been well.
#[must_use]
pub fn judge(before: Option<Health>, now: Health) -> Judgement {
    if now.severity() == 0 {
        Judgement::Well
    } else if before.is_some_and(|before| before.severity() >= now.severity()) {
        Judgement::RedBefore
    } else {
        Judgement::Worse
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(attempts: u32, successes: u32) -> Rules {
        Rules { attempts, interval: SECOND, deadline: 60 * SECOND, successes }
    }

    fn run(rules: Rules, pattern: &[bool]) -> (Decision, u32) {
        let mut gate = Gate::new(rules);
        let mut elapsed = Duration::ZERO;
        for ok in pattern {
            match gate.step(*ok, elapsed) {
                Decision::Again(wait) => elapsed += wait,
                decided => return (decided, gate.tried()),
            }
        }
        (Decision::Again(SECOND), gate.tried())
    }

    #[test]
    fn a_flapping_site_does_not_pass() {
        let flapping: Vec<bool> = [true, true, false].into_iter().cycle().take(30).collect();
        let (decision, tried) = run(rules(29, 3), &flapping);
        assert_eq!(decision, Decision::Failed(Reason::Attempts));
        assert_eq!(tried, 27, "it gives up when what is left cannot be enough");
        assert_eq!(run(rules(30, 2), &flapping), (Decision::Passed, 2));
    }

    #[test]
    fn a_slow_start_passes_and_a_slow_answer_does_not() {
        assert_eq!(run(rules(5, 1), &[false, false, true]), (Decision::Passed, 3));
        let mut gate = Gate::new(rules(5, 1));
        assert_eq!(gate.step(true, 61 * SECOND), Decision::Failed(Reason::Deadline));
        let mut gate = Gate::new(rules(5, 1));
        assert_eq!(gate.step(false, 60 * SECOND), Decision::Failed(Reason::Deadline));
    }

    #[test]
    fn rules_that_could_never_pass_are_read_as_the_nearest_that_can() {
        assert_eq!(run(rules(1, 3), &[true, true, true]), (Decision::Passed, 3));
        assert_eq!(run(rules(0, 0), &[true]), (Decision::Passed, 1));
        assert_eq!(run(rules(0, 0), &[false]).0, Decision::Failed(Reason::Attempts));
    }

    #[test]
    fn a_site_that_was_red_may_stay_as_red_but_no_redder() {
        use Health::{NoAnswer, Status};
        for (before, now, expected) in [
            (Some(Status(200)), Status(302), Judgement::Well),
            (None, Status(399), Judgement::Well),
            (None, Status(400), Judgement::Worse),
            (Some(Status(200)), Status(404), Judgement::Worse),
            (Some(Status(500)), Status(200), Judgement::Well),
            (Some(Status(500)), Status(503), Judgement::RedBefore),
            (Some(Status(500)), Status(404), Judgement::RedBefore),
            (Some(Status(404)), Status(500), Judgement::Worse),
            (Some(Status(500)), NoAnswer, Judgement::Worse),
            (Some(NoAnswer), NoAnswer, Judgement::RedBefore),
            (Some(NoAnswer), Status(500), Judgement::RedBefore),
        ] {
            assert_eq!(judge(before, now), expected, "{before:?} then {now:?}");
        }
    }

    /// What a gate must say, told over the whole pattern at once: attempts are those whose
    /// end is in time; it passes if there is a run of successes in time, and never before.
    fn reference(rules: Rules, tries: &[(bool, u64)]) -> Option<bool> {
        let need = rules.successes.max(1) as usize;
        let most = (rules.attempts as usize).max(need);
        let ends: Vec<(bool, u64)> = tries
            .iter()
            .scan(0, |now, (ok, took)| {
                let end = *now + took;
                *now = end + u64::try_from(rules.interval.as_millis()).unwrap();
                Some((*ok, end))
            })
            .take(most)
            .collect();
        let deadline = u64::try_from(rules.deadline.as_millis()).unwrap();
        let in_time = ends.iter().take_while(|(_, end)| *end <= deadline).count();
        let passes = ends[..in_time].windows(need).any(|w| w.iter().all(|(ok, _)| *ok));
        // More attempts than the pattern holds would be needed: no statement.
        let unfinished = !passes && ends.len() < most && in_time == ends.len();
        (!unfinished).then_some(passes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_decision_is_that_of_the_reference(
            attempts in 0..12u32,
            successes in 0..5u32,
            interval in 0..4_000u64,
            deadline in 0..40_000u64,
            tries in prop::collection::vec((prop::bool::weighted(0.6), 0..3_000u64), 1..16),
        ) {
            let rules = Rules {
                attempts,
                successes,
                interval: Duration::from_millis(interval),
                deadline: Duration::from_millis(deadline),
            };
            let mut gate = Gate::new(rules);
            let mut now = 0;
            let mut decided = None;
            for (ok, took) in &tries {
                now += took;
                match gate.step(*ok, Duration::from_millis(now)) {
                    Decision::Again(wait) => now += u64::try_from(wait.as_millis()).unwrap(),
                    Decision::Passed => { decided = Some(true); break }
                    Decision::Failed(_) => { decided = Some(false); break }
                }
            }
            if let Some(expected) = reference(rules, &tries) {
                prop_assert_eq!(decided, Some(expected));
            } else {
                // It may see early that it cannot pass any more, but must not pass.
                prop_assert_ne!(decided, Some(true));
            }
        }
    }
}
