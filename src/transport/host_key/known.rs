//! The lines of `known_hosts` files, read for one host.

use std::{borrow::Cow, collections::BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    HostKey, LookupName, Seen, Verdict,
    name::{Match, judge_names},
};

/// The texts of the files that say which hosts are known, in the order of their reading.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    files: Vec<(String, String)>,
}

/// A line that concerns the host.
struct Line {
    at: Seen,
    reading: Reading,
}

enum Reading {
    Key(HostKey),
    Revokes(HostKey),
    Unjudged(&'static str),
}

impl KnownHosts {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file's text under the name by which messages shall call it. Bytes that are not
    /// UTF-8 can belong to no name and no key, so they are replaced.
    pub fn add(&mut self, file: &str, text: &[u8]) {
        self.files.push((file.to_owned(), String::from_utf8_lossy(text).into_owned()));
    }

    /// What is known about a key that a host offers.
    #[must_use]
    pub fn judge(&self, name: &LookupName, offered: &HostKey) -> Verdict {
        match self.judge_exactly(name, offered) {
            // `ssh` then asks for the name without its port, and believes only a plain yes
            // (`sshconnect.c`, "checking without port identifier").
            Verdict::Unknown => match name.without_port() {
                Some(bare) => match self.judge_exactly(&bare, offered) {
                    Verdict::Changed { .. } => Verdict::Unknown,
                    verdict => verdict,
                },
                None => Verdict::Unknown,
            },
            verdict => verdict,
        }
    }

    /// The algorithms of the keys known for a host, so that the host can be asked for those.
    #[must_use]
    pub fn algorithms(&self, name: &LookupName) -> BTreeSet<String> {
        let of = |name: &LookupName| -> BTreeSet<String> {
            self.lines(name.as_str())
                .filter_map(|line| match line.reading {
                    Reading::Key(key) => Some(key.algorithm().to_owned()),
                    _ => None,
                })
                .collect()
        };
        let mut found = of(name);
        if found.is_empty()
            && let Some(bare) = name.without_port()
        {
            found = of(&bare);
        }
        found
    }

    pub(super) fn judge_exactly(&self, name: &LookupName, offered: &HostKey) -> Verdict {
        let mut verdict = Verdict::Unknown;
        let mut unjudged = None;
        for line in self.lines(name.as_str()) {
            let at = line.at;
            match line.reading {
                Reading::Revokes(key) if key == *offered => return Verdict::Revoked { at },
                Reading::Revokes(_) => {
                    unjudged.get_or_insert((at, "carries the marker @revoked"));
                }
                Reading::Unjudged(why) => {
                    unjudged.get_or_insert((at, why));
                }
                Reading::Key(key) if key == *offered => verdict = Verdict::Trusted,
                Reading::Key(known) => {
                    if verdict == Verdict::Unknown {
                        verdict = Verdict::Changed { at, known };
                    }
                }
            }
        }
        unjudged.map_or(verdict, |(at, why)| Verdict::CannotJudge { at, why })
    }

    fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Line> + 'a {
        self.files.iter().flat_map(move |(file, text)| {
            text.split('\n').enumerate().filter_map(move |(index, line)| {
                let at = Seen { file: file.clone(), line: index + 1 };
                read(line, name).map(|reading| Line { at, reading })
            })
        })
    }
}

/// What one line says about `name`; nothing if it is a comment, about others, or unreadable,
/// since OpenSSH passes over unreadable lines (`hostfile.c`, `hostkeys_foreach_file`).
fn read(line: &str, name: &str) -> Option<Reading> {
    // OpenSSH reads C strings.
    let line = line.split('\0').next().unwrap_or(line);
    let line = line.trim_start_matches(BLANK);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (marker, rest) = if line.starts_with('@') { field(line) } else { ("", line) };
    let (names, rest) = field(rest);
    let matched = judge_names(names, name);
    if matches!(matched, Match::No | Match::Broken) {
        return None;
    }
    match (marker, matched) {
        ("", Match::Plain) => key(rest).map(Reading::Key),
        ("", _) => Some(Reading::Unjudged("names hosts by a wildcard or a negation")),
        ("@revoked", _) => Some(key(rest).map_or(
            Reading::Unjudged("has a marker and a key that cannot be read"),
            Reading::Revokes,
        )),
        ("@cert-authority", _) => Some(Reading::Unjudged("carries the marker @cert-authority")),
        _ => Some(Reading::Unjudged("carries an unknown marker")),
    }
}

const BLANK: [char; 2] = [' ', '\t'];

fn field(text: &str) -> (&str, &str) {
    let end = text.find(BLANK).unwrap_or(text.len());
    let (field, rest) = text.split_at(end);
    (field, rest.trim_start_matches(BLANK))
}

