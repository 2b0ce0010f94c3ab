//! One site on its way through a run: what it is asked, what was seen, and the errands.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    cache::Cache,
    host::{Host, Rights, StepError},
    mouth::Mouth,
    parcels::Parcels,
    scripts::{Depth, Lock, Place, library},
    url::Url,
};
use crate::{
    event::{Event, Step, Versions},
    model::{Digest, ReleaseName, RunId, Secret},
    plan::{Base, Decision, Deviation, Holder, Observation, Policy, deviations, plan},
    playbook::Reload,
    release::{Manifest, Record, Sources, Verb, Wanted, identity},
    resource::{GateSpec, HostPath},
};

/// Deadline of a script that reads or changes little.
pub(super) const SHORT: Duration = Duration::from_mins(1);
/// Deadline of a probe: it may have to read a large site.
pub(super) const READING: Duration = Duration::from_mins(5);

/// From this size on (bytes of contents), openssl reads faster than it starts.
const LARGE: u64 = 4_000_000;

/// Makes the release for what was seen, or says why there is none.
pub type Make =
    Arc<dyn Fn(&Observation, Option<&Base>) -> Result<Wanted, Vec<String>> + Send + Sync>;

/// Finds the contents of a release that is on the host, as far as they are to be had.
pub type Supply = Arc<dyn Fn(&Manifest) -> Sources + Send + Sync>;

/// What a site should become, as far as that can be said before it was read.
#[derive(Clone)]
pub enum Desire {
    /// This release.
    Release(Arc<Wanted>),
    /// What follows from what it has now; `look` are the links it may then have.
    After {
        /// Places that the probe looks at.
        look: Vec<HostPath>,
        /// The release for what was seen, or why there is none.
        make: Make,
    },
    /// The last confirmed release before the current one, or the one named.
    Back {
        /// Release name, or run.
        to: Option<String>,
        /// The site's settings, with an empty manifest.
        frame: Arc<Wanted>,
        /// Where contents of a release come from that must be sent again.
        supply: Supply,
    },
    /// Nothing: it is only read.
    Nothing,
}

/// What goes with releases at a site.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Commands before activation.
    pub before: Vec<String>,
    /// Commands after confirmation.
    pub after: Vec<String>,
    /// What is reloaded at activation.
    pub reload: Vec<Reload>,
    /// Health gates, in order.
    pub gates: Vec<GateSpec>,
    /// Where the site answers.
    pub url: Url,
    /// Seconds that a command may take.
    pub patience: u64,
}

/// What all sites of a run share.
pub struct Shared {
    /// The run.
    pub run: RunId,
    /// Who we are, for locks.
    pub holder: Holder,
    /// Notes for the sites' own journals: person, command, commit.
    pub notes: BTreeMap<String, String>,
    /// Whether rejected releases may be tried again.
    pub retry_rejected: bool,
    /// Manifests known by identity.
    pub cache: Cache,
    /// Contents on their way.
    pub parcels: Parcels,
}

/// A site in a run.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the way so far")]
pub struct Site {
    /// Its host.
    pub host: Host,
    /// Its place there.
    pub place: Place,
    /// What it should become.
    pub desire: Desire,
    /// What goes with its releases.
    pub manner: Manner,
    /// What all sites share.
    pub shared: Arc<Shared>,
    /// Its way to the dispatcher.
    pub mouth: Mouth,
    /// What the probe saw.
    pub seen: Option<Observation>,
    /// The release it should have, once known.
    pub wanted: Option<Arc<Wanted>>,
    /// What is to be done.
    pub decision: Option<Decision>,
    /// Where its current release deviates from its manifest.
    pub deviations: Vec<Deviation>,
    /// The generation of the lock we hold.
    pub generation: Option<u64>,
    /// What the gates saw before anything was changed, in their order.
    pub baseline: Vec<Option<crate::rollout::gate::Health>>,
    /// How much the probe reads.
    pub depth: Depth,
    /// Why it could not be read, if so.
    pub trouble: Option<StepError>,
    /// Whether our release is current.
    pub active: bool,
    /// Whether it is confirmed.
    pub confirmed: bool,
    /// Whether a release of ours was put beside the others.
    pub staged: bool,
    /// Whether nothing can undo the site once it is confirmed: then it is settled with that.
    pub settles_with_confirmation: bool,
    /// Whether it is settled.
    pub settled: bool,
    /// Whether another run has taken the site over: how it stands is for that run to say.
    pub overtaken: bool,
}

