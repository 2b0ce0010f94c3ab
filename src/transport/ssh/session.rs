//! The client's side of an SSH session: its settings, and what the server may tell it.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Duration};

use russh::{
    Preferred, cipher,
    client::{Config, DisconnectReason, Handler},
    kex,
    keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyOrCertificate, ssh_key::PublicKey},
};
use tokio::sync::watch;

use crate::transport::{
    error::tame,
    host_key::{HostKey, HostKeyProblem, KnownHosts, LookupName, Verdict},
};

/// Silence is asked about after this time, and given up after three of them.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// How long a write may make no progress: as long as silence is borne.
pub(super) const STALL: Duration = Duration::from_secs(15);

/// Curve25519 is the cheapest; the rest in the order of strength. The last two are not
/// algorithms but the client's offers of extension info (RFC 8308) and strict key exchange.
const KEX: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::MLKEM768X25519_SHA256,
    kex::ECDH_SHA2_NISTP256,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// AES-GCM costs the least per byte on machines that have AES instructions.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const fn ecdsa(curve: EcdsaCurve) -> Algorithm {
    Algorithm::Ecdsa { curve }
}

/// The host key algorithms that are spoken, the preferred first; never RSA with SHA-1.
const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    ecdsa(EcdsaCurve::NistP256),
    ecdsa(EcdsaCurve::NistP384),
    ecdsa(EcdsaCurve::NistP521),
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// How a key of this algorithm is named in files: RSA keys have one name for all hashes.
fn key_name(algorithm: &Algorithm) -> &str {
    if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() }
}

/// The settings for a session with a host of which keys of these algorithms are known: those
/// are asked for first, as `ssh` does, so that a new key beside the known one is no alarm.
pub(super) fn config(known: &BTreeSet<String>) -> Arc<Config> {
    let (mut first, rest): (Vec<_>, Vec<_>) =
        HOST_KEYS.into_iter().partition(|algorithm| known.contains(key_name(algorithm)));
    first.extend(rest);
    with_host_keys(first)
}

/// The settings for asking a host for its key of one kind, named as in [`SCANNED`].
pub(super) fn config_for(kind: &str) -> Arc<Config> {
    let of_kind = |algorithm: &Algorithm| key_name(algorithm).starts_with(kind);
    with_host_keys(HOST_KEYS.into_iter().filter(of_kind).collect())
}

/// The kinds of host keys, by the beginning of their names.
pub(super) const SCANNED: [&str; 3] = ["ssh-ed25519", "ecdsa-sha2-", "ssh-rsa"];

fn with_host_keys(key: Vec<Algorithm>) -> Arc<Config> {
    Arc::new(Config {
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            key: Cow::Owned(key),
            cipher: Cow::Borrowed(CIPHERS),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 2,
        nodelay: true,
        ..Config::default()
    })
}

/// What the handshake is for.
pub(super) enum Purpose {
    /// To work on the host, if its key is known.
    Work(Arc<KnownHosts>, LookupName),
    /// To learn the host's key; the handshake ends there.
    Scan,
}

/// What the session has to tell, readable from outside.
pub(super) struct Told {
    /// The key that the host offered.
    pub(super) offered: watch::Receiver<Option<HostKey>>,
    /// Why its key is not trusted.
    pub(super) problem: watch::Receiver<Option<HostKeyProblem>>,
    /// Why the session ended.
    pub(super) end: watch::Receiver<Option<String>>,
}

/// Receives what the server says outside of channels.
pub(super) struct Client {
    purpose: Purpose,
    offered: watch::Sender<Option<HostKey>>,
    problem: watch::Sender<Option<HostKeyProblem>>,
    end: watch::Sender<Option<String>>,
}

impl Client {
    pub(super) fn new(purpose: Purpose) -> (Self, Told) {
        let (offered, offered_seen) = watch::channel(None);
        let (problem, problem_seen) = watch::channel(None);
        let (end, end_seen) = watch::channel(None);
        let told = Told { offered: offered_seen, problem: problem_seen, end: end_seen };
        (Self { purpose, offered, problem, end }, told)
    }

    fn trusts(&self, key: &PublicKey) -> bool {
        let Some(offered) = key.to_bytes().ok().and_then(|blob| HostKey::from_blob(&blob)) else {
            return false;
        };
        self.offered.send_replace(Some(offered.clone()));
        let Purpose::Work(known, name) = &self.purpose else { return false };
        let verdict = known.judge(name, &offered);
        let trusted = verdict == Verdict::Trusted;
        if !trusted {
            let name = name.as_str().to_owned();
            self.problem.send_replace(Some(HostKeyProblem { name, offered, verdict }));
        }
        trusted
    }
}

impl Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.trusts(key),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        self.end.send_replace(Some(match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the host said goodbye: {}", tame(&info.message))
            }
            DisconnectReason::Error(russh::Error::KeepaliveTimeout) => {
                "the host has been silent for 15 s".to_owned()
            }
            DisconnectReason::Error(russh::Error::Disconnect | russh::Error::HUP) => {
                "the host closed the connection".to_owned()
            }
            DisconnectReason::Error(why) => tame(&why.to_string()),
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_key_types_are_asked_for_first_and_sha1_never() {
        let known = BTreeSet::from(["ssh-rsa".to_owned()]);
        let order = config(&known).preferred.key.to_vec();
        assert_eq!(key_name(order.first().unwrap()), "ssh-rsa");
        assert_eq!(order.len(), HOST_KEYS.len());
        assert!(!order.contains(&Algorithm::Rsa { hash: None }));
    }

    #[test]
    fn strict_key_exchange_and_extension_info_are_offered() {
        let kex = config(&BTreeSet::new()).preferred.kex.to_vec();
        assert_eq!(kex.first(), Some(&kex::CURVE25519));
        assert!(kex.contains(&kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT));
        assert!(kex.contains(&kex::EXTENSION_SUPPORT_AS_CLIENT));
    }

    #[test]
    fn each_kind_of_key_is_asked_for_alone() {
        for kind in SCANNED {
            let order = config_for(kind).preferred.key.to_vec();
            assert!(!order.is_empty());
            assert!(order.iter().all(|algorithm| key_name(algorithm).starts_with(kind)));
        }
    }
}
