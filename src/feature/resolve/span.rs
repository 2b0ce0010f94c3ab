//! A set of versions of one feature, for the solver.
//!
//! Versions are known by their place in the list of what is published, so a requirement becomes
//! the places that match it, and keeps its exact meaning (`SemVer`'s rule for pre-releases
//! cannot be said with an upper and a lower end). A set also says whether it holds every place
//! beyond the ones written down: without that, sets would have no complement.

use std::fmt;

use pubgrub::VersionSet;

/// The place of a version in its feature's list, oldest first.
pub(super) type Place = u32;

/// A set of places.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Span {
    words: Vec<u64>,
    /// Whether every place beyond `words` is in it.
    beyond: bool,
}

impl Span {
    /// Exactly these places.
    pub fn of(places: impl IntoIterator<Item = Place>) -> Self {
        let mut span = Self::empty();
        for place in places {
            let at = (place / 64) as usize;
            if at >= span.words.len() {
                span.words.resize(at + 1, 0);
            }
            if let Some(word) = span.words.get_mut(at) {
                *word |= 1 << (place % 64);
            }
        }
        span
    }

    const fn rest(&self) -> u64 {
        if self.beyond { u64::MAX } else { 0 }
    }

    fn word(&self, at: usize) -> u64 {
        self.words.get(at).copied().unwrap_or(self.rest())
    }

    /// Equal sets look equal: no word at the end says what `beyond` says.
    fn trimmed(mut self) -> Self {
        let rest = self.rest();
        while self.words.last() == Some(&rest) {
            self.words.pop();
        }
        self
    }
}

impl VersionSet for Span {
    type V = Place;

    fn empty() -> Self {
        Self { words: Vec::new(), beyond: false }
    }

    fn singleton(place: Place) -> Self {
        Self::of([place])
    }

    fn complement(&self) -> Self {
        let words = self.words.iter().map(|word| !word).collect();
        Self { words, beyond: !self.beyond }
    }

    fn intersection(&self, other: &Self) -> Self {
        let length = self.words.len().max(other.words.len());
        let words = (0..length).map(|at| self.word(at) & other.word(at)).collect();
        Self { words, beyond: self.beyond && other.beyond }.trimmed()
    }

    fn contains(&self, place: &Place) -> bool {
        self.word((place / 64) as usize) & (1 << (place % 64)) != 0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = (0..).take(self.words.len() * 64).filter(|place| self.contains(place));
        f.debug_set().entries(places).finish()?;
        if self.beyond { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn members(span: &Span) -> BTreeSet<Place> {
        (0..200).filter(|place| span.contains(place)).collect()
    }

    proptest! {
        #[test]
        fn it_is_the_set_that_it_says(
            a in prop::collection::btree_set(0..190_u32, 0..8),
            b in prop::collection::btree_set(0..190_u32, 0..8),
        ) {
            let (x, y) = (Span::of(a.clone()), Span::of(b.clone()));
            prop_assert_eq!(members(&x), a.clone());
            prop_assert_eq!(members(&x.intersection(&y)), &a & &b);
            prop_assert_eq!(members(&x.union(&y)), &a | &b);
            prop_assert_eq!(members(&x.intersection(&y.complement())), &a - &b);
            prop_assert_eq!(&x.complement().complement(), &x);
            // The solver tells sets apart by `==`: one set, one look.
            prop_assert_eq!(x.intersection(&y) == Span::empty(), a.is_disjoint(&b));
            prop_assert_eq!(&x.union(&y).intersection(&x), &x);
            prop_assert_eq!(x.union(&x.complement()), Span::full());
        }
    }
}
