//! The way back to a release that is on the host: which one, and whether its bytes still are what
//! was confirmed.

use std::sync::Arc;

use super::{
    host::{Rights, StepError},
    site::{READING, Site, Supply},
};
use crate::{
    model::Secret,
    plan::{Base, Current, Decision, Observation, deviations, plan},
    release::{Manifest, Record, Texts, Wanted, identity},
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
        let text = |block: &str| {
            String::from_utf8_lossy(answer.frame.block(block).unwrap_or_default()).into_owned()
        };
        let texts = Texts { tree: text("tree"), sums: text("sums"), about: text("about") };
        let manifest = Manifest::read(&texts).unwrap_or_default();
        let salt = seen.salt.clone().unwrap_or_else(|| Secret::new(String::new()));
        if identity(texts.body(), manifest.tainted, &salt) != target.digest {
            let why = format!("the manifest of {name} is not the one it was confirmed with");
            return Err(StepError::refused("gone", why, Vec::new()));
        }
        let lines = |block: &str| {
            text(block).lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()
        };
        let current = Current {
            link: format!("releases/{name}"),
            name: Some(target.release.clone()),
            present: true,
            tree_differs: lines("tree_differs"),
            sums_differ: Some(lines("sums_differ")),
            strangers: lines("strangers"),
            ..Current::default()
        };
        let found = deviations(&current, &manifest);
        Ok(Base {
            name: target.release.clone(),
            id: target.digest,
            manifest,
            deviations: found,
            verified: true,
        })
    }
}
