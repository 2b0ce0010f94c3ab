//! Features that do not go together: the facts that cannot all hold, told in an order in which
//! they can be followed, and a way out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use pubgrub::VersionSet as _;

use super::{
    super::{
        solve::Unfit,
        span::{Place, Span},
        world::{Link, Listed, Number},
    },
    Fact, Telling, columns,
};
use crate::model::Problem;
use semver::Version;

/// The facts as somebody would follow them: from each feature that is asked for to what it needs.
fn in_order(facts: &[Fact]) -> Vec<&Fact> {
    let mut wanted: Vec<Number> = facts
        .iter()
        .filter_map(|fact| if let Fact::Wants(number) = fact { Some(*number) } else { None })
        .collect();
    wanted.sort_unstable_by(|one, other| other.cmp(one));
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some(number) = wanted.pop() {
        if !seen.insert(number) {
            continue;
        }
        for fact in facts {
            match fact {
                Fact::Wants(of) | Fact::Nothing(of, _) if *of == number => ordered.push(fact),
                Fact::Needs(from, _, to) | Fact::Shuns(from, _, to) if *from == number => {
                    ordered.push(fact);
                    wanted.push(*to);
                }
                _ => {}
            }
        }
    }
    ordered
}

impl Telling<'_, '_> {
    pub(super) fn conflict(&self, facts: &[Fact]) -> Problem {
        let mut place = None;
        let mut asked = Vec::new();
        let mut wanted = BTreeSet::new();
        let ordered = in_order(facts);
        for fact in &ordered {
            let Fact::Wants(number) = fact else { continue };
            let Some(feature) = self.listed(*number) else { continue };
            let name = feature.name;
            let lines = self.asked(name).into_iter();
            asked.extend(lines.map(|(wanted, through)| (format!("{name} {wanted}"), through)));
            place = place.max(self.place(name));
            wanted.insert(name);
        }
        let mut message = match (wanted.first(), wanted.len()) {
            (Some(name), 1) => format!("{} cannot have {name}:", self.who.names),
            _ => format!("{} what does not go together:", self.who.verb("want")),
        };
        message.push_str(&columns(asked));
        let mut lines: Vec<String> = ordered.iter().flat_map(|fact| self.told(fact)).collect();
        lines.extend(self.holds(&ordered));
        lines.extend(self.disputed(facts).into_iter().map(|number| self.available(number)));
        let mut told = BTreeSet::new();
        for line in lines.iter().filter(|line| told.insert(line.as_str())) {
            let _ = write!(message, "\n    {line}");
        }
        let problem = match place {
            Some(at) => Problem::at(at, message),
            None => Problem::new(message),
        };
        problem.hint(self.way_out(facts))
    }

    /// The facts alone, each a sentence.
    pub(super) fn in_brief(&self, facts: &[Fact]) -> Vec<String> {
        let mut ordered = in_order(facts);
        ordered.retain(|fact| match fact {
            Fact::Nothing(number, _) => Some(*number) != self.tried,
            _ => true,
        });
        let mut told = BTreeSet::new();
        let lines = ordered.iter().flat_map(|fact| self.told(fact)).chain(self.holds(&ordered));
        lines.filter(|line| told.insert(line.clone())).collect()
    }

    /// What is asked for and held: then the hold decides, and not what is required.
    fn holds(&self, facts: &[&Fact]) -> Vec<String> {
        let held = facts.iter().filter_map(|fact| match fact {
            Fact::Wants(number) if Some(*number) != self.tried => self.held(*number),
            _ => None,
        });
        held.collect()
    }

    /// "contact-form is held at 2.1.4 until 2027-01-31 (theme clash), inventory/sites.yml:7:3".
    pub(super) fn held(&self, number: Number) -> Option<String> {
        let name = self.listed(number)?.name;
        let version = self.case.asked.held(name)?;
        let terms = self.case.asked.terms.get(name).map(|terms| format!(" {terms}"));
        let at = self.case.asked.holds.get(name).map(|(at, _)| format!(", {at}"));
        let (terms, at) = (terms.unwrap_or_default(), at.unwrap_or_default());
        Some(format!("{name} is held at {version}{terms}{at}"))
    }

