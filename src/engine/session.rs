//! A run: reads all sites at once, and then carries out what the rollout orders.
//!
//! One `select!` hears workers, timers and signals. A worker owns its site while it is at work
//! and gives it back; workers share nothing but their host's line and the parcels.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::{Id, JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    emit::Emit,
    host::{Host, Rights},
    line::Lines,
    mouth::{Mouth, Note},
    scripts::Place,
    signals::Signals,
    site::{SHORT, Site},
};
use crate::{
    event::{Event, Released, Schedule, Signal, Staged, Undone},
    model::{Outcome, SiteName},
    rollout::{Errand, Input, Order, Rollout},
};

/// A run under way.
pub struct Session<'a> {
    emit: Emit<'a>,
    lines: Lines,
    pub(super) sites: BTreeMap<SiteName, Site>,
    pub(super) notes: mpsc::UnboundedReceiver<Note>,
    speak: mpsc::UnboundedSender<Note>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) signals: Signals,
    leases: BTreeMap<SiteName, Lease>,
}

/// What it takes to renew a lease, whether or not its site is at work.
struct Lease {
    host: Host,
    place: Place,
    generation: u64,
    renewing: Option<JoinHandle<()>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Every targeted site.
    pub outcomes: BTreeMap<SiteName, Outcome>,
    /// The exit code.
    pub code: u8,
}

/// What a worker brings back with its site.
pub(super) enum Ended {
    Read,
    Staged(Staged),
    Released(Released),
    Undone(Undone),
    Settled,
}

pub(super) type Workers = JoinSet<(Site, Ended)>;

impl<'a> Session<'a> {
    /// A run that keeps at most `parallel` sites busy at once while reading and staging.
    ///
    /// # Errors
    /// When the signals of the system cannot be heard.
    pub fn new(emit: Emit<'a>, lines: Lines, parallel: usize) -> std::io::Result<Self> {
        let (speak, notes) = mpsc::unbounded_channel();
        Ok(Self {
            emit,
            lines,
            sites: BTreeMap::new(),
            notes,
            speak,
            slots: Arc::new(Semaphore::new(parallel.max(1))),
            signals: Signals::listen()?,
            leases: BTreeMap::new(),
        })
    }

    /// Tells the audiences something that no worker says.
    pub fn tell(&mut self, event: Event) {
        self.emit.one(event);
    }

    /// A mouth for a site of this run.
    #[must_use]
    pub fn mouth(&self, site: SiteName) -> Mouth {
        Mouth::new(site, self.speak.clone())
    }

    /// The lines to hosts.
    pub const fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    /// Takes a site into the run.
    pub fn add(&mut self, site: Site) {
        self.sites.insert(site.mouth.site().clone(), site);
    }

    /// The sites of the run.
    #[must_use]
    pub const fn sites(&self) -> &BTreeMap<SiteName, Site> {
        &self.sites
    }

    /// Carries out a rollout over the sites that were read.
    pub async fn apply(&mut self, schedule: Schedule) -> Summary {
        let foreseen = self.foresee();
        self.emit.one(Event::RolloutPlanned(schedule.clone()));
        let (mut rollout, orders) = Rollout::begin_knowing(schedule, &foreseen);
        let mut orders: VecDeque<Order> = orders.into();
        let mut workers: Workers = JoinSet::new();
        let mut errands: HashMap<Id, (Errand, SiteName)> = HashMap::new();
        let mut pause: Option<Instant> = None;
        let every = self.between_renewals();
        let mut renewal = Instant::now() + every;
        let mut signalled = false;
        loop {
            while let Some(order) = orders.pop_front() {
                match order {
                    Order::Begin(errand, site) => {
                        if let Some(state) = self.sites.get_mut(&site) {
                            state.settles_with_confirmation = rollout.confirms_for_good(&site);
                        }
                        self.begin(errand, site, &mut workers, &mut errands);
                    }
                    Order::Pause(wait) => {
                        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                        self.emit.one(Event::Paused { millis });
                        pause = Some(Instant::now() + wait);
                    }
                    Order::Announce(announcement) => self.emit.one(announcement.into()),
                    Order::Conclude(site, outcome) => self.conclude(site, outcome),
                    Order::Finish { outcomes, code, .. } => {
                        let code = if self.emit.broken().is_some() { 1 } else { code };
                        return self.finish(outcomes, code);
                    }
                }
            }
            let input = tokio::select! {
                biased;
                Some(note) = self.notes.recv() => {
                    self.hear(note);
                    None
                }
                Some(ended) = workers.join_next_with_id() => {
                    self.hear_all();
                    self.ended(ended, &mut errands)
                }
                () = at(pause) => {
                    pause = None;
                    self.emit.one(Event::PauseEnded);
                    Some(Input::PauseOver)
                }
                signal = self.signals.next() => {
                    self.emit.one(Event::Interrupted { signal });
                    if signalled {
                        // Asked twice: leave now. The journal tells the next run where we were.
                        workers.abort_all();
                        return self.leave(&rollout, signal);
                    }
                    signalled = true;
                    Some(Input::Interrupted(signal))
                }
                () = sleep_until(renewal) => {
                    renewal = Instant::now() + every;
                    self.renew();
                    None
                }
            };
            if let Some(input) = input {
                orders.extend(rollout.step(input));
            }
            if self.emit.broken().is_some() && !signalled {
                signalled = true;
                orders.extend(rollout.step(Input::Interrupted(Signal::Terminate)));
            }
        }
    }

