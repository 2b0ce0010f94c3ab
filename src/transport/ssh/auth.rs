//! Proves to a host who we are, with one attempt per key and never a question to a person.
//!
//! Order as `ssh` has it: keys of the agent that the configuration names, the agent's other
//! keys (unless `IdentitiesOnly`), then keys from files. RSA signs with SHA-2 only.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use russh::{
    MethodKind,
    client::{AuthResult, Handle},
    keys::{
        Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey,
        agent::{AgentIdentity, client::AgentClient},
    },
};
use tokio::net::UnixStream;

use super::{
    dial::Dial,
    keys::{Keys, Loaded},
    session::Client,
};
use crate::transport::{Phase, TransportError};

type Agent = AgentClient<UnixStream>;

/// What one attempt came to.
enum Attempt {
    In,
    Refused,
    /// The host takes no public keys, or wants more than one proof.
    Pointless(String),
    /// The line is dead, which can look like a refusal.
    Dead,
}

/// Logs in on a connection whose host key has been checked.
///
/// # Errors
/// [`TransportError::Authentication`] with everything that was tried, or that the line died.
pub(super) async fn authenticate(
    handle: &mut Handle<Client>,
    dial: &Dial,
    keys: &Keys,
) -> Result<(), TransportError> {
    let mut login = Login { handle, dial, tried: Vec::new(), rsa: Rsa::NotAsked };
    let offered = login.with_agent(keys).await;
    let done = match offered {
        Ok(offered) => login.with_files(keys, &offered).await,
        Err(end) => Err(end),
    };
    match done {
        Err(Attempt::In) => Ok(()),
        Err(Attempt::Dead) => Err(TransportError::Unreachable {
            phase: Phase::Authentication,
            why: "the connection ended".to_owned(),
        }),
        Err(Attempt::Pointless(why)) => {
            login.tried.push(why);
            Err(login.failed())
        }
        Ok(()) | Err(Attempt::Refused) => Err(login.failed()),
    }
}

/// What RSA may sign with on a host.
#[derive(Clone, Copy)]
enum Rsa {
    NotAsked,
    With(HashAlg),
    Sha1Only,
}

struct Login<'a> {
    handle: &'a mut Handle<Client>,
    dial: &'a Dial,
    tried: Vec<String>,
    /// What RSA may sign with on this host.
    rsa: Rsa,
}

