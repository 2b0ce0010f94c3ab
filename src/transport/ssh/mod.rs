//! SSH, by `russh`: the only room that knows the library.
//!
//! Works around what the library leaves open: no deadlines of its own, writers that never wake
//! after the end, channels that block their connection when unread. Calls nothing above it;
//! called through [`Transport`](super::Transport) and, to connect, by the engine.

mod auth;
mod dial;
mod keys;
mod line;
mod reap;
mod run;
mod session;
mod sessions;

use std::{sync::Arc, time::Duration};

use russh::{ChannelOpenFailure, Disconnect, client::Handle};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout, timeout_at},
};

pub use dial::{Dial, Timeouts, connect, scan};
pub use keys::{Keys, Passphrase};

use self::{
    line::LineSwitch,
    reap::Order,
    run::{End, Running},
    session::Client,
    sessions::Sessions,
};
use super::{Io, Output, Phase, Stream, TransportError, error::tame, io::cancelled};

/// How long to wait for a channel on which a command can be ended.
const REAP_CHANNEL: Duration = Duration::from_secs(2);

/// An authenticated connection, kept for the run.
pub struct Connection {
    sessions: Sessions,
    order: Order,
    /// Held while a command is started, so that the order is the order of the requests.
    starting: Mutex<()>,
    handle: Arc<Handle<Client>>,
    switch: LineSwitch,
    end: watch::Receiver<Option<String>>,
    /// The jump host's connection, which carries this one. Declared last: dropped last.
    through: Option<Box<Self>>,
}

impl Connection {
    fn new(
        handle: Handle<Client>,
        switch: LineSwitch,
        end: watch::Receiver<Option<String>>,
        through: Option<Box<Self>>,
    ) -> Self {
        let handle = Arc::new(handle);
        Self {
            sessions: Sessions::new(Arc::clone(&handle)),
            order: Order::default(),
            starting: Mutex::new(()),
            handle,
            switch,
            end,
            through,
        }
    }

    /// Runs a command: see [`Transport::exec`](super::Transport::exec).
    ///
    /// # Errors
    /// See [`TransportError`].
    pub async fn exec(&self, command: &[u8], io: Io) -> Result<Output, TransportError> {
        let Io { stdin, deadline, cap, mut cancel } = io;
        let end = Instant::now() + deadline;
        let late = |phase| TransportError::TimedOut { phase, after: deadline };
        let (_session, channel) = tokio::select! {
            taken = timeout_at(end, self.sessions.take()) => taken
                .map_err(|_| late(Phase::Channel))?
                .map_err(|why| self.refused(why))?,
            () = cancelled(&mut cancel) => return Err(TransportError::Cancelled),
        };
        let (place, mut running) = {
            let _starting = self.starting.lock().await;
            let place = self.order.join();
            let running = Running::start(channel, command, stdin, cap).await;
            (place, running.map_err(|_| self.lost("the connection ended"))?)
        };
        let ended = tokio::select! {
            ended = timeout_at(end, running.drain()) => ended.map_err(|_| late(Phase::Command)),
            () = cancelled(&mut cancel) => Err(TransportError::Cancelled),
        };
        let why = match ended {
            Ok(End::Closed) => {
                return running.into_output().ok_or_else(|| {
                    self.lost("the host closed the channel without an exit status")
                });
            }
            Ok(End::CannotFeed(why)) | Err(why) => why,
            Ok(End::Refused) => {
                TransportError::ChannelRefused("it does not run commands".to_owned())
            }
        };
        if !running.obeys_signals().await {
            let reaping = async {
                if let Ok(Ok(channel)) = timeout(REAP_CHANNEL, self.sessions.open()).await {
                    place.reap(channel).await;
                }
            };
            // Read on meanwhile: a command that floods its channel would keep the other from
            // being opened, and so from ending it.
            let read_on = async {
                running.drain().await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = reaping => {}
                () = read_on => {}
            }
        }
        running.leave().await;
        Err(why)
    }

    /// Connects from the host: see [`Transport::connect_tcp`](super::Transport::connect_tcp).
    ///
    /// # Errors
    /// When the host cannot or may not connect there, or the connection is dead.
    pub async fn connect_tcp(&self, host: &str, port: u16) -> Result<Stream, TransportError> {
        let opened =
            self.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0).await;
        match opened {
            Ok(channel) => Ok(Box::new(channel.into_stream())),
            Err(russh::Error::ChannelOpenFailure(why)) => {
                Err(TransportError::ChannelRefused(format!("{host}:{port}: {}", refusal(&why))))
            }
            Err(_) => Err(self.lost("the connection ended")),
        }
    }

    /// Says goodbye and waits a moment for it to be on its way.
    pub async fn close(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "");
        let mut end = self.end.clone();
        let _ = timeout(Duration::from_secs(1), async {
            if goodbye.await.is_ok() {
                let _ = end.wait_for(Option::is_some).await;
            }
        })
        .await;
        self.switch.cut();
        if let Some(jump) = &self.through {
            Box::pin(jump.close()).await;
        }
    }

    fn refused(&self, why: russh::Error) -> TransportError {
        match why {
            russh::Error::ChannelOpenFailure(why) => TransportError::ChannelRefused(refusal(&why)),
            _ => self.lost("the connection ended"),
        }
    }

    /// What is known about the end of the line, or else `otherwise`.
    fn lost(&self, otherwise: &str) -> TransportError {
        let end = self.end.borrow().clone();
        TransportError::Lost { why: end.unwrap_or_else(|| otherwise.to_owned()) }
    }
}

fn refusal(why: &ChannelOpenFailure) -> String {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => "not allowed by its settings".to_owned(),
        ChannelOpenFailure::ConnectFailed => {
            "connection failed, or no more sessions allowed".to_owned()
        }
        ChannelOpenFailure::UnknownChannelType => "it does not know such channels".to_owned(),
        ChannelOpenFailure::ResourceShortage => "it is short of resources".to_owned(),
        ChannelOpenFailure::Other { code, reason } => format!("{} (code {code})", tame(reason)),
    }
}
