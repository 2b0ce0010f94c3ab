//! From a host's particulars to an authenticated connection, hop by hop.
//!
//! Every step has a deadline, host keys are checked on each hop before anything about us is
//! sent, and only two refusals are tried again, once: a refused TCP connection and a server
//! that hangs up before its banner (`MaxStartups`). A failed authentication never is.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc, time::Duration};

use russh::client::{Handle, connect_stream};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    Connection,
    auth::authenticate,
    keys::Keys,
    line::{Line, LineSwitch},
    session::{self, Client, Purpose, SCANNED, STALL, Told},
};
use crate::transport::{
    Phase, Stream, TransportError,
    error::tame,
    host_key::{HostKey, KnownHosts, LookupName},
};

/// Everything that is needed to log in on a host.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The name under which the host's key is known.
    pub name: LookupName,
    /// Where it is: a name or an address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// The login name.
    pub user: String,
    /// Key files, in the order of trying. They are looked up in the [`Keys`] of the run.
    pub identities: Vec<PathBuf>,
    /// Whether of an agent's keys only those named in `identities` may be tried.
    pub identities_only: bool,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// Hosts to go through, the nearest first.
    pub jump: Vec<Dial>,
    /// The files that say which host keys are known. Those that do not exist are empty.
    pub known_hosts: Vec<PathBuf>,
    /// The time each step of a connection may take.
    pub timeouts: Timeouts,
    /// How long to wait before the second attempt. The caller adds the jitter.
    pub back_off: Duration,
}

/// The time each step of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup and TCP connection.
    pub connect: Duration,
    /// Version lines and key exchange.
    pub handshake: Duration,
    /// All attempts to log in.
    pub authentication: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let connect = Duration::from_secs(10);
        let rest = Duration::from_secs(15);
        Self { connect, handshake: rest, authentication: rest }
    }
}

impl Dial {
    /// A host by address, port and user, looked up under that address, with nothing else.
    #[must_use]
    pub fn new(address: &str, port: u16, user: &str) -> Self {
        Self {
            name: LookupName::host(address, port),
            address: address.to_owned(),
            port,
            user: user.to_owned(),
            identities: Vec::new(),
            identities_only: false,
            agent: None,
            jump: Vec::new(),
            known_hosts: Vec::new(),
            timeouts: Timeouts::default(),
            back_off: Duration::from_millis(500),
        }
    }
}

/// Connects and logs in, through all jump hosts.
///
/// # Errors
/// See [`TransportError`]; no command has been sent in any of them.
pub async fn connect(dial: &Dial, keys: &Keys) -> Result<Connection, TransportError> {
    let mut through = None;
    for hop in &dial.jump {
        let connection = hop_to(hop, through.take(), keys).await;
        through = Some(Box::new(connection.map_err(|why| via(hop, why))?));
    }
    hop_to(dial, through, keys).await
}

/// Asks a host for its keys, one connection per kind. Nobody logs in on the host itself
/// (on its jump hosts somebody must).
///
/// # Errors
/// When it cannot be reached, or offers no key of a kind that is spoken here.
pub async fn scan(dial: &Dial, keys: &Keys) -> Result<Vec<HostKey>, TransportError> {
    let mut through = None;
    for hop in &dial.jump {
        let connection = hop_to(hop, through.take(), keys).await;
        through = Some(Box::new(connection.map_err(|why| via(hop, why))?));
    }
    let mut found = BTreeSet::new();
    let mut failed = None;
    for kind in SCANNED {
        let stream = open_twice(dial, through.as_deref()).await?;
        let shook = shake(dial, stream, session::config_for(kind), Purpose::Scan).await;
        match shook {
            Ok(_) => {}
            Err((_, Some(key))) => {
                found.insert(key);
            }
            Err((why @ TransportError::TimedOut { .. }, None)) => return Err(why),
            Err((why, None)) => failed = Some(why),
        }
    }
    match (found.is_empty(), failed) {
        (true, Some(why)) => Err(why),
        _ => Ok(found.into_iter().collect()),
    }
}

fn via(hop: &Dial, why: TransportError) -> TransportError {
    match why {
        TransportError::Unreachable { phase, why } => {
            TransportError::Unreachable { phase, why: format!("jump host {}: {why}", hop.address) }
        }
        other => other,
    }
}

async fn hop_to(
    dial: &Dial,
    through: Option<Box<Connection>>,
    keys: &Keys,
) -> Result<Connection, TransportError> {
    let known = Arc::new(read_known_hosts(&dial.known_hosts)?);
    let config = session::config(&known.algorithms(&dial.name));
    let mut attempt = 0;
    let shaken = loop {
        attempt += 1;
        let shaken = match open(dial, through.as_deref()).await {
            Ok(stream) => {
                let purpose = Purpose::Work(Arc::clone(&known), dial.name.clone());
                shake(dial, stream, Arc::clone(&config), purpose).await.map_err(|(why, _)| why)
            }
            Err(why) => Err(why),
        };
        match shaken {
            Err(why) if attempt == 1 && is_worth_a_second(&why) => sleep(dial.back_off).await,
            shaken => break shaken?,
        }
    };
    let Shaken { mut handle, switch, told } = shaken;
    let limit = dial.timeouts.authentication;
    match timeout(limit, authenticate(&mut handle, dial, keys)).await {
        Ok(Ok(())) => Ok(Connection::new(handle, switch, told.end, through)),
        Ok(Err(TransportError::Unreachable { phase, .. })) => {
            let end = told.end.borrow().clone();
            let why = end.unwrap_or_else(|| "the connection ended".to_owned());
            if why.contains("Too many authentication failures") {
                let tried = vec![format!("more keys than the host has patience for ({why})")];
                return Err(TransportError::Authentication { user: dial.user.clone(), tried });
            }
            Err(TransportError::Unreachable { phase, why })
        }
        Ok(Err(why)) => Err(why),
        Err(_) => Err(TransportError::TimedOut { phase: Phase::Authentication, after: limit }),
    }
}

