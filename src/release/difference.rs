//! What must be sent to turn the release that a host has into the one it should have.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    manifest::{Entry, Manifest, TreePath},
    tree::Tree,
};
use crate::model::Digest;

/// The way from a release on the host (or from nothing) to a wanted one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// What goes away before new contents arrive: changed, removed, damaged and foreign paths.
    pub drop: BTreeSet<TreePath>,
    /// What is sent, with everything above it that must exist. Where that is everything, it is
    /// the wanted tree itself, which many sites share.
    pub send: Tree,
    /// The tree on the host, and the wanted one.
    trees: (Option<Tree>, Tree),
    /// Lines of origins and links.
    pub about: LineDifference,
}

/// For one part of the manifest: lines to take out and to put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineDifference {
    /// Lines to take out.
    pub drop: BTreeSet<String>,
    /// Lines to put in.
    pub add: BTreeSet<String>,
}

impl LineDifference {
    /// Compares lines.
    fn between(old: Vec<String>, new: Vec<String>) -> Self {
        let mut found = Self { drop: old.into_iter().collect(), add: new.into_iter().collect() };
        found.leave_out_what_stays();
        found
    }

    fn leave_out_what_stays(&mut self) {
        let Self { drop, add } = self;
        drop.retain(|line| !add.remove(line));
    }
}

impl Difference {
    /// Compares. `damaged` are paths of `base` that are on the host not what its manifest says:
    /// what is wanted of them is sent anew, whatever else is there is dropped.
    ///
    /// An entry whose mode changes is sent anew too, because a linked file shares its mode with
    /// the release it was linked from.
    #[must_use]
    pub fn between(
        base: Option<&Manifest>,
        damaged: &BTreeSet<TreePath>,
        wanted: &Manifest,
    ) -> Self {
        let about = LineDifference::between(
            base.map(Manifest::about_lines).unwrap_or_default(),
            wanted.about_lines(),
        );
        let trees = (base.map(|base| base.entries.clone()), wanted.entries.clone());
        let Some(Manifest { entries: old, .. }) = base else {
            return Self { drop: damaged.clone(), send: wanted.entries.clone(), trees, about };
        };
        let mut difference = Self { trees, about, ..Self::default() };
        let mut send = BTreeMap::new();
        for (path, before, after) in old.changes(&wanted.entries) {
            send.extend(after.map(|entry| (path.clone(), entry.clone())));
            let becomes_directory = matches!(
                before.zip(after),
                Some((Entry::Directory { .. }, Entry::Directory { .. }))
            );
            if before.is_some() && !becomes_directory {
                difference.drop.insert(path.clone());
            }
        }
        for path in damaged {
            send.extend(wanted.entries.get_key_value(path).map(|(p, e)| (p.clone(), e.clone())));
            difference.drop.insert(path.clone());
        }
        difference.send = send.into();
        difference.send_what_dropping_took(wanted);
        difference.add_parents(wanted);
        difference
    }

    /// Lines of the old tree and its sums that the new ones lack, and the other way round: worked
    /// out when they are sent, because all lines of a large tree are as large as itself.
    #[must_use]
    pub fn lines(&self) -> [LineDifference; 2] {
        let (old, new) = &self.trees;
        let Some(old) = old else {
            return [new.lines(), new.sums()].map(|all| LineDifference::between(Vec::new(), all));
        };
        let mut found = [LineDifference::default(), LineDifference::default()];
        let [tree, sums] = &mut found;
        for (path, before, after) in old.changes(new) {
            tree.drop.extend(before.map(|entry| entry.line(path)));
            tree.add.extend(after.map(|entry| entry.line(path)));
            sums.drop.extend(before.and_then(|entry| entry.sum(path)));
            sums.add.extend(after.and_then(|entry| entry.sum(path)));
        }
        // A changed size alters one line, a changed mode the other.
        found.iter_mut().for_each(LineDifference::leave_out_what_stays);
        found
    }

