//! The real Ansible: one Python process for all worlds.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{Said, World, worlds};

/// The Python that has ansible-core.
pub fn python() -> PathBuf {
    let mut prepare = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python"));
    let out = prepare.arg("ansible").env("CARGO_TARGET_DIR", target()).output().unwrap();
    assert!(out.status.success(), "tests/python: {}", String::from_utf8_lossy(&out.stderr));
    PathBuf::from(String::from_utf8(out.stdout).unwrap().trim())
}

/// The directory of the build: two above the program.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_fleetctl"));
    program.ancestors().nth(2).expect("a target directory").to_owned()
}

/// Gives a command an environment of its own: Ansible wants UTF-8, and ours asks whether it is
/// under CI.
pub fn bare<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", home).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null())
}

/// What Ansible says of each world.
pub fn ask(directory: &Path, worlds: &[World], homes: &[PathBuf]) -> Vec<Result<Said, String>> {
    let questions: Vec<String> =
        worlds.iter().zip(homes).map(|(w, home)| question(w, home)).collect();
    let input = directory.join("questions");
    fs::write(&input, questions.join("\n") + "\n").expect("a file");
    let out = bare(&mut Command::new(python()), directory)
        .arg(worlds::home().join("inventory.py"))
        .current_dir(directory)
        .stdin(fs::File::open(&input).expect("a file"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("Python");
    let said = String::from_utf8(out.stdout).expect("UTF-8");
    let answers: Vec<_> = said.lines().map(answer).collect();
    if answers.len() != worlds.len() {
        std::io::stderr().write_all(&out.stderr).expect("standard error");
        panic!("{} answers to {} questions", answers.len(), worlds.len());
    }
    answers
}

fn question(world: &World, home: &Path) -> String {
    let sources: Vec<PathBuf> = world
        .sources
        .iter()
        .map(|source| {
            // Hosts themselves are no path.
            if source.contains(',') {
                return source.into();
            }
            // Static JSON of a list is no form of Ansible's: there a program prints it.
            let printed = home.join(format!("{source}.sh"));
            if printed.exists() { printed } else { home.join(source) }
        })
        .collect();
    let queries: Vec<Value> = world
        .queries
        .iter()
        .map(|(pattern, limit)| match limit {
            Some(limit) => json!({ "pattern": pattern, "limit": limit }),
            None => json!({ "pattern": pattern }),
        })
        .collect();
    json!({ "sources": sources, "queries": queries }).to_string()
}

fn answer(line: &str) -> Result<Said, String> {
    let value: Value = serde_json::from_str(line).expect("an answer");
    if let Some(why) = value["error"].as_str() {
        return Err(why.to_owned());
    }
    if value["parsed"] == 0 {
        return Err("no source was parsed".to_owned());
    }
    let map = |value: &Value| {
        let entries = value.as_object().expect("a mapping").iter();
        entries.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let queries = value["queries"].as_array().expect("a list").iter().map(|answer| {
        let names = answer.as_array().ok_or_else(|| answer["error"].to_string())?;
        Ok(names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect())
    });
    Ok(Said {
        queries: queries.collect(),
        variables: map(&value["variables"]),
        groups: map(&value["groups"]),
    })
}
