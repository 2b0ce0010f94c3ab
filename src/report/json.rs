//! The event stream for machines: one event per line, as `docs/events.md` says.

use std::io::{self, Write};

use crate::event::{Reporter, Stamped, json_line};

/// Writes every event as a line of JSON, at once.
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    /// A stream into `out`.
    pub const fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn event(&mut self, event: &Stamped) -> io::Result<()> {
        let line = json_line(event)? + "\n";
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}
