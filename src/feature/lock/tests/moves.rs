//! What a new lock is said to change: site by site, and nothing on suspicion.

use super::*;

/// A site, its groups' wants (`forms contact-form ^2.1`), and what it opts out of.
struct Given<'a>(&'a str, &'a [&'a str], &'a [&'a str]);

fn asks(sites: &[Given<'_>]) -> Vec<Ask> {
    let ask = |Given(site, wants, opt_outs): &Given<'_>| {
        let wants: Vec<(&str, &str, &str)> = wants
            .iter()
            .map(|words| {
                let (group, want) = words.split_once(' ').unwrap();
                let (feature, requirement) = want.split_once(' ').unwrap();
                (feature, requirement, group)
            })
            .collect();
        let mut ask = ask(site, &wants);
        ask.opt_outs = opt_outs
            .iter()
            .map(|name| OptOut { feature: name.parse().unwrap(), at: at() })
            .collect();
        ask
    };
    sites.iter().map(ask).collect()
}

fn opt_outs(asks: &[Ask]) -> OptOuts {
    let of_site = |ask: &Ask| {
        let out = ask.opt_outs.iter().map(|out| (out.feature.clone(), out.at.clone()));
        (ask.site.clone(), out.collect())
    };
    asks.iter().map(of_site).collect()
}

