//! Why a set of sites has a feature in a version: everybody who asked, and where.

use serde_json::{Value, json};

use crate::{
    feature::{Solved, Through},
    model::{FeatureName, Position},
};

/// Somebody who asked for a feature.
pub struct Reason {
    kind: &'static str,
    name: Option<String>,
    what: String,
    at: Option<Position>,
}

/// Everybody who asked for `feature` in this set.
pub fn reasons(solved: &Solved, feature: &FeatureName) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (requirement, askers) in solved.asked.asked.get(feature).into_iter().flatten() {
        for (through, at) in askers {
            let (kind, name) = match through {
                Through::Group(group) => ("group", Some(group.to_string())),
                Through::Site => ("site", None),
            };
            let (what, at) = (requirement.to_string(), Some(at.clone()));
            reasons.push(Reason { kind, name, what, at });
        }
    }
    for (requirement, askers) in solved.needs.get(feature).into_iter().flatten() {
        let each = askers.iter().map(|asker| {
            let version = solved.gets.get(asker).map(|chosen| format!(" {}", chosen.version));
            let name = format!("{asker}{}", version.unwrap_or_default());
            Reason { kind: "feature", name: Some(name), what: requirement.to_string(), at: None }
        });
        reasons.extend(each);
    }
    if let Some(chosen) = solved.gets.get(feature).filter(|chosen| chosen.held) {
        let at = solved.asked.holds.get(feature).map(|(at, _)| at.clone());
        let what = chosen.version.to_string();
        reasons.push(Reason { kind: "hold", name: None, what, at });
    }
    reasons
}

impl Reason {
    /// "group forms wants ^2.1".
    pub fn said(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let what = if self.what == "*" { "any version" } else { &self.what };
        match self.kind {
            "group" => format!("group {name} wants {what}"),
            "site" => format!("the site itself wants {what}"),
            "feature" => format!("{name} needs {what}"),
            _ => format!("held at {what}"),
        }
    }

    /// Where it is written; nothing where a published version says it.
    pub fn place(&self) -> String {
        self.at.as_ref().map(|at| format!(", {at}")).unwrap_or_default()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let at = self.at.as_ref().map(ToString::to_string);
        match self.kind {
            "hold" => json!({ "by": "hold", "name": null, "version": self.what, "at": at }),
            kind => json!({ "by": kind, "name": self.name, "requirement": self.what, "at": at }),
        }
    }
}
