//! Scenarios as data (`tests/cases/resolve/*.yml`, one list of cases to a file), and what holds
//! in every world.

use std::{fs, path::Path};

use super::*;
use crate::{
    feature::{LockedSet, Published},
    model::{
        Platform, Position,
        yaml::{self, Fields, Node},
    },
};

mod against;
mod holds;
mod worlds;

fn at(line: u32) -> Position {
    Position { file: "inventory/sites.yml".into(), line, column: 5 }
}

/// A version that says `needs core ^1; shuns chat *; only static; yanked it is slow`.
fn published(version: &Version, words: &str) -> Published {
    let digest = Digest::of(version.to_string().as_bytes());
    let mut published = Published {
        digest,
        yanked: None,
        platforms: Platform::ALL.into(),
        requires: [].into(),
        conflicts: [].into(),
    };
    for word in words.split(';').map(str::trim).filter(|word| !word.is_empty()) {
        let (verb, rest) = word.split_once(' ').unwrap();
        let relation = || {
            let (name, requirement) = rest.split_once(' ').unwrap();
            (name.parse().unwrap(), requirement.parse().unwrap())
        };
        match verb {
            "needs" => published.requires.extend([relation()]),
            "shuns" => published.conflicts.extend([relation()]),
            "only" => {
                published.platforms = rest.split(' ').map(|word| word.parse().unwrap()).collect();
            }
            "yanked" => published.yanked = Some(rest.to_owned()),
            other => panic!("{other}"),
        }
    }
    published
}

/// `foo ^1` through group g, at a line of its own.
fn want(words: &str, line: u32) -> Want {
    let (feature, requirement) = words.split_once(' ').unwrap();
    Want {
        feature: feature.parse().unwrap(),
        requirement: requirement.parse().unwrap(),
        through: Through::Group("g".parse().unwrap()),
        at: at(line),
    }
}

fn site(name: &str, wants: &[&str]) -> Ask {
    Ask {
        site: name.parse().unwrap(),
        platform: None,
        wants: (1..).zip(wants).map(|(line, words)| want(words, line)).collect(),
        opt_outs: Vec::new(),
        holds: Vec::new(),
    }
}

fn shown(gets: &BTreeMap<FeatureName, Chosen>) -> String {
    let all = gets.iter().map(|(name, chosen)| format!("{name} {}", chosen.version));
    all.collect::<Vec<_>>().join(", ")
}

/// What every site gets: `a.example: foo 1.0.0, bar 1.1.0`.
fn chosen(asks: &[Ask], catalog: &Catalog, lock: Option<&Lock>) -> Result<Vec<String>, String> {
    let resolution = resolve(requirement_sets(asks), catalog, lock, &[]);
    let choice = resolution.map_err(|conflict| conflict.to_string())?.choice();
    Ok(choice.iter().map(|(site, gets)| format!("{site}: {}", shown(gets))).collect())
}

/// One of the cases.
struct Story {
    name: String,
    catalog: Catalog,
    ask: Ask,
    lock: Lock,
    updates: Vec<Update>,
    gets: Option<String>,
    refused: Vec<String>,
}

fn texts(node: Option<&Node>) -> Vec<String> {
    let items = node.map(Node::one_or_many).unwrap_or_default();
    let text = |item: &Node| match &item.value {
        yaml::Yaml::Text(text) => text.clone(),
        other => panic!("{}: {other:?}", item.at),
    };
    items.iter().map(text).collect()
}

fn versions(node: Option<&Node>) -> BTreeMap<FeatureName, Version> {
    let mut problems = Problems::default();
    let entries = node.and_then(|node| node.map(&mut problems)).unwrap_or_default();
    let version = |node: &Node| node.parsed(&mut Problems::default()).unwrap();
    entries.iter().map(|(key, node)| (key.text.parse().unwrap(), version(node))).collect()
}

fn catalog(node: &Node) -> Catalog {
    let mut problems = Problems::default();
    let mut catalog = Catalog::new();
    for (name, node) in node.map(&mut problems).unwrap() {
        let each = node.map(&mut problems).unwrap().iter().map(|(version, node)| {
            let version: Version = version.text.parse().unwrap();
            let words = if node.is_null() { String::new() } else { texts(Some(node)).concat() };
            (version.clone(), published(&version, &words))
        });
        catalog.insert(name.text.parse().unwrap(), each.collect());
    }
    catalog
}

