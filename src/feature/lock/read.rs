//! Reads a lock's text, and does not believe it: people merge it by hand.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::{Lock, LockedSet};
use crate::{
    feature::{Held, RequirementSet, Through},
    model::{
        Digest, FeatureName, Platform, Position, Problem, Problems, Requirement, named,
        yaml::{self, Key, Node, Yaml},
    },
};

/// The form of the file that this program reads and writes.
const FORM: i64 = 1;
/// Who asks where no group does.
pub(super) const ITSELF: &str = "the site itself";
const WAY_OUT: &str =
    "`fleetctl lock` writes this file: take it back from version control, and run that";

impl Lock {
    /// Reads a lock; `file` is its name for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places and excerpts.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let markers = ["<<<<<<< ", "=======", ">>>>>>> "];
        let left = text.lines().zip(1_u32..);
        let mut left = left.filter(|(line, _)| markers.iter().any(|mark| line.starts_with(mark)));
        if let Some((_, line)) = left.next() {
            let at = Position { file: file.into(), line, column: 1 };
            let problem = Problem::at(&at, "a merge left its marks here");
            return Err(problem
                .hint("keep the entries of both sides once each, then run: fleetctl lock")
                .into());
        }
        let mut problems = Problems::default();
        let node = yaml::parse(file, text)?;
        let lock = read(&node, &mut problems);
        problems.or(lock.unwrap_or_default()).map_err(|found| found.with_excerpts(file, text))
    }
}

fn read(node: &Node, problems: &mut Problems) -> Option<Lock> {
    let mut fields = node.fields(problems)?;
    let form = fields.required("lock", problems);
    match form.map(|node| (node, &node.value)) {
        Some((_, Yaml::Int(FORM))) | None => {}
        Some((node, Yaml::Int(other))) if *other > FORM => {
            let message = format!("this lock has the form {other}, and only {FORM} is known here");
            problems
                .push(node.problem(message).hint("use the fleetctl that wrote it, or a newer one"));
            return None;
        }
        Some((node, _)) => problems.push(node.expected("`1`, the form of this file")),
    }
    let mut lock = Lock::default();
    if let Some(node) = fields.required("features", problems) {
        for (key, node) in node.map(problems).unwrap_or_default() {
            let Some(feature) = key.parsed::<FeatureName>(problems) else { continue };
            let versions = lock.features.entry(feature).or_default();
            for (key, node) in node.map(problems).unwrap_or_default() {
                let digest = read_digest(node, problems);
                let version = key.parsed::<Version>(problems);
                versions.extend(version.zip(digest));
            }
        }
    }
    // A range is short and may stand for many.
    let mut room = 1_000_000;
    let mut places: BTreeMap<RequirementSet, Position> = BTreeMap::new();
    if let Some(node) = fields.required("sets", problems) {
        for item in node.list(problems).unwrap_or_default() {
            let Some((set, locked)) = read_set(item, &lock, &mut room, problems) else { continue };
            if let Some(first) = places.get(&set) {
                let message =
                    format!("these requirements are here twice: already in line {}", first.line);
                problems.push(
                    item.problem(message).hint("keep one of the two, then run: fleetctl lock"),
                );
                continue;
            }
            places.insert(set.clone(), item.at.clone());
            lock.sets.insert(set, locked);
        }
    }
    fields.finish("a lock", problems);
    Some(lock)
}

fn read_digest(node: &Node, problems: &mut Problems) -> Option<Digest> {
    let text = node.text(problems)?;
    let digest = text.strip_prefix("sha256:").and_then(|hex| hex.parse().ok());
    if digest.is_none() {
        problems
            .push(node.problem("expected `sha256:` and 64 hexadecimal characters").hint(WAY_OUT));
    }
    digest
}

