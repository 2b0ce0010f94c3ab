//! The variables a feature reads: their types, and whether a value is of that type.

use std::collections::BTreeMap;

use crate::model::{
    Position, Problems, Value,
    yaml::{Node, Yaml},
};

/// Variables by name.
pub type Schema = BTreeMap<String, VariableSpec>;

/// What a feature says about a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableSpec {
    /// What its values are.
    pub kind: Kind,
    /// Whether every site must set it.
    pub required: bool,
    /// Its value where a site does not set it.
    pub default: Option<Value>,
    /// Whether its value may not be seen, and so not be written in a file.
    pub secret: bool,
    /// One line for people.
    pub description: Option<String>,
    /// Where this is written.
    pub at: Position,
}

/// What a variable's values are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// An absolute `http` or `https` URL.
    Url,
    /// A mail address.
    Email,
    /// One of these texts.
    Choice(Vec<String>),
    /// A list of one kind.
    List(Box<Self>),
}

impl Kind {
    /// What a value should be, for messages: "a mail address".
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::String => "text".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Url => "a URL such as https://acme.example/x".to_owned(),
            Self::Email => "a mail address".to_owned(),
            Self::Choice(all) => format!("one of {}", all.join(", ")),
            Self::List(items) => format!("a list, each item {}", items.described()),
        }
    }

    /// Whether `value` is one.
    #[must_use]
    pub fn allows(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::String, Value::String(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Number, Value::Number(_)) => true,
            (Self::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Self::Url, Value::String(text)) => is_url(text),
            (Self::Email, Value::String(text)) => is_email(text),
            (Self::Choice(all), Value::String(text)) => all.contains(text),
            (Self::List(kind), Value::Array(items)) => items.iter().all(|item| kind.allows(item)),
            _ => false,
        }
    }

    /// Whether values are text, as every secret is.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::Url | Self::Email)
    }

    fn lacks_choices(&self) -> bool {
        match self {
            Self::Choice(all) => all.is_empty(),
            Self::List(items) => items.lacks_choices(),
            _ => false,
        }
    }

    fn from_word(node: &Node, problems: &mut Problems) -> Option<Self> {
        let words = [
            ("string", Self::String),
            ("integer", Self::Integer),
            ("number", Self::Number),
            ("boolean", Self::Boolean),
            ("url", Self::Url),
            ("email", Self::Email),
            ("list", Self::List(Box::new(Self::String))),
            ("enum", Self::Choice(Vec::new())),
        ];
        node.choice(&words, problems)
    }
}

const NO_CHOICES: &str = "an enum needs `choices: [one, two]`";

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"\\^`{|}".contains(c);
    host.is_some_and(|host| !host.is_empty() && !host.starts_with([':', '.', '-']))
        && text.chars().all(plain)
}

/// Simple and strict: one `@`, a name before it and a domain behind it, nothing that could
/// end a header line.
fn is_email(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c);
    let Some((name, domain)) = text.split_once('@') else { return false };
    let labels = domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    !name.is_empty() && name.chars().all(plain) && labels && domain.contains('.')
}

impl VariableSpec {
    /// Reads what `feature.yml` says about one variable: a mapping, or just a type.
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut spec = Self {
            kind: Kind::String,
            required: false,
            default: None,
            secret: false,
            description: None,
            at: node.at.clone(),
        };
        if let Yaml::Text(_) = node.value {
            spec.kind = Kind::from_word(node, problems)?;
            if spec.kind.lacks_choices() {
                problems.push(node.problem(NO_CHOICES));
            }
            return Some(spec);
        }
        let mut fields = node.fields(problems)?;
        let word = fields.optional("type");
        let kind = word.and_then(|node| Kind::from_word(node, problems));
        spec.kind = kind.unwrap_or(Kind::String);
        if let Some(items) = fields.optional("items") {
            let kind = Kind::from_word(items, problems);
            if let (Kind::List(slot), Some(kind)) = (&mut spec.kind, kind) {
                **slot = kind;
            } else {
                problems.push(items.problem("`items` is for lists").hint("add `type: list`"));
            }
        }
        match (fields.optional("choices"), &spec.kind) {
            (Some(choices), Kind::String | Kind::Choice(_)) => {
                let texts = choices
                    .list_of(problems, |item, problems| item.text(problems).map(str::to_owned));
                spec.kind = Kind::Choice(texts);
            }
            (Some(choices), kind) => {
                let message = format!("`choices` are texts, and the type is {}", kind.described());
                problems.push(choices.problem(message));
            }
            (None, _) => {}
        }
        if spec.kind.lacks_choices() {
            problems.push(node.problem(NO_CHOICES));
        }
        let flag = |node: Option<&Node>, problems: &mut Problems| {
            node.and_then(|node| node.boolean(problems)).unwrap_or_default()
        };
        spec.required = flag(fields.optional("required"), problems);
        spec.secret = flag(fields.optional("secret"), problems);
        spec.description =
            fields.optional("description").and_then(|node| node.text(problems)).map(str::to_owned);
        if let Some(default) = fields.optional("default") {
            spec.read_default(default, problems);
        }
        if spec.secret && !spec.kind.is_text() {
            problems.push(node.problem("a secret is text: give it `type: string`"));
        }
        fields.finish("a variable", problems);
        Some(spec)
    }

    fn read_default(&mut self, node: &Node, problems: &mut Problems) {
        if self.secret {
            let problem = node.problem("a secret cannot have a default: it would be in this file");
            problems
                .push(problem.hint("make it `required`, and set it in the inventory").private());
            return;
        }
        if self.required {
            let hint = "remove `required` or `default`";
            problems.push(node.problem("what has a default need not be required").hint(hint));
        }
        let Some(value) = node.to_value(problems) else { return };
        if !self.kind.allows(&value) {
            problems.push(node.expected(&self.kind.described()));
        }
        self.default = Some(value);
    }
}
