//! What kind of website a site is, which decides how a feature reaches its pages.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::did_you_mean;

/// What a site is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// WordPress: features load as must-use plugins.
    Wordpress,
    /// Plain HTML: features are served below `/_features/`.
    Static,
    /// A React application: features are served below `/_features/`.
    React,
}

/// The word is no platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no platform `{word}`: {}", advice(.word))]
pub struct PlatformError {
    word: String,
}

impl Platform {
    /// All platforms.
    pub const ALL: [Self; 3] = [Self::Wordpress, Self::Static, Self::React];

    /// The word used in files and directories.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wordpress => "wordpress",
            Self::Static => "static",
            Self::React => "react",
        }
    }
}

fn advice(word: &str) -> String {
    match did_you_mean(word, Platform::ALL.map(Platform::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "it is `wordpress`, `static` or `react`".to_owned(),
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let found = Self::ALL.into_iter().find(|platform| platform.as_str() == text);
        found.ok_or_else(|| PlatformError { word: text.chars().take(60).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_one_of_three_words() {
        assert_eq!("react".parse(), Ok(Platform::React));
        let error = "Wordpres".parse::<Platform>().expect_err("no platform").to_string();
        assert!(error.contains("did you mean `wordpress`?"), "{error}");
        assert!("django".parse::<Platform>().expect_err("no").to_string().contains("or `react`"));
    }
}
