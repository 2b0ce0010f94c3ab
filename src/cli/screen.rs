//! Where a command speaks: the format, the look, and the two streams.
//!
//! What a command was asked for goes to standard output; problems and questions go to standard
//! error, so that a pipe holds results and nothing else.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _, stderr, stdout},
};

use clap::ValueEnum;
use serde::Serialize;

use super::{Failure, flags::Global, problems};
use crate::{
    event::Reporter,
    report::{Detail, Json, Line, Look, Plain, Table, Tone, Tty, terminal_width},
};

/// Columns that lists are made for where there is no screen.
const LOG_COLUMNS: usize = 100;

/// How a command speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person at a terminal: progress, colours
    Tty,
    /// For logs and pipes: plain lines
    Plain,
    /// For programs: one document, or one event per line (docs/events.md)
    Json,
    /// For GitHub Actions: plain lines, and problems as annotations
    Github,
}

/// The two streams and how they look.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// How results are told.
    pub format: Format,
    /// How much is told of a run.
    pub detail: Detail,
    out: Look,
    err: Look,
    interactive: bool,
}

impl Screen {
    /// The screen that the flags and the surroundings ask for.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let out_is_terminal = stdout().is_terminal();
        let default = if out_is_terminal { Format::Tty } else { Format::Plain };
        let format = global.output.unwrap_or(default);
        let detail = match (global.quiet, global.verbose) {
            (true, _) => Detail::Quiet,
            (false, 0) => Detail::Usual,
            (false, _) => Detail::Every,
        };
        let colour = !global.no_color && !is_set("NO_COLOR") && !is("TERM", "dumb");
        let look = |is_terminal: bool| Look {
            colour: colour && is_terminal,
            columns: if is_terminal { Some(columns()) } else { asked_columns() },
        };
        let people = stdin_is_terminal() && stderr().is_terminal() && !is_set("CI");
        Self {
            format,
            detail,
            // Whoever asks for `tty` gets its colours even through a pipe.
            out: look(out_is_terminal || global.output == Some(Format::Tty)),
            err: look(stderr().is_terminal()),
            interactive: people && format != Format::Json,
        }
    }

    /// Whether somebody is there to be asked.
    #[must_use]
    pub const fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Whether standard error has colours.
    #[must_use]
    pub const fn has_colour(&self) -> bool {
        self.err.colour
    }

    /// Whether results are for programs.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Columns that lists and tables on standard output are made for.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.out.columns.unwrap_or(LOG_COLUMNS)
    }

    /// Columns that tables are made for: as many as they like where there is no screen.
    #[must_use]
    pub fn table_columns(&self) -> usize {
        self.out.columns.unwrap_or(240)
    }

    /// Shows the first of several tables, the richest first, that is not too wide; the last one
    /// is folded if need be.
    ///
    /// # Errors
    /// When nobody can read it.
    pub fn first_fitting(&self, tables: &[Table]) -> io::Result<()> {
        let room = self.table_columns();
        let fits = |table: &&Table| table.lines(None).iter().all(|line| line.width() <= room);
        tables.iter().find(fits).or(tables.last()).map_or(Ok(()), |table| self.table(table))
    }

    /// Shows results.
    ///
    /// # Errors
    /// When nobody can read them.
    pub fn show<'a>(&self, lines: impl IntoIterator<Item = &'a Line>) -> io::Result<()> {
        let mut out = io::BufWriter::new(stdout().lock());
        self.out.write_all(&mut out, lines)?;
        out.flush()
    }

    /// Shows a table; in a pipe it is never folded.
    ///
    /// # Errors
    /// When nobody can read it.
    pub fn table(&self, table: &Table) -> io::Result<()> {
        self.show(&table.lines(self.out.columns))
    }

    /// Gives one document to a program.
    ///
    /// # Errors
    /// When nobody can read it.
    #[expect(clippy::unused_self, reason = "a screen is what documents and questions go to")]
    pub fn json(&self, document: &impl Serialize) -> io::Result<()> {
        let mut out = io::BufWriter::new(stdout().lock());
        writeln!(out, "{}", crate::event::json_line(document)?)?;
        out.flush()
    }

    /// Tells the person something beside the results, unless only results are wanted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, line: &Line) -> io::Result<()> {
        if self.detail == Detail::Quiet {
            return Ok(());
        }
        self.say(std::slice::from_ref(line))
    }

    /// Tells the person something that must be heard.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn say(&self, lines: &[Line]) -> io::Result<()> {
        let mut err = stderr().lock();
        self.err.write_all(&mut err, lines)?;
        err.flush()
    }

    /// Asks for a line; the question stays on the line.
    ///
    /// # Errors
    /// When nothing can be written or read.
    #[expect(clippy::unused_self, reason = "a screen is what documents and questions go to")]
    pub fn ask(&self, question: &str) -> io::Result<String> {
        write!(stderr().lock(), "{} ", Line::of(Tone::Strong, question).text())?;
        stderr().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    /// Tells of a failure.
    pub fn fail(&self, failure: &Failure) {
        if failure.problems.0.is_empty() {
            return;
        }
        // Nobody is left to be told that this could not be told.
        if self.is_json() {
            let _ = self.json(&problems::to_json(failure));
        }
        let columns = self.err.columns.unwrap_or(LOG_COLUMNS);
        let _ = self.say(&problems::lines(failure, self.format, columns));
    }

    /// The audience of a run that is over: the lines that stayed, and nothing that moved.
    #[must_use]
    pub fn replay(&self) -> Box<dyn Reporter> {
        match self.format {
            Format::Json => Box::new(Json::new(stdout())),
            _ if self.out.colour => Box::new(Tty::new(stdout(), true, columns, self.detail)),
            _ => Box::new(Plain::new(stdout(), self.detail)),
        }
    }

    /// The audience of a run.
    #[must_use]
    pub fn reporter(&self) -> Box<dyn Reporter> {
        match self.format {
            Format::Json => Box::new(Json::new(stdout())),
            Format::Tty => Box::new(Tty::new(stdout(), self.out.colour, columns, self.detail)),
            Format::Plain | Format::Github => Box::new(Plain::new(stdout(), self.detail)),
        }
    }
}

/// `COLUMNS` where it is set, else the terminal's own.
pub fn columns() -> usize {
    asked_columns().unwrap_or_else(terminal_width)
}

fn asked_columns() -> Option<usize> {
    env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0)
}

fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is(name: &str, value: &str) -> bool {
    env::var(name).is_ok_and(|found| found == value)
}
