//! The few methods of Python's strings and dictionaries that templates commonly call.

use minijinja::{
    Error, ErrorKind, State,
    value::{Value, ValueKind},
};

/// Answers `value.method(arguments)`.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let unknown = || Error::from(ErrorKind::UnknownMethod);
    match value.kind() {
        ValueKind::String => string(value.as_str().ok_or_else(unknown)?, method, arguments),
        ValueKind::Map => match (method, arguments) {
            ("items", []) => state.apply_filter("items", std::slice::from_ref(value)),
            ("keys", []) => Ok(value.try_iter()?.collect()),
            ("values", []) => value.try_iter()?.map(|key| value.get_item(&key)).collect(),
            ("get", [key]) => Ok(or(value.get_item(key)?, Value::from(()))),
            ("get", [key, default]) => Ok(or(value.get_item(key)?, default.clone())),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

fn or(value: Value, default: Value) -> Value {
    if value.is_undefined() { default } else { value }
}

fn string(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::from(ErrorKind::UnknownMethod);
    let given: Option<Vec<&str>> = arguments.iter().map(Value::as_str).collect();
    Ok(match (method, given.ok_or_else(unknown)?.as_slice()) {
        ("upper", []) => Value::from(text.to_uppercase()),
        ("lower", []) => Value::from(text.to_lowercase()),
        ("strip", []) => Value::from(text.trim()),
        ("split", []) => text.split_whitespace().map(Value::from).collect(),
        ("split", [separator]) if !separator.is_empty() => {
            text.split(separator).map(Value::from).collect()
        }
        ("startswith", [start]) => Value::from(text.starts_with(start)),
        ("endswith", [end]) => Value::from(text.ends_with(end)),
        ("replace", [from, to]) => Value::from(text.replace(from, to)),
        _ => return Err(unknown()),
    })
}