    /// Tells differences between trees apart: equal ones are delivered by equal streams, up to what
    /// is the site's own.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let (old, new) = &self.trees;
        let old = old.as_ref().map_or_else(|| "-".to_owned(), |old| old.digest().to_string());
        let mut text = format!("{old} {} {}\n", new.digest(), self.send.digest());
        for path in &self.drop {
            text.push_str(&format!("{path}\0"));
        }
        Digest::of(text.as_bytes())
    }

    /// Takes in paths that came out wrong on the host: they are dropped and sent once more.
    pub fn mend(&mut self, wanted: &Manifest, damaged: &[TreePath]) {
        for path in damaged {
            self.drop.insert(path.clone());
            if let Some(entry) = wanted.entries.get(path) {
                self.send.insert(path.clone(), entry.clone());
            }
        }
        self.send_what_dropping_took(wanted);
        self.add_parents(wanted);
    }

    /// Bytes of the contents that will be sent.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.send.size()
    }

    /// A dropped directory takes along what is below it.
    fn send_what_dropping_took(&mut self, wanted: &Manifest) {
        let below = self.drop.iter().flat_map(|above| {
            let above = format!("{above}/");
            let from = wanted.entries.range(above.clone()..);
            from.take_while(move |(path, _)| path.starts_with(&above))
        });
        let below: Vec<_> = below.map(|(path, entry)| (path.clone(), entry.clone())).collect();
        self.send.extend(below);
    }

    fn add_parents(&mut self, wanted: &Manifest) {
        let parents: Vec<_> = self
            .send
            .keys()
            .flat_map(|path| ancestors(path))
            .filter_map(|path| Some((path.to_owned(), wanted.entries.get(path)?.clone())))
            .collect();
        self.send.extend(parents);
    }
}

