//! The sole maker of stamped events: numbers them, gives them the time, hands them on in order.

use std::{
    collections::BTreeMap,
    io,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    event::{Event, Stamped},
    model::SiteName,
};

/// Where events go: made durable and told to all audiences before it returns.
pub type Out<'a> = dyn FnMut(&[Stamped]) -> io::Result<()> + 'a;

/// Makes events of a run.
pub struct Emit<'a> {
    out: &'a mut Out<'a>,
    index: u64,
    begun: Instant,
    reasons: BTreeMap<SiteName, String>,
    broken: Option<String>,
}

impl<'a> Emit<'a> {
    /// Events go to `out`.
    pub fn new(out: &'a mut Out<'a>) -> Self {
        Self { out, index: 0, begun: Instant::now(), reasons: BTreeMap::new(), broken: None }
    }

    /// Emits one event. Whether it arrived is seen in [`Emit::broken`].
    pub fn one(&mut self, event: Event) {
        self.all(vec![event]);
    }

    /// Emits events that are ready together: they become durable in one step.
    pub fn all(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for event in &events {
            if let Event::StepFailed { site, why, .. } = event {
                self.reasons.insert(site.clone(), why.clone());
            }
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let first = self.index;
        let stamped: Vec<Stamped> = events
            .into_iter()
            .zip(first..)
            .map(|(event, index)| Stamped { at, index, event })
            .collect();
        self.index += stamped.len() as u64;
        if let Err(why) = (self.out)(&stamped) {
            self.broken.get_or_insert_with(|| why.to_string());
        }
    }

    /// Why events do not arrive any more, if so. Then nothing may be changed.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The last failure told of a site.
    #[must_use]
    pub fn reason(&self, site: &SiteName) -> Option<String> {
        self.reasons.get(site).cloned()
    }

    /// Milliseconds since the first event.
    #[must_use]
    pub fn took(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
