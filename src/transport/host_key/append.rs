//! Adds keys to a `known_hosts` file: the backend of `hosts trust`.
//!
//! Writes a new file beside the old and renames it, keeps the old one's mode, adds no line
//! twice, and refuses where a line already says something else about the host.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{HostKey, HostKeyProblem, KnownHosts, LookupName, Verdict};

/// Why nothing was added.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The file says something else about the host.
    #[error(transparent)]
    Refused(#[from] Box<HostKeyProblem>),
    /// The file cannot be read or written.
    #[error("cannot update {}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: io::Error,
    },
}

/// Adds a line for each of `keys` that is not yet known for `name`; gives those it added.
///
/// # Errors
/// [`AppendError::Refused`] where the file has another key of the same type for the host,
/// revokes the key, or cannot be judged; then the file is as it was. I/O errors.
pub fn append(
    path: &Path,
    name: &LookupName,
    keys: &[HostKey],
) -> Result<Vec<HostKey>, AppendError> {
    let failed = |why| AppendError::Io { path: path.to_owned(), why };
    // A link is followed once, here: the file it leads to is replaced, not the link.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (mut text, mode) = match fs::read(&real) {
        Ok(text) => (text, Some(fs::metadata(&real).map_err(failed)?.mode() & 0o777)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
        Err(why) => return Err(failed(why)),
    };
    let mut known = KnownHosts::new();
    known.add(&path.display().to_string(), &text);
    let mut added = Vec::new();
    for key in keys {
        match known.judge_exactly(name, key) {
            Verdict::Trusted => {}
            Verdict::Unknown => added.push(key.clone()),
            // A host has a key of each type: one of another type is an addition.
            Verdict::Changed { .. } if !known.algorithms(name).contains(key.algorithm()) => {
                added.push(key.clone());
            }
            verdict => {
                let name = name.as_str().to_owned();
                let problem = HostKeyProblem { name, offered: key.clone(), verdict };
                return Err(Box::new(problem).into());
            }
        }
    }
    if added.is_empty() {
        return Ok(added);
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for key in &added {
        text.extend_from_slice(format!("{} {}\n", name.as_str(), key.to_line()).as_bytes());
    }
    replace(&real, &text, mode.unwrap_or(0o644)).map_err(failed)?;
    Ok(added)
}

fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    file.write_all(text)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(algorithm: &str, body: u8) -> HostKey {
        let length = u32::try_from(algorithm.len()).unwrap().to_be_bytes();
        HostKey::from_blob(&[&length[..], algorithm.as_bytes(), &[body; 40]].concat()).unwrap()
    }

    #[test]
    fn keys_are_added_once_and_the_mode_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        let name = LookupName::host("web1", 2222);
        let keys = [make("ssh-ed25519", 1), make("ssh-rsa", 2)];
        assert_eq!(append(&path, &name, &keys).unwrap().len(), 2);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(append(&path, &name, &keys).unwrap(), []);
        let third = make("ecdsa-sha2-nistp256", 3);
        assert_eq!(append(&path, &name, std::slice::from_ref(&third)).unwrap().len(), 1);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("[web1]:2222 ssh-ed25519 "), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_without_a_last_newline_is_not_garbled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        fs::write(&path, "# mine").unwrap();
        append(&path, &LookupName::host("web1", 22), &[make("ssh-ed25519", 1)]).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("# mine\nweb1 ssh-ed25519 "));
    }

    #[test]
    fn a_changed_key_is_refused_with_its_line_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        let name = LookupName::host("web1", 22);
        append(&path, &name, &[make("ssh-ed25519", 1)]).unwrap();
        let before = fs::read(&path).unwrap();
        let keys = [make("ssh-rsa", 1), make("ssh-ed25519", 2)];
        let why = append(&path, &name, &keys).unwrap_err().to_string();
        assert!(why.contains("known_hosts:1") && why.contains("CHANGED"), "{why}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
