//! What a plain (unquoted) scalar means.
//!
//! YAML 1.2's core schema, minus everything that YAML 1.1 readers (and so Ansible) take
//! differently: those scalars are [`Yaml::Unclear`], and the user is asked to quote them.

use super::Yaml;

/// Gives a plain scalar its meaning.
pub fn plain(text: &str) -> Yaml {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Yaml::Null,
        "true" => return Yaml::Bool(true),
        "false" => return Yaml::Bool(false),
        _ => {}
    }
    if is_word_for_a_boolean(text) {
        return Yaml::Unclear(text.to_owned());
    }
    number(text).unwrap_or_else(|| Yaml::Text(text.to_owned()))
}

/// Whether a word of letters, digits, dots, dashes, underscores and blanks can be written without
/// quotes and is read back as the same text.
#[must_use]
pub fn is_plain_text(text: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !text.ends_with(' ')
        && text.chars().all(is_safe)
        && plain(text) == Yaml::Text(text.to_owned())
}

/// Why an unclear scalar is unclear, and what to write instead.
pub fn advice(text: &str) -> String {
    let quoted = format!("write \"{text}\" if it is text");
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" => format!("write true if it is a boolean; {quoted}"),
        "no" | "off" | "false" => format!("write false if it is a boolean; {quoted}"),
        _ => format!("{quoted}; write a number in plain decimal digits"),
    }
}

fn is_word_for_a_boolean(text: &str) -> bool {
    ["yes", "no", "on", "off", "true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Reads what looks like a number to any YAML version; `None` when it looks like one to none.
fn number(text: &str) -> Option<Yaml> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let unclear = || Some(Yaml::Unclear(text.to_owned()));
    if unsigned.eq_ignore_ascii_case(".inf") || text.eq_ignore_ascii_case(".nan") {
        return unclear();
    }
    let first = unsigned.chars().next()?;
    if !first.is_ascii_digit() && first != '.' {
        return None;
    }
    if let Some(digits) = unsigned.strip_prefix("0x") {
        let is_hex =
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
        return is_hex.then(|| hexadecimal(text, digits).unwrap_or(Yaml::Unclear(text.to_owned())));
    }
    let is_radix = |prefix: &str, digits: &[char]| {
        unsigned
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| digits.contains(&c)))
    };
    if is_radix("0o", &['0', '1', '2', '3', '4', '5', '6', '7', '_'])
        || is_radix("0b", &['0', '1', '_'])
    {
        return unclear();
    }
    if !unsigned.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    if unsigned.chars().all(|c| c.is_ascii_digit()) {
        let leading_zero = unsigned.len() > 1 && first == '0';
        return match text.parse() {
            Ok(value) if !leading_zero => Some(Yaml::Int(value)),
            _ => unclear(),
        };
    }
    if is_fraction(unsigned) {
        let leading_zero = unsigned.starts_with("00") || unsigned.starts_with("0_");
        return match text.parse() {
            Ok(value) if !leading_zero => Some(Yaml::Float(value)),
            _ => unclear(),
        };
    }
    let looks_numeric =
        is_grouped(unsigned) || is_exponential(unsigned) || is_sexagesimal(unsigned);
    looks_numeric.then(|| Yaml::Unclear(text.to_owned()))
}

fn hexadecimal(text: &str, digits: &str) -> Option<Yaml> {
    let value = i64::from_str_radix(digits, 16).ok()?;
    Some(Yaml::Int(if text.starts_with('-') { -value } else { value }))
}

/// `1.5`, `.5`, `5.`
fn is_fraction(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(whole, part)| whole.chars().chain(part.chars()).all(|c| c.is_ascii_digit()))
}

/// `1_000`: a number to YAML 1.1, text to YAML 1.2.
fn is_grouped(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains('_')
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.'))
        && text.matches('.').count() <= 1
}

/// `1e5`, `1.5e+3`: a number to YAML 1.2, often text to YAML 1.1 (and often a commit's name).
fn is_exponential(text: &str) -> bool {
    text.split_once(['e', 'E']).is_some_and(|(base, power)| {
        let power = power.strip_prefix(['-', '+']).unwrap_or(power);
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        digits(power) && (digits(base) || (base.len() > 1 && is_fraction(base)))
    })
}

/// `12:30`: a number in base 60 to YAML 1.1, text to YAML 1.2.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let is_sixty = |part: &&str| {
        matches!(part.len(), 1 | 2)
            && part.chars().all(|c| c.is_ascii_digit())
            && part.parse().is_ok_and(|value: u8| value < 60)
    };
    !first.is_empty()
        && first.chars().all(|c| c.is_ascii_digit() || c == '_')
        && !rest.is_empty()
        && rest.iter().all(is_sixty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_readers_agree_on_has_its_type() {
        let cases = [
            ("~", Yaml::Null),
            ("", Yaml::Null),
            ("true", Yaml::Bool(true)),
            ("false", Yaml::Bool(false)),
            ("0", Yaml::Int(0)),
            ("22", Yaml::Int(22)),
            ("-7", Yaml::Int(-7)),
            ("0x1F", Yaml::Int(31)),
            ("1.5", Yaml::Float(1.5)),
            ("-0.25", Yaml::Float(-0.25)),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_written_without_quotes_is_read_back_as_it_was() {
        for text in ["forms", "the site itself", "eu-west", "2.1.4", "_x", "y"] {
            assert!(is_plain_text(text), "{text}");
        }
        for text in ["no", "true", "null", "1e5", "0644", "12", "", " x", "x ", "-", "a: b", "#"] {
            assert!(!is_plain_text(text), "{text}");
        }
    }

    #[test]
    fn words_stay_words() {
        let words = [
            "y",
            "n",
            "2.1.4",
            "^2.1",
            "2027-01-31",
            "203.0.113.10",
            "::1",
            "fe80::1",
            "0xg",
            "nan",
            "e5",
            "1e",
            ".",
            "-",
            "--",
            "1h",
            "500ms",
            "10%",
            "8080:80",
            "+",
            "0b2",
            "0o9",
            "_1",
            "...",
        ];
        for text in words {
            assert_eq!(plain(text), Yaml::Text(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_on_has_no_meaning() {
        let unclear = [
            "yes",
            "No",
            "ON",
            "off",
            "True",
            "FALSE",
            "0644",
            "-012",
            "00",
            "0o644",
            "0b101",
            "1_000",
            "1e5",
            "12e4567",
            "1.5e+3",
            "12:30",
            "190:20:30",
            ".nan",
            "-.INF",
            "99999999999999999999",
            "0x1_0",
            "0xffffffffffffffffff",
        ];
        for text in unclear {
            assert_eq!(plain(text), Yaml::Unclear(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn advice_names_the_boolean_that_was_meant() {
        assert!(advice("Off").starts_with("write false"));
        assert!(advice("YES").starts_with("write true"));
        assert!(advice("0644").starts_with("write \"0644\""));
    }
}