impl Site {
    /// A site before anything is known of it.
    #[must_use]
    pub const fn new(
        host: Host,
        place: Place,
        desire: Desire,
        manner: Manner,
        shared: Arc<Shared>,
        mouth: Mouth,
    ) -> Self {
        Self {
            host,
            place,
            desire,
            manner,
            shared,
            mouth,
            seen: None,
            wanted: None,
            decision: None,
            deviations: Vec::new(),
            generation: None,
            baseline: Vec::new(),
            depth: Depth::Plan,
            trouble: None,
            active: false,
            confirmed: false,
            staged: false,
            settles_with_confirmation: false,
            settled: false,
            overtaken: false,
        }
    }

    /// Reads the site; a failure is told and kept.
    pub async fn read_or_note(&mut self) {
        if let Err(why) = self.read().await {
            let step =
                if matches!(why, StepError::Unreachable(_)) { Step::Connect } else { Step::Probe };
            self.mouth.failed(step, why.to_string(), why.tail(), false);
            self.trouble = Some(why);
        }
    }

    /// Where the site stands now: its release and its features, as far as that is known.
    #[must_use]
    pub fn standing(&self) -> (Option<ReleaseName>, Option<Versions>) {
        let Some(seen) = self.seen.as_ref().filter(|_| !self.overtaken) else {
            return (None, None);
        };
        match (&self.decision, &self.wanted) {
            (Some(Decision::Deploy(deployment)), Some(wanted)) if self.active => {
                (Some(deployment.name.clone()), Some(versions(Some(&wanted.manifest))))
            }
            _ => {
                let about = seen.current.as_ref().map(|current| &current.about);
                (seen.current_name().cloned(), Some(versions(about)))
            }
        }
    }

