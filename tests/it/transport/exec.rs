//! Commands on one connection: streams, caps, deadlines, early ends, channels.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fleetctl::transport::{
    Blob, Canceller, Io, Phase, Status, Transport, TransportError, ssh::Dial,
};
use tokio::time::{sleep, timeout};

use crate::support::{
    proxy::Proxy,
    sshd::{Sshd, go, is_alive, login, signal},
};

fn io() -> Io {
    Io::within(Duration::from_secs(30))
}

#[tokio::test]
async fn streams_input_and_status_are_those_of_the_command() {
    let sshd = Sshd::start();
    let host = Transport::Ssh(sshd.connect().await);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("blob");
    fs::write(&path, "from a file, ").unwrap();
    let input = io()
        .send(Blob::Shared(Bytes::from_static(b"from memory, ")))
        .send(Blob::File { path, len: 13 })
        .send(Blob::Secret(fleetctl::model::Secret::new("secret".into())));
    let output = host.exec(b"cat; echo oops >&2; exit 3", input).await.unwrap();
    assert_eq!(output.stdout.text(), "from memory, from a file, secret");
    assert_eq!(output.stderr.text(), "oops\n");
    assert_eq!((output.status, output.sent), (Status::Exited(3), 32));
    let output = host.exec(b"printf '\\000\\377\\n'", io()).await.unwrap();
    assert_eq!(output.stdout.bytes().as_deref(), Some(&b"\0\xff\n"[..]));
    let output = host.exec(b"kill -9 $$", io()).await.unwrap();
    assert_eq!(output.status, Status::Signalled("KILL".into()));
    host.close().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_ends_the_command_with_its_reason() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let input = io().send(Blob::File { path: "/nonexistent/blob".into(), len: 9 });
    let begin = Instant::now();
    let why = host.exec(b"cat", input).await.unwrap_err();
    assert!(
        matches!(&why, TransportError::Unusable(why) if why.contains("/nonexistent/blob")),
        "{why}"
    );
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
}

#[tokio::test]
async fn fifty_megabytes_are_capped_while_another_channel_works() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let flood = host.exec(b"head -c 50000000 /dev/zero; echo end", Io { cap: 1000, ..io() });
    let others = async {
        for _ in 0..5 {
            assert_eq!(host.exec(b"echo ok", io()).await.unwrap().stdout.text(), "ok\n");
        }
        Instant::now()
    };
    let (flood, others) = tokio::join!(async { (flood.await.unwrap(), Instant::now()) }, others);
    let output = flood.0;
    assert_eq!(output.stdout.total(), 50_000_004);
    assert_eq!(output.stdout.head().len() + output.stdout.tail().len(), 1000);
    assert!(output.stdout.tail().ends_with(b"\0end\n"));
    assert!(others < flood.1 + Duration::from_secs(1));
}

#[tokio::test]
async fn a_command_that_ends_before_its_input_does_not_hang_the_upload() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let big = Bytes::from(vec![7; 50_000_000]);
    let begin = Instant::now();
    let output =
        host.exec(b"head -c 10 >/dev/null; exit 4", io().send(Blob::Shared(big))).await.unwrap();
    assert_eq!(output.status, Status::Exited(4));
    assert!(output.sent < 50_000_000);
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
}

#[tokio::test]
async fn an_upload_arrives_whole() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let body: Vec<u8> =
        (0..20_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest = fleetctl::model::Digest::of(&body).to_string();
    let output = host.exec(b"sha256sum", io().send(Blob::Shared(body.into()))).await.unwrap();
    assert_eq!(output.stdout.text().split(' ').next(), Some(digest.as_str()));
    assert_eq!(output.sent, 20_000_000);
}

fn plain_user() -> String {
    if login() == "root" { "deploy".to_owned() } else { login() }
}

