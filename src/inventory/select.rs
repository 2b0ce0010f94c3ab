//! Which sites a command is about.
//!
//! Within a flag, words add up: `--group a --group b` and `--group a,b` mean both groups.
//! Different flags narrow each other down: `--group forms --tag tier=canary` means the canaries
//! among the forms. Positional targets and `--limit` are Ansible's patterns.
//! A word that matches nothing is a mistake, even where other words match.

use std::collections::BTreeSet;

use super::{
    Inventory, Site,
    pattern::{Glob, evaluate},
    range::expand,
};
use crate::model::{FeatureName, GroupName, Problem, Problems, SiteName, TagKey};

/// The words of the target flags, as typed; each may hold several with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Positional targets: patterns that add up. None means all sites.
    pub patterns: Vec<String>,
    /// `--group`: names and globs of groups.
    pub groups: Vec<String>,
    /// `--site`: names and globs of sites.
    pub sites: Vec<String>,
    /// `--tag`: `key=value`, or `key` for any value; the value may be a glob.
    pub tags: Vec<String>,
    /// `--feature`: names of features.
    pub features: Vec<String>,
    /// `--limit`: patterns; `project` has put the lines of `@file` in their places.
    pub limit: Vec<String>,
}

/// The sites meant, in Ansible's order. `features_of` gives the features a site has.
///
/// # Errors
/// Every word that matches nothing, with what was probably meant; and flags that have no site
/// in common.
pub fn select(
    inventory: &Inventory,
    target: &Target,
    features_of: &dyn Fn(&Site) -> BTreeSet<FeatureName>,
) -> Result<Vec<SiteName>, Problems> {
    let mut problems = Problems::default();
    let is_blank = |word: &&String| word.chars().all(|c| c.is_whitespace() || ",:".contains(c));
    for blank in target.patterns.iter().chain(&target.limit).filter(is_blank) {
        // Nothing must never mean everything.
        let problem = Problem::new(format!("the target {blank:?} is empty"));
        problems.push(problem.hint("is a variable of your shell unset?"));
    }
    let patterns = target.patterns.iter().map(String::as_str);
    let mut chosen = evaluate(inventory, patterns, "", &mut problems);
    let mut selection = Selection { inventory, problems: &mut problems };
    for found in [
        selection.groups(&target.groups),
        selection.sites(&target.sites),
        selection.tags(&target.tags),
        selection.features(&target.features, features_of),
        selection.limit(&target.limit),
    ]
    .into_iter()
    .flatten()
    {
        chosen.retain(|site| found.contains(site));
    }
    let sites = chosen.iter().filter_map(|index| inventory.sites().get(*index));
    let names: Vec<SiteName> = sites.map(|site| site.name.clone()).collect();
    if names.is_empty() && problems.0.is_empty() {
        problems.push(nothing_left(inventory));
    }
    problems.or(names)
}

/// The sites that the `hosts` of a play means.
///
/// # Errors
/// Words that match nothing.
pub fn select_hosts(inventory: &Inventory, hosts: &str) -> Result<Vec<SiteName>, Problems> {
    let mut problems = Problems::default();
    let chosen = evaluate(inventory, [hosts], "hosts: ", &mut problems);
    if chosen.is_empty() && problems.0.is_empty() {
        problems.push(Problem::new(format!("hosts: {hosts}: no site is meant")));
    }
    let sites = chosen.iter().filter_map(|index| inventory.sites().get(*index));
    problems.or(sites.map(|site| site.name.clone()).collect())
}

fn nothing_left(inventory: &Inventory) -> Problem {
    if inventory.sites().is_empty() {
        return Problem::new("the inventory has no sites").hint("add some below `sites:`");
    }
    Problem::new("no site is left: each word matches some, but none matches all of them")
        .hint("`&`, `!` and different flags narrow each other down; commas add up")
}

struct Selection<'a> {
    inventory: &'a Inventory,
    problems: &'a mut Problems,
}

type Chosen = Option<BTreeSet<usize>>;

