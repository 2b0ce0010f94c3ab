//! A wire before the server that understands requests, and has moods.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub enum Mood {
    /// It passes.
    Pass,
    /// It is answered with this status and S3 error code, and never reaches the server.
    Fail(u16, &'static str),
    /// It passes later.
    Wait(Duration),
    /// The server gets this much of it, and the client no answer.
    CutUp(usize),
    /// The client gets this much of the answer.
    CutDown(usize),
}

/// A request as the wire sees it.
#[derive(Debug, Clone)]
pub struct Request {
    /// From 0.
    pub number: usize,
    pub path: String,
    /// Bytes, with its head.
    pub size: usize,
}

/// Judges requests.
type Judge = dyn Fn(&Request) -> Mood + Send + Sync;

/// The wire; it hangs up when it is dropped.
pub struct Moody {
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Moody {
    /// A wire to the server at `target`.
    pub fn to(target: u16, judge: impl Fn(&Request) -> Mood + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let judge: Arc<Judge> = Arc::new(judge);
        let (seen, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (all, ended) = (Arc::clone(&seen), Arc::clone(&over));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(SeqCst) {
                    break;
                }
                let (judge, all) = (Arc::clone(&judge), Arc::clone(&all));
                thread::spawn(move || {
                    // A client that goes away ends its own connection only.
                    let _ = carry(client, target, &*judge, &all);
                });
            }
        });
        Self { port, seen, over }
    }

    /// What came so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Carries one request and its answer.
fn carry(
    mut client: TcpStream,
    target: u16,
    judge: &Judge,
    all: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let Some(bytes) = read_request(&mut client)? else { return Ok(()) };
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let mut words = head.split(' ').skip(1);
    let request = {
        let mut all = all.lock().unwrap();
        let request = Request {
            number: all.len(),
            path: words.next().unwrap_or_default().to_owned(),
            size: bytes.len(),
        };
        all.push(request.clone());
        request
    };
    let mood = judge(&request);
    let (mut up, mut down) = (bytes.len(), usize::MAX);
    match mood {
        Mood::Pass => {}
        Mood::Wait(time) => thread::sleep(time),
        Mood::CutUp(bytes) => up = up.min(bytes),
        Mood::CutDown(bytes) => down = bytes,
        Mood::Fail(status, code) => {
            let body =
                format!("<Error><Code>{code}</Code><Message>{}</Message></Error>", super::SECRET);
            let length = body.len();
            write!(
                client,
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )?;
            return client.shutdown(Shutdown::Write);
        }
    }
    let mut server = TcpStream::connect(("127.0.0.1", target))?;
    server.write_all(&bytes[..up])?;
    if matches!(mood, Mood::CutUp(_)) {
        server.shutdown(Shutdown::Both)?;
        return client.shutdown(Shutdown::Both);
    }
    let mut buffer = [0; 16 << 10];
    while down > 0 {
        let most = buffer.len().min(down);
        let count = server.read(&mut buffer[..most])?;
        if count == 0 {
            break;
        }
        client.write_all(&buffer[..count])?;
        down = down.saturating_sub(count);
    }
    client.shutdown(Shutdown::Both)
}

/// A whole request, made to be the last on its connection.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let whole = end + length.unwrap_or(0_usize);
    while bytes.len() < whole {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    let mut request = head.trim_end().to_owned().into_bytes();
    request.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
    request.extend_from_slice(&bytes[end..whole]);
    Ok(Some(request))
}
