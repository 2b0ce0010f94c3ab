//! A host's key, and what is known about it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A public host key in its wire form (RFC 4253 section 6.6).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostKey {
    algorithm: String,
    blob: Vec<u8>,
}

impl HostKey {
    /// A key from its wire form, which names its own algorithm first; nothing if it does not.
    #[must_use]
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let name = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let algorithm = std::str::from_utf8(name).ok()?.to_owned();
        let sane = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '@');
        (!algorithm.is_empty() && algorithm.chars().all(sane))
            .then(|| Self { algorithm, blob: blob.to_vec() })
    }

    /// The algorithm as keys name it: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`, …
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The wire form.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The fingerprint as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// The key as it stands in a file: algorithm and base64.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{} {}", self.algorithm, BASE64_STANDARD.encode(&self.blob))
    }

    /// The algorithm's everyday name.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self.algorithm.as_str() {
            "ssh-ed25519" => "ED25519",
            "ssh-rsa" => "RSA",
            other if other.starts_with("ecdsa-sha2-") => "ECDSA",
            other => other,
        }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", self.kind(), self.fingerprint())
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A line of a file that decided something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What `known_hosts` says about an offered key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A line has this name with this key.
    Trusted,
    /// No line has this name.
    Unknown,
    /// Lines have this name, none with this key. Another key type is a change as well.
    Changed {
        /// The line that has another key for the name.
        at: Seen,
        /// The key that is known.
        known: HostKey,
    },
    /// A line revokes this key for this name.
    Revoked {
        /// That line.
        at: Seen,
    },
    /// A line for this name says something that is not read here.
    CannotJudge {
        /// That line.
        at: Seen,
        /// What it has.
        why: &'static str,
    },
}

/// A host key that is not trusted, with what a person needs to decide.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.tell())]
pub struct HostKeyProblem {
    /// The name that was looked up.
    pub name: String,
    /// The key that the host offered.
    pub offered: HostKey,
    /// Anything but [`Verdict::Trusted`].
    pub verdict: Verdict,
}

impl HostKeyProblem {
    fn tell(&self) -> String {
        let Self { name, offered, verdict } = self;
        match verdict {
            Verdict::Trusted => format!("the key of {name} is known"),
            Verdict::Unknown => format!(
                "the host key of {name} is not known: it offers {offered}; compare it with the \
                 host's own, then `fleetctl hosts trust {name}`"
            ),
            Verdict::Changed { at, known } => format!(
                "the host key of {name} has CHANGED: {at} has {known}, the host offers {offered}; \
                 somebody may be in between, or the host was reinstalled: if you know why, remove \
                 that line and run `fleetctl hosts trust {name}`"
            ),
            Verdict::Revoked { at } => {
                format!("the host key of {name} is REVOKED by {at}: {offered}")
            }
            Verdict::CannotJudge { at, why } => format!(
                "the host key of {name} cannot be judged: {at} {why}; give the host a plain line \
                 of its own in another file, as `fleetctl hosts trust {name}` writes it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_own_algorithm() {
        let blob = [&[0, 0, 0, 11][..], b"ssh-ed25519", &[0, 0, 0, 1, 9]].concat();
        let key = HostKey::from_blob(&blob).unwrap();
        assert_eq!((key.algorithm(), key.kind()), ("ssh-ed25519", "ED25519"));
        assert!(key.fingerprint().starts_with("SHA256:"));
        for bad in [&b""[..], &[0, 0, 0, 9, 1], &[255; 8], &[0, 0, 0, 1, b'\n']] {
            assert_eq!(HostKey::from_blob(bad), None, "{bad:?}");
        }
    }
}
