//! Jump hosts, ports seen from the host, and what `ssh -G` says.

use std::{fs, path::PathBuf, time::Duration};

use fleetctl::transport::{
    Io, Transport, TransportError,
    host_key::{LookupName, Verdict},
    ssh::{Dial, Keys, connect},
    ssh_config::{Ask, Here, dial},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::sshd::{Sshd, go, keys, login};

fn io() -> Io {
    Io::within(Duration::from_secs(20))
}

#[tokio::test]
async fn a_host_behind_two_others_is_reached_and_its_key_checked() {
    let (first, second, last) = (Sshd::start(), Sshd::start(), Sshd::start());
    let through = Dial { jump: vec![first.dial(), second.dial()], ..last.dial() };
    let host = go(&through).await.unwrap();
    let command = b"echo ${SSH_CONNECTION##* }";
    assert_eq!(host.exec(command, io()).await.unwrap().stdout.text(), format!("{}\n", last.port));
    assert!(first.log().contains("direct-tcpip") && second.log().contains("direct-tcpip"));
    host.close().await;
    let unknown = Dial { known_hosts: vec![first.known_hosts()], ..through.clone() };
    let why = go(&unknown).await.err().unwrap();
    let TransportError::HostKey(problem) = &why else { panic!("{why}") };
    assert_eq!(
        (&problem.verdict, problem.name.as_str()),
        (&Verdict::Unknown, format!("[127.0.0.1]:{}", last.port).as_str())
    );
    let mut unknown_hop = through;
    unknown_hop.jump[1].known_hosts = vec![];
    assert!(matches!(go(&unknown_hop).await.err().unwrap(), TransportError::HostKey(_)));
}

#[tokio::test]
async fn a_jump_host_that_may_not_forward_is_told() {
    let (gate, last) = (Sshd::with("AllowTcpForwarding no"), Sshd::start());
    let why = go(&Dial { jump: vec![gate.dial()], ..last.dial() }).await.err().unwrap();
    assert!(
        matches!(&why, TransportError::Unreachable { why, .. } if why.contains("not allowed")),
        "{why}"
    );
}

#[tokio::test]
async fn a_port_of_the_host_is_reached_through_the_connection() {
    let sshd = Sshd::start();
    let host = Transport::Ssh(sshd.connect().await);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut question = [0; 4];
        socket.read_exact(&mut question).await.unwrap();
        socket.write_all(b"pong").await.unwrap();
    });
    let mut stream = host.connect_tcp("127.0.0.1", port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"pong");
    assert!(matches!(
        host.connect_tcp("127.0.0.1", 1).await,
        Err(TransportError::ChannelRefused(_))
    ));
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
}

#[tokio::test]
async fn what_ssh_knows_of_a_host_is_enough_to_reach_it() {
    let (gate, last) = (Sshd::start(), Sshd::start());
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    let both = dir.path().join("known");
    fs::write(&both, gate.known_hosts_lines() + &last.known_hosts_lines()).unwrap();
    let text = format!(
        "Host gate\n Port {}\nHost web1\n Port {}\n ProxyJump {}@gate\nHost cmd\n ProxyCommand nc %h %p\n\
         Match host *\n HostName 127.0.0.1\n User {}\n IdentityFile {}/user_ed25519\n UserKnownHostsFile {}\n",
        gate.port,
        last.port,
        login(),
        login(),
        keys().display(),
        both.display(),
    );
    fs::write(&config, text).unwrap();
    let here = Here { home: "/nonexistent".into(), user: login(), agent: None };
    let ask = Ask { file: Some(config), ..Ask::default() };
    let found = dial("web1", &ask, &here).await.unwrap();
    assert_eq!((found.address.as_str(), found.port, found.jump.len()), ("127.0.0.1", last.port, 1));
    assert_eq!(found.name, LookupName::host("127.0.0.1", last.port));
    let mut identities: Vec<PathBuf> = found.identities.clone();
    identities.extend(found.jump[0].identities.clone());
    let host = connect(&found, &Keys::load(identities, None).await).await.unwrap();
    assert!(host.exec(b"true", io()).await.unwrap().status.is_success());
    assert!(gate.log().contains("direct-tcpip"));
    let why = dial("cmd", &ask, &here).await.unwrap_err().to_string();
    assert!(why.contains("ProxyCommand"), "{why}");
}
