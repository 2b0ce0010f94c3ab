//! The byte stream below an SSH session, with a switch and a watch.
//!
//! The switch ends a session that cannot end itself (one that waits in a key exchange for a
//! silent server, or in a write that is never taken); the watch ends it when a write has made
//! no progress for too long, since keepalives cannot be sent past such a write. Also notes
//! whether the server's version line came, which tells a silent port from a broken server.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// A stream that can be cut from outside.
pub(super) struct Line<S> {
    stream: S,
    shared: Arc<Shared>,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    version: Version,
}

/// The other end of a [`Line`]: cuts it when asked to, or when dropped.
pub(super) struct LineSwitch(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cut: AtomicBool,
    version_seen: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// How much of `SSH-` the current line has shown.
#[derive(Clone, Copy)]
struct Version(Option<usize>);

impl<S> Line<S> {
    /// Wraps `stream`; a write that makes no progress for `stall` fails.
    pub(super) fn new(stream: S, stall: Duration) -> (Self, LineSwitch) {
        let shared = Arc::new(Shared::default());
        let switch = LineSwitch(Arc::clone(&shared));
        (Self { stream, shared, stall, stalled: None, version: Version(Some(0)) }, switch)
    }

    fn look_for_version(&mut self, bytes: &[u8]) {
        if self.shared.version_seen.load(Ordering::Relaxed) {
            return;
        }
        for byte in bytes {
            self.version = Version(match (byte, self.version.0) {
                (b'\n', _) => Some(0),
                (byte, Some(at)) if b"SSH-".get(at) == Some(byte) => Some(at + 1),
                _ => None,
            });
            if self.version.0 == Some(4) {
                self.shared.version_seen.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
}

impl LineSwitch {
    /// Ends both directions at once.
    pub(super) fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Whether the server has begun a version line.
    pub(super) fn version_seen(&self) -> bool {
        self.0.version_seen.load(Ordering::Relaxed)
    }
}

impl Drop for LineSwitch {
    fn drop(&mut self) {
        self.cut();
    }
}

fn was_cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "closed from this side")
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.shared.reader.register(cx.waker());
        if self.shared.cut.load(Ordering::Acquire) {
            return Poll::Ready(Err(was_cut()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if !self.shared.version_seen.load(Ordering::Relaxed) {
            self.look_for_version(buffer.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Line<S> {
    /// Watches over a step of writing: what is pending for too long fails.
    fn watch<T>(&mut self, cx: &mut Context<'_>, step: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if step.is_ready() {
            self.stalled = None;
            return step;
        }
        let stall = self.stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        timer.as_mut().reset(Instant::now() + stall);
        let why = format!("the host took no bytes for {} s", stall.as_secs());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }

    fn enter(&self, cx: &Context<'_>) -> io::Result<()> {
        self.shared.writer.register(cx.waker());
        if self.shared.cut.load(Ordering::Acquire) { Err(was_cut()) } else { Ok(()) }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.enter(cx)?;
        let step = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, step)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.enter(cx)?;
        let step = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, step)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.enter(cx)?;
        let step = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, step)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cut_line_ends_a_read_that_waits() {
        let (near, _far) = duplex(64);
        let (mut line, switch) = Line::new(near, Duration::from_secs(15));
        let read = tokio::spawn(async move { line.read_u8().await });
        tokio::task::yield_now().await;
        switch.cut();
        assert_eq!(read.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_without_progress_fails_after_the_stall_time() {
        let (near, _far) = duplex(64);
        let (mut line, _switch) = Line::new(near, Duration::from_secs(15));
        let begin = Instant::now();
        let why = line.write_all(&[0; 1000]).await.unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), 15);
    }

    #[tokio::test]
    async fn the_version_line_is_seen_after_other_lines_and_in_pieces() {
        let (near, mut far) = duplex(64);
        let (mut line, switch) = Line::new(near, Duration::from_secs(15));
        far.write_all(b"hello SSH-x\nSS").await.unwrap();
        let mut buffer = [0; 14];
        line.read_exact(&mut buffer).await.unwrap();
        assert!(!switch.version_seen());
        far.write_all(b"H-2.0").await.unwrap();
        line.read_u16().await.unwrap();
        assert!(switch.version_seen());
    }
}
