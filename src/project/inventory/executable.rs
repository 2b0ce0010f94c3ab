//! Inventories that are programs: `--list`, and `--host NAME` where the list has no `_meta`.
//!
//! The only programs that reading an inventory may run. Each has a deadline and a cap on what it
//! may say; it gets no input, and is killed with all it started when it is late.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    inventory::{Text, hosts_without_variables},
    model::Problem,
};

/// How long all runs of one program may take together.
const DEADLINE: Duration = Duration::from_mins(1);
/// How much a program may print, in bytes.
const MOST: u64 = 32 << 20;
/// How much of its complaints is shown, in bytes.
const COMPLAINT: usize = 2000;

/// Whether a file is meant to be run: its mode says so, and it begins as programs do. (On some
/// file systems every file may be executed.)
pub(super) fn is_program(path: &Path) -> bool {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    let mut begin = [0_u8; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut begin)).unwrap_or(0);
    mode & 0o111 != 0 && read >= 2 && (begin.starts_with(b"#!") || begin == *b"\x7fELF")
}

/// What the program prints, as one document with all variables.
pub(super) fn list(path: &Path, shown: &str, directory: &Path) -> Result<Text, Problem> {
    let until = Instant::now() + DEADLINE;
    let told = |why: String| Problem::new(format!("{shown}: {why}"));
    let text = run(path, &["--list"], directory, until).map_err(told)?;
    let file = shown.to_owned();
    let Some(hosts) = hosts_without_variables(shown, &text) else { return Ok(Text { file, text }) };
    let mut document: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|why| told(format!("did not print JSON: {why}")))?;
    let mut variables = serde_json::Map::new();
    for host in hosts {
        let text = run(path, &["--host", &host], directory, until).map_err(told)?;
        if text.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str(&text);
        let read = read.map_err(|why| told(format!("--host {host}: did not print JSON: {why}")))?;
        variables.insert(host, read);
    }
    let mut meta = serde_json::Map::new();
    meta.insert("hostvars".to_owned(), variables.into());
    document.insert("_meta".to_owned(), meta.into());
    let text = serde_json::Value::Object(document).to_string();
    Ok(Text { file, text })
}

fn run(
    path: &Path,
    arguments: &[&str],
    directory: &Path,
    until: Instant,
) -> Result<String, String> {
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|why| format!("cannot be run: {why}"))?;
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let status = wait(&mut child, until);
    let status = match status {
        Ok(Some(status)) => status,
        Ok(None) => return Err(format!("did not end within {} s", DEADLINE.as_secs())),
        Err(why) => return Err(format!("was lost: {why}")),
    };
    let collect = |read: thread::JoinHandle<Vec<u8>>| read.join().unwrap_or_default();
    let (out, err) = (collect(out), collect(err));
    if out.len() as u64 > MOST {
        return Err(format!("printed more than {} MiB", MOST >> 20));
    }
    if !status.success() {
        let said = String::from_utf8_lossy(err.get(..COMPLAINT).unwrap_or(&err)).into_owned();
        let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        return Err(format!("failed ({status}): {}", said.trim()));
    }
    String::from_utf8(out).map_err(|_| "did not print UTF-8".to_owned())
}

/// Reads to the end in a thread of its own; of what is too much only the beginning is kept, but
/// the pipe stays open, so that the program ends by itself or at the deadline.
fn reader(pipe: Option<impl io::Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = io::Read::by_ref(&mut pipe).take(MOST + 1).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        bytes
    })
}

/// Waits for the end, or kills the whole group at the deadline.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
