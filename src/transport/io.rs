//! What goes into an exec and what comes out of it.
//!
//! Input is an ordered list of blobs that many connections can share without a copy; output
//! is kept up to a cap, its beginning and its end, while everything beyond is read and
//! dropped. Nothing here touches a network. Called by every transport and by the engine.

use std::{borrow::Cow, collections::VecDeque, fmt, path::PathBuf, time::Duration};

use bytes::Bytes;
use tokio::sync::watch;

use crate::model::Secret;

/// What an exec is given besides its command.
#[derive(Debug, Clone)]
pub struct Io {
    /// Sent to standard input one after another; then standard input is closed.
    pub stdin: Vec<Blob>,
    /// The time the command has from the moment `exec` is called to its exit status.
    pub deadline: Duration,
    /// How many bytes of each output stream are kept: half from its beginning, half from its end.
    pub cap: usize,
    /// Ends the command early.
    pub cancel: Option<Cancel>,
}

impl Io {
    /// No input, 1 MiB kept of each stream, not cancellable.
    #[must_use]
    pub const fn within(deadline: Duration) -> Self {
        Self { stdin: Vec::new(), deadline, cap: 1 << 20, cancel: None }
    }

    /// Adds a blob to the end of the input.
    #[must_use]
    pub fn send(mut self, blob: Blob) -> Self {
        self.stdin.push(blob);
        self
    }
}

/// A piece of standard input.
#[derive(Clone)]
pub enum Blob {
    /// Bytes in memory, shared by all connections that send them.
    Shared(Bytes),
    /// A file on the control machine, read while it is sent. It must have exactly `len` bytes.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
    },
    /// A secret, such as a password.
    Secret(Secret),
}

impl Blob {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Shared(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
            Self::Secret(secret) => secret.expose().len() as u64,
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(bytes) => write!(f, "Shared({} bytes)", bytes.len()),
            Self::File { path, len } => write!(f, "File({}, {len} bytes)", path.display()),
            Self::Secret(_) => f.write_str("Secret(«secret»)"),
        }
    }
}

/// The right to end an exec early; given to any number of them.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

/// A place where an exec sees that it shall end.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<bool>);

impl Canceller {
    /// A canceller and what it cancels.
    #[must_use]
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Cancel(receiver))
    }

    /// Ends everything that holds this canceller's [`Cancel`], now and later.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Returns once cancelled; a canceller that is gone without a word never cancels.
    pub async fn cancelled(&mut self) {
        if self.0.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits for a cancellation that may not exist.
pub(super) async fn cancelled(cancel: &mut Option<Cancel>) {
    match cancel {
        Some(cancel) => cancel.cancelled().await,
        None => std::future::pending().await,
    }
}

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Capture,
    /// Standard error.
    pub stderr: Capture,
    /// How it ended.
    pub status: Status,
    /// Bytes of standard input handed to the connection; fewer than offered if the command
    /// ended without reading all.
    pub sent: u64,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// With this exit code.
    Exited(u32),
    /// By this signal, named without `SIG` (RFC 4254 section 6.10).
    Signalled(String),
}

impl Status {
    /// Whether the command exited with 0.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "killed by SIG{signal}"),
        }
    }
}

/// An output stream, up to a cap: its beginning and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    cap: usize,
}

impl Capture {
    /// An empty stream that will keep at most `cap` bytes.
    #[must_use]
    pub const fn new(cap: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), total: 0, cap }
    }

    /// A stream that said just this.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            head: bytes.to_vec(),
            tail: VecDeque::new(),
            total: bytes.len() as u64,
            cap: bytes.len(),
        }
    }

    /// Takes in what the stream said next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (self.cap - self.cap / 2).saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        let keep = self.cap / 2;
        let rest = rest.get(rest.len().saturating_sub(keep)..).unwrap_or(rest);
        let excess = (self.tail.len() + rest.len()).saturating_sub(keep);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    /// How many bytes the stream had, kept or not.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many bytes between the beginning and the end were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// All bytes of the stream, or nothing if some were dropped.
    #[must_use]
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        if self.dropped() > 0 {
            return None;
        }
        if self.tail.is_empty() {
            return Some(Cow::Borrowed(&self.head));
        }
        let mut all = self.head.clone();
        all.extend(&self.tail);
        Some(Cow::Owned(all))
    }

    /// The kept beginning.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The kept end; empty if the beginning is all there is.
    #[must_use]
    pub fn tail(&self) -> Vec<u8> {
        self.tail.iter().copied().collect()
    }

    /// The stream as text for people: bytes that are not UTF-8 are replaced, and what was
    /// dropped is named. Control characters are kept: the terminal's sink escapes them.
    #[must_use]
    pub fn text(&self) -> String {
        if let Some(all) = self.bytes() {
            return String::from_utf8_lossy(&all).into_owned();
        }
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let tail = self.tail();
        let tail = String::from_utf8_lossy(&tail);
        format!("{head}\n[… {} bytes left out …]\n{tail}", self.dropped())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_stream_is_kept_whole() {
        let mut capture = Capture::new(10);
        capture.push(b"abcde");
        capture.push(b"fghij");
        assert_eq!(capture.bytes().as_deref(), Some(&b"abcdefghij"[..]));
        assert_eq!(capture.text(), "abcdefghij");
    }

    #[test]
    fn a_long_stream_keeps_its_beginning_and_its_end() {
        let mut capture = Capture::new(4);
        for byte in b'a'..=b'z' {
            capture.push(&[byte]);
        }
        assert_eq!((capture.total(), capture.dropped()), (26, 22));
        assert_eq!(capture.bytes(), None);
        assert_eq!(capture.text(), "ab\n[… 22 bytes left out …]\nyz");
    }

    #[test]
    fn a_secret_blob_is_not_shown() {
        assert!(!format!("{:?}", Blob::Secret(Secret::new("hunter2".into()))).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn head_and_tail_are_those_of_the_whole_stream(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            cap in 0_usize..64,
        ) {
            let whole: Vec<u8> = parts.concat();
            let mut capture = Capture::new(cap);
            for part in &parts {
                capture.push(part);
            }
            prop_assert_eq!(capture.total(), whole.len() as u64);
            prop_assert!(whole.starts_with(capture.head()));
            prop_assert!(whole.ends_with(&capture.tail()));
            prop_assert!(capture.head().len() + capture.tail().len() <= cap);
            if whole.len() <= cap {
                let all = capture.bytes();
                prop_assert_eq!(all.as_deref(), Some(&whole[..]));
            } else {
                prop_assert_eq!(capture.head().len() + capture.tail().len(), cap);
            }
        }
    }
}
