//! A wire between a client and a server on this machine: counts, delays, cuts, flips.
//!
//! ```no_run
//! let wire = Proxy::to(sshd.port).delay(Duration::from_millis(50)).start().await;
//! // … talk to 127.0.0.1 at wire.port() …
//! assert!(wire.round_trips() <= 14);
//! assert!(wire.up() <= 14 * 1024);
//! ```
//!
//! **Up** is from client to server, **down** the other way. All counters run over all
//! connections of the wire, in the order in which bytes reach it; so a fault at byte N or
//! burst N strikes once, and later connections pass unharmed.
//!
//! **Burst**: what the client sends until it could have an answer. A new burst begins with the
//! first bytes up after (1) something was delivered down since the current burst began, and
//! (2) at least one round trip time (twice the delay) has passed since it began. So traffic of
//! concurrent channels counts once, and **the number of bursts is the number of round trips
//! that were waited for one after another**. The TCP handshake is not seen: add one for each
//! of [`Wire::connections`]. Without a delay only rule (1) holds, and concurrent traffic may
//! count several times: measure round trips with a delay of some 30 ms.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// Where a connection is reset (TCP RST to both sides).
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// After exactly this many bytes up have been delivered.
    AfterUp(u64),
    /// After exactly this many bytes down have been delivered.
    AfterDown(u64),
    /// When this burst begins (from 1); nothing of it is delivered.
    BeforeBurst(u64),
    /// When the first answer to this burst comes: the server has got it all, the client does
    /// not hear about it.
    BeforeAnswer(u64),
}

/// A wire to be.
#[derive(Debug, Clone)]
pub struct Proxy {
    target: SocketAddr,
    delay: Duration,
    cut: Option<Cut>,
    for_good: bool,
    flip_up: Option<u64>,
    flip_down: Option<u64>,
}

impl Proxy {
    /// A faultless wire to 127.0.0.1:`target`.
    pub fn to(target: u16) -> Self {
        Self::to_address(([127, 0, 0, 1], target).into())
    }

    /// A faultless wire to `target`.
    pub fn to_address(target: SocketAddr) -> Self {
        Self {
            target,
            delay: Duration::ZERO,
            cut: None,
            for_good: false,
            flip_up: None,
            flip_down: None,
        }
    }

    /// Holds back every byte for this long, each way.
    pub fn delay(mut self, one_way: Duration) -> Self {
        self.delay = one_way;
        self
    }

    /// Resets the connection there, once.
    pub fn cut(mut self, at: Cut) -> Self {
        self.cut = Some(at);
        self
    }

    /// Connections after the cut are hung up on: the network does not come back.
    pub fn for_good(mut self) -> Self {
        self.for_good = true;
        self
    }

    /// Inverts the lowest bit of the byte at this offset (from 0) on its way up, once.
    pub fn flip_up(mut self, offset: u64) -> Self {
        self.flip_up = Some(offset);
        self
    }

    /// The same on the way down.
    pub fn flip_down(mut self, offset: u64) -> Self {
        self.flip_down = Some(offset);
        self
    }

    /// Begins to listen on a free port of 127.0.0.1.
    pub async fn start(self) -> Wire {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            plan: self,
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            struck: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            rhythm: Mutex::new(Rhythm::default()),
            kill: watch::channel(0).0,
        });
        let serving = Arc::clone(&shared);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                serving.connections.fetch_add(1, SeqCst);
                if serving.plan.for_good && serving.struck.load(SeqCst) {
                    continue;
                }
                tokio::spawn(carry(client, Arc::clone(&serving)));
            }
        });
        Wire { port, shared, listening }
    }
}

/// A wire that runs until it is dropped.
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Wire {
    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes the clients sent.
    pub fn up(&self) -> u64 {
        self.shared.up.load(SeqCst)
    }

    /// Bytes the server sent.
    pub fn down(&self) -> u64 {
        self.shared.down.load(SeqCst)
    }

    /// TCP connections so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(SeqCst)
    }

    /// Bursts so far: round trips, without those of the TCP handshakes.
    pub fn round_trips(&self) -> u64 {
        self.shared.rhythm.lock().unwrap().bursts
    }

    /// Whether the planned cut has happened.
    pub fn has_cut(&self) -> bool {
        self.shared.struck.load(SeqCst)
    }

    /// Resets all connections now.
    pub fn cut_now(&self) {
        self.shared.kill.send_modify(|cuts| *cuts += 1);
    }

    /// From now on takes bytes and delivers none, as a network that drops packets; or ends it.
    pub fn silence(&self, silent: bool) {
        self.shared.silent.store(silent, SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut_now();
    }
}