    /// Whether a rollout over the sites as they were read would end before its first step: a
    /// person need not be asked about it.
    #[must_use]
    pub fn would_begin_nothing(&self, schedule: Schedule) -> bool {
        let (_, orders) = Rollout::begin_knowing(schedule, &self.foreseen());
        !orders.iter().any(|order| matches!(order, Order::Begin(..)))
    }

    fn foreseen(&self) -> BTreeMap<SiteName, Staged> {
        let known = self.sites.iter();
        known.filter_map(|(name, site)| Some((name.clone(), site.foreseen()?))).collect()
    }

    /// Which sites cannot be staged by what is known now. Told before the rollout begins, so
    /// that a journal says so in the same order.
    fn foresee(&mut self) -> BTreeMap<SiteName, Staged> {
        self.sites.values().for_each(Site::tell_obstacles);
        self.hear_all();
        let foreseen = self.foreseen();
        for (site, result) in &foreseen {
            self.emit.one(Event::SiteStaged { site: site.clone(), result: *result });
        }
        foreseen
    }

    /// Ends a run in which nothing is rolled out: every site gets its one outcome.
    pub fn conclude_all(&mut self, outcomes: BTreeMap<SiteName, Outcome>, code: u8) -> Summary {
        self.hear_all();
        for (site, outcome) in outcomes.clone() {
            self.conclude(site, outcome);
        }
        self.finish(outcomes, code)
    }

    /// Says goodbye to all hosts.
    pub async fn close(&self) {
        self.lines.close().await;
    }

    fn begin(
        &mut self,
        errand: Errand,
        name: SiteName,
        workers: &mut Workers,
        errands: &mut HashMap<Id, (Errand, SiteName)>,
    ) {
        let Some(mut site) = self.sites.remove(&name) else { return };
        let slots = Arc::clone(&self.slots);
        let handle = workers.spawn(async move {
            let ended = match errand {
                Errand::Stage => {
                    let _slot = slots.acquire_owned().await;
                    Ended::Staged(site.stage().await)
                }
                Errand::Release => Ended::Released(site.release().await),
                Errand::Undo => Ended::Undone(site.undo().await),
                Errand::Settle => {
                    site.settle().await;
                    Ended::Settled
                }
            };
            (site, ended)
        });
        errands.insert(handle.id(), (errand, name));
    }

    /// What the end of a worker means to the rollout; told to the audiences as well, so that the
    /// journal alone can rebuild it.
    fn ended(
        &mut self,
        ended: Result<(Id, (Site, Ended)), tokio::task::JoinError>,
        errands: &mut HashMap<Id, (Errand, SiteName)>,
    ) -> Option<Input> {
        let (id, given_back) = match ended {
            Ok((id, given_back)) => (id, Some(given_back)),
            Err(why) => (why.id(), None),
        };
        let (errand, site) = errands.remove(&id)?;
        let ended = given_back.map(|(site, ended)| {
            self.note_lease(&site);
            self.add(site);
            ended
        });
        let event = match (ended, errand) {
            (Some(Ended::Staged(result)), _) => Event::SiteStaged { site, result },
            (Some(Ended::Released(result)), _) => Event::SiteReleased { site, result },
            (Some(Ended::Undone(result)), _) => Event::SiteUndone { site, result },
            (Some(Ended::Settled | Ended::Read), _) | (None, Errand::Settle) => {
                Event::SiteSettled { site }
            }
            // A worker that broke down: nobody knows how far it came.
            (None, Errand::Stage) => Event::SiteStaged { site, result: Staged::Failed },
            (None, Errand::Release) => Event::SiteReleased { site, result: Released::Lost },
            (None, Errand::Undo) => Event::SiteUndone { site, result: Undone::Lost },
        };
        let input = Input::from_event(&event);
        self.emit.one(event);
        input
    }

