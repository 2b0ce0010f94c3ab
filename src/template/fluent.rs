//! How a value is written where a template prints it: as Jinja2 would, or not at all.
//!
//! Python and Rust spell some values differently. Where the spelling is known, Python's is
//! used; where a template most likely has a mistake (a list, a mapping, nothing), it is
//! refused, because different bytes in silence are worse than a stop.

use minijinja::{
    Error, ErrorKind, Output, State,
    value::{Value, ValueKind},
};

/// Writes what `{{ … }}` gave.
pub(super) fn print(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    out.write_str(&text(value)?).map_err(Error::from)
}

/// `value` as text.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    let refuse = |why: &'static str| Err(Error::new(ErrorKind::NonPrimitive, why));
    match value.kind() {
        ValueKind::String => Ok(value.to_string()),
        ValueKind::Bool => Ok(if value.is_true() { "True" } else { "False" }.to_owned()),
        ValueKind::Number if value.is_integer() => Ok(value.to_string()),
        ValueKind::Number => f64::try_from(value.clone()).map_or_else(Err, float),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => {
            refuse("there is nothing to print: the value is null; try `| default(\"…\", true)`")
        }
        ValueKind::Seq | ValueKind::Iterable => {
            refuse("a list is not text; try `| join(\", \")` or `| to_json`")
        }
        ValueKind::Map => refuse("a mapping is not text; try `| to_json`, or name one of its keys"),
        _ => refuse("this is not text"),
    }
}

/// The shortest form that reads back, as Python's `repr` gives it; the two agree in this range.
fn float(number: f64) -> Result<String, Error> {
    let size = number.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return Ok(format!("{number:?}"));
    }
    let why = "a number this large or small has no one spelling; write it as text";
    Err(Error::new(ErrorKind::NonPrimitive, why))
}
