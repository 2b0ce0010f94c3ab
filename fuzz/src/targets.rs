//! What is fuzzed: each parser that reads what somebody else wrote, with what must hold of any
//! input besides that nothing breaks. Used by the fuzzer's binary, and by the tests, which replay
//! the corpora and some thousand mutations of them.

use std::{collections::BTreeSet, sync::LazyLock};

use fleetctl::{
    feature::{self, Lock},
    inventory::{self, Sources, Target, Text},
    model::Digest,
    plan::Observation,
    playbook,
    project::Settings,
    release::{
        ArtifactManifest, Manifest, SiteJournal, Texts,
        archive::{self, Limits},
    },
    shell::Frame,
    transport::host_key::{KnownHosts, LookupName},
};

/// A parser under test.
pub struct Parser {
    /// Its name, which is that of its corpus.
    pub name: &'static str,
    /// Feeds it.
    pub feed: fn(&[u8]),
}

/// All of them.
pub const ALL: &[Parser] = &[
    Parser { name: "archive", feed: archive },
    Parser { name: "artifact_manifest", feed: artifact_manifest },
    Parser { name: "feature", feed: feature },
    Parser { name: "host_answer", feed: host_answer },
    Parser { name: "inventory_yaml", feed: inventory_yaml },
    Parser { name: "inventory_ini", feed: inventory_ini },
    Parser { name: "inventory_json", feed: inventory_json },
    Parser { name: "known_hosts", feed: known_hosts },
    Parser { name: "lock", feed: lock },
    Parser { name: "pattern", feed: pattern },
    Parser { name: "playbook", feed: playbook },
    Parser { name: "release_manifest", feed: release_manifest },
    Parser { name: "settings", feed: settings },
];

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// An accepted archive is named by a manifest that reads back as itself.
fn archive(bytes: &[u8]) {
    let limits = Limits { members: 500, bytes: 1 << 20, names: 64 << 10 };
    if let Ok(manifest) = archive::examine(bytes, &limits) {
        assert_eq!(ArtifactManifest::parse(&manifest.to_text()).ok(), Some(manifest));
    }
}

/// One manifest has one text: whatever reads, is written the same.
fn artifact_manifest(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(manifest) = ArtifactManifest::parse(text) {
        assert_eq!(manifest.to_text(), text);
    }
}

/// What is refused says why.
fn feature(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Err(problems) = feature::parse("feature.yml", text) {
        assert!(!problems.to_string().is_empty());
    }
}

/// Whatever a host says is data.
fn host_answer(bytes: &[u8]) {
    let Ok(frame) = Frame::read(bytes, "m") else { return };
    let seen = Observation::read(&frame);
    let _ = seen.way_back(None);
    let journal = String::from_utf8_lossy(bytes);
    let _ = SiteJournal::read(&journal).highest();
}

fn sources(file: &str, text: &str) -> Sources {
    Sources {
        environment: "production".to_owned(),
        files: vec![Text { file: file.to_owned(), text: text.to_owned() }],
        ..Sources::default()
    }
}

fn inventory_yaml(bytes: &[u8]) {
    inventory("sites.yml", bytes);
}

fn inventory_ini(bytes: &[u8]) {
    inventory("hosts", bytes);
}

fn inventory_json(bytes: &[u8]) {
    inventory("hosts.json", bytes);
}

/// An inventory that is accepted can be asked everything; one that is not is refused in words.
fn inventory(file: &str, bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match inventory::read(&sources(file, text)) {
        Ok(inventory) => {
            for site in inventory.sites().iter().take(50) {
                let _ = site.variables(&[]);
            }
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

/// No line of a trust file breaks the reader, and what does not fit is never trusted silently.
fn known_hosts(bytes: &[u8]) {
    let mut known = KnownHosts::new();
    known.add("known_hosts", bytes);
    let _ = known.algorithms(&LookupName::host("a.example", 22));
}

/// A pattern selects some sites, or is refused in words.
fn pattern(bytes: &[u8]) {
    static SITES: LazyLock<inventory::Inventory> = LazyLock::new(|| {
        let text = "groups:\n  a: { children: [b] }\n  b:\n  c-d:\nsites:\n  \"x[1:9].example\": { groups: [b] }\n  y.example: { groups: [c-d] }\n";
        inventory::read(&sources("sites.yml", text)).unwrap()
    });
    let Some(text) = text(bytes) else { return };
    let target = Target { limit: vec![text.to_owned()], ..Target::default() };
    match inventory::select(&SITES, &target, &|_| BTreeSet::new()) {
        Ok(sites) => assert!(!sites.is_empty()),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

/// A lock that reads is written as one that reads as the same.
fn lock(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(lock) = Lock::parse("fleet.lock", text) {
        let again = lock.to_string();
        assert_eq!(
            Lock::parse("fleet.lock", &again).map(|lock| lock.to_string()),
            Ok(again.clone())
        );
    }
}

fn playbook(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Err(problems) = playbook::parse("deploy.yml", text) {
        assert!(!problems.to_string().is_empty());
    }
}

/// A manifest that reads is written as lines that read as the same.
fn release_manifest(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let mut parts = text.splitn(3, "\n\n").map(|part| format!("{}\n", part.trim_end_matches('\n')));
    let mut next = || parts.next().unwrap_or_default();
    let texts = Texts { tree: next(), sums: next(), about: next() };
    if let Ok(manifest) = Manifest::read(&texts) {
        let again = manifest.texts();
        assert_eq!(Manifest::read(&again).ok(), Some(manifest));
        assert_eq!(
            again.body(),
            Digest::of_parts([&*again.tree, &*again.sums, &*again.about].map(str::as_bytes))
        );
    }
}

fn settings(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Err(problems) = Settings::parse("fleet.yml", text) {
        assert!(!problems.to_string().is_empty());
    }
}