impl Selection<'_> {
    fn groups(&mut self, words: &[String]) -> Chosen {
        let mut chosen = BTreeSet::new();
        for pattern in self.patterns(words)? {
            let names: Vec<&GroupName> = self
                .inventory
                .groups
                .keys()
                .filter(|name| pattern.matches(name.as_str()))
                .collect();
            if names.is_empty() {
                let known = self.inventory.groups.keys().map(GroupName::as_str);
                let problem = Problem::new(format!("--group {}: no such group", pattern.text));
                let is_site = self.inventory.site(&pattern.text).is_some();
                self.problems.push(if is_site {
                    problem.hint("that is a site: use --site")
                } else {
                    problem.suggest(&pattern.text, known)
                });
            }
            let members = names.iter().filter_map(|name| self.inventory.groups.get(*name));
            let members: BTreeSet<usize> =
                members.flat_map(|group| group.members.iter().copied()).collect();
            if members.is_empty() && !names.is_empty() {
                self.problems
                    .push(Problem::new(format!("--group {}: no site is in it", pattern.text)));
            }
            chosen.extend(members);
        }
        Some(chosen)
    }

    fn sites(&mut self, words: &[String]) -> Chosen {
        let mut chosen = BTreeSet::new();
        for pattern in self.patterns(words)? {
            let mut found = self.matching_sites(&pattern);
            if found.is_empty() {
                // As the screens and the inventory write it.
                let names = expand(&pattern.text).unwrap_or_default();
                let sites =
                    names.iter().map(|name| self.inventory.index.get(name.as_str()).copied());
                found = sites.collect::<Option<Vec<usize>>>().unwrap_or_default();
            }
            if found.is_empty() {
                let known = self.inventory.sites().iter().map(|site| site.name.as_str());
                let problem = Problem::new(format!("--site {}: no such site", pattern.text));
                let is_group = self.inventory.groups.contains_key(pattern.text.as_str());
                self.problems.push(if is_group {
                    problem.hint("that is a group: use --group")
                } else {
                    problem.suggest(&pattern.text, known)
                });
            }
            chosen.extend(found);
        }
        Some(chosen)
    }

    fn tags(&mut self, words: &[String]) -> Chosen {
        let mut chosen = BTreeSet::new();
        for word in self.split(words)? {
            let (key, wanted) =
                word.split_once('=').map_or((word, "*"), |(key, value)| (key, value));
            let pattern = Pattern::new(wanted);
            let found =
                self.positions(|site| site.tags.get(key).is_some_and(|tag| pattern.matches(tag)));
            if found.is_empty() {
                self.problems.push(self.unknown_tag(word, key, wanted));
            }
            chosen.extend(found);
        }
        Some(chosen)
    }

    fn unknown_tag(&self, word: &str, key: &str, wanted: &str) -> Problem {
        let sites = self.inventory.sites();
        let keys: BTreeSet<&str> =
            sites.iter().flat_map(|site| site.tags.keys()).map(TagKey::as_str).collect();
        if !keys.contains(key) {
            return Problem::new(format!("--tag {word}: no site has the tag `{key}`"))
                .suggest(key, keys);
        }
        let values: BTreeSet<&str> =
            sites.iter().filter_map(|site| site.tags.get(key)).map(String::as_str).collect();
        let problem =
            Problem::new(format!("--tag {word}: no site has the tag `{key}` with that value"));
        let near = problem.suggest(wanted, values.iter().copied());
        if near.hint.is_some() || values.len() > 12 {
            return near;
        }
        let values: Vec<&str> = values.into_iter().collect();
        near.hint(format!("its values are {}", values.join(", ")))
    }

    fn features(
        &mut self,
        words: &[String],
        features_of: &dyn Fn(&Site) -> BTreeSet<FeatureName>,
    ) -> Chosen {
        let wanted = self.patterns(words)?;
        let all: Vec<BTreeSet<FeatureName>> =
            self.inventory.sites().iter().map(features_of).collect();
        let mut chosen = BTreeSet::new();
        for pattern in wanted {
            let has = |features: &BTreeSet<FeatureName>| {
                features.iter().any(|feature| pattern.matches(feature.as_str()))
            };
            let found: Vec<usize> = all
                .iter()
                .enumerate()
                .filter(|(_, features)| has(features))
                .map(|(i, _)| i)
                .collect();
            if found.is_empty() {
                let known: BTreeSet<&str> = all.iter().flatten().map(FeatureName::as_str).collect();
                let problem = Problem::new(format!("--feature {}: no site has it", pattern.text));
                self.problems.push(problem.suggest(&pattern.text, known));
            }
            chosen.extend(found);
        }
        Some(chosen)
    }

    fn limit(&mut self, words: &[String]) -> Chosen {
        self.split(words)?;
        let words = words.iter().map(String::as_str);
        Some(evaluate(self.inventory, words, "--limit ", self.problems).into_iter().collect())
    }

    fn matching_sites(&self, pattern: &Pattern) -> Vec<usize> {
        match pattern.name() {
            Some(name) => self.inventory.index.get(name).copied().into_iter().collect(),
            None => self.positions(|site| pattern.matches(site.name.as_str())),
        }
    }

    fn positions(&self, mut is_meant: impl FnMut(&Site) -> bool) -> Vec<usize> {
        let sites = self.inventory.sites().iter().enumerate();
        sites.filter(|(_, site)| is_meant(site)).map(|(index, _)| index).collect()
    }

    /// The words of a flag, commas split; `None` when the flag was not used.
    fn split<'w>(&mut self, words: &'w [String]) -> Option<Vec<&'w str>> {
        if words.is_empty() {
            return None;
        }
        let pieces: Vec<&str> =
            words.iter().flat_map(|word| outside_braces(word)).map(str::trim).collect();
        if pieces.iter().all(|piece| piece.is_empty()) {
            self.problems.push(
                Problem::new("a target flag is empty").hint("is a variable of your shell unset?"),
            );
        }
        Some(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }

    fn patterns(&mut self, words: &[String]) -> Option<Vec<Pattern>> {
        let words = self.split(words)?;
        Some(words.iter().map(|word| Pattern::new(word)).collect())
    }
}

