//! The bytes of a file, and whether they carry a secret.

use std::fmt;

use bytes::Bytes;

use super::Digest;

/// What a file holds. Tainted bytes carry a secret: no `Debug`, no diff, no public digest.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// Anybody may see it.
    Plain(Bytes),
    /// It carries a secret value.
    Tainted(Bytes),
}

impl Content {
    /// The bytes, for writing them to where they belong.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        match self {
            Self::Plain(bytes) | Self::Tainted(bytes) => bytes,
        }
    }

    /// Whether the bytes carry a secret.
    #[must_use]
    pub const fn is_tainted(&self) -> bool {
        matches!(self, Self::Tainted(_))
    }

    /// The digest that the file on the host must have. Not to be shown for tainted content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.bytes())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(bytes) => write!(f, "Plain({} bytes)", bytes.len()),
            Self::Tainted(_) => f.write_str("Tainted(«secret»)"),
        }
    }
}
