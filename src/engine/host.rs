//! Running scripts at a site, and reading what came of them.
//!
//! The one place where a script's fate is judged: it refused, it said something that is not an
//! answer, or nobody knows. A script that nobody knows of is run again on a new connection,
//! once: every script of ours can be run twice, and its fence keeps it from doing harm.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    line::Line,
    scripts::{Rise, owner_rights, root_rights},
};
use crate::{
    event::{one_line, sanitize},
    model::Secret,
    shell::{As, Frame, FrameError, Script},
    transport::{Blob, Io, Output, Phase, Transport, TransportError},
};

/// What a host may say in answer to one script: a manifest of a large site fits.
const CAP: usize = 8 << 20;
/// How many last lines of what a host said are shown with a failure.
const TAIL: usize = 12;

/// Why a step at a site did not end well.
#[derive(Debug, Clone, Error)]
pub enum StepError {
    /// No connection; nothing was asked of the host.
    #[error("{0}")]
    Unreachable(TransportError),
    /// The connection was lost, and the host could not be asked again.
    #[error("{0}")]
    Lost(TransportError),
    /// The script gave up, or ended badly.
    #[error("{why}")]
    Refused {
        /// A word the control machine knows, such as `held` or `stale`.
        kind: String,
        /// What and why, for people.
        why: String,
        /// The end of what the host said beside.
        tail: Vec<String>,
        /// Paths that came out wrong, where contents were verified.
        damaged: Vec<String>,
        /// Whether something live had been touched.
        begun: bool,
    },
}

impl StepError {
    /// The kind of refusal; empty for what is none.
    #[must_use]
    pub fn kind(&self) -> &str {
        if let Self::Refused { kind, .. } = self { kind } else { "" }
    }

    /// A refusal before anything was touched.
    #[must_use]
    pub fn refused(kind: &str, why: String, tail: Vec<String>) -> Self {
        Self::Refused { kind: kind.to_owned(), why, tail, damaged: Vec::new(), begun: false }
    }

    /// A refusal after something live was, or may have been, touched.
    #[must_use]
    pub fn begun(kind: &str, why: String, tail: Vec<String>) -> Self {
        Self::Refused { kind: kind.to_owned(), why, tail, damaged: Vec::new(), begun: true }
    }

    /// The end of what the host said.
    #[must_use]
    pub fn tail(&self) -> &[String] {
        if let Self::Refused { tail, .. } = self { tail } else { &[] }
    }
}

/// Whose rights a script needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// The owner of the site's releases.
    Owner,
    /// Root.
    Root,
}

/// A script's answer, and what it took to get it.
#[derive(Debug)]
pub struct Answer {
    /// What the script said.
    pub frame: Frame,
    /// Bytes of payload sent.
    pub sent: u64,
}

/// The account that scripts run under at a site.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who owns releases; `None` for the user who logs in.
    pub owner: Option<String>,
    /// Whether sudo may be used.
    pub become_root: bool,
    /// sudo's password, where it asks for one.
    pub password: Option<Secret>,
}

/// A site's host, as steps see it.
#[derive(Clone)]
pub struct Host {
    /// The line, shared with other sites on the same host.
    pub line: Arc<Line>,
    /// The account.
    pub account: Account,
}

impl Host {
    /// Runs a script made for a fresh marker by `make`, with `stdin` behind whatever must come
    /// first.
    ///
    /// # Errors
    /// See [`StepError`]. An answer that carries a refusal is an error too.
    pub async fn run(
        &self,
        rights: Rights,
        stdin: &[Blob],
        deadline: Duration,
        make: impl Fn(&str) -> Script,
    ) -> Result<Answer, StepError> {
        let mut lost = None;
        for _ in 0..2 {
            let transport = match self.line.open().await {
                Ok(transport) => transport,
                Err(why) => return Err(lost.map_or(StepError::Unreachable(why), StepError::Lost)),
            };
            match self.once(&transport, rights, stdin, deadline, &make).await {
                Err(StepError::Lost(why)) => {
                    self.line.forget(&transport).await;
                    lost = Some(why);
                }
                ended => return ended,
            }
        }
        let why = TransportError::Lost { why: "twice in a row".to_owned() };
        Err(StepError::Lost(lost.unwrap_or(why)))
    }

