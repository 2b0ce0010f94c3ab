//! One command on one channel: input fed, output drained, an end in every case.
//!
//! The library's writers wait for ever once a channel is closed, and a channel that nobody
//! reads stops the whole connection. So the reader leads: it drains until the channel ends,
//! whatever the writer does, and the writer is thrown away then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig, client::Msg};
use tokio::{task::JoinHandle, time::timeout};

use crate::transport::{Blob, Capture, Output, Status, TransportError, error::tame, feed::Feed};

/// How long a command may take to obey a signal, and a channel to close.
const GRACE: Duration = Duration::from_millis(500);

/// A command that was started on a channel.
pub(super) struct Running {
    reader: ChannelReadHalf,
    hold: Hold,
    fed: bool,
    sent: Arc<AtomicU64>,
    stdout: Capture,
    stderr: Capture,
    status: Option<Status>,
}

/// Ends the command and gives the channel back, whatever becomes of the one who waits.
struct Hold {
    writer: Arc<ChannelWriteHalf<Msg>>,
    feeding: JoinHandle<Result<(), TransportError>>,
    ended: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.feeding.abort();
        if self.ended {
            return;
        }
        let writer = Arc::clone(&self.writer);
        // Not awaited: the one who waited is gone. On a dead line these fail at once.
        tokio::spawn(async move {
            let _ = writer.signal(Sig::TERM).await;
            let _ = writer.signal(Sig::KILL).await;
            let _ = writer.close().await;
        });
    }
}

/// How a channel came to its end.
pub(super) enum End {
    /// The host closed it; the status is there if it sent one.
    Closed,
    /// What should have been sent could not be read on this side.
    CannotFeed(TransportError),
    /// The host does not run commands.
    Refused,
}

impl Running {
    /// Starts `command`.
    ///
    /// # Errors
    /// When the connection is dead.
    pub(super) async fn start(
        channel: Channel<Msg>,
        command: &[u8],
        stdin: Vec<Blob>,
        cap: usize,
    ) -> Result<Self, russh::Error> {
        let (reader, writer) = channel.split();
        let writer = Arc::new(writer);
        let sent = Arc::new(AtomicU64::new(0));
        writer.exec(true, command).await?;
        let feeding = tokio::spawn(feed(Arc::clone(&writer), stdin, Arc::clone(&sent)));
        Ok(Self {
            reader,
            hold: Hold { writer, feeding, ended: false },
            fed: false,
            sent,
            stdout: Capture::new(cap),
            stderr: Capture::new(cap),
            status: None,
        })
    }

    /// Reads until the channel ends. May be dropped and called again.
    pub(super) async fn drain(&mut self) -> End {
        loop {
            tokio::select! {
                message = self.reader.wait() => match message {
                    None => {
                        self.hold.ended = true;
                        return End::Closed;
                    }
                    Some(ChannelMsg::Failure) => return End::Refused,
                    Some(message) => self.take_in(message),
                },
                result = &mut self.hold.feeding, if !self.fed => {
                    self.fed = true;
                    if let Ok(Err(why)) = result {
                        return End::CannotFeed(why);
                    }
                }
            }
        }
    }

    fn take_in(&mut self, message: ChannelMsg) {
        match message {
            ChannelMsg::Data { data } => self.stdout.push(&data),
            ChannelMsg::ExtendedData { data, ext: 1 } => self.stderr.push(&data),
            ChannelMsg::ExitStatus { exit_status } => {
                self.status = Some(Status::Exited(exit_status));
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                let name = match signal_name {
                    Sig::Custom(name) => tame(&name),
                    known => format!("{known:?}"),
                };
                self.status = Some(Status::Signalled(name));
            }
            _ => {}
        }
    }

    /// Ends the command, by a polite signal and a firm one; whether its channel ended.
    pub(super) async fn obeys_signals(&mut self) -> bool {
        self.hold.feeding.abort();
        self.fed = true;
        for signal in [Sig::TERM, Sig::KILL] {
            if self.hold.writer.signal(signal).await.is_err() {
                return true;
            }
            if let Ok(End::Closed) = timeout(GRACE, self.drain()).await {
                return true;
            }
        }
        false
    }

    /// Gives the channel back, and waits a moment so that it is free for the next command.
    pub(super) async fn leave(mut self) {
        if self.hold.ended || matches!(timeout(GRACE, self.drain()).await, Ok(End::Closed)) {
            return;
        }
        self.hold.ended = true;
        if self.hold.writer.close().await.is_ok() {
            let _ = timeout(GRACE, self.drain()).await;
        }
    }

    /// What the command left, if it left a status.
    pub(super) fn into_output(self) -> Option<Output> {
        Some(Output {
            status: self.status?,
            stdout: self.stdout,
            stderr: self.stderr,
            sent: self.sent.load(Ordering::Relaxed),
        })
    }
}

/// Sends all blobs and closes standard input. A channel that is gone is no error here: the
/// reader knows more about it.
async fn feed(
    writer: Arc<ChannelWriteHalf<Msg>>,
    blobs: Vec<Blob>,
    sent: Arc<AtomicU64>,
) -> Result<(), TransportError> {
    let mut feed = Feed::new(blobs);
    while let Some(slice) =
        feed.next().await.map_err(|why| TransportError::Unusable(why.to_string()))?
    {
        let length = slice.len() as u64;
        if writer.data_bytes(slice).await.is_err() {
            return Ok(());
        }
        sent.fetch_add(length, Ordering::Relaxed);
    }
    // An error means that the channel is gone.
    let _ = writer.eof().await;
    Ok(())
}
