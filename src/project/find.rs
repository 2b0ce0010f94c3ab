//! Where the project is, and whether what is written there can be believed.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::model::Problem;

/// The directory of the project: the one named, or the nearest above `from` with a `fleet.yml`.
pub(super) fn root(named: Option<&Path>, from: &Path) -> Result<PathBuf, Problem> {
    let holds_project = |directory: &Path| directory.join("fleet.yml").is_file();
    let found = match named {
        Some(named) => Some(from.join(named)).filter(|directory| holds_project(directory)),
        None => from.ancestors().find(|directory| holds_project(directory)).map(Path::to_owned),
    };
    let Some(found) = found else {
        return Err(match named {
            Some(named) => Problem::new(format!("{}: there is no fleet.yml", named.display()))
                .hint("`fleetctl init` makes one"),
            None => Problem::new("there is no fleet.yml here or in a directory above")
                .hint("name the project with --project, or make one with `fleetctl init`"),
        });
    };
    let shown = |why: io::Error| Problem::new(format!("{}: {why}", found.display()));
    let root = fs::canonicalize(&found).map_err(shown)?;
    check_writers(&root, &root.display().to_string())?;
    Ok(root)
}

/// Refuses what anybody on this machine can write: they could choose what runs on the hosts.
pub(super) fn check_writers(path: &Path, shown: &str) -> Result<(), Problem> {
    let metadata = fs::metadata(path).map_err(|why| Problem::new(format!("{shown}: {why}")))?;
    if metadata.permissions().mode() & 0o002 != 0 {
        let what = if metadata.is_dir() { "directory" } else { "file" };
        let problem =
            Problem::new(format!("{shown}: anybody on this machine can write this {what}"));
        return Err(problem.hint(format!("chmod o-w {shown}")));
    }
    Ok(())
}

/// Makes sure of `.fleetctl/`, mode 0700.
pub(super) fn state(root: &Path) -> Result<PathBuf, Problem> {
    let path = root.join(".fleetctl");
    let failed = |why: &dyn std::fmt::Display| Problem::new(format!(".fleetctl: {why}"));
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(failed(&why)),
        _ => {}
    }
    let metadata = fs::symlink_metadata(&path).map_err(|why| failed(&why))?;
    if !metadata.is_dir() {
        return Err(failed(&"is not a directory").hint("move it away"));
    }
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && own != 0 {
        return Err(
            failed(&"belongs to somebody else").hint("run as the user who made it, or remove it")
        );
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .map_err(|why| failed(&why))?;
    }
    Ok(path)
}
