//! What each step says to a host: parts, values and operations become one script.
//!
//! Pure text. Values pass through the shell's quoting in `Script::new`, operations through
//! `words`; nothing else is ever put into a script.

mod step;
mod words;

use std::{collections::BTreeSet, sync::LazyLock};

pub use step::{Activation, Confirmation, Lock, UndoStep};
pub use words::Rise;
use words::{commands, is_only_tried, operations, reloads};

use crate::{
    model::{Digest, ReleaseName},
    plan::{Deployment, Prune},
    playbook::Reload,
    release::{Coding, Wanted},
    shell::{As, Part, Script, quote},
};

/// The part of a site that every script needs.
#[derive(Debug, Clone)]
pub struct Place {
    /// The site's root.
    pub root: String,
    /// Who owns releases; empty for the user whom the script runs as.
    pub owner: String,
    /// Their group; empty for that user's own.
    pub group: String,
    /// The run.
    pub run: String,
    /// Seconds that the lease holds without being renewed, by the host's uptime.
    pub lease: u64,
    /// Whether the host is known to have flock: then scripts bring no other mutex.
    pub flock: bool,
    /// What payload is compressed with.
    pub coding: Coding,
    /// Whether the release is so large that the faster program for digests is worth its start.
    pub large: bool,
    /// The file in which the host keeps our functions, if it does: see [`library`].
    pub library: Option<String>,
}

/// How much a probe reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// What a plan needs: contents only where what is current is what is wanted.
    #[default]
    Plan,
    /// Contents, whatever is wanted: for audits.
    Contents,
    /// Also what of web servers and containers would go on serving an old release: for the doctor.
    Servers,
}

/// Functions that a host keeps between scripts: they are a third of what a deploy sends.
pub struct Library {
    /// Their text.
    pub text: String,
    /// The name of their file, below the site's own directory.
    pub name: String,
    /// The digest of the text.
    pub digest: Digest,
}

/// The functions of this version.
#[must_use]
pub fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
        let text = crate::shell::library();
        let digest = Digest::of(text.as_bytes());
        Library { name: format!("library-{}", digest.short()), text, digest }
    });
    &LIBRARY
}

impl Place {
    fn script<'a>(
        &self,
        marker: &str,
        more: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Script {
        let base = [("root", self.root.clone())];
        Script::new(marker, base.into_iter().chain(more)).with_library(self.library.clone())
    }

    /// Where the host keeps our functions, or would.
    #[must_use]
    pub fn library_path(&self) -> String {
        format!("{}/.fleetctl/{}", self.root, library().name)
    }

