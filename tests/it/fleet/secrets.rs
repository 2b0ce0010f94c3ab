//! A secret is where it belongs, on the hosts, and nowhere else: not in what is said, kept, logged
//! or passed to a program, in whatever spelling, also when things go wrong.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    project::{Member, Project, Ran, edit},
    sixty::lab,
};

const SITES: [&str; 2] = ["y1", "y2"];
/// Two values, one after the other, that no other test has.
const CANARIES: [&str; 2] = ["Zaunkoenig-41%\"'<&>\\/ x", "Rotkehlchen-58%\"'<&>\\/ y"];

/// What a text would hold that gave a canary away: the word itself and its usual spellings.
fn spellings() -> Vec<String> {
    let mut found = Vec::new();
    for canary in CANARIES {
        let word = canary.split('-').next().unwrap();
        let each = |write: fn(u8) -> String| word.bytes().map(write).collect::<String>();
        found.push(word.to_owned());
        found.push(each(|byte| format!("{byte:02x}")));
        found.push(each(|byte| format!("{byte:02X}")));
        found.push(each(|byte| format!("%{byte:02X}")));
        found.push(each(|byte| format!("\\u00{byte:02x}")));
        // In base64 a text looks in three ways, by where it begins.
        for lead in 0..3 {
            let text = base64(&[&vec![b' '; lead], word.as_bytes()].concat());
            let text = text.trim_end_matches('=');
            found.push(text[if lead == 0 { 0 } else { lead + 1 }..text.len() - 1].to_owned());
        }
    }
    found
}

fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = (0..3).fold(0_usize, |all, at| {
            all << 8 | usize::from(chunk.get(at).copied().unwrap_or_default())
        });
        for at in 0..=chunk.len() {
            text.push(letters[three >> (18 - 6 * at) & 63]);
        }
    }
    text
}

/// The spelling that is found in `bytes`.
fn betrayed<'a>(bytes: &[u8], spellings: &'a [String]) -> Option<&'a str> {
    let text = String::from_utf8_lossy(bytes);
    spellings.iter().find(|spelling| text.contains(*spelling)).map(String::as_str)
}

/// All files below, with their bytes.
fn files(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                found.extend(fs::read(entry.path()).ok().map(|bytes| (entry.path(), bytes)));
            }
        }
    }
    found
}

/// Looks at the arguments and the environment of every process that has begun since, here and on
/// all hosts, until told to stop; what gave a canary away is put into `found`.
fn watch(stop: &AtomicBool, found: &Mutex<Vec<String>>, looks: &Mutex<usize>) {
    let spellings = spellings();
    let all = || fs::read_dir("/proc").unwrap().flatten();
    // What is older cannot have been told a secret of this test, and is the larger part by far.
    let old: BTreeSet<_> = all().map(|entry| entry.file_name()).collect();
    while !stop.load(Ordering::Relaxed) {
        for entry in all().filter(|entry| !old.contains(&entry.file_name())) {
            for what in ["cmdline", "environ"] {
                let Ok(bytes) = fs::read(entry.path().join(what)) else { continue };
                if let Some(how) = betrayed(&bytes, &spellings) {
                    let path = entry.path().join(what);
                    found.lock().unwrap().push(format!("{}: {how}", path.display()));
                }
            }
        }
        *looks.lock().unwrap() += 1;
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_base64_of_ours_is_that_of_others() {
    assert_eq!(base64(b"Zaunkoenig"), "WmF1bmtvZW5pZw");
    let spellings = spellings();
    for lead in ["", "x", "xy"] {
        let text = base64(format!("{lead}Zaunkoenig and more").as_bytes());
        assert!(betrayed(text.as_bytes(), &spellings).is_some(), "{lead}");
    }
    assert_eq!(betrayed(b"nothing to be seen", &spellings), None);
}

#[test]
fn a_secret_is_seen_nowhere_but_in_the_files_that_carry_it() {
    let project = Project::new(&SITES.map(|site| Member::new(site, &["forms"])));
    edit(
        &project.path("inventory/groups.yml"),
        "{ from_env: CONTACT_FORM_KEY }",
        "{ from_file: key }",
    );
    the_watch_is_awake();
    let (stop, found, looks) = (AtomicBool::new(false), Mutex::new(Vec::new()), Mutex::new(0));
    let said = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&stop, &found, &looks));
        let said = thread::scope(|inner| inner.spawn(|| everything(&project)).join());
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        said.unwrap()
    });
    let spellings = spellings();
    for ran in &said {
        assert_eq!(betrayed(ran.text().as_bytes(), &spellings), None, "{ran}");
    }
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{found:#?}");
    let looks = looks.into_inner().unwrap();
    println!("{} commands, {looks} looks at all processes", said.len());
    assert!(looks > 100, "{looks}");
    what_is_kept_here(&project, &spellings);
    for site in SITES {
        what_is_kept_there(site, &spellings);
    }
}