/// A refusal that may be a crowd at the door: `ssh` has no way to wait for its turn.
fn is_worth_a_second(why: &TransportError) -> bool {
    matches!(why, TransportError::Unreachable { phase: Phase::Connect | Phase::Banner, why }
        if why.contains(REFUSED) || why.contains(HUNG_UP))
}

const REFUSED: &str = "connection refused";
const HUNG_UP: &str = "hung up before its banner";

async fn open_twice(dial: &Dial, through: Option<&Connection>) -> Result<Stream, TransportError> {
    match open(dial, through).await {
        Err(why) if is_worth_a_second(&why) => {
            sleep(dial.back_off).await;
            open(dial, through).await
        }
        opened => opened,
    }
}

/// The bytes' way to the host: TCP, or a channel of the last jump host.
async fn open(dial: &Dial, through: Option<&Connection>) -> Result<Stream, TransportError> {
    let limit = dial.timeouts.connect;
    let Some(jump) = through else { return tcp(dial, limit).await };
    match timeout(limit, jump.connect_tcp(&dial.address, dial.port)).await {
        Ok(Err(TransportError::ChannelRefused(why))) => {
            Err(TransportError::Unreachable { phase: Phase::Connect, why })
        }
        Ok(opened) => opened,
        Err(_) => Err(TransportError::TimedOut { phase: Phase::Connect, after: limit }),
    }
}

async fn tcp(dial: &Dial, limit: Duration) -> Result<Stream, TransportError> {
    let end = Instant::now() + limit;
    let late = |phase| TransportError::TimedOut { phase, after: limit };
    let lookup = tokio::net::lookup_host((dial.address.as_str(), dial.port));
    let addresses: Vec<_> = match timeout_at(end, lookup).await {
        Err(_) => return Err(late(Phase::Resolve)),
        Ok(Err(why)) => {
            let why = format!("{}: {why}", dial.address);
            return Err(TransportError::Unreachable { phase: Phase::Resolve, why });
        }
        Ok(Ok(found)) => found.collect(),
    };
    let mut failed = None;
    let mut left = u32::try_from(addresses.len()).unwrap_or(1);
    for address in addresses {
        // An address that does not answer leaves time for the next.
        let share = end.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Without it small messages wait for acknowledgements; never a reason to fail.
                let _ = stream.set_nodelay(true);
                return Ok(Box::new(stream));
            }
            Ok(Err(why)) => {
                let why = match why.kind() {
                    std::io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
                    _ => why.to_string(),
                };
                let why = format!("{address}: {why}");
                failed = Some(TransportError::Unreachable { phase: Phase::Connect, why });
            }
            Err(_) => failed = Some(late(Phase::Connect)),
        }
    }
    Err(failed.unwrap_or_else(|| TransportError::Unreachable {
        phase: Phase::Resolve,
        why: format!("{} has no address", dial.address),
    }))
}

struct Shaken {
    handle: Handle<Client>,
    switch: LineSwitch,
    told: Told,
}

/// Version lines, key exchange, host key. On failure also gives the key that was offered.
async fn shake(
    dial: &Dial,
    stream: Stream,
    config: Arc<russh::client::Config>,
    purpose: Purpose,
) -> Result<Shaken, (TransportError, Option<HostKey>)> {
    let (line, switch) = Line::new(stream, STALL);
    let (client, told) = Client::new(purpose);
    let limit = dial.timeouts.handshake;
    let phase = |switch: &LineSwitch| {
        if switch.version_seen() { Phase::KeyExchange } else { Phase::Banner }
    };
    let why = match timeout(limit, connect_stream(config, line, client)).await {
        Ok(Ok(handle)) => return Ok(Shaken { handle, switch, told }),
        Ok(Err(why)) => why,
        Err(_) => {
            return Err((TransportError::TimedOut { phase: phase(&switch), after: limit }, None));
        }
    };
    if let Some(problem) = told.problem.borrow().clone() {
        return Err((TransportError::HostKey(Box::new(problem)), None));
    }
    let offered = told.offered.borrow().clone();
    let phase = phase(&switch);
    let why = match (phase, why) {
        (Phase::Banner, russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_)) => {
            format!("the host {HUNG_UP}: too many connections at once, or not an SSH server")
        }
        (_, russh::Error::Version) => "no SSH server answers there".to_owned(),
        (_, russh::Error::Disconnect | russh::Error::HUP) => "the host hung up".to_owned(),
        (_, why) => tame(&why.to_string()),
    };
    Err((TransportError::Unreachable { phase, why }, offered))
}

fn read_known_hosts(files: &[PathBuf]) -> Result<KnownHosts, TransportError> {
    let mut known = KnownHosts::new();
    for file in files {
        match fs::read(file) {
            Ok(text) => known.add(&file.display().to_string(), &text),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
            // A file that cannot be read may hold a revocation.
            Err(why) => {
                let why = format!("cannot read {}: {why}", file.display());
                return Err(TransportError::Unusable(why));
            }
        }
    }
    Ok(known)
}
