//! Why a transport could not do what it was asked, told to a person.
//!
//! Texts from the other side are shortened and stripped of control characters here, since
//! these messages end on terminals. Called by every transport.

use std::{fmt, time::Duration};

use thiserror::Error;

use super::host_key::HostKeyProblem;

/// How far a connection had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Asking for the address of a name.
    Resolve,
    /// The TCP connection, or the jump host's channel.
    Connect,
    /// The server's version line (RFC 4253 section 4.2).
    Banner,
    /// Key exchange (RFC 4253 section 7).
    KeyExchange,
    /// Authentication (RFC 4252).
    Authentication,
    /// Opening a channel on an authenticated connection.
    Channel,
    /// A command that runs.
    Command,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name lookup",
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::KeyExchange => "key exchange",
            Self::Authentication => "authentication",
            Self::Channel => "channel",
            Self::Command => "command",
        })
    }
}

/// Why a connection or a command on it failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// No connection came about.
    #[error("unreachable ({phase}): {why}")]
    Unreachable {
        /// How far it came.
        phase: Phase,
        /// The reason.
        why: String,
    },
    /// The host's key is not one to be trusted. Nothing was sent beyond the key exchange.
    #[error(transparent)]
    HostKey(Box<HostKeyProblem>),
    /// The host let nobody in with what was offered.
    #[error("authentication failed for user {user} (tried: {})", list(tried))]
    Authentication {
        /// The login name.
        user: String,
        /// Each thing that was tried, or why it was not.
        tried: Vec<String>,
    },
    /// A deadline passed.
    #[error("timed out after {} ({phase})", seconds(after))]
    TimedOut {
        /// What took too long.
        phase: Phase,
        /// The time it had.
        after: Duration,
    },
    /// The host refuses another channel, or to run commands on it.
    #[error("the host refuses a channel: {0}")]
    ChannelRefused(String),
    /// The line was lost while something was under way: what happened is unknown.
    #[error("connection lost: {why}")]
    Lost {
        /// The reason.
        why: String,
    },
    /// It was ended from this side before it was done.
    #[error("cancelled")]
    Cancelled,
    /// What was asked cannot be done from this machine; no host was asked.
    #[error("{0}")]
    Unusable(String),
}

impl TransportError {
    /// Whether the other side may have begun to act: the outcome is then indeterminate until
    /// the host has been asked again.
    #[must_use]
    pub const fn is_indeterminate(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. } | Self::TimedOut { phase: Phase::Command, .. } | Self::Cancelled
        )
    }
}

fn list(tried: &[String]) -> String {
    if tried.is_empty() { "nothing: no key and no agent".to_owned() } else { tried.join(", ") }
}

fn seconds(after: &Duration) -> String {
    if after.subsec_millis() == 0 {
        format!("{} s", after.as_secs())
    } else {
        format!("{} ms", after.as_millis())
    }
}

/// Text of the other side, made fit for a message: one line, no control characters, short.
pub(super) fn tame(text: &str) -> String {
    let line: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() || is_format(c) { '\u{fffd}' } else { c })
        .take(200)
        .collect();
    line
}

/// Characters that reorder or hide text (Unicode's bidirectional controls and joiners).
const fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_text_cannot_reach_the_terminal_as_control() {
        assert_eq!(
            tame("a\x1b[31mb\r\nc\u{9b}d\u{202e}e"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(tame(&"x".repeat(5000)).len(), 200);
    }

    #[test]
    fn messages_say_what_and_why() {
        let after = Duration::from_millis(1500);
        let error = TransportError::TimedOut { phase: Phase::Banner, after };
        assert_eq!(error.to_string(), "timed out after 1500 ms (banner)");
        let error = TransportError::Authentication { user: "root".into(), tried: vec![] };
        assert!(error.to_string().ends_with("(tried: nothing: no key and no agent)"));
    }
}
