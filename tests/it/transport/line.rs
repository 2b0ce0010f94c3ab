//! Lines that do not work: nobody there, silence, slowness, death in the middle.

use std::time::{Duration, Instant};

use fleetctl::transport::{
    Blob, Io, Phase, TransportError,
    ssh::{Dial, Keys, Timeouts, connect},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::sleep,
};

use crate::support::{
    proxy::Proxy,
    sshd::{Sshd, go, signal},
};

fn short() -> Timeouts {
    let limit = Duration::from_millis(700);
    Timeouts { connect: limit, handshake: limit, authentication: limit }
}

async fn fails(dial: &Dial) -> TransportError {
    connect(dial, &Keys::none()).await.err().unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_told_soon_and_tried_twice() {
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let dial = Dial { back_off: Duration::from_millis(80), ..Dial::new("127.0.0.1", port, "u") };
    let begin = Instant::now();
    let why = fails(&dial).await;
    assert!(
        matches!(&why, TransportError::Unreachable { phase: Phase::Connect, why } if why.contains("refused")),
        "{why}"
    );
    assert!(begin.elapsed() >= Duration::from_millis(80));
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_as_such() {
    let why = fails(&Dial::new("no-such-host.invalid", 22, "u")).await;
    assert!(matches!(why, TransportError::Unreachable { phase: Phase::Resolve, .. }), "{why}");
}

/// A server that does the same with each connection; gives its port and how many came.
async fn serve<F>(mut each: impl FnMut(tokio::net::TcpStream, usize) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((socket, _)) = listener.accept().await {
            count += 1;
            tokio::spawn(each(socket, count));
        }
    });
    port
}

