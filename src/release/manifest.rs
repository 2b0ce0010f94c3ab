//! What a release holds, as text that a host can compare with nothing but `sort` and `uniq`.
//!
//! Three parts, each a set of lines in bytewise order:
//!
//! - `tree`: `d 755 ./public`, `f 644 1234 ./public/x.js`, `l 777 ./up -> ../../shared/up`;
//! - `sums`: `<sha256>  ./public/x.js`, as `sha256sum` prints it;
//! - `about`: what the release was made of and which links outside it belong to it.
//!
//! The SHA-256 of the three, one after the other, is the *body digest*. It is the identity of a
//! release, unless a file carries a secret: then the identity is the SHA-256 of the site's salt
//! and the body digest, so that nobody can find a weak secret by trying digests (`Identity`).

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::tree::Tree;
use crate::model::{Digest, FeatureName, Secret};

/// A path inside a release, relative, with `/` between its parts and no leading `./`.
pub type TreePath = String;

/// Something in a release's tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A directory.
    Directory {
        /// Permission bits, such as `0o755`.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// Bytes.
        size: u64,
        /// The digest of what it holds.
        digest: Digest,
    },
    /// A symbolic link.
    Link {
        /// Where it points, relative to its own directory.
        target: String,
    },
}

impl Entry {
    /// Bytes of content; 0 for what is no file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        if let Self::File { size, .. } = self { *size } else { 0 }
    }

    /// Its line in the text of the tree.
    #[must_use]
    pub fn line(&self, path: &str) -> String {
        match self {
            Self::Directory { mode } => format!("d {mode:o} ./{path}"),
            Self::File { mode, size, .. } => format!("f {mode:o} {size} ./{path}"),
            Self::Link { target } => format!("l 777 ./{path} -> {target}"),
        }
    }

    /// Its line in the text of the sums, if it has contents.
    #[must_use]
    pub fn sum(&self, path: &str) -> Option<String> {
        let Self::File { digest, .. } = self else { return None };
        Some(format!("{digest}  ./{path}"))
    }
}

/// A feature as a release has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its version.
    pub version: Version,
    /// The identity of that version's artifact.
    pub digest: Digest,
    /// What the platform's loader loads of it, if anything.
    pub entry: Option<TreePath>,
}

/// What a release holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Everything in the tree but its top directory.
    pub entries: Tree,
    /// The features it was made of.
    pub features: BTreeMap<FeatureName, Part>,
    /// Links outside the release that belong to it: where, and what they point to.
    pub links: BTreeMap<String, String>,
    /// Whether a file in it carries a secret.
    pub tainted: bool,
}

/// A text that is not one of our manifests.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a manifest: {0}")]
pub struct ManifestError(String);

/// The three parts as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// Kinds, modes, sizes, targets.
    pub tree: String,
    /// Contents.
    pub sums: String,
    /// Origins and links.
    pub about: String,
}

impl Texts {
    /// The body digest.
    #[must_use]
    pub fn body(&self) -> Digest {
        Digest::of_parts([self.tree.as_bytes(), self.sums.as_bytes(), self.about.as_bytes()])
    }
}

/// Bytewise, as the host's `sort` does with `LC_ALL=C`.
pub(super) fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort_unstable();
    lines
}

/// Lines with their line breaks.
pub(super) fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

impl Manifest {
    /// The lines of the origins and links, sorted.
    #[must_use]
    pub fn about_lines(&self) -> Vec<String> {
        let features = self.features.iter().map(|(name, part)| {
            let entry = part.entry.as_deref().unwrap_or("-");
            format!("feature\t{name}\t{}\t{}\t{entry}", part.version, part.digest)
        });
        let links = self.links.iter().map(|(at, target)| format!("link\t{at}\t{target}"));
        let tainted = self.tainted.then(|| "tainted".to_owned());
        sorted(features.chain(links).chain(tainted))
    }

