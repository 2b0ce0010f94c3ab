//! Session channels of one connection: a spare one opened ahead, and a cap.
//!
//! Opening a channel costs a round trip. So while a command runs, the channel for the next is
//! opened already. A server that allows fewer sessions than we want (`MaxSessions`) is found
//! out when it refuses: then there is no spare, and commands wait for one another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use russh::{
    Channel,
    client::{Handle, Msg},
};
use tokio::{
    sync::{Mutex, Notify, Semaphore, SemaphorePermit},
    task::JoinHandle,
    time::sleep,
};

use super::session::Client;

/// Commands at once on one connection; with the spare one still below OpenSSH's default of
/// ten sessions, so that a person's own login over the same connection finds room.
const AT_ONCE: usize = 8;

/// OpenSSH counts a session until it has tidied up after it, a moment after the channel's end:
/// a refusal that comes when no command runs is asked about again after these pauses.
const PATIENCE: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];

type Opened = Result<Channel<Msg>, russh::Error>;

/// The session channels of one connection.
pub(super) struct Sessions {
    handle: Arc<Handle<Client>>,
    room: Semaphore,
    spare: Mutex<Option<JoinHandle<Opened>>>,
    open: AtomicUsize,
    freed: Notify,
}

/// The right to have one channel open.
pub(super) struct Session<'a> {
    _counted: Counted<'a>,
    _room: SemaphorePermit<'a>,
}

/// Counts those who have a channel or ask for one.
struct Counted<'a>(&'a Sessions);

impl Sessions {
    pub(super) fn new(handle: Arc<Handle<Client>>) -> Self {
        Self {
            room: Semaphore::new(AT_ONCE),
            spare: Mutex::new(Some(open_ahead(&handle))),
            open: AtomicUsize::new(0),
            freed: Notify::new(),
            handle,
        }
    }

    /// A channel to run one command on.
    ///
    /// # Errors
    /// When the connection is dead, or the server refuses although no other command runs.
    pub(super) async fn take(&self) -> Result<(Session<'_>, Channel<Msg>), russh::Error> {
        let room = self.room.acquire().await.map_err(|_| russh::Error::Disconnect)?;
        let mut patience = PATIENCE.into_iter();
        loop {
            let freed = self.freed.notified();
            let counted = Counted::new(self);
            match self.open().await {
                Ok(channel) => return Ok((Session { _counted: counted, _room: room }, channel)),
                Err(why @ russh::Error::ChannelOpenFailure(_)) => {
                    drop(counted);
                    if self.open.load(Ordering::Acquire) > 0 {
                        freed.await;
                    } else if let Some(pause) = patience.next() {
                        sleep(pause).await;
                    } else {
                        return Err(why);
                    }
                }
                Err(why) => return Err(why),
            }
        }
    }

    /// A channel beyond the cap, for what cannot wait.
    pub(super) async fn open(&self) -> Opened {
        // Who comes while another waits for the spare one opens a channel of their own: both
        // then wait at the same time.
        if let Ok(mut spare) = self.spare.try_lock()
            && let Some(ahead) = spare.as_mut()
        {
            // Awaited in its place: if this wait is given up, the channel is there for the next.
            let opened = ahead.await.unwrap_or(Err(russh::Error::Disconnect));
            *spare = None;
            match opened {
                Err(russh::Error::ChannelOpenFailure(_)) => {}
                opened => {
                    *spare = opened.is_ok().then(|| open_ahead(&self.handle));
                    return opened;
                }
            }
        }
        self.handle.channel_open_session().await
    }
}

impl<'a> Counted<'a> {
    fn new(sessions: &'a Sessions) -> Self {
        sessions.open.fetch_add(1, Ordering::AcqRel);
        Self(sessions)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_waiters();
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        if let Some(ahead) = self.spare.get_mut().take() {
            ahead.abort();
        }
    }
}

fn open_ahead(handle: &Arc<Handle<Client>>) -> JoinHandle<Opened> {
    let handle = Arc::clone(handle);
    tokio::spawn(async move { handle.channel_open_session().await })
}
