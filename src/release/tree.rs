//! The tree of a release: what is at which path.
//!
//! Most sites of a run want equal trees, so a tree is shared: a clone is a reference, and its
//! digest is worked out once for all who hold it. Whoever changes a tree changes a copy.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt, iter,
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
};

use super::manifest::{Entry, TreePath, sorted};
use crate::model::{Digest, Hashing};

/// A path at which two trees differ: what the older one has there, and the newer one.
pub type Change<'a> = (&'a TreePath, Option<&'a Entry>, Option<&'a Entry>);

/// Everything in a release but its top directory.
#[derive(Clone, Default)]
pub struct Tree(Arc<Grown>);

#[derive(Default)]
struct Grown {
    entries: BTreeMap<TreePath, Entry>,
    hashing: OnceLock<Hashing>,
}

impl Clone for Grown {
    fn clone(&self) -> Self {
        self.entries.clone().into()
    }
}

impl From<BTreeMap<TreePath, Entry>> for Grown {
    fn from(entries: BTreeMap<TreePath, Entry>) -> Self {
        Self { entries, hashing: OnceLock::new() }
    }
}

impl Tree {
    /// The lines of kinds, modes, sizes and targets, sorted, without line breaks.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let entries = self.iter().map(|(path, entry)| entry.line(path));
        sorted(entries.chain(["d 755 .".to_owned()]))
    }

    /// The lines of the contents' digests, sorted.
    #[must_use]
    pub fn sums(&self) -> Vec<String> {
        sorted(self.iter().filter_map(|(path, entry)| entry.sum(path)))
    }

    /// Both as texts.
    #[must_use]
    pub fn texts(&self) -> [String; 2] {
        [self.lines(), self.sums()].map(|lines| super::manifest::text(&lines))
    }

    /// The digest of both texts, one after the other.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.then("")
    }

    /// The digest of both texts and of `about`: the body digest of a manifest.
    #[must_use]
    pub fn then(&self, about: &str) -> Digest {
        let hashing = self.0.hashing.get_or_init(|| {
            let texts = self.texts();
            Hashing::of_parts(texts.iter().map(String::as_bytes))
        });
        hashing.then(about.as_bytes())
    }

    /// Where this tree and a newer one differ: each path with what is there in the one and in the
    /// other. Both are in order, so they are gone through side by side.
    pub fn changes<'a>(&'a self, newer: &'a Self) -> impl Iterator<Item = Change<'a>> {
        let (mut ours, mut theirs) = (self.iter().peekable(), newer.iter().peekable());
        // A tree that is shared needs no look at its entries.
        let same = Arc::ptr_eq(&self.0, &newer.0);
        let mut next = move || {
            let order = match (ours.peek(), theirs.peek()) {
                (Some((our, _)), Some((their, _))) => our.cmp(their),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return None,
            };
            let old = if order.is_le() { ours.next() } else { None };
            let new = if order.is_ge() { theirs.next() } else { None };
            let (path, _) = old.or(new)?;
            Some((path, old.map(|(_, entry)| entry), new.map(|(_, entry)| entry)))
        };
        iter::from_fn(move || if same { None } else { next() }).filter(|(_, old, new)| old != new)
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.values().map(Entry::size).sum()
    }
}

impl Deref for Tree {
    type Target = BTreeMap<TreePath, Entry>;

    fn deref(&self) -> &Self::Target {
        &self.0.entries
    }
}

impl DerefMut for Tree {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let grown = Arc::make_mut(&mut self.0);
        grown.hashing = OnceLock::new();
        &mut grown.entries
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Eq for Tree {}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl From<BTreeMap<TreePath, Entry>> for Tree {
    fn from(entries: BTreeMap<TreePath, Entry>) -> Self {
        Self(Arc::new(entries.into()))
    }
}

impl<const N: usize> From<[(TreePath, Entry); N]> for Tree {
    fn from(entries: [(TreePath, Entry); N]) -> Self {
        BTreeMap::from(entries).into()
    }
}

impl<'a> IntoIterator for &'a Tree {
    type Item = (&'a TreePath, &'a Entry);
    type IntoIter = std::collections::btree_map::Iter<'a, TreePath, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let file = Entry::File { mode: 0o644, size: 1, digest: Digest::of(b"x") };
        [("a".to_owned(), Entry::Directory { mode: 0o755 }), ("a/x".to_owned(), file)].into()
    }

    #[test]
    fn a_change_is_seen_in_the_digest_and_by_nobody_else() {
        let (first, digest) = (tree(), tree().digest());
        let mut second = first.clone();
        assert_eq!((first.digest(), second.digest()), (digest, digest));
        second.insert("b".into(), Entry::Link { target: "a".into() });
        assert_ne!(second.digest(), digest);
        assert_eq!((first.digest(), first.len()), (digest, 2));
        // What nobody else holds is changed in its place.
        let changed = second.digest();
        second.remove("b");
        assert_ne!(second.digest(), changed);
        assert_eq!(second.digest(), digest);
    }

    #[test]
    fn changes_are_what_either_lacks_or_has_otherwise() {
        let link = |target: &str| Entry::Link { target: target.into() };
        let at = |path: &str, target: &str| (path.to_owned(), link(target));
        let old = Tree::from([at("a", "1"), at("b", "1"), at("c", "1"), at("e", "1")]);
        let new = Tree::from([at("b", "1"), at("c", "2"), at("d", "1"), at("e", "1")]);
        let told =
            |(path, old, new): Change<'_>| format!("{path}{}{}", old.is_some(), new.is_some());
        let found: Vec<_> = old.changes(&new).map(told).collect();
        assert_eq!(found, ["atruefalse", "ctruetrue", "dfalsetrue"]);
        assert_eq!(old.changes(&old.clone()).count(), 0);
        assert_eq!(Tree::default().changes(&old).count(), 4);
    }

    #[test]
    fn its_digest_is_that_of_its_texts() {
        let [lines, sums] = tree().texts();
        assert_eq!(tree().digest(), Digest::of(format!("{lines}{sums}").as_bytes()));
        assert_eq!(tree().then("about"), Digest::of(format!("{lines}{sums}about").as_bytes()));
    }
}