/// The key of a line: its algorithm and its base64, which must name the same algorithm.
fn key(rest: &str) -> Option<HostKey> {
    let (algorithm, rest) = field(rest);
    let (text, _comment) = field(rest);
    // The C library's decoder passes over white space such as the CR of a DOS line.
    let text: Cow<'_, str> = if text.contains(char::is_whitespace) {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    } else {
        text.into()
    };
    let key = HostKey::from_blob(&BASE64_STANDARD.decode(text.as_bytes()).ok()?)?;
    (key.algorithm() == algorithm).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(algorithm: &str, body: u8) -> HostKey {
        let length = u32::try_from(algorithm.len()).unwrap().to_be_bytes();
        HostKey::from_blob(&[&length[..], algorithm.as_bytes(), &[body; 40]].concat()).unwrap()
    }

    fn judge(text: &str) -> Verdict {
        let mut known = KnownHosts::new();
        known.add("known_hosts", text.as_bytes());
        known.judge(&LookupName::host("web1", 22), &make("ssh-ed25519", 1))
    }

    #[test]
    fn a_line_with_this_key_is_trust_however_it_is_written() {
        let key = make("ssh-ed25519", 1).to_line();
        for text in [
            format!("web1 {key}"),
            format!("  \tweb1\t{}", key.replace(' ', "\t")),
            format!("# web1\n\ngarbage\nother,WEB1 {key} somebody@there\r\n"),
            format!("web1 {}\nweb1 {key}", make("ssh-rsa", 2).to_line()),
            format!("web1 {key}\r"),
            format!("*.example {key}\nweb1 {key}"),
        ] {
            assert_eq!(judge(&text), Verdict::Trusted, "{text}");
        }
    }

    #[test]
    fn another_key_or_another_type_is_a_change() {
        for known in [make("ssh-ed25519", 2), make("ssh-rsa", 1)] {
            let at = Seen { file: "known_hosts".into(), line: 2 };
            let text = format!("# first\nweb1 {}", known.to_line());
            assert_eq!(judge(&text), Verdict::Changed { at, known });
        }
    }

    #[test]
    fn what_is_not_read_here_is_refused_with_its_line() {
        let key = make("ssh-ed25519", 1).to_line();
        for line in [
            format!("@cert-authority web1 {key}"),
            format!("@cert-authority * {key}"),
            format!("@bogus web1 {key}"),
            format!("web* {key}"),
            format!("web1,!web2 {key}"),
            format!("!web1,* {key}"),
            format!("@revoked web1 {}", make("ssh-ed25519", 2).to_line()),
            "@revoked web1 garbage".to_owned(),
        ] {
            for text in [format!("web1 {key}\n{line}"), format!("{line}\nweb1 {key}")] {
                assert!(matches!(judge(&text), Verdict::CannotJudge { .. }), "{text}");
            }
        }
    }

    #[test]
    fn revoked_wins_over_everything() {
        let key = make("ssh-ed25519", 1).to_line();
        let text = format!("web1 {key}\n@cert-authority * {key}\n@revoked * {key}");
        assert_eq!(
            judge(&text),
            Verdict::Revoked { at: Seen { file: "known_hosts".into(), line: 3 } }
        );
    }

    #[test]
    fn unreadable_lines_are_passed_over() {
        let key = make("ssh-ed25519", 1).to_line();
        for text in [
            String::new(),
            format!("# web1 {key}"),
            "web1".to_owned(),
            "web1 ssh-ed25519".to_owned(),
            "web1 ssh-ed25519 !!!!".to_owned(),
            format!("web1 {}", key.replace("ssh-ed25519", "ssh-rsa")),
            format!("web1 #{key}"),
            format!("|1|x|y {key}"),
            format!("@revoked other {key}"),
        ] {
            assert_eq!(judge(&text), Verdict::Unknown, "{text}");
        }
    }

    #[test]
    fn a_port_is_part_of_the_name_and_the_bare_name_only_a_plain_yes() {
        let (good, bad) = (make("ssh-ed25519", 1), make("ssh-ed25519", 2));
        let name = LookupName::host("web1", 2222);
        let judge = |text: String| {
            let mut known = KnownHosts::new();
            known.add("k", text.as_bytes());
            known.judge(&name, &good)
        };
        assert_eq!(judge(format!("[web1]:2222 {}", good.to_line())), Verdict::Trusted);
        assert_eq!(judge(format!("web1 {}", good.to_line())), Verdict::Trusted);
        assert_eq!(judge(format!("web1 {}", bad.to_line())), Verdict::Unknown);
        let both = format!("web1 {}\n[web1]:2222 {}", good.to_line(), bad.to_line());
        assert!(matches!(judge(both), Verdict::Changed { .. }));
        let marked = format!("@revoked web1 {}", good.to_line());
        assert!(matches!(judge(marked), Verdict::Revoked { .. }));
    }

    #[test]
    fn the_known_algorithms_are_told() {
        let mut known = KnownHosts::new();
        let text = format!("web1 {}\n* {}", make("ssh-rsa", 1).to_line(), make("x", 1).to_line());
        known.add("k", text.as_bytes());
        let name = LookupName::host("web1", 2222);
        assert_eq!(known.algorithms(&name), BTreeSet::from(["ssh-rsa".to_owned()]));
    }
}
