//! The directory name of a release on a host: `<seq>-<digest12>`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Digest;

/// A release's place in its root: a sequence number that only rises, and the start of the
/// digest of what it holds. Two releases with the same digest differ in their number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseName {
    seq: u64,
    short: String,
}

impl ReleaseName {
    /// The name of release number `seq` that holds what `digest` names.
    #[must_use]
    pub fn new(seq: u64, digest: &Digest) -> Self {
        Self { seq, short: digest.short() }
    }

    /// The sequence number, rising per root from 1.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether this release was made for the content that `digest` names.
    #[must_use]
    pub fn holds(&self, digest: &Digest) -> bool {
        self.short == digest.short()
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.seq, self.short))
    }
}

impl FromStr for ReleaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a release name (<number>-<12 hex digits>)");
        let (seq, short) = text.split_once('-').ok_or_else(bad)?;
        let seq: u64 = seq.parse().map_err(|_| bad())?;
        let hex = short.len() == 12
            && short.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let name = Self { seq, short: short.to_owned() };
        if hex && name.to_string() == text { Ok(name) } else { Err(bad()) }
    }
}

impl TryFrom<String> for ReleaseName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ReleaseName> for String {
    fn from(name: ReleaseName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_we_write_is_read() {
        let name = ReleaseName::new(7, &Digest::of(b""));
        assert_eq!(name.to_string(), "7-e3b0c44298fc");
        assert_eq!("7-e3b0c44298fc".parse(), Ok(name));
        for bad in ["7", "07-e3b0c44298fc", "+7-e3b0c44298fc", "7-E3B0C44298FC", "7-e3b0", "../x"] {
            assert!(bad.parse::<ReleaseName>().is_err(), "{bad}");
        }
    }
}
