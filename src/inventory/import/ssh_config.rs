//! Hosts of an OpenSSH client configuration (`ssh_config(5)`).
//!
//! Every name on a `Host` line without wildcard becomes a site. As in OpenSSH the first value
//! found counts, whichever block it is in, and key files add up. `Match` and `Include` are
//! noted and never half understood.

use std::sync::Arc;

use super::{Found, Imported, allowed};
use crate::{
    inventory::word,
    model::{Position, Problem, Problems, SiteName},
};

struct Line {
    at: Position,
    keyword: String,
    words: Vec<String>,
}

/// Lines that hold for some hosts.
struct Block {
    patterns: Vec<String>,
    lines: Vec<Line>,
}

/// Reads a configuration.
///
/// # Errors
/// Names and values that cannot be a site's.
pub fn from_ssh_config(file: &str, text: &str) -> Result<Imported, Problems> {
    let mut problems = Problems::default();
    let mut imported = Imported::default();
    let mut names: Vec<(Position, String)> = Vec::new();
    let mut blocks = vec![Block { patterns: vec!["*".to_owned()], lines: Vec::new() }];
    for line in lines(file, text, &mut problems) {
        match line.keyword.as_str() {
            "host" => {
                let is_name = |word: &&String| !word.contains(['*', '?', '!']);
                let found =
                    line.words.iter().filter(is_name).map(|word| (line.at.clone(), word.clone()));
                let new: Vec<_> = found
                    .filter(|(_, word)| names.iter().all(|(_, known)| known != word))
                    .collect();
                names.extend(new);
                blocks.push(Block { patterns: line.words, lines: Vec::new() });
            }
            "match" => {
                let problem = Problem::at(&line.at, "`Match` and what it sets is not taken over");
                imported.notes.push(problem.hint("add to the sites by hand what it sets for them"));
                blocks.push(Block { patterns: Vec::new(), lines: Vec::new() });
            }
            "include" => {
                let problem = Problem::at(&line.at, "`Include` is not followed");
                imported.notes.push(problem.hint("import that file too"));
            }
            "proxycommand" if line.words.first().is_some_and(|word| word != "none") => {
                let problem = Problem::at(&line.at, "`ProxyCommand` is not taken over");
                imported.notes.push(problem.hint("use `jump` (ProxyJump) for these hosts"));
            }
            _ => blocks.last_mut().into_iter().for_each(|block| {
                block.lines.push(Line {
                    at: line.at.clone(),
                    keyword: line.keyword.clone(),
                    words: line.words.clone(),
                });
            }),
        }
    }
    for (at, name) in &names {
        match SiteName::new(name) {
            Ok(site) => {
                let found = site_of(site, name, &blocks, &mut problems);
                imported.add(at, found, &mut problems);
            }
            Err(why) => problems.push(Problem::at(at, why.to_string())),
        }
    }
    let notes = Problems(std::mem::take(&mut imported.notes));
    imported.notes = notes.with_excerpts(file, text).0;
    problems.0.sort();
    problems.0.dedup();
    problems.with_excerpts(file, text).or(imported)
}

