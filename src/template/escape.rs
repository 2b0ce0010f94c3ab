//! The ways in which text is written inside other languages.
//!
//! Used twice: by filters, to write values; and by the search for secrets, which must know
//! every form that a filter can give them.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// HTML text, as Jinja2's `escape` writes it.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

/// The inside of a JSON string (RFC 8259, section 7), in ASCII as Python's `json` writes it.
pub(super) fn json_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out
}

/// As [`json_ascii`], and harmless inside a `<script>` element or an attribute of HTML.
pub(super) fn json_html(text: &str) -> String {
    let mut out = json_ascii(text);
    for (character, escape) in
        [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("'", "\\u0027")]
    {
        out = out.replace(character, escape);
    }
    out
}

/// Percent-encoding (RFC 3986, section 2.1) of everything but unreserved characters and `/`,
/// as Jinja2's `urlencode` does it.
pub(super) fn url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// One word for a POSIX shell, as Python's `shlex.quote` writes it.
pub(super) fn shell(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// The inside of a PHP string in single quotes.
pub(super) fn php(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Standard Base64 with padding (RFC 4648, section 4).
pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// `secret` in every form in which it can be expected in an output.
pub(super) fn disguises(secret: &str) -> Vec<String> {
    let hex = |upper: bool| {
        secret.bytes().fold(String::new(), |mut out, byte| {
            let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
            out
        })
    };
    let json_utf8 = serde_json::Value::from(secret).to_string();
    let upper = url(secret);
    let mut forms = vec![
        secret.to_owned(),
        secret.to_lowercase(),
        secret.to_uppercase(),
        secret.chars().rev().collect(),
        html(secret),
        json_ascii(secret),
        json_html(secret),
        json_utf8.trim_matches('"').to_owned(),
        upper.replace('/', "%2F"),
        upper.replace("%20", "+"),
        upper,
        shell(secret).trim_matches('\'').to_owned(),
        php(secret),
        hex(false),
        hex(true),
    ];
    // In Base64 a text looks different in each of three positions; the ends mix with what is
    // beside it, so only what is wholly its own is looked for.
    for (lead, before) in ["", "x", "xx"].into_iter().enumerate() {
        let padded = format!("{before}{secret}");
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let own = text.get((lead * 8).div_ceil(6)..(lead + secret.len()) * 8 / 6);
            forms.extend(own.filter(|own| own.len() >= 4).map(str::to_owned));
        }
    }
    forms.retain(|form| !form.is_empty());
    forms.sort_unstable();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_the_other_language_wants_it() {
        assert_eq!(html("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&#34;&amp;");
        assert_eq!(json_ascii("a\"\\\n\u{1}é😀"), "a\\\"\\\\\\n\\u0001\\u00e9\\ud83d\\ude00");
        assert_eq!(json_html("</script>"), "\\u003c/script\\u003e");
        assert_eq!(url("a b/ü?&"), "a%20b/%C3%BC%3F%26");
        assert_eq!(shell("it's"), "'it'\"'\"'s'");
        assert_eq!(shell("/srv/a-b"), "/srv/a-b");
        assert_eq!(shell(""), "''");
        assert_eq!(php("it's \\ $x"), "it\\'s \\\\ $x");
    }

    #[test]
    fn a_secret_is_found_in_base64_wherever_it_stands() {
        let forms = disguises("hunter2!ß");
        for before in ["", "a", "ab", "user:", "abcd"] {
            for after in ["", "z", "zz", "zzz"] {
                let text = base64(&format!("{before}hunter2!ß{after}"));
                assert!(forms.iter().any(|form| text.contains(form)), "{before}{after}: {text}");
            }
        }
    }
}
