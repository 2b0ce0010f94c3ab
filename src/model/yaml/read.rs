//! Typed getters: each gives the value, or notes what was expected and what was found.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{Fields, Key, Node, Yaml, scalar};
use crate::model::{Problem, Problems, Value};

impl Node {
    /// A problem at this value.
    #[must_use]
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::at(&self.at, message)
    }

    /// Whether nothing was written here.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Yaml::Null)
    }

    /// What this is, for a message: "the number 5", "a list".
    #[must_use]
    pub fn described(&self) -> String {
        match &self.value {
            Yaml::Null => "nothing".to_owned(),
            Yaml::Bool(value) => format!("the boolean {value}"),
            Yaml::Int(value) => format!("the number {value}"),
            Yaml::Float(value) => format!("the number {value}"),
            Yaml::Text(text) => format!("the text `{}`", short(text)),
            Yaml::Unclear(text) => format!("`{}`", short(text)),
            Yaml::List(_) => "a list".to_owned(),
            Yaml::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The problem of not being `wanted` ("a list of texts").
    #[must_use]
    pub fn expected(&self, wanted: &str) -> Problem {
        if let Yaml::Unclear(text) = &self.value {
            let message =
                format!("expected {wanted}, found `{text}`, which YAML readers disagree about");
            return self.problem(message).hint(scalar::advice(text));
        }
        let problem = self.problem(format!("expected {wanted}, found {}", self.described()));
        let is_scalar = matches!(self.value, Yaml::Bool(_) | Yaml::Int(_) | Yaml::Float(_));
        if is_scalar && wanted.contains("text") {
            problem.hint("put it in quotes")
        } else {
            problem
        }
    }

    /// Text that is not empty.
    pub fn text(&self, problems: &mut Problems) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) if !text.is_empty() => return Some(text),
            Yaml::Text(_) => problems.push(self.problem("expected text, found an empty one")),
            _ => problems.push(self.expected("text")),
        }
        None
    }

    /// Text that a type can be read from; the type's own error says why not.
    pub fn parsed<T>(&self, problems: &mut Problems) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(problems)?;
        text.parse().map_err(|why| problems.push(self.problem(format!("{why}")))).ok()
    }

    /// `true` or `false`.
    pub fn boolean(&self, problems: &mut Problems) -> Option<bool> {
        if let Yaml::Bool(value) = self.value {
            return Some(value);
        }
        problems.push(self.expected("true or false"));
        None
    }

    /// A whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<i64>, problems: &mut Problems) -> Option<i64> {
        match self.value {
            Yaml::Int(value) if range.contains(&value) => return Some(value),
            _ => {
                let (low, high) = (range.start(), range.end());
                let wanted = match (*low, *high) {
                    (0, i64::MAX) => "a whole number, 0 or more".to_owned(),
                    (low, i64::MAX) => format!("a whole number, {low} or more"),
                    (low, high) => format!("a whole number from {low} to {high}"),
                };
                problems.push(self.expected(&wanted));
            }
        }
        None
    }

    /// A length of time: `500ms`, `2s`, `1m30s`, `2h`, `1d`.
    pub fn duration(&self, problems: &mut Problems) -> Option<Duration> {
        let wanted = "a length of time such as 500ms, 2s, 1m or 1h30m";
        let found = match &self.value {
            Yaml::Text(text) => duration(text),
            Yaml::Int(number) => {
                let hint = format!("a number needs its unit: {number}s?");
                problems.push(self.expected(wanted).hint(hint));
                return None;
            }
            _ => None,
        };
        if found.is_none() {
            problems.push(self.expected(wanted));
        }
        found
    }

    /// One of a few words. `choices` pairs each word with what it means.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let text = self.text(problems)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let problem =
                self.problem(format!("expected {}, found `{}`", or_list(&words), short(text)));
            problems.push(problem.suggest(text, words));
        }
        found.map(|(_, meaning)| meaning.clone())
    }

    /// The items of a list; nothing written is an empty list.
    pub fn list(&self, problems: &mut Problems) -> Option<&[Self]> {
        match &self.value {
            Yaml::List(items) => Some(items),
            Yaml::Null => Some(&[]),
            _ => {
                problems.push(self.expected("a list").hint("as in `[one, two]`"));
                None
            }
        }
    }

    /// The items of a list, or the one value that stands for a list of one.
    #[must_use]
    pub fn one_or_many(&self) -> &[Self] {
        match &self.value {
            Yaml::List(items) => items,
            Yaml::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Reads every item with `read`; items that cannot be read have noted why.
    pub fn list_of<'a, T>(
        &'a self,
        problems: &mut Problems,
        mut read: impl FnMut(&'a Self, &mut Problems) -> Option<T>,
    ) -> Vec<T> {
        let items = self.list(problems).unwrap_or_default();
        items.iter().filter_map(|item| read(item, problems)).collect()
    }

    /// The entries of a mapping with keys of the user's own; nothing written is an empty one.
    pub fn map(&self, problems: &mut Problems) -> Option<&[(Key, Self)]> {
        match &self.value {
            Yaml::Map(entries) => Some(entries),
            Yaml::Null => Some(&[]),
            _ => {
                problems.push(self.expected("a mapping").hint("as in `key: value`"));
                None
            }
        }
    }

    /// The entries of a mapping with known keys, to be taken one by one.
    pub fn fields(&self, problems: &mut Problems) -> Option<Fields<'_>> {
        Some(Fields::new(&self.at, self.map(problems)?))
    }

    /// The value as a variable's: what templates and JSON output see.
    pub fn to_value(&self, problems: &mut Problems) -> Option<Value> {
        Some(match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(*value),
            Yaml::Int(value) => Value::from(*value),
            Yaml::Float(value) => Value::from(*value),
            Yaml::Text(text) => Value::String(text.clone()),
            Yaml::Unclear(_) => {
                problems.push(self.expected("a value"));
                return None;
            }
            Yaml::List(items) => {
                let values: Vec<_> = items.iter().map(|item| item.to_value(problems)).collect();
                Value::Array(values.into_iter().collect::<Option<_>>()?)
            }
            Yaml::Map(entries) => {
                let read = |(key, node): &(Key, Self)| (key.text.clone(), node.to_value(problems));
                let values: Vec<_> = entries.iter().map(read).collect();
                let whole = values.into_iter().map(|(key, value)| Some((key, value?)));
                Value::Object(whole.collect::<Option<_>>()?)
            }
        })
    }
}