    fn note_lease(&mut self, site: &Site) {
        let name = site.mouth.site();
        if let Some(generation) = site.generation {
            let (host, place) = (site.host.clone(), site.place.clone());
            let lease = Lease { host, place, generation, renewing: None };
            self.leases.insert(name.clone(), lease);
        } else {
            self.leases.remove(name);
        }
    }

    fn conclude(&mut self, site: SiteName, outcome: Outcome) {
        let state = self.sites.get(&site);
        let why = (!outcome.is_good()).then(|| self.emit.reason(&site)).flatten();
        let (release, versions) = state.map_or((None, None), Site::standing);
        self.emit.one(Event::SiteFinished { site, outcome, release, versions, why });
    }

    fn finish(&mut self, outcomes: BTreeMap<SiteName, Outcome>, code: u8) -> Summary {
        self.hear_all();
        let mut counts = BTreeMap::new();
        for outcome in outcomes.values() {
            *counts.entry(*outcome).or_insert(0) += 1;
        }
        let took = self.emit.took();
        self.emit.one(Event::RunFinished { counts, code, took });
        Summary { outcomes, code }
    }

    /// Leaves at once: what is under way is not known to have ended.
    fn leave(&mut self, rollout: &Rollout, signal: Signal) -> Summary {
        self.hear_all();
        let under_way: Vec<SiteName> = rollout.in_flight().map(|(_, site)| site.clone()).collect();
        let mut outcomes: BTreeMap<SiteName, Outcome> =
            rollout.outcomes().map(|(site, outcome)| (site.clone(), outcome)).collect();
        for site in under_way {
            outcomes.entry(site).or_insert(Outcome::Indeterminate);
        }
        for site in self.sites.keys() {
            outcomes.entry(site.clone()).or_insert(Outcome::NotStarted);
        }
        // No RunFinished: the journal must say that this run was interrupted.
        Summary { outcomes, code: signal.code() }
    }

    /// Hears a note and all that are ready with it, makes them durable in one step, and only
    /// then gives the permits that were asked for.
    pub(super) fn hear(&mut self, first: Note) {
        let mut events = Vec::new();
        let mut permits: Vec<oneshot::Sender<()>> = Vec::new();
        let mut next = Some(first);
        while let Some(note) = next {
            match note {
                Note::Say(event) => events.push(event),
                Note::Ask(event, permit) => {
                    events.push(event);
                    permits.push(permit);
                }
            }
            next = self.notes.try_recv().ok();
        }
        self.emit.all(events);
        if self.emit.broken().is_none() {
            for permit in permits {
                let _ = permit.send(());
            }
        }
    }

    pub(super) fn hear_all(&mut self) {
        if let Ok(note) = self.notes.try_recv() {
            self.hear(note);
        }
    }

    /// A third of the shortest lease: one renewal may be lost, and the next still comes in time.
    fn between_renewals(&self) -> Duration {
        let shortest = self.sites.values().map(|site| site.place.lease).min();
        Duration::from_secs(shortest.unwrap_or(90)) / 3
    }

    /// Renews all leases. A renewal that fails shows at the site's next step.
    fn renew(&mut self) {
        for lease in self.leases.values_mut() {
            // One that waits behind a long command is enough: more would take its channels.
            if lease.renewing.as_ref().is_some_and(|renewing| !renewing.is_finished()) {
                continue;
            }
            let (host, place, generation) =
                (lease.host.clone(), lease.place.clone(), lease.generation);
            lease.renewing = Some(tokio::spawn(async move {
                let make = |marker: &str| place.renew(marker, generation);
                let _ = host.run(Rights::Owner, &[], SHORT, make).await;
            }));
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending::<()>().await,
    }
}
