//! Logging in: every kind of key, the agent, and what is said when the door stays shut.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use fleetctl::transport::{
    Io, Phase, TransportError,
    ssh::{Dial, Keys, Passphrase, connect},
};

use crate::support::sshd::{Sshd, go, keys};

async fn works(dial: &Dial, keys: &Keys) {
    let host = connect(dial, keys).await.unwrap();
    let output = host.exec(b"echo in", Io::within(Duration::from_secs(20))).await.unwrap();
    assert_eq!(output.stdout.text(), "in\n");
}

#[tokio::test]
async fn every_kind_of_key_opens_the_door() {
    let sshd = Sshd::start();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let dial = Dial { identities: vec![keys().join(format!("user_{kind}"))], ..sshd.dial() };
        works(&dial, &Keys::load(dial.identities.clone(), None).await).await;
    }
    assert!(sshd.log().contains("rsa-sha2-512"), "{}", sshd.log());
}

#[tokio::test]
async fn rsa_with_sha1_is_never_used() {
    let sshd = Sshd::with("PubkeyAcceptedAlgorithms ssh-rsa");
    let dial = Dial { identities: vec![keys().join("user_rsa")], ..sshd.dial() };
    let why = go(&dial).await.err().unwrap();
    assert!(matches!(why, TransportError::Authentication { .. }), "{why}");
    let log = sshd.log();
    assert!(log.contains("rsa-sha2-512 not in PubkeyAcceptedAlgorithms"), "{log}");
    assert!(!log.contains("pkalg ssh-rsa"), "{log}");
}

