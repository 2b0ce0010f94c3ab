//! The canonical manifest of an artifact: what it holds, and so what it is.
//!
//! The digest of the manifest's text identifies a published version. The text depends on
//! paths, kinds, contents and the executable bit alone: never on time, owner, umask, the order
//! in which a directory was read, or the compression of an archive.

use std::{collections::BTreeMap, fmt::Write as _};

use thiserror::Error;

use crate::model::{ArtifactPath, Digest, PathError};

/// The first line of the text form. It changes when the meaning of what follows does.
const HEAD: &str = "fleetctl artifact 1\n";
/// More hops than this from link to link are taken for a circle, as Linux does.
const MAX_HOPS: usize = 40;

/// One thing in an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory, 0755.
    Directory,
    /// A regular file: 0755 when executable, 0644 otherwise.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Bytes.
        size: u64,
        /// Of its content.
        digest: Digest,
    },
    /// A symbolic link that leads to another entry.
    Link {
        /// As written: relative, and inside.
        target: String,
    },
}

/// Everything an artifact holds, checked to be one consistent tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactManifest {
    entries: BTreeMap<ArtifactPath, Entry>,
}

/// Why entries are not a tree, or a text is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// A path is there twice.
    #[error("{0}: is there twice")]
    Twice(ArtifactPath),
    /// Something lies below a path that is not a directory.
    #[error("{0}: lies below {1}, which is {2} and not a directory")]
    Below(ArtifactPath, ArtifactPath, &'static str),
    /// A link leads out.
    #[error(
        "{0}: the link's target {1:?} leads out of the artifact, or is not written as `../`s followed by names"
    )]
    LeadsOut(ArtifactPath, String),
    /// A link leads nowhere.
    #[error("{0}: the link's target {1:?} is not in the artifact")]
    Dangling(ArtifactPath, String),
    /// Links lead in a circle.
    #[error("{0}: the link leads in a circle")]
    Circle(ArtifactPath),
    /// A path is not allowed.
    #[error("{0:?} {1}")]
    Path(String, PathError),
    /// A line of the text is not what it should be.
    #[error("line {0} of the manifest: {1}")]
    Line(usize, &'static str),
    /// The text says what it should, but not in the one canonical way.
    #[error("the manifest is not in canonical form")]
    NotCanonical,
}

impl ArtifactManifest {
    /// Makes a manifest of entries; directories that hold something need not be listed.
    ///
    /// # Errors
    /// When a path is there twice, something lies below a file or link, or a link leads out
    /// of the artifact, to nothing, or in a circle.
    pub fn new(
        list: impl IntoIterator<Item = (ArtifactPath, Entry)>,
    ) -> Result<Self, ManifestError> {
        let mut entries: BTreeMap<ArtifactPath, Entry> = BTreeMap::new();
        for (path, entry) in list {
            if entries.contains_key(&path) {
                return Err(ManifestError::Twice(path));
            }
            entries.insert(path, entry);
        }
        let mut missing = BTreeMap::new();
        for path in entries.keys() {
            for above in path.ancestors() {
                match entries.get(&above) {
                    Some(Entry::Directory) => {}
                    Some(other) => {
                        return Err(ManifestError::Below(path.clone(), above, other.noun()));
                    }
                    None if missing.contains_key(&above) => break,
                    None => drop(missing.insert(above, Entry::Directory)),
                }
            }
        }
        entries.extend(missing);
        let manifest = Self { entries };
        manifest.check_links()?;
        Ok(manifest)
    }

    fn check_links(&self) -> Result<(), ManifestError> {
        for (path, entry) in &self.entries {
            let Entry::Link { target } = entry else { continue };
            let mut at = path.clone();
            let mut next = target;
            for hop in 0.. {
                let leads_out = || ManifestError::LeadsOut(at.clone(), next.clone());
                let place = at.follow(next).ok_or_else(leads_out)?;
                // A target that passes through another link names no entry, and is refused as
                // dangling: so where a link leads is what its text says.
                match self.entries.get(&place) {
                    Some(Entry::Link { .. }) if hop >= MAX_HOPS => {
                        return Err(ManifestError::Circle(path.clone()));
                    }
                    Some(Entry::Link { target }) => next = target,
                    Some(_) => break,
                    None => return Err(ManifestError::Dangling(path.clone(), target.clone())),
                }
                at = place;
            }
        }
        Ok(())
    }

    /// All entries, in the order of their paths' bytes.
    #[must_use]
    pub const fn entries(&self) -> &BTreeMap<ArtifactPath, Entry> {
        &self.entries
    }

    /// What is at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The size of all contents in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.entries.values().map(Entry::size).fold(0, u64::saturating_add)
    }

    /// The identity of what this describes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }

    /// The canonical text: a head, the tree, an empty line, and what `sha256sum -c` reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut tree = HEAD.to_owned();
        let mut sums = String::new();
        for (path, entry) in &self.entries {
            // Writing to a String cannot fail.
            let _ = match entry {
                Entry::Directory => writeln!(tree, "d 755 ./{path}"),
                Entry::Link { target } => writeln!(tree, "l 777 ./{path} -> {target}"),
                Entry::File { executable, size, digest } => {
                    let mode = if *executable { "755" } else { "644" };
                    let _ = writeln!(sums, "{digest}  ./{path}");
                    writeln!(tree, "f {mode} {size} ./{path}")
                }
            };
        }
        tree.push('\n');
        tree + &sums
    }

    /// Reads the canonical text, and nothing but the canonical text.
    ///
    /// # Errors
    /// When a line is malformed, the entries are not a tree, or the same content would be
    /// written differently by [`Self::to_text`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let body = text
            .strip_prefix(HEAD)
            .ok_or(ManifestError::Line(1, "expected `fleetctl artifact 1`"))?;
        let (tree, sums) = match body.strip_prefix('\n') {
            Some(sums) => ("", sums),
            None => body
                .split_once("\n\n")
                .ok_or(ManifestError::Line(2, "no empty line between tree and sums"))?,
        };
        let mut digests: BTreeMap<&str, Digest> = BTreeMap::new();
        let first = tree.lines().count() + 3;
        for (index, line) in sums.lines().enumerate() {
            let bad = ManifestError::Line(first + index, "expected `<sha256>  ./<path>`");
            let (digest, path) = line.split_once("  ./").ok_or_else(|| bad.clone())?;
            digests.insert(path, digest.parse().map_err(|_| bad)?);
        }
        let mut list = Vec::new();
        for (index, line) in tree.lines().enumerate() {
            list.push(tree_line(index + 2, line, &digests)?);
        }
        let manifest = Self::new(list)?;
        // One form for one content: anything unread, unsorted or superfluous shows here.
        if manifest.to_text() == text { Ok(manifest) } else { Err(ManifestError::NotCanonical) }
    }
}

