//! Values of INI inventories: Python literals where they are some, text otherwise.
//!
//! Ansible gives every value to Python's `ast.literal_eval` and keeps the text where that fails
//! ("How to build your inventory", on INI values). So `8080` is a number, `[1, 2]` a list,
//! `True` a boolean, and `true`, `0755`, `1.2.3` and `web[0]` are text.

use crate::model::{
    Position,
    yaml::{Key, Node, Yaml},
};

/// How deep literals may nest; what is deeper is text.
const DEPTH: usize = 32;

/// What a value means. `at` is where it is written.
pub(super) fn value(at: &Position, text: &str) -> Node {
    let mut reader = Reader { at, rest: text.trim_start_matches([' ', '\t']) };
    let read = reader.whole();
    Node { at: at.clone(), value: read.unwrap_or_else(|| Yaml::Text(text.to_owned())) }
}

struct Reader<'a> {
    at: &'a Position,
    rest: &'a str,
}

impl Reader<'_> {
    fn whole(&mut self) -> Option<Yaml> {
        let value = self.listed(DEPTH)?;
        self.blank();
        self.rest.is_empty().then_some(value)
    }

    /// A value, or several with commas outside brackets, which are a list.
    fn listed(&mut self, depth: usize) -> Option<Yaml> {
        let first = self.item(depth)?;
        if !self.ate(',') {
            return Some(first);
        }
        let mut items = vec![self.boxed(first)];
        loop {
            self.blank();
            if self.rest.is_empty() || self.rest.starts_with(')') {
                return Some(Yaml::List(items));
            }
            let item = self.item(depth)?;
            items.push(self.boxed(item));
            if !self.ate(',') {
                return Some(Yaml::List(items));
            }
        }
    }

    fn item(&mut self, depth: usize) -> Option<Yaml> {
        let depth = depth.checked_sub(1)?;
        self.blank();
        match self.rest.chars().next()? {
            '[' => {
                self.ate('[');
                self.sequence(']', depth).map(Yaml::List)
            }
            '(' => self.parenthesis(depth),
            '{' => self.braces(depth),
            '"' | '\'' => self.texts(),
            '-' | '+' => self.number(),
            c if c.is_ascii_digit() || c == '.' => self.number(),
            _ => self.word(),
        }
    }

    fn parenthesis(&mut self, depth: usize) -> Option<Yaml> {
        self.ate('(');
        if self.ate(')') {
            return Some(Yaml::List(Vec::new()));
        }
        let value = self.listed(depth)?;
        self.ate(')').then_some(value)
    }

    fn sequence(&mut self, close: char, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        while !self.ate(close) {
            let item = self.item(depth)?;
            items.push(self.boxed(item));
            if !self.ate(',') {
                return self.ate(close).then_some(items);
            }
        }
        Some(items)
    }

    /// A mapping or a set; a set becomes a list without repeats.
    fn braces(&mut self, depth: usize) -> Option<Yaml> {
        self.ate('{');
        let mut entries: Vec<(Key, Node)> = Vec::new();
        if self.ate('}') {
            return Some(Yaml::Map(entries));
        }
        let first = self.item(depth)?;
        if !self.ate(':') {
            // A set holds no lists: `{{ [1] }}` is a template.
            if matches!(first, Yaml::List(_) | Yaml::Map(_)) {
                return None;
            }
            let mut items = vec![self.boxed(first)];
            if self.ate(',') {
                for item in self.sequence('}', depth)? {
                    if !items.iter().any(|known| known.value == item.value) {
                        items.push(item);
                    }
                }
                return Some(Yaml::List(items));
            }
            return self.ate('}').then_some(Yaml::List(items));
        }
        let mut key = first;
        loop {
            let name = match key {
                Yaml::Text(text) => text,
                Yaml::Int(number) => number.to_string(),
                Yaml::Bool(value) => value.to_string(),
                _ => return None,
            };
            let value = self.item(depth)?;
            let value = self.boxed(value);
            // Of two entries with one key the last counts, in the place of the first.
            if let Some((_, known)) = entries.iter_mut().find(|(known, _)| known.text == name) {
                *known = value;
            } else {
                let key = Key { at: self.at.clone(), text: name, is_number: false };
                entries.push((key, value));
            }
            let more = self.ate(',');
            if self.ate('}') {
                return Some(Yaml::Map(entries));
            }
            if !more {
                return None;
            }
            key = self.item(depth)?;
            if !self.ate(':') {
                return None;
            }
        }
    }

    fn word(&mut self) -> Option<Yaml> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        let is_prefix = matches!(word.to_ascii_lowercase().as_str(), "r" | "b" | "u" | "br" | "rb");
        if is_prefix && rest.starts_with(['"', '\'']) {
            return self.texts();
        }
        self.rest = rest;
        match word {
            "True" => Some(Yaml::Bool(true)),
            "False" => Some(Yaml::Bool(false)),
            "None" => Some(Yaml::Null),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Yaml> {
        let mut sign = 1_i64;
        if let Some(rest) = self.rest.strip_prefix(['-', '+']) {
            sign = if self.rest.starts_with('-') { -1 } else { 1 };
            self.rest = rest.trim_start_matches([' ', '\t']);
        }
        let mut before = ' ';
        let end = self.rest.find(|c: char| {
            let is_exponent = matches!(before, 'e' | 'E') && !self.rest.starts_with("0x");
            let belongs = c.is_alphanumeric()
                || matches!(c, '_' | '.')
                || (is_exponent && matches!(c, '-' | '+'));
            before = c;
            !belongs
        });
        let (text, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        let value = number(text, sign)?;
        self.rest = rest;
        Some(value)
    }

    /// One or more texts, which Python joins.
    fn texts(&mut self) -> Option<Yaml> {
        let mut whole = String::new();
        loop {
            let open = self.rest.find(['"', '\''])?;
            let (prefix, rest) = self.rest.split_at_checked(open)?;
            let is_raw = prefix.contains(['r', 'R']);
            let quote = rest.get(..1)?;
            let triple = quote.repeat(3);
            let close = if rest.starts_with(&triple) { triple.as_str() } else { quote };
            self.rest = rest.get(close.len()..)?;
            self.text(close, is_raw, &mut whole)?;
            self.blank();
            let word = self.rest.trim_start_matches(|c: char| "rRuUbB".contains(c));
            if !word.starts_with(['"', '\'']) || self.rest.len() - word.len() > 2 {
                return Some(Yaml::Text(whole));
            }
        }
    }

    fn text(&mut self, close: &str, is_raw: bool, into: &mut String) -> Option<()> {
        loop {
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                return Some(());
            }
            let mut chars = self.rest.chars();
            let c = chars.next()?;
            if c == '\\' {
                let escaped = chars.next()?;
                self.rest = chars.as_str();
                if is_raw {
                    into.extend(['\\', escaped]);
                } else {
                    self.escape(escaped, into)?;
                }
            } else {
                into.push(c);
                self.rest = chars.as_str();
            }
        }
    }

    fn escape(&mut self, c: char, into: &mut String) -> Option<()> {
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => {
                let more =
                    self.rest.chars().take(2).take_while(|c| ('0'..='7').contains(c)).count();
                let (octal, rest) = self.rest.split_at_checked(more)?;
                let value = u32::from_str_radix(&format!("{c}{octal}"), 8).ok()?;
                self.rest = rest;
                into.push(char::from_u32(value)?);
                return Some(());
            }
            _ => 0,
        };
        if digits > 0 {
            let (hex, rest) = self.rest.split_at_checked(digits)?;
            into.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
            self.rest = rest;
            return Some(());
        }
        let meant = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\\' | '\'' | '"' => c,
            // A name of a character: left as text, as a whole.
            'N' => return None,
            other => {
                into.push('\\');
                other
            }
        };
        into.push(meant);
        Some(())
    }

    fn boxed(&self, value: Yaml) -> Node {
        Node { at: self.at.clone(), value }
    }

    /// Skips blanks and a comment, which ends with the line.
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.starts_with('#') {
            self.rest = "";
        }
    }

    fn ate(&mut self, c: char) -> bool {
        self.blank();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

/// A number of Python's; more than 64 bits stay unclear, and complex ones are no literals here.
fn number(text: &str, sign: i64) -> Option<Yaml> {
    let is_grouped = text.split('_').all(|part| !part.is_empty()) || !text.contains('_');
    let lower = text.to_ascii_lowercase();
    let unclear = || Some(Yaml::Unclear(text.to_owned()));
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let digits = digits.strip_prefix('_').unwrap_or(digits).replace('_', "");
            if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
                return None;
            }
            let value = i64::from_str_radix(&digits, radix).ok();
            return value
                .and_then(|v| v.checked_mul(sign))
                .map_or_else(unclear, |v| Some(Yaml::Int(v)));
        }
    }
    if !is_grouped || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = lower.replace('_', "");
    if plain.chars().all(|c| c.is_ascii_digit()) {
        let has_leading_zero = plain.starts_with('0') && plain.contains(|c| c != '0');
        if has_leading_zero {
            return None;
        }
        let value = format!("{}{plain}", if sign < 0 { "-" } else { "" }).parse().ok();
        return value.map_or_else(unclear, |value| Some(Yaml::Int(value)));
    }
    let (base, power) = plain.split_once('e').map_or((plain.as_str(), None), |(b, p)| (b, Some(p)));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_base = base != "." && digits(&base.replacen('.', "", 1)) && !base.is_empty();
    let is_power = power.is_none_or(|power| {
        let power = power.strip_prefix(['-', '+']).unwrap_or(power);
        !power.is_empty() && digits(power)
    });
    if !is_base || !is_power {
        return None;
    }
    let value: f64 = plain.parse().ok()?;
    if value.is_infinite() {
        return unclear();
    }
    Some(Yaml::Float(if sign < 0 { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Problems;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let at = Position { file: "hosts".into(), line: 1, column: 1 };
        let value = value(&at, text).to_value(&mut Problems::default());
        assert_eq!(value.expect("a value").to_string(), expected, "{text}");
    }

    #[test]
    fn literals_have_pythons_types_and_all_else_is_text() {
        for (text, expected) in [
            ("8080", "8080"),
            ("-5", "-5"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("00", "0"),
            ("0755", "\"0755\""),
            ("1__0", "\"1__0\""),
            ("1.5", "1.5"),
            ("5.", "5.0"),
            (".5", "0.5"),
            ("1e5", "100000.0"),
            ("1e-2", "0.01"),
            ("1.2.3", "\"1.2.3\""),
            ("2027-10-31", "\"2027-10-31\""),
            ("10.0.0.1", "\"10.0.0.1\""),
            ("1+2", "\"1+2\""),
            ("True", "true"),
            ("true", "\"true\""),
            ("yes", "\"yes\""),
            ("None", "null"),
            ("", "\"\""),
            ("'5'", "\"5\""),
            ("\"a\" 'b'", "\"ab\""),
            ("'a'b", "\"'a'b\""),
            (r"'a\tb\x41\101\q'", r#""a\tbAA\\q""#),
            (r"r'a\n'", r#""a\\n""#),
            ("b'x'", "\"x\""),
            ("'''a'b'''", "\"a'b\""),
            ("[1, 'a', [True]]", "[1,\"a\",[true]]"),
            ("[1,]", "[1]"),
            ("[]", "[]"),
            ("[,]", "\"[,]\""),
            ("[1, 2", "\"[1, 2\""),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("()", "[]"),
            ("1, 2", "[1,2]"),
            ("a, b", "\"a, b\""),
            ("{'a': 1, 'b': {'c': None}}", "{\"a\":1,\"b\":{\"c\":null}}"),
            ("{'a': 1, 'a': 2, }", "{\"a\":2}"),
            ("{1: 'x'}", "{\"1\":\"x\"}"),
            ("{\"a\": true}", "\"{\\\"a\\\": true}\""),
            ("{1, 2, 1}", "[1,2]"),
            ("{}", "{}"),
            ("8080 # the port", "8080"),
            ("text # not a comment", "\"text # not a comment\""),
            ("{{ x }}", "\"{{ x }}\""),
            ("web[0]", "\"web[0]\""),
            ("- 5", "-5"),
            ("--5", "\"--5\""),
            ("-'a'", "\"-'a'\""),
            ("'open", "\"'open\""),
            ("rx", "\"rx\""),
        ] {
            check(text, expected);
        }
    }
}
