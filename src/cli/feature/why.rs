//! `feature why SITE FEATURE`: why a site has that version and no newer one, or has it not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use semver::Version;
use serde_json::{Value, json};

use super::{
    against::{Doubt, hold_said},
    because::{Reason, reasons},
    prospect::{Next, Prospect},
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
    prospect: &'a Prospect<'a>,
    /// What the site has, or would get where that is not locked.
    solved: &'a Solved,
    chosen: &'a Chosen,
    /// When the hold ended that is still locked.
    ended: Option<Date>,
    is_locked: bool,
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
    let prospect = Prospect::new(&fleet, &catalog);
    let case = Case {
        site,
        feature: &feature,
        prospect: &prospect,
        solved,
        chosen,
        ended: fleet.hold_ended(solved, &feature).filter(|_| chosen.held),
        is_locked: fleet.lock.is_some() && resolved.is_locked(),
    };
    if door.screen.is_json() {
        door.screen.json(&case.to_json())?;
        return Ok(exit::DONE);
    }
    door.screen.show(&case.lines())?;
    let is_refused = !prospect.plain().1.0.is_empty();
    super::resolve::tell_source(door, &fleet, &resolved, is_refused)?;
    super::resolve::tell_refusal(door, &prospect, &resolved.resolution)?;
    Ok(exit::DONE)
}

impl Case<'_> {
    fn yanked(&self) -> Option<&str> {
        let published = self.prospect.catalog.get(self.feature)?.get(&self.chosen.version)?;
        published.yanked.as_deref()
    }

    /// What was locked for the site, whatever it asks for now.
    fn before(&self) -> Option<&Version> {
        self.prospect.fleet.lock.as_ref()?.gets_of(&self.site.name)?.get(self.feature)
    }

    fn is_unnamed_pre_release(&self) -> bool {
        let wants = self.solved.asked.set.wants.get(self.feature).into_iter().flatten();
        let needs = self.solved.needs.get(self.feature).into_iter().flat_map(BTreeMap::keys);
        let is_named = || wants.chain(needs).any(|named| named.matches(&self.chosen.version));
        !self.chosen.version.pre.is_empty() && !self.chosen.held && !is_named()
    }

    /// What a plain `lock` makes of it: the version (`None` where it goes), and why; nothing where
    /// it stays.
    fn change(&self) -> Option<(Option<&Version>, Option<String>)> {
        let to = match self.prospect.next(self.solved, self.feature, &self.chosen.version) {
            Next::Same => return None,
            Next::To(to) => Some(&to.version),
            Next::Gone => None,
        };
        Some((to, self.prospect.why(self.solved, self.feature)))
    }

    fn reasons(&self) -> Vec<Reason> {
        reasons(self.prospect.fleet, self.solved, self.feature)
    }

    fn to_json(&self) -> Value {
        let newer: Vec<Value> = (self.newer().iter())
            .map(|(version, why)| json!({ "version": version, "why_not": why }))
            .collect();
        let next = self.change().map(|(to, why)| json!({ "version": to, "why": why }));
        json!({
            "schema": 1, "site": self.site.name, "feature": self.feature,
            "version": self.chosen.version, "held": self.chosen.held,
            "hold_ended": self.ended.map(|day| day.to_string()), "yanked": self.yanked(),
            "locked": self.is_locked, "before": self.before(), "next": next,
            "refused": !self.prospect.plain().1.0.is_empty(),
            "because": self.reasons().iter().map(Reason::to_json).collect::<Vec<_>>(),
            "newer": newer,
        })
    }

    fn lines(&self) -> Vec<Line> {
        let Self { site, feature, chosen, .. } = self;
        let verb = match self.before() {
            Some(before) if *before == chosen.version => format!(" has {feature} "),
            Some(before) => format!(" has {feature} {before}, and would get "),
            None if self.is_locked => format!(" has {feature} "),
            None => format!(" would get {feature} "),
        };
        let mut lines = vec![
            Line::of(Tone::Strong, site.name.as_str())
                .add(Tone::Plain, &verb)
                .add(Tone::Good, &chosen.version.to_string()),
        ];
        for reason in self.reasons() {
            let line = Line::of(Tone::Plain, &format!("  {}", reason.said()));
            lines.push(line.add(Tone::Dim, &reason.place()));
        }
        if self.is_unnamed_pre_release() {
            let text = "  a pre-release that nobody asks for by name now: it was locked, and stays";
            lines.push(Line::of(Tone::Plain, text));
        }
        if let Some(why) = self.yanked() {
            let way = self.prospect.way(feature, &chosen.version, &[self.solved]);
            let text = format!("  it was yanked ({why}); {way}");
            lines.push(Line::of(Tone::Warn, &text));
        }
        // Of a yanked version that is said already.
        if let Some((to, why)) = self.change().filter(|_| self.yanked().is_none()) {
            // That a hold has ended stands above.
            let why = why.filter(|_| self.ended.is_none());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let what = to.map_or("takes it away".to_owned(), |to| format!("brings {to}"));
            let lock = self.prospect.fleet.command("lock");
            let text = format!("  the next `{lock}` {what}{why}");
            lines.push(Line::of(Tone::Warn, &text));
        }
        lines.extend(self.told_newer());
        lines
    }

    fn told_newer(&self) -> Vec<Line> {
        let newer = self.newer();
        let published = self.prospect.catalog.get(self.feature);
        let is_published = published.is_some_and(|all| all.contains_key(&self.chosen.version));
        let newest = match (newer.is_empty(), is_published, self.yanked()) {
            (false, ..) => "why no newer one:",
            (true, false, _) => "  it is not in the registry any more, nor is a newer one",
            (true, _, Some(_)) => "  no newer version is published",
            (true, _, None) => "  it is the newest version that is published",
        };
        let tone = if newer.is_empty() { Tone::Dim } else { Tone::Plain };
        let widest = newer.iter().map(|(version, _)| version.to_string().len()).max().unwrap_or(0);
        let rows = newer.iter().map(|(version, why)| {
            let line = Line::of(Tone::Strong, &format!("  {:widest$}  ", version.to_string()));
            line.add(Tone::Plain, why)
        });
        [Line::of(tone, newest)].into_iter().chain(rows).collect()
    }

    /// Newer versions, the newest first, each with what stands against it once the next lock has
    /// done what it would do anyway. None where that takes the feature away.
    fn newer(&self) -> Vec<(Version, String)> {
        let (feature, has) = (self.feature, &self.chosen.version);
        let prospect = self.prospect;
        let trials = Trials::new(prospect.catalog, prospect.fleet.lock.as_ref());
        let comes = match prospect.next(self.solved, feature, has) {
            Next::Same => None,
            Next::To(to) => Some(&to.version),
            Next::Gone => return Vec::new(),
        };
        let solved = prospect.plain().0.of_set(&self.solved.asked.set).unwrap_or(self.solved);
        let is_held = solved.gets.get(feature).is_some_and(|chosen| chosen.held);
        let hold = self.site.holds.get(feature).filter(|_| is_held);
        let newer = trials.newer(solved, feature).filter(|(version, _)| *version > has);
        let each = newer.map(|(version, against)| {
            let doubt = Doubt { prospect, solved, feature, version };
            let is_besides = matches!(
                against,
                Against::Yanked(_) | Against::Platforms(_) | Against::Asked { .. }
            );
            let said = match hold {
                None => doubt.said(&against),
                Some(hold) if is_besides => {
                    format!("{}; and without it: {}", hold_said(hold), doubt.said(&against))
                }
                Some(hold) => hold_said(hold),
            };
            (version.clone(), said)
        });
        let comes = comes.filter(|to| *to > has);
        let (lock, command) = (prospect.fleet.lock_name(), prospect.fleet.command("lock"));
        let comes = comes.map(|to| (to.clone(), format!("{lock}; to move it: {command}")));
        each.chain(comes).collect()
    }
}

