//! Words that end up in connections and in paths on hosts: addresses, users, paths, URLs.
//!
//! Each is checked once, here: nothing that could be read as an option, a shell word, another
//! path or a second address gets past. Every check gives the fragment that follows the word.

use std::net::IpAddr;

/// A host name (RFC 1123, underscores allowed) or an IP address without brackets.
pub(super) fn address(text: &str) -> Result<(), &'static str> {
    let zoneless = text.split_once('%').map_or(text, |(ip, zone)| {
        let is_zone = !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric());
        if is_zone { ip } else { text }
    });
    if zoneless.parse::<IpAddr>().is_ok_and(|ip| zoneless == text || ip.is_ipv6()) {
        return Ok(());
    }
    if text.contains("://") {
        return Err("is a URL; an address is a host name or an IP address");
    }
    if text.contains('@') {
        return Err("names a user; write it as `user`");
    }
    if text.starts_with('[') {
        return Err("is in brackets; write an IPv6 address without them");
    }
    if text.matches(':').count() == 1 {
        return Err("holds a port; write it as `port`");
    }
    if text.contains(':') {
        return Err("is not an IPv6 address");
    }
    let labels: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if text.len() > 253 || !labels.iter().all(is_label) {
        return Err("is neither a host name nor an IP address");
    }
    if labels.last().is_some_and(|label| label.chars().all(|c| c.is_ascii_digit())) {
        return Err("looks like an IP address but is none");
    }
    Ok(())
}

/// A login name.
pub(super) fn user(text: &str) -> Result<(), &'static str> {
    let bare = text.strip_suffix('$').unwrap_or(text);
    let is_good = bare.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    match (is_good, text.len() <= 64) {
        (true, true) => Ok(()),
        (false, _) => Err(
            "is no login name: letters, digits, dots, dashes and underscores, and no dash first",
        ),
        (_, false) => Err("is longer than 64 characters"),
    }
}

/// An absolute path on a host; may hold `{{ site }}`.
pub(super) fn host_path(text: &str) -> Result<(), &'static str> {
    if !text.starts_with('/') {
        return Err("is not an absolute path");
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    if text.len() > 1024 {
        return Err("is longer than 1024 bytes");
    }
    let components: Vec<&str> = text.split('/').skip(1).collect();
    match components.as_slice() {
        [""] => Err("is the root of the whole file system"),
        parts if parts.iter().any(|part| matches!(*part, "." | "..")) => {
            Err("may not hold `.` or `..`")
        }
        parts if parts.iter().any(|part| part.is_empty()) => {
            Err("has an empty component: write single slashes, and none at the end")
        }
        _ => Ok(()),
    }
}

/// A path on this machine: of a key or a secret. Relative to the project, absolute, or `~/…`.
pub(super) fn local_path(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    if text.starts_with('-') {
        return Err("begins with a dash; write `./` before it");
    }
    Ok(())
}

/// The public address of a site: `http://` or `https://`, a host, perhaps a port and a path.
pub(super) fn url(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return Err("must begin with https:// or http://") };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err("may not hold a user or a password");
    }
    if path.contains(['?', '#']) || authority.contains(['?', '#']) {
        return Err("may not hold a query or a fragment");
    }
    if text
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\\' | '<' | '>'))
    {
        return Err("holds a character that no URL has");
    }
    let Some((host, port)) = host_and_port(authority) else {
        return Err("has a port that is no number from 1 to 65535, or an open bracket");
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if port.is_some_and(|port| !is_port(port)) {
        return Err("has a port that is no number from 1 to 65535");
    }
    address(host).map_err(|_| "has no valid host name")
}

/// Splits `host`, `host:port`, `[ip]` and `[ip]:port`.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    let Some(rest) = text.strip_prefix('[') else {
        return Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))));
    };
    match rest.split_once(']')? {
        (host, "") => Some((host, None)),
        (host, after) => Some((host, Some(after.strip_prefix(':')?))),
    }
}