struct Shared {
    plan: Proxy,
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    struck: AtomicBool,
    silent: AtomicBool,
    rhythm: Mutex<Rhythm>,
    kill: watch::Sender<u64>,
}

#[derive(Default)]
struct Rhythm {
    bursts: u64,
    began: Option<Instant>,
    answered: bool,
}

impl Rhythm {
    /// Bytes came up; the number of the burst they belong to.
    fn up(&mut self, round_trip: Duration) -> u64 {
        let new = self.began.is_none_or(|began| self.answered && began.elapsed() >= round_trip);
        if new {
            self.bursts += 1;
            self.began = Some(Instant::now());
            self.answered = false;
        }
        self.bursts
    }
}

/// What becomes of some bytes.
struct Fate {
    /// How many of them are delivered.
    deliver: usize,
    /// Whether the connection is reset then.
    cut: bool,
}

impl Shared {
    fn on_up(&self, bytes: &mut [u8]) -> Fate {
        let burst = self.rhythm.lock().unwrap().up(self.plan.delay * 2);
        let from = self.up.fetch_add(bytes.len() as u64, SeqCst);
        flip(bytes, from, self.plan.flip_up);
        match self.plan.cut {
            Some(Cut::AfterUp(limit)) => self.limit(bytes, from, limit),
            Some(Cut::BeforeBurst(number)) if burst >= number => self.strike(bytes, 0),
            _ => Fate { deliver: bytes.len(), cut: false },
        }
    }

    fn on_down(&self, bytes: &mut [u8]) -> Fate {
        let from = self.down.fetch_add(bytes.len() as u64, SeqCst);
        flip(bytes, from, self.plan.flip_down);
        match self.plan.cut {
            Some(Cut::AfterDown(limit)) => self.limit(bytes, from, limit),
            Some(Cut::BeforeAnswer(number)) if self.rhythm.lock().unwrap().bursts >= number => {
                self.strike(bytes, 0)
            }
            _ => Fate { deliver: bytes.len(), cut: false },
        }
    }

    fn limit(&self, bytes: &[u8], from: u64, limit: u64) -> Fate {
        if from + (bytes.len() as u64) < limit {
            return Fate { deliver: bytes.len(), cut: false };
        }
        self.strike(bytes, usize::try_from(limit.saturating_sub(from)).unwrap())
    }

    /// Cuts, unless it has been done before.
    fn strike(&self, bytes: &[u8], deliver: usize) -> Fate {
        if self.struck.swap(true, SeqCst) {
            return Fate { deliver: bytes.len(), cut: false };
        }
        Fate { deliver, cut: true }
    }
}

fn flip(bytes: &mut [u8], from: u64, at: Option<u64>) {
    let index = at.and_then(|at| at.checked_sub(from)).and_then(|i| usize::try_from(i).ok());
    if let Some(byte) = index.and_then(|index| bytes.get_mut(index)) {
        *byte ^= 1;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
}

async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(shared.plan.target).await else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let mut all = shared.kill.subscribe();
    all.mark_unchanged();
    let stop = Notify::new();
    let (mut client_in, mut client_out) = client.into_split();
    let (mut server_in, mut server_out) = server.into_split();
    let both = async {
        tokio::join!(
            pump(&mut client_in, &mut server_out, Way::Up, &shared, &stop),
            pump(&mut server_in, &mut client_out, Way::Down, &shared, &stop),
        )
    };
    let orderly = tokio::select! {
        _ = both => true,
        () = stop.notified() => false,
        _ = all.changed() => false,
    };
    if !orderly {
        for socket in [client_in.as_ref(), server_in.as_ref()] {
            let _ = socket.set_zero_linger();
        }
        // Without a last word: dropping the halves would say goodbye before the reset.
        client_out.forget();
        server_out.forget();
    }
}