    async fn once(
        &self,
        transport: &Arc<Transport>,
        rights: Rights,
        stdin: &[Blob],
        deadline: Duration,
        make: &impl Fn(&str) -> Script,
    ) -> Result<Answer, StepError> {
        let rights = self.rights(rights);
        let marker = marker();
        let script = make(&marker);
        let (script, mut first) = self.with_password(&rights, script, &marker, stdin.is_empty());
        first.extend_from_slice(stdin);
        // Each is made only where the one before it did not do.
        let forms: [fn(&Script, &As) -> Option<String>; 3] = [
            |script, rights| Some(script.brief()?.cheapest(rights)),
            |script, rights| Some(script.packed(rights)),
            |script, rights| Some(script.plain(rights)),
        ];
        for form in forms {
            let Some(command) = form(&script, &rights) else { continue };
            let io = Io { stdin: first.clone(), deadline, cap: CAP, cancel: None };
            let output = transport.exec(command.as_bytes(), io).await.map_err(|why| {
                match why {
                    // Nobody knows how far it came.
                    TransportError::TimedOut { phase: Phase::Command, .. } => {
                        StepError::begun("timeout", why.to_string(), Vec::new())
                    }
                    TransportError::TimedOut { .. } => {
                        StepError::refused("timeout", why.to_string(), Vec::new())
                    }
                    why => StepError::Lost(why),
                }
            })?;
            match read(&output, &marker) {
                Ok(frame) => return judge(frame, &output),
                // Not one line of ours ran. Without the library, gzip or base64 the next form does.
                Err(FrameError::NotBegun) if lacks_something(&output) => {}
                Err(why) => return Err(unframed(&why, &output)),
            }
        }
        let why = "the host runs none of our scripts".to_owned();
        Err(StepError::refused("shell", why, Vec::new()))
    }

    fn rights(&self, rights: Rights) -> As {
        let login = self.line.login();
        let password = self.account.password.is_some();
        match rights {
            Rights::Owner => owner_rights(login, self.account.owner.as_deref(), password),
            Rights::Root if self.account.become_root => root_rights(login, password),
            Rights::Root => As::Login,
        }
    }

    /// sudo reads its password from the first line, if it asks at all; so a script with input of
    /// its own passes over everything up to the line with its marker. Sudo would take that line
    /// for its second try, after a password that is wrong: where the script has no input there is
    /// none, and a wrong password is one try, not two. A site is always read so before anything
    /// is sent to it.
    fn with_password(
        &self,
        rights: &As,
        script: Script,
        marker: &str,
        alone: bool,
    ) -> (Script, Vec<Blob>) {
        let As::Sudo { password: true, .. } = rights else { return (script, Vec::new()) };
        let Some(password) = &self.account.password else { return (script, Vec::new()) };
        if alone {
            let blobs = vec![Blob::Secret(password.clone()), Blob::Shared("\n".into())];
            return (script.preceded_by("exec </dev/null\n"), blobs);
        }
        let skip = format!("while IFS= read -r line && [ \"$line\" != {marker} ]; do :; done\n");
        let blobs = vec![
            Blob::Secret(password.clone()),
            Blob::Shared(format!("\n{marker}\n").into_bytes().into()),
        ];
        (script.preceded_by(&skip), blobs)
    }

    /// How a script of the owner's reaches root's rights for a reload, and what it must find on
    /// its stdin for that. `None` when it cannot: then the reload is a script of its own.
    #[must_use]
    pub fn rise(&self) -> Option<(Rise, Vec<Blob>)> {
        let login = self.line.login();
        if self.account.owner.as_deref().is_some_and(|owner| owner != login) {
            return None;
        }
        if login == "root" || !self.account.become_root {
            return Some((Rise::AsWeAre, Vec::new()));
        }
        Some(match &self.account.password {
            None => (Rise::Sudo, Vec::new()),
            Some(password) => {
                let line_end = Blob::Shared("\n".into());
                (Rise::SudoWithPassword, vec![Blob::Secret(password.clone()), line_end])
            }
        })
    }
}

