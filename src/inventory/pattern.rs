//! Words of a target: names and globs, and later Ansible's whole pattern language.
//!
//! Its place is here: a [`Pattern`] answers "does this name match?", `select` combines answers.

use globset::{Glob, GlobMatcher};

use crate::model::Problem;

/// A name, or a glob over names (`shop*`, `web[0-9]`, `{acme,globex}.example`).
#[derive(Debug)]
pub(super) struct Pattern {
    pub text: String,
    glob: Option<GlobMatcher>,
}

impl Pattern {
    /// Reads one word.
    ///
    /// # Errors
    /// A glob with an open bracket, and what belongs to Ansible's patterns.
    pub fn new(text: &str, flag: &str) -> Result<Self, Problem> {
        let refused = |why: &str| Err(Problem::new(format!("{flag} {text}: {why}")));
        if text.starts_with(['&', '~', '@']) || text.contains(":&") || text.contains(":!") {
            return refused(
                "Ansible's patterns are not read here yet; use names, globs and commas",
            )
            .map_err(|problem| problem.hint("several flags narrow each other down"));
        }
        let glob = if text.contains(['*', '?', '[', '{']) {
            match Glob::new(text) {
                Ok(glob) => Some(glob.compile_matcher()),
                Err(why) => return refused(&format!("not a glob: {}", why.kind())),
            }
        } else {
            None
        };
        Ok(Self { text: text.to_owned(), glob })
    }

    /// The name itself, when this is no glob.
    pub fn name(&self) -> Option<&str> {
        self.glob.is_none().then_some(self.text.as_str())
    }

    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        self.glob.as_ref().map_or(self.text == name, |glob| glob.is_match(name))
    }
}
