//! The one road to a host: run a command there, or reach a port from there.
//!
//! Nothing above this room knows what SSH is. A connection is kept for the run; every channel
//! is drained up to a cap so that none can block the others; every step has a deadline; and a
//! command without an exit status is `Lost`, never a success. Called by the engine's workers
//! and by `hosts trust`. Never prints and never asks.

mod error;
mod feed;
pub mod host_key;
mod io;
pub mod local;
pub mod scripted;
pub mod ssh;
pub mod ssh_config;

use tokio::io::{AsyncRead, AsyncWrite};

pub use error::{Phase, TransportError};
pub use io::{Blob, Cancel, Canceller, Capture, Io, Output, Status};

/// Bytes both ways. Read it or drop it: a stream of an SSH connection that is held but not read
/// can, after some megabytes, hold up the other channels of that connection.
pub type Stream = Box<dyn ReadWrite>;

/// What a [`Stream`] can do.
pub trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for T {}

/// A way to one host.
#[expect(
    clippy::large_enum_variant,
    reason = "one per host, and nearly all of them are the large one"
)]
pub enum Transport {
    /// An SSH connection.
    Ssh(ssh::Connection),
    /// This machine.
    Local(local::Local),
    /// Answers prepared by a test.
    Scripted(scripted::Scripted),
}

impl Transport {
    /// Runs `command`, the exact bytes that the host's login shell gets after `-c`.
    ///
    /// # Errors
    /// When no exit status came back: see [`TransportError`]. Any exit status is an [`Output`].
    pub async fn exec(&self, command: &[u8], io: Io) -> Result<Output, TransportError> {
        match self {
            Self::Ssh(connection) => connection.exec(command, io).await,
            Self::Local(local) => local.exec(command, io).await,
            Self::Scripted(scripted) => scripted.exec(command, io).await,
        }
    }

    /// Connects from the host to `host`:`port`, as the host sees them.
    ///
    /// # Errors
    /// When the host cannot or may not connect there.
    pub async fn connect_tcp(&self, host: &str, port: u16) -> Result<Stream, TransportError> {
        match self {
            Self::Ssh(connection) => connection.connect_tcp(host, port).await,
            Self::Local(local) => local.connect_tcp(host, port).await,
            Self::Scripted(scripted) => scripted.connect_tcp(host, port),
        }
    }

    /// Says goodbye. Commands that still run lose their connection.
    pub async fn close(&self) {
        if let Self::Ssh(connection) = self {
            connection.close().await;
        }
    }
}