#[tokio::test]
async fn an_encrypted_key_opens_with_its_passphrase() {
    let sshd = Sshd::start();
    let path = keys().join("locked_ed25519");
    let dial = Dial { identities: vec![path.clone()], ..sshd.dial() };
    let words = ["printf", "open sesame\\nignored"].map(str::to_owned).to_vec();
    works(&dial, &Keys::load([path.clone()], Some(&Passphrase::Command(words))).await).await;
    for (source, word) in [
        (None, "no passphrase is configured"),
        (
            Some(Passphrase::Variable("FLEETCTL_TEST_UNSET".into())),
            "FLEETCTL_TEST_UNSET is not set",
        ),
        (Some(Passphrase::Command(vec!["echo".into(), "wrong".into()])), "does not open it"),
        (Some(Passphrase::Command(vec!["false".into()])), "failed"),
        (Some(Passphrase::Command(vec!["/nonexistent/ask".into()])), "/nonexistent/ask"),
    ] {
        let keys = Keys::load([path.clone()], source.as_ref()).await;
        let why = connect(&dial, &keys).await.err().unwrap().to_string();
        assert!(why.contains(word) && why.contains("locked_ed25519"), "{why}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_one_attempt_on_one_connection() {
    let sshd = Sshd::with("MaxAuthTries 6");
    let dial = Dial { identities: vec![keys().join("stranger_ed25519")], ..sshd.dial() };
    let why = go(&dial).await.err().unwrap();
    let TransportError::Authentication { tried, .. } = &why else { panic!("{why}") };
    assert_eq!(tried.len(), 1);
    assert!(tried[0].contains("stranger_ed25519 (ED25519 SHA256:"), "{why}");
    let log = sshd.log();
    assert_eq!(log.matches("Connection from 127.0.0.1").count(), 1, "{log}");
    assert_eq!(log.matches("method publickey").count(), 1, "{log}");
}

#[tokio::test]
async fn no_key_at_all_is_told_as_such() {
    let sshd = Sshd::start();
    let dial = Dial { identities: vec![], ..sshd.dial() };
    let why = go(&dial).await.err().unwrap().to_string();
    assert!(why.contains("no key and no agent"), "{why}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sshd = Sshd::start();
    let path = sshd.dir.path().join("open_key");
    std::fs::copy(keys().join("user_ed25519"), &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let dial = Dial { identities: vec![path], ..sshd.dial() };
    let why = go(&dial).await.err().unwrap().to_string();
    assert!(why.contains("mode 0644"), "{why}");
}

#[tokio::test]
async fn a_host_that_takes_no_keys_or_wants_two_proofs_says_so() {
    let sshd = Sshd::with("PubkeyAuthentication no\nPasswordAuthentication yes");
    let why = go(&sshd.dial()).await.err().unwrap().to_string();
    assert!(why.contains("takes no public keys"), "{why}");
    let sshd = Sshd::with(
        "AuthenticationMethods publickey,keyboard-interactive\nKbdInteractiveAuthentication yes",
    );
    let why = go(&sshd.dial()).await.err().unwrap();
    assert!(matches!(why, TransportError::Authentication { .. }), "{why}");
    assert!(why.to_string().contains("second proof"), "{why}");
}

#[tokio::test]
async fn the_line_that_dies_while_logging_in_is_not_a_refusal() {
    use crate::support::proxy::{Cut, Proxy};
    let sshd = Sshd::start();
    let whole = Proxy::to(sshd.port).start().await;
    let host = go(&sshd.dial_through(whole.port())).await.unwrap();
    let bytes = whole.up();
    host.close().await;
    let mut struck = 0;
    for cut in (bytes / 2..bytes).step_by(64) {
        let wire = Proxy::to(sshd.port).cut(Cut::AfterUp(cut)).start().await;
        match go(&sshd.dial_through(wire.port())).await {
            Err(TransportError::Unreachable { phase, .. }) => {
                struck += usize::from(phase == Phase::Authentication);
            }
            Ok(_) => {}
            Err(why) => panic!("cut at {cut}: {why}"),
        }
    }
    assert!(struck > 2, "{struck} of the cuts struck during the login");
}

#[tokio::test]
async fn too_many_keys_for_the_host_is_an_authentication_failure() {
    let sshd = Sshd::with("MaxAuthTries 1");
    let stranger = keys().join("stranger_ed25519");
    let dial = Dial { identities: vec![stranger, keys().join("user_rsa")], ..sshd.dial() };
    let why = go(&dial).await.err().unwrap();
    assert!(matches!(why, TransportError::Authentication { .. }), "{why:?}");
}

/// An agent that lives until it is dropped.
struct Agent {
    dir: tempfile::TempDir,
    child: std::process::Child,
}

impl Agent {
    fn with(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(dir.path().join("socket"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self { dir, child };
        while std::os::unix::net::UnixStream::connect(agent.socket()).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for name in names {
            let status = Command::new("ssh-add")
                .arg("-q")
                .arg(keys().join(name))
                .env("SSH_AUTH_SOCK", agent.socket())
                .status();
            assert!(status.unwrap().success());
        }
        agent
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn an_agent_signs_with_each_kind_of_key() {
    let sshd = Sshd::start();
    for kind in ["user_ed25519", "user_ecdsa", "user_rsa"] {
        let agent = Agent::with(&[kind]);
        let dial = Dial { identities: vec![], agent: Some(agent.socket()), ..sshd.dial() };
        works(&dial, &Keys::none()).await;
    }
}

#[tokio::test]
async fn the_agents_key_that_is_configured_comes_first_and_may_be_the_only_one() {
    let sshd = Sshd::with("MaxAuthTries 2");
    let agent = Agent::with(&["stranger_ed25519", "user_ecdsa", "user_ed25519"]);
    let public_half = sshd.dir.path().join("id.pub");
    std::fs::copy(keys().join("user_ed25519.pub"), &public_half).unwrap();
    let dial =
        Dial { identities: vec![public_half.clone()], agent: Some(agent.socket()), ..sshd.dial() };
    works(&dial, &Keys::load([public_half], None).await).await;
    assert_eq!(sshd.log().matches("Failed publickey").count(), 0, "{}", sshd.log());
    let stranger = keys().join("stranger_ed25519");
    let only = Dial { identities: vec![stranger.clone()], identities_only: true, ..dial };
    let why = connect(&only, &Keys::load([stranger], None).await).await.err().unwrap();
    let TransportError::Authentication { tried, .. } = &why else { panic!("{why}") };
    assert_eq!(tried.len(), 1, "{why}");
}

#[tokio::test]
async fn an_agent_that_is_gone_does_not_keep_the_files_from_being_tried() {
    let sshd = Sshd::start();
    let gone = sshd.dir.path().join("no-agent");
    let dial = Dial { agent: Some(gone), ..sshd.dial() };
    works(&dial, &Keys::load(dial.identities.clone(), None).await).await;
    let none = Dial { identities: vec![], ..dial };
    let why = connect(&none, &Keys::none()).await.err().unwrap().to_string();
    assert!(why.contains("agent: "), "{why}");
}

#[tokio::test]
async fn an_encrypted_key_without_passphrase_is_signed_for_by_the_agent() {
    let sshd = Sshd::start();
    // The agent holds the unlocked copy.
    let copy = sshd.dir.path().join("unlocked");
    std::fs::copy(keys().join("locked_ed25519"), &copy).unwrap();
    let change = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "open sesame", "-N", "", "-f"])
        .arg(&copy)
        .stdout(Stdio::null())
        .status();
    assert!(change.unwrap().success());
    let agent = Agent::with(&[copy.to_str().unwrap()]);
    let dial = Dial {
        identities: vec![keys().join("locked_ed25519")],
        identities_only: true,
        agent: Some(agent.socket()),
        ..sshd.dial()
    };
    works(&dial, &Keys::load(dial.identities.clone(), None).await).await;
}
