//! Everybody who hears of a run: the journal first, then the screen, and a memory for the verb.

use std::{
    cell::RefCell,
    future::Future,
    io,
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Failure, Screen};
use crate::{
    event::{Event, Reporter, Stamped},
    model::RunId,
    report::{Detail, Tally, Tty},
    store::{Journal, Store},
};

/// How often time passes on the screen.
const TICK: Duration = Duration::from_millis(100);

/// The audience of one run.
pub struct Audience {
    journal: Option<Journal>,
    screen: Option<Box<dyn Reporter>>,
    /// What happened before there was a journal.
    unwritten: Vec<Stamped>,
    /// What was told so far.
    pub tally: Tally,
    /// Whether only progress is shown, and troubles are told by the verb.
    only_progress: bool,
}

impl Audience {
    /// An audience that sees the whole run on the screen.
    pub fn whole(screen: &Screen) -> RefCell<Self> {
        Self::new(Some(screen.reporter()), false)
    }

    /// An audience that sees how far reading is, where there is a terminal, and nothing else:
    /// the verb tells the rest.
    pub fn progress(screen: &Screen) -> RefCell<Self> {
        Self::new(screen.progress(), true)
    }

    fn new(screen: Option<Box<dyn Reporter>>, only_progress: bool) -> RefCell<Self> {
        let unwritten = Vec::new();
        RefCell::new(Self {
            journal: None,
            screen,
            unwritten,
            tally: Tally::default(),
            only_progress,
        })
    }

    /// Hears events. What the journal cannot hold must not happen; a screen that is gone is no
    /// reason to stop.
    pub fn hear(&mut self, events: &[Stamped]) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.append(events).map_err(io::Error::other)?,
            None => self.unwritten.extend_from_slice(events),
        }
        for event in events {
            self.tally.take(event);
            let shown = if self.only_progress { progress_of(event) } else { Some(event.clone()) };
            if let (Some(screen), Some(event)) = (&mut self.screen, shown)
                && screen.event(&event).is_err()
            {
                self.screen = None;
            }
        }
        Ok(())
    }

    /// From here on everything is written down, what has happened before included.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn begin_journal(&mut self, store: &Store, run: &RunId) -> Result<(), Failure> {
        let mut journal = store.create(run)?;
        journal.append(&std::mem::take(&mut self.unwritten))?;
        self.journal = Some(journal);
        Ok(())
    }

    /// Leaves the screen to the verb.
    pub fn pause(&mut self) {
        if let Some(screen) = &mut self.screen
            && screen.suspend().is_err()
        {
            self.screen = None;
        }
    }

    fn tick(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        if let Some(screen) = &mut self.screen
            && screen.tick(now).is_err()
        {
            self.screen = None;
        }
    }
}

/// Waits for `work` while time passes on the screen.
pub async fn attended<T>(audience: &RefCell<Audience>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => audience.borrow_mut().tick(),
        }
    }
}

/// The event without what would leave a line on the screen.
fn progress_of(stamped: &Stamped) -> Option<Stamped> {
    let event = match &stamped.event {
        Event::StepFailed { site, step, .. } => {
            Event::StepDone { site: site.clone(), step: *step, took: 0, sent: 0, detail: None }
        }
        Event::Warned { .. }
        | Event::SitePlanned { .. }
        | Event::Output { .. }
        | Event::RunFinished { .. }
        | Event::SiteFinished { .. } => return None,
        other => other.clone(),
    };
    Some(Stamped { event, ..*stamped })
}

impl Screen {
    /// The part of a screen that shows how far a run is, where there is a terminal.
    fn progress(&self) -> Option<Box<dyn Reporter>> {
        let is_tty = self.format == super::screen::Format::Tty && self.detail > Detail::Quiet;
        let screen =
            || Tty::new(io::stderr(), self.has_colour(), super::screen::columns, Detail::Quiet);
        is_tty.then(|| Box::new(screen()) as Box<dyn Reporter>)
    }
}
