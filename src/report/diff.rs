//! The difference between two contents of a file, for people.

use similar::{Algorithm, ChangeTag, TextDiff};

use super::{Line, Tone, bytes};
use crate::model::Content;

/// Larger contents are not compared line by line: nobody reads that, and it takes long.
const LARGEST: usize = 512 * 1024;

/// A unified diff of at most `limit` lines; `None` is a file that is not there. Nothing when
/// both are equal, and no byte of a content that carries a secret.
#[must_use]
pub fn diff(path: &str, old: Option<&Content>, new: Option<&Content>, limit: usize) -> Vec<Line> {
    if old == new {
        return Vec::new();
    }
    let note = |text: &str| vec![Line::of(Tone::Strong, path).add(Tone::Plain, text)];
    if [old, new].into_iter().flatten().any(Content::is_tainted) {
        return note(match (old, new) {
            (None, _) => ": secret content, new",
            (_, None) => ": secret content, removed",
            _ => ": secret content changes",
        });
    }
    let size = |content: Option<&Content>| content.map_or(0, |content| content.bytes().len());
    let sizes = || format!("{} → {}", bytes(size(old) as u64), bytes(size(new) as u64));
    if size(old).max(size(new)) > LARGEST {
        return note(&format!(": too large to compare here, {}", sizes()));
    }
    let (Some(before), Some(after)) = (text(old), text(new)) else {
        return note(&format!(": binary, {}", sizes()));
    };
    let name = |content: Option<&Content>| if content.is_some() { path } else { "/dev/null" };
    let mut lines = vec![
        Line::of(Tone::Strong, &format!("--- {}", name(old))),
        Line::of(Tone::Strong, &format!("+++ {}", name(new))),
    ];
    let changes = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(before, after);
    for hunk in changes.unified_diff().context_radius(3).iter_hunks() {
        lines.push(Line::of(Tone::Dim, hunk.header().to_string().trim_end()));
        for change in hunk.iter_changes() {
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ('-', Tone::Bad),
                ChangeTag::Insert => ('+', Tone::Good),
                ChangeTag::Equal => (' ', Tone::Plain),
            };
            let value = change.value();
            let value = value.strip_suffix('\n').unwrap_or(value);
            lines.push(Line::verbatim(tone, &format!("{sign}{value}")));
            if change.missing_newline() {
                lines.push(Line::of(Tone::Dim, "\\ no line break at the end of the file"));
            }
        }
    }
    if lines.len() > limit.saturating_add(2) {
        let more = lines.len() - limit - 2;
        lines.truncate(limit + 2);
        lines.push(Line::of(Tone::Dim, &format!("… {more} more lines")));
    }
    lines
}

/// The content as text; `None` when it is none.
fn text(content: Option<&Content>) -> Option<&str> {
    let Some(content) = content else { return Some("") };
    let bytes: &[u8] = content.bytes();
    if bytes.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(bytes: &'static [u8]) -> Content {
        Content::Plain(bytes.into())
    }

    fn shown(old: Option<&Content>, new: Option<&Content>, limit: usize) -> String {
        diff("private/form.php", old, new, limit).iter().map(|l| l.text() + "\n").collect()
    }

    #[test]
    fn changed_lines_are_shown_with_what_is_around_them() {
        let old = plain(b"a\nb\nc\nd\ne\nf\n\tto: x\n");
        let new = plain(b"a\nb\nc\nd\ne\nf\n\tto: y");
        let expected = "\
--- private/form.php
+++ private/form.php
@@ -4,4 +4,4 @@
 d
 e
 f
-\tto: x
+\tto: y
\\ no line break at the end of the file
";
        assert_eq!(shown(Some(&old), Some(&new), 100), expected);
        assert_eq!(shown(Some(&old), Some(&old), 100), "");
    }

    #[test]
    fn new_and_removed_files_are_compared_with_nothing() {
        let file = plain(b"a\n");
        assert_eq!(
            shown(None, Some(&file), 9),
            "--- /dev/null\n+++ private/form.php\n@@ -0,0 +1 @@\n+a\n"
        );
        assert_eq!(
            shown(Some(&file), None, 9),
            "--- private/form.php\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
        );
    }

    #[test]
    fn a_secret_shows_no_byte_on_either_side() {
        let secret = Content::Tainted("password = hunter2\n".into());
        let was = plain(b"password = none\n");
        for (old, new) in [
            (None, Some(&secret)),
            (Some(&was), Some(&secret)),
            (Some(&secret), Some(&was)),
            (Some(&secret), None),
        ] {
            let text = shown(old, new, 9);
            assert!(
                text.starts_with("private/form.php: secret content") && text.lines().count() == 1,
                "{text}"
            );
            assert!(!text.contains("hunter2") && !text.contains("none"), "{text}");
        }
    }

    #[test]
    fn what_is_no_text_and_what_is_too_much_is_only_named() {
        assert_eq!(
            shown(Some(&plain(b"a\0")), Some(&plain(b"\xff")), 9),
            "private/form.php: binary, 2 B → 1 B\n"
        );
        let large = Content::Plain(vec![b'x'; LARGEST + 1].into());
        assert!(shown(None, Some(&large), 9).contains("too large"));
        let many = Content::Plain("line\n".repeat(50).into());
        let text = shown(None, Some(&many), 10);
        assert_eq!(text.lines().count(), 13, "{text}");
        assert!(text.ends_with("… 41 more lines\n"), "{text}");
    }

    #[test]
    fn a_line_of_a_file_cannot_steer_the_terminal() {
        let text = shown(None, Some(&plain(b"\x1b]0;x\x07\r\n")), 9);
        assert!(text.ends_with("+\\x1b]0;x\\x07\\r\n"), "{text}");
    }

    #[test]
    fn the_worst_pair_of_texts_is_compared_in_good_time() {
        let lines = |step: usize| {
            let lines: Vec<String> = (0..20_000).map(|i| (i * step % 9973).to_string()).collect();
            lines.join("\n")
        };
        let (old, new) = (Content::Plain(lines(7).into()), Content::Plain(lines(11).into()));
        let began = std::time::Instant::now();
        assert!(!diff("x", Some(&old), Some(&new), 10).is_empty());
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }
}
