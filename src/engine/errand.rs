//! The errands of a deploy at one site: stage, release, undo. Each asks for a permit
//! before it changes anything, and each can be begun again after a lost connection.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    back::confirmed,
    gates::health,
    host::{Answer, Rights, StepError},
    scripts::{Activation, Confirmation, Rise, UndoStep},
    site::{Desire, SHORT, Site},
};
use crate::{
    event::{Released, Staged, Step, Undone},
    model::{Digest, ReleaseName},
    plan::{Current, Decision, Deployment, Observation, UndoRecord},
    release::{Coding, Deliver, Difference, Verb, Wanted},
};

/// Deadline of an upload with everything that belongs to it, per started 10 MB, in seconds.
const UPLOAD: u64 = 120;
/// What `fence.sh` says when the site has gone on without us.
const OVERTAKEN: &str = "overtaken";

impl Site {
    /// Brings the wanted release to the host, beside the others.
    pub async fn stage(&mut self) -> Staged {
        let Some(seen) = self.seen.clone() else { return self.unread() };
        let release = match &self.decision {
            None | Some(Decision::Unchanged) => {
                self.clear_leftovers(&seen).await;
                return Staged::Unchanged;
            }
            Some(Decision::Blocked(_)) => return Staged::Failed,
            Some(Decision::Confirm { name, .. }) => name.clone(),
            Some(Decision::Deploy(deployment)) => deployment.name.clone(),
        };
        if self.mouth.permit(Step::Stage, Some(&release)).await.is_err() {
            return Staged::Failed;
        }
        // How the site is now is asked while contents travel: it costs no time of its own.
        let health = health(self.host.clone(), self.manner.clone());
        let (outcome, baseline) = tokio::join!(self.lock_and_stage(&seen), health);
        match outcome {
            Ok(answer) => {
                self.generation = answer.frame.one("generation").and_then(|text| text.parse().ok());
                self.baseline = baseline;
                Staged::Ready
            }
            Err(why) => self.staging_failed(&why),
        }
    }

    async fn lock_and_stage(&mut self, seen: &Observation) -> Result<Answer, StepError> {
        if let Some(Decision::Deploy(deployment)) = self.decision.clone() {
            return self.stage_release(&deployment, seen).await;
        }
        let make = |marker: &str| self.place.take(marker, &self.lock(seen));
        self.host.run(Rights::Owner, &[], SHORT, make).await
    }

    fn staging_failed(&mut self, why: &StepError) -> Staged {
        // The lock may be ours even so: then settling gives it back.
        let staged = match (why, why.kind()) {
            (_, "held") => {
                self.mouth.failed(Step::Stage, held(why), &[], false);
                return Staged::Held;
            }
            (_, "stale") => Staged::Stale,
            (StepError::Unreachable(_), _) => Staged::Unreachable,
            _ => Staged::Failed,
        };
        self.mouth.failed(Step::Stage, why.to_string(), why.tail(), false);
        staged
    }

    async fn stage_release(
        &mut self,
        deployment: &Deployment,
        seen: &Observation,
    ) -> Result<Answer, StepError> {
        let begun = Instant::now();
        if deployment.reuse {
            let (name, id) = (deployment.name.to_string(), deployment.id.to_string());
            let lock = self.lock(seen);
            let make = |marker: &str| self.place.inspect(marker, Some(&lock), &name, &id);
            let answer = self.host.run(Rights::Owner, &[], SHORT * 5, make).await?;
            confirmed(&answer.frame, seen, &name, deployment.id)?;
            let there = Current::compared(&answer.frame);
            if there.unread || there.sums_differ.is_none() {
                let why = "could not be compared with its manifest: a program on the host failed";
                return Err(refused("unread", format!("{name} {why}")));
            }
            if !there.is_equal() {
                return Err(refused("stale", format!("{name} changed since it was read")));
            }
            self.mouth.done(Step::Stage, begun, 0, Some(deployment.name.to_string()));
            return Ok(answer);
        }
        let Some(wanted) = self.wanted.clone() else {
            return Err(refused("internal", "nothing is wanted".to_owned()));
        };
        if deployment.make_root {
            self.make_root().await?;
        }
        self.staged = true;
        let mut answer = self.upload(deployment, &deployment.difference, &wanted, seen).await;
        if answer.as_ref().is_err_and(|why| why.kind() == "upload")
            && self.place.coding == Coding::Zstd
        {
            // A zstd that is there need not work: what all hosts have is the other way.
            self.place.coding = Coding::Gzip;
            answer = self.upload(deployment, &deployment.difference, &wanted, seen).await;
        }
        if let Err(StepError::Refused { kind, damaged, .. }) = &answer
            && kind == "verify"
        {
            // Once more, with everything that came out wrong.
            let mut again = deployment.difference.clone();
            again.mend(&wanted.manifest, damaged);
            answer = self.upload(deployment, &again, &wanted, seen).await;
        }
        if answer.as_ref().is_err_and(|why| why.kind() == "verify") && deployment.base.is_some() {
            // The release that it is built from cannot be mended by name: then without it.
            let alone = Deployment { base: None, ..deployment.clone() };
            let whole = Difference::between(None, &BTreeSet::new(), &wanted.manifest);
            answer = self.upload(&alone, &whole, &wanted, seen).await;
        }
        let answer = answer?;
        self.place.library = Some(self.place.library_path());
        self.shared.cache.store(self.mouth.site(), deployment.id, &wanted.manifest);
        self.mouth.done(Step::Stage, begun, answer.sent, Some(deployment.name.to_string()));
        Ok(answer)
    }

