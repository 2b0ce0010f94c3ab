//! What a site wants, opted out of and holds, what it gets for that, and what comes with it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{
    topic::{Topic, Word},
    versions::Versions,
};
use crate::{
    feature::{Chosen, Feature, Solved},
    inventory::{Hold, Site},
    model::{FeatureName, Requirement},
    registry::PublishedVersion,
};

/// Features by name, opt-outs and what others need among them.
pub fn topics(
    site: &Site,
    versions: &Versions,
    opened: &[PublishedVersion],
    today: Date,
) -> Vec<Topic> {
    let mut all: BTreeMap<FeatureName, Topic> = BTreeMap::new();
    let mut of = Features { site, all: &mut all };
    of.wants();
    for hold in site.holds.values() {
        of.hold(hold, today);
    }
    of.opt_outs();
    if let Versions::Known { solved: Some(solved), is_locked } = versions {
        for (feature, requirements) in &solved.needs {
            let Some(topic) = of.topic(feature, || solved.gets.contains_key(feature)) else {
                continue;
            };
            if topic.value.is_empty() {
                "needed by others".clone_into(&mut topic.value);
            }
            for (requirement, askers) in requirements {
                topic.said.extend(askers.iter().map(|asker| {
                    let version =
                        solved.gets.get(asker).map(|chosen| format!(" {}", chosen.version));
                    let version = version.unwrap_or_default();
                    Word::new(format!("{asker}{version} needs {}", any(requirement)), &"", true)
                }));
            }
        }
        for (feature, chosen) in &solved.gets {
            let Some(topic) = of.all.get_mut(feature) else { continue };
            topic.version = Some(chosen.version.to_string());
            topic.remark = match (*is_locked, standing(site, feature, chosen, today)) {
                (false, _) => " (not locked yet)".to_owned(),
                (true, None) => " (locked)".to_owned(),
                (true, Some(pending)) => format!(" (locked; {pending})"),
            };
        }
        for found in opened {
            of.published(solved, found);
        }
    }
    for conflict in versions.conflicts(site) {
        for feature in conflict.features {
            let is_wanted = site.wants.iter().any(|want| want.feature.as_str() == feature);
            let topic = all.values_mut().find(|topic| is_wanted && topic.name == feature);
            if let Some(topic) = topic {
                " → no version: in conflict".clone_into(&mut topic.remark);
            }
        }
    }
    all.into_values().collect()
}

/// What the next lock has to say about a hold that has ended, or counts again.
fn standing(
    site: &Site,
    feature: &FeatureName,
    chosen: &Chosen,
    today: Date,
) -> Option<&'static str> {
    let hold = site.holds.get(feature)?;
    match (chosen.held, hold.ended(today).is_some()) {
        (true, true) => Some("the next `fleetctl lock` goes by the wants"),
        (false, false) => Some("the next `fleetctl lock` goes by the hold"),
        _ => None,
    }
}

struct Features<'a> {
    site: &'a Site,
    all: &'a mut BTreeMap<FeatureName, Topic>,
}

impl Features<'_> {
    fn topic(&mut self, feature: &FeatureName, is_meant: impl Fn() -> bool) -> Option<&mut Topic> {
        if !is_meant() {
            return None;
        }
        let fresh = || Topic::new("features", feature.as_str());
        Some(self.all.entry(feature.clone()).or_insert_with(fresh))
    }

    fn wants(&mut self) {
        for want in &self.site.wants {
            let Some(topic) = self.topic(&want.feature, || true) else { continue };
            let text = want.requirement.as_str();
            if !topic.value.split(", ").any(|known| known == text) {
                let gap = if topic.value.is_empty() { "" } else { ", " };
                topic.value = format!("{}{gap}{text}", topic.value);
            }
            let who = format!("{} wants {text}", want.from.who);
            topic.said.push(Word::new(who, &want.from.at, true));
        }
    }

    fn hold(&mut self, hold: &Hold, today: Date) {
        let wants = self.site.wants.iter().filter(|want| want.feature == hold.feature);
        let wants: Vec<&Requirement> = wants.map(|want| &want.requirement).collect();
        let against = wants.iter().filter(|wanted| !wanted.matches(&hold.version));
        let against: Vec<&str> = against.map(|wanted| wanted.as_str()).collect();
        let until = hold.until.map(|day| format!(" until {day}")).unwrap_or_default();
        let reason = hold.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let said = format!("{} holds {}{until}{reason}", hold.from.who, hold.version);
        let (what, holds) = match (hold.ended(today), wants.is_empty(), against.is_empty()) {
            (Some(_), ..) => {
                ("; that day is over, and `fleetctl lock` goes by the wants".to_owned(), false)
            }
            (None, true, _) => ("; without effect unless something needs it".to_owned(), false),
            (None, _, true) => (String::new(), true),
            (None, ..) => {
                (format!("; that is not {}, and a hold wins", against.join(" nor ")), true)
            }
        };
        let Some(topic) = self.topic(&hold.feature, || true) else { return };
        if holds {
            topic.value = format!("held at {}", hold.version);
        } else if topic.value.is_empty() {
            "not wanted".clone_into(&mut topic.value);
        }
        topic.said.push(Word::new(format!("{said}{what}"), &hold.from.at, holds));
    }

    /// What a version says against others that the site gets, and what was said of it since.
    fn published(&mut self, solved: &Solved, found: &PublishedVersion) {
        let Feature { name, version, conflicts, .. } = &found.feature;
        for (other, shunned) in
            conflicts.iter().filter(|(other, _)| solved.gets.contains_key(*other))
        {
            let which = if shunned.as_str() == "*" { "" } else { shunned.as_str() };
            let said = format!("{name} {version} does not go with {other} {which}");
            let said = Word::new(said.trim_end(), &"", true);
            self.all.entry(other.clone()).and_modify(|topic| topic.said.push(said));
        }
        if let Some(why) = &found.yanked {
            let said = Word::new(format!("{version} was yanked: {why}"), &"", true);
            self.all.entry(name.clone()).and_modify(|topic| topic.said.push(said));
        }
    }

    fn opt_outs(&mut self) {
        for out in &self.site.opt_outs {
            let is_in = self.site.wants.iter().any(|want| want.feature == out.feature);
            let Some(topic) = self.topic(&out.feature, || true) else { continue };
            if !is_in {
                "none: opted out".clone_into(&mut topic.value);
            }
            topic.said.push(Word::new(format!("{} opts out", out.from.who), &out.from.at, !is_in));
        }
        for want in &self.site.waived {
            let Some(topic) = self.topic(&want.feature, || true) else { continue };
            let who = format!("{} wants {}", want.from.who, want.requirement);
            topic.said.push(Word::new(who, &want.from.at, false));
        }
    }
}

fn any(requirement: &Requirement) -> &str {
    if requirement.as_str() == "*" { "any version" } else { requirement.as_str() }
}