/// What is told, a line for each change; places are left out.
#[track_caller]
fn told(before: &[Given<'_>], after: &[Given<'_>], expected: &[&str]) {
    let before = lock(&asks(before), None, &[]);
    // As the next command reads it.
    let before = Lock::parse("fleet.lock", &before.to_string()).expect("what was written");
    let after = asks(after);
    let resolution =
        resolve(requirement_sets(&after), &catalog(), Some(&before), &[]).expect("no conflict");
    let moves = moves(Some(&before), &resolution, &opt_outs(&after), (&catalog(), &[]));
    let mut lines = Vec::new();
    let names = |sites: &BTreeSet<crate::model::SiteName>| {
        sites.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let shown =
        |version: &Option<Version>| version.as_ref().map_or("none".into(), ToString::to_string);
    for step in &moves.moves {
        let (from, to) = (shown(&step.from), shown(&step.to));
        let why = step.why.clone().unwrap_or_default();
        lines.push(format!("{} {from} → {to} ({why}): {}", step.feature, names(&step.sites)));
    }
    for known in &moves.reworded {
        let version = shown(&known.version);
        lines.push(format!(
            "{} = {version} ({}): {}",
            known.feature,
            known.what,
            names(&known.sites)
        ));
    }
    let place = format!(", {}", at());
    let lines: Vec<String> = lines.iter().map(|line| line.replace(&place, "")).collect();
    assert_eq!(lines, expected);
}

const POPUP: &str = "promo popup *";
const FORM: &str = "forms contact-form ^2.1";

#[test]
fn a_changed_requirement_is_no_addition() {
    told(
        &[Given("a.example", &[FORM, POPUP], &[]), Given("b.example", &[FORM], &[])],
        &[
            Given("a.example", &["forms contact-form ^2.0", POPUP], &[]),
            Given("b.example", &["forms contact-form ^2.0"], &[]),
        ],
        &[
            "contact-form = 2.2.0 (group forms wants ^2.0; before: ^2.1 by group forms): a.example b.example",
        ],
    );
}

#[test]
fn who_opts_out_loses_it_and_what_it_alone_needed() {
    told(
        &[Given("a.example", &[FORM, POPUP], &[]), Given("b.example", &[FORM, POPUP], &[])],
        &[Given("a.example", &[POPUP], &["contact-form"]), Given("b.example", &[FORM, POPUP], &[])],
        &[
            "contact-form 2.2.0 → none (opted out): a.example",
            "form-core 1.3.0 → none (no longer needed; before: by contact-form): a.example",
        ],
    );
}

#[test]
fn a_group_that_wants_something_no_more_takes_it_from_its_sites() {
    // One of them asks for nothing now, the other for what a third one asked for all along.
    let before = [
        Given("a.example", &[POPUP], &[]),
        Given("b.example", &[FORM, POPUP], &[]),
        Given("c.example", &[FORM], &[]),
    ];
    let after = [
        Given("a.example", &[], &[]),
        Given("b.example", &[FORM], &[]),
        Given("c.example", &[FORM], &[]),
        Given("idle.example", &[], &[]),
    ];
    told(
        &before,
        &after,
        &[
            "popup 1.0.2 → none (no longer wanted; before: any version by group promo): a.example b.example",
        ],
    );
}

#[test]
fn a_site_that_is_gone_is_told() {
    told(
        &[Given("a.example", &[FORM], &[]), Given("b.example", &[FORM, POPUP], &[])],
        &[Given("a.example", &[FORM], &[])],
        &[
            "contact-form 2.2.0 → none (no longer in the inventory): b.example",
            "form-core 1.3.0 → none (no longer in the inventory): b.example",
            "popup 1.0.2 → none (no longer in the inventory): b.example",
        ],
    );
}

#[test]
fn sites_that_become_like_others_are_told_all_the_same() {
    // Each combination is there before and after, so that not one line but the sites' moves.
    told(
        &[Given("a.example", &[FORM, POPUP], &[]), Given("b.example", &[FORM], &[])],
        &[Given("a.example", &[FORM], &[]), Given("b.example", &[FORM, POPUP], &[])],
        &[
            "popup none → 1.0.2 (group promo wants any version): b.example",
            "popup 1.0.2 → none (no longer wanted; before: any version by group promo): a.example",
        ],
    );
    told(
        &[Given("a.example", &[POPUP], &[])],
        &[Given("a.example", &[POPUP], &[]), Given("b.example", &[POPUP], &[])],
        &["popup none → 1.0.2 (group promo wants any version): b.example"],
    );
}

#[test]
fn what_other_features_make_older_is_told_with_them() {
    let mut catalog = catalog();
    let popup: &mut BTreeMap<_, _> = catalog.get_mut("popup").unwrap();
    let mut next = popup.values().next().unwrap().clone();
    next.conflicts = [("contact-form".parse().unwrap(), "^2.2".parse().unwrap())].into();
    popup.insert("1.1.0".parse().unwrap(), next);
    let asks = asks(&[Given("a.example", &[FORM, POPUP], &[])]);
    let before = lock(&asks, None, &[]);
    let reasons = |update: &str, before: &Lock| {
        let update = Update { feature: Some(update.parse().unwrap()), requirement: None };
        let sets = requirement_sets(&asks);
        let updates = [update];
        let resolution = resolve(sets, &catalog, Some(before), &updates).expect("no conflict");
        let told = moves(Some(before), &resolution, &OptOuts::new(), (&catalog, &updates));
        let moved: Vec<String> = (told.moves.iter())
            .map(|step| format!("{}: {}", step.feature, step.why.clone().unwrap_or_default()))
            .collect();
        (moved, Lock::of(&resolution))
    };
    let (told, next) = reasons("popup", &before);
    assert_eq!(told, ["contact-form: popup 1.1.0 does not go with contact-form ^2.2", "popup: "]);
    // And back: it is the one that goes which says so.
    let (told, _) = reasons("contact-form", &next);
    assert_eq!(
        told,
        [
            "contact-form: ",
            "popup: popup 1.1.0 does not go with contact-form ^2.2, and that is 2.2.0 now",
        ]
    );
}

#[test]
fn holds_and_opt_outs_without_an_effect_are_told_as_such() {
    let before = lock(&asks(&[Given("a.example", &[POPUP], &[])]), None, &[]);
    let mut after = asks(&[Given("a.example", &[POPUP], &["contact-form"])]);
    let hold = |feature: &str, version: &str| Hold {
        feature: feature.parse().unwrap(),
        held: version.parse().unwrap(),
        is_over: false,
        at: at(),
    };
    after[0].holds = vec![hold("popup", "1.0.2"), hold("form-core", "1.2.0")];
    let resolution =
        resolve(requirement_sets(&after), &catalog(), Some(&before), &[]).expect("no conflict");
    let told = moves(Some(&before), &resolution, &opt_outs(&after), (&catalog(), &[]));
    assert_eq!(told.moves, []);
    let words: Vec<String> =
        told.reworded.iter().map(|known| format!("{}: {}", known.feature, known.what)).collect();
    assert_eq!(
        words,
        [
            "contact-form: opted out, inventory/sites.yml:1:1; it was not there",
            "form-core: held at 1.2.0; not wanted there",
            "popup: held at 1.0.2, inventory/sites.yml:1:1",
        ]
    );
}