fn tree_line(
    number: usize,
    line: &str,
    digests: &BTreeMap<&str, Digest>,
) -> Result<(ArtifactPath, Entry), ManifestError> {
    let bad = |why| ManifestError::Line(number, why);
    let path = |text: &str| {
        ArtifactPath::new(text).map_err(|why| ManifestError::Path(text.to_owned(), why))
    };
    if let Some(rest) = line.strip_prefix("d 755 ./") {
        return Ok((path(rest)?, Entry::Directory));
    }
    if let Some(rest) = line.strip_prefix("l 777 ./") {
        let (at, target) = rest.split_once(" -> ").ok_or_else(|| bad("a link without target"))?;
        return Ok((path(at)?, Entry::Link { target: target.to_owned() }));
    }
    let (executable, rest) = match (line.strip_prefix("f 644 "), line.strip_prefix("f 755 ")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return Err(bad("expected `d 755`, `f 644`, `f 755` or `l 777`")),
    };
    let (size, at) = rest.split_once(" ./").ok_or_else(|| bad("a file without path"))?;
    let size = size.parse().map_err(|_| bad("a file's size is not a number"))?;
    let digest = *digests.get(at).ok_or_else(|| bad("a file without a sum"))?;
    Ok((path(at)?, Entry::File { executable, size, digest }))
}

impl Entry {
    /// What it is, for messages.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Directory => "a directory",
            Self::File { .. } => "a file",
            Self::Link { .. } => "a link",
        }
    }

    /// The size of its content in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> Entry {
        let size = content.len() as u64;
        Entry::File { executable: false, size, digest: Digest::of(content) }
    }

    fn link(target: &str) -> Entry {
        Entry::Link { target: target.into() }
    }

    fn manifest(list: Vec<(&str, Entry)>) -> Result<ArtifactManifest, ManifestError> {
        ArtifactManifest::new(list.into_iter().map(|(p, e)| (ArtifactPath::new(p).unwrap(), e)))
    }

    #[test]
    fn the_text_is_the_same_in_whatever_order_entries_come() {
        let one = manifest(vec![("b/x", file(b"1")), ("a", link("b/x")), ("b", Entry::Directory)]);
        let two = manifest(vec![("a", link("b/x")), ("b/x", file(b"1"))]);
        let text = one.as_ref().unwrap().to_text();
        assert_eq!(one, two);
        assert_eq!(
            text,
            "fleetctl artifact 1\nl 777 ./a -> b/x\nd 755 ./b\nf 644 1 ./b/x\n\n\
             6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  ./b/x\n"
        );
        assert_eq!(ArtifactManifest::parse(&text), one);
    }

    #[test]
    fn an_empty_artifact_has_a_text_too() {
        let empty = manifest(vec![]).unwrap();
        assert_eq!(ArtifactManifest::parse(&empty.to_text()), Ok(empty));
    }

    #[test]
    fn what_is_not_a_tree_is_refused() {
        let error = |list| manifest(list).unwrap_err().to_string();
        assert!(error(vec![("a", file(b"")), ("a", file(b""))]).contains("twice"));
        assert!(error(vec![("a", file(b"")), ("a/b/c", file(b""))]).contains("a file"));
        let through = error(vec![("d", Entry::Directory), ("a", link("d")), ("a/b", file(b""))]);
        assert!(through.contains("a link"), "{through}");
        assert!(error(vec![("a", link("../x"))]).contains("leads out"));
        assert!(error(vec![("a", link("/etc/passwd"))]).contains("leads out"));
        assert!(error(vec![("a", link("nothing"))]).contains("not in the artifact"));
        assert!(error(vec![("a", link("b")), ("b", link("a"))]).contains("circle"));
        assert!(error(vec![("a", link("a"))]).contains("circle"));
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        let good = manifest(vec![("b/x", file(b"1")), ("c", file(b"2"))]).unwrap().to_text();
        let sum = Digest::of(b"3");
        let bad = [
            String::new(),
            good.replace("artifact 1", "artifact 2"),
            good.replace("f 644", "f 600"),
            good.replace("f 644 1 ", "f 644 01 "),
            good.replace("f 644 1 ", "f 644 +1 "),
            good.replace("./b/x", "./b/../x"),
            good.replace("d 755 ./b\n", ""),
            good.replace("\n\n", "\n"),
            good.replace('\n', "\r\n"),
            good.trim_end().to_owned(),
            format!("{good}{sum}  ./unknown\n"),
            format!("{good}\n"),
            good.replace("./c\n\n", "./c\nd 755 ./z\nd 755 ./y\n\n"),
        ];
        for text in bad {
            assert!(ArtifactManifest::parse(&text).is_err(), "{text:?}");
        }
    }
}
