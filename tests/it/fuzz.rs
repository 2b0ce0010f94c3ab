//! The fuzzer's parsers, fed on every test run: what was learnt or found before, the files of this
//! repository, and some thousand mutations of both, always the same ones. `fuzz/run` looks further.

use std::{fs, path::Path};

#[path = "../../fuzz/src/targets.rs"]
mod targets;

/// A generator of bits that needs no crate and gives the same on every machine (xorshift64*,
/// Vigna 2016).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % end.max(1)
    }
}

/// Files of the repository that the parser `name` would read.
const SEEDS: [(&str, &[&str]); 13] = [
    ("archive", &["registry/contact-form/2.2.0/artifact.tar.gz"]),
    (
        "artifact_manifest",
        &["registry/contact-form/2.2.0/manifest", "registry/popup/1.0.2/manifest"],
    ),
    ("feature", &["features/contact-form/feature.yml", "features/popup/feature.yml"]),
    ("host_answer", &["tests/it/fuzz/host_answer"]),
    (
        "inventory_yaml",
        &["inventory/groups.yml", "inventory/sites.yml", "tests/it/fuzz/ansible.yml"],
    ),
    ("inventory_ini", &["tests/it/fuzz/hosts.ini"]),
    ("inventory_json", &["tests/it/fuzz/hosts.json"]),
    ("known_hosts", &["tests/it/fuzz/known_hosts"]),
    ("lock", &["fleet.lock"]),
    ("pattern", &["tests/it/fuzz/pattern"]),
    ("playbook", &["playbooks/deploy.yml"]),
    ("release_manifest", &["tests/it/fuzz/release_manifest"]),
    ("settings", &["fleet.yml"]),
];

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (_, files) =
        SEEDS.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} has no seeds"));
    let mut seeds: Vec<Vec<u8>> = files
        .iter()
        .map(|file| fs::read(root.join(file)).unwrap_or_else(|why| panic!("{file}: {why}")))
        .collect();
    let corpus = fs::read_dir(root.join("fuzz/corpus").join(name)).into_iter().flatten();
    let mut learnt: Vec<_> = corpus.map(|entry| entry.unwrap().path()).collect();
    learnt.sort();
    seeds.extend(learnt.into_iter().map(|path| fs::read(path).unwrap()));
    seeds
}

/// One to eight small injuries.
fn mutated(seed: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    const NASTY: [&[u8]; 12] = [
        b"\0",
        b"\xff",
        b"\n",
        b": ",
        b"- ",
        b"&a",
        b"*a",
        b"[",
        b"{",
        b"99999999999999999999",
        b"'",
        b"\xe2\x80\xae",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(8) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(40)).min(bytes.len());
        match chance.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, NASTY[chance.below(NASTY.len())].iter().copied())),
            3 => bytes.truncate(at),
            4 => {
                let from = chance.below(other.len() + 1);
                let until = (from + chance.below(200)).min(other.len());
                drop(bytes.splice(at..at, other[from..until].iter().copied()));
            }
            _ => {
                let twice = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, twice));
            }
        }
    }
    bytes
}

#[test]
fn no_input_breaks_a_parser() {
    for parser in targets::ALL {
        let seeds = seeds(parser.name);
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        for seed in &seeds {
            (parser.feed)(seed);
        }
        for _ in 0..3_000 {
            let (seed, other) =
                (&seeds[chance.below(seeds.len())], &seeds[chance.below(seeds.len())]);
            let bytes = mutated(seed, other, &mut chance);
            let fed = std::panic::catch_unwind(|| (parser.feed)(&bytes));
            assert!(fed.is_ok(), "{}: {:?}", parser.name, String::from_utf8_lossy(&bytes));
        }
    }
}
