//! `artifact`: archives, judged before anybody trusts them.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Door, Outcome, exit};
use crate::{
    registry::{RegistryError, verify},
    release::{ArtifactManifest, artifact::Entry},
    report::{Line, Tone, bytes, plural},
};

/// What is done with archives.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say for each archive whether it could be an artifact; nothing is unpacked
    Verify(VerifyArgs),
}

/// Say for each archive whether it could be an artifact. Exit code 3 when one is refused.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Archives, tar or tar.gz
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Does it.
pub fn run(verb: &Verb, door: &Door) -> Outcome {
    match verb {
        Verb::Verify(args) => verified(args, door),
    }
}

fn verified(args: &VerifyArgs, door: &Door) -> Outcome {
    let verdicts: Vec<(&Path, Result<ArtifactManifest, String>)> =
        args.files.iter().map(|file| (file.as_path(), judged(file, door))).collect();
    if door.screen.is_json() {
        let all: Vec<Value> =
            verdicts.iter().map(|(file, verdict)| to_json(file, verdict)).collect();
        door.screen.json(&all)?;
    } else {
        let lines: Vec<Line> = verdicts.iter().map(|(file, verdict)| told(file, verdict)).collect();
        door.screen.show(&lines)?;
    }
    let is_good = verdicts.iter().all(|(_, verdict)| verdict.is_ok());
    Ok(if is_good { exit::DONE } else { exit::INVALID })
}

fn judged(file: &Path, door: &Door) -> Result<ArtifactManifest, String> {
    if door.path(file).is_dir() {
        return Err("it is a directory, not an archive".to_owned());
    }
    verify(&door.path(file)).map_err(|error| match error {
        RegistryError::Damaged { why, .. } => why,
        RegistryError::Io { error, .. } if error.kind() == ErrorKind::NotFound => {
            "there is no such file".to_owned()
        }
        RegistryError::Io { error, .. } => error.to_string(),
        other => other.to_string(),
    })
}

fn size(manifest: &ArtifactManifest) -> u64 {
    manifest.entries().values().map(Entry::size).sum()
}

fn to_json(file: &Path, verdict: &Result<ArtifactManifest, String>) -> Value {
    let file = file.to_string_lossy();
    match verdict {
        Ok(manifest) => json!({
            "file": file,
            "verdict": "accepted",
            "digest": manifest.digest(),
            "members": manifest.entries().len(),
            "bytes": size(manifest),
        }),
        Err(why) => json!({ "file": file, "verdict": "refused", "why": why }),
    }
}

fn told(file: &Path, verdict: &Result<ArtifactManifest, String>) -> Line {
    let name = Line::of(Tone::Strong, &file.to_string_lossy()).add(Tone::Plain, ": ");
    match verdict {
        Ok(manifest) => {
            let held = plural(manifest.entries().len(), "member");
            let rest = format!(", {held}, {}, {}", bytes(size(manifest)), manifest.digest());
            name.add(Tone::Good, "accepted").add(Tone::Dim, &rest)
        }
        Err(why) => name.add(Tone::Bad, "refused").add(Tone::Plain, &format!(": {why}")),
    }
}