    /// The fewest holds that could be lifted to end the conflict, and what would then be chosen.
    fn liftable(&self, facts: &[Fact]) -> Option<Vec<(&str, Option<&Version>)>> {
        let solved_without = |free: &BTreeSet<Number>| self.case.without_holds(free).solve().ok();
        let of_facts = facts.iter().filter_map(|fact| match fact {
            Fact::Wants(number) | Fact::Nothing(number, _) if self.case.is_held(*number) => {
                Some(BTreeSet::from([*number]))
            }
            _ => None,
        });
        let of_facts: BTreeSet<BTreeSet<Number>> = of_facts.collect();
        if of_facts.is_empty() {
            return None;
        }
        let free =
            of_facts.into_iter().find(|free| solved_without(free).is_some()).or_else(|| {
                // The proof stops at the first hold that makes it impossible: there may be more.
                let mut free = self.case.held();
                solved_without(&free)?;
                for number in self.case.held() {
                    free.remove(&number);
                    if solved_without(&free).is_none() {
                        free.insert(number);
                    }
                }
                Some(free)
            })?;
        let solution = solved_without(&free)?;
        let freed = free.into_iter().map(|number| {
            let place = solution.get(&number);
            let chosen = place.and_then(|place| self.listed(number)?.at(*place));
            (self.name(number), chosen.map(|(version, _)| version))
        });
        Some(freed.collect())
    }

    /// Features of which it matters what there is: several ask for them, or nothing is what one
    /// of them asks for.
    fn disputed(&self, facts: &[Fact]) -> BTreeSet<Number> {
        let mut asked: BTreeMap<Number, usize> = BTreeMap::new();
        for fact in facts {
            if let Fact::Needs(_, _, to) | Fact::Wants(to) = fact {
                *asked.entry(*to).or_default() += 1;
            }
        }
        let is_needed = |number: &Number| {
            facts.iter().any(|fact| matches!(fact, Fact::Needs(_, _, to) if to == number))
        };
        let is_told = |number: &Number| {
            facts.iter().any(|fact| matches!(fact, Fact::Nothing(known, _) if known == number))
        };
        asked.retain(|number, count| is_needed(number) && !is_told(number) && *count > 1);
        let missing = facts.iter().filter_map(|fact| self.missing(fact));
        asked.into_keys().chain(missing).collect()
    }

    /// The feature that a fact needs in a version that was never published.
    fn missing(&self, fact: &Fact) -> Option<Number> {
        let Fact::Needs(from, span, to) = fact else { return None };
        let places = self.listed(*from)?.newest_in(span);
        let mut links = places.flat_map(|place| self.case.requires(*from, place));
        links.any(|link| link.to == *to && link.span == Span::empty()).then_some(*to)
    }

    /// A fact of a conflict, in lines; what is asked for directly is told elsewhere.
    fn told(&self, fact: &Fact) -> Vec<String> {
        match fact {
            Fact::Wants(_) => Vec::new(),
            Fact::Needs(from, span, to) => {
                let links = |place| self.case.requires(*from, place);
                self.relation(*from, span, *to, ("needs", "need"), &links)
            }
            Fact::Shuns(from, span, to) => {
                let links = |place| self.case.conflicts(*from, place);
                let verbs = ("does not go with", "do not go with");
                self.relation(*from, span, *to, verbs, &links)
            }
            Fact::Nothing(number, span) => self.nothing(*number, span),
        }
    }

