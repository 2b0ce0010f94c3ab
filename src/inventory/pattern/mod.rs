//! Ansible's pattern language: `forms:&eu:!hold`, commas, globs, `~regex`, `[0]`, `[1:3]`.
//!
//! The meaning is Ansible's ("Patterns: targeting hosts and groups"), its order included. Stricter
//! in one thing: a word that matches no site and no group is a mistake, because a mistyped `!name`
//! would let a site through, and `localhost` means a site of that name only.
//! Called by `select`, for positional targets, `--limit` and the `hosts` of plays.

mod address;
mod evaluate;
mod glob;
mod split;

pub(super) use address::place;
pub(super) use evaluate::evaluate;
pub(super) use glob::Glob;
pub use split::split;

use regex::Regex;

/// What a word does to the sites found so far. Plain words count first, then `&`, then `!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Add,
    Keep,
    Remove,
}

/// Which of the matches are meant: `[0]`, `[-1]`, `[1:3]` (both ends belong to it), `[1:]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscript {
    At(i64),
    Between(usize, usize),
    From(usize),
}

#[derive(Debug)]
enum Matcher {
    Name(String),
    Glob(Glob),
    Regex(Regex),
}

impl Matcher {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(text) => text == name,
            Self::Glob(glob) => glob.matches(name),
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

/// One word of a pattern.
#[derive(Debug)]
struct Word {
    effect: Effect,
    /// As written, for messages.
    written: String,
    /// Without `&` or `!`.
    text: String,
    matcher: Matcher,
    /// Whether sites are looked at even where a group matches, as Ansible does for words with
    /// one of `. ? * [` and for regular expressions.
    reaches_sites: bool,
    subscript: Option<Subscript>,
}

impl Word {
    /// Reads one word.
    ///
    /// # Errors
    /// A fragment that says why it cannot be read.
    fn read(written: &str) -> Result<Self, String> {
        let (effect, text) = match written.split_at_checked(1) {
            Some(("&", rest)) => (Effect::Keep, rest),
            Some(("!", rest)) => (Effect::Remove, rest),
            _ => (Effect::Add, written),
        };
        if text.is_empty() {
            return Err(format!("nothing follows the `{written}`"));
        }
        let (expression, subscript) = match text.strip_prefix('~') {
            Some(_) => (text, None),
            None => subscript_of(text),
        };
        let matcher = if let Some(body) = text.strip_prefix('~') {
            Matcher::Regex(regex(body)?)
        } else if expression.contains(['*', '?', '[']) {
            Matcher::Glob(Glob::new(expression))
        } else {
            Matcher::Name(expression.to_owned())
        };
        let reaches_sites = matches!(matcher, Matcher::Regex(_) | Matcher::Glob(_))
            || expression.contains(['.', '?', '*', '[']);
        let (written, text) = (written.to_owned(), text.to_owned());
        Ok(Self { effect, written, text, matcher, reaches_sites, subscript })
    }
}

/// Takes a subscript off the end; `[a-c]` and the like stay part of the glob.
fn subscript_of(text: &str) -> (&str, Option<Subscript>) {
    let found = text.strip_suffix(']').and_then(|body| body.rsplit_once('['));
    let Some((expression, inside)) = found.filter(|(expression, _)| !expression.is_empty()) else {
        return (text, None);
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        is_number.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    let signed = |text: &str| {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        number(digits).map(|value| i64::try_from(value).unwrap_or(i64::MAX) * sign)
    };
    let subscript = if let Some(index) = signed(inside) {
        Some(Subscript::At(index))
    } else {
        inside.split_once([':', '-']).and_then(|(start, end)| match (number(start)?, end) {
            (start, "") => Some(Subscript::From(start)),
            // Ansible takes an end of 0 for none at all and gives the first alone.
            (start, end) if number(end) == Some(0) => {
                Some(Subscript::At(i64::try_from(start).unwrap_or(i64::MAX)))
            }
            (start, end) => Some(Subscript::Between(start, number(end)?)),
        })
    };
    match subscript {
        Some(_) => (expression, subscript),
        None => (text, None),
    }
}

/// A regular expression that matches from the beginning of a name, as Python's `re.match`.
fn regex(body: &str) -> Result<Regex, String> {
    let ours = body.replace(r"\Z", r"\z");
    Regex::new(&format!("^(?:{ours})")).map_err(|why| {
        if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|open| body.contains(open)) {
            return "look-around is not read here; use `&` and `!` instead".to_owned();
        }
        let why = why.to_string();
        let last = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("not a regular expression: {last}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscripts_are_taken_off_and_classes_are_not() {
        for (text, expected) in [
            ("web", ("web", None)),
            ("web[0]", ("web", Some(Subscript::At(0)))),
            ("web[-1]", ("web", Some(Subscript::At(-1)))),
            ("web*[1:3]", ("web*", Some(Subscript::Between(1, 3)))),
            ("web[1-3]", ("web", Some(Subscript::Between(1, 3)))),
            ("web[2:]", ("web", Some(Subscript::From(2)))),
            ("web[2:0]", ("web", Some(Subscript::At(2)))),
            ("web[12]*", ("web[12]*", None)),
            ("web[a-c]", ("web[a-c]", None)),
            ("web[!0]", ("web[!0]", None)),
            ("[0]", ("[0]", None)),
            ("web[]", ("web[]", None)),
            ("web[1:-1]", ("web[1:-1]", None)),
        ] {
            assert_eq!(subscript_of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_regular_expression_begins_where_the_name_begins() {
        let matches = |body: &str, name: &str| regex(body).expect("a regex").is_match(name);
        assert!(matches("web", "web1") && !matches("eb", "web1"));
        assert!(matches(r"(web|db)\d+\Z", "db12") && !matches(r"(web|db)\d+\Z", "db12x"));
        assert!(matches("a|b", "bc") && !matches("a|b", "cb"));
        assert!(regex("(?!x)y").expect_err("look-around").contains("look-around"));
        assert!(regex("(").expect_err("broken").contains("not a regular expression"));
    }
}
