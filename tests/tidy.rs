//! The invariants of the house, held over the sources themselves: which room may know which, who
//! may name which crate, who may print, who may open a secret, and how long a file may be.
//! A room that does not exist yet breaks nothing; a room that is not on the floor plan does.
//!
//! Findings are gathered and shown all at once, so that one run tells everything there is to mend.

use std::{fs, path::Path};

use source::{Source, blank, declared, files_below, names, rooms_named, root, sources, words_of};

#[cfg(test)]
#[path = "tidy/source.rs"]
mod source;

/// The floor plan: arrows only go down, and rooms on one floor do not know each other.
const FLOORS: [&[&str]; 8] = [
    &["model", "shell"],
    &["resource", "template", "event"],
    &["inventory", "feature", "playbook", "module", "release"],
    &["desired", "plan", "rollout"],
    &["transport", "registry", "project"],
    &["engine"],
    &["pipeline", "report", "store"],
    &["cli", "main", "lib"],
];

/// Floors below this one are pure.
const FIRST_IMPURE_FLOOR: usize = 4;

/// What belongs to one room alone.
const OWNED: [(&str, &str); 8] = [
    ("russh", "transport"),
    ("console", "report"),
    ("indicatif", "report"),
    ("clap", "cli"),
    ("minijinja", "template"),
    ("granit_parser", "model"),
    ("pubgrub", "feature"),
    ("object_store", "registry"),
];

/// Names that a pure room has no use for: the disk, the network, the clock, chance, and waiting.
const IMPURE: [&str; 19] = [
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "std::env",
    "std::thread",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
    "rustix",
    "tempfile",
    "getrandom",
    "hyper",
    "async fn",
    ".await",
    "File::open",
];

const PRINTING: [&str; 8] =
    ["println!", "print!", "eprintln!", "eprint!", "dbg!", "io::stdout", "io::stderr", "Term::"];

const UNWANTED_WORDS: [&str; 8] =
    ["node", "minion", "agent", "job", "manager", "helper", "util", "common"];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// Fails with everything that was found.
fn assert_tidy(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn every_room_is_on_the_floor_plan() {
    let findings: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_test && floor_of(&source.room).is_none())
        .map(|source| format!("{}: `{}` has no floor", source.path, source.room))
        .collect();
    assert_tidy("a room needs a floor (src/lib.rs, ARCHITECTURE.md, FLOORS here)", &findings);
}

#[test]
fn arrows_only_go_down() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let Some(floor) = floor_of(&source.room) else { continue };
        let mut seen = rooms_named(&source.code, "crate::");
        seen.extend(rooms_named(&source.code, "fleetctl::"));
        for room in seen {
            if room == source.room {
                continue;
            }
            if floor_of(&room).is_some_and(|below| below >= floor && floor < 7) {
                findings.push(format!("{} (floor {floor}) names `{room}`", source.path));
            }
        }
    }
    assert_tidy("a room knows only the floors below its own", &findings);
}

#[test]
fn audiences_meet_the_engine_only_through_events() {
    let findings: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_test && ["report", "store"].contains(&source.room.as_str()))
        .flat_map(|source| {
            let hands = ["engine", "pipeline", "transport", "registry"];
            let seen = rooms_named(&source.code, "crate::");
            let path = source.path.clone();
            hands
                .into_iter()
                .filter(move |hand| seen.contains(*hand))
                .map(move |hand| format!("{path} names `{hand}`"))
        })
        .collect();
    assert_tidy("report and store know the engine by its events alone", &findings);
}

#[test]
fn decisions_are_pure() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        if floor_of(&source.room).is_none_or(|floor| floor >= FIRST_IMPURE_FLOOR) {
            continue;
        }
        for name in IMPURE {
            if names(&source.code, name) {
                findings.push(format!("{} names `{name}`", source.path));
            }
        }
    }
    assert_tidy("floors 0 to 3 have no disk, network, clock, environment or chance", &findings);
}

#[test]
fn a_crate_with_an_owner_is_named_by_its_owner_alone() {
    let mut findings = Vec::new();
    for source in &sources() {
        for (name, owner) in OWNED {
            let inside = source.room == owner || (name == "russh" && source.room == "sandbox");
            if !inside
                && (names(&source.code, &format!("{name}::"))
                    || names(&source.code, &format!("use {name}")))
            {
                findings.push(format!("{} names `{name}`, which belongs to {owner}", source.path));
            }
        }
    }
    assert_tidy("these crates can be exchanged because one room knows them", &findings);
}

#[test]
fn only_report_and_cli_print() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        if ["report", "cli"].contains(&source.room.as_str()) {
            continue;
        }
        for name in PRINTING {
            if names(&source.code, name) {
                findings.push(format!("{} says `{name}`", source.path));
            }
        }
    }
    assert_tidy("the engine has no mouth: it emits events", &findings);
}

