//! A server that breaks the protocol where OpenSSH would not.

use std::{sync::Arc, time::Duration};

use fleetctl::transport::{
    Io, TransportError,
    ssh::{Connection, Dial, Keys, connect},
};
use russh::{
    Channel, ChannelId,
    keys::{PrivateKey, ssh_key::LineEnding},
    server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, run_stream},
};
use tokio::net::TcpListener;

use crate::support::sshd::{go, keys, public};

/// What the server does with an exec request.
#[derive(Clone, Copy)]
enum Lie {
    /// Closes the channel without a status.
    NoStatus,
    /// Sends the status after EOF, and output after that.
    StatusAfterEof,
    /// Says that it failed to start the command.
    Refuse,
    /// Ends the connection with a message full of control characters.
    Goodbye,
    /// Sends a signal with a hostile name.
    OddSignal,
}

struct Liar(Lie);

impl Handler for Liar {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.0 {
            Lie::NoStatus => {
                session.channel_success(channel)?;
                session.data(channel, "all is well\n")?;
                session.eof(channel)?;
            }
            Lie::StatusAfterEof => {
                session.channel_success(channel)?;
                session.data(channel, "early ")?;
                session.eof(channel)?;
                session.exit_status_request(channel, 7)?;
            }
            Lie::Refuse => session.channel_failure(channel)?,
            Lie::Goodbye => {
                session.disconnect(russh::Disconnect::ByApplication, "bye\x1b[2J\r\nforged", "")?;
            }
            Lie::OddSignal => {
                session.channel_success(channel)?;
                let odd = russh::Sig::Custom("\x1b]0;x\x07".into());
                session.exit_signal_request(channel, odd, false, "", "")?;
            }
        }
        session.close(channel)
    }
}

async fn host(lie: Lie) -> Connection {
    let path = keys().join("host_ed25519");
    let key = PrivateKey::read_openssh_file(&path).unwrap();
    assert!(key.to_openssh(LineEnding::LF).is_ok());
    let config = Arc::new(Config { keys: vec![key], ..Config::default() });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                if let Ok(running) = run_stream(config, socket, Liar(lie)).await {
                    let _ = running.await;
                }
            });
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let known = dir.path().join("known_hosts");
    std::fs::write(&known, format!("[127.0.0.1]:{port} {}\n", public("host_ed25519"))).unwrap();
    let identities = vec![keys().join("user_ed25519")];
    go(&Dial { identities, known_hosts: vec![known], ..Dial::new("127.0.0.1", port, "u") })
        .await
        .unwrap()
}

async fn run(lie: Lie) -> Result<fleetctl::transport::Output, TransportError> {
    host(lie).await.exec(b"true", Io::within(Duration::from_secs(10))).await
}

#[tokio::test]
async fn a_channel_that_closes_without_a_status_is_lost_never_success() {
    let why = run(Lie::NoStatus).await.unwrap_err();
    assert!(
        matches!(&why, TransportError::Lost { why } if why.contains("without an exit status")),
        "{why}"
    );
}

#[tokio::test]
async fn a_status_after_the_end_of_the_output_counts() {
    let output = run(Lie::StatusAfterEof).await.unwrap();
    assert_eq!(output.status, fleetctl::transport::Status::Exited(7));
    assert_eq!(output.stdout.text(), "early ");
}

#[tokio::test]
async fn a_refused_command_is_told_as_such() {
    let why = run(Lie::Refuse).await.unwrap_err();
    assert!(matches!(why, TransportError::ChannelRefused(_)), "{why}");
}

#[tokio::test]
async fn a_hostile_goodbye_or_signal_cannot_reach_the_terminal() {
    let why = run(Lie::Goodbye).await.unwrap_err().to_string();
    assert!(why.contains("bye") && !why.chars().any(char::is_control), "{why:?}");
    let status = run(Lie::OddSignal).await.unwrap().status.to_string();
    assert!(!status.chars().any(char::is_control), "{status:?}");
}

#[tokio::test]
async fn the_keys_of_a_run_are_shared_by_its_connections() {
    let keys = Keys::load([keys().join("user_ed25519")], None).await;
    let unknown = Dial::new("127.0.0.1", 9, "u");
    assert!(connect(&unknown, &keys).await.is_err());
    assert_eq!(keys.trouble(&crate::support::sshd::keys().join("user_ed25519")), None);
}
