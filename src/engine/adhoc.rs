//! A command of the user's, run as it is at a site.

use std::time::Duration;

use super::{
    host::{Host, StepError, marker},
    mouth::Mouth,
};
use crate::{
    event::{Event, Step, sanitize_bytes},
    model::Outcome,
    shell::{As, Script},
    transport::{Io, Status, TransportError},
};

/// Bytes of each output stream that are kept.
const CAP: usize = 1 << 20;

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Standard output, fit for a terminal.
    pub stdout: String,
    /// Standard error, fit for a terminal.
    pub stderr: String,
    /// The exit status; `None` when a signal ended it.
    pub status: Option<u32>,
    /// Bytes dropped above the cap.
    pub dropped: u64,
}

/// Runs `command`, a line for a POSIX shell, as the user who logs in. What the login shell's own
/// start-up files print is not part of the output.
///
/// # Errors
/// When there is no exit status: no connection, a deadline, a connection lost.
pub async fn run(host: &Host, command: &str, deadline: Duration) -> Result<Ran, StepError> {
    let mark = marker();
    let script = Script::bare().line(&format!("echo {mark};echo {mark} >&2;{command}"));
    let transport = host.line.open().await.map_err(StepError::Unreachable)?;
    let io = Io { stdin: Vec::new(), deadline, cap: CAP, cancel: None };
    let output = transport.exec(script.direct(&As::Login).as_bytes(), io).await;
    let output = output.map_err(|why| match why {
        TransportError::TimedOut { .. } | TransportError::ChannelRefused(_) => {
            StepError::refused("timeout", why.to_string(), Vec::new())
        }
        why => StepError::Lost(why),
    })?;
    let (stdout, begun) = behind(&mark, output.stdout.text().as_bytes());
    let (stderr, _) = behind(&mark, output.stderr.text().as_bytes());
    let status = match &output.status {
        Status::Exited(code) => Some(*code),
        Status::Signalled(_) => None,
    };
    if !begun && status != Some(0) {
        let said = stderr.lines().chain(stdout.lines()).last().unwrap_or_default().to_owned();
        let why = format!("the login shell did not run the command ({}): {said}", output.status);
        return Err(StepError::refused("shell", why, Vec::new()));
    }
    let dropped = output.stdout.dropped() + output.stderr.dropped();
    Ok(Ran { stdout, stderr, status, dropped })
}

/// Runs `command` at a site and tells what came of it: the outcome, and whether the host let
/// nobody in.
pub(super) async fn at_site(
    host: &Host,
    mouth: &Mouth,
    command: &str,
    deadline: Duration,
) -> (Outcome, bool) {
    mouth.begins(Step::Run);
    match run(host, command, deadline).await {
        Ok(ran) => {
            let outcome = if ran.status == Some(0) { Outcome::Changed } else { Outcome::Failed };
            let (site, Ran { stdout, stderr, status, dropped }) = (mouth.site().clone(), ran);
            mouth.say(Event::Output { site, stdout, stderr, status, dropped });
            (outcome, false)
        }
        Err(why) => {
            let unreachable = matches!(why, StepError::Unreachable(_));
            let step = if unreachable { Step::Connect } else { Step::Run };
            mouth.failed(step, why.to_string(), why.tail(), matches!(why, StepError::Lost(_)));
            let denied = matches!(
                why,
                StepError::Unreachable(
                    TransportError::HostKey(_) | TransportError::Authentication { .. }
                )
            );
            (if unreachable { Outcome::Unreachable } else { Outcome::Failed }, denied)
        }
    }
}

/// What comes after the line with the marker, and whether there is one.
fn behind(mark: &str, bytes: &[u8]) -> (String, bool) {
    let text = sanitize_bytes(bytes);
    match text.split_once(&format!("{mark}\n")) {
        Some((_, rest)) => (rest.to_owned(), true),
        None => (text, false),
    }
}