    /// "popup 1.0.2 needs form-core ^1", one line for each requirement.
    fn relation<'l>(
        &self,
        from: Number,
        span: &Span,
        to: Number,
        (verb, of_many): (&str, &str),
        links: &dyn Fn(Place) -> &'l [Link<'l>],
    ) -> Vec<String> {
        let Some(feature) = self.listed(from) else { return Vec::new() };
        let possible = self.case.possible(from);
        let mut places: Vec<Place> =
            possible.iter().copied().filter(|place| span.contains(place)).collect();
        if places.is_empty() {
            places = feature.newest_in(span).collect();
        }
        let mut by_requirement: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
        for place in places {
            for link in links(place).iter().filter(|link| link.to == to) {
                by_requirement.entry(link.requirement.as_str()).or_default().push(place);
            }
        }
        let name = feature.name;
        let told = by_requirement.into_iter().map(|(requirement, mut places)| {
            places.sort_unstable();
            let versions = self.versions(feature, &places);
            let is_all =
                !possible.is_empty() && places.len() == possible.len() && self.tried != Some(from);
            // Others would do as well, were it not for the hold, which is a fact of its own.
            let is_all = is_all && !self.case.is_held(from);
            let is_asked = self.case.asked.set.wants.contains_key(name);
            let kind = if is_asked { "that would do" } else { "to be had" };
            let subject = match (is_all, places.len()) {
                (true, 1) => format!("{name} {versions}, the only one {kind}, {verb}"),
                (true, _) => format!("every {name} {kind} ({versions}) {verb}"),
                (false, 1) => format!("{name} {versions} {verb}"),
                (false, _) => format!("{name} {versions} {of_many}"),
            };
            match requirement {
                "*" => format!("{subject} any {}", self.name(to)),
                _ => format!("{subject} {} {requirement}", self.name(to)),
            }
        });
        told.collect()
    }

    /// Why none of these versions may be chosen.
    fn nothing(&self, number: Number, span: &Span) -> Vec<String> {
        let Some(feature) = self.listed(number) else { return Vec::new() };
        let name = feature.name;
        if feature.versions.is_empty() {
            return vec![format!("no version of {name} was ever published")];
        }
        let lines = self.unfit(number, feature, feature.newest_in(span));
        if lines.is_empty() { vec![self.available(number)] } else { lines }
    }

    /// Why each of these versions may not be chosen, where that is so: a line for each reason.
    pub(super) fn unfit(
        &self,
        number: Number,
        feature: &Listed<'_>,
        places: impl IntoIterator<Item = Place>,
    ) -> Vec<String> {
        let (name, set) = (feature.name, self.case.asked);
        let mut reasons: BTreeMap<Unfit<'_>, Vec<Place>> = BTreeMap::new();
        for place in places {
            if let Err(why) = self.case.fit(number, place) {
                reasons.entry(why).or_default().push(place);
            }
        }
        let lines = reasons.into_iter().map(|(why, mut places)| {
            places.sort_unstable();
            let versions = self.versions(feature, &places);
            let verb = if places.len() == 1 { "was" } else { "were" };
            match why {
                Unfit::OptedOut => {
                    let at = set.opt_outs.get(name).map(|at| format!(", {at}"));
                    format!("{name} is opted out of{}", at.unwrap_or_default())
                }
                Unfit::Held => self.held(number).unwrap_or_default(),
                Unfit::Platform(platforms) => {
                    let platforms: Vec<_> = platforms.iter().map(|known| known.as_str()).collect();
                    let own = set.set.platform.map_or("", |own| own.as_str());
                    let verb = if places.len() == 1 { "is" } else { "are" };
                    let platforms = platforms.join(" and ");
                    format!("{name} {versions} {verb} for {platforms} alone, and not for {own}")
                }
                Unfit::Yanked(reason) => format!("{name} {versions} {verb} yanked: {reason}"),
                Unfit::NotNow(now) => {
                    format!("{name} shall be {now}, by `lock --update {name}@{now}`")
                }
            }
        });
        lines.collect()
    }

    fn way_out(&self, facts: &[Fact]) -> String {
        if let Some(freed) = self.liftable(facts) {
            let names: Vec<&str> = freed.iter().map(|(name, _)| *name).collect();
            let versions = freed.iter().filter_map(|(name, to)| Some(format!("{name} {}", (*to)?)));
            let versions: Vec<String> = versions.collect();
            let (hold, other) = if names.len() == 1 {
                ("hold", "another version")
            } else {
                ("holds", "other versions")
            };
            let names = names.join(" and ");
            return if versions.is_empty() {
                format!("lift the {hold} of {names}, or ask for versions that go with what is held")
            } else {
                let versions = versions.join(" and ");
                format!(
                    "lift the {hold} of {names}, or hold {other}: with {versions} all would go together; or ask for versions that go with what is held"
                )
            };
        }
        let unfit = facts.iter().find_map(|fact| {
            let Fact::Nothing(number, span) = fact else { return None };
            let feature = self.listed(*number)?;
            let why = feature.newest_in(span).find_map(|place| self.case.fit(*number, place).err());
            Some((feature.name, why))
        });
        let wanted = |may: &dyn Fn(Number) -> bool| {
            facts.iter().rev().find_map(|fact| match fact {
                Fact::Wants(number) if may(*number) => Some(self.name(*number)),
                _ => None,
            })
        };
        // Who opts out of what others need only meets the next conflict.
        let is_free = |number: Number| {
            !facts.iter().any(|fact| matches!(fact, Fact::Needs(_, _, to) if *to == number))
        };
        let wanted = wanted(&is_free).or_else(|| wanted(&|_| true)).unwrap_or("NAME");
        let out = format!("opt out of {wanted}: {}", self.who.opt_out(wanted));
        let missing = facts.iter().find_map(|fact| self.missing(fact));
        if let Some(feature) = missing.and_then(|number| self.listed(number)) {
            let name = feature.name;
            let what = if feature.versions.is_empty() { "" } else { "a version that will do of " };
            return format!("publish {what}{name}, or {out}");
        }
        match unfit {
            Some((name, Some(Unfit::OptedOut))) => {
                format!("let {name} in again, or {out}")
            }
            Some((name, Some(Unfit::Held))) => {
                format!("lift the hold of {name}, or require versions that go with it")
            }
            Some((name, Some(Unfit::NotNow(_)))) => {
                format!(
                    "update {name} to another version; or, where that can move too, name with further --update what stands in its way"
                )
            }
            Some((name, _)) => format!("publish a version of {name} that will do, or {out}"),
            None => format!(
                "change one of these requirements, publish a version of one that goes with the others, or {out}"
            ),
        }
    }
}