/// The directories above a path, without the top.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.char_indices().filter(|(_, c)| *c == '/').filter_map(move |(end, _)| path.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let mut manifest = Manifest::default();
        for (path, text) in files {
            for above in ancestors(path) {
                manifest.entries.insert(above.into(), Entry::Directory { mode: 0o755 });
            }
            let entry = Entry::File {
                mode: 0o644,
                size: text.len() as u64,
                digest: Digest::of(text.as_bytes()),
            };
            manifest.entries.insert((*path).into(), entry);
        }
        manifest
    }

    fn paths(set: impl IntoIterator<Item = impl AsRef<str>>) -> String {
        set.into_iter().map(|p| p.as_ref().to_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_changed_is_sent() {
        let old = manifest(&[("a/x", "1"), ("a/y", "1"), ("b/z", "1")]);
        let new = manifest(&[("a/x", "1"), ("a/y", "2"), ("c/w", "1")]);
        let found = Difference::between(Some(&old), &BTreeSet::new(), &new);
        assert_eq!(paths(found.send.keys()), "a a/y c c/w");
        assert_eq!(paths(&found.drop), "a/y b b/z");
    }

    #[test]
    fn damage_is_repaired_even_when_nothing_is_wanted_anew() {
        let same = manifest(&[("a/x", "1"), ("a/y", "1")]);
        let damaged = ["a/x".to_owned(), "a/evil".to_owned()].into();
        let found = Difference::between(Some(&same), &damaged, &same);
        assert_eq!(paths(found.send.keys()), "a a/x");
        assert_eq!(paths(&found.drop), "a/evil a/x");
        assert_eq!(found.lines(), <[LineDifference; 2]>::default());
        assert_eq!(found.about, LineDifference::default());
    }

    #[test]
    fn a_directory_that_is_dropped_comes_back_whole() {
        let old = manifest(&[("a/b/x", "1"), ("a/b/y", "1")]);
        let damaged = ["a/b".to_owned()].into();
        let found = Difference::between(Some(&old), &damaged, &old);
        assert_eq!(paths(found.send.keys()), "a a/b a/b/x a/b/y");
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_and_back() {
        let dir = manifest(&[("a/x", "1")]);
        let file = manifest(&[("a", "1")]);
        let found = Difference::between(Some(&dir), &BTreeSet::new(), &file);
        assert_eq!(paths(&found.drop), "a a/x");
        assert_eq!(paths(found.send.keys()), "a");
        let found = Difference::between(Some(&file), &BTreeSet::new(), &dir);
        assert_eq!(paths(&found.drop), "a");
        assert_eq!(paths(found.send.keys()), "a a/x");
    }

    #[test]
    fn from_nothing_everything_is_sent_and_every_line_is_new() {
        let new = manifest(&[("a/x", "1")]);
        let found = Difference::between(None, &BTreeSet::new(), &new);
        assert_eq!(paths(found.send.keys()), "a a/x");
        let [tree, sums] = found.lines();
        assert_eq!((tree.add.len(), sums.add.len(), found.about.add.len()), (3, 1, 0));
    }

    /// A tree from pairs of path and content; later ones win, and files make room for
    /// directories.
    fn tree(files: &[(u8, u8)]) -> Manifest {
        let paths = ["a", "a/b", "a/b/c", "a/x", "d", "d/e", "f"];
        let mut whole = Manifest::default();
        for (path, kind) in files {
            let path = paths[usize::from(*path) % paths.len()];
            let is_below = |other: &String| other.starts_with(&format!("{path}/"));
            if whole.entries.keys().any(is_below) {
                continue;
            }
            for above in ancestors(path) {
                let mode = if kind % 7 == 0 { 0o750 } else { 0o755 };
                let entry = whole.entries.entry(above.into());
                let entry = entry.or_insert(Entry::Directory { mode });
                if !matches!(entry, Entry::Directory { .. }) {
                    *entry = Entry::Directory { mode };
                }
            }
            let entry = match kind % 5 {
                0 => Entry::Link { target: format!("t{kind}") },
                1 => Entry::Directory { mode: 0o755 },
                _ => Entry::File {
                    mode: if kind % 2 == 0 { 0o640 } else { 0o644 },
                    size: 1,
                    digest: Digest::of(&[*kind % 3]),
                },
            };
            whole.entries.insert(path.into(), entry);
        }
        whole
    }

    /// What the host does with a difference.
    fn apply(difference: &Difference, there: &mut BTreeMap<TreePath, Entry>) {
        let gone = |path: &TreePath| {
            difference.drop.contains(path)
                || ancestors(path).any(|above| difference.drop.contains(above))
        };
        there.retain(|path, _| !gone(path));
        for (path, entry) in &difference.send {
            let before = there.insert(path.clone(), entry.clone());
            // A copy may set a directory's mode; it replaces nothing.
            assert!(
                before.is_none_or(|before| {
                    before == *entry
                        || matches!(
                            (before, entry),
                            (Entry::Directory { .. }, Entry::Directory { .. })
                        )
                }),
                "{path} is in the way"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn a_difference_applied_is_what_was_wanted(
            old: Vec<(u8, u8)>, new: Vec<(u8, u8)>, hurt: Vec<u8>, strange in 0..4_u8,
        ) {
            let (old, new) = (tree(&old), tree(&new));
            let mut there = BTreeMap::clone(&old.entries);
            let mut damaged: BTreeSet<TreePath> = BTreeSet::new();
            let paths: Vec<TreePath> = old.entries.keys().cloned().collect();
            for path in hurt.iter().filter_map(|n| paths.get(usize::from(*n) % paths.len().max(1))) {
                // Changed files, and files and directories that are missing.
                damaged.insert(path.clone());
                there.retain(|other, _| other != path && !ancestors(other).any(|a| a == path));
                damaged.extend(
                    old.entries.keys().filter(|other| ancestors(other).any(|a| a == path)).cloned(),
                );
            }
            if strange > 0 {
                let path = ["z", "a/x", "d/e/g"][usize::from(strange) - 1].to_owned();
                let open = ancestors(&path)
                    .all(|above| matches!(there.get(above), Some(Entry::Directory { .. })));
                if open && !there.contains_key(&path) {
                    there.insert(path.clone(), Entry::Link { target: "evil".into() });
                    damaged.insert(path);
                }
            }
            let difference = Difference::between(Some(&old), &damaged, &new);
            apply(&difference, &mut there);
            assert_eq!(&there, &*new.entries);
            let lines = |whole: &Manifest| [whole.entries.lines(), whole.entries.sums(), whole.about_lines()];
            let [tree, sums] = difference.lines();
            let changes = [tree, sums, difference.about];
            for ((old, new), change) in
                lines(&old).into_iter().zip(lines(&new)).zip(&changes)
            {
                let mut lines: BTreeSet<String> = old.into_iter().filter(|line| !change.drop.contains(line)).collect();
                lines.extend(change.add.iter().cloned());
                assert_eq!(lines.into_iter().collect::<Vec<_>>(), new);
            }
        }
    }
}
