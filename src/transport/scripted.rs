//! A host that exists only in a test: it answers what it was told to answer.
//!
//! Honours deadline and cancellation in tokio's time, so that paused clocks work. Called by
//! the engine's tests; never touches a network.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{Io, Output, Phase, Status, Stream, TransportError, feed::Feed, io::cancelled};
use crate::transport::Capture;

type Answer = dyn Fn(Call) -> Reply + Send + Sync;
type Connect = dyn Fn(&str, u16) -> Result<Stream, TransportError> + Send + Sync;

/// A host made of a closure.
#[derive(Clone)]
pub struct Scripted {
    answer: Arc<Answer>,
    connect: Arc<Connect>,
}

/// What the host was asked to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The command's bytes.
    pub command: Vec<u8>,
    /// All of standard input.
    pub stdin: Vec<u8>,
}

/// What the host answers, and when.
#[derive(Debug, Clone)]
pub struct Reply {
    /// How long it takes.
    pub after: Duration,
    /// The answer.
    pub result: Result<Output, TransportError>,
}

impl Reply {
    /// An answer at once.
    #[must_use]
    pub const fn now(result: Result<Output, TransportError>) -> Self {
        Self { after: Duration::ZERO, result }
    }

    /// Success with this on standard output.
    #[must_use]
    pub fn ok(stdout: &[u8]) -> Self {
        Self::exit(0, stdout, b"")
    }

    /// An exit code with these two streams.
    #[must_use]
    pub fn exit(code: u32, stdout: &[u8], stderr: &[u8]) -> Self {
        Self::now(Ok(Output {
            stdout: Capture::of(stdout),
            stderr: Capture::of(stderr),
            status: Status::Exited(code),
            sent: 0,
        }))
    }

    /// The same answer, later.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

impl Scripted {
    /// A host that answers each command with what `answer` says.
    pub fn new(answer: impl Fn(Call) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            connect: Arc::new(|host, port| {
                Err(TransportError::ChannelRefused(format!("{host}:{port}: connection refused")))
            }),
        }
    }

    /// The same host, with ports that answer.
    #[must_use]
    pub fn with_ports(
        mut self,
        connect: impl Fn(&str, u16) -> Result<Stream, TransportError> + Send + Sync + 'static,
    ) -> Self {
        self.connect = Arc::new(connect);
        self
    }

    pub(super) async fn exec(&self, command: &[u8], io: Io) -> Result<Output, TransportError> {
        let Io { stdin, deadline, mut cancel, .. } = io;
        let work = async {
            let mut feed = Feed::new(stdin);
            let mut stdin = Vec::new();
            while let Some(slice) =
                feed.next().await.map_err(|why| TransportError::Unusable(why.to_string()))?
            {
                stdin.extend_from_slice(&slice);
            }
            let sent = stdin.len() as u64;
            let reply = (self.answer)(Call { command: command.to_vec(), stdin });
            sleep(reply.after).await;
            reply.result.map(|output| Output { sent, ..output })
        };
        tokio::select! {
            done = timeout(deadline, work) => done.unwrap_or(Err(TransportError::TimedOut {
                phase: Phase::Command,
                after: deadline,
            })),
            () = cancelled(&mut cancel) => Err(TransportError::Cancelled),
        }
    }

    pub(super) fn connect_tcp(&self, host: &str, port: u16) -> Result<Stream, TransportError> {
        (self.connect)(host, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Blob, Canceller, Transport};

    #[tokio::test(start_paused = true)]
    async fn it_answers_what_it_was_told_with_the_input_it_got() {
        let host = Transport::Scripted(Scripted::new(|call| {
            assert_eq!(call.command, b"cat");
            Reply::ok(&call.stdin)
        }));
        let io = Io::within(Duration::from_secs(1)).send(Blob::Shared("hello".into()));
        let output = host.exec(b"cat", io).await.unwrap();
        assert_eq!(output.stdout.text(), "hello");
        assert_eq!(output.sent, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_and_cancellation_hold_in_paused_time() {
        let host = Scripted::new(|_| Reply::ok(b"").after(Duration::from_mins(1)));
        let late = host.exec(b"x", Io::within(Duration::from_secs(5))).await;
        assert!(matches!(late, Err(TransportError::TimedOut { phase: Phase::Command, .. })));
        let (canceller, cancel) = Canceller::new();
        canceller.cancel();
        let io = Io { cancel: Some(cancel), ..Io::within(Duration::from_secs(5)) };
        assert_eq!(host.exec(b"x", io).await, Err(TransportError::Cancelled));
    }
}