    async fn make_root(&self) -> Result<(), StepError> {
        let owner = self.host.account.owner.clone();
        let owner = owner.unwrap_or_else(|| self.host.line.login().to_owned());
        let group = self.place.group.clone();
        let make = |marker: &str| self.place.prepare(marker, &owner, &group);
        self.host.run(Rights::Root, &[], SHORT, make).await.map(drop)
    }

    async fn upload(
        &self,
        deployment: &Deployment,
        difference: &Difference,
        wanted: &Arc<Wanted>,
        seen: &Observation,
    ) -> Result<Answer, StepError> {
        let deliver = Deliver {
            difference,
            new_salt: deployment.new_salt.as_ref(),
            library: self.place.library.is_none(),
            coding: self.place.coding,
        };
        let stream = self.shared.parcels.stream(wanted, &deliver).await;
        let stream = stream.map_err(|why| refused("content", why))?;
        let patience = UPLOAD * (1 + wanted.manifest.entries.size() / 10_000_000);
        let lock = self.lock(seen);
        let make = |marker: &str| self.place.stage(marker, &lock, deployment, wanted);
        self.host.run(Rights::Owner, &stream.blobs, Duration::from_secs(patience), make).await
    }

    /// before → activate → reload → gates → confirm → after.
    pub async fn release(&mut self) -> Released {
        let (name, id) = match self.decision.clone() {
            Some(Decision::Deploy(deployment)) => {
                if let Err(ended) = self.activate(&deployment).await {
                    return ended;
                }
                (deployment.name, deployment.id)
            }
            Some(Decision::Confirm { name, id, .. }) => {
                self.active = true;
                if let Err(ended) = self.reload_what_is_active(&name).await {
                    return ended;
                }
                (name, id)
            }
            _ => return Released::FailedUntouched,
        };
        if !self.pass_gates().await {
            return Released::Failed;
        }
        self.confirm(&name, id).await
    }

    async fn activate(&mut self, deployment: &Deployment) -> Result<(), Released> {
        if self.mouth.permit(Step::Activate, Some(&deployment.name)).await.is_err() {
            return Err(Released::FailedUntouched);
        }
        let begun = Instant::now();
        let intent = self.record(Verb::Activate, &deployment.name, deployment.id).to_line();
        let rise = self.host.rise();
        let (how, stdin) = rise.clone().unwrap_or((Rise::AsWeAre, Vec::new()));
        let reload = &self.manner.reload;
        let before = named("before", &self.manner.before);
        let step = Activation {
            deployment,
            generation: self.generation.unwrap_or(0),
            intent: &intent,
            before: &before,
            reload: if rise.is_some() { reload } else { &[] },
            rise: how,
            patience: self.manner.patience,
        };
        let make = |marker: &str| self.place.activate(marker, &step);
        let mut ended = self.host.run(Rights::Owner, &stdin, self.patience(), make).await;
        if ended.is_ok() && rise.is_none() && !reload.is_empty() {
            ended = self.reload().await;
        }
        match ended {
            Ok(_) => {
                self.active = true;
                self.mouth.done(Step::Activate, begun, 0, Some(deployment.name.to_string()));
                Ok(())
            }
            Err(why) => Err(self.activation_failed(&why)),
        }
    }

    fn activation_failed(&mut self, why: &StepError) -> Released {
        let (ended, step) = match why {
            StepError::Unreachable(_) => (Released::Unreachable, Step::Activate),
            StepError::Lost(_) => (Released::Lost, Step::Activate),
            // Changed it is, by others: how it stands now is not what was read.
            StepError::Refused { kind, .. } if kind == OVERTAKEN => {
                (Released::Failed, Step::Activate)
            }
            StepError::Refused { begun: false, kind, .. } => {
                let command = kind == "command";
                let step = if command { Step::Before } else { Step::Activate };
                (Released::FailedUntouched, step)
            }
            StepError::Refused { kind, .. } => {
                let step = if kind == "reload" { Step::Reload } else { Step::Activate };
                (Released::Failed, step)
            }
        };
        self.overtaken = why.kind() == OVERTAKEN;
        self.active =
            !self.overtaken && !matches!(ended, Released::FailedUntouched | Released::Unreachable);
        self.mouth.failed(step, why.to_string(), why.tail(), ended == Released::Lost);
        ended
    }

    pub(super) async fn reload(&self) -> Result<Answer, StepError> {
        let make =
            |marker: &str| self.place.reload(marker, &self.manner.reload, self.manner.patience);
        let ended = self.host.run(Rights::Root, &[], self.patience(), make).await;
        ended.map_err(|why| match why {
            StepError::Refused { kind, why, tail, .. } => StepError::begun(&kind, why, tail),
            // The switch itself is known to have happened.
            lost => StepError::begun("reload", lost.to_string(), Vec::new()),
        })
    }

