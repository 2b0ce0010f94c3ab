//! YAML as Ansible's users mean it: plain scalars as YAML 1.1 has them (the resolver of `PyYAML`).
//!
//! [`super::parse`] leaves open what readers disagree about; here `yes` is true and `0644` is
//! the number 420, as in Ansible. What nobody means (`12:30` as 750) stays open, and is refused
//! where a value is wanted. Called for inventories in Ansible's forms and the files beside them.

use super::{Node, Yaml, parse};
use crate::model::{Problem, Problems, Value};

/// Reads one document with Ansible's eyes.
///
/// # Errors
/// What [`super::parse`] refuses: duplicate keys, several documents, tags. JSON that is no YAML
/// is read too; all of it is then at the beginning of the file.
pub fn parse_as_ansible(file: &str, text: &str) -> Result<Node, Problems> {
    parse_or_json(file, text).map(Node::settled)
}

/// Reads one document; what readers disagree about stays open until [`Node::settled`].
///
/// # Errors
/// As [`parse_as_ansible`].
pub fn parse_or_json(file: &str, text: &str) -> Result<Node, Problems> {
    if text.starts_with("$ANSIBLE_VAULT") {
        let at = crate::model::Position { file: file.into(), line: 1, column: 1 };
        let problem = Problem::at(&at, "this file is encrypted by ansible-vault").private();
        let hint = "take its secrets from_env, from_file or from_command instead";
        return Err(problem.hint(hint).into());
    }
    parse(file, text).or_else(|problems| match serde_json::from_str(text) {
        Ok(value) if text.trim_start().starts_with('{') => Ok(from_json(file, &value)),
        _ => Err(problems),
    })
}

fn from_json(file: &str, value: &Value) -> Node {
    let at = crate::model::Position { file: file.into(), line: 1, column: 1 };
    Node::from_value(&at, value)
}

impl Node {
    /// The same with Ansible's eyes.
    #[must_use]
    pub fn settled(mut self) -> Self {
        settle(&mut self);
        self
    }

    /// A value that was not written as YAML, all of it at one place.
    #[must_use]
    pub fn from_value(at: &crate::model::Position, value: &Value) -> Self {
        let value = match value {
            Value::Null => Yaml::Null,
            Value::Bool(value) => Yaml::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Yaml::Int(value),
                (None, Some(value)) if !number.is_u64() => Yaml::Float(value),
                _ => Yaml::Unclear(number.to_string()),
            },
            Value::String(text) => Yaml::Text(text.clone()),
            Value::Array(items) => {
                Yaml::List(items.iter().map(|item| Self::from_value(at, item)).collect())
            }
            Value::Object(entries) => {
                let entry = |(key, value): (&String, &Value)| {
                    let key = super::Key { at: at.clone(), text: key.clone(), is_number: false };
                    (key, Self::from_value(at, value))
                };
                Yaml::Map(entries.iter().map(entry).collect())
            }
        };
        Self { at: at.clone(), value }
    }
}

fn settle(node: &mut Node) {
    match &mut node.value {
        Yaml::Unclear(text) => {
            if let Some(value) = meant(text) {
                node.value = value;
            }
        }
        Yaml::List(items) => items.iter_mut().for_each(settle),
        Yaml::Map(entries) => entries.iter_mut().for_each(|(_, node)| settle(node)),
        _ => {}
    }
}

/// What YAML 1.1 makes of a scalar that 1.2 reads differently; `None` where that is what nobody
/// means, or more than a number can hold.
fn meant(text: &str) -> Option<Yaml> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "True" | "TRUE" => {
            return Some(Yaml::Bool(true));
        }
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "False" | "FALSE" => {
            return Some(Yaml::Bool(false));
        }
        // `yEs` and the like.
        word if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic()) => {
            return Some(Yaml::Text(word.to_owned()));
        }
        _ => {}
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits: String = unsigned.chars().filter(|c| *c != '_').collect();
    let whole = |digits: &str, radix: u32| {
        let value = i64::from_str_radix(digits, radix).ok()?;
        value.checked_mul(sign).map(Yaml::Int)
    };
    if let Some(hex) = digits.strip_prefix("0x") {
        return whole(hex, 16);
    }
    if let Some(bits) = digits.strip_prefix("0b") {
        return whole(bits, 2);
    }
    if unsigned.starts_with("0o") {
        return Some(Yaml::Text(text.to_owned()));
    }
    if unsigned.contains(':') || unsigned.to_ascii_lowercase().contains(['i', 'n']) {
        return None;
    }
    if digits.chars().all(|c| c.is_ascii_digit()) {
        let is_octal = digits.len() > 1 && digits.starts_with('0');
        return match is_octal {
            true if digits.contains(['8', '9']) => Some(Yaml::Text(text.to_owned())),
            true => whole(&digits, 8),
            false => whole(&digits, 10),
        };
    }
    let is_float = match digits.split_once(['e', 'E']) {
        // An exponent needs its sign there, and the base its point.
        Some((base, power)) => base.contains('.') && power.starts_with(['-', '+']),
        None => digits.contains('.'),
    };
    if !is_float || (unsigned.len() < text.len() && unsigned.starts_with('.')) {
        return Some(Yaml::Text(text.to_owned()));
    }
    let value: f64 = digits.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Yaml::Float(if sign < 0 { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unclear_scalars_are_what_ansible_makes_of_them() {
        let read = |text: &str| parse_as_ansible("t.yml", text).expect("good YAML").value;
        for (text, expected) in [
            ("yes", Yaml::Bool(true)),
            ("Off", Yaml::Bool(false)),
            ("y", Yaml::Text("y".into())),
            ("yEs", Yaml::Text("yEs".into())),
            ("oN", Yaml::Text("oN".into())),
            ("0644", Yaml::Int(420)),
            ("-012", Yaml::Int(-10)),
            ("00", Yaml::Int(0)),
            ("089", Yaml::Text("089".into())),
            ("0o644", Yaml::Text("0o644".into())),
            ("0b101", Yaml::Int(5)),
            ("0x1_0", Yaml::Int(16)),
            ("1_000", Yaml::Int(1000)),
            ("1e5", Yaml::Text("1e5".into())),
            ("1.5e+3", Yaml::Float(1500.0)),
            ("12e03", Yaml::Text("12e03".into())),
            ("12:30", Yaml::Unclear("12:30".into())),
            (".inf", Yaml::Unclear(".inf".into())),
            ("99999999999999999999", Yaml::Unclear("99999999999999999999".into())),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn json_is_read_where_yaml_gives_up() {
        let text = "{\"a\": \"\\ud83d\\ude00\", \"b\": 18446744073709551615}";
        let Yaml::Map(entries) = parse_as_ansible("t.json", text).expect("JSON").value else {
            panic!("no mapping")
        };
        assert!(matches!(&entries[1].1.value, Yaml::Unclear(_)));
    }
}
