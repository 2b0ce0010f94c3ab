//! Scripts: assembled from parts, given their values, and packed so that any login shell passes
//! them on unchanged.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};

use super::quote;

/// How many bytes less on the wire are worth unpacking them on the host.
const WORTH_UNPACKING: usize = 768;

/// A file of `scripts/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Markers around answers, `tell`, `block`, `fail`.
    Open,
    /// Who owns releases.
    Names,
    /// Listing a tree in the manifest's terms.
    Tree,
    /// What is at a path.
    Look,
    /// Reading everything a plan wants to know.
    Probe,
    /// Reading what would go on serving an old release.
    Web,
    /// Reading and writing the lease.
    Lock,
    /// Mutual exclusion of scripts, by flock.
    Mutex,
    /// The same where there is no flock.
    MutexLink,
    /// Going on only while the lock is ours.
    Fence,
    /// Writing to the site's journal.
    Note,
    /// Making the root directory.
    Prepare,
    /// Making what a root must have before there can be a lock.
    Ground,
    /// Taking the lock.
    Take,
    /// Receiving and verifying a release.
    Stage,
    /// Reading a release that is there already.
    Inspect,
    /// Operations outside of releases.
    Operations,
    /// Making a release current.
    Switch,
    /// Running commands of the user.
    Command,
    /// Whether there may be a php-fpm to reload.
    Php,
    /// Reloading services.
    Reload,
    /// The way of an activation.
    Activate,
    /// The confirmation.
    Confirm,
    /// The way back.
    Undo,
    /// Ending well when the lock is not ours any more.
    Ours,
    /// Pruning and unlocking.
    Settle,
    /// Renewing the lease.
    Renew,
    /// Breaking a lock.
    Break,
}

impl Part {
    /// Those in the [`library`]: what runs with the owner's rights, behind a probe. What runs as
    /// root is never read from a host.
    const KEPT: &'static [Self] = &[
        Self::Open,
        Self::Names,
        Self::Tree,
        Self::Look,
        Self::Lock,
        Self::Mutex,
        Self::MutexLink,
        Self::Fence,
        Self::Note,
        Self::Ground,
        Self::Take,
        Self::Stage,
        Self::Inspect,
        Self::Operations,
        Self::Switch,
        Self::Command,
        Self::Php,
        Self::Activate,
        Self::Confirm,
        Self::Undo,
        Self::Ours,
        Self::Settle,
        Self::Renew,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::Open => include_str!("scripts/open.sh"),
            Self::Names => include_str!("scripts/names.sh"),
            Self::Tree => include_str!("scripts/tree.sh"),
            Self::Look => include_str!("scripts/look.sh"),
            Self::Probe => include_str!("scripts/probe.sh"),
            Self::Web => include_str!("scripts/web.sh"),
            Self::Lock => include_str!("scripts/lock.sh"),
            Self::Mutex => include_str!("scripts/mutex.sh"),
            Self::MutexLink => include_str!("scripts/mutex_link.sh"),
            Self::Fence => include_str!("scripts/fence.sh"),
            Self::Note => include_str!("scripts/note.sh"),
            Self::Prepare => include_str!("scripts/prepare.sh"),
            Self::Ground => include_str!("scripts/ground.sh"),
            Self::Take => include_str!("scripts/take.sh"),
            Self::Stage => include_str!("scripts/stage.sh"),
            Self::Inspect => include_str!("scripts/inspect.sh"),
            Self::Operations => include_str!("scripts/operations.sh"),
            Self::Switch => include_str!("scripts/switch.sh"),
            Self::Command => include_str!("scripts/command.sh"),
            Self::Php => include_str!("scripts/php.sh"),
            Self::Reload => include_str!("scripts/reload.sh"),
            Self::Activate => include_str!("scripts/activate.sh"),
            Self::Ours => include_str!("scripts/ours.sh"),
            Self::Confirm => include_str!("scripts/confirm.sh"),
            Self::Undo => include_str!("scripts/undo.sh"),
            Self::Settle => include_str!("scripts/settle.sh"),
            Self::Renew => include_str!("scripts/renew.sh"),
            Self::Break => include_str!("scripts/break.sh"),
        }
    }

    /// What it is called in the library.
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "p_open",
            Self::Names => "p_names",
            Self::Tree => "p_tree",
            Self::Look => "p_look",
            Self::Probe => "p_probe",
            Self::Web => "p_web",
            Self::Lock => "p_lock",
            Self::Mutex => "p_mutex",
            Self::MutexLink => "p_mutex_link",
            Self::Fence => "p_fence",
            Self::Note => "p_note",
            Self::Prepare => "p_prepare",
            Self::Ground => "p_ground",
            Self::Take => "p_take",
            Self::Stage => "p_stage",
            Self::Inspect => "p_inspect",
            Self::Operations => "p_operations",
            Self::Switch => "p_switch",
            Self::Command => "p_command",
            Self::Php => "p_php",
            Self::Reload => "p_reload",
            Self::Activate => "p_activate",
            Self::Confirm => "p_confirm",
            Self::Undo => "p_undo",
            Self::Settle => "p_settle",
            Self::Renew => "p_renew",
            Self::Break => "p_break",
            Self::Ours => "p_ours",
        }
    }
}

