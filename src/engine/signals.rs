//! SIGINT and SIGTERM, as something that can be waited for.

use tokio::signal::unix::{Signal as Unix, SignalKind, signal};

use crate::event::Signal;

/// The signals that ask a run to stop.
pub struct Signals {
    interrupt: Unix,
    terminate: Unix,
}

impl Signals {
    /// Begins to listen: from here on these signals no longer end the process.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.terminate.recv() => Signal::Terminate,
            else => std::future::pending().await,
        }
    }
}
