//! Names that users give to things. A name that exists has been checked, and is cheap to copy.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a name. The message is a fragment that follows the name itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} {1}")]
pub struct NameError(pub String, pub &'static str);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident checked by $check:path;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes a name of it.
            ///
            /// # Errors
            /// When a character, the length or the first character is not allowed.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $check(text).map_or_else(
                    || Ok(Self(Arc::from(text))),
                    |why| Err(NameError(text.to_owned(), why)),
                )
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// The name of a site, usually its domain: letters, digits, `.`, `-`, `_`; at most 253. An
    /// IPv6 address will do as well.
    SiteName checked by dotted_or_ipv6;
    /// The name of a group of sites.
    GroupName checked by dotted;
    /// The name of a feature: lower case, digits, `-`; it becomes a directory on hosts.
    FeatureName checked by kebab;
    /// The key of a tag, as in `tier=canary`.
    TagKey checked by dotted;
    /// A run's identity: time and randomness, sortable, safe as a file name.
    RunId checked by dotted;
}

/// Names that become parts of paths and arguments on hosts: no separator, no leading dash.
fn dotted(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if text.len() > 253 {
        return Some("is longer than 253 characters");
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Some("must begin with a letter, a digit or an underscore");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Some("may hold only letters, digits, dots, dashes and underscores");
    }
    text.contains("..").then_some("may not hold two dots in a row")
}

fn dotted_or_ipv6(text: &str) -> Option<&'static str> {
    // Only the canonical characters: a zone or brackets would not be an address alone.
    if text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_ok() {
        return None;
    }
    dotted(text)
}

fn kebab(text: &str) -> Option<&'static str> {
    if text.len() > 64 {
        return Some("is longer than 64 characters");
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("must begin with a lower-case letter");
    }
    (!text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        .then_some("may hold only lower-case letters, digits and dashes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_paths_or_options_are_refused() {
        for bad in ["", "-oProxyCommand=x", "../etc", "a/b", "a b", "a..b", "a\n", ".hidden", "é"]
        {
            assert!(SiteName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["acme.example", "shop01.example", "_x", "A-b_c.9", "2001:db8::1", "::1"] {
            assert!(SiteName::new(good).is_ok(), "{good:?}");
        }
        for bad in ["a:b", "[::1]", "fe80::1%eth0", "10:20"] {
            assert!(SiteName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_feature_name_is_a_plain_directory_name() {
        for bad in ["Form", "1form", "a_b", "a.b", ""] {
            assert!(FeatureName::new(bad).is_err(), "{bad:?}");
        }
        assert!(FeatureName::new("contact-form").is_ok());
    }
}