/// A name, or a glob over names (`shop*`, `web[0-9]`, `{acme,globex}.example`).
struct Pattern {
    text: String,
    globs: Option<Vec<Glob>>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let is_glob = text.contains(['*', '?', '[', '{']);
        let globs = is_glob.then(|| in_braces(text).iter().map(|text| Glob::new(text)).collect());
        Self { text: text.to_owned(), globs }
    }

    /// The name itself, when this is no glob.
    fn name(&self) -> Option<&str> {
        self.globs.is_none().then_some(self.text.as_str())
    }

    fn matches(&self, name: &str) -> bool {
        let globs = self.globs.as_ref();
        globs.map_or(self.text == name, |globs| globs.iter().any(|glob| glob.matches(name)))
    }
}

/// What `{a,b}` stands for; braces within braces stand for themselves.
fn in_braces(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else { return vec![text.to_owned()] };
    let Some((inside, after)) = rest.split_once('}') else { return vec![text.to_owned()] };
    let tails = in_braces(after);
    let whole = |piece: &str| {
        let piece = piece.to_owned();
        tails.iter().map(move |tail| format!("{before}{piece}{tail}")).collect::<Vec<_>>()
    };
    inside.split(',').flat_map(whole).collect()
}

/// Splits at commas, but not at those of `{a,b}`.
fn outside_braces(word: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    word.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Sources, Text, read};

    fn inventory() -> Inventory {
        let text = "groups:\n  forms: { features: [contact-form] }\n  promo: { features: [popup] }\n  \
            eu: { children: [forms] }\n  empty: {}\nsites:\n  acme.example: { groups: [forms], tags: { tier: canary } }\n  \
            'shop[1:3].example': { groups: [promo, forms], tags: { tier: main } }\n  \
            globex.example: { groups: [promo], features: { popup: false } }\n  alone.example:\n";
        let files = vec![Text { file: "sites.yml".into(), text: text.into() }];
        read(&Sources { files, ..Sources::default() }).expect("a good inventory")
    }

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|word| (*word).to_owned()).collect()
    }

    fn features_of(site: &Site) -> BTreeSet<FeatureName> {
        site.wants.iter().map(|want| want.feature.clone()).collect()
    }

    fn chosen(target: &Target) -> Result<String, String> {
        let names =
            select(&inventory(), target, &features_of).map_err(|problems| problems.to_string())?;
        let short = |name: SiteName| name.as_str().trim_end_matches(".example").to_owned();
        Ok(names.into_iter().map(short).collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn check(target: &Target, expected: &str) {
        assert_eq!(chosen(target).as_deref(), Ok(expected));
    }

    #[test]
    fn words_of_one_flag_add_up_and_flags_narrow_each_other_down() {
        let target = Target::default;
        check(&target(), "acme shop1 shop2 shop3 globex alone");
        check(&Target { groups: words(&["forms"]), ..target() }, "acme shop1 shop2 shop3");
        check(&Target { groups: words(&["eu"]), ..target() }, "acme shop1 shop2 shop3");
        check(
            &Target { groups: words(&["all"]), ..target() },
            "acme shop1 shop2 shop3 globex alone",
        );
        check(&Target { groups: words(&["ungrouped"]), ..target() }, "alone");
        check(
            &Target { groups: words(&["forms,promo"]), ..target() },
            "acme shop1 shop2 shop3 globex",
        );
        check(
            &Target { groups: words(&["forms", "promo"]), ..target() },
            "acme shop1 shop2 shop3 globex",
        );
        check(&Target { groups: words(&["pro*"]), ..target() }, "shop1 shop2 shop3 globex");
        check(
            &Target { sites: words(&["shop[12]*, alone.example"]), ..target() },
            "shop1 shop2 alone",
        );
        check(&Target { sites: words(&["{acme,globex}.example"]), ..target() }, "acme globex");
        check(&Target { tags: words(&["tier=canary"]), ..target() }, "acme");
        check(&Target { tags: words(&["tier"]), ..target() }, "acme shop1 shop2 shop3");
        check(&Target { features: words(&["popup"]), ..target() }, "shop1 shop2 shop3");
        check(
            &Target {
                groups: words(&["promo"]),
                tags: words(&["tier=main"]),
                limit: words(&["shop1.example"]),
                ..target()
            },
            "shop1",
        );
        check(
            &Target { limit: words(&["promo,!shop2.example"]), ..target() },
            "shop1 shop3 globex",
        );
        check(&Target { limit: words(&["!promo"]), ..target() }, "acme alone");
    }

    #[test]
    fn a_word_that_matches_nothing_is_a_mistake_even_among_good_ones() {
        let all = Target {
            patterns: words(&["zzzz", "forms:&acme.exampl"]),
            groups: words(&["forms,form", "acme.example", "empty"]),
            sites: words(&["acme.exmple", "forms", "shop[", "x*"]),
            tags: words(&["teir=canary", "tier=cannary", "tier=zzzzzzzzzz"]),
            features: words(&["pop-up"]),
            limit: words(&["!globx.example", "acme.example[3]", "~(", ","]),
        };
        let text = chosen(&all).expect_err("nothing is right");
        for expected in [
            "--group form: no such group\n  hint: did you mean `forms`?",
            "--group acme.example: no such group\n  hint: that is a site: use --site",
            "--group empty: no site is in it",
            "--site acme.exmple: no such site\n  hint: did you mean `acme.example`?",
            "--site forms: no such site\n  hint: that is a group: use --group",
            "--site shop[: no such site",
            "--site x*: no such site",
            "--tag teir=canary: no site has the tag `teir`\n  hint: did you mean `tier`?",
            "--tag tier=cannary: no site has the tag `tier` with that value\n  hint: did you mean `canary`?",
            "--tag tier=zzzzzzzzzz: no site has the tag `tier` with that value\n  hint: its values are canary, main",
            "--feature pop-up: no site has it\n  hint: did you mean `popup`?",
            "--limit !globx.example: matches no site and no group\n  hint: did you mean `globex.example`?",
            "--limit acme.example[3]: there is no such one\n  hint: it counts from 0, and there are 1",
            "--limit ~(: not a regular expression: unclosed group",
            "zzzz: matches no site and no group",
            "&acme.exampl: matches no site and no group\n  hint: did you mean `acme.example`?",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }

    #[test]
    fn flags_without_any_site_and_empty_flags_are_mistakes() {
        let apart = Target {
            tags: words(&["tier=canary"]),
            groups: words(&["promo"]),
            ..Target::default()
        };
        assert!(chosen(&apart).expect_err("nothing").contains("no site is left"));
        let empty = Target { groups: words(&[""]), ..Target::default() };
        assert!(chosen(&empty).expect_err("nothing").contains("a target flag is empty"));
    }
}
