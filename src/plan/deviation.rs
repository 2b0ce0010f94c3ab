//! Where a release on a host is not what its manifest says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::observation::Current;
use crate::{
    release::{Entry, Manifest, TreePath},
    shell::Frame,
};

/// How a path deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It holds something else.
    Changed,
    /// It is not there.
    Missing,
    /// It should not be there.
    Extra,
    /// Its permission bits are others.
    Mode,
    /// It belongs to somebody else.
    Owner,
    /// It points elsewhere, or is (not) a link.
    Link,
    /// It is a directory instead of a file, or the other way round, or a device.
    Type,
    /// The release as a whole is another one, or one that was rolled back.
    Release,
}

/// A path that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Deviation {
    /// The path, relative to the release; absolute for what lies outside.
    pub path: String,
    /// How.
    pub kind: Kind,
    /// A few words for people.
    pub detail: String,
}

/// What a host's comparison found, line by line; `None` when it did not come to its end, which the
/// line `=` is: then silence means nothing.
#[must_use]
pub fn compared(frame: &Frame, block: &str) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(frame.block(block)?).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.is_empty());
    (lines.pop()? == "=").then_some(lines)
}

/// Compares what the host said of its current release with the manifest it should have.
#[must_use]
pub fn deviations(current: &Current, expected: &Manifest) -> Vec<Deviation> {
    if !current.present {
        return vec![Deviation {
            path: ".".into(),
            kind: Kind::Missing,
            detail: "the whole release is gone".into(),
        }];
    }
    let mut found: BTreeMap<TreePath, (Kind, String)> = BTreeMap::new();
    for stranger in &current.strangers {
        if let Some((owner, path)) =
            stranger.strip_prefix("o ").and_then(|rest| rest.split_once(" ./"))
        {
            found.insert(path.to_owned(), (Kind::Owner, format!("belongs to {owner}")));
        } else if let Some(owner) =
            stranger.strip_prefix("o ").and_then(|rest| rest.strip_suffix(" ."))
        {
            found.insert(".".into(), (Kind::Owner, format!("belongs to {owner}")));
        }
    }
    compare_sums(current, expected, &mut found);
    compare_tree(current, expected, &mut found);
    // Nor is what differs without a name that is known here "nothing".
    let differs =
        [Some(&current.tree_differs), current.sums_differ.as_ref(), Some(&current.strangers)];
    let nameless = found.is_empty() && differs.iter().flatten().any(|lines| !lines.is_empty());
    // What is no file, directory or link at the top: so a host says that a listing has failed.
    let has_failed = |line: &String| line.starts_with("? ") && line.ends_with(" .");
    let not_walked = current.tree_differs.iter().any(has_failed);
    if current.unread || nameless || not_walked {
        found.insert(".".into(), (Kind::Changed, "could not be compared to its end".into()));
    }
    found.into_iter().map(|(path, (kind, detail))| Deviation { path, kind, detail }).collect()
}

fn compare_sums(
    current: &Current,
    expected: &Manifest,
    found: &mut BTreeMap<TreePath, (Kind, String)>,
) {
    let differing = current.sums_differ.iter().flatten();
    for path in differing.filter_map(|line| line.split_once("  ./")).map(|(_, path)| path) {
        if matches!(expected.entries.get(path), Some(Entry::File { .. })) {
            found.insert(path.to_owned(), (Kind::Changed, "content differs".into()));
        }
    }
}

fn compare_tree(
    current: &Current,
    expected: &Manifest,
    found: &mut BTreeMap<TreePath, (Kind, String)>,
) {
    if current.tree_differs.is_empty() {
        return;
    }
    let lines = expected.entries.lines();
    let mut sides: BTreeMap<TreePath, (Option<Line>, Option<Line>)> = BTreeMap::new();
    for text in &current.tree_differs {
        let Some(line) = Line::read(text) else { continue };
        let side = sides.entry(line.path.clone()).or_default();
        if lines.binary_search(text).is_ok() { side.0 = Some(line) } else { side.1 = Some(line) }
    }
    for (path, side) in sides {
        let verdict = match side {
            (Some(_), None) => (Kind::Missing, "is not there".to_owned()),
            (None, Some(line)) => (Kind::Extra, format!("{} that is not ours", line.noun())),
            (Some(old), Some(new)) => old.compare(&new),
            (None, None) => continue,
        };
        found.insert(path, verdict);
    }
}

/// A line of a tree, as hosts print it.
struct Line {
    kind: char,
    mode: String,
    /// Size or target.
    more: String,
    path: TreePath,
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ')?;
        let (bits, rest) = rest.split_once(' ')?;
        let (more, path) = match word {
            "f" => rest.split_once(' ')?,
            "l" => {
                let (path, target) = rest.split_once(" -> ")?;
                (target, path)
            }
            _ => ("", rest),
        };
        let path = if path == "." { "." } else { path.strip_prefix("./")? };
        Some(Self {
            kind: word.chars().next()?,
            mode: bits.to_owned(),
            more: more.to_owned(),
            path: path.to_owned(),
        })
    }

    const fn noun(&self) -> &'static str {
        match self.kind {
            'd' => "a directory",
            'f' => "a file",
            'l' => "a link",
            'n' => "a name or target with a line break",
            _ => "a device, socket or fifo",
        }
    }

    /// `self` is what should be.
    fn compare(&self, seen: &Self) -> (Kind, String) {
        if self.kind != seen.kind {
            let kind = if self.kind == 'l' || seen.kind == 'l' { Kind::Link } else { Kind::Type };
            return (kind, format!("is {}, should be {}", seen.noun(), self.noun()));
        }
        if self.kind == 'l' {
            return (Kind::Link, format!("points to {}, should point to {}", seen.more, self.more));
        }
        if self.more != seen.more {
            return (Kind::Changed, format!("{} bytes, should be {}", seen.more, self.more));
        }
        (Kind::Mode, format!("mode {}, should be {}", seen.mode, self.mode))
    }
}