/// Carries one way until its end; wakes `stop` when the connection shall be reset.
async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    way: Way,
    shared: &Shared,
    stop: &Notify,
) {
    let (queue, queued) = mpsc::unbounded_channel();
    let reading = async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match from.read(&mut buffer).await {
                Ok(0) => return,
                Ok(read) => read,
                Err(_) => return stop.notify_one(),
            };
            if shared.silent.load(SeqCst) {
                continue;
            }
            let mut bytes = buffer[..read].to_vec();
            let fate = match way {
                Way::Up => shared.on_up(&mut bytes),
                Way::Down => shared.on_down(&mut bytes),
            };
            bytes.truncate(fate.deliver);
            let _ = queue.send((Instant::now() + shared.plan.delay, bytes));
            if fate.cut {
                // What was delivered shall arrive before the reset does.
                sleep(shared.plan.delay + Duration::from_millis(30)).await;
                return stop.notify_one();
            }
        }
    };
    tokio::join!(reading, deliver(to, queued, way, shared));
}

async fn deliver(
    to: &mut OwnedWriteHalf,
    mut queue: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    way: Way,
    shared: &Shared,
) {
    while let Some((due, bytes)) = queue.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        if way == Way::Down && !bytes.is_empty() {
            shared.rhythm.lock().unwrap().answered = true;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with the same byte.
    async fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        port
    }

    async fn dial(wire: &Wire) -> TcpStream {
        TcpStream::connect(("127.0.0.1", wire.port())).await.unwrap()
    }

    #[tokio::test]
    async fn bytes_and_round_trips_are_counted() {
        let wire = Proxy::to(echo().await).delay(Duration::from_millis(100)).start().await;
        let mut socket = dial(&wire).await;
        let begin = Instant::now();
        for _ in 0..3 {
            // Two writes at once are one burst.
            socket.write_all(b"ab").await.unwrap();
            sleep(Duration::from_millis(5)).await;
            socket.write_all(b"cd").await.unwrap();
            socket.read_exact(&mut [0; 4]).await.unwrap();
        }
        assert!(begin.elapsed() >= Duration::from_millis(600));
        assert_eq!(
            (wire.up(), wire.down(), wire.round_trips(), wire.connections()),
            (12, 12, 3, 1)
        );
    }

    #[tokio::test]
    async fn a_cut_strikes_once_at_its_byte_and_is_a_reset() {
        let wire = Proxy::to(echo().await).cut(Cut::AfterUp(5)).start().await;
        let mut socket = dial(&wire).await;
        socket.write_all(b"0123456789").await.unwrap();
        let mut got = Vec::new();
        let why = socket.read_to_end(&mut got).await.unwrap_err();
        assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(got, b"01234");
        assert!(wire.has_cut());
        let mut again = dial(&wire).await;
        again.write_all(b"0123456789").await.unwrap();
        again.read_exact(&mut [0; 10]).await.unwrap();
    }

    #[tokio::test]
    async fn a_burst_can_be_lost_or_its_answer() {
        for (cut, heard) in [
            (Cut::BeforeBurst(2), false),
            (Cut::BeforeAnswer(2), false),
            (Cut::BeforeBurst(3), true),
        ] {
            let wire =
                Proxy::to(echo().await).delay(Duration::from_millis(5)).cut(cut).start().await;
            let mut socket = dial(&wire).await;
            socket.write_all(b"a").await.unwrap();
            socket.read_u8().await.unwrap();
            sleep(Duration::from_millis(10)).await;
            socket.write_all(b"b").await.unwrap();
            assert_eq!(socket.read_u8().await.is_ok(), heard, "{cut:?}");
        }
    }

    #[tokio::test]
    async fn a_bit_is_flipped_where_asked() {
        let wire = Proxy::to(echo().await).flip_up(1).flip_down(2).start().await;
        let mut socket = dial(&wire).await;
        socket.write_all(b"@@@@").await.unwrap();
        let mut got = [0; 4];
        socket.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"@AA@");
    }
}
