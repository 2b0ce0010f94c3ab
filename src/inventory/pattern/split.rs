//! Where one word of a pattern ends and the next begins.

use super::address::place;

/// The words of a pattern. Commas separate where there are any; otherwise colons do, unless the
/// whole is a host name, an address or a range; colons inside brackets never do.
#[must_use]
pub fn split(pattern: &str) -> Vec<&str> {
    let words: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if place(pattern).is_some() {
        vec![pattern]
    } else {
        at_colons(pattern)
    };
    words.into_iter().map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// Splits at colons, blanks and lone brackets, none of which belongs to a word.
fn at_colons(pattern: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begin = None;
    let mut at = 0;
    while let Some(rest) = pattern.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        let length = match first {
            '[' => rest.find(']').map_or(0, |end| end + 1),
            ']' | ':' => 0,
            c if c.is_whitespace() => 0,
            c => c.len_utf8(),
        };
        if length == 0 {
            words.extend(begin.take().and_then(|begin| pattern.get(begin..at)));
            at += first.len_utf8();
        } else {
            begin.get_or_insert(at);
            at += length;
        }
    }
    words.extend(begin.and_then(|begin| pattern.get(begin..)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_ansible_ends_them() {
        for (text, expected) in [
            ("a,b[1], c[2:3] , d", vec!["a", "b[1]", "c[2:3]", "d"]),
            ("forms:&eu:!hold", vec!["forms", "&eu", "!hold"]),
            ("web[1:3]", vec!["web[1:3]"]),
            ("web[0:1]:db", vec!["web[0:1]", "db"]),
            ("2001:db8::1", vec!["2001:db8::1"]),
            ("2001:db8::1,web", vec!["2001:db8::1", "web"]),
            ("a:b,c", vec!["a:b", "c"]),
            ("web:80", vec!["web:80"]),
            (" a : b ", vec!["a", "b"]),
            ("a b", vec!["a", "b"]),
            (",,", vec![]),
            (":", vec![]),
            ("a]b", vec!["a", "b"]),
            ("~(a|b)", vec!["~(a|b)"]),
            ("é*:x", vec!["é*", "x"]),
        ] {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }
}
