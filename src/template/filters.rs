//! The closed list of filters, tests and functions: Jinja2's own that mean the same here, the
//! common ones of Ansible's, and two for the languages that features are written in.

use base64::Engine as _;
use minijinja::{Environment, Error, ErrorKind, value::Value};

use super::{
    escape, fluent,
    literal::{self, Json},
};

/// All filters, for "did you mean".
pub(super) const FILTERS: [&str; 56] = [
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "basename",
    "batch",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "dirname",
    "e",
    "escape",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "json",
    "last",
    "length",
    "list",
    "lower",
    "mandatory",
    "map",
    "max",
    "min",
    "php",
    "quote",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "ternary",
    "title",
    "to_json",
    "to_nice_json",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "lines",
    "format",
];

/// All tests, for "did you mean".
pub(super) const TESTS: [&str; 29] = [
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "string",
    "true",
    "undefined",
    "upper",
    "==",
    "!=",
];

/// Takes out of `environment` what is not on the lists, and adds what is ours.
pub(super) fn install(environment: &mut Environment<'static>) {
    for gone in ["safe", "pprint", "chain", "zip"] {
        environment.remove_filter(gone);
    }
    // It prints every variable there is, secrets included.
    environment.remove_global("debug");
    environment.add_filter("b64decode", b64decode);
    environment
        .add_filter("b64encode", |text: &Value| Ok::<_, Error>(escape::base64(&plain(text)?)));
    environment.add_filter("basename", |path: &str| {
        path.rsplit_once('/').map_or(path, |(_, last)| last).to_owned()
    });
    environment.add_filter("bool", boolean);
    environment.add_filter("dirname", dirname);
    environment.add_filter("e", |text: &Value| Ok::<_, Error>(escape::html(&plain(text)?)));
    environment.add_filter("escape", |text: &Value| Ok::<_, Error>(escape::html(&plain(text)?)));
    environment.add_filter("join", join);
    environment.add_filter("mandatory", |value: Value| value);
    environment.add_filter("php", |value: &Value| Ok::<_, Error>(literal::php(&data(value)?)));
    environment.add_filter("quote", |text: &Value| Ok::<_, Error>(escape::shell(&plain(text)?)));
    environment.add_filter("string", |value: &Value| fluent::text(value));
    environment.add_filter(
        "ternary",
        |test: &Value, yes: Value, no: Value| {
            if test.is_true() { yes } else { no }
        },
    );
    for (name, style) in [
        ("json", Json::Compact),
        ("tojson", Json::Html),
        ("to_json", Json::Spaced),
        ("to_nice_json", Json::Nice),
    ] {
        environment.add_filter(name, move |value: &Value| {
            Ok::<_, Error>(literal::json(&data(value)?, style))
        });
    }
    environment.add_filter("urlencode", |text: &Value| Ok::<_, Error>(escape::url(&plain(text)?)));
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}

fn plain(value: &Value) -> Result<String, Error> {
    fluent::text(value)
}

/// What a value is, without the engine: reads through watched mappings, so that what is in
/// them counts as read.
fn data(value: &Value) -> Result<crate::model::Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    serde_json::to_value(value).map_err(|_| refuse("this cannot be written as data"))
}

/// Ansible's `bool`: what people write for yes and no, and nothing else.
fn boolean(value: &Value) -> Result<bool, Error> {
    let text = plain(value)?.to_lowercase();
    match text.as_str() {
        "true" | "yes" | "on" | "1" | "y" | "t" => Ok(true),
        "false" | "no" | "off" | "0" | "n" | "f" | "" => Ok(false),
        _ => Err(refuse("this is neither yes nor no")),
    }
}

fn b64decode(text: &str) -> Result<String, Error> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    bytes
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| refuse("this is not Base64 of text"))
}

fn dirname(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
        None => String::new(),
    }
}

/// Jinja2's `join`, with items written as `{{ … }}` would write them.
fn join(list: &Value, separator: Option<&str>) -> Result<String, Error> {
    let items: Result<Vec<String>, Error> = list.try_iter()?.map(|item| plain(&item)).collect();
    Ok(items?.join(separator.unwrap_or_default()))
}
