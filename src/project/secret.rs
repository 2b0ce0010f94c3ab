//! Asking for secrets: the environment, a file, a command.
//!
//! A secret is asked for once, held in memory, and never written anywhere by this room. What
//! cannot be had is told by its source; no message shows what was had.

use std::{
    collections::BTreeMap, ffi::OsString, fs, io::Read as _, os::unix::fs::PermissionsExt as _,
    path::Path, process::Stdio, time::Duration,
};

use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};

use super::Project;
use crate::{
    inventory::SecretRef,
    model::{Position, Problem, Problems, Secret},
};

/// How long a command may take to tell a secret.
const DEADLINE: Duration = Duration::from_secs(30);
/// How large a secret may be, in bytes.
const MOST: u64 = 64 << 10;

/// Asks for every secret once. `wanted` says where each is written; `environment` looks up a
/// variable of fleetctl's own environment.
///
/// # Errors
/// Every secret that cannot be had. They mean exit code 13.
pub async fn secrets(
    project: &Project,
    wanted: &BTreeMap<SecretRef, Position>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<BTreeMap<SecretRef, Secret>, Problems> {
    let mut problems = Problems::default();
    let mut secrets = BTreeMap::new();
    for (source, at) in wanted {
        let found = match source {
            SecretRef::Env(name) => from_env(name, environment),
            SecretRef::File(path) => from_file(&project.path(path)),
            SecretRef::Command(argv) => from_command(argv, &project.root, DEADLINE).await,
        };
        match found.and_then(|bytes| checked(bytes.as_slice())) {
            Ok(secret) => drop(secrets.insert(source.clone(), secret)),
            Err(why) => {
                problems.push(Problem::at(at, format!("secret unavailable: {source} {why}")));
            }
        }
    }
    problems.or(secrets)
}

fn from_env(name: &str, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Vec<u8>, String> {
    let value = environment(name).ok_or("is not set")?;
    Ok(value.into_encoded_bytes())
}

fn from_file(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |why: std::io::Error| format!("cannot be read: {why}");
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if metadata.permissions().mode() & 0o027 != 0 {
        return Err(format!("can be read by others: chmod 0600 {}", path.display()));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

async fn from_command(
    argv: &[String],
    directory: &Path,
    deadline: Duration,
) -> Result<Vec<u8>, String> {
    let (program, arguments) = argv.split_first().ok_or("is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| format!("cannot be run: {why}"))?;
    let stdout = child.stdout.take().ok_or("cannot be heard")?;
    let told = async {
        let mut bytes = Vec::new();
        let read = stdout.take(MOST + 1).read_to_end(&mut bytes).await;
        read.map_err(|why| format!("cannot be heard: {why}"))?;
        if bytes.len() as u64 > MOST {
            return Ok(bytes);
        }
        let status = child.wait().await.map_err(|why| format!("was lost: {why}"))?;
        // What it printed may hold the secret, so only its status is told.
        if status.success() { Ok(bytes) } else { Err(format!("failed ({status})")) }
    };
    let late = || Err(format!("did not answer within {} s", deadline.as_secs()));
    timeout(deadline, told).await.unwrap_or_else(|_| late())
}

fn checked(bytes: &[u8]) -> Result<Secret, String> {
    if bytes.len() as u64 > MOST {
        return Err(format!("gave more than {} KiB", MOST >> 10));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "did not give UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Arc};

    use super::*;
    use crate::project::Settings;

    fn ask(
        directory: &Path,
        sources: &[SecretRef],
    ) -> Result<BTreeMap<SecretRef, Secret>, Problems> {
        let project = Project {
            root: directory.to_owned(),
            settings: Settings::default(),
            around: crate::project::Surroundings::default(),
        };
        let at = Position { file: Arc::from("vars.yml"), line: 1, column: 5 };
        let wanted = sources.iter().map(|source| (source.clone(), at.clone())).collect();
        let environment =
            |name: &str| (name == "SMTP").then(|| OsString::from("from the environment"));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(secrets(&project, &wanted, &environment))
    }

    fn command(argv: &[&str]) -> SecretRef {
        SecretRef::Command(argv.iter().map(|word| (*word).to_owned()).collect())
    }

    fn write(path: &PathBuf, bytes: &[u8], mode: u32) {
        fs::write(path, bytes).expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    #[test]
    fn secrets_come_from_all_three_sources() {
        let directory = tempfile::tempdir().expect("a directory");
        write(&directory.path().join("pass"), b"from a file\r\n", 0o600);
        let sources = [
            SecretRef::Env("SMTP".into()),
            SecretRef::File("pass".into()),
            command(&["printf", "%s\\n", "from a command; $(no shell)"]),
        ];
        let secrets = ask(directory.path(), &sources).expect("secrets");
        assert!(secrets[&sources[0]] == Secret::new("from the environment".into()));
        assert!(secrets[&sources[1]] == Secret::new("from a file".into()));
        assert!(secrets[&sources[2]] == Secret::new("from a command; $(no shell)".into()));
    }

    #[test]
    fn what_cannot_be_had_is_told_without_showing_anything() {
        let directory = tempfile::tempdir().expect("a directory");
        write(&directory.path().join("open"), b"hunter2\n", 0o644);
        write(&directory.path().join("empty"), b"\n", 0o600);
        write(&directory.path().join("binary"), b"hunter2\xff", 0o600);
        let sources = [
            SecretRef::Env("NOPE".into()),
            SecretRef::File("open".into()),
            SecretRef::File("empty".into()),
            SecretRef::File("binary".into()),
            SecretRef::File("missing".into()),
            SecretRef::File(".".into()),
            command(&["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"]),
            command(&["no-such-program-here"]),
            command(&["yes", "hunter2"]),
        ];
        let problems = ask(directory.path(), &sources).expect_err("no secrets").to_string();
        for expected in [
            "vars.yml:1:5: secret unavailable: the environment variable NOPE is not set",
            "the file open can be read by others: chmod 0600",
            "the file empty is empty",
            "the file binary did not give UTF-8",
            "the file missing cannot be read",
            "the file . is not a regular file",
            "failed (exit status: 3)",
            "the command `no-such-program-here` cannot be run",
            "gave more than 64 KiB",
        ] {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
        assert_eq!(
            problems.matches("hunter2").count(),
            3,
            "only in the commands as written:\n{problems}"
        );
    }

    #[tokio::test]
    async fn a_command_that_never_answers_is_ended() {
        let argv = ["sleep".to_owned(), "60".to_owned()];
        let told = from_command(&argv, Path::new("/"), Duration::from_millis(50)).await;
        assert!(told.expect_err("too late").contains("did not answer"));
    }
}