    /// All three parts.
    #[must_use]
    pub fn texts(&self) -> Texts {
        let [tree, sums] = self.entries.texts();
        Texts { tree, sums, about: self.about_text() }
    }

    /// The origins and links alone.
    #[must_use]
    pub fn about_text(&self) -> String {
        text(&self.about_lines())
    }

    /// The body digest: that of all three parts, without making the first two anew.
    #[must_use]
    pub fn body(&self) -> Digest {
        self.entries.then(&self.about_text())
    }

    /// The identity of this release at a site with `salt`.
    #[must_use]
    pub fn identity(&self, salt: &Secret) -> Digest {
        identity(self.body(), self.tainted, salt)
    }

    /// Whether a server may keep a part of it in memory as code: files of PHP, whatever they do.
    #[must_use]
    pub fn has_php(&self) -> bool {
        let is_php = |path: &TreePath| {
            let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
            // `x.php.txt` too: which names are code is for the server to say.
            [".ph", ".inc", ".module", ".user.ini"].iter().any(|part| name.contains(part))
        };
        // A link to it from outside may give it another name.
        self.entries.keys().chain(self.links.keys()).any(is_php)
    }

    /// Reads back what [`Manifest::texts`] wrote. Whether it is what a digest names is for the
    /// caller to check.
    ///
    /// # Errors
    /// When a line is not one of ours.
    pub fn read(texts: &Texts) -> Result<Self, ManifestError> {
        let mut manifest = Self::read_about(&texts.about)?;
        let mut sums: BTreeMap<&str, Digest> = BTreeMap::new();
        for line in lines(&texts.sums) {
            let bad = || ManifestError(line.to_owned());
            let (digest, path) = line.split_once("  ./").ok_or_else(bad)?;
            sums.insert(path, digest.parse().map_err(|_| bad())?);
        }
        let entries = lines(&texts.tree)
            .filter(|line| *line != "d 755 .")
            .map(|line| read_entry(line, &sums).ok_or_else(|| ManifestError(line.to_owned())));
        manifest.entries = entries.collect::<Result<BTreeMap<_, _>, _>>()?.into();
        Ok(manifest)
    }

    /// Reads the origins and links alone.
    ///
    /// # Errors
    /// When a line is not one of ours.
    pub fn read_about(about: &str) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        for line in lines(about) {
            read_about_line(line, &mut manifest).ok_or_else(|| ManifestError(line.to_owned()))?;
        }
        Ok(manifest)
    }
}

/// The identity that a body digest has at a site with `salt`.
#[must_use]
pub fn identity(body: Digest, tainted: bool, salt: &Secret) -> Digest {
    if !tainted {
        return body;
    }
    Digest::of_parts([salt.expose().as_bytes(), body.to_string().as_bytes()])
}

/// The lines of a text as `sha256sum` and `find` write them: they end with a line feed, and a
/// carriage return before it is a part of a name.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator('\n')
}

fn read_entry(line: &str, sums: &BTreeMap<&str, Digest>) -> Option<(TreePath, Entry)> {
    let mut words = line.splitn(3, ' ');
    let (kind, mode, rest) = (words.next()?, words.next()?, words.next()?);
    let mode = u32::from_str_radix(mode, 8).ok()?;
    match kind {
        "d" => Some((rest.strip_prefix("./")?.to_owned(), Entry::Directory { mode })),
        "l" => {
            let (path, target) = rest.strip_prefix("./")?.split_once(" -> ")?;
            Some((path.to_owned(), Entry::Link { target: target.to_owned() }))
        }
        "f" => {
            let (size, path) = rest.split_once(" ./")?;
            let entry = Entry::File { mode, size: size.parse().ok()?, digest: *sums.get(path)? };
            Some((path.to_owned(), entry))
        }
        _ => None,
    }
}

