//! Globs as Python's `fnmatch` reads them: `*`, `?`, `[seq]`, `[!seq]`; case counts.
//!
//! Nothing escapes; `[` without its `]` is itself. Matching takes time in proportion to the
//! lengths of both at worst, never more.

/// A glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inventory) struct Glob(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Any,
    One,
    Char(char),
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Char(own) => *own == c,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *is_negated
            }
        }
    }
}

impl Glob {
    /// Reads a glob; every text is one.
    pub fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            at += 1;
            match c {
                '*' => {
                    if pieces.last() != Some(&Piece::Any) {
                        pieces.push(Piece::Any);
                    }
                }
                '?' => pieces.push(Piece::One),
                '[' => match class(chars.get(at..).unwrap_or_default()) {
                    Some((class, length)) => {
                        pieces.push(class);
                        at += length;
                    }
                    None => pieces.push(Piece::Char('[')),
                },
                other => pieces.push(Piece::Char(*other)),
            }
        }
        Self(pieces)
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut piece, mut at) = (0, 0);
        // Where the last `*` stands, and how much it has taken.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            let taken = name.get(at).copied().unwrap_or_default();
            match self.0.get(piece) {
                Some(Piece::Any) => {
                    star = Some((piece, at));
                    piece += 1;
                }
                Some(other) if other.takes(taken) => (piece, at) = (piece + 1, at + 1),
                _ => {
                    let Some((place, from)) = star else { return false };
                    star = Some((place, from + 1));
                    (piece, at) = (place + 1, from + 1);
                }
            }
        }
        self.0.get(piece..).unwrap_or_default().iter().all(|piece| *piece == Piece::Any)
    }
}

/// The class that begins after an opening bracket, and its length with the closing one.
fn class(rest: &[char]) -> Option<(Piece, usize)> {
    let is_negated = rest.first() == Some(&'!');
    let begin = usize::from(is_negated);
    // A bracket that closes at once is a member.
    let first = begin + usize::from(rest.get(begin) == Some(&']'));
    let end = first + rest.get(first..)?.iter().position(|c| *c == ']')?;
    let body = rest.get(begin..end)?;
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(low) = body.get(at) {
        if let (Some('-'), Some(high)) = (body.get(at + 1), body.get(at + 2)) {
            // A range that runs backwards holds nothing.
            if low <= high {
                ranges.push((*low, *high));
            }
            at += 3;
        } else {
            ranges.push((*low, *low));
            at += 1;
        }
    }
    Some((Piece::Class { is_negated, ranges }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_what_fnmatch_matches() {
        for (glob, good, bad) in [
            ("web*", vec!["web", "web1"], vec!["xweb", "we"]),
            ("*.example", vec!["a.example", ".example"], vec!["a.exampl"]),
            ("w?b", vec!["web"], vec!["wb", "weeb"]),
            ("s[12]*", vec!["s1", "s2x"], vec!["s3", "s"]),
            ("s[!12]", vec!["s3"], vec!["s1", "s"]),
            ("s[a-c]", vec!["sb"], vec!["sd", "s-"]),
            ("s[]x]", vec!["s]", "sx"], vec!["s[]x]"]),
            ("s[x", vec!["s[x"], vec!["sx"]),
            ("s[a-]", vec!["sa", "s-"], vec!["sb"]),
            ("s[c-a]", vec![], vec!["sb", "sc"]),
            ("s[!c-a]", vec!["sb"], vec!["s"]),
            ("a*b*c", vec!["abc", "axbbxc"], vec!["acb", "ab"]),
            ("*", vec!["", "x"], vec![]),
            ("Web", vec!["Web"], vec!["web"]),
            (r"a\*", vec![r"a\b"], vec!["a*"]),
        ] {
            for name in good {
                assert!(Glob::new(glob).matches(name), "{glob} {name}");
            }
            for name in bad {
                assert!(!Glob::new(glob).matches(name), "{glob} {name}");
            }
        }
    }

    #[test]
    fn many_stars_cost_no_time() {
        let glob = Glob::new(&"*a".repeat(40));
        assert!(!glob.matches(&format!("{}b", "a".repeat(5000))));
    }
}