fn read(output: &Output, marker: &str) -> Result<Frame, FrameError> {
    match output.stdout.bytes() {
        Some(bytes) => Frame::read(&bytes, marker),
        // More than the cap: what is missing might be in the middle of an answer.
        None => Err(FrameError::Cut),
    }
}

fn judge(frame: Frame, output: &Output) -> Result<Answer, StepError> {
    if let Some((kind, why)) = frame.failure() {
        return Err(StepError::Refused {
            kind: kind.to_owned(),
            why: if kind == "held" { why.to_owned() } else { one_line(why) },
            tail: tail_of(output),
            damaged: damaged(&frame),
            begun: frame.one("begun").is_some(),
        });
    }
    if frame.status != 0 {
        let why = format!("the script ended with exit status {}", frame.status);
        let make = if frame.one("begun").is_some() { StepError::begun } else { StepError::refused };
        return Err(make("script", why, tail_of(output)));
    }
    Ok(Answer { frame, sent: output.sent })
}

/// Whether the host lacks what a shorter form of a script rests on.
fn lacks_something(output: &Output) -> bool {
    let said = String::from_utf8_lossy(output.stderr.head()).into_owned();
    ["gzip", "base64", "/.fleetctl/library-", "p_open"].iter().any(|tool| said.contains(tool))
}

fn unframed(error: &FrameError, output: &Output) -> StepError {
    let mut tail = tail_of(output);
    if tail.is_empty() && matches!(error, FrameError::NotBegun) {
        // A login shell that is no shell says so on its standard output.
        tail = last_lines(&output.stdout.text());
    }
    let said = tail.last().map_or(String::new(), |line| format!(": {line}"));
    let why = match error {
        FrameError::Cut if output.stdout.dropped() > 0 => {
            format!("the host's answer is longer than {} MiB", CAP >> 20)
        }
        FrameError::Cut => format!("{error} ({}){said}", output.status),
        FrameError::NotBegun if said.contains("password") && said.contains("sudo") => {
            format!("sudo refused{said}; give the right one by `ssh.become_password` in fleet.yml")
        }
        FrameError::NotBegun if said.contains("sudo") => format!("sudo refused{said}"),
        FrameError::NotBegun => {
            format!("{error} ({}){said}; does the user's shell run commands?", output.status)
        }
    };
    // A script that was killed half way (out of memory, a restart) may have changed something.
    match error {
        FrameError::Cut => StepError::begun("shell", why, tail),
        FrameError::NotBegun => StepError::refused("shell", why, tail),
    }
}

/// The paths in what a verification printed: tree lines and sums that differ.
fn damaged(frame: &Frame) -> Vec<String> {
    let text =
        |block: &str| String::from_utf8_lossy(frame.block(block).unwrap_or_default()).into_owned();
    let path = |line: &str| {
        let (_, path) = line.split_once(" ./")?;
        Some(path.split(" -> ").next().unwrap_or(path).to_owned())
    };
    let all = [text("tree_differs"), text("sums_differ")].join("\n");
    let mut paths: Vec<String> = all.lines().filter_map(path).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn tail_of(output: &Output) -> Vec<String> {
    last_lines(&output.stderr.text())
}

fn last_lines(text: &str) -> Vec<String> {
    let text = sanitize(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let start = lines.len().saturating_sub(TAIL);
    lines.get(start..).unwrap_or_default().iter().map(|line| (*line).to_owned()).collect()
}

/// A marker that no host can guess before it sees it: 96 random bits.
#[must_use]
pub fn marker() -> String {
    random_hex(12)
}

/// `bytes` random bytes in hexadecimal.
#[must_use]
pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    // Every system we run on has randomness; were it to fail, time still tells markers apart.
    if getrandom::fill(&mut random).is_err() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = now.map_or(0, |since| since.as_nanos()).to_le_bytes();
        random.iter_mut().zip(nanos.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
    random.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
