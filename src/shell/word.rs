//! Quoting: how a text becomes exactly one word of a POSIX shell.

/// `text` as one word of the POSIX shell language, whatever it holds but NUL.
///
/// Plain words stay as they are, for people who read them. Everything else stands between single
/// quotes, which have no escapes inside (POSIX.1-2017, XCU 2.2.2).
#[must_use]
pub fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    // A leading `=` or `~` means something to zsh or sh; an empty word would vanish.
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('=') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Several words as one command line.
#[must_use]
pub fn command_line<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    words.into_iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_readable_and_others_are_enclosed() {
        assert_eq!(quote("wp-content/x.php"), "wp-content/x.php");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$(id)"), "'$(id)'");
        assert_eq!(quote("=ls"), "'=ls'");
        assert_eq!(command_line(["wp", "post", "list", "a b"]), "wp post list 'a b'");
    }
}
