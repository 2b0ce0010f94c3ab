//! Variables, and the watch that is kept over the secret ones while a template is rendered.
//!
//! Two nets. A secret is handed to the engine by an object that notes that it was read, and
//! the output is searched for every secret in the forms that filters give it. Either taints.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value as Seen};

use super::escape;
use crate::model::{Secret, Value};

/// The variables of a site by name.
pub type Variables = BTreeMap<String, Variable>;

/// The value of a variable, with its secrets marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// Anybody may see it.
    Plain(Value),
    /// Nobody may.
    Secret(Secret),
    /// A list that may hold secrets.
    List(Vec<Self>),
    /// A mapping that may hold secrets, in the order written; keys are unique.
    Map(Vec<(String, Self)>),
}

impl From<Value> for Variable {
    fn from(value: Value) -> Self {
        Self::Plain(value)
    }
}

impl Variable {
    /// Whether it is or holds a secret.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Secret(_) => true,
            Self::List(items) => items.iter().any(Self::has_secret),
            Self::Map(entries) => entries.iter().any(|(_, item)| item.has_secret()),
        }
    }

    fn each_secret<'a>(&'a self, visit: &mut dyn FnMut(&'a Secret)) {
        match self {
            Self::Plain(_) => {}
            Self::Secret(secret) => visit(secret),
            Self::List(items) => items.iter().for_each(|item| item.each_secret(visit)),
            Self::Map(entries) => entries.iter().for_each(|(_, item)| item.each_secret(visit)),
        }
    }

    fn seen(&self, watch: &Watch) -> Seen {
        match self {
            Self::Plain(value) => plain(value),
            Self::Secret(secret) => {
                watch.note();
                Seen::from(secret.expose())
            }
            Self::List(items) => {
                Seen::from_object(Watched { items: items.clone(), watch: watch.clone() })
            }
            Self::Map(entries) => {
                Seen::from_object(WatchedMap { entries: entries.clone(), watch: watch.clone() })
            }
        }
    }
}

/// A value without secrets, as the engine sees it.
fn plain(value: &Value) -> Seen {
    match value {
        Value::Null => Seen::from(()),
        Value::Bool(value) => Seen::from(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Seen::from(number),
            (_, Some(number), _) => Seen::from(number),
            (_, _, number) => Seen::from(number.unwrap_or_default()),
        },
        Value::String(text) => Seen::from(text.as_str()),
        Value::Array(items) => Seen::from(items.iter().map(plain).collect::<Vec<_>>()),
        Value::Object(entries) => Seen::from_object(Ordered(entries.clone())),
    }
}

/// Whether a secret has been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<AtomicBool>);

impl Watch {
    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn saw_a_secret(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the engine sees of `variables`.
pub(super) fn scope(variables: &Variables, watch: &Watch) -> Seen {
    Seen::from_object(Scope { variables: variables.clone(), watch: watch.clone() })
}

/// The names that a template can use.
#[derive(Debug)]
struct Scope {
    variables: Variables,
    watch: Watch,
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Seen) -> Option<Seen> {
        self.variables.get(key.as_str()?).map(|found| found.seen(&self.watch))
    }
}

/// A mapping without secrets. The engine's own would forget the order of its keys.
#[derive(Debug)]
struct Ordered(serde_json::Map<String, Value>);

impl Object for Ordered {
    fn get_value(self: &Arc<Self>, key: &Seen) -> Option<Seen> {
        self.0.get(key.as_str()?).map(plain)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(Seen::from).collect())
    }
}

/// A mapping.
#[derive(Debug)]
struct WatchedMap {
    entries: Vec<(String, Variable)>,
    watch: Watch,
}

impl Object for WatchedMap {
    fn get_value(self: &Arc<Self>, key: &Seen) -> Option<Seen> {
        let key = key.as_str()?;
        let (_, found) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(found.seen(&self.watch))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|(key, _)| Seen::from(key)).collect())
    }
}

/// A list.
#[derive(Debug)]
struct Watched {
    items: Vec<Variable>,
    watch: Watch,
}

impl Object for Watched {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Seen) -> Option<Seen> {
        self.items.get(key.as_usize()?).map(|found| found.seen(&self.watch))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

/// Shorter ones are found by chance, and are protected by the watch alone.
const LEAST: usize = 4;

/// Whether `text` holds a secret of `variables`, plainly or in one of the usual disguises.
pub(super) fn shows(variables: &Variables, text: &str) -> bool {
    let mut found = false;
    for variable in variables.values() {
        variable.each_secret(&mut |secret| {
            let plain = secret.expose();
            if !found && plain.len() >= LEAST {
                found = escape::disguises(plain).iter().any(|form| text.contains(form));
            }
        });
    }
    found
}
