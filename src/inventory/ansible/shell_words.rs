//! Words of a line as Python's `shlex.split(line, comments=True)` makes them.
//!
//! A `#` begins a comment even inside a bare word; quotes join to what stands beside them.

/// A word and the column, from 1, at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShellWord {
    pub column: u32,
    pub text: String,
}

/// Splits a line.
///
/// # Errors
/// The column and the reason, where a quote or an escape is left open.
pub(super) fn shell_words(line: &str) -> Result<Vec<ShellWord>, (u32, &'static str)> {
    let mut words: Vec<ShellWord> = Vec::new();
    let mut open: Option<ShellWord> = None;
    let mut chars = (1..).zip(line.chars());
    while let Some((column, c)) = chars.next() {
        if c.is_whitespace() {
            words.extend(open.take());
            continue;
        }
        if c == '#' {
            break;
        }
        let word = open.get_or_insert(ShellWord { column, text: String::new() });
        match c {
            '\'' | '"' => loop {
                let Some((_, inner)) = chars.next() else {
                    return Err((column, "this quote is never closed"));
                };
                if inner == c {
                    break;
                }
                if c == '"' && inner == '\\' {
                    let Some((_, escaped)) = chars.next() else {
                        return Err((column, "this quote is never closed"));
                    };
                    if !matches!(escaped, '"' | '\\') {
                        word.text.push('\\');
                    }
                    word.text.push(escaped);
                } else {
                    word.text.push(inner);
                }
            },
            '\\' => match chars.next() {
                Some((_, escaped)) => word.text.push(escaped),
                None => return Err((column, "nothing follows this backslash")),
            },
            other => word.text.push(other),
        }
    }
    words.extend(open);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_shlex_splits_them() {
        for (line, expected) in [
            ("web a=1 b='x y'", vec![(1, "web"), (5, "a=1"), (9, "b=x y")]),
            ("web # a=1", vec![(1, "web")]),
            ("web#x a=1", vec![(1, "web")]),
            ("  a=\"1 \\\" 2\" ", vec![(3, "a=1 \" 2")]),
            (r#"a="\n" b=\# c='\'"#, vec![(1, r"a=\n"), (8, "b=#"), (13, r"c=\")]),
            ("a='' ''", vec![(1, "a="), (6, "")]),
            ("", vec![]),
        ] {
            let found = shell_words(line).expect("good words");
            let found: Vec<(u32, &str)> =
                found.iter().map(|word| (word.column, word.text.as_str())).collect();
            assert_eq!(found, expected, "{line}");
        }
        assert_eq!(shell_words("a 'b"), Err((3, "this quote is never closed")));
        assert_eq!(shell_words("a \\"), Err((3, "nothing follows this backslash")));
    }
}
