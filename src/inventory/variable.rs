//! Variables: values, references to secrets, and the layers that set them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::word;
use crate::model::{
    GroupName, Position, Problem, Problems, Value,
    yaml::{self, Key, Node, Yaml},
};

/// What a variable is set to, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Where the value is written.
    pub at: Position,
    /// The value.
    pub value: VariableValue,
}

/// A value that is written out, or a secret that is found elsewhere when it is needed.
#[derive(Debug, Clone, PartialEq)]
pub enum VariableValue {
    /// Written out.
    Plain(Value),
    /// To be asked for.
    Secret(SecretRef),
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// An environment variable of fleetctl itself.
    Env(String),
    /// The content of a file, without the line break at its end.
    File(String),
    /// What a command prints, without the line break at its end; never run by a shell.
    Command(Vec<String>),
}

impl SecretRef {
    /// The lookup that makes Ansible find the secret; `None` where a word of it would need
    /// quotes.
    #[must_use]
    pub fn as_ansible(&self) -> Option<String> {
        let (plugin, word) = match self {
            Self::Env(name) => ("env", name.clone()),
            Self::File(path) => ("file", path.clone()),
            Self::Command(argv) if argv.iter().any(|word| word.contains(char::is_whitespace)) => {
                return None;
            }
            Self::Command(argv) => ("pipe", argv.join(" ")),
        };
        let is_plain = !word.contains(['\'', '"', '\\', '{', '}', '$', '`']);
        is_plain.then(|| format!("{{{{ lookup('{plugin}', '{word}') }}}}"))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {path}"),
            Self::Command(argv) => write!(f, "the command `{}`", argv.join(" ")),
        }
    }
}

/// Who sets the variables of a layer. Later ones win: all, groups from the outermost to the
/// innermost, the site, the play, the command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerName {
    /// A group, `all` among them.
    Group(GroupName),
    /// The site itself.
    Site,
    /// The play.
    Play,
    /// `-e` on the command line.
    CommandLine,
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {name}"),
            Self::Site => f.write_str("site"),
            Self::Play => f.write_str("play"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// Variables that were set together. Shared by all sites that they hold for.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Who set them.
    pub name: LayerName,
    /// By name.
    pub variables: BTreeMap<String, Variable>,
}

impl Layer {
    /// Reads a mapping of variables.
    pub fn read(name: LayerName, node: &Node, problems: &mut Problems) -> Self {
        Self::of_entries(name, node.map(problems).unwrap_or_default(), problems)
    }

    /// Reads variables.
    pub fn of_entries<'a>(
        name: LayerName,
        entries: impl IntoIterator<Item = &'a (Key, Node)>,
        problems: &mut Problems,
    ) -> Self {
        let variables = entries.into_iter().filter_map(|(key, node)| {
            let name = name_of(key, problems);
            let value = value(node, problems);
            Some((name?, Variable { at: node.at.clone(), value: value? }))
        });
        Self { variables: variables.collect(), name }
    }

    /// Reads a file of variables.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn parse(name: LayerName, file: &str, text: &str) -> Result<Self, Problems> {
        let node = yaml::parse(file, text)?;
        let mut problems = Problems::default();
        let layer = Self::read(name, &node, &mut problems);
        problems.with_excerpts(file, text).or(layer)
    }

    /// Reads the `KEY=VALUE` arguments of `-e`. The values are text, as Ansible's are.
    ///
    /// # Errors
    /// An argument without `=`, or a name that no template could use.
    pub fn from_arguments<'a>(
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut variables = BTreeMap::new();
        for (argument, column) in arguments.into_iter().zip(1..) {
            let Some((key, text)) = argument.split_once('=') else {
                let problem = Problem::new(format!("`-e {argument}` sets nothing"));
                problems.push(problem.hint("write `-e name=value` or `-e @file.yml`"));
                continue;
            };
            let at = Position { file: Arc::from("-e"), line: 1, column };
            let key = Key { at: at.clone(), text: key.to_owned(), is_number: false };
            if let Some(name) = name_of(&key, &mut problems) {
                let value = VariableValue::Plain(Value::String(text.to_owned()));
                variables.insert(name, Variable { at, value });
            }
        }
        problems.or(Self { name: LayerName::CommandLine, variables })
    }
}

/// Whether a variable's name sounds like a secret, so that its value is shown to nobody.
#[must_use]
pub fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_key = name.contains("key") && !name.contains("file") && !name.contains("public");
    is_key || ["pass", "secret", "token", "pwd"].iter().any(|part| name.contains(part))
}

/// A name that templates can use: letters, digits and underscores, no digit first.
fn name_of(key: &Key, problems: &mut Problems) -> Option<String> {
    let text = &key.text;
    let is_good = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_good {
        return Some(text.clone());
    }
    let problem = key.problem(format!("`{text}` is no name for a variable"));
    let hint = "use letters, digits and underscores, and no digit first";
    problems.push(if text.contains('-') {
        problem.hint(format!("{hint}: `{}`?", text.replace('-', "_")))
    } else {
        problem.hint(hint)
    });
    None
}

const SECRETS: [&str; 3] = ["from_env", "from_file", "from_command"];

