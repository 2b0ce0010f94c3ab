//! Which file and line set each value: what `inventory explain` shows.

use std::collections::BTreeMap;

use super::{Layer, LayerName, Site, Variable};

/// One setting of a variable, whether or not it won.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained<'a> {
    /// Who set it.
    pub layer: &'a LayerName,
    /// What it was set to, and where.
    pub variable: &'a Variable,
    /// Whether this is the value that holds.
    pub holds: bool,
}

impl Site {
    /// For each variable, or for the one named, everybody who sets it: the weakest first, the
    /// one that holds last.
    #[must_use]
    pub fn explain<'a>(
        &'a self,
        only: Option<&str>,
        outer: &[&'a Layer],
    ) -> BTreeMap<&'a str, Vec<Explained<'a>>> {
        let mut all: BTreeMap<&str, Vec<Explained<'_>>> = BTreeMap::new();
        for layer in self.all_layers(outer) {
            for (name, variable) in &layer.variables {
                if only.is_some_and(|only| only != name) {
                    continue;
                }
                let settings = all.entry(name).or_default();
                if let Some(weaker) = settings.last_mut() {
                    weaker.holds = false;
                }
                settings.push(Explained { layer: &layer.name, variable, holds: true });
            }
        }
        all
    }
}
