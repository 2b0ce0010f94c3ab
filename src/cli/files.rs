//! Writes files of the project for the person: new ones only, and whole or not at all.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use super::Failure;
use crate::model::Problem;

/// Writes a file that must not exist yet, and the directories above it.
///
/// # Errors
/// When it exists, or the disk would not.
pub fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |why: io::Error| match why.kind() {
        io::ErrorKind::AlreadyExists => {
            let problem = Problem::new(format!("{}: is there already", path.display()));
            Failure::usage(
                problem.hint("nothing is ever overwritten; move it away, or take another name"),
            )
        }
        _ => Failure::internal(format!("{}: {why}", path.display())),
    };
    let above = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(above).map_err(failed)?;
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(above)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist_noclobber(path).map_err(|why| failed(why.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        write_new(&path, "one").unwrap();
        assert!(write_new(&path, "two").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::read_dir(directory.path().join("a")).unwrap().count(), 1);
    }
}
