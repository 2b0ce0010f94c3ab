//! What is wrong with something the user wrote: where, what, and what to do about it.

use std::{fmt, sync::Arc};

/// A place in a file the user wrote. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file as the user would name it (relative to the project where possible).
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong, told to the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, if it is in a file.
    pub at: Option<Position>,
    /// What is wrong and why: a lower-case fragment without a full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The line itself, to be shown with a caret below the column.
    pub excerpt: Option<String>,
    /// Whether the line may hold a secret, and so is never shown.
    pub is_private: bool,
}

impl Problem {
    /// A problem that belongs to no file.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { at: None, message: message.into(), hint: None, excerpt: None, is_private: false }
    }

    /// A problem at a place.
    #[must_use]
    pub fn at(position: &Position, message: impl Into<String>) -> Self {
        Self { at: Some(position.clone()), ..Self::new(message) }
    }

    /// Adds "did you mean" where one of `known` is near `word`.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match did_you_mean(word, known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Keeps the line itself from being shown: it may hold a secret.
    #[must_use]
    pub fn private(mut self) -> Self {
        (self.is_private, self.excerpt) = (true, None);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let (Some(excerpt), Some(at)) = (&self.excerpt, &self.at) {
            let margin = at.line.to_string();
            let caret = " ".repeat(at.column.saturating_sub(1) as usize);
            let gap = " ".repeat(margin.len());
            write!(f, "\n  {margin} | {excerpt}\n  {gap} | {caret}^")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong, told at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `value` when nothing is wrong, all problems otherwise.
    ///
    /// # Errors
    /// The problems themselves.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Adds to each problem in `file` the line of `text` that it is about. Lines that are too
    /// long to be read at a glance, or may hold a secret, are left out.
    #[must_use]
    pub fn with_excerpts(mut self, file: &str, text: &str) -> Self {
        let lines: Vec<&str> = if self.0.is_empty() { Vec::new() } else { text.lines().collect() };
        for problem in &mut self.0 {
            let Some(at) = problem.at.as_ref().filter(|at| &*at.file == file) else { continue };
            let line = lines.get(at.line.saturating_sub(1) as usize);
            if let (Some(line), false, None) = (line, problem.is_private, &problem.excerpt) {
                let clean = |c: char| if c.is_control() { ' ' } else { c };
                let is_short = line.chars().count() <= 160;
                problem.excerpt = is_short.then(|| line.chars().map(clean).collect());
            }
        }
        self
    }

    /// Notes one more.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Takes in what another step found; gives its value if it had one.
    pub fn absorb<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|found| self.0.extend(found.0)).ok()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate that a mistyped word most likely meant, if one is near enough; else the only one
/// that begins like it (`acme` for `acme.example`).
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    near(word, &known).or_else(|| begun(word, &known))
}

/// The one candidate of which the word is the first part, or nearly. Where there are several, none
/// is likelier than another.
fn begun<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const LEAST: usize = 3;
    let length = word.chars().count();
    if length < LEAST {
        return None;
    }
    let limit = length / 5;
    let distance = |candidate: &str| {
        let parts = candidate.match_indices(['-', '.', '_']);
        let heads = parts.filter_map(|(end, _)| candidate.get(..end));
        let near = heads.filter(|head| head.chars().count().abs_diff(length) <= limit);
        near.map(|head| edit_distance(word, head)).filter(|distance| *distance <= limit).min()
    };
    let mut found: Vec<(usize, &str)> =
        known.iter().filter_map(|candidate| Some((distance(candidate)?, *candidate))).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [(_, only)] => Some(only),
        [(nearest, first), (next, _), ..] if nearest < next => Some(first),
        _ => None,
    }
}

fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    known
        .iter()
        .copied()
        // Cheap, and spares most of the work where there are thousands of names.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance in its optimal string alignment form: insertions, deletions,
/// substitutions and swaps of neighbours cost one each.
fn edit_distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let cost = usize::from(a != b);
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + cost).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let known = ["forms", "promo", "wordpress"];
        assert_eq!(did_you_mean("form", known), Some("forms"));
        assert_eq!(did_you_mean("fomrs", known), Some("forms"));
        assert_eq!(did_you_mean("wrodpres", known), Some("wordpress"));
        assert_eq!(did_you_mean("database", known), None);
    }

    #[test]
    fn the_only_one_that_begins_like_the_word_is_offered() {
        let known = ["acme-tools.example", "shop-a.example", "shop-b.example", "contact-form"];
        assert_eq!(did_you_mean("acme-tools", known), Some("acme-tools.example"));
        assert_eq!(did_you_mean("acme", known), Some("acme-tools.example"));
        assert_eq!(did_you_mean("contat", known), Some("contact-form"));
        assert_eq!(did_you_mean("shop-b", known), Some("shop-b.example"));
        assert_eq!(did_you_mean("shop", known), None);
        assert_eq!(did_you_mean("co", ["co-op"]), None);
    }

    #[test]
    fn a_problem_shows_its_line_and_what_to_do() {
        let at = Position { file: "inventory/sites.yml".into(), line: 12, column: 5 };
        let problem = Problem::at(&at, "unknown key `adress`").hint("did you mean `address`?");
        let private = Problem::at(&at, "a literal secret").private();
        let text = "\n".repeat(11) + "    adress: 10.0.0.1\n";
        let problems = Problems(vec![problem, private]).with_excerpts("inventory/sites.yml", &text);
        assert_eq!(problems.0[1].excerpt, None);
        assert_eq!(
            problems.0[0].to_string(),
            "inventory/sites.yml:12:5: unknown key `adress`\n  12 |     adress: 10.0.0.1\n     |     ^\n  hint: did you mean `address`?"
        );
    }
}