/// Jump hosts as `ssh -J` takes them: `user@host:port`, several with commas.
pub(super) fn jump(text: &str) -> Result<(), &'static str> {
    const WHY: &str = "is no jump host: write [user@]host[:port], several with commas";
    for hop in text.split(',') {
        let (name, place) = hop.rsplit_once('@').map_or((None, hop), |(name, at)| (Some(name), at));
        if name.is_some_and(|name| user(name).is_err()) {
            return Err(WHY);
        }
        let Some((host, port)) = host_and_port(place) else { return Err(WHY) };
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if address(host).is_err() || port.is_some_and(|port| !is_port(port)) {
            return Err(WHY);
        }
    }
    Ok(())
}

/// A tag's value: short, printable, and free of what separates tags on a command line.
pub(super) fn tag_value(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.chars().count() > 64 {
        return Err("must have 1 to 64 characters");
    }
    if text.chars().any(|c| c.is_control() || matches!(c, ',' | '=' | ';')) {
        return Err("may not hold a comma, a semicolon, `=` or a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: fn(&str) -> Result<(), &'static str>, good: &[&str], bad: &[(&str, &str)]) {
        for text in good {
            assert_eq!(read(text), Ok(()), "{text:?}");
        }
        for (text, why) in bad {
            let error = read(text).expect_err(text);
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_address_is_a_host_name_or_an_ip_address() {
        let good = [
            "acme.example",
            "web_1",
            "203.0.113.10",
            "::1",
            "2001:db8::1",
            "fe80::1%eth0",
            "a.b.",
            "1password.com",
        ];
        check(
            address,
            &good,
            &[
                ("-oProxyCommand=id", "neither"),
                ("203.0.113.300", "looks like an IP"),
                ("203.0.113", "looks like an IP"),
                ("203.0.113.1%eth0", "neither"),
                ("acme.example:22", "holds a port"),
                ("root@acme.example", "names a user"),
                ("https://acme.example", "is a URL"),
                ("[::1]", "in brackets"),
                ("::g", "not an IPv6"),
                ("a b", "neither"),
                ("a..b", "neither"),
                ("$(id)", "neither"),
                ("", "neither"),
                ("münchen.example", "neither"),
            ],
        );
    }

    #[test]
    fn a_user_cannot_be_an_option() {
        check(
            user,
            &["deploy", "www-data", "_x", "a.b", "host$", "1and1"],
            &[
                ("-l", "login name"),
                ("a b", "login name"),
                ("a;id", "login name"),
                ("", "login name"),
                (&"a".repeat(65), "longer"),
            ],
        );
    }

    #[test]
    fn a_path_on_a_host_is_absolute_and_plain() {
        check(
            host_path,
            &["/var/www/acme", "/srv/{{ site }}", "/a b"],
            &[
                ("var/www", "absolute"),
                ("~/www", "absolute"),
                ("/", "root of the whole"),
                ("/a/../b", "`..`"),
                ("/a/./b", "`.`"),
                ("/a//b", "empty component"),
                ("/a/", "empty component"),
                ("/a\nb", "control"),
            ],
        );
    }

    #[test]
    fn a_url_has_a_host_and_no_secrets() {
        check(
            url,
            &["https://acme.example", "http://127.0.0.1:8080/x", "https://[::1]:8443"],
            &[
                ("acme.example", "must begin"),
                ("ftp://acme.example", "must begin"),
                ("https://", "host name"),
                ("https://u:p@acme.example", "password"),
                ("https://acme.example/?a=b", "query"),
                ("https://acme.example:0", "port"),
                ("https://acme.example:99999", "port"),
                ("https://a b", "no URL"),
                ("https://[::1", "bracket"),
            ],
        );
    }

    #[test]
    fn jump_hosts_are_as_ssh_takes_them() {
        check(
            jump,
            &["bastion", "me@bastion:2222", "a,b@c:1", "me@[::1]:22"],
            &[
                ("-oX=y", "jump host"),
                ("a,", "jump host"),
                ("me@", "jump host"),
                ("a:b", "jump host"),
                ("a b", "jump host"),
                ("[::1]22", "jump host"),
            ],
        );
    }
}