#[tokio::test]
async fn a_silent_a_slow_and_a_chatty_server_end_with_the_handshakes_deadline() {
    let silent = serve(|socket, _| async move {
        sleep(Duration::from_mins(1)).await;
        drop(socket);
    })
    .await;
    let slow = serve(|mut socket, _| async move {
        for byte in b"SSH-2.0-slow\r\n".iter().cycle() {
            if socket.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let mute = serve(|mut socket, _| async move {
        let _ = socket.write_all(b"SSH-2.0-mute\r\n").await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    for (port, phase) in
        [(silent, Phase::Banner), (slow, Phase::KeyExchange), (mute, Phase::KeyExchange)]
    {
        let dial = Dial { timeouts: short(), ..Dial::new("127.0.0.1", port, "u") };
        let begin = Instant::now();
        let why = fails(&dial).await;
        assert_eq!(why, TransportError::TimedOut { phase, after: short().handshake });
        assert!(begin.elapsed() < Duration::from_millis(1200), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn endless_lines_before_the_banner_and_other_servers_are_refused() {
    let chatty =
        serve(|mut socket, _| async move { while socket.write_all(b"hello\r\n").await.is_ok() {} })
            .await;
    let long =
        serve(
            |mut socket, _| async move { while socket.write_all(&[b'x'; 4096]).await.is_ok() {} },
        )
        .await;
    for port in [chatty, long] {
        let why = fails(&Dial::new("127.0.0.1", port, "u")).await;
        assert!(matches!(why, TransportError::Unreachable { .. }), "{why}");
    }
}

#[tokio::test]
async fn a_session_that_is_given_up_lets_go_of_its_socket() {
    let (told, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let port = serve(move |mut socket, _| {
        let told = told.clone();
        async move {
            let _ = socket.write_all(b"SSH-2.0-mute\r\n").await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
            let _ = told.send(());
        }
    })
    .await;
    fails(&Dial { timeouts: short(), ..Dial::new("127.0.0.1", port, "u") }).await;
    tokio::time::timeout(Duration::from_secs(2), closed.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_crowded_door_is_knocked_at_once_more() {
    let sshd = Sshd::start();
    let target = sshd.port;
    let port = serve(move |mut socket, count| async move {
        if count == 1 {
            let _ = socket.write_all(b"Exceeded MaxStartups\r\n").await;
            return;
        }
        let mut server = tokio::net::TcpStream::connect(("127.0.0.1", target)).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut socket, &mut server).await;
    })
    .await;
    let host = go(&sshd.dial_through(port)).await.unwrap();
    assert!(host.exec(b"true", Io::within(Duration::from_secs(20))).await.is_ok());
    let always = serve(|mut socket, _| async move {
        let _ = socket.write_all(b"Exceeded MaxStartups\r\n").await;
    })
    .await;
    let why = go(&sshd.dial_through(always)).await.err().unwrap();
    assert!(matches!(&why, TransportError::Unreachable { phase: Phase::Banner, .. }), "{why}");
}

#[tokio::test]
async fn lines_before_the_banner_and_a_banner_of_the_host_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let banner = dir.path().join("banner");
    std::fs::write(&banner, "\x1b[31mWARNING\x1b[0m\n".repeat(100)).unwrap();
    let sshd = Sshd::with(&format!("Banner {}", banner.display()));
    let host = sshd.connect().await;
    let output = host.exec(b"echo clean", Io::within(Duration::from_secs(20))).await.unwrap();
    assert_eq!(output.stdout.text(), "clean\n");
}

#[tokio::test]
async fn a_stopped_sshd_is_found_out_by_silence() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let run = host.exec(b"sleep 300", Io::within(Duration::from_mins(1)));
    let begin = Instant::now();
    let (ended, ()) = tokio::join!(run, async {
        sleep(Duration::from_millis(500)).await;
        for pid in sshd.sessions() {
            signal(pid, "STOP");
        }
    });
    for pid in sshd.sessions() {
        signal(pid, "CONT");
    }
    let why = ended.unwrap_err();
    assert!(matches!(&why, TransportError::Lost { why } if why.contains("silent")), "{why}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_network_that_swallows_an_upload_is_found_out() {
    let sshd = Sshd::start();
    let wire = Proxy::to(sshd.port).start().await;
    let host = go(&sshd.dial_through(wire.port())).await.unwrap();
    let begin = Instant::now();
    let big = Blob::Shared(vec![0; 60_000_000].into());
    let run = host.exec(b"cat >/dev/null", Io::within(Duration::from_mins(1)).send(big));
    let (ended, ()) = tokio::join!(run, async {
        while wire.up() < 500_000 {
            sleep(Duration::from_millis(1)).await;
        }
        wire.silence(true);
    });
    assert!(matches!(ended, Err(TransportError::Lost { .. })), "{ended:?}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_killed_session_process_is_a_lost_line_also_under_an_upload() {
    for upload in [0, 50_000_000] {
        let sshd = Sshd::start();
        let host = sshd.connect().await;
        let io = Io::within(Duration::from_mins(1)).send(Blob::Shared(vec![0; upload].into()));
        let run = host.exec(b"sleep 300", io);
        let begin = Instant::now();
        let (ended, ()) = tokio::join!(run, async {
            sleep(Duration::from_millis(700)).await;
            for pid in sshd.sessions() {
                signal(pid, "KILL");
            }
        });
        let why = ended.unwrap_err();
        assert!(matches!(&why, TransportError::Lost { .. }), "{why}");
        assert!(why.is_indeterminate());
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        let after = host.exec(b"true", Io::within(Duration::from_secs(5))).await;
        assert!(matches!(after, Err(TransportError::Lost { .. })), "{after:?}");
    }
}

#[tokio::test]
async fn a_reset_and_a_flipped_bit_are_lost_lines() {
    use crate::support::proxy::Cut;
    let sshd = Sshd::start();
    for wire in [
        Proxy::to(sshd.port).cut(Cut::AfterUp(500_000)),
        Proxy::to(sshd.port).cut(Cut::AfterDown(20_000)),
        Proxy::to(sshd.port).flip_up(500_000),
        Proxy::to(sshd.port).flip_down(20_000),
    ] {
        let wire = wire.start().await;
        let host = go(&sshd.dial_through(wire.port())).await.unwrap();
        let io = Io::within(Duration::from_secs(20)).send(Blob::Shared(vec![0; 1_000_000].into()));
        let ended = host.exec(b"cat", io).await;
        assert!(matches!(ended, Err(TransportError::Lost { .. })), "{ended:?}");
    }
}
