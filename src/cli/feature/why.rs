//! `feature why SITE FEATURE`: why a site has that version and no newer one, or has it not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use semver::Version;
use serde_json::{Value, json};

use super::{
    against::{Doubt, hold_said},
    because::{Reason, reasons},
    next::Next,
    way::Ways,
};
use crate::{
    cli::{Door, Failure, Outcome, exit, flags::HostFlags, inventory::find, visit},
    feature::{Against, Catalog, Chosen, Solved, Trials},
    inventory::{LayerName, Site},
    model::{FeatureName, Problem},
    pipeline::Fleet,
    report::{Line, Tone},
};

/// Why a site has a feature in its version and no newer one, or has it not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The site
    site: String,
    /// The feature
    feature: String,
}

/// A feature of a site, and all that is known about it.
struct Case<'a> {
    site: &'a Site,
    feature: &'a FeatureName,
    fleet: &'a Fleet,
    catalog: &'a Catalog,
    /// What the site has, or would get where that is not locked.
    solved: &'a Solved,
    chosen: &'a Chosen,
    /// When the hold ended that is still locked.
    ended: Option<Date>,
    next: &'a Next,
    is_locked: bool,
    today: Date,
}

/// Explains.
pub fn run(args: &Args, door: &Door) -> Outcome {
    let fleet = visit::fleet(door, &HostFlags::default(), &[])?;
    let site = find(&fleet.inventory, &args.site)?;
    let catalog = fleet.registry.catalog()?;
    let feature = known(&args.feature, &fleet, &catalog)?;
    let resolved = fleet.resolve(std::slice::from_ref(&site.name))?;
    let solved = resolved.resolution.of_site(&site.name);
    let Some((solved, chosen)) = solved.and_then(|set| Some((set, set.gets.get(&feature)?))) else {
        return absent(site, &feature, &fleet, door);
    };
    let today = jiff::Zoned::now().date();
    let ended = fleet.hold_ended(solved, &feature, today).filter(|_| chosen.held);
    let next = Next::of(&fleet, &catalog, site, &feature, today)?;
    let case = Case {
        site,
        feature: &feature,
        fleet: &fleet,
        catalog: &catalog,
        solved,
        chosen,
        ended,
        next: &next,
        is_locked: resolved.is_locked(),
        today,
    };
    if door.screen.is_json() {
        door.screen.json(&case.to_json())?;
        return Ok(exit::DONE);
    }
    door.screen.show(&case.lines())?;
    super::resolve::tell_source(door, &fleet, &resolved)?;
    if let Next::Refused(problems) = &next {
        super::resolve::tell_refusal(door, problems)?;
    }
    Ok(exit::DONE)
}