impl Login<'_> {
    fn failed(&self) -> TransportError {
        TransportError::Authentication { user: self.dial.user.clone(), tried: self.tried.clone() }
    }

    /// Tries the agent's keys; gives those that were tried.
    async fn with_agent(&mut self, keys: &Keys) -> Result<BTreeSet<String>, Attempt> {
        let mut offered = BTreeSet::new();
        let Some(socket) = &self.dial.agent else { return Ok(offered) };
        let (mut agent, held) = match self.open_agent(socket).await {
            Ok(open) => open,
            Err(why) => {
                self.tried.push(format!("agent: {why}"));
                return Ok(offered);
            }
        };
        let named: Vec<&PublicKey> =
            self.dial.identities.iter().filter_map(|path| keys.get(path)?.public()).collect();
        let rank = |key: &PublicKey| named.iter().position(|n| n.key_data() == key.key_data());
        let mut held: Vec<(Option<usize>, PublicKey, String)> = held
            .into_iter()
            .filter_map(|identity| match identity {
                AgentIdentity::PublicKey { key, comment } => Some((rank(&key), key, comment)),
                AgentIdentity::Certificate { .. } => None,
            })
            .filter(|(rank, ..)| rank.is_some() || !self.dial.identities_only)
            .collect();
        held.sort_by_key(|(rank, ..)| rank.unwrap_or(usize::MAX));
        for (_, key, _) in held {
            let print = key.fingerprint(HashAlg::Sha256).to_string();
            let name = format!("agent {} {print}", kind(&key.algorithm()));
            offered.insert(print);
            match self.try_agent(&mut agent, key, name).await {
                Attempt::Refused => {}
                end => return Err(end),
            }
        }
        Ok(offered)
    }

    async fn open_agent(&self, socket: &Path) -> Result<(Agent, Vec<AgentIdentity>), String> {
        let said = |why: russh::keys::Error| why.to_string();
        let mut agent = Agent::connect_uds(socket).await.map_err(said)?;
        if let Some(binding) = self.handle.agent_session_binding() {
            // Old agents do not know the request; keys bound to a host then stay hidden.
            let _ = agent.bind_session(binding, false).await;
        }
        let held = agent.request_identities().await.map_err(said)?;
        Ok((agent, held))
    }

    async fn try_agent(&mut self, agent: &mut Agent, key: PublicKey, name: String) -> Attempt {
        let hash = match self.hash_for(&key.algorithm()).await {
            Ok(hash) => hash,
            Err(why) => {
                self.tried.push(format!("{name}: {why}"));
                return Attempt::Refused;
            }
        };
        let user = self.dial.user.clone();
        let answer = self.handle.authenticate_publickey_with(user, key, hash, agent).await;
        match answer {
            Ok(answer) => self.judge(answer, name),
            Err(_) if self.handle.is_closed() => Attempt::Dead,
            Err(why) => {
                self.tried.push(format!("{name}: the agent did not sign ({why})"));
                Attempt::Refused
            }
        }
    }

    /// Tries the keys from files, except those that the agent has offered already.
    async fn with_files(&mut self, keys: &Keys, offered: &BTreeSet<String>) -> Result<(), Attempt> {
        let dial = self.dial;
        for path in &dial.identities {
            let shown = path.display();
            let key = match keys.get(path) {
                Some(Loaded::Ready(key)) => key,
                Some(Loaded::Locked(key, why)) => {
                    if !offered.contains(&key.fingerprint(HashAlg::Sha256).to_string()) {
                        self.tried.push(format!("{shown}: {why}"));
                    }
                    continue;
                }
                Some(Loaded::Broken(why)) => {
                    self.tried.push(format!("{shown}: {why}"));
                    continue;
                }
                Some(Loaded::Missing) | None => continue,
            };
            let print = key.public_key().fingerprint(HashAlg::Sha256).to_string();
            if offered.contains(&print) {
                continue;
            }
            let name = format!("{shown} ({} {print})", kind(&key.algorithm()));
            let hash = match self.hash_for(&key.algorithm()).await {
                Ok(hash) => hash,
                Err(why) => {
                    self.tried.push(format!("{name}: {why}"));
                    continue;
                }
            };
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
            let answer = self.handle.authenticate_publickey(dial.user.clone(), key).await;
            let attempt = match answer {
                Ok(answer) => self.judge(answer, name),
                Err(_) => Attempt::Dead,
            };
            match attempt {
                Attempt::Refused => {}
                end => return Err(end),
            }
        }
        Ok(())
    }

    fn judge(&mut self, answer: AuthResult, name: String) -> Attempt {
        match answer {
            AuthResult::Success => Attempt::In,
            // The library reports a dead line as a refusal that leaves no method.
            AuthResult::Failure { .. } if self.handle.is_closed() => {
                self.tried.push(name);
                Attempt::Dead
            }
            AuthResult::Failure { partial_success: true, .. } => Attempt::Pointless(format!(
                "{name}: accepted, but the host wants a second proof, which is not supported"
            )),
            AuthResult::Failure { remaining_methods, .. } => {
                self.tried.push(name);
                if remaining_methods.contains(&MethodKind::PublicKey) {
                    Attempt::Refused
                } else {
                    Attempt::Pointless("the host takes no public keys".to_owned())
                }
            }
        }
    }

    /// The hash to sign with: only RSA has a choice, and SHA-1 is not one.
    async fn hash_for(&mut self, algorithm: &Algorithm) -> Result<Option<HashAlg>, String> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return Ok(None);
        }
        if let Rsa::NotAsked = self.rsa {
            self.rsa = match self.handle.best_supported_rsa_hash().await {
                Ok(Some(Some(best))) => Rsa::With(best),
                Ok(Some(None)) => Rsa::Sha1Only,
                // The host tells nothing: RFC 8332 says that RSA with SHA-2 is the one to try.
                Ok(None) | Err(_) => Rsa::With(HashAlg::Sha512),
            };
        }
        match self.rsa {
            Rsa::With(hash) => Ok(Some(hash)),
            _ => Err("the host takes RSA with SHA-1 only".to_owned()),
        }
    }
}

fn kind(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "ED25519",
        Algorithm::Ecdsa { .. } => "ECDSA",
        Algorithm::Rsa { .. } => "RSA",
        Algorithm::SkEd25519 => "ED25519-SK",
        Algorithm::SkEcdsaSha2NistP256 => "ECDSA-SK",
        _ => "key",
    }
}