    /// Reads the site and decides. Changes nothing.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn read(&mut self) -> Result<(), StepError> {
        let wanted = match &self.desire {
            Desire::Release(wanted) => Some(Arc::clone(wanted)),
            _ => None,
        };
        let look = match &self.desire {
            Desire::Release(wanted) => wanted.links.keys().cloned().collect(),
            Desire::After { look, .. } => look.clone(),
            Desire::Back { .. } | Desire::Nothing => Vec::new(),
        };
        let body = wanted.as_ref().map(|wanted| wanted.manifest.body());
        self.place.large =
            wanted.as_ref().is_some_and(|wanted| wanted.manifest.entries.size() > LARGE);
        let mut seen = self.probe(body, &look).await?;
        self.place.flock = seen.flock;
        self.place.coding = seen.coding;
        // Known from now on, so that no script has to ask again.
        for (name, found) in
            [(&mut self.place.owner, &seen.user), (&mut self.place.group, &seen.primary)]
        {
            if name.is_empty() {
                name.clone_from(found);
            }
        }
        let kept = format!("{}  {}", library().digest, self.place.library_path());
        self.place.library = seen.libraries.contains(&kept).then(|| self.place.library_path());
        self.tell_what_was_seen(&seen);
        match self.desire.clone() {
            Desire::Release(wanted) => self.decide(wanted, &seen),
            Desire::After { make, .. } => match make(&seen, self.base_of(&seen, None).as_ref()) {
                Ok(wanted) => {
                    let wanted = Arc::new(wanted);
                    self.place.large = wanted.manifest.entries.size() > LARGE;
                    let body = wanted.manifest.body();
                    if seen.current.as_ref().is_some_and(|current| current.body == Some(body)) {
                        // Only now it is known that nothing changes, so contents must be read.
                        seen = self.probe(Some(body), &look).await?;
                    }
                    self.decide(wanted, &seen);
                }
                Err(reasons) => self.decision = Some(Decision::Blocked(reasons)),
            },
            Desire::Back { to, frame, supply } => {
                self.decide_back(to.as_deref(), &frame, &supply, &seen).await?;
            }
            Desire::Nothing => {}
        }
        self.seen = Some(seen);
        Ok(())
    }

    /// One probe. With `want` equal to what is current, contents are read and compared.
    async fn probe(
        &self,
        want: Option<Digest>,
        look: &[HostPath],
    ) -> Result<Observation, StepError> {
        let begun = Instant::now();
        let mut lines = String::new();
        for short in self.shared.cache.known(self.mouth.site()) {
            lines.push_str(&format!("have {short}\n"));
        }
        for at in look {
            lines.push_str(&format!("at {at}\n"));
        }
        let want = want.map(|digest| digest.to_string()).unwrap_or_default();
        let probe = |marker: &str| self.place.probe(marker, &want, self.depth, &lines);
        let answer = self.host.run(Rights::Owner, &[], READING, probe).await?;
        let seen = Observation::read(&answer.frame);
        self.mouth.done(Step::Probe, begun, answer.sent, None);
        Ok(seen)
    }

    fn tell_what_was_seen(&self, seen: &Observation) {
        self.mouth.say(Event::SiteProbed {
            site: self.mouth.site().clone(),
            versions: versions(seen.current.as_ref().map(|current| &current.about)),
            release: seen.current_name().cloned(),
        });
    }

    fn decide(&mut self, wanted: Arc<Wanted>, seen: &Observation) {
        let base = self.base_of(seen, Some(&wanted.manifest));
        self.deviations = base.as_ref().map(|base| base.deviations.clone()).unwrap_or_default();
        let decision = plan(&wanted, seen, base.as_ref(), &self.policy(false));
        self.tell_plan(&decision, &wanted.manifest);
        if matches!(decision, Decision::Deploy(_)) && !may_hold_php(seen, base.as_ref(), &wanted) {
            self.manner.reload.retain(|reload| *reload != Reload::PhpFpmIfAny);
        }
        self.decision = Some(decision);
        self.wanted = Some(wanted);
    }

    /// The current release as the control machine knows it, from the wanted manifest, the cache
    /// or the host; `None` when its manifest cannot be had or is not what its identity says.
    #[must_use]
    pub fn base_of(&self, seen: &Observation, wanted: Option<&Manifest>) -> Option<Base> {
        let current = seen.current.as_ref()?;
        let (name, id, body) = (current.name.clone()?, current.id?, current.body?);
        let salt = seen.salt.clone().unwrap_or_else(|| Secret::new(String::new()));
        if identity(body, current.about.tainted, &salt) != id {
            return None;
        }
        let (cache, site) = (&self.shared.cache, self.mouth.site());
        let known = wanted.filter(|wanted| wanted.body() == body).cloned();
        let manifest = known.or_else(|| cache.load(site, id, body)).or_else(|| {
            let manifest = Manifest::read(current.texts.as_ref()?).ok()?;
            Some(cache.store(site, id, &manifest))
        })?;
        let found = deviations(current, &manifest);
        Some(Base {
            name,
            id,
            manifest,
            deviations: found,
            verified: current.sums_differ.is_some(),
        })
    }

    pub(super) fn policy(&self, back: bool) -> Policy {
        Policy {
            run: self.shared.run.clone(),
            privilege: self.host.account.become_root || self.host.line.login() == "root",
            retry_rejected: back || self.shared.retry_rejected,
            fresh_salt: Secret::new(super::host::random_hex(16)),
            reuse: back,
        }
    }

    pub(super) fn tell_plan(&self, decision: &Decision, manifest: &Manifest) {
        let changes = match decision {
            Decision::Unchanged | Decision::Blocked(_) => Vec::new(),
            Decision::Confirm { name, .. } => {
                vec![format!("release {name} is active and was never confirmed: its gates are due")]
            }
            Decision::Deploy(deployment) => deployment.summary.clone(),
        };
        let site = self.mouth.site().clone();
        self.mouth.say(Event::SitePlanned { site, changes, versions: versions(Some(manifest)) });
    }

    /// A line for the site's own journal.
    pub(super) fn record(&self, verb: Verb, release: &ReleaseName, digest: Digest) -> Record {
        let mut notes = self.shared.notes.clone();
        if let Some(from) = self.seen.as_ref().and_then(Observation::current_name) {
            notes.insert("from".to_owned(), from.to_string());
        }
        Record { verb, release: release.clone(), digest, run: self.shared.run.clone(), notes }
    }

    /// What taking the lock needs.
    pub(super) fn lock<'a>(&'a self, seen: &'a Observation) -> Lock<'a> {
        Lock {
            holder: &self.shared.holder,
            dead: seen
                .lock
                .as_ref()
                .filter(|lock| self.is_dead(&lock.holder))
                .map(|lock| lock.run.as_str()),
            current: seen.current.as_ref().map_or("", |current| current.link.as_str()),
            generation: seen.generation,
        }
    }

    /// Whether a holder was a process of this very machine that is no more.
    pub(super) fn is_dead(&self, holder: &Holder) -> bool {
        let here = &self.shared.holder;
        !here.machine.is_empty()
            && holder.machine == here.machine
            && super::process::started(holder.pid) != Some(holder.started)
    }
}

/// Whether a php-fpm may hold code of what goes or of what comes. What goes is known when it is a
/// base that is intact and was confirmed: then nothing older waits for a reload either.
fn may_hold_php(seen: &Observation, base: Option<&Base>, wanted: &Wanted) -> bool {
    let goes = base.map_or(seen.current.is_some(), |base| {
        base.manifest.has_php()
            || !base.deviations.is_empty()
            || !seen.journal.is_confirmed(&base.name)
    });
    goes || wanted.manifest.has_php()
}

/// The features of a manifest and their versions.
#[must_use]
pub fn versions(manifest: Option<&Manifest>) -> Versions {
    let features = manifest.iter().flat_map(|manifest| &manifest.features);
    features.map(|(name, part)| (name.clone(), part.version.clone())).collect()
}
