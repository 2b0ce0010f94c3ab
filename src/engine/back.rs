//! The way back to a release that is on the host: which one, and whether its bytes still are what
//! was confirmed.

use std::sync::Arc;

use super::{
    host::{Rights, StepError},
    site::{READING, Site, Supply},
};
use crate::{
    model::{Digest, Secret},
    plan::{Base, Current, Decision, Observation, deviations, plan},
    release::{Manifest, Record, Texts, Wanted, identity},
    shell::Frame,
};

impl Site {
    /// Reads the release to go back to, and decides.
    ///
    /// # Errors
    /// When the host could not be asked, or no longer has what was confirmed.
    pub(super) async fn decide_back(
        &mut self,
        to: Option<&str>,
        frame: &Wanted,
        supply: &Supply,
        seen: &Observation,
    ) -> Result<(), StepError> {
        let target = match seen.way_back(to) {
            Ok(target) => target,
            Err(why) => {
                self.decision = Some(Decision::Blocked(vec![why]));
                return Ok(());
            }
        };
        let mut seen = seen.clone();
        let base = self.inspect(&target, &mut seen).await?;
        let mut wanted = frame.clone().become_again(&base.manifest);
        if !base.deviations.is_empty() {
            // It reads archives, and may have to fetch them.
            let (supply, manifest) = (Arc::clone(supply), base.manifest.clone());
            let found = tokio::task::spawn_blocking(move || supply(&manifest)).await;
            wanted.sources = found.unwrap_or_default();
        }
        let wanted = Arc::new(wanted);
        self.deviations.clone_from(&base.deviations);
        let decision = plan(&wanted, &seen, Some(&base), &self.policy(true));
        self.tell_plan(&decision, &wanted.manifest);
        self.decision = Some(decision);
        self.wanted = Some(wanted);
        Ok(())
    }

    /// Reads a release that is not current, and what is in the places of its links.
    async fn inspect(&self, target: &Record, seen: &mut Observation) -> Result<Base, StepError> {
        let (name, id) = (target.release.to_string(), target.digest.to_string());
        let make = |marker: &str| self.place.inspect(marker, None, &name, &id);
        let answer = self.host.run(Rights::Owner, &[], READING, make).await?;
        let there = Observation::read(&answer.frame);
        seen.answers.lstat.extend(there.answers.lstat);
        seen.answers.read_only.extend(there.answers.read_only);
        let manifest = confirmed(&answer.frame, seen, &name, target.digest)?;
        let current = Current {
            link: format!("releases/{name}"),
            name: Some(target.release.clone()),
            present: true,
            ..Current::compared(&answer.frame)
        };
        let found = deviations(&current, &manifest);
        Ok(Base {
            name: target.release.clone(),
            id: target.digest,
            manifest,
            deviations: found,
            verified: current.sums_differ.is_some(),
        })
    }
}

/// The manifest that an inspection has sent, if it is the one that release `name` was confirmed
/// with: a comparison with any other says nothing of it.
pub(super) fn confirmed(
    frame: &Frame,
    seen: &Observation,
    name: &str,
    id: Digest,
) -> Result<Manifest, StepError> {
    let text =
        |block: &str| String::from_utf8_lossy(frame.block(block).unwrap_or_default()).into_owned();
    let texts = Texts { tree: text("tree"), sums: text("sums"), about: text("about") };
    let manifest = Manifest::read(&texts).unwrap_or_default();
    let salt = seen.salt.clone().unwrap_or_else(|| Secret::new(String::new()));
    if identity(texts.body(), manifest.tainted, &salt) == id {
        return Ok(manifest);
    }
    let why = format!("the manifest of {name} is not the one it was confirmed with");
    Err(StepError::refused("gone", why, Vec::new()))
}