    /// For scripts that compare trees or make them: who owns releases, and how contents are read.
    fn names(&self) -> [(&'static str, String); 3] {
        let hash = if self.large { "openssl" } else { "sha256sum" };
        [("owner", self.owner.clone()), ("group", self.group.clone()), ("hash", hash.to_owned())]
    }

    /// A script that works under the mutex, and knows the lock.
    fn locking<'a>(
        &self,
        marker: &str,
        more: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Script {
        let ours = [("run", self.run.clone()), ("ttl", self.lease.to_string())];
        let script = self.script(marker, ours.into_iter().chain(more));
        let script = script.part(Part::Lock).part(Part::Mutex);
        if self.flock { script } else { script.part(Part::MutexLink) }
    }

    /// Reads everything, and answers the lines of `ask`; `want` is the body digest of the wanted
    /// release, or empty.
    #[must_use]
    pub fn probe(&self, marker: &str, want: &str, depth: Depth, ask: &str) -> Script {
        let thorough = if depth == Depth::Contents { "yes" } else { "no" };
        let values = [("want", want), ("thorough", thorough), ("ask", ask)];
        let values = values.map(|(name, value)| (name, value.to_owned()));
        let script = self.script(marker, self.names().into_iter().chain(values));
        // First, because the probe may end early.
        let script = with(script, Part::Web, depth != Depth::Servers);
        script.part(Part::Tree).part(Part::Look).part(Part::Probe)
    }

    /// Makes the root directory, with root's rights. `group` may be empty for the owner's own.
    #[must_use]
    pub fn prepare(&self, marker: &str, owner: &str, group: &str) -> Script {
        let values = [("root", &*self.root), ("owner", owner), ("group", group)];
        Script::new(marker, values.map(|(name, value)| (name, value.to_owned())))
            .part(Part::Prepare)
    }

    /// Takes the lock alone.
    #[must_use]
    pub fn take(&self, marker: &str, lock: &Lock<'_>) -> Script {
        self.locking(marker, lock.values()).part(Part::Take)
    }

    /// Takes the lock, receives and verifies a release.
    #[must_use]
    pub fn stage(&self, marker: &str, lock: &Lock<'_>, d: &Deployment, wanted: &Wanted) -> Script {
        let (base, base_id) = d.base.as_ref().map_or(("-".to_owned(), "-".to_owned()), |base| {
            (base.0.to_string(), base.1.to_string())
        });
        let yes = |claim: bool| if claim { "yes".to_owned() } else { "no".to_owned() };
        let values = [
            ("name", d.name.to_string()),
            ("id", d.id.to_string()),
            ("salted", yes(wanted.manifest.tainted)),
            ("base", base),
            ("base_id", base_id),
            ("link", yes(wanted.hard_links)),
            ("library", library().name.clone()),
            ("unpack", self.coding.unpack().to_owned()),
        ];
        let values = lock.values().into_iter().chain(self.names()).chain(values);
        let script = self.locking(marker, values).part(Part::Fence).part(Part::Names);
        script.part(Part::Tree).part(Part::Ground).part(Part::Take).part(Part::Stage)
    }

    /// Reads a release that is not current, byte by byte. With `lock`, takes it first.
    #[must_use]
    pub fn inspect(&self, marker: &str, lock: Option<&Lock<'_>>, name: &str, id: &str) -> Script {
        let values = [("name", name.to_owned()), ("id", id.to_owned())];
        let values = self.names().into_iter().chain(values);
        match lock {
            Some(lock) => self
                .locking(marker, lock.values().into_iter().chain(values))
                .part(Part::Names)
                .part(Part::Tree)
                .part(Part::Look)
                .part(Part::Take)
                .part(Part::Inspect)
                // Reading may have taken longer than the lease.
                .line("write_lock \"$who\""),
            None => self
                .script(marker, values)
                .line("meta=$root/.fleetctl")
                .part(Part::Names)
                .part(Part::Tree)
                .part(Part::Look)
                .part(Part::Inspect),
        }
    }

    /// Makes a staged release current.
    #[must_use]
    pub fn activate(&self, marker: &str, step: &Activation<'_>) -> Script {
        let d = step.deployment;
        let record = serde_json::to_string(&d.undo).unwrap_or_default();
        let previous = d.previous.as_ref().map_or(String::new(), |name| format!("releases/{name}"));
        let values = [
            ("generation", step.generation.to_string()),
            ("name", d.name.to_string()),
            ("previous", previous),
            ("record", record),
            ("intent", step.intent.to_owned()),
        ];
        let script = self.fenced(marker, values, step.rise).part(Part::Note).part(Part::Switch);
        let script = with(script, Part::Command, step.before.is_empty());
        let script = with(script, Part::Php, !is_only_tried(step.reload) || step.reload.is_empty());
        with(script, Part::Operations, d.before.is_empty() && d.after.is_empty())
            .function("before_commands", &commands(step.before, step.patience))
            .function("before_switch", &operations(&d.before))
            .function("after_switch", &operations(&d.after))
            .function("reload_services", &reloads(step.reload, step.rise, step.patience))
            .part(Part::Activate)
    }

    /// Makes the current release the confirmed one.
    #[must_use]
    pub fn confirm(&self, marker: &str, step: &Confirmation<'_>) -> Script {
        let values = [
            ("generation", step.generation.to_string()),
            ("name", step.name.to_string()),
            ("confirmed", step.record.to_owned()),
        ];
        let settling = step.settle.map(settling);
        let values = values.into_iter().chain(settling.into_iter().flatten());
        let script = self.locking(marker, values).part(Part::Fence).part(Part::Note);
        let script = with(script, Part::Command, step.after.is_empty())
            .function("after_commands", &commands(step.after, step.patience))
            .part(Part::Confirm);
        with(script, Part::Settle, step.settle.is_none())
    }

    /// Brings back what was there before an activation.
    #[must_use]
    pub fn undo(&self, marker: &str, step: &UndoStep<'_>) -> Script {
        let values = [
            ("generation", step.generation.to_string()),
            ("name", step.record.release.to_string()),
            ("undone", step.line.to_owned()),
        ];
        let back =
            step.record.previous.as_ref().map_or("-".to_owned(), |p| format!("releases/{p}"));
        let mut lines = operations(&step.record.before);
        lines.push(format!("switch {}", quote(&back)));
        lines.extend(operations(&step.record.after));
        let script = self.fenced(marker, values, step.rise).part(Part::Note).part(Part::Switch);
        let script = with(script, Part::Php, !is_only_tried(step.reload) || step.reload.is_empty());
        with(
            script,
            Part::Operations,
            step.record.before.is_empty() && step.record.after.is_empty(),
        )
        .function("undo_operations", &lines)
        .function("reload_services", &reloads(step.reload, step.rise, step.patience))
        .part(Part::Undo)
    }

    /// Reloads alone, for hosts where the owner's script cannot rise to root.
    #[must_use]
    pub fn reload(&self, marker: &str, reload: &[Reload], patience: u64) -> Script {
        let script = Script::new(marker, []).part(Part::Php);
        let lines = reloads(reload, Rise::AsWeAre, patience);
        script.function("reload_services", &lines).line("reload_services")
    }

    /// Prunes and gives the lock back.
    #[must_use]
    pub fn settle(&self, marker: &str, prune: &Prune) -> Script {
        self.locking(marker, settling(prune)).part(Part::Ours).part(Part::Settle)
    }

    /// Takes the lock for no other reason than to prune, and gives it back.
    #[must_use]
    pub fn tidy(&self, marker: &str, lock: &Lock<'_>, prune: &Prune) -> Script {
        let values = lock.values().into_iter().chain(settling(prune));
        self.locking(marker, values).part(Part::Take).part(Part::Settle)
    }

    /// Keeps the lease alive.
    #[must_use]
    pub fn renew(&self, marker: &str, generation: u64) -> Script {
        let values = [("generation", generation.to_string())];
        self.fenced(marker, values, Rise::AsWeAre).part(Part::Renew)
    }

    /// Breaks the lock that run `held` has.
    #[must_use]
    pub fn break_lock(&self, marker: &str, held: &str) -> Script {
        self.locking(marker, [("held", held.to_owned())]).part(Part::Break)
    }

    /// A script that goes on only while the lock is ours; with the password that it may need.
    fn fenced<const N: usize>(
        &self,
        marker: &str,
        values: [(&str, String); N],
        rise: Rise,
    ) -> Script {
        let script = self.locking(marker, values).part(Part::Fence);
        if rise == Rise::SudoWithPassword { script.line("IFS= read -r password") } else { script }
    }
}

/// What pruning needs.
fn settling(prune: &Prune) -> [(&'static str, String); 2] {
    let join = |names: &BTreeSet<ReleaseName>| {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    [("releases", join(&prune.releases)), ("undos", join(&prune.undo))]
}

/// `script` with a part, unless it is `spared`: every byte crosses the wire.
fn with(script: Script, part: Part, spared: bool) -> Script {
    if spared { script } else { script.part(part) }
}

/// Whose rights a script of the owner's runs with, for a login as `login`.
#[must_use]
pub fn owner_rights(login: &str, owner: Option<&str>, password: bool) -> As {
    match owner {
        Some(owner) if owner != login => As::Sudo { user: owner.to_owned(), password },
        _ => As::Login,
    }
}

/// Root's rights for a login as `login`.
#[must_use]
pub fn root_rights(login: &str, password: bool) -> As {
    if login == "root" { As::Login } else { As::Sudo { user: "root".to_owned(), password } }
}