/// The paths that must not be linked into the next release.
#[must_use]
pub fn damaged(deviations: &[Deviation]) -> BTreeSet<TreePath> {
    deviations.iter().map(|deviation| deviation.path.clone()).filter(|path| path != ".").collect()
}

/// Whether a path cannot be told to the host again: the top itself, which also stands for names
/// with a line break, and names whose bytes are no text.
fn is_unnameable(path: &str) -> bool {
    path == "." || path.contains(char::REPLACEMENT_CHARACTER)
}

/// Whether the tree is so damaged that it is no base for another: a path has become another
/// kind of thing, and following it could lead outside.
#[must_use]
pub fn is_unfit_as_base(deviations: &[Deviation]) -> bool {
    deviations.iter().any(|deviation| {
        matches!(deviation.kind, Kind::Type | Kind::Link) || is_unnameable(&deviation.path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn expected() -> Manifest {
        let file = Entry::File { mode: 0o644, size: 3, digest: Digest::of(b"abc") };
        Manifest {
            entries: [
                ("a".to_owned(), Entry::Directory { mode: 0o755 }),
                ("a/x".to_owned(), file),
                ("l".to_owned(), Entry::Link { target: "a".into() }),
            ]
            .into(),
            ..Manifest::default()
        }
    }

    fn kinds(tree: &[&str], sums: &[&str], strangers: &[&str]) -> Vec<(String, Kind)> {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let current = Current {
            present: true,
            tree_differs: own(tree),
            sums_differ: Some(own(sums)),
            strangers: own(strangers),
            ..Current::default()
        };
        deviations(&current, &expected()).into_iter().map(|d| (d.path, d.kind)).collect()
    }

    fn one(path: &str, kind: Kind) -> Vec<(String, Kind)> {
        vec![(path.to_owned(), kind)]
    }

    #[test]
    fn each_kind_of_deviation_is_called_by_its_name() {
        assert_eq!(kinds(&["f 644 3 ./a/x"], &[], &[]), one("a/x", Kind::Missing));
        assert_eq!(kinds(&["f 644 9 ./b"], &[], &[]), one("b", Kind::Extra));
        assert_eq!(kinds(&["f 644 3 ./a/x", "f 644 4 ./a/x"], &[], &[]), one("a/x", Kind::Changed));
        assert_eq!(kinds(&["f 600 3 ./a/x", "f 644 3 ./a/x"], &[], &[]), one("a/x", Kind::Mode));
        assert_eq!(kinds(&["d 755 ./a", "l 777 ./a -> /etc"], &[], &[]), one("a", Kind::Link));
        assert_eq!(kinds(&["f 644 3 ./a/x", "d 755 ./a/x"], &[], &[]), one("a/x", Kind::Type));
        assert_eq!(kinds(&["l 777 ./l -> a", "l 777 ./l -> b"], &[], &[]), one("l", Kind::Link));
        let digest = Digest::of(b"xyz");
        assert_eq!(kinds(&[], &[&format!("{digest}  ./a/x")], &[]), one("a/x", Kind::Changed));
        assert_eq!(kinds(&[], &[], &["o root:root ./a/x"]), one("a/x", Kind::Owner));
        assert_eq!(kinds(&["n 0 ."], &[], &[]), one(".", Kind::Extra));
        for garbage in [["garbage", "f 644"], ["f 644 3 ./a/x", "? 0 ."]] {
            assert!(kinds(&garbage, &[], &[]).contains(&(".".into(), Kind::Changed)));
        }
        assert_eq!(kinds(&[], &["?  ./?"], &[]), one(".", Kind::Changed));
        assert_eq!(kinds(&[], &[], &["?"]), one(".", Kind::Changed));
        assert_eq!(kinds(&[], &[], &[]), vec![]);
    }

    #[test]
    fn a_comparison_that_is_not_told_to_its_end_is_no_equality() {
        let frame = |body: &str| {
            Frame::read(format!("m begin\nm < t\n{body}\nm >\nm end 0\n").as_bytes(), "m").unwrap()
        };
        assert_eq!(compared(&frame("=\n"), "t"), Some(vec![]));
        assert_eq!(compared(&frame("d 755 ./x\n=\n"), "t"), Some(vec!["d 755 ./x".to_owned()]));
        for body in ["", "d 755 ./x\n", "=\nd 755 ./x\n"] {
            assert_eq!(compared(&frame(body), "t"), None, "{body}");
        }
        assert_eq!(compared(&frame("=\n"), "other"), None);
        let current = Current { present: true, unread: true, ..Current::default() };
        let found = deviations(&current, &expected());
        assert!(is_unfit_as_base(&found), "{found:?}");
    }

    #[test]
    fn a_directory_that_became_a_link_is_no_base() {
        let link = Deviation { path: "a".into(), kind: Kind::Link, detail: String::new() };
        assert!(is_unfit_as_base(&[link]));
        let changed = Deviation { path: "a".into(), kind: Kind::Changed, detail: String::new() };
        assert!(!is_unfit_as_base(&[changed]));
        for unnameable in [".", "a/\u{fffd}x"] {
            let extra =
                Deviation { path: unnameable.into(), kind: Kind::Extra, detail: String::new() };
            assert!(is_unfit_as_base(&[extra]));
        }
    }
}
