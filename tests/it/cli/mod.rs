//! Whole screens and exit codes of the command line, as people and pipes see them.

mod advice;
mod ansible;
mod artifact;
mod behind;
mod holds;
pub mod hostile;
mod init;
mod inventory;
mod lock;
mod reach;
mod runs;
mod typos;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A directory to run fleetctl in, and nothing of the surroundings.
pub struct Stage {
    directory: TempDir,
}

/// What a command left on the screen.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Stage {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let stage = Self { directory: TempDir::new().unwrap() };
        for (path, text) in files {
            stage.write(path, text);
        }
        stage
    }

    /// A project as `init` makes it.
    pub fn initialised() -> Self {
        let stage = Self::new(&[]);
        stage.run(&["init"]).expect(0);
        stage
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Replaces a text of a file that must be there.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path}: {text}");
        self.write(path, &text.replace(old, new));
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run_in(self.directory.path(), &[], arguments)
    }

    /// The same, for a screen of so many columns.
    pub fn run_on(&self, columns: usize, arguments: &[&str]) -> Ran {
        let variables = [("COLUMNS".to_owned(), columns.to_string())];
        run_in(self.directory.path(), &variables, arguments)
    }
}

/// Runs fleetctl in `directory` with no terminal and an environment of its own.
pub fn run_in(directory: &Path, variables: &[(String, String)], arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetctl"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", directory).env("TZ", "UTC").env("USER", "tester");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// The one JSON document on standard output.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }

    /// Nothing on the screen is wider than this.
    #[track_caller]
    pub fn assert_within(&self, columns: usize) {
        for line in self.out.lines().chain(self.err.lines()) {
            assert!(line.chars().count() <= columns, "wider than {columns}: {line}");
        }
    }
}
