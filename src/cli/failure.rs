//! Why a command did not come to its end: an exit code, and what to tell the person.

use std::io::{self, ErrorKind};

use super::exit;
use crate::{
    model::{NameError, Problem, Problems},
    pipeline::LoadError,
    registry::RegistryError,
    store::StoreError,
};

/// The end of a command that could not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// Everything that is wrong; empty when it has been told already.
    pub problems: Problems,
}

/// What a verb gives: its exit code, or why there is none.
pub type Outcome = Result<u8, Failure>;

impl Failure {
    /// The command line is wrong, or means nothing.
    pub fn usage(problems: impl Into<Problems>) -> Self {
        Self { code: exit::USAGE, problems: problems.into() }
    }

    /// A secret could not be had.
    pub fn secret(problems: Problems) -> Self {
        Self { code: exit::SECRET, problems }
    }

    /// This machine would not.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { code: exit::INTERNAL, problems: Problem::new(message).into() }
    }

    /// Ends with `code`; everything has been told.
    pub const fn silent(code: u8) -> Self {
        Self { code, problems: Problems(Vec::new()) }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self { code: exit::INVALID, problems }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Problems::from(problem).into()
    }
}

impl From<NameError> for Failure {
    fn from(why: NameError) -> Self {
        Self::usage(Problem::new(why.to_string()))
    }
}

impl From<RegistryError> for Failure {
    fn from(why: RegistryError) -> Self {
        match why {
            RegistryError::Refused(problems) => problems.into(),
            RegistryError::NotPublished(problem) => problem.into(),
            RegistryError::Io { .. } | RegistryError::Unreachable { .. } => {
                Self::internal(why.to_string())
            }
            other => told(&other.to_string()).into(),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(why: LoadError) -> Self {
        match why {
            LoadError::Wrong(problems) => problems.into(),
            LoadError::NoTarget(problems) => Self::usage(problems),
            LoadError::NoSecret(problems) => Self::secret(problems),
            LoadError::Registry(why) => why.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(why: StoreError) -> Self {
        match why {
            StoreError::Unknown(_) => Self::usage(Problem::new(why.to_string())),
            _ => Self::internal(why.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    /// An error of the screen: what cannot be written because nobody reads any more is no error.
    fn from(why: io::Error) -> Self {
        match why.kind() {
            ErrorKind::BrokenPipe => Self::silent(exit::DONE),
            _ => Self::internal(format!("cannot write to the screen: {why}")),
        }
    }
}

/// A problem from a message that carries its own hint.
fn told(message: &str) -> Problem {
    match message.split_once("\n  hint: ") {
        Some((message, hint)) => Problem::new(message).hint(hint),
        None => Problem::new(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_went_away_is_no_error() {
        let failure = Failure::from(io::Error::from(ErrorKind::BrokenPipe));
        assert_eq!((failure.code, failure.problems.0.len()), (exit::DONE, 0));
        assert_eq!(Failure::from(io::Error::from(ErrorKind::StorageFull)).code, exit::INTERNAL);
    }

    #[test]
    fn a_hint_inside_a_message_becomes_a_hint() {
        let problem = told("no\n  more\n  hint: do this");
        assert_eq!(
            (problem.message.as_str(), problem.hint.as_deref()),
            ("no\n  more", Some("do this"))
        );
    }
}
