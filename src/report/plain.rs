//! Lines for logs: one per event that matters, always the same for the same run, no escapes.

use std::io::{self, Write};

use super::{Detail, Look, Tally, outputs, recap, story::tell};
use crate::event::{Event, Reporter, Stamped};

/// Columns that lists of sites are made for.
const COLUMNS: usize = 100;

/// Writes a run as plain lines.
pub struct Plain<W> {
    out: W,
    detail: Detail,
    tally: Tally,
}

impl<W: Write> Plain<W> {
    /// A log into `out`.
    pub fn new(out: W, detail: Detail) -> Self {
        Self { out, detail, tally: Tally::default() }
    }
}

impl<W: Write> Reporter for Plain<W> {
    fn event(&mut self, event: &Stamped) -> io::Result<()> {
        self.tally.take(event);
        let mut lines = tell(&event.event, &self.tally, self.detail);
        if matches!(event.event, Event::RunFinished { .. }) {
            lines.extend(outputs(&self.tally, COLUMNS));
            lines.extend(recap(&self.tally, COLUMNS));
        }
        Look::LOG.write_all(&mut self.out, &lines)?;
        self.out.flush()
    }
}