fn site_of(site: SiteName, name: &str, blocks: &[Block], problems: &mut Problems) -> Found {
    let mut found = Found::new(site);
    let lines =
        blocks.iter().filter(|block| holds(&block.patterns, name)).flat_map(|block| &block.lines);
    for Line { at, keyword, words } in lines {
        let Some(value) = words.first() else { continue };
        let is_new = |key| !found.words.iter().any(|(known, _)| *known == key);
        match keyword.as_str() {
            "hostname" if is_new("address") => {
                let value = value.replace("%%", "\0").replace("%h", name).replace('\0', "%");
                if value != name {
                    let word = allowed(at, &value, word::address, problems);
                    found.words.extend(word.map(|word| ("address", word)));
                }
            }
            "user" if is_new("user") => {
                found
                    .words
                    .extend(allowed(at, value, word::user, problems).map(|word| ("user", word)));
            }
            "proxyjump" if is_new("jump") && !value.eq_ignore_ascii_case("none") => {
                found
                    .words
                    .extend(allowed(at, value, word::jump, problems).map(|word| ("jump", word)));
            }
            "port" if found.port.is_none() => match value.parse::<u16>() {
                Ok(port) if port > 0 => found.port = Some(port),
                _ => problems.push(Problem::at(
                    at,
                    format!("`{value}` is no port: a number from 1 to 65535"),
                )),
            },
            "identityfile" if !value.eq_ignore_ascii_case("none") => {
                if value.contains('%') {
                    let problem = Problem::at(at, format!("the key `{value}` has a % in its path"));
                    problems.push(problem.hint("write the path out"));
                } else if let Some(path) = allowed(at, value, word::local_path, problems)
                    && !found.identity.contains(&path)
                {
                    found.identity.push(path);
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether a block's patterns hold for a name: one matches, and no negated one does.
fn holds(patterns: &[String], name: &str) -> bool {
    let mut is_meant = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(negated, name) => return false,
            Some(_) => {}
            None => is_meant |= matches(pattern, name),
        }
    }
    is_meant
}

/// OpenSSH's wildcards: `*` for any text, `?` for one character, nothing else.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Where in the name each prefix of the pattern can end.
    let mut ends = vec![false; name.len() + 1];
    if let Some(first) = ends.first_mut() {
        *first = true;
    }
    for wanted in pattern {
        let before = std::mem::replace(&mut ends, vec![false; name.len() + 1]);
        let mut is_reached = false;
        for (place, (end, was)) in ends.iter_mut().zip(&before).enumerate() {
            is_reached |= was;
            let steps = place.checked_sub(1).is_some_and(|last| {
                before.get(last) == Some(&true)
                    && (wanted == '?' || name.get(last) == Some(&wanted))
            });
            *end = if wanted == '*' { is_reached } else { steps };
        }
    }
    ends.last() == Some(&true)
}

fn lines(file: &str, text: &str, problems: &mut Problems) -> Vec<Line> {
    let file: Arc<str> = Arc::from(file);
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let column = line.chars().take_while(|c| c.is_whitespace()).count();
        let column = u32::try_from(column).unwrap_or(0).saturating_add(1);
        let at = Position { file: Arc::clone(&file), line: number, column };
        let end = trimmed.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(trimmed.len());
        let (keyword, rest) = trimmed.split_at_checked(end).unwrap_or((trimmed, ""));
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        match words(rest) {
            Some(words) => lines.push(Line { at, keyword: keyword.to_ascii_lowercase(), words }),
            None => problems.push(Problem::at(&at, "a quote is never closed")),
        }
    }
    lines
}

/// The words of a line: blanks separate, double quotes hold together, `#` begins a comment.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            '#' if word.is_none() && !is_quoted => break,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!is_quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::{Sources, Text, read};

    #[test]
    fn hosts_become_sites_and_the_first_value_counts() {
        let imported = from_ssh_config(
            "config",
            "Host acme.example\n  HostName 203.0.113.10\n  Port=2222\n\nHost shop? !shop2\n  User shop\n\
             Host shop1 shop2 # two\n\tHostName %h.example\n  IdentityFile \"~/.ssh/my key\"\n\
             Match host x\n  User never\nHost *\n  User deploy\n  IdentityFile ~/.ssh/id\n  ProxyJump me@bastion:22\n\
             Include more\n",
        )
        .expect("a good configuration");
        assert_eq!(
            imported.to_yaml(),
            "sites:\n  acme.example: { address: \"203.0.113.10\", user: \"deploy\", jump: \"me@bastion:22\", port: 2222, identity: \"~/.ssh/id\" }\n  \
             \"shop1\": { user: \"shop\", address: shop1.example, jump: \"me@bastion:22\", identity: [\"~/.ssh/my key\", \"~/.ssh/id\"] }\n  \
             \"shop2\": { address: shop2.example, user: \"deploy\", jump: \"me@bastion:22\", identity: [\"~/.ssh/my key\", \"~/.ssh/id\"] }\n"
        );
        let notes: Vec<String> = imported
            .notes
            .iter()
            .map(|note| note.at.as_ref().expect("a place").to_string())
            .collect();
        assert_eq!(notes, ["config:10:1", "config:16:1"]);
        let files = vec![Text { file: "sites.yml".into(), text: imported.to_yaml() }];
        assert_eq!(read(&Sources { files, ..Sources::default() }).expect("good").sites().len(), 3);
    }

    #[test]
    fn what_cannot_be_a_site_is_told() {
        let text = "Host -x a/b\nHost a\n  HostName -oX\n  Port 0\n  User 'a b'\n  IdentityFile ~/%r\n  ProxyJump a:b\n  Port \"1\n";
        let problems =
            from_ssh_config("config", text).expect_err("a bad configuration").to_string();
        for expected in [
            "config:1:1: \"-x\" must begin",
            "config:1:1: \"a/b\" may hold only",
            "config:3:3: `-oX` is neither",
            "config:4:3: `0` is no port",
            "config:5:3: `'a` is no login name",
            "config:6:3: the key `~/%r` has a %",
            "config:7:3: `a:b` is no jump host",
            "config:8:3: a quote is never closed",
        ] {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
    }

    #[test]
    fn wildcards_are_those_of_openssh() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a.b"),
            ("a*", "a"),
            ("*.b", "a.b"),
            ("a?c", "abc"),
            ("a*b*c", "axxbyyc"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a?", "a"),
            ("*.b", "ab"),
            ("[ab]", "a"),
            ("a", "ab"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn no_configuration_makes_the_reader_panic(text in "((Host|Match|Port|User|HostName|=|\"|#|[a-z*?!%]| |\t|\n){0,40})") {
            if let Ok(imported) = from_ssh_config("config", &text) {
                let files = vec![Text { file: "sites.yml".into(), text: imported.to_yaml() }];
                let reread = read(&Sources { files, ..Sources::default() });
                prop_assert!(reread.is_ok());
            }
        }
    }
}
