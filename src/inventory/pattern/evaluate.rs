//! The sites that a pattern means, in Ansible's order.

use std::collections::HashSet;

use super::{Effect, Matcher, Subscript, Word, split};
use crate::{
    inventory::{Inventory, range::expand},
    model::{GroupName, Problem, Problems},
};

/// The sites that patterns mean together, as indices, in Ansible's order and each once. `flag` is
/// what messages put before a word ("--limit "). Nothing written means all sites.
pub(in crate::inventory) fn evaluate<'w>(
    inventory: &Inventory,
    patterns: impl IntoIterator<Item = &'w str>,
    flag: &str,
    problems: &mut Problems,
) -> Vec<usize> {
    let mut words = Vec::new();
    for pattern in patterns {
        for written in split(pattern) {
            match Word::read(written) {
                Ok(word) => words.push((word, pattern)),
                Err(why) => problems.push(Problem::new(format!("{flag}{written}: {why}"))),
            }
        }
    }
    words.sort_by_key(|(word, _)| word.effect);
    let mut chosen: Vec<usize> = Vec::new();
    let mut known: HashSet<usize> = HashSet::new();
    if words.first().is_none_or(|(word, _)| word.effect != Effect::Add) {
        chosen = inventory.ordered("all").to_vec();
        known.extend(&chosen);
    }
    for (word, pattern) in &words {
        let found = word.sites(inventory).unwrap_or_else(|problem| {
            problems.push(of_pattern(problem, flag, pattern));
            Vec::new()
        });
        match word.effect {
            Effect::Add => chosen.extend(found.into_iter().filter(|site| known.insert(*site))),
            Effect::Keep | Effect::Remove => {
                let found: HashSet<usize> = found.into_iter().collect();
                chosen.retain(|site| found.contains(site) == (word.effect == Effect::Keep));
                known = chosen.iter().copied().collect();
            }
        }
    }
    chosen
}

impl Word {
    fn sites(&self, inventory: &Inventory) -> Result<Vec<usize>, Problem> {
        // A site of exactly that name is meant, whatever else the word could be.
        if let Some(site) = inventory.index.get(self.text.as_str()) {
            return Ok(vec![*site]);
        }
        let (found, has_group) = self.matches(inventory);
        // `web[1:3]` counts the sites of a group, and there is no doubt about it.
        if !has_group && (self.subscript.is_none() || found.is_empty()) {
            self.refuse_range(inventory, &found)?;
        }
        if found.is_empty() && !has_group {
            return Err(self.unmatched(inventory));
        }
        let count = found.len();
        let found = self.subscript.map_or(found.clone(), |subscript| subscript.apply(found));
        if found.is_empty() && count > 0 {
            let message = format!("{}: there is no such one", self.written);
            let hint = format!("it counts from 0, and there are {count}");
            return Err(Problem::new(message).hint(hint));
        }
        Ok(found)
    }

    /// A range of names, as inventories and screens have them, is no pattern: its brackets are a
    /// subscript or a class of letters, and mean a part of it or nothing.
    fn refuse_range(&self, inventory: &Inventory, found: &[usize]) -> Result<(), Problem> {
        let names = self.text.contains('[').then(|| expand(&self.text).ok()).flatten();
        let sites = names.unwrap_or_default();
        let sites: Option<HashSet<usize>> =
            sites.iter().map(|name| inventory.index.get(name.as_str()).copied()).collect();
        match sites {
            Some(sites) if sites.len() > 1 && sites != found.iter().copied().collect() => {
                let message = format!("{}: a range of names is no pattern", self.written);
                Err(Problem::new(message).hint(format!("write --site '{}'", self.text)))
            }
            _ => Ok(()),
        }
    }

    /// The sites of matching groups, then matching sites: some perhaps twice, which a subscript
    /// counts; and whether a group matches.
    fn matches(&self, inventory: &Inventory) -> (Vec<usize>, bool) {
        let mut found = Vec::new();
        let mut has_group = false;
        if let Matcher::Name(name) = &self.matcher {
            has_group = inventory.groups.contains_key(name.as_str());
            found.extend(inventory.ordered(name));
            if !has_group || self.reaches_sites {
                found.extend(inventory.index.get(name.as_str()));
            }
            return (found, has_group);
        }
        for group in inventory.group_order.iter().filter(|name| self.matcher.matches(name.as_str()))
        {
            has_group = true;
            found.extend(inventory.ordered(group.as_str()));
        }
        let sites = inventory.sites.iter().zip(0..);
        let meant = sites.filter(|(site, _)| self.matcher.matches(site.name.as_str()));
        found.extend(meant.map(|(_, index)| index));
        (found, has_group)
    }

    fn unmatched(&self, inventory: &Inventory) -> Problem {
        let groups = inventory.groups.keys().map(GroupName::as_str);
        let sites = inventory.sites.iter().map(|site| site.name.as_str());
        let Self { text, written, .. } = self;
        let message = match text.strip_prefix('@') {
            Some(_) => format!("{written}: lists of sites are read in --limit only"),
            None => format!("{written}: matches no site and no group"),
        };
        let problem = Problem::new(message).suggest(text, groups.chain(sites));
        match (&problem.hint, text.split_once('=')) {
            (None, _) if text == "localhost" => {
                problem.hint("there is no implicit localhost: write it into the inventory")
            }
            (None, Some((key, value))) => problem.hint(format!("for a tag: --tag {key}={value}")),
            _ => problem,
        }
    }
}

/// A problem with a word, as one with the flag and the whole pattern.
fn of_pattern(problem: Problem, flag: &str, pattern: &str) -> Problem {
    let problem = Problem { message: format!("{flag}{}", problem.message), ..problem };
    let count = |bracket: char| pattern.matches(bracket).count();
    if problem.hint.is_none() && count('[') != count(']') {
        let hint =
            format!("the brackets of `{pattern}` do not match, so it falls into several words");
        return problem.hint(hint);
    }
    problem
}

impl Subscript {
    fn apply(self, found: Vec<usize>) -> Vec<usize> {
        let (start, end) = match self {
            Self::At(index) => {
                let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
                let place = if index < 0 { count + index } else { index };
                let Ok(place) = usize::try_from(place) else { return Vec::new() };
                (place, place)
            }
            Self::Between(start, end) => (start, end),
            Self::From(start) => (start, usize::MAX),
        };
        let length = end.checked_sub(start).map_or(0, |more| more.saturating_add(1));
        found.into_iter().skip(start).take(length).collect()
    }
}