/// A feature that somebody wants, published, or both.
fn known(name: &str, fleet: &Fleet, catalog: &Catalog) -> Result<FeatureName, Failure> {
    let wanted = fleet.inventory.sites().iter().flat_map(|site| &site.wants);
    let locked = fleet.lock.iter().flat_map(|lock| lock.features.keys());
    let all: BTreeSet<&FeatureName> =
        catalog.keys().chain(wanted.map(|want| &want.feature)).chain(locked).collect();
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
        because.extend(
            groups.into_iter().map(|from| format!("{from} wants it, and the site is not in it")),
        );
    }
    let before = fleet.lock.as_ref().and_then(|lock| lock.gets_of(&site.name)?.get(feature));
    if door.screen.is_json() {
        door.screen.json(&json!({
            "schema": 1, "site": site.name, "feature": feature, "version": null, "before": before,
            "because": because,
        }))?;
        return Ok(exit::DONE);
    }
    let head = Line::of(Tone::Strong, site.name.as_str());
    let what = match before {
        Some(before) => format!(" has {feature} {before}, and would lose it"),
        None => format!(" does not have {feature}"),
    };
    let mut lines = vec![head.add(Tone::Plain, &what)];
    lines.extend(because.iter().map(|text| Line::of(Tone::Plain, &format!("  {text}"))));
    if before.is_some() {
        let text = format!("  the next `{}` takes it away", fleet.command("lock"));
        lines.push(Line::of(Tone::Warn, &text));
    }
    door.screen.show(&lines)?;
    Ok(exit::DONE)
}
