//! The names under which a host is looked up in `known_hosts`, and OpenSSH's patterns.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// How a host is looked up: as `ssh` does it (`sshconnect.c`, `get_hostfile_hostname_ipaddr`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupName {
    name: String,
    bare: Option<String>,
}

impl LookupName {
    /// A host at a port: `host` for port 22, else `[host]:port`. Letter case does not count.
    #[must_use]
    pub fn host(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        if port == 22 {
            Self { name: host, bare: None }
        } else {
            Self { name: format!("[{host}]:{port}"), bare: Some(host) }
        }
    }

    /// A `HostKeyAlias`: looked up without the port, whatever that is.
    #[must_use]
    pub fn alias(alias: &str) -> Self {
        Self { name: alias.to_ascii_lowercase(), bare: None }
    }

    /// The name as it stands in a file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name without its port, which OpenSSH asks for when no line has the name with it.
    pub(super) fn without_port(&self) -> Option<Self> {
        self.bare.clone().map(|name| Self { name, bare: None })
    }
}

/// What the first field of a line says about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// Nothing.
    No,
    /// It is about that name.
    Plain,
    /// It may be about that name, by a wildcard or a negation: not ours to judge.
    Special,
    /// The field cannot be read; OpenSSH passes over such lines.
    Broken,
}

/// Reads the first field of a line for `name`.
pub(super) fn judge_names(field: &str, name: &str) -> Match {
    if field.starts_with('|') {
        return match hashed(field, name) {
            None => Match::Broken,
            Some(true) => Match::Plain,
            Some(false) => Match::No,
        };
    }
    let special = field.contains(['*', '?', '!']);
    let hit = field
        .split(',')
        .any(|part| wildcard(&part.trim_start_matches('!').to_ascii_lowercase(), name));
    match (hit, special) {
        (false, _) => Match::No,
        (true, false) => Match::Plain,
        (true, true) => Match::Special,
    }
}

/// Whether `|1|salt|hash` is the HMAC-SHA1 of `name` (`hostfile.c`, `host_hash`).
fn hashed(field: &str, name: &str) -> Option<bool> {
    let (salt, hash) = field.strip_prefix("|1|")?.split_once('|')?;
    let salt = BASE64_STANDARD.decode(salt).ok().filter(|salt| salt.len() == 20)?;
    let hash = BASE64_STANDARD.decode(hash).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes()[..] == hash[..])
}

/// OpenSSH's `match_pattern`: `*` is any run, `?` any one byte. Linear space, and time
/// bounded by the product of both lengths whatever the pattern.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.bytes().peekable();
    let mut retry = None;
    let mut text = text.bytes();
    loop {
        if pattern.peek() == Some(&b'*') {
            pattern.next();
            retry = Some((pattern.clone(), text.clone()));
            continue;
        }
        let mut rest = text.clone();
        match (pattern.peek().copied(), rest.next()) {
            (None, None) => return true,
            (Some(p), Some(t)) if p == t || p == b'?' => {
                pattern.next();
                text = rest;
            }
            _ => {
                let Some((after_star, from)) = retry.as_mut() else { return false };
                if from.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = from.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_name_carries_the_port_unless_it_is_22() {
        assert_eq!(LookupName::host("Web1.Example", 22).as_str(), "web1.example");
        assert_eq!(LookupName::host("web1", 2222).as_str(), "[web1]:2222");
        assert_eq!(LookupName::host("::1", 2222).as_str(), "[::1]:2222");
        assert_eq!(LookupName::alias("Site").as_str(), "site");
    }

    #[test]
    fn a_field_is_about_a_name_or_may_be_or_is_not() {
        let cases = [
            ("web1", Match::Plain),
            ("WEB1", Match::Plain),
            ("a,web1,b", Match::Plain),
            ("web10", Match::No),
            ("web", Match::No),
            ("*", Match::Special),
            ("web?", Match::Special),
            ("w*1", Match::Special),
            ("!web1", Match::Special),
            ("web1,!web2", Match::Special),
            ("*.example", Match::No),
            ("!web2,web3", Match::No),
            ("|1|broken", Match::Broken),
            ("|2|x|y", Match::Broken),
        ];
        for (field, expected) in cases {
            assert_eq!(judge_names(field, "web1"), expected, "{field}");
        }
    }

    #[test]
    fn a_hashed_name_is_recognised() {
        let salt = BASE64_STANDARD.encode([7; 20]);
        let mut mac = Hmac::<Sha1>::new_from_slice(&[7; 20]).unwrap();
        mac.update(b"web1");
        let field = format!("|1|{salt}|{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(judge_names(&field, "web1"), Match::Plain);
        assert_eq!(judge_names(&field, "web2"), Match::No);
    }

    /// The definition, without any cleverness.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => slow(rest, text),
            (Some((b'*', rest)), Some((_, tail))) => slow(rest, text) || slow(pattern, tail),
            (Some((p, rest)), Some((t, tail))) => (p == t || *p == b'?') && slow(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_by_their_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(wildcard(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
