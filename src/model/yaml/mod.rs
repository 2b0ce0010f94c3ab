//! Typed YAML: what the user wrote, with the place of every word of it.
//!
//! [`parse`] is strict where YAML is loose: one document, no duplicate keys, no custom tags,
//! bounded size, depth and alias expansion, and a plain scalar that two YAML versions read
//! differently (`no`, `0644`, `1e5`) has no meaning until the user gives it one.
//! The languages read nodes with the getters and with [`Fields`], which note every problem and
//! go on, so that all of them are told at once. No other room names the YAML crate.

mod ansible;
mod build;
mod fields;
mod open_map;
mod read;
mod scalar;

pub use ansible::{parse_as_ansible, parse_or_json};
pub use build::parse;
pub use fields::Fields;
pub use scalar::is_plain_text;

use super::Position;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Yaml,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// Nothing, `~` or `null`.
    Null,
    /// Plain `true` or `false`.
    Bool(bool),
    /// A plain whole number, decimal or `0x`.
    Int(i64),
    /// A plain decimal fraction.
    Float(f64),
    /// Text: quoted, a block, or plain and nothing else.
    Text(String),
    /// A plain scalar that readers of YAML disagree about, such as `no`, `0644`, `1_000`, `1e5`.
    /// No getter takes it for a value; as a key it is the text that it looks like.
    Unclear(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order written; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping: always text, exactly as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where it begins.
    pub at: Position,
    /// The key.
    pub text: String,
    /// Whether it is a plain number, which readers with typed keys do not take for text.
    pub is_number: bool,
}