async fn deadline_kills(user: &str) {
    let sshd = Sshd::start();
    let mut dial = sshd.dial();
    user.clone_into(&mut dial.user);
    let host = go(&dial).await.unwrap();
    let command = "echo $$; sleep 300 & echo $!; wait";
    let begin = Instant::now();
    let output = sshd.dir.path().join("pids");
    fs::write(&output, "").unwrap();
    fs::set_permissions(&output, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let command = format!("({command}) > {}", output.display());
    let late = host.exec(command.as_bytes(), Io::within(Duration::from_secs(1))).await;
    let after = Duration::from_secs(1);
    assert_eq!(late, Err(TransportError::TimedOut { phase: Phase::Command, after }));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let pids = fs::read_to_string(output).unwrap();
    let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    let gone = async {
        while pids.iter().any(|pid| is_alive(*pid)) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let gone = timeout(Duration::from_secs(5), gone).await.is_ok();
    for pid in pids.iter().filter(|pid| is_alive(**pid)) {
        signal(*pid, "KILL");
    }
    assert!(gone, "the processes of {user} survived");
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
}

#[tokio::test]
async fn a_deadline_kills_the_process_group_of_a_plain_user() {
    deadline_kills(&plain_user()).await;
}

#[tokio::test]
async fn a_deadline_kills_the_process_group_of_the_tests_own_user() {
    deadline_kills(&login()).await;
}

#[tokio::test]
async fn of_several_commands_only_the_late_one_is_ended() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let early = host.exec(b"sleep 6; echo early", io());
    let late = async {
        sleep(Duration::from_millis(100)).await;
        host.exec(b"sleep 300", Io::within(Duration::from_secs(1))).await
    };
    let last = async {
        sleep(Duration::from_millis(200)).await;
        host.exec(b"sleep 6; echo last", io()).await
    };
    let (early, late, last) = tokio::join!(early, late, last);
    assert_eq!(early.unwrap().stdout.text(), "early\n");
    assert_eq!(last.unwrap().stdout.text(), "last\n");
    assert!(matches!(late, Err(TransportError::TimedOut { .. })));
}

#[tokio::test]
async fn a_cancelled_command_gives_its_channel_back() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    for _ in 0..12 {
        let (canceller, cancel) = Canceller::new();
        let io = Io { cancel: Some(cancel), ..io() };
        let run = host.exec(b"cat >/dev/null; sleep 300", io);
        let (ended, ()) = tokio::join!(run, async {
            sleep(Duration::from_millis(50)).await;
            canceller.cancel();
        });
        assert_eq!(ended, Err(TransportError::Cancelled));
    }
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
}

#[tokio::test]
async fn a_dropped_command_gives_its_channel_back() {
    let sshd = Sshd::start();
    let host = go(&Dial { user: plain_user(), ..sshd.dial() }).await.unwrap();
    for _ in 0..12 {
        let run = host.exec(b"cat >/dev/null; sleep 300", io().send(Blob::Shared("x".into())));
        assert!(timeout(Duration::from_millis(100), run).await.is_err());
    }
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
}

#[tokio::test]
async fn many_commands_at_once_all_run() {
    let sshd = Sshd::start();
    let host = sshd.connect().await;
    let runs = (0..30).map(|n| {
        let host = &host;
        async move {
            let output = host.exec(format!("sleep 0.05; echo {n}").as_bytes(), io()).await.unwrap();
            assert_eq!(output.stdout.text(), format!("{n}\n"));
        }
    });
    futures::future::join_all(runs).await;
}

#[tokio::test]
async fn a_host_that_allows_one_session_is_served_one_command_after_another() {
    let sshd = Sshd::with("MaxSessions 1");
    let host = sshd.connect().await;
    for n in 0..3 {
        let output = host.exec(format!("echo {n}").as_bytes(), io()).await.unwrap();
        assert_eq!(output.stdout.text(), format!("{n}\n"));
    }
    let runs = (0..4).map(|_| host.exec(b"sleep 0.1; echo ok", io()));
    for output in futures::future::join_all(runs).await {
        assert_eq!(output.unwrap().stdout.text(), "ok\n");
    }
}

#[tokio::test]
async fn a_host_that_allows_no_session_refuses() {
    let sshd = Sshd::with("MaxSessions 0");
    let host = sshd.connect().await;
    let why = host.exec(b"true", io()).await.unwrap_err();
    assert!(matches!(why, TransportError::ChannelRefused(_)), "{why}");
}

#[tokio::test]
async fn a_warm_connection_costs_one_round_trip_per_command() {
    let sshd = Sshd::start();
    let wire = Proxy::to(sshd.port).delay(Duration::from_millis(30)).start().await;
    let host = go(&sshd.dial_through(wire.port())).await.unwrap();
    let logged_in = wire.round_trips();
    assert!(logged_in <= 6, "login took {logged_in} round trips");
    for n in 1..=5 {
        assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
        if n == 1 {
            // The first pays for its channel, unless that was opened meanwhile.
            assert!(wire.round_trips() <= logged_in + 2);
            // Time for the spare one, as any real pause between two steps.
            sleep(Duration::from_millis(100)).await;
        }
    }
    let before = wire.round_trips();
    let begin = Instant::now();
    for _ in 0..5 {
        host.exec(b"true", io()).await.unwrap();
    }
    // Wall time is the judge here: the proxy sees the spare's opening as a burst of its own.
    let each = begin.elapsed() / 5;
    assert!(
        each < Duration::from_millis(110),
        "{each:?} each, {} bursts",
        wire.round_trips() - before
    );
    assert!(wire.round_trips() - before <= 10);
}