    fn patience(&self) -> Duration {
        let commands =
            self.manner.before.len() + self.manner.after.len() + self.manner.reload.len() + 1;
        SHORT + Duration::from_secs(self.manner.patience * commands as u64)
    }

    async fn confirm(&mut self, name: &ReleaseName, id: Digest) -> Released {
        if self.mouth.permit(Step::Confirm, Some(name)).await.is_err() {
            return Released::Failed;
        }
        let begun = Instant::now();
        let mut record = self.record(Verb::Confirm, name, id).to_line();
        if let Some(left) = self.left_behind() {
            record = format!("{left}\n{record}");
        }
        let mut after = named("after", &self.manner.after);
        after.dedup();
        let old = self.settles_with_confirmation.then(|| self.superfluous()).flatten();
        let step = Confirmation {
            name,
            generation: self.generation.unwrap_or(0),
            record: &record,
            after: &after,
            patience: self.manner.patience,
            settle: old.as_ref(),
        };
        let make = |marker: &str| self.place.confirm(marker, &step);
        match self.host.run(Rights::Owner, &[], self.patience(), make).await {
            Ok(_) => {
                self.confirmed = true;
                if old.is_some() {
                    self.settled = true;
                    self.generation = None;
                }
                self.mouth.done(Step::Confirm, begun, 0, Some(name.to_string()));
                Released::Confirmed
            }
            Err(why) => {
                let step = if why.kind() == "command" { Step::After } else { Step::Confirm };
                let lost = matches!(why, StepError::Lost(_) | StepError::Unreachable(_));
                self.overtaken = why.kind() == OVERTAKEN;
                self.mouth.failed(step, why.to_string(), why.tail(), lost);
                if lost { Released::Lost } else { Released::Failed }
            }
        }
    }

    /// What a rollback says of the release it leaves: it is rejected on this site.
    fn left_behind(&self) -> Option<String> {
        let Desire::Back { .. } = self.desire else { return None };
        let current = self.seen.as_ref()?.current.as_ref()?;
        let (left, digest) = (current.name.as_ref()?, current.id?);
        Some(self.record(Verb::Undone, left, digest).to_line())
    }

    /// Brings back what was there before the run.
    pub async fn undo(&mut self) -> Undone {
        let (record, id) = match &self.decision {
            Some(Decision::Deploy(deployment)) => (deployment.undo.clone(), deployment.id),
            Some(Decision::Confirm { undo, id, .. }) => (UndoRecord::clone(undo), *id),
            _ => return Undone::RolledBack,
        };
        if self.overtaken {
            return Undone::Overtaken;
        }
        if self.mouth.permit(Step::Undo, Some(&record.release)).await.is_err() {
            return Undone::Failed;
        }
        let begun = Instant::now();
        let line = self.record(Verb::Undone, &record.release, id).to_line();
        let rise = self.host.rise();
        let (how, stdin) = rise.clone().unwrap_or((Rise::AsWeAre, Vec::new()));
        let step = UndoStep {
            record: &record,
            generation: self.generation.unwrap_or(0),
            line: &line,
            reload: if rise.is_some() { &self.manner.reload } else { &[] },
            rise: how,
            patience: self.manner.patience,
        };
        let make = |marker: &str| self.place.undo(marker, &step);
        let mut ended = self.host.run(Rights::Owner, &stdin, self.patience(), make).await;
        if ended.is_ok() && rise.is_none() && !self.manner.reload.is_empty() {
            ended = self.reload().await;
        }
        match ended {
            Ok(_) => {
                self.active = false;
                self.confirmed = false;
                let to = record.previous.as_ref().map_or("none".to_owned(), ToString::to_string);
                self.mouth.done(Step::Undo, begun, 0, Some(format!("back to {to}")));
                Undone::RolledBack
            }
            Err(why) => {
                let lost = matches!(why, StepError::Lost(_) | StepError::Unreachable(_));
                self.overtaken = why.kind() == OVERTAKEN;
                self.mouth.failed(Step::Undo, why.to_string(), why.tail(), lost);
                match lost {
                    true => Undone::Lost,
                    false if self.overtaken => Undone::Overtaken,
                    false => Undone::Failed,
                }
            }
        }
    }
}

fn named(what: &str, commands: &[String]) -> Vec<(String, String)> {
    commands.iter().map(|text| (format!("{what}: {text}"), text.clone())).collect()
}

fn refused(kind: &str, why: String) -> StepError {
    StepError::refused(kind, why, Vec::new())
}

/// A lock that somebody else holds: `run`, seconds left, and the fields of its holder.
fn held(why: &StepError) -> String {
    let text = why.to_string();
    let fields: Vec<String> = text.split('\t').map(crate::release::decode).collect();
    let [run, left, rest @ ..] = fields.as_slice() else { return text };
    super::foresight::held(run, left, &crate::plan::Holder::read(rest))
}