impl Case<'_> {
    fn yanked(&self) -> Option<&str> {
        self.catalog.get(self.feature)?.get(&self.chosen.version)?.yanked.as_deref()
    }

    fn is_unnamed_pre_release(&self) -> bool {
        let wants = self.solved.asked.set.wants.get(self.feature).into_iter().flatten();
        let needs = self.solved.needs.get(self.feature).into_iter().flat_map(BTreeMap::keys);
        let is_named = || wants.chain(needs).any(|named| named.matches(&self.chosen.version));
        !self.chosen.version.pre.is_empty() && !self.chosen.held && !is_named()
    }

    /// What a plain `lock` makes of it, where that is another version.
    fn change(&self) -> Option<&Chosen> {
        self.next.change(self.feature, &self.chosen.version)
    }

    fn to_json(&self) -> Value {
        let newer: Vec<Value> = (self.newer().iter())
            .map(|(version, why)| json!({ "version": version, "why_not": why }))
            .collect();
        let reasons = reasons(self.fleet, self.solved, self.feature, self.today);
        json!({
            "schema": 1, "site": self.site.name, "feature": self.feature,
            "version": self.chosen.version, "held": self.chosen.held,
            "hold_ended": self.ended.map(|day| day.to_string()), "yanked": self.yanked(),
            "locked": self.fleet.lock.is_some() && self.is_locked,
            "next": self.next.to_json(self.feature, &self.chosen.version),
            "because": reasons.iter().map(Reason::to_json).collect::<Vec<_>>(), "newer": newer,
        })
    }

    fn lines(&self) -> Vec<Line> {
        let Self { site, chosen, .. } = self;
        let feature = self.feature;
        let verb = if self.is_locked { " has " } else { " would get " };
        let mut lines = vec![
            Line::of(Tone::Strong, site.name.as_str())
                .add(Tone::Plain, verb)
                .add(Tone::Good, &format!("{feature} {}", chosen.version)),
        ];
        for reason in reasons(self.fleet, self.solved, feature, self.today) {
            let line = Line::of(Tone::Plain, &format!("  {}", reason.said()));
            lines.push(line.add(Tone::Dim, &reason.place()));
        }
        if self.is_unnamed_pre_release() {
            let text = "  a pre-release that nobody asks for by name: an update named it, and the lock keeps it";
            lines.push(Line::of(Tone::Plain, text));
        }
        if let Some(why) = self.yanked() {
            let ways = Ways { fleet: self.fleet, catalog: self.catalog, today: self.today };
            let way = ways.said(feature, &chosen.version, &[self.solved]);
            let text = format!("  it was yanked: {why}; who is locked to it keeps it; {way}");
            lines.push(Line::of(Tone::Warn, &text));
        }
        if let Some(to) = self.change() {
            // That a hold has ended stands above.
            let why = self.next.why().filter(|_| self.ended.is_none());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let text = format!("  the next `fleetctl lock` brings {}{why}", to.version);
            lines.push(Line::of(Tone::Warn, &text));
        }
        let newer = self.newer();
        let is_published =
            self.catalog.get(feature).is_some_and(|all| all.contains_key(&chosen.version));
        let newest = match (newer.is_empty(), is_published, self.yanked()) {
            (false, ..) => "why no newer one:",
            (true, false, _) => "  it is not in the registry any more, nor is a newer one",
            (true, _, Some(_)) => "  no newer version is published",
            (true, _, None) => "  it is the newest version that is published",
        };
        let tone = if newer.is_empty() { Tone::Dim } else { Tone::Plain };
        lines.push(Line::of(tone, newest));
        let widest = newer.iter().map(|(version, _)| version.to_string().len()).max().unwrap_or(0);
        for (version, why) in &newer {
            let line = Line::of(Tone::Strong, &format!("  {:widest$}  ", version.to_string()));
            lines.push(line.add(Tone::Plain, why));
        }
        lines
    }

    /// Newer versions, the newest first, each with what stands against it once the next lock has
    /// done what it would do anyway.
    fn newer(&self) -> Vec<(Version, String)> {
        let (feature, has) = (self.feature, &self.chosen.version);
        let trials = Trials::new(self.catalog, self.fleet.lock.as_ref());
        let after = self.next.solved().filter(|next| next.gets.contains_key(feature));
        let free;
        let solved = match (after, self.ended) {
            (Some(next), _) => next,
            (None, None) => self.solved,
            (None, Some(_)) => {
                free = without_hold(self.solved, feature);
                &free
            }
        };
        let chosen = solved.gets.get(feature);
        let is_held = chosen.is_some_and(|chosen| chosen.held) && self.ended.is_none();
        let hold = self.site.holds.get(feature).filter(|_| is_held);
        let all: Vec<(&Version, Against)> =
            trials.newer(solved, feature).filter(|(version, _)| *version > has).collect();
        let best = all.iter().find(|(_, against)| matches!(against, Against::Possible(_)));
        let best = best.map(|(version, _)| *version);
        let has_lock = self.fleet.lock.is_some();
        let each = all.iter().map(|(version, against)| {
            let doubt =
                Doubt { solved, feature, version, is_best: best == Some(*version), has_lock };
            let said = hold.map_or_else(|| doubt.said(against), |hold| hold_said(hold));
            ((*version).clone(), said)
        });
        let comes = self.change().filter(|to| to.version > *has);
        let comes =
            comes.map(|to| (to.version.clone(), "the lock; to move it: fleetctl lock".to_owned()));
        each.chain(comes).collect()
    }
}

/// The answer as if nothing were held: what a hold that has ended still stands for.
fn without_hold(solved: &Solved, feature: &FeatureName) -> Solved {
    let mut free = solved.clone();
    if let Some((_, is_over)) = free.asked.holds.get_mut(feature) {
        *is_over = true;
    }
    free
}

/// A feature that somebody wants, published, or both.
fn known(name: &str, fleet: &Fleet, catalog: &Catalog) -> Result<FeatureName, Failure> {
    let wanted = fleet.inventory.sites().iter().flat_map(|site| &site.wants);
    let all: BTreeSet<&FeatureName> =
        catalog.keys().chain(wanted.map(|want| &want.feature)).collect();
    if let Some(found) = all.iter().find(|known| known.as_str() == name) {
        return Ok((*found).clone());
    }
    let problem = Problem::new(format!("there is no feature `{name}`"));
    Err(Failure::usage(problem.suggest(name, all.iter().map(|known| known.as_str()))))
}

/// Why the site has it not.
fn absent(site: &Site, feature: &FeatureName, fleet: &Fleet, door: &Door) -> Outcome {
    let mut because: Vec<String> = site
        .opt_outs
        .iter()
        .filter(|out| out.feature == *feature)
        .map(|out| match &out.from.who {
            LayerName::Group(group) => format!("group {group} opted out, {}", out.from.at),
            _ => format!("the site itself opted out, {}", out.from.at),
        })
        .collect();
    let waived = site.waived.iter().filter(|want| want.feature == *feature);
    because.extend(waived.map(|want| {
        format!("without that: {} wants {}, {}", want.from.who, want.requirement, want.from.at)
    }));
    if because.is_empty() {
        because.push("none of its groups wants it, nor does it itself".to_owned());
        let wants = fleet.inventory.sites().iter().flat_map(|site| &site.wants);
        let groups: BTreeSet<String> = wants
            .filter(|want| want.feature == *feature)
            .map(|want| want.from.to_string())
            .filter(|from| from.starts_with("group "))
            .collect();
        because.extend(groups.into_iter().map(|from| format!("it is wanted by {from}")));
    }
    if door.screen.is_json() {
        door.screen.json(&json!({
            "schema": 1, "site": site.name, "feature": feature, "version": null, "because": because,
        }))?;
        return Ok(exit::DONE);
    }
    let head = Line::of(Tone::Strong, site.name.as_str());
    let mut lines = vec![head.add(Tone::Plain, &format!(" does not have {feature}"))];
    lines.extend(because.iter().map(|text| Line::of(Tone::Plain, &format!("  {text}"))));
    door.screen.show(&lines)?;
    Ok(exit::DONE)
}