/// Whose rights a script runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum As {
    /// The user who logged in.
    Login,
    /// Another user, through sudo; `password` says that sudo's password is the first line of
    /// stdin.
    Sudo {
        /// The user to become.
        user: String,
        /// Whether a password is sent.
        password: bool,
    },
}

/// A script on its way to a host.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pieces: Vec<Piece>,
    library: Option<String>,
}

#[derive(Debug, Clone)]
enum Piece {
    Part(Part),
    Text(String),
}

impl Script {
    /// A script that answers between lines with `marker`, and knows `values` as variables.
    #[must_use]
    pub fn new<'a>(marker: &str, values: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut text = format!("marker={}\n", quote(marker));
        for (name, value) in values {
            text.push_str(&format!("{name}={}\n", quote(&value)));
        }
        Self { pieces: vec![Piece::Text(text)], library: None }.part(Part::Open)
    }

    /// A script without markers and values, to be run by another one.
    #[must_use]
    pub fn bare() -> Self {
        Self::default()
    }

    /// Says that the host has [`library`] in a file of its own at `path`: see [`Self::brief`].
    #[must_use]
    pub fn with_library(self, path: Option<String>) -> Self {
        Self { library: path, ..self }
    }

    /// Adds a part, without its comments and indentation: every byte crosses the wire.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.pieces.push(Piece::Part(part));
        self
    }

    /// Adds a function with these lines; one that does nothing when there are none.
    #[must_use]
    pub fn function(self, name: &str, lines: &[String]) -> Self {
        let body = if lines.is_empty() { ":".to_owned() } else { lines.join("\n") };
        self.line(&format!("{name}() {{\n{body}\n}}"))
    }

    /// Adds lines as they are.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.pieces.push(Piece::Text(format!("{line}\n")));
        self
    }

    /// Puts lines before everything else.
    #[must_use]
    pub fn preceded_by(mut self, lines: &str) -> Self {
        self.pieces.insert(0, Piece::Text(lines.to_owned()));
        self
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Part(part) => spare(part.text()),
            Piece::Text(text) => text.clone(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The script in few words, if the host has the library: parts are called by name. On a host
    /// that has lost its library the shell ends before anything is run.
    #[must_use]
    pub fn brief(&self) -> Option<Self> {
        let path = self.library.as_ref()?;
        let piece = |piece: &Piece| match piece {
            Piece::Part(part) if Part::KEPT.contains(part) => format!("{}\n", part.name()),
            Piece::Part(part) => spare(part.text()),
            Piece::Text(text) => text.clone(),
        };
        let text: String = self.pieces.iter().map(piece).collect();
        let pieces = vec![Piece::Text(format!(". {}\n{text}", quote(path)))];
        Some(Self { pieces, library: None })
    }

    /// The exec command for it, compressed: the words between the quotes are the same to every
    /// login shell (sh, bash, zsh, fish, csh), and a script of 8 KB takes 3.
    #[must_use]
    pub fn packed(&self, run_as: &As) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let packed = gzip.write_all(self.text().as_bytes()).and_then(|()| gzip.finish());
        // Writing into memory does not fail; if it ever did, the plain form is as good.
        packed.map_or_else(
            |_| self.plain(run_as),
            |bytes| {
                let letters = STANDARD.encode(bytes);
                enter(run_as, &format!(r#"eval "$(printf %s {letters}|base64 -d|gzip -dc)""#))
            },
        )
    }

    /// The exec command that costs least: packed, or plain where that is not much longer, because
    /// unpacking costs a host two processes and the wire is patient.
    #[must_use]
    pub fn cheapest(&self, run_as: &As) -> String {
        let (packed, plain) = (self.packed(run_as), self.plain(run_as));
        if plain.len() <= packed.len() + WORTH_UNPACKING { plain } else { packed }
    }

    /// The exec command for a short script: as it is where every login shell would read it
    /// alike, so that hosts spend nothing on unpacking; else packed.
    #[must_use]
    pub fn direct(&self, run_as: &As) -> String {
        let special = |c: char| "'\\!".contains(c) || c.is_control();
        let text = self.text();
        let line = text.trim_end();
        if line.contains(special) { self.packed(run_as) } else { enter(run_as, line) }
    }

    /// The exec command for it on a host without gzip or base64: nothing but printf is needed.
    /// Characters that some login shell would read as its own are written as octal escapes.
    #[must_use]
    pub fn plain(&self, run_as: &As) -> String {
        let text = self.text();
        let mut safe = String::with_capacity(text.len() * 2);
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if byte.is_ascii_alphanumeric() || b" /._-+:,@%=(){}[]|&;<>*?#~^".contains(&byte) {
                safe.push(char::from(byte));
            } else if byte == b'\n' {
                safe.push_str("\\n");
            } else if bytes.peek().is_some_and(|next| (b'0'..b'8').contains(next)) {
                safe.push_str(&format!("\\0{byte:03o}"));
            } else {
                safe.push_str(&format!("\\0{byte:o}"));
            }
        }
        enter(run_as, &format!(r#"eval "$(printf %b "{safe}")""#))
    }
}

/// A part without its comments and indentation.
fn spare(text: &str) -> String {
    let kept = text.lines().map(|line| line.trim_start_matches('\t'));
    let kept = kept.filter(|line| !line.is_empty() && !line.starts_with('#'));
    kept.fold(String::with_capacity(text.len()), |all, line| all + line + "\n")
}

/// Most parts as functions, for a host to keep: what it has need not be sent again.
#[must_use]
pub fn library() -> String {
    let function = |part: &Part| format!("{}() {{\n{}}}\n", part.name(), spare(part.text()));
    Part::KEPT.iter().map(function).collect()
}

/// The command line with which a login shell becomes `/bin/sh` with the rights asked for.
/// `inner` holds neither single quotes nor line breaks nor exclamation marks.
fn enter(run_as: &As, inner: &str) -> String {
    match run_as {
        As::Login => format!("exec /bin/sh -c '{inner}'"),
        As::Sudo { user, password: false } => {
            format!("exec sudo -n -u {} -- /bin/sh -c '{inner}'", quote(user))
        }
        As::Sudo { user, password: true } => {
            format!("exec sudo -S -p '' -u {} -- /bin/sh -c '{inner}'", quote(user))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_form_holds_what_a_login_shell_would_read() {
        let script = Script::new("m", [("root", "it's !here `x` $y \\ \"z\"\nü".to_owned())])
            .part(Part::Lock)
            .part(Part::Stage);
        for command in [script.packed(&As::Login), script.plain(&As::Login)] {
            let inner = command.strip_prefix("exec /bin/sh -c '").unwrap();
            let inner = inner.strip_suffix('\'').unwrap();
            assert!(!inner.contains(['\'', '\n', '!']), "{inner}");
        }
    }

    #[test]
    fn comments_and_indentation_do_not_cross_the_wire() {
        let script = Script::new("m", []).part(Part::Probe);
        assert!(script.text().lines().all(|line| !line.starts_with(['#', '\t'])));
    }
}
