//! What a site wants, opted out of and holds, what it gets for that, and what comes with it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{
    topic::{Topic, Word},
    versions::Versions,
};
use crate::{
    feature::{Feature, Solved},
    inventory::{Hold, LayerName, Site},
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
        let needed = |solved: &Solved| solved.needs.contains_key(&hold.feature);
        of.hold(hold, today, versions.solved().is_some_and(needed));
    }
    for hold in &site.covered {
        of.covered(hold);
    }
    of.opt_outs();
    if let Versions::Known { solved: Some(solved), is_locked, before } = versions {
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
                    Word::new(format!("{asker}{version} needs {}", requirement.said()), &"", true)
                }));
            }
        }
        for (feature, chosen) in &solved.gets {
            let Some(topic) = of.all.get_mut(feature) else { continue };
            topic.version = Some(chosen.version.to_string());
            let is_ended = || site.holds.get(feature).is_some_and(|h| h.ended(today).is_some());
            topic.remark = match before.get(feature) {
                Some(now) if *now != chosen.version => format!(" (the lock still has {now})"),
                _ if *is_locked && chosen.held && is_ended() => {
                    " (until the next `fleetctl lock`)".to_owned()
                }
                Some(_) => " (locked)".to_owned(),
                None if *is_locked => " (locked)".to_owned(),
                None => " (not locked yet)".to_owned(),
            };
        }
        for found in opened {
            of.published(solved, found);
        }
    }
    if let Versions::Known { solved, before, .. } = versions {
        let gets = solved.as_ref().map(|found| &found.gets);
        let is_gone = |feature: &FeatureName| gets.is_none_or(|all| !all.contains_key(feature));
        for (feature, version) in before.iter().filter(|(feature, _)| is_gone(feature)) {
            let fresh = || Topic::new("features", feature.as_str());
            let topic = all.entry(feature.clone()).or_insert_with(fresh);
            if topic.value.is_empty() {
                "not wanted any more".clone_into(&mut topic.value);
            }
            topic.remark = format!(" (the lock still has {version})");
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
    if let Versions::Conflict { before, .. } = versions {
        for (feature, version) in before {
            if let Some(topic) = all.get_mut(feature) {
                topic.remark = format!("{} (the lock still has {version})", topic.remark);
            }
        }
    }
    all.into_values().collect()
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

    fn hold(&mut self, hold: &Hold, today: Date, is_needed: bool) {
        let wants = self.site.wants.iter().filter(|want| want.feature == hold.feature);
        let wants: Vec<&Requirement> = wants.map(|want| &want.requirement).collect();
        let against = wants.iter().filter(|wanted| !wanted.matches(&hold.version));
        let against: Vec<&str> = against.map(|wanted| wanted.as_str()).collect();
        let until = hold.until.map(|day| format!(" until {day}")).unwrap_or_default();
        let reason = hold.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let said = format!("{} holds {}{until}{reason}", hold.from.who, hold.version);
        let (what, holds) =
            match (hold.ended(today), wants.is_empty() && !is_needed, against.is_empty()) {
                (Some(_), ..) => {
                    ("; that day is over, and `fleetctl lock` goes by the wants".to_owned(), false)
                }
                (None, true, _) => {
                    ("; not wanted here: it binds only what needs it".to_owned(), false)
                }
                (None, _, true) => (String::new(), true),
                (None, ..) => {
                    (format!("; that is not {}, and a hold wins", against.join(" nor ")), true)
                }
            };
        let Some(topic) = self.topic(&hold.feature, || true) else { return };
        if holds {
            topic.value = format!("held at {}", hold.version);
        } else if topic.value.is_empty() {
            let value = if is_needed { "needed by others" } else { "not wanted" };
            value.clone_into(&mut topic.value);
        }
        topic.said.push(Word::new(format!("{said}{what}"), &hold.from.at, holds));
    }

    /// A hold in whose place a stronger one stands.
    fn covered(&mut self, hold: &Hold) {
        let terms = hold.terms().map(|terms| format!(" {terms}")).unwrap_or_default();
        let said = format!("{} holds {}{terms}", hold.from.who, hold.version);
        let said = format!("{said}; the stronger hold stands in its place");
        let said = Word::new(said, &hold.from.at, false);
        self.all.entry(hold.feature.clone()).and_modify(|topic| topic.said.push(said));
    }

    /// What a version says against others that the site gets, and what was said of it since.
    fn published(&mut self, solved: &Solved, found: &PublishedVersion) {
        let Feature { name, version, conflicts, .. } = &found.feature;
        for (other, shunned) in
            conflicts.iter().filter(|(other, _)| solved.gets.contains_key(*other))
        {
            let said = format!("{name} {version} does not go with {}", shunned.said_of(other));
            let said = Word::new(said, &"", true);
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
            let is_group = matches!(out.from.who, LayerName::Group(_));
            let wins =
                if is_group && self.site.waived.iter().any(|want| want.feature == out.feature) {
                    "; that wins over what groups want"
                } else {
                    ""
                };
            let Some(topic) = self.topic(&out.feature, || true) else { continue };
            if !is_in {
                "none: opted out".clone_into(&mut topic.value);
            }
            let said = format!("{} opts out{}", out.from.who, if is_in { "" } else { wins });
            topic.said.push(Word::new(said, &out.from.at, !is_in));
        }
        for want in &self.site.waived {
            let Some(topic) = self.topic(&want.feature, || true) else { continue };
            let who = format!("{} wants {}", want.from.who, want.requirement);
            topic.said.push(Word::new(who, &want.from.at, false));
        }
    }
}