impl Key {
    /// A problem at this key.
    #[must_use]
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::at(&self.at, message)
    }

    /// A type read from the key; the type's own error says why not.
    pub fn parsed<T>(&self, problems: &mut Problems) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text.parse().map_err(|why| problems.push(self.problem(format!("{why}")))).ok()
    }
}

/// "`a`, `b` or `c`".
fn or_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 60 || line.len() < text.trim_end().len() {
        return format!("{}…", line.chars().take(60).collect::<String>());
    }
    line.to_owned()
}

fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        sum = sum.checked_add(Duration::from_millis(number.checked_mul(milliseconds)?))?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml::parse;

    fn node(text: &str) -> Node {
        parse("t.yml", text).expect("good YAML")
    }

    #[track_caller]
    fn complaint<T>(text: &str, read: impl Fn(&Node, &mut Problems) -> Option<T>) -> String {
        let mut problems = Problems::default();
        assert!(read(&node(text), &mut problems).is_none());
        problems.to_string()
    }

    #[test]
    fn lengths_of_time_need_units() {
        let read = |text: &str| node(text).duration(&mut Problems::default());
        assert_eq!(read("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(read("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(read("2h"), Some(Duration::from_hours(2)));
        for bad in ["5", "s", "5x", "-5s", "5 s", "\"\"", "1.5s", "99999999999999999999s", "5S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(complaint("5", Node::duration).contains("hint: a number needs its unit: 5s?"));
    }

    #[test]
    fn a_wrong_type_is_told_with_what_was_found() {
        let text = |node: &Node, problems: &mut Problems| node.text(problems).map(str::to_owned);
        assert!(complaint("[a]", text).contains("expected text, found a list"));
        assert!(complaint("22", text).contains("found the number 22\n  hint: put it in quotes"));
        let unclear = complaint("no", text);
        assert!(unclear.contains("write false if it is a boolean; write \"no\""), "{unclear}");
        let unclear = complaint("Yes", Node::boolean);
        assert!(unclear.contains("expected true or false, found `Yes`"), "{unclear}");
        let range = complaint("70000", |node, problems| node.integer(1..=65535, problems));
        assert!(
            range.contains("a whole number from 1 to 65535, found the number 70000"),
            "{range}"
        );
        let quoted = complaint("'22'", |node, problems| node.integer(1..=65535, problems));
        assert!(quoted.contains("found the text `22`"), "{quoted}");
    }

    #[test]
    fn a_choice_offers_the_nearest_word() {
        let read = |node: &Node, problems: &mut Problems| {
            node.choice(&[("keep", 1), ("drop", 2)], problems)
        };
        assert_eq!(read(&node("drop"), &mut Problems::default()), Some(2));
        let text = complaint("keeep", read);
        assert!(
            text.contains("expected `keep` or `drop`, found `keeep`\n  hint: did you mean `keep`?"),
            "{text}"
        );
    }

    #[test]
    fn values_keep_their_order_and_refuse_what_is_unclear() {
        let value = node("b: 1\na: [x, 1.5, ~, true]\n").to_value(&mut Problems::default());
        assert_eq!(value.expect("value").to_string(), r#"{"b":1,"a":["x",1.5,null,true]}"#);
        let text = complaint("a: [no, 0644]\n", Node::to_value);
        assert!(text.contains("t.yml:1:5") && text.contains("t.yml:1:9"), "{text}");
    }
}
