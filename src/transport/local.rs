//! This machine as a host: the same exec, by a child process.
//!
//! The child gets its own process group, which dies with its deadline, and only the few
//! variables an SSH login has: nothing of the control machine's environment (tokens, keys).
//! Called by the engine for sites that are local.

use std::{
    env,
    ffi::OsStr,
    os::unix::{ffi::OsStrExt as _, process::ExitStatusExt as _},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, ChildStdin, Command},
    time::{sleep, timeout},
};

use super::{
    Capture, Io, Output, Phase, Status, Stream, TransportError, feed::Feed, io::cancelled,
};

/// The variables a login has; everything else stays behind.
const KEPT: [&str; 6] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG"];

/// This machine.
#[derive(Debug, Clone, Default)]
pub struct Local {}

impl Local {
    /// This machine.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    pub(super) async fn exec(&self, command: &[u8], io: Io) -> Result<Output, TransportError> {
        let Io { stdin, deadline, cap, mut cancel } = io;
        let mut child = spawn(command)?;
        let group = Group::of(&child);
        let (Some(input), Some(out), Some(err)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(TransportError::Unusable("the child has no pipes".to_owned()));
        };
        let sent = Arc::new(AtomicU64::new(0));
        let mut stdout = Capture::new(cap);
        let mut stderr = Capture::new(cap);
        let feeding = feed(input, Feed::new(stdin), Arc::clone(&sent));
        let work = async {
            // A child that ends without reading its input is done: only the outputs are
            // waited for, and the input as long as it can still fail on our side.
            let outputs = async { tokio::join!(drain(out, &mut stdout), drain(err, &mut stderr)) };
            tokio::pin!(feeding, outputs);
            tokio::select! {
                fed = &mut feeding => { fed?; outputs.await; }
                _ = &mut outputs => {}
            }
            child.wait().await.map_err(|why| TransportError::Lost { why: why.to_string() })
        };
        let ended = tokio::select! {
            ended = timeout(deadline, work) => ended.unwrap_or(Err(TransportError::TimedOut {
                phase: Phase::Command,
                after: deadline,
            })),
            () = cancelled(&mut cancel) => Err(TransportError::Cancelled),
        };
        let ended = match ended {
            Ok(status) => status,
            Err(why) => {
                group.end().await;
                return Err(why);
            }
        };
        group.spare();
        let status = match (ended.code(), ended.signal()) {
            (Some(code), _) => Status::Exited(u32::try_from(code).unwrap_or(255)),
            (None, signal) => Status::Signalled(signal_name(signal.unwrap_or(0))),
        };
        Ok(Output { stdout, stderr, status, sent: sent.load(Ordering::Relaxed) })
    }

    pub(super) async fn connect_tcp(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Stream, TransportError> {
        match TcpStream::connect((host, port)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(why) => Err(TransportError::ChannelRefused(format!("{host}:{port}: {why}"))),
        }
    }
}

fn spawn(command: &[u8]) -> Result<Child, TransportError> {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(OsStr::from_bytes(command))
        .env_clear()
        .envs(KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?))))
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell.spawn().map_err(|why| TransportError::Unusable(format!("cannot run /bin/sh: {why}")))
}

/// The child's process group; dropped before its end, it is killed.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    async fn end(self) {
        self.signal(Signal::TERM);
        sleep(Duration::from_millis(200)).await;
    }

    fn spare(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

async fn feed(
    mut input: ChildStdin,
    mut feed: Feed,
    sent: Arc<AtomicU64>,
) -> Result<(), TransportError> {
    let next = async |feed: &mut Feed| {
        feed.next().await.map_err(|why| TransportError::Unusable(why.to_string()))
    };
    while let Some(slice) = next(&mut feed).await? {
        if input.write_all(&slice).await.is_err() {
            return Ok(());
        }
        sent.fetch_add(slice.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

async fn drain(mut stream: impl AsyncRead + Unpin, into: &mut Capture) {
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        into.push(buffer.get(..read).unwrap_or_default());
    }
}

fn signal_name(signal: i32) -> String {
    let names = [
        (1, "HUP"),
        (2, "INT"),
        (3, "QUIT"),
        (6, "ABRT"),
        (9, "KILL"),
        (11, "SEGV"),
        (13, "PIPE"),
        (15, "TERM"),
    ];
    names
        .iter()
        .find(|(number, _)| *number == signal)
        .map_or_else(|| signal.to_string(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::transport::{Blob, Canceller};

    fn io() -> Io {
        Io::within(Duration::from_secs(20))
    }

    #[tokio::test]
    async fn streams_status_and_input_are_those_of_the_command() {
        let output = Local::new()
            .exec(b"cat; echo err >&2; exit 3", io().send(Blob::Shared("in".into())))
            .await
            .unwrap();
        assert_eq!(output.stdout.text(), "in");
        assert_eq!(output.stderr.text(), "err\n");
        assert_eq!(output.status, Status::Exited(3));
        let killed = Local::new().exec(b"kill -9 $$", io()).await.unwrap();
        assert_eq!(killed.status, Status::Signalled("KILL".into()));
    }

    #[tokio::test]
    async fn a_command_that_does_not_read_its_input_does_not_hang() {
        let big = Blob::Shared(vec![0; 5_000_000].into());
        let output = Local::new().exec(b"exit 4", io().send(big)).await.unwrap();
        assert_eq!(output.status, Status::Exited(4));
        assert!(output.sent < 5_000_000);
    }

    #[tokio::test]
    async fn a_deadline_kills_the_whole_process_group() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let command = format!("trap '' TERM; sleep 60 & echo $! > {}; wait", pid.display());
        let begin = Instant::now();
        let late =
            Local::new().exec(command.as_bytes(), Io::within(Duration::from_millis(300))).await;
        assert!(matches!(late, Err(TransportError::TimedOut { .. })), "{late:?}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        let pid = std::fs::read_to_string(pid).unwrap();
        sleep(Duration::from_millis(100)).await;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        assert!(stat.is_err() || stat.unwrap().contains(") Z "), "the child survived");
    }

    #[tokio::test]
    async fn a_cancelled_command_ends_and_the_environment_stays_here() {
        let (canceller, cancel) = Canceller::new();
        let run = tokio::spawn(async move {
            Local::new().exec(b"sleep 60", Io { cancel: Some(cancel), ..io() }).await
        });
        sleep(Duration::from_millis(50)).await;
        canceller.cancel();
        assert_eq!(run.await.unwrap(), Err(TransportError::Cancelled));
        let output = Local::new().exec(b"env", io()).await.unwrap();
        assert!(!output.stdout.text().contains("CARGO"), "{}", output.stdout.text());
    }
}
