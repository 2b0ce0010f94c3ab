//! Private keys, read and decrypted once for the whole run and shared by all connections.
//!
//! Decrypting one key costs more than a whole login, so it happens here and nowhere else.
//! A key that cannot be used is remembered with its reason: authentication tells it if nothing
//! else opened the door. Called once, before the first connection.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use russh::keys::{self, Algorithm, PrivateKey, PublicKey, ssh_key::public::RsaPublicKey};
use tokio::{process::Command, task::spawn_blocking, time::timeout};

use crate::model::Secret;

/// Where the passphrase of encrypted keys comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passphrase {
    /// An environment variable.
    Variable(String),
    /// The first line that a command prints; a program and its arguments, no shell.
    Command(Vec<String>),
}

/// The keys of this run, by file.
#[derive(Default)]
pub struct Keys {
    files: BTreeMap<PathBuf, Loaded>,
}

/// What a key file turned out to be.
#[derive(Clone)]
pub(super) enum Loaded {
    /// A key to sign with.
    Ready(Arc<PrivateKey>),
    /// Only its public half can be read: the agent may have the rest.
    Locked(Arc<PublicKey>, String),
    /// It cannot be used.
    Broken(String),
    /// There is no such file.
    Missing,
}

impl Loaded {
    pub(super) fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::Ready(key) => Some(key.public_key()),
            Self::Locked(key, _) => Some(key),
            Self::Broken(_) | Self::Missing => None,
        }
    }
}

impl Keys {
    /// No keys: only an agent can sign.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the key files. A passphrase is asked for only when a key needs it, once.
    pub async fn load(
        paths: impl IntoIterator<Item = PathBuf>,
        passphrase: Option<&Passphrase>,
    ) -> Self {
        let mut files = BTreeMap::new();
        let mut asked: Option<Result<Secret, String>> = None;
        for path in paths {
            if files.contains_key(&path) {
                continue;
            }
            let mut loaded = read(path.clone(), None).await;
            if let (Loaded::Locked(public, _), Some(source)) = (&loaded, passphrase) {
                let public = Arc::clone(public);
                if asked.is_none() {
                    asked = Some(ask(source).await);
                }
                loaded = match asked.clone() {
                    Some(Ok(secret)) => read(path.clone(), Some(secret)).await,
                    Some(Err(why)) => Loaded::Locked(public, why),
                    None => loaded,
                };
            }
            files.insert(path, loaded);
        }
        Self { files }
    }

    /// Why a file's key is of no use, if it is of none; a file that is missing is of none.
    #[must_use]
    pub fn trouble(&self, path: &Path) -> Option<String> {
        match self.files.get(path) {
            Some(Loaded::Ready(_)) => None,
            Some(Loaded::Locked(_, why) | Loaded::Broken(why)) => Some(why.clone()),
            Some(Loaded::Missing) | None => Some("no such file".to_owned()),
        }
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Loaded> {
        self.files.get(path)
    }
}

async fn read(path: PathBuf, passphrase: Option<Secret>) -> Loaded {
    spawn_blocking(move || read_now(&path, passphrase.as_ref()))
        .await
        .unwrap_or_else(|_| Loaded::Broken("the key could not be read".to_owned()))
}

fn read_now(path: &Path, passphrase: Option<&Secret>) -> Loaded {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            return public_only(path, Loaded::Missing);
        }
        Err(why) => return Loaded::Broken(why.to_string()),
    };
    if PublicKey::from_openssh(&text).is_ok() {
        return public_only(path, Loaded::Missing);
    }
    // `ssh` refuses its user's keys that others can read; those of other owners it accepts.
    if let Ok(about) = fs::metadata(path)
        && about.mode() & 0o077 != 0
        && about.uid() == rustix::process::getuid().as_raw()
    {
        return Loaded::Broken(format!(
            "others can read it (mode {:04o}): chmod 600",
            about.mode() & 0o7777
        ));
    }
    match keys::decode_secret_key(&text, passphrase.map(Secret::expose)) {
        Ok(key) => checked(key),
        Err(why) => {
            let why = match (&why, passphrase) {
                (keys::Error::KeyIsEncrypted, _) => {
                    "encrypted, and no passphrase is configured".to_owned()
                }
                (_, Some(_)) => "the passphrase does not open it".to_owned(),
                (why, None) if text.contains("ENCRYPTED") => format!("encrypted: {why}"),
                (why, None) => why.to_string(),
            };
            match PrivateKey::from_openssh(&text) {
                Ok(key) => Loaded::Locked(Arc::new(key.public_key().clone()), why),
                Err(_) => public_only(path, Loaded::Broken(why)),
            }
        }
    }
}

/// Short RSA keys and DSA are refused here, as today's servers do.
fn checked(key: PrivateKey) -> Loaded {
    match key.algorithm() {
        Algorithm::Dsa => Loaded::Broken("DSA keys are not used any more".to_owned()),
        Algorithm::Rsa { .. } => {
            let bits = key.public_key().key_data().rsa().map_or(0, RsaPublicKey::key_size);
            if bits < 2048 {
                return Loaded::Broken(format!(
                    "RSA with {bits} bits is too short (2048 at least)"
                ));
            }
            Loaded::Ready(Arc::new(key))
        }
        _ => Loaded::Ready(Arc::new(key)),
    }
}

/// The key beside the key, `FILE.pub`: it names what an agent shall sign with.
fn public_only(path: &Path, otherwise: Loaded) -> Loaded {
    let beside = path
        .with_file_name(format!("{}.pub", path.file_name().unwrap_or_default().to_string_lossy()));
    // An IdentityFile may itself be a public key.
    let found = [path, &beside]
        .into_iter()
        .find_map(|file| PublicKey::from_openssh(&fs::read_to_string(file).ok()?).ok());
    match (found, otherwise) {
        (Some(key), Loaded::Broken(why)) => Loaded::Locked(Arc::new(key), why),
        (Some(key), _) => Loaded::Locked(Arc::new(key), "only the public key is here".to_owned()),
        (None, otherwise) => otherwise,
    }
}

async fn ask(source: &Passphrase) -> Result<Secret, String> {
    let text = match source {
        Passphrase::Variable(name) => {
            env::var(name).map_err(|_| format!("the passphrase variable {name} is not set"))?
        }
        Passphrase::Command(words) => {
            let (program, arguments) =
                words.split_first().ok_or("the passphrase command is empty")?;
            let run = Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .output();
            let output = timeout(Duration::from_secs(30), run)
                .await
                .map_err(|_| format!("the passphrase command {program} took over 30 s"))?
                .map_err(|why| format!("the passphrase command {program}: {why}"))?;
            if !output.status.success() {
                return Err(format!("the passphrase command {program} failed: {}", output.status));
            }
            String::from_utf8(output.stdout)
                .map_err(|_| format!("the passphrase command {program} printed no text"))?
        }
    };
    Ok(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
}