fn locked(set: RequirementSet, gets: BTreeMap<FeatureName, Version>) -> Lock {
    let mut lock = Lock::default();
    for (name, version) in &gets {
        let digest = Digest::of(version.to_string().as_bytes());
        lock.features.entry(name.clone()).or_default().insert(version.clone(), digest);
    }
    lock.sets.insert(set, LockedSet { gets, ..LockedSet::default() });
    lock
}

fn story(node: &Node) -> Story {
    let mut problems = Problems::default();
    let mut fields: Fields<'_> = node.fields(&mut problems).unwrap();
    let name = texts(fields.required("case", &mut problems)).concat();
    let catalog = catalog(fields.required("published", &mut problems).unwrap());
    let asks = texts(fields.required("asks", &mut problems));
    let mut ask = site("a.example", &asks.iter().map(String::as_str).collect::<Vec<_>>());
    let platform = texts(fields.optional("platform"));
    ask.platform = platform.first().map(|word| word.parse().unwrap());
    for (key, is_over) in [("holds", false), ("over", true)] {
        for (feature, version) in versions(fields.optional(key)) {
            let held = Held { version, until: None };
            ask.holds.push(Hold { feature, held, is_over, at: at(90) });
        }
    }
    let without = texts(fields.optional("without"));
    let out = |name: &String| OptOut { feature: name.parse().unwrap(), at: at(80) };
    ask.opt_outs = without.iter().map(out).collect();
    let mut lock = Lock::default();
    if let Some(node) = fields.optional("locked") {
        let set = requirement_sets(std::slice::from_ref(&ask)).remove(0).set;
        lock = locked(set, versions(Some(node)));
    }
    if let Some(node) = fields.optional("elsewhere") {
        lock = locked(RequirementSet::default(), versions(Some(node)));
    }
    if let Some(node) = fields.optional("had") {
        lock = locked(RequirementSet::default(), versions(Some(node)));
        lock.sets.values_mut().for_each(|locked| locked.sites = [ask.site.clone()].into());
    }
    let update = |word: &String| {
        let (name, requirement) =
            word.split_once('@').map_or((word.as_str(), None), |(name, r)| (name, Some(r)));
        Update {
            feature: (!name.is_empty()).then(|| name.parse().unwrap()),
            requirement: requirement.map(|text| text.parse().unwrap()),
        }
    };
    let updates = texts(fields.optional("update")).iter().map(update).collect();
    let gets = fields.optional("gets").map(|node| {
        let all = versions(Some(node));
        let all = all.iter().map(|(name, version)| format!("{name} {version}"));
        all.collect::<Vec<_>>().join(", ")
    });
    let refused = texts(fields.optional("refused"));
    fields.finish("a case", &mut problems);
    assert_eq!(problems.0, [], "{name}");
    assert!(gets.is_some() == refused.is_empty(), "{name}: gets or refused");
    Story { name, catalog, ask, lock, updates, gets, refused }
}

fn stories() -> Vec<Story> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/resolve");
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let all = files.iter().flat_map(|path| {
        let text = fs::read_to_string(path).unwrap();
        let node = yaml::parse(&path.to_string_lossy(), &text).unwrap();
        node.list(&mut Problems::default()).unwrap().iter().map(story).collect::<Vec<_>>()
    });
    all.collect()
}

