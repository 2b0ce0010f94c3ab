//! A path inside an artifact. One that exists has been checked, and is safe to join to a directory.
//!
//! The rules are stricter than any file system's, because the path travels: through the text
//! of manifests (one line each), through `sha256sum -c` and `find` on hosts, onto terminals.

use std::{borrow::Borrow, fmt};

use thiserror::Error;

/// The longest path in bytes: what the tools of every host can still open below a root.
const MAX_PATH: usize = 1024;
/// The longest name of one component in bytes (`NAME_MAX` of the usual file systems).
const MAX_NAME: usize = 255;
/// The most components.
const MAX_DEPTH: usize = 64;

/// A relative path of plain names joined by `/`, as `files/common/public/form.js`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactPath(String);

/// Why a text is not a path for an artifact. The message follows the path in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// It begins with `/`.
    #[error("is absolute; paths are relative to the artifact")]
    Absolute,
    /// It has a component `..`.
    #[error("leaves the artifact through `..`")]
    Parent,
    /// It has a component `.`, or two slashes in a row, or one at the end.
    #[error("is not in its shortest form (`.`, `//` or `/` at the end)")]
    NotNormal,
    /// It holds a character that is not for names.
    #[error(
        "holds a control character, a backslash, a line separator or an invisible direction mark"
    )]
    Character,
    /// It holds ` -> `, which separates a link from its target in a manifest.
    #[error("holds ` -> `, which manifests use for links")]
    Arrow,
    /// The bytes are not UTF-8.
    #[error("is not valid UTF-8")]
    NotUtf8,
    /// A component is longer than 255 bytes.
    #[error("has a name longer than 255 bytes")]
    LongName,
    /// The whole is longer than 1024 bytes.
    #[error("is longer than 1024 bytes")]
    TooLong,
    /// It has more than 64 components.
    #[error("is deeper than 64 levels")]
    TooDeep,
}

impl ArtifactPath {
    /// Checks `text` and makes a path of it.
    ///
    /// # Errors
    /// When it is not a relative path of plain names, see [`PathError`].
    pub fn new(text: &str) -> Result<Self, PathError> {
        check_characters(text)?;
        match text {
            "" => return Err(PathError::Empty),
            _ if text.starts_with('/') => return Err(PathError::Absolute),
            _ if text.len() > MAX_PATH => return Err(PathError::TooLong),
            _ => {}
        }
        for (index, name) in text.split('/').enumerate() {
            match name {
                ".." => return Err(PathError::Parent),
                "" | "." => return Err(PathError::NotNormal),
                _ if name.len() > MAX_NAME => return Err(PathError::LongName),
                _ if index >= MAX_DEPTH => return Err(PathError::TooDeep),
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// As [`Self::new`], from bytes of unknown encoding.
    ///
    /// # Errors
    /// As [`Self::new`], and when they are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PathError> {
        Self::new(std::str::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?)
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that holds it; `None` at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// All directories above it, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// What comes below `prefix/`, if this path is there.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Option<Self> {
        let rest = self.0.strip_prefix(prefix)?.strip_prefix('/')?;
        Some(Self(rest.to_owned()))
    }

    /// Where a link at this path leads, by the names alone; `None` when that is outside, or
    /// when the target is not in the one form that cannot deceive: first all `..`, then names.
    ///
    /// A `..` behind a name could pass through another link and climb from wherever that
    /// leads, so such targets are refused even where the names alone stay inside.
    #[must_use]
    pub fn follow(&self, target: &str) -> Option<Self> {
        check_characters(target).ok()?;
        let mut base: Vec<&str> = self.0.split('/').collect();
        base.pop();
        let mut rest = target;
        while let Some(after) = rest.strip_prefix("../") {
            base.pop()?;
            rest = after;
        }
        base.push(rest);
        Self::new(rest).ok()?;
        Self::new(&base.join("/")).ok()
    }
}

/// Text that stays one line and means on a terminal what it says.
fn check_characters(text: &str) -> Result<(), PathError> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\\' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    if text.contains(hidden) {
        return Err(PathError::Character);
    }
    if text.contains(" -> ") { Err(PathError::Arrow) } else { Ok(()) }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for ArtifactPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_leave_mislead_or_break_a_line_is_refused() {
        let long = "n".repeat(256);
        let deep = vec!["d"; 65].join("/");
        let wide = vec!["n".repeat(200); 6].join("/");
        for (bad, why) in [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::Absolute),
            ("..", PathError::Parent),
            ("a/../b", PathError::Parent),
            ("./a", PathError::NotNormal),
            ("a//b", PathError::NotNormal),
            ("a/", PathError::NotNormal),
            ("a\nb", PathError::Character),
            ("a\tb", PathError::Character),
            ("a\u{1b}[2J", PathError::Character),
            ("a\u{9b}2J", PathError::Character),
            ("a\u{7f}", PathError::Character),
            ("a\\b", PathError::Character),
            ("a\u{202e}gpj.exe", PathError::Character),
            ("a -> b", PathError::Arrow),
            (&long, PathError::LongName),
            (&wide, PathError::TooLong),
            (&deep, PathError::TooDeep),
        ] {
            assert_eq!(ArtifactPath::new(bad), Err(why), "{bad:?}");
        }
        assert_eq!(ArtifactPath::from_bytes(b"caf\xe9"), Err(PathError::NotUtf8));
        for good in ["a", "-rf", "a b/ü.txt", "..a/b..", ".htaccess", "$(id)", "*"] {
            assert!(ArtifactPath::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_link_leads_only_to_places_inside() {
        let link = ArtifactPath::new("a/b/link").unwrap();
        for (target, leads) in [
            ("x", Some("a/b/x")),
            ("../x", Some("a/x")),
            ("../../x/y", Some("x/y")),
            ("../../../x", None),
            ("/x", None),
            ("..", None),
            ("../..", None),
            ("x/../y", None),
            ("./x", None),
            ("x/", None),
            ("", None),
            ("x\ny", None),
        ] {
            let found = link.follow(target);
            assert_eq!(found.as_ref().map(ArtifactPath::as_str), leads, "{target:?}");
        }
    }

    #[test]
    fn the_part_below_a_directory_is_a_path_again() {
        let path = ArtifactPath::new("files/common/a/b").unwrap();
        assert_eq!(path.below("files/common").unwrap().as_str(), "a/b");
        assert_eq!(path.below("files/comm"), None);
        assert_eq!(path.ancestors().count(), 3);
    }
}
