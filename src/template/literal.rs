//! Values written as literals of other languages: PHP, JSON as Python writes it.

use crate::model::Value;

use super::escape;

/// How JSON is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Json {
    /// `{"a":1}`, harmless inside HTML.
    Compact,
    /// `{"a": 1}`, as Ansible's `to_json`.
    Spaced,
    /// As Jinja2's `tojson`: like the former, sorted keys, harmless inside HTML.
    Html,
    /// Over several lines, by four spaces, sorted keys, as Ansible's `to_nice_json`.
    Nice,
}

/// `value` as JSON.
pub(super) fn json(value: &Value, style: Json) -> String {
    let mut out = String::new();
    put_json(&mut out, value, style, 0);
    out
}

fn put_json(out: &mut String, value: &Value, style: Json, depth: usize) {
    let (comma, colon) = match style {
        Json::Compact => (",", ":"),
        Json::Spaced | Json::Html => (", ", ": "),
        Json::Nice => (",", ": "),
    };
    let text = |text: &str| match style {
        Json::Compact | Json::Html => escape::json_html(text),
        Json::Spaced | Json::Nice => escape::json_ascii(text),
    };
    let line = |out: &mut String, depth: usize| {
        if matches!(style, Json::Nice) {
            out.push('\n');
            out.push_str(&"    ".repeat(depth));
        }
    };
    match value {
        Value::String(found) => {
            out.push('"');
            out.push_str(&text(found));
            out.push('"');
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { comma } else { "" });
                line(out, depth + 1);
                put_json(out, item, style, depth + 1);
            }
            line(out, depth);
            out.push(']');
        }
        Value::Object(entries) if !entries.is_empty() => {
            let mut entries: Vec<_> = entries.iter().collect();
            if matches!(style, Json::Nice | Json::Html) {
                entries.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                out.push_str(if index > 0 { comma } else { "" });
                line(out, depth + 1);
                out.push('"');
                out.push_str(&text(key));
                out.push('"');
                out.push_str(colon);
                put_json(out, item, style, depth + 1);
            }
            line(out, depth);
            out.push('}');
        }
        // Numbers, booleans, null and empty containers look the same everywhere.
        other => out.push_str(&other.to_string()),
    }
}

/// `value` as a PHP literal (PHP manual, "Strings", single quoted: nothing is expanded).
pub(super) fn php(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", escape::php(text)),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(php).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entry =
                |(key, item): (&String, &Value)| format!("'{}' => {}", escape::php(key), php(item));
            format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_look_as_their_readers_expect() {
        let value = json!({"b": [1, 2.5, null], "a": "</é'", "c": {}, "d": true});
        assert_eq!(
            super::json(&value, Json::Compact),
            r#"{"b":[1,2.5,null],"a":"\u003c/\u00e9\u0027","c":{},"d":true}"#
        );
        assert_eq!(
            super::json(&value, Json::Spaced),
            r#"{"b": [1, 2.5, null], "a": "</\u00e9'", "c": {}, "d": true}"#
        );
        assert_eq!(
            super::json(&value, Json::Nice),
            "{\n    \"a\": \"</\\u00e9'\",\n    \"b\": [\n        1,\n        2.5,\n        null\n    ],\n    \"c\": {},\n    \"d\": true\n}"
        );
        assert_eq!(php(&value), r"['b' => [1, 2.5, null], 'a' => '</é\'', 'c' => [], 'd' => true]");
    }
}