#[test]
fn every_scenario_comes_out_as_it_is_written_down() {
    let stories = stories();
    assert!(stories.len() >= 60, "{}", stories.len());
    let mut wrong = Vec::new();
    for story in &stories {
        let sets = requirement_sets(std::slice::from_ref(&story.ask));
        let name = &story.name;
        match (resolve(sets, &story.catalog, Some(&story.lock), &story.updates), &story.gets) {
            (Ok(resolution), Some(expected)) => {
                let found = resolution.sets.first().map(|solved| shown(&solved.gets));
                if found.as_ref() != Some(expected) {
                    wrong.push(format!("{name}: wanted {expected}, found {found:?}"));
                }
            }
            (Err(conflict), None) => {
                let said = conflict.to_string();
                for part in story.refused.iter().filter(|part| !said.contains(part.as_str())) {
                    wrong.push(format!("{name}: {part:?} is not in\n{said}"));
                }
            }
            (Ok(resolution), None) => wrong.push(format!("{name}: not refused: {resolution:?}")),
            (Err(conflict), Some(_)) => wrong.push(format!("{name}: refused:\n{conflict}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn form() -> Catalog {
    let version = |(text, words): (&str, &str)| {
        let version: Version = text.parse().unwrap();
        (version.clone(), published(&version, words))
    };
    let form = [
        ("1.9.0", ""),
        ("2.0.0", ""),
        ("2.1.4", ""),
        ("2.2.0", ""),
        ("2.3.0", "yanked it loses mail"),
    ];
    [
        ("contact-form".parse().unwrap(), form.map(version).into()),
        ("popup".parse().unwrap(), [("1.0.0", ""), ("1.1.0", "only static")].map(version).into()),
    ]
    .into()
}

#[test]
fn sites_that_ask_for_the_same_are_one_set_whoever_asks() {
    let mut own = site("b.example", &["contact-form ^2.0"]);
    own.wants[0].through = Through::Site;
    let mut held = site("c.example", &["contact-form ^2.0"]);
    held.holds.push(Hold {
        feature: "contact-form".parse().unwrap(),
        held: "2.0.0".parse().unwrap(),
        is_over: false,
        at: at(9),
    });
    let asks = [site("a.example", &["contact-form ^2.0"]), own, held, site("d.example", &[])];
    let sets = requirement_sets(&asks);
    assert_eq!(sets.len(), 2);
    assert_eq!(sets[0].sites.len(), 2);
    assert_eq!(
        chosen(&asks, &form(), None).unwrap(),
        [
            "a.example: contact-form 2.2.0",
            "b.example: contact-form 2.2.0",
            "c.example: contact-form 2.0.0"
        ]
    );
}

#[test]
fn one_trouble_of_many_sites_and_sets_is_told_once() {
    let mut asks = Vec::new();
    for index in 0..60 {
        let mut ask = site(&format!("s{index:02}.example"), &["contact-form ^4"]);
        ask.platform = Some(Platform::ALL[index % 3]);
        asks.push(ask);
    }
    asks.push(site("lonely.example", &["contact-form ^4", "popup ^1"]));
    let conflict = resolve(requirement_sets(&asks), &form(), None, &[]).unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "\
inventory/sites.yml:1:5: no published version of contact-form will do: lonely.example, s[00:59].example (61 sites) want
    ^4  through group g, inventory/sites.yml:1:5
  hint: nothing published satisfies ^4; published of contact-form: 1.9.0, 2.0.0, 2.1.4, 2.2.0, 2.3.0 (yanked)"
    );
}

#[test]
fn a_conflict_reads_like_a_letter_to_somebody_who_never_saw_this() {
    let core = |text: &str| {
        let version: Version = text.parse().unwrap();
        (version.clone(), published(&version, ""))
    };
    let with = |text: &str, words: &str| {
        let version: Version = text.parse().unwrap();
        (version.clone(), published(&version, words))
    };
    let catalog: Catalog = [
        ("form-core".parse().unwrap(), ["1.0.0", "1.4.0", "2.0.0"].map(core).into()),
        (
            "contact-form".parse().unwrap(),
            [with("2.1.4", "needs form-core ^2"), with("2.2.0", "needs form-core ^2")].into(),
        ),
        ("popup".parse().unwrap(), [with("1.0.2", "needs form-core ^1.2")].into()),
    ]
    .into();
    let asks: Vec<Ask> = (1..=20)
        .map(|index| site(&format!("shop{index:02}.example"), &["contact-form ^2.1", "popup ^1.0"]))
        .collect();
    let conflict = resolve(requirement_sets(&asks), &catalog, None, &[]).unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "\
inventory/sites.yml:2:5: shop[01:20].example (20 sites) want what does not go together:
    contact-form ^2.1  through group g, inventory/sites.yml:1:5
    popup ^1.0         through group g, inventory/sites.yml:2:5
    every contact-form that would do (2.1.4 and 2.2.0) needs form-core ^2
    popup 1.0.2, the only one that would do, needs form-core ^1.2
    published of form-core: 1.0.0, 1.4.0, 2.0.0
  hint: change one of these requirements, publish a version of one that goes with the others, or opt out of popup: `features: { popup: false }` at each of these sites, or in a group of theirs"
    );
}

#[test]
fn ten_thousand_sites_are_resolved_at_once() {
    let wants = ["contact-form ^2", "popup ^1"];
    let asks: Vec<Ask> =
        (0..10_000).map(|index| site(&format!("s{index}.example"), &wants)).collect();
    let began = std::time::Instant::now();
    let resolution = resolve(requirement_sets(&asks), &form(), None, &[]).unwrap();
    assert_eq!((resolution.sets.len(), resolution.choice().len()), (1, 10_000));
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
}
