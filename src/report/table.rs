//! Tables: columns where there is room, one field per line where there is not.

use super::{Line, Tone};

/// A table with a heading for each column.
#[derive(Debug, Clone)]
pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(heads: &[&str]) -> Self {
        Self { heads: heads.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing are empty; cells without a heading are not shown.
    pub fn row(&mut self, cells: impl IntoIterator<Item = (Tone, String)>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table in at most so many columns where that is possible.
    #[must_use]
    pub fn lines(&self, columns: Option<usize>) -> Vec<Line> {
        let mut widths: Vec<usize> = self.heads.iter().map(|head| width(head)).collect();
        for row in &self.rows {
            for (known, (_, cell)) in widths.iter_mut().zip(row) {
                *known = (*known).max(width(cell));
            }
        }
        let all: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        if columns.is_some_and(|columns| all > columns) {
            return self.stacked();
        }
        let heads = self.heads.iter().map(|head| (Tone::Dim, head.clone())).collect::<Vec<_>>();
        let rows = std::iter::once(&heads).chain(&self.rows);
        rows.map(|row| {
            let last = row.iter().rposition(|(_, cell)| !cell.is_empty()).unwrap_or(0);
            let cells = row.iter().zip(&widths).enumerate().take(last + 1);
            cells.fold(Line::new(), |line, (at, ((tone, cell), wide))| {
                let gap = if at == last { 0 } else { wide - width(cell) + 2 };
                line.add(*tone, cell).add(Tone::Plain, &" ".repeat(gap))
            })
        })
        .collect()
    }

    /// The first cell as a heading, and below it every cell that holds something.
    fn stacked(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for row in &self.rows {
            for (at, ((tone, cell), head)) in row.iter().zip(&self.heads).enumerate() {
                if at == 0 {
                    lines.push(Line::of(Tone::Strong, cell));
                } else if !cell.is_empty() {
                    let label = format!("  {}: ", head.to_lowercase());
                    lines.push(Line::of(Tone::Dim, &label).add(*tone, cell));
                }
            }
        }
        lines
    }
}

fn width(text: &str) -> usize {
    Line::of(Tone::Plain, text).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(columns: Option<usize>) -> String {
        let mut table = Table::new(&["SITE", "RELEASE", "NOTE"]);
        let cell = |text: &str| (Tone::Plain, text.to_owned());
        table.row([cell("acme.example"), cell("8-e3b0c44298fc"), cell("")]);
        table.row([cell("é.example"), cell(""), cell("never\x1b[2J deployed")]);
        table.lines(columns).iter().map(|line| line.text() + "\n").collect()
    }

    #[test]
    fn columns_are_aligned_and_end_without_blanks() {
        let wide = "\
SITE          RELEASE         NOTE
acme.example  8-e3b0c44298fc
é.example                     never\\x1b[2J deployed
";
        assert_eq!(shown(Some(80)), wide);
        assert_eq!(shown(None), wide);
    }

    #[test]
    fn a_narrow_terminal_gets_a_field_per_line() {
        let narrow = "\
acme.example
  release: 8-e3b0c44298fc
é.example
  note: never\\x1b[2J deployed
";
        assert_eq!(shown(Some(40)), narrow);
    }
}
