//! What a host says, made safe to show.
//!
//! Every text from a host passes here before it becomes an event, and once more before it is
//! shown: both functions leave their own results as they are. Control characters, escape
//! sequences, C1 and bidirectional controls become visible text, so that nothing a host says
//! can move a cursor, reorder a line or forge a record.

use std::fmt::Write as _;

use serde::Serialize;

/// Text that may have several lines: `\n` and `\t` stay, `\r\n` becomes `\n`.
#[must_use]
pub fn sanitize(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => safe.push(c),
            '\r' if rest.peek() == Some(&'\n') => {}
            c => push(&mut safe, c),
        }
    }
    safe
}

/// Text that must stay on one line: line breaks are shown as `\n`, tabs as one space.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' { safe.push(' ') } else { push(&mut safe, c) }
    }
    safe
}

/// Bytes that may have several lines. What is not UTF-8 is shown byte by byte, as `\xff`.
#[must_use]
pub fn sanitize_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    sanitize(&text)
}

/// A value as one line of JSON in which such characters are escaped, so that a program gets them
/// as they are and a terminal does not (RFC 8259 section 7).
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    let is_bad = |c: char| c == '\u{7f}' || deceives(c);
    if !text.contains(is_bad) {
        return Ok(text);
    }
    // Outside its strings JSON has none of them.
    let mut safe = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        if is_bad(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Ok(safe)
}

fn push(safe: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => write!(safe, "\\n"),
        '\r' => write!(safe, "\\r"),
        '\0'..='\u{1f}' | '\u{7f}' => write!(safe, "\\x{:02x}", u32::from(c)),
        c if deceives(c) => write!(safe, "\\u{{{:x}}}", u32::from(c)),
        c => {
            safe.push(c);
            Ok(())
        }
    };
}

/// C1 controls, bidirectional controls (Unicode 16, `Bidi_Control`), and characters that are
/// line breaks or nothing at all to some terminals. Joiners stay: scripts and emoji need them.
const fn deceives(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_steer_a_terminal_becomes_visible() {
        for (said, shown) in [
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\x1b]8;;http://evil\x07link", "\\x1b]8;;http://evil\\x07link"),
            ("\x1b]52;c;aGk=\x1b\\", "\\x1b]52;c;aGk=\\x1b\\"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("good\rbad", "good\\rbad"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("a\0b\x08c\x7f", "a\\x00b\\x08c\\x7f"),
            ("dos\r\nline\n\ttab", "dos\nline\n\ttab"),
            ("héllo → 世界 👩‍🚀", "héllo → 世界 👩‍🚀"),
        ] {
            assert_eq!(sanitize(said), shown);
        }
    }

    #[test]
    fn one_record_is_one_line() {
        assert_eq!(one_line("a\nchanged: b\r\n\tc"), "a\\nchanged: b\\r\\n c");
        assert_eq!(one_line("a\u{2028}b\u{85}c"), "a\\u{2028}b\\u{85}c");
    }

    #[test]
    fn json_holds_the_same_text_without_what_steers_a_terminal() {
        let text = "plain ü \u{202e}\u{9b}2J\x1b[2J\x7f\u{e0041}\"\\\r\n👩\u{200d}🚀";
        let line = json_line(&[text]).unwrap();
        assert_eq!(line, r#"["plain ü \u202e\u009b2J\u001b[2J\u007f\udb40\udc41\"\\\r\n👩‍🚀"]"#);
        assert_eq!(serde_json::from_str::<Vec<String>>(&line).unwrap(), [text]);
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        assert_eq!(sanitize_bytes(b"ok \xff\xc3( \xe2\x82"), "ok \\xff\\xc3( \\xe2\\x82");
        // The byte form of a C1 control is not text, and its two-byte form is a control.
        assert_eq!(sanitize_bytes(b"\x9b2J \xc2\x9b2J"), "\\x9b2J \\u{9b}2J");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_control_survives_and_twice_is_once(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let shown = sanitize_bytes(&bytes);
            prop_assert!(shown.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert_eq!(sanitize(&shown), shown.clone());
            let line = one_line(&shown);
            prop_assert!(line.chars().all(|c| !c.is_control()));
            prop_assert_eq!(one_line(&line), line);
        }
    }
}