fn value(node: &Node, problems: &mut Problems) -> Option<VariableValue> {
    if let Yaml::Map(entries) = &node.value
        && entries.iter().any(|(key, _)| SECRETS.contains(&key.text.as_str()))
    {
        return secret(node, problems).map(VariableValue::Secret);
    }
    refuse_nested_secrets(node, problems);
    node.to_value(problems).map(VariableValue::Plain)
}

/// Reads `{ from_env: NAME }`, `{ from_file: path }` or `{ from_command: [program, …] }`.
pub fn secret(node: &Node, problems: &mut Problems) -> Option<SecretRef> {
    let entries = node.map(problems)?;
    let [(key, source)] = entries else {
        let problem = node.problem("a secret has exactly one source");
        problems.push(problem.hint("keep one of from_env, from_file and from_command"));
        return None;
    };
    match key.text.as_str() {
        "from_env" => {
            let name = source.text(problems)?;
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                let message = "no name of an environment variable; is this the secret itself?";
                problems.push(source.problem(message).private());
            }
            is_name.then(|| SecretRef::Env(name.to_owned()))
        }
        "from_file" => {
            let path = source.text(problems)?;
            let checked = word::local_path(path);
            let noted =
                checked.map_err(|why| problems.push(source.problem(format!("`{path}` {why}"))));
            noted.ok().map(|()| SecretRef::File(path.to_owned()))
        }
        "from_command" => {
            let Yaml::List(items) = &source.value else {
                let hint = "write the program and its arguments as a list: [pass, show, smtp]";
                problems.push(source.expected("a list").hint(hint));
                return None;
            };
            if items.is_empty() {
                problems.push(source.problem("the command is empty"));
                return None;
            }
            let argv: Vec<Option<String>> =
                items.iter().map(|item| item.text(problems).map(str::to_owned)).collect();
            argv.into_iter().collect::<Option<_>>().map(SecretRef::Command)
        }
        other => {
            let problem = key.problem(format!("a secret does not come `{other}`"));
            problems.push(problem.suggest(other, SECRETS));
            None
        }
    }
}

fn refuse_nested_secrets(node: &Node, problems: &mut Problems) {
    match &node.value {
        Yaml::List(items) => items.iter().for_each(|item| refuse_nested_secrets(item, problems)),
        Yaml::Map(entries) => {
            for (key, node) in entries {
                if SECRETS.contains(&key.text.as_str()) {
                    let problem = key.problem(format!("`{}` is inside another value", key.text));
                    problems.push(problem.hint("a secret must be a variable of its own"));
                }
                refuse_nested_secrets(node, problems);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Result<Layer, Problems> {
        Layer::parse(LayerName::Site, "v.yml", text)
    }

    #[test]
    fn values_and_secrets_are_told_apart() {
        let text =
            "a: 1\nb: { from_env: SMTP }\nc: { from_file: ~/x }\nd: { from_command: [pass, x] }\n";
        let layer = layer(text).expect("good variables");
        let value = |name: &str| &layer.variables[name].value;
        assert_eq!(*value("a"), VariableValue::Plain(1.into()));
        assert_eq!(*value("b"), VariableValue::Secret(SecretRef::Env("SMTP".into())));
        assert_eq!(*value("c"), VariableValue::Secret(SecretRef::File("~/x".into())));
        let command = SecretRef::Command(vec!["pass".into(), "x".into()]);
        assert_eq!(*value("d"), VariableValue::Secret(command));
        assert_eq!(layer.variables["d"].at.to_string(), "v.yml:4:4");
    }

    #[test]
    fn bad_variables_are_all_told_at_once() {
        let text = "a-b: 1\n1a: 1\nc: no\nd: { from_env: 'p ss' }\ne: { from_env: A, from_file: b }\n\
            f: { from_command: pass }\ng: { x: { from_env: A } }\nh: { from_command: [] }\n\
            i: { from_env: A, x: 1 }\n";
        let problems = layer(text).expect_err("bad variables");
        let text = problems.to_string();
        for expected in [
            "v.yml:1:1: `a-b` is no name for a variable",
            "`a_b`?",
            "v.yml:2:1: `1a` is no name",
            "v.yml:3:4: expected a value, found `no`",
            "v.yml:4:16: no name of an environment variable",
            "v.yml:5:4: a secret has exactly one source",
            "v.yml:6:20: expected a list",
            "v.yml:7:11: `from_env` is inside another value",
            "v.yml:8:20: the command is empty",
            "v.yml:9:4: a secret has exactly one source",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        assert_eq!(problems.0.len(), 9);
        assert!(!text.contains("p ss"), "what may be a secret is not shown:\n{text}");
    }

    #[test]
    fn arguments_set_text() {
        let layer = Layer::from_arguments(["a=1", "b=x=y", "c="]).expect("good arguments");
        assert_eq!(layer.variables["b"].value, VariableValue::Plain("x=y".into()));
        assert_eq!(layer.variables["c"].value, VariableValue::Plain("".into()));
        let problems = Layer::from_arguments(["a", "b-c=1"]).expect_err("bad arguments");
        assert!(problems.to_string().contains("`-e a` sets nothing"));
        assert!(problems.to_string().contains("-e:1:2: `b-c`"));
    }
}
