//! Rendering, and what is said when it fails.

use bytes::Bytes;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig};

use super::{
    filters, fluent, methods,
    secrets::{Variables, Watch, scope, shows},
};
use crate::model::{Content, Position, Problem, did_you_mean};

/// Instructions that one template may take: far beyond any real one, a second or so.
const FUEL: u64 = 5_000_000;

/// The template engine, set up once and shared.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// Sets the engine up.
    #[must_use]
    pub fn new() -> Self {
        let mut environment = Environment::new();
        filters::install(&mut environment);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(fluent::print);
        environment.set_unknown_method_callback(methods::call);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        // Debug mode would put the values of variables into errors.
        environment.set_debug(false);
        let whitespace =
            SyntaxConfig::builder().trim_blocks(true).keep_trailing_newline(true).build();
        if let Ok(syntax) = whitespace {
            environment.set_syntax(syntax);
        }
        Self { environment }
    }

    /// Renders a template file's `text`. The content is tainted when a secret was read on the
    /// way, or is in the output.
    ///
    /// # Errors
    /// A problem at the line of `file`, which never holds a variable's value once a secret
    /// was read.
    pub fn render(
        &self,
        file: &str,
        text: &str,
        variables: &Variables,
    ) -> Result<Content, Problem> {
        // As Jinja2 does before anything else.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let watch = Watch::default();
        let output = self.run(file, &text, variables, &watch)?;
        let bytes = Bytes::from(output.clone());
        let is_secret = watch.saw_a_secret() || shows(variables, &output);
        Ok(if is_secret { Content::Tainted(bytes) } else { Content::Plain(bytes) })
    }

    /// Renders a short text from a YAML file, such as a path: one line, and no secret in it.
    ///
    /// # Errors
    /// A problem at `at`, also when a secret was read, or the result is not one line.
    pub fn render_line(
        &self,
        at: &Position,
        text: &str,
        variables: &Variables,
    ) -> Result<String, Problem> {
        let watch = Watch::default();
        let output = self.run(&at.file, text, variables, &watch).map_err(|problem| Problem {
            at: Some(at.clone()),
            excerpt: None,
            ..problem
        })?;
        if watch.saw_a_secret() || shows(variables, &output) {
            let hint = "secrets belong into templates below `private/`";
            return Err(Problem::at(at, "a secret would be shown here").hint(hint));
        }
        if output.contains(char::is_control) {
            return Err(Problem::at(at, format!("{output:?} should be one line")));
        }
        Ok(output)
    }

    fn run(
        &self,
        file: &str,
        text: &str,
        variables: &Variables,
        watch: &Watch,
    ) -> Result<String, Problem> {
        let parsed = self.environment.template_from_named_str(file, text);
        let template = parsed.map_err(|error| tell(file, text, &error, variables, watch, &[]))?;
        template.render(scope(variables, watch)).map_err(|error| {
            let mut unknown: Vec<String> =
                template.undeclared_variables(false).into_iter().collect();
            unknown.retain(|name| !variables.contains_key(name));
            unknown.sort_unstable();
            tell(file, text, &error, variables, watch, &unknown)
        })
    }
}

/// Turns the engine's error into a problem. `unknown` are names that are used and not there.
fn tell(
    file: &str,
    text: &str,
    error: &Error,
    variables: &Variables,
    watch: &Watch,
    unknown: &[String],
) -> Problem {
    let range = error.range().unwrap_or_default();
    let source = text.get(range.clone()).unwrap_or_default();
    let line = u32::try_from(error.line().unwrap_or(1)).unwrap_or(1);
    let before = text.get(..range.start).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let column = if range.is_empty() { 1 } else { u32::try_from(column).unwrap_or(1) };
    let at = Position { file: file.into(), line, column };
    // The engine's own words may quote a value.
    let detail = error.detail().filter(|detail| !watch.saw_a_secret() && !shows(variables, detail));
    let mut problem = match error.kind() {
        ErrorKind::UndefinedError => undefined(&at, source, variables, unknown),
        ErrorKind::UnknownFilter => unknown_word(&at, "filter", source, &filters::FILTERS),
        ErrorKind::UnknownTest => unknown_word(&at, "test", source, &filters::TESTS),
        ErrorKind::UnknownFunction => {
            unknown_word(&at, "function", source, &["range", "dict", "namespace"])
        }
        ErrorKind::UnknownMethod => {
            Problem::at(&at, format!("`{source}` calls a method that templates do not have"))
                .hint("filters do most of what methods do, as in `name | upper`")
        }
        ErrorKind::OutOfFuel => Problem::at(&at, "this takes too long")
            .hint("a template may take five million steps; is there a loop in a loop?"),
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => {
            Problem::at(&at, "a template cannot include, import or extend another one")
        }
        kind => {
            let what = detail.map_or_else(|| kind.to_string(), str::to_owned);
            Problem::at(&at, what)
        }
    };
    problem.excerpt = text
        .split('\n')
        .nth(line.saturating_sub(1) as usize)
        .filter(|line| line.chars().count() <= 160)
        .map(|line| line.replace(char::is_control, " "));
    problem
}

fn words(source: &str) -> impl Iterator<Item = &str> {
    source.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn undefined(at: &Position, source: &str, variables: &Variables, unknown: &[String]) -> Problem {
    let named = words(source).find(|word| unknown.iter().any(|name| name == word));
    // Where the place says nothing, a single unknown name must be it.
    let single = match unknown {
        [one] if source.is_empty() => Some(one.as_str()),
        _ => None,
    };
    if let Some(name) = named.or(single) {
        let problem = Problem::at(at, format!("the variable `{name}` is not defined"));
        return match did_you_mean(name, variables.keys().map(String::as_str)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!(
                "set it in the inventory, or give it a default as in `{name} | default(\"…\")`"
            )),
        };
    }
    let what = if source.is_empty() { "something here".to_owned() } else { format!("`{source}`") };
    Problem::at(at, format!("{what} is not defined"))
}

fn unknown_word(at: &Position, kind: &str, source: &str, known: &[&str]) -> Problem {
    let word = words(source).find(|word| !known.contains(word)).unwrap_or(source);
    let problem = Problem::at(at, format!("there is no {kind} `{word}` in templates"));
    match did_you_mean(word, known.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("known are: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests;
