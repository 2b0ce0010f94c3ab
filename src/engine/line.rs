//! The lines to hosts: one connection per host and run, dialled when first needed, dialled
//! again when it was lost, and shared by all sites on that host.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Mutex;

use crate::transport::{
    Transport, TransportError,
    ssh::{self, Dial, Keys},
};

/// How a host is reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// By SSH.
    Ssh(Box<Dial>),
    /// It is this machine.
    Local,
}

/// A host, and the connection to it while there is one.
pub struct Line {
    way: Way,
    keys: Arc<Keys>,
    transport: Mutex<Option<Arc<Transport>>>,
}

impl Line {
    /// The connection, dialled if there is none.
    ///
    /// # Errors
    /// When the host cannot be reached, is not the one we know, or does not let us in.
    pub async fn open(&self) -> Result<Arc<Transport>, TransportError> {
        let mut held = self.transport.lock().await;
        if let Some(transport) = held.as_ref() {
            return Ok(Arc::clone(transport));
        }
        let transport = match &self.way {
            Way::Ssh(dial) => Transport::Ssh(ssh::connect(dial, &self.keys).await?),
            Way::Local => Transport::Local(crate::transport::local::Local::default()),
        };
        let transport = Arc::new(transport);
        *held = Some(Arc::clone(&transport));
        Ok(transport)
    }

    /// Forgets a connection that turned out to be dead, so that the next [`Line::open`] dials.
    pub async fn forget(&self, dead: &Arc<Transport>) {
        let mut held = self.transport.lock().await;
        if held.as_ref().is_some_and(|transport| Arc::ptr_eq(transport, dead)) {
            *held = None;
        }
    }

    /// Says goodbye, if there is anybody to say it to.
    pub async fn close(&self) {
        if let Some(transport) = self.transport.lock().await.take() {
            transport.close().await;
        }
    }

    /// The user who logs in; root for this machine, where nobody does.
    #[must_use]
    pub fn login(&self) -> &str {
        match &self.way {
            Way::Ssh(dial) => &dial.user,
            Way::Local => "root",
        }
    }
}

/// All lines of a run, by what tells hosts apart.
pub struct Lines {
    keys: Arc<Keys>,
    by_host: BTreeMap<String, Arc<Line>>,
}

impl Lines {
    /// Lines whose hosts are shown these keys.
    #[must_use]
    pub const fn new(keys: Arc<Keys>) -> Self {
        Self { keys, by_host: BTreeMap::new() }
    }

    /// The line to `host`, the same one for the same name.
    pub fn to(&mut self, host: &str, way: Way) -> Arc<Line> {
        let line = self.by_host.entry(host.to_owned()).or_insert_with(|| {
            Arc::new(Line { way, keys: Arc::clone(&self.keys), transport: Mutex::new(None) })
        });
        Arc::clone(line)
    }

    /// Says goodbye to all of them at once.
    pub async fn close(&self) {
        futures::future::join_all(self.by_host.values().map(|line| line.close())).await;
    }
}