fn read_about_line(line: &str, manifest: &mut Manifest) -> Option<()> {
    let fields: Vec<&str> = line.split('\t').collect();
    match fields.as_slice() {
        ["tainted"] => manifest.tainted = true,
        ["link", at, target] => {
            manifest.links.insert((*at).to_owned(), (*target).to_owned());
        }
        ["feature", name, version, digest, entry] => {
            let part = Part {
                version: version.parse().ok()?,
                digest: digest.parse().ok()?,
                entry: (*entry != "-").then(|| (*entry).to_owned()),
            };
            manifest.features.insert(FeatureName::new(name).ok()?, part);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let file = |text: &str| Entry::File {
            mode: 0o644,
            size: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
        };
        Manifest {
            entries: [
                ("public".to_owned(), Entry::Directory { mode: 0o755 }),
                ("public/a b.js".to_owned(), file("x")),
                ("public/z.css".to_owned(), file("")),
                ("up".to_owned(), Entry::Link { target: "../../shared/up".into() }),
            ]
            .into(),
            features: [(
                FeatureName::new("popup").unwrap(),
                Part {
                    version: "1.2.0-rc.1+b".parse().unwrap(),
                    digest: Digest::of(b"popup"),
                    entry: Some("public/popup/popup.js".into()),
                },
            )]
            .into(),
            links: [("/var/www/a/_features".into(), "/srv/a/current/public".into())].into(),
            tainted: true,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Manifest::read(&sample().texts()), Ok(sample()));
        assert_eq!(Manifest::read(&Manifest::default().texts()), Ok(Manifest::default()));
        assert_eq!(sample().body(), sample().texts().body());
        // Names that somebody made on the host by hand.
        let entry = || Entry::Directory { mode: 0o755 };
        let entries = [("a".to_owned(), entry()), ("a\r".to_owned(), entry())].into();
        let odd = Manifest { entries, ..Manifest::default() };
        assert_eq!(Manifest::read(&odd.texts()), Ok(odd));
    }

    #[test]
    fn lines_are_those_that_a_host_prints() {
        let texts = sample().texts();
        assert_eq!(
            texts.tree,
            "d 755 .\nd 755 ./public\nf 644 0 ./public/z.css\nf 644 1 ./public/a b.js\nl 777 ./up -> ../../shared/up\n"
        );
        assert!(texts.sums.lines().is_sorted());
    }

    #[test]
    fn code_of_php_is_known_by_its_name() {
        let holds = |path: &str| {
            let entry = Entry::File { mode: 0o644, size: 0, digest: Digest::of(b"") };
            let entries = [(path.to_owned(), entry)].into();
            Manifest { entries, ..Manifest::default() }.has_php()
        };
        for path in ["x.php", "a/FORM.PHTML", "a/x.php.bak", "lib.inc", ".user.ini", "x.phar"] {
            assert!(holds(path), "{path}");
        }
        for path in ["x.js", "php/x.js", "a.php/x.css", "include.html"] {
            assert!(!holds(path), "{path}");
        }
        let linked = |at: &str| {
            let links = [(at.to_owned(), "/srv/current/public/form.txt".to_owned())].into();
            Manifest { links, ..Manifest::default() }.has_php()
        };
        assert!(linked("/var/www/form.php") && !linked("/var/www/form.txt"));
    }

    #[test]
    fn identity_hides_a_secret_behind_the_sites_salt() {
        let manifest = sample();
        let one = manifest.identity(&Secret::new("a".into()));
        assert_ne!(one, manifest.identity(&Secret::new("b".into())));
        assert_ne!(one, manifest.body());
        let open = Manifest { tainted: false, ..manifest };
        assert_eq!(open.identity(&Secret::new("a".into())), open.body());
    }

    #[test]
    fn a_text_that_is_not_ours_is_refused() {
        for bad in ["x 1 ./a\n", "f 644 ./a\n", "f 644 3 ./a\n", "l 777 ./a\n", "d 9 ./a\n"] {
            let texts = Texts { tree: bad.into(), sums: String::new(), about: String::new() };
            assert!(Manifest::read(&texts).is_err(), "{bad}");
        }
    }
}