#[test]
fn secrets_are_opened_where_they_must_be_and_nowhere_else() {
    let findings: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_test && source.path != "src/model/secret.rs")
        .filter(|source| !["template", "release", "transport"].contains(&source.room.as_str()))
        .filter(|source| names(&source.code, ".expose(") || names(&source.code, "Secret::expose"))
        .map(|source| format!("{} exposes a secret", source.path))
        .collect();
    assert_tidy("a secret is exposed only in template, release and transport", &findings);
}

#[test]
fn nothing_global_can_change() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        for line in source.code.lines() {
            let declares =
                names(line, "static") && line.contains(':') && !line.contains("&'static");
            let changes = ["Mutex", "RwLock", "Atomic", "Cell", "static mut"];
            if declares && changes.iter().any(|kind| line.contains(kind))
                || line.contains("thread_local!")
            {
                findings.push(format!("{}: {}", source.path, line.trim()));
            }
        }
    }
    assert_tidy("there is no global state that changes", &findings);
}

#[test]
fn iteration_is_ordered_where_its_order_is_seen() {
    // Elsewhere a hash map may serve to look things up.
    const SEEN: [&str; 10] = [
        "shell", "resource", "event", "feature", "release", "desired", "plan", "rollout", "report",
        "store",
    ];
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        if !SEEN.contains(&source.room.as_str()) {
            continue;
        }
        for name in ["HashMap", "HashSet"] {
            if names(&source.code, name) {
                findings.push(format!("{} uses {name}: take a BTree", source.path));
            }
        }
    }
    assert_tidy("the same inputs give the same bytes", &findings);
}

#[test]
fn files_are_short() {
    let sources: Vec<Source> = sources().into_iter().filter(|source| !source.is_test).collect();
    let mut lengths: Vec<usize> = sources.iter().map(Source::code_lines).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.code_lines() > 400) {
        let lines = source.code_lines();
        findings.push(format!("{} has {lines} lines of code, at most 400", source.path));
    }
    if median > 150 {
        findings.push(format!("half of the files have more than {median} lines, at most 150"));
    }
    assert_tidy("a file has one thing to say", &findings);
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let said = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        let opens_a_room = source.path == format!("src/{}.rs", source.room)
            || source.path == format!("src/{}/mod.rs", source.room);
        let least = if opens_a_room && floor_of(&source.room) < Some(7) { 3 } else { 1 };
        if said < least && source.code_lines() > 0 {
            findings.push(format!(
                "{} opens with {said} lines of `//!`, at least {least}",
                source.path
            ));
        }
    }
    assert_tidy("what the room is for, what it must never do, who calls it", &findings);
}

#[test]
fn unwanted_words_name_nothing() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let mut found: Vec<String> = declared(&source.code);
        found.extend(
            Path::new(&source.path).file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        );
        for name in found {
            for word in words_of(&name) {
                // YAML's own word for its tree, and the ssh-agent, are terms of their fields.
                let term = (word == "node" && source.path.starts_with("src/model/yaml"))
                    || (word == "agent" && source.room == "transport");
                if UNWANTED_WORDS.contains(&word.as_str()) && !term {
                    findings.push(format!("{}: `{name}`", source.path));
                }
            }
        }
    }
    assert_tidy("names are the field's terms", &findings);
}

#[test]
fn no_test_is_switched_off() {
    let mut paths = Vec::new();
    files_below(&root().join("src"), "rs", &mut paths);
    files_below(&root().join("tests"), "rs", &mut paths);
    let findings: Vec<String> = paths
        .iter()
        .filter(|path| names(&blank(&fs::read_to_string(path).unwrap()), "#[ignore"))
        .map(|path| path.display().to_string())
        .collect();
    assert_tidy("a test that does not run holds nothing", &findings);
}

#[test]
fn dependencies_stay_within_their_budget() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let direct = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains('='))
        .count();
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let all = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(direct > 10 && all > direct, "the manifests are not read as they should be");
    assert!(
        direct <= 36,
        "{direct} direct dependencies, at most 36: a new one replaces an old one"
    );
    // 90 of these came with object_store, and 24 of them are never built on Linux.
    assert!(all <= 360, "{all} packages in Cargo.lock, at most 360");
}

#[test]
fn the_architecture_fits_on_a_few_pages() {
    if let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) {
        let lines = text.lines().count();
        assert!(lines <= 250, "ARCHITECTURE.md has {lines} lines, at most 250");
        for source in sources().iter().filter(|source| !source.is_test) {
            assert!(text.contains(&source.room), "ARCHITECTURE.md does not know `{}`", source.room);
        }
    }
}
