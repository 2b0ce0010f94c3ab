//! The live screen: lines that stay, and below them a few that move.
//!
//! What stays is what a log would have, without the chatter that the moving part shows: how
//! far the run is, and who is being waited for. The moving part is never wider than the
//! terminal nor higher than [`HEIGHT`], however many hosts there are.

use std::io::{self, Write};

use super::{
    Detail, Line, Look, Tally, Tone, outputs, recap,
    recap::tone_of,
    story::{doing, tell},
    tally::Phase,
    took,
    words::stopwatch,
};
use crate::{
    event::{Event, Reporter, Stamped},
    model::Outcome,
};

/// Lines of the moving part: the bar, the counts, and the sites that have taken longest.
const HEIGHT: usize = 5;
/// Milliseconds between two drawings, so that a thousand hosts do not flood a slow terminal.
const PERIOD: u64 = 80;

/// Shows a run on a terminal.
pub struct Tty<W> {
    out: W,
    colour: bool,
    columns: fn() -> usize,
    detail: Detail,
    tally: Tally,
    /// Lines of the moving part that are on the screen.
    drawn: usize,
    drawn_at: u64,
}

impl<W: Write> Tty<W> {
    /// A screen on `out`; `columns` is asked at every drawing, for windows change.
    pub fn new(out: W, colour: bool, columns: fn() -> usize, detail: Detail) -> Self {
        Self { out, colour, columns, detail, tally: Tally::default(), drawn: 0, drawn_at: 0 }
    }

    fn draw(&mut self, stay: &[Line], moving: &[Line]) -> io::Result<()> {
        // One write for all: a terminal never shows the half of it.
        let mut screen = Vec::new();
        if self.drawn > 0 {
            write!(screen, "\x1b[{}A\r\x1b[J", self.drawn)?;
        }
        let columns = (self.columns)();
        let look = Look { colour: self.colour, columns: Some(columns) };
        look.write_all(&mut screen, stay)?;
        for line in moving {
            // The last column stays free: some terminals wrap when it is used.
            let line = line.clone().cut(columns.saturating_sub(1));
            Look { columns: None, ..look }.write(&mut screen, &line)?;
        }
        self.drawn = moving.len();
        self.drawn_at = self.tally.now;
        self.out.write_all(&screen)?;
        self.out.flush()
    }

    fn moving(&self) -> Vec<Line> {
        let tally = &self.tally;
        if tally.phase == Phase::Over || tally.header.is_none() {
            return Vec::new();
        }
        let mut lines = vec![self.bar()];
        lines.extend(self.counts());
        let running = tally.running();
        let room = HEIGHT - lines.len();
        let shown = if running.len() > room { room - 1 } else { running.len() };
        for (site, step, since) in running.iter().take(shown) {
            let time = took(tally.now.saturating_sub(*since));
            let line = Line::of(Tone::Plain, "  ").add(Tone::Plain, site.as_str());
            lines.push(line.add(Tone::Dim, &format!("  {} {time}", doing(*step))));
        }
        if shown < running.len() {
            let text = format!("  and {} more", running.len() - shown);
            lines.push(Line::of(Tone::Dim, &text));
        }
        lines
    }

    fn bar(&self) -> Line {
        let tally = &self.tally;
        let phase = match tally.phase {
            Phase::Reading => "reading".to_owned(),
            Phase::Staging => "staging".to_owned(),
            Phase::Rolling { number, of } => format!("batch {number} of {of}"),
            Phase::Stopping | Phase::Over => "stopping".to_owned(),
        };
        let phase = match (&tally.header, tally.phase) {
            (Some(header), Phase::Reading) if header.verb == "exec" => "running".to_owned(),
            _ => phase,
        };
        let (done, all) = tally.progress();
        let numbers = format!("  {done}/{all}  ");
        let time = stopwatch(tally.now.saturating_sub(tally.began));
        let taken = phase.len() + 2 + numbers.len() + time.len() + 1;
        let wide = (self.columns)().saturating_sub(taken).min(40);
        let full = (wide * done.min(all)).checked_div(all).unwrap_or(0);
        Line::of(Tone::Strong, &phase)
            .add(Tone::Plain, "  ")
            .add(Tone::Good, &"━".repeat(full))
            .add(Tone::Dim, &"─".repeat(wide - full))
            .add(Tone::Plain, &numbers)
            .add(Tone::Dim, &time)
    }

    fn counts(&self) -> Option<Line> {
        let counts = self.tally.counts();
        let mut line = Line::of(Tone::Plain, "  ");
        let mut mark = "";
        for outcome in Outcome::ALL {
            if let Some(count) = counts.get(&outcome) {
                line = line.add(Tone::Plain, mark);
                line = line.add(tone_of(outcome), &format!("{count} {outcome}"));
                mark = ", ";
            }
        }
        (!counts.is_empty()).then_some(line)
    }
}

impl<W: Write> Reporter for Tty<W> {
    fn event(&mut self, event: &Stamped) -> io::Result<()> {
        self.tally.take(event);
        let mut stay = match &event.event {
            // Every site's success is in the counts; on a screen it would push away the rest.
            Event::SiteReleased { .. } if self.detail < Detail::Every => Vec::new(),
            event => tell(event, &self.tally, self.detail),
        };
        if matches!(event.event, Event::RunFinished { .. }) {
            let columns = (self.columns)();
            stay.extend(outputs(&self.tally, columns));
            stay.extend(recap(&self.tally, columns));
        }
        let due = self.tally.now.saturating_sub(self.drawn_at) >= PERIOD;
        if !stay.is_empty() || due || self.tally.phase == Phase::Over {
            let moving = self.moving();
            self.draw(&stay, &moving)?;
        }
        Ok(())
    }

    fn tick(&mut self, now: u64) -> io::Result<()> {
        self.tally.now = self.tally.now.max(now);
        if self.tally.now.saturating_sub(self.drawn_at) < PERIOD {
            return Ok(());
        }
        let moving = self.moving();
        self.draw(&[], &moving)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.draw(&[], &[])
    }
}