fn read_set(
    node: &Node,
    lock: &Lock,
    room: &mut usize,
    problems: &mut Problems,
) -> Option<(RequirementSet, LockedSet)> {
    let mut fields = node.fields(problems)?;
    let mut set = RequirementSet::default();
    let mut locked = LockedSet::default();
    if let Some(node) = fields.required("wants", problems) {
        locked.asked = asked(node, problems, |node, problems| {
            let text = node.text(problems)?;
            if text == ITSELF {
                return Some(Through::Site);
            }
            node.parsed(problems).map(Through::Group)
        });
    }
    let requirements = |asked: &BTreeMap<Requirement, _>| asked.keys().cloned().collect();
    set.wants =
        locked.asked.iter().map(|(name, asked)| (name.clone(), requirements(asked))).collect();
    let platform = fields.optional("platform");
    set.platform = platform.and_then(|node| node.parsed::<Platform>(problems));
    set.without = names(fields.optional("without"), problems);
    if let Some(node) = fields.optional("holds") {
        for (key, node) in node.map(problems).unwrap_or_default() {
            let feature = key.parsed::<FeatureName>(problems);
            set.holds.extend(feature.zip(node.parsed::<Held>(problems)));
        }
    }
    locked.over = names(fields.optional("over"), problems);
    if let Some(node) = fields.optional("needs") {
        locked.needs = asked(node, problems, Node::parsed);
    }
    if let Some(node) = fields.required("gets", problems) {
        for (key, feature, version) in versions(node, problems) {
            let is_known =
                lock.features.get(&feature).is_some_and(|all| all.contains_key(&version));
            if !is_known {
                let message = format!(
                    "{feature} {version} is not among `features`, so nobody knows its digest"
                );
                problems.push(key.problem(message).hint(WAY_OUT));
            }
            locked.gets.insert(feature, version);
        }
        for feature in set.wants.keys().filter(|name| !locked.gets.contains_key(*name)) {
            let message = format!("{feature} is wanted, and no version of it is locked");
            problems.push(node.problem(message).hint(WAY_OUT));
        }
    }
    let sites = fields.optional("sites").and_then(|node| node.list(problems)).unwrap_or_default();
    for node in sites {
        match node.text(problems).map(named) {
            Some(Ok(names)) if names.len() > *room => {
                problems.push(node.problem("more sites than a lock may name").hint(WAY_OUT));
            }
            Some(Ok(names)) => {
                *room -= names.len();
                locked.sites.extend(names);
            }
            Some(Err(why)) => problems.push(node.problem(why).hint(WAY_OUT)),
            None => {}
        }
    }
    fields.finish("a set", problems);
    Some((set, locked))
}

/// Feature → requirement → who asks.
fn asked<T: Ord>(
    node: &Node,
    problems: &mut Problems,
    read: impl Fn(&Node, &mut Problems) -> Option<T>,
) -> BTreeMap<FeatureName, BTreeMap<Requirement, BTreeSet<T>>> {
    let mut all = BTreeMap::new();
    for (key, node) in node.map(problems).unwrap_or_default() {
        let Some(feature) = key.parsed::<FeatureName>(problems) else { continue };
        let mut requirements = BTreeMap::new();
        for (key, node) in node.map(problems).unwrap_or_default() {
            let Some(requirement) = key.parsed::<Requirement>(problems) else { continue };
            let items = node.list(problems).unwrap_or_default();
            let askers = items.iter().filter_map(|item| read(item, problems)).collect();
            requirements.insert(requirement, askers);
        }
        all.insert(feature, requirements);
    }
    all
}

fn names(node: Option<&Node>, problems: &mut Problems) -> BTreeSet<FeatureName> {
    let items = node.and_then(|node| node.list(problems)).unwrap_or_default();
    items.iter().filter_map(|item| item.parsed(problems)).collect()
}

fn versions<'a>(node: &'a Node, problems: &mut Problems) -> Vec<(&'a Key, FeatureName, Version)> {
    let mut all = Vec::new();
    for (key, node) in node.map(problems).unwrap_or_default() {
        let feature = key.parsed::<FeatureName>(problems);
        let version = node.parsed::<Version>(problems);
        all.extend(feature.zip(version).map(|(feature, version)| (key, feature, version)));
    }
    all
}
