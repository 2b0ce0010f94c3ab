//! The gates of a site, one after the other: each is asked until it decides, and what a site was
//! before counts. Changes nothing; `check` makes the attempts, `rollout::gate` decides.

use tokio::time::Instant;

use super::{
    check,
    host::Host,
    site::{Manner, Site},
};
use crate::{
    event::{Event, Step},
    rollout::gate::{Decision, Gate, Health, Judgement, Rules, judge},
};

impl Site {
    /// Whether the site passes all its gates; the first that fails is told.
    pub(super) async fn pass_gates(&self) -> bool {
        for (index, spec) in self.manner.gates.iter().enumerate() {
            let begun = Instant::now();
            let mut gate = Gate::new(Rules {
                attempts: spec.attempts,
                interval: spec.interval,
                deadline: spec.deadline,
                successes: spec.successes,
            });
            let before = self.baseline.get(index).copied().flatten();
            loop {
                let seen = check::attempt(&self.host, &self.manner.url, spec).await;
                let (ok, detail) = allow(seen, before.filter(|_| spec.baseline));
                let decision = gate.step(ok, begun.elapsed());
                self.mouth.say(Event::GateTried {
                    site: self.mouth.site().clone(),
                    gate: spec.check.to_string(),
                    attempt: gate.tried(),
                    ok,
                    detail: detail.clone(),
                });
                match decision {
                    Decision::Passed => break,
                    Decision::Again(wait) => tokio::time::sleep(wait).await,
                    Decision::Failed(_) => {
                        let why = format!("{}: {detail} (attempt {})", spec.check, gate.tried());
                        self.mouth.failed(Step::Gate, why, &[], false);
                        return false;
                    }
                }
            }
            self.mouth.done(Step::Gate, begun, 0, Some(spec.check.to_string()));
        }
        true
    }
}

/// What the gates that compare with before say of the site as it is.
pub(super) async fn health(host: Host, manner: Manner) -> Vec<Option<Health>> {
    let mut seen = Vec::new();
    for gate in &manner.gates {
        seen.push(if gate.baseline {
            Some(check::attempt(&host, &manner.url, gate).await.health)
        } else {
            None
        });
    }
    seen
}

/// What an attempt means, given how the site was before.
fn allow(seen: check::Seen, before: Option<Health>) -> (bool, String) {
    if seen.ok || before.is_none() {
        return (seen.ok, seen.detail);
    }
    match judge(before, seen.health) {
        Judgement::RedBefore => (true, format!("{} (it was so before)", seen.detail)),
        Judgement::Well | Judgement::Worse => (seen.ok, seen.detail),
    }
}
