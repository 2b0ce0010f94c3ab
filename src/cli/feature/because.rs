//! Why a set of sites has a feature in a version: everybody who asked, and where.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::{
    feature::{Solved, Through},
    model::{FeatureName, Position},
    pipeline::Fleet,
};

/// Somebody who asked for a feature.
pub struct Reason {
    kind: &'static str,
    name: Option<String>,
    what: String,
    at: Option<Position>,
    /// What follows the place.
    remark: Option<String>,
    /// The day on which a hold ended.
    ended: Option<Date>,
}

/// Everybody who asked for `feature` in this set, and the hold that keeps it.
pub fn reasons(fleet: &Fleet, solved: &Solved, feature: &FeatureName) -> Vec<Reason> {
    let ended = fleet.hold_ended(solved, feature);
    let mut reasons = Vec::new();
    for (requirement, askers) in solved.asked.asked.get(feature).into_iter().flatten() {
        for (through, at) in askers {
            let (kind, name) = match through {
                Through::Group(group) => ("group", Some(group.to_string())),
                Through::Site => ("site", None),
            };
            let (what, at) = (requirement.to_string(), Some(at.clone()));
            reasons.push(Reason { kind, name, what, at, remark: None, ended: None });
        }
    }
    for (requirement, askers) in solved.needs.get(feature).into_iter().flatten() {
        let each = askers.iter().map(|asker| {
            let version = solved.gets.get(asker).map(|chosen| format!(" {}", chosen.version));
            let name = format!("{asker}{}", version.unwrap_or_default());
            let (name, what) = (Some(name), requirement.to_string());
            Reason { kind: "feature", name, what, at: None, remark: None, ended: None }
        });
        reasons.extend(each);
    }
    let held = solved.asked.set.holds.get(feature);
    if let Some((held, day)) = held.zip(ended).filter(|_| !is_held(solved, feature)) {
        let at = solved.asked.holds.get(feature).map(|(at, _)| at.clone());
        let what = held.version.to_string();
        reasons.push(Reason { kind: "hold", name: None, what, at, remark: None, ended: Some(day) });
    }
    if let Some(chosen) = solved.gets.get(feature).filter(|chosen| chosen.held) {
        let at = solved.asked.holds.get(feature).map(|(at, _)| at.clone());
        let what = chosen.version.to_string();
        let asked = solved.asked.asked.get(feature).into_iter().flatten();
        let against = asked.filter(|(requirement, _)| !requirement.matches(&chosen.version));
        let against = against.map(|(requirement, _)| requirement.as_str()).collect::<Vec<_>>();
        let remark = match ended {
            Some(_) => {
                Some(format!("; the next `{}` pays no attention to it", fleet.command("lock")))
            }
            None if against.is_empty() => None,
            None => Some(format!("; that is not {}: a hold wins", against.join(" nor "))),
        };
        reasons.push(Reason { kind: "hold", name: None, what, at, remark, ended });
    }
    reasons
}

fn is_held(solved: &Solved, feature: &FeatureName) -> bool {
    solved.gets.get(feature).is_some_and(|chosen| chosen.held)
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
            _ => match self.ended {
                Some(day) => format!("was held at {what}; the hold ended on {day}"),
                None => format!("held at {what}"),
            },
        }
    }

    /// Where it is written (nothing where a published version says it), and what to know of it.
    pub fn place(&self) -> String {
        let at = self.at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
        at + self.remark.as_deref().unwrap_or_default()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let at = self.at.as_ref().map(ToString::to_string);
        match self.kind {
            "hold" => json!({
                "by": "hold", "name": null, "version": self.what, "at": at, "ended": self.ended.map(|day| day.to_string()),
            }),
            kind => json!({ "by": kind, "name": self.name, "requirement": self.what, "at": at }),
        }
    }
}
