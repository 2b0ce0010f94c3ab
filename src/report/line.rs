//! A line of output, and how it looks on the screen it goes to.
//!
//! Text becomes part of a line only by passing the filter of `event`, so no line can carry an
//! escape sequence of anybody's; colours are added when the line is written.

use std::io::{self, Write};

use console::{Style, Term, measure_text_width, truncate_str};

use crate::event::{one_line, sanitize};

/// What a piece of text means; the look follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// What matters in a line.
    Strong,
    /// What can be skipped.
    Dim,
    /// As wanted; also what a diff adds.
    Good,
    /// Not as wanted; also what a diff removes.
    Bad,
    /// To be looked at.
    Warn,
}

/// One line without its line break. Every piece of it is safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pieces: Vec<(Tone, String)>,
    verbatim: bool,
}

impl Line {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one piece.
    #[must_use]
    pub fn of(tone: Tone, text: &str) -> Self {
        Self::new().add(tone, text)
    }

    /// Adds a piece; whatever it holds, it stays on this line.
    #[must_use]
    pub fn add(mut self, tone: Tone, text: &str) -> Self {
        self.pieces.push((tone, one_line(text)));
        self
    }

    /// A line that is shown as it is, tabs included, and never wrapped: of a file, or of what
    /// a host said.
    #[must_use]
    pub fn verbatim(tone: Tone, text: &str) -> Self {
        let text = text.split('\t').map(one_line).collect::<Vec<_>>().join("\t");
        Self { pieces: vec![(tone, text)], verbatim: true }
    }

    /// The lines of a text that may have several.
    #[must_use]
    pub fn lines_of(tone: Tone, margin: &str, text: &str) -> Vec<Self> {
        sanitize(text)
            .lines()
            .map(|line| Self::verbatim(tone, &format!("{margin}{line}")))
            .collect()
    }

    /// The text without any look.
    #[must_use]
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Columns it takes on a terminal.
    #[must_use]
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| measure_text_width(text)).sum()
    }

    /// The line, cut to so many columns.
    #[must_use]
    pub fn cut(mut self, columns: usize) -> Self {
        let mut left = columns;
        for (_, text) in &mut self.pieces {
            let wide = measure_text_width(text);
            if left == 0 {
                text.clear();
            } else if wide > left {
                *text = truncate_str(text, left, "…").into_owned();
                left = 0;
            } else {
                left -= wide;
            }
        }
        self
    }

    /// The line as several of at most so many columns where that is possible, broken at
    /// spaces; what follows is indented by two more than the first.
    fn wrapped(&self, columns: usize) -> Vec<Self> {
        if self.verbatim || self.width() <= columns {
            return vec![self.clone()];
        }
        let text = self.text();
        let indent = " ".repeat(text.len() - text.trim_start_matches(' ').len() + 2);
        let mut lines: Vec<Self> = Vec::new();
        let mut line = Self::new();
        let mut used = 0;
        let mut fresh = true;
        for (tone, text) in &self.pieces {
            for word in text.split_inclusive(' ') {
                let wide = measure_text_width(word.trim_end());
                if !fresh && used + wide > columns {
                    lines.push(std::mem::take(&mut line).trimmed());
                    line.pieces.push((Tone::Plain, indent.clone()));
                    used = indent.len();
                }
                fresh = used == 0 && word.trim().is_empty();
                used += measure_text_width(word);
                line.pieces.push((*tone, word.to_owned()));
            }
        }
        lines.push(line.trimmed());
        lines
    }

    fn trimmed(mut self) -> Self {
        while let Some((_, text)) = self.pieces.last_mut() {
            text.truncate(text.trim_end_matches(' ').len());
            if !text.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        self
    }
}

/// How lines look where they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colours are used.
    pub colour: bool,
    /// Columns at which lines are wrapped; `None` for logs and pipes.
    pub columns: Option<usize>,
}

impl Look {
    /// For logs, pipes and files.
    pub const LOG: Self = Self { colour: false, columns: None };

    /// Writes a line and its line break.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(self, out: &mut dyn Write, line: &Line) -> io::Result<()> {
        for line in line.wrapped(self.columns.unwrap_or(usize::MAX).max(20)) {
            for (tone, text) in &line.pieces {
                match style(*tone) {
                    Some(style) if self.colour && !text.trim().is_empty() => {
                        write!(out, "{}", style.apply_to(text))?;
                    }
                    _ => out.write_all(text.as_bytes())?,
                }
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes lines.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_all<'a>(
        self,
        out: &mut dyn Write,
        lines: impl IntoIterator<Item = &'a Line>,
    ) -> io::Result<()> {
        lines.into_iter().try_for_each(|line| self.write(out, line))
    }
}

fn style(tone: Tone) -> Option<Style> {
    // Whether there is colour has been decided by the caller, not by console's own guess.
    let style = Style::new().force_styling(true);
    match tone {
        Tone::Plain => None,
        Tone::Strong => Some(style.bold()),
        Tone::Dim => Some(style.dim()),
        Tone::Good => Some(style.green()),
        Tone::Bad => Some(style.red()),
        Tone::Warn => Some(style.yellow()),
    }
}

/// The columns of the terminal on standard error, or 80.
#[must_use]
pub fn terminal_width() -> usize {
    Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(look: Look, line: &Line) -> String {
        let mut out = Vec::new();
        look.write(&mut out, line).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_in_a_line_can_steer_the_terminal() {
        let hostile = "a\x1b[2J\nchanged: b\r\u{9b}31m\u{202e}\tc";
        for line in [Line::of(Tone::Bad, hostile), Line::verbatim(Tone::Bad, hostile)] {
            let text = written(Look::LOG, &line);
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(!text.trim_end().chars().any(|c| c.is_control() && c != '\t'), "{text}");
        }
        let lines = Line::lines_of(Tone::Plain, "  | ", "one\ntwo\x07\n");
        let texts: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(texts, ["  | one", "  | two\\x07"]);
    }

    #[test]
    fn colour_is_used_only_where_it_was_asked_for() {
        let line = Line::of(Tone::Plain, "a ").add(Tone::Bad, "b");
        assert_eq!(written(Look::LOG, &line), "a b\n");
        let look = Look { colour: true, columns: None };
        assert_eq!(written(look, &line), "a \u{1b}[31mb\u{1b}[0m\n");
    }

    #[test]
    fn long_lines_are_wrapped_at_words_with_a_margin() {
        let line =
            Line::of(Tone::Plain, "  acme.example: the form ").add(Tone::Bad, "did not answer");
        let look = Look { colour: false, columns: Some(24) };
        assert_eq!(written(look, &line), "  acme.example: the form\n    did not answer\n");
        let long = Line::of(Tone::Plain, &"x".repeat(30));
        assert_eq!(written(look, &long), format!("{}\n", "x".repeat(30)));
        let file = Line::verbatim(Tone::Plain, "a line of a file that is not wrapped");
        assert_eq!(written(look, &file).lines().count(), 1);
    }

    #[test]
    fn a_cut_line_is_never_wider_than_asked() {
        let line = Line::of(Tone::Plain, "日本語 ").add(Tone::Dim, "shop01.example");
        for columns in 0..30 {
            assert!(line.clone().cut(columns).width() <= columns, "{columns}");
        }
        assert_eq!(line.cut(12).text(), "日本語 shop…");
    }
}
