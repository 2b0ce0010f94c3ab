//! What Ansible takes for a host with an optional port: it decides where a colon separates words.
//!
//! Host names may hold ranges (`web[1:3].example`), addresses may be IPv6; a port follows a name
//! or stands behind brackets (`[::1]:2222`).

use std::net::Ipv6Addr;

/// A host as written and its port; `None` where this is no host name and no address.
pub(in crate::inventory) fn place(text: &str) -> Option<(&str, Option<u32>)> {
    let mut rest = text;
    let mut port = None;
    if let Some((inside, number)) = bracketed(rest) {
        (rest, port) = (inside, Some(number));
    }
    if let Some((before, number)) = named(rest) {
        (rest, port) = (before, Some(number));
    }
    let port = match port {
        Some(digits) => Some(digits.parse().ok()?),
        None => None,
    };
    is_host(rest).then_some((rest, port))
}

/// Whether this is a host name or an address, ranges allowed.
fn is_host(text: &str) -> bool {
    is_name(text) || is_ipv6(text)
}

/// `[host]:port`
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (inside, port) = text.strip_prefix('[')?.rsplit_once("]:")?;
    (!inside.is_empty() && is_digits(port)).then_some((inside, port))
}

/// `host:port`, where the colons of ranges are inside brackets.
fn named(text: &str) -> Option<(&str, &str)> {
    let (before, port) = text.rsplit_once(':')?;
    let mut is_open = false;
    for c in before.chars() {
        match c {
            '[' if !is_open => is_open = true,
            ']' if is_open => is_open = false,
            '[' | ':' | ']' if !is_open => return None,
            _ => {}
        }
    }
    (!is_open && is_digits(port)).then_some((before, port))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// Labels of letters, digits, dashes and underscores, none of which ends with a dash or an
/// underscore or begins with a dash; ranges may stand anywhere in them.
fn is_name(text: &str) -> bool {
    let Some(plain) = without_ranges(text, is_name_range) else { return false };
    plain.split('.').all(|label| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        label.starts_with(is_word)
            && !label.ends_with(['-', '_'])
            && label.chars().all(|c| is_word(c) || c == '-')
    })
}

fn is_ipv6(text: &str) -> bool {
    // Four digits: glued to others, they are too many for one group, as a range would be.
    let plain = replaced(text, "0000", is_hex_range);
    plain.is_some_and(|plain| plain.parse::<Ipv6Addr>().is_ok())
}

fn without_ranges(text: &str, is_range: fn(&[&str]) -> bool) -> Option<String> {
    replaced(text, "0", is_range)
}

/// `None` where brackets hold no range.
fn replaced(text: &str, with: &str, is_range: fn(&[&str]) -> bool) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('[') {
        let (inside, after) = tail.split_once(']')?;
        let parts: Vec<&str> = inside.split(':').collect();
        let is_good = match parts.as_slice() {
            [_, _] => is_range(&parts),
            [_, _, step] => is_digits(step) && parts.get(..2).is_some_and(is_range),
            _ => false,
        };
        if !is_good {
            return None;
        }
        plain.push_str(before);
        plain.push_str(with);
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

fn is_name_range(ends: &[&str]) -> bool {
    let is_letter =
        |text: &&str| text.len() == 1 && text.starts_with(|c: char| c.is_ascii_alphabetic());
    ends.iter().all(is_letter) || ends.iter().all(|text| is_digits(text))
}

fn is_hex_range(ends: &[&str]) -> bool {
    ends.iter().all(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_ranges_are_told_from_lists() {
        for (text, expected) in [
            ("web", Some(("web", None))),
            ("web:2222", Some(("web", Some(2222)))),
            ("web[1:3].x:22", Some(("web[1:3].x", Some(22)))),
            ("[a:c]-db", Some(("[a:c]-db", None))),
            ("10.0.0.1:80", Some(("10.0.0.1", Some(80)))),
            ("::1", Some(("::1", None))),
            ("2001:db8::[1:9]", Some(("2001:db8::[1:9]", None))),
            ("[2001:db8::1]:2222", Some(("2001:db8::1", Some(2222)))),
            ("web:db", None),
            ("web:&eu", None),
            ("web[0]", None),
            ("web*", None),
            ("a_", None),
            ("-a", None),
            ("a..b", None),
            ("", None),
            ("2001:db8::a[1:9]", None),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
    }
}
