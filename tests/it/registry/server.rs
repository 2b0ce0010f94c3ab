//! One S3 server for all tests of a process; each test has a bucket of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use tempfile::TempDir;

/// A server; it ends when our end of its standard input does.
pub struct Server {
    port: u16,
    /// The port where it speaks TLS, as `localhost`.
    pub tls_port: u16,
    /// The certificate of the authority that vouches for it.
    pub authority: PathBuf,
    _directory: TempDir,
    _process: Child,
}

/// The server, started at the first call.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start)
}

/// The server's port without TLS.
pub fn port() -> u16 {
    server().port
}

fn start() -> Server {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/s3");
    let target = Path::new(env!("CARGO_BIN_EXE_fleetctl")).ancestors().nth(2).unwrap();
    let mut prepare = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python"));
    let out = prepare.arg("s3").env("CARGO_TARGET_DIR", target).output().unwrap();
    assert!(out.status.success(), "tests/python: {}", String::from_utf8_lossy(&out.stderr));
    let python = String::from_utf8(out.stdout).unwrap();
    let directory = TempDir::with_prefix("fleetctl-s3-").unwrap();
    let mut process = Command::new(python.trim())
        .arg(home.join("server.py"))
        .arg(directory.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut words = line.split_whitespace();
    let mut next = || words.next().expect("two ports and a file");
    Server {
        port: next().parse().expect("a port"),
        tls_port: next().parse().expect("a port"),
        authority: next().into(),
        _directory: directory,
        _process: process,
    }
}

/// Makes a bucket that nobody else has.
pub fn bucket() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("bucket-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
    let (status, _) = ask("PUT", &format!("/{name}"), b"");
    assert_eq!(status, 200);
    name
}

/// The keys in a bucket, sorted.
pub fn keys(bucket: &str) -> Vec<String> {
    let (status, body) = ask("GET", &format!("/{bucket}?list-type=2&max-keys=1000"), b"");
    assert_eq!(status, 200, "{body}");
    let parts = body.split("<Key>").skip(1);
    let mut keys: Vec<String> =
        parts.map(|part| part.split("</Key>").next().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

/// Writes an object, whatever fleetctl would say of it.
pub fn put(bucket: &str, key: &str, body: &[u8]) {
    assert_eq!(ask("PUT", &format!("/{bucket}/{key}"), body).0, 200);
}

/// Asks the server, unsigned: it believes everybody.
fn ask(method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port())).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}
