//! How workers speak: to the dispatcher, and to nobody else.

use tokio::sync::{mpsc, oneshot};

use crate::{
    event::{Event, Step},
    model::{ReleaseName, SiteName},
};

/// What a worker tells the dispatcher.
#[derive(Debug)]
pub enum Note {
    /// Something happened.
    Say(Event),
    /// Something is about to be changed: only once the journal holds the event may it be.
    Ask(Event, oneshot::Sender<()>),
}

/// A worker's way to the dispatcher.
#[derive(Debug, Clone)]
pub struct Mouth {
    site: SiteName,
    notes: mpsc::UnboundedSender<Note>,
}

/// The dispatcher is gone or cannot write its journal: nothing may be changed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPermit;

impl Mouth {
    /// A mouth for `site`.
    #[must_use]
    pub const fn new(site: SiteName, notes: mpsc::UnboundedSender<Note>) -> Self {
        Self { site, notes }
    }

    /// The site that speaks.
    #[must_use]
    pub const fn site(&self) -> &SiteName {
        &self.site
    }

    /// Says something. A dispatcher that is gone needs not hear it.
    pub fn say(&self, event: Event) {
        let _ = self.notes.send(Note::Say(event));
    }

    /// Says that a step begins that changes nothing.
    pub fn begins(&self, step: Step) {
        self.say(Event::StepStarted { site: self.site.clone(), step, release: None });
    }

    /// Asks for the permit to change something, and waits until the journal holds it.
    ///
    /// # Errors
    /// When there will be no permit.
    pub async fn permit(&self, step: Step, release: Option<&ReleaseName>) -> Result<(), NoPermit> {
        let event = Event::StepStarted { site: self.site.clone(), step, release: release.cloned() };
        let (sender, receiver) = oneshot::channel();
        self.notes.send(Note::Ask(event, sender)).map_err(|_| NoPermit)?;
        receiver.await.map_err(|_| NoPermit)
    }

    /// Says that a step ended well.
    pub fn done(&self, step: Step, since: tokio::time::Instant, sent: u64, detail: Option<String>) {
        let took = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.say(Event::StepDone { site: self.site.clone(), step, took, sent, detail });
    }

    /// Says that a step did not.
    pub fn failed(&self, step: Step, why: String, tail: &[String], indeterminate: bool) {
        let (site, tail) = (self.site.clone(), tail.to_vec());
        self.say(Event::StepFailed { site, step, why, tail, indeterminate });
    }

    /// Tells people something that stops nothing.
    pub fn warn(&self, message: String) {
        self.say(Event::Warned { site: Some(self.site.clone()), message });
    }
}