/// An argument that gives a canary away is seen, were there one.
fn the_watch_is_awake() {
    let (stop, found, looks) = (AtomicBool::new(false), Mutex::new(Vec::new()), Mutex::new(0));
    thread::scope(|scope| {
        scope.spawn(|| watch(&stop, &found, &looks));
        while *looks.lock().unwrap() == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        let careless = Command::new("sh").args(["-c", "sleep 0.5; true", CANARIES[0]]).status();
        stop.store(true, Ordering::Relaxed);
        assert!(careless.unwrap().success());
    });
    assert!(!found.into_inner().unwrap().is_empty());
}

/// Every verb that comes near a secret, in good and in bad days.
fn everything(project: &Project) -> Vec<Ran> {
    let mut said = Vec::new();
    let mut run = |arguments: &[&str], code: i32| said.push(project.run(arguments).expect(code));
    let key = |value: &str| {
        fs::write(project.path("key"), value).unwrap();
        fs::set_permissions(project.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    };
    key(CANARIES[0]);
    run(&["validate"], 0);
    run(&["inventory", "explain", "y1"], 0);
    run(&["plan", "--diff", "-vv"], 10);
    run(&["deploy", "--yes", "--diff", "-vv"], 0);
    // Another secret, and nothing else.
    key(CANARIES[1]);
    run(&["plan", "--diff", "-o", "json"], 10);
    run(&["deploy", "--yes", "--diff", "-vv", "-o", "json"], 0);
    // Somebody has altered the file that carries it.
    for site in SITES {
        let host = &lab().site(site).0.name;
        lab().exec(
            host,
            &format!("echo '// more' >>/srv/{site}/current/private/contact-form/config.php"),
        );
    }
    run(&["audit", "-vv"], 10);
    run(&["audit", "-o", "json"], 10);
    run(&["plan", "--diff", "-vv"], 10);
    run(&["rollback", "y1", "--yes", "-vv"], 0);
    run(&["status", "-o", "json"], 0);
    // A deploy that fails at its gate, and one at its command; both are taken back.
    let play = project.read("playbooks/deploy.yml");
    project.write(
        "playbooks/deploy.yml",
        "- name: features\n  hosts: all\n  rollout:\n    batches: [100%]\n    gates:\n      \
         - { command: 'ls -l private/contact-form; false', attempts: 1 }\n",
    );
    run(&["deploy", "--yes", "--diff", "-vv", "-e", "contact_heading=Sick", "--retry-rejected"], 6);
    project.write("playbooks/deploy.yml", &play);
    project.with_release("before: ['false']");
    run(
        &["deploy", "--yes", "-vv", "-o", "json", "-e", "contact_heading=Ill", "--retry-rejected"],
        5,
    );
    // A template that cannot take it.
    let template = "{{ contact_key.user.name }} {{ contact_key | int }}";
    project.feature("contact-form", "2.1.8", |source| {
        fs::write(source.join("templates/config.php.j2"), template).unwrap();
    });
    project.publish("contact-form");
    run(&["plan", "--diff", "-vv"], 3);
    for verb in [["history"].as_slice(), &["history", "y1", "-o", "json"], &["run", "show", "last"]]
    {
        run(verb, 0);
    }
    said
}

fn what_is_kept_here(project: &Project, spellings: &[String]) {
    let kept = files(&project.path(""));
    assert!(kept.len() > 10);
    for (path, bytes) in kept {
        if path != project.path("key") {
            assert_eq!(betrayed(&bytes, spellings), None, "{}", path.display());
        }
    }
    let open = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(open(&project.path(".fleetctl")), 0, "others may look into .fleetctl");
    for (path, _) in files(&project.path(".fleetctl")) {
        let is_for_git = path.ends_with(".gitignore");
        assert!(is_for_git || open(&path) == 0, "others may read {}", path.display());
    }
}

fn what_is_kept_there(site: &str, spellings: &[String]) {
    let host = lab().site(site).0;
    let root = Path::new("/proc").join(host.pid.to_string()).join("root");
    let mut carriers = 0;
    for place in ["srv", "var/www", "var/log", "var/tmp", "tmp", "run", "home", "root", "etc"] {
        // What other tests have beside it is not ours to judge, and has no canary of ours.
        for (path, bytes) in files(&root.join(place)) {
            let Some(how) = betrayed(&bytes, spellings) else { continue };
            let inside = path.strip_prefix(&root).unwrap().display().to_string();
            let is_carrier = inside.starts_with(&format!("srv/{site}/releases/"))
                && inside.ends_with("/private/contact-form/config.php");
            assert!(is_carrier, "{inside} on {} has {how}", host.name);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o640, "{inside}");
            carriers += 1;
        }
    }
    assert!(carriers > 0, "no release of {site} carries the secret");
}
