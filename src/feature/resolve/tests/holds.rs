//! Holds, and other ways in which what is there cannot be had: what is told, and how to get out.

use super::{against::world, *};

fn held(mut ask: Ask, feature: &str, version: &str) -> Ask {
    let (feature, version) = (feature.parse().unwrap(), version.parse().unwrap());
    let held = Held { version, until: None };
    ask.holds.push(Hold { feature, held, is_over: false, at: at(90) });
    ask
}

fn told(asks: &[Ask], catalog: &Catalog, updates: &[Update]) -> String {
    let mut sets = requirement_sets(asks);
    for set in &mut sets {
        set.terms = set.holds.keys().map(|name| (name.clone(), "(its own)".to_owned())).collect();
    }
    resolve(sets, catalog, None, updates).unwrap_err().to_string()
}

#[test]
fn the_hint_lifts_the_one_hold_that_is_in_the_way() {
    let form: &[(&str, &str)] = &[("1.0.0", ""), ("2.0.0", "")];
    let popup: &[(&str, &str)] = &[("1.0.0", "needs form ^2")];
    let catalog = world(&[("form", form), ("popup", popup), ("chat", form)]);
    let ask = held(site("a.example", &["form *", "popup *", "chat *"]), "form", "1.0.0");
    let text = told(&[held(ask, "chat", "1.0.0")], &catalog, &[]);
    assert!(text.contains("\n    form is held at 1.0.0 (its own), inventory/sites.yml:90:5\n"));
    assert!(!text.contains("chat"), "{text}");
    assert!(
        text.contains("lift the hold of form, or hold another version: with form 2.0.0 all"),
        "{text}"
    );
}

#[test]
fn holds_that_are_only_together_in_the_way_are_lifted_together() {
    let base: &[(&str, &str)] = &[("1.0.0", ""), ("2.0.0", "")];
    let top: &[(&str, &str)] = &[("1.0.0", "needs one ^2; needs two ^2")];
    let catalog = world(&[("one", base), ("two", base), ("top", top)]);
    let ask = held(site("a.example", &["one *", "two *", "top *"]), "one", "1.0.0");
    let text = told(&[held(ask, "two", "1.0.0")], &catalog, &[]);
    // The proof needs one of them; lifting that one is not enough.
    let hint =
        "lift the holds of one and two, or hold other versions: with one 2.0.0 and two 2.0.0 all";
    assert!(text.contains(hint), "{text}");
}

#[test]
fn a_hold_that_is_not_in_the_way_is_not_to_be_lifted() {
    let catalog = world(&[
        ("form", &[("1.0.0", "needs core ^1"), ("1.1.0", "needs core ^1")]),
        ("core", &[("1.0.0", ""), ("2.0.0", "")]),
        ("popup", &[("1.0.0", "needs core ^2")]),
    ]);
    let ask = held(site("a.example", &["form *", "popup *"]), "form", "1.0.0");
    let text = told(&[ask], &catalog, &[]);
    assert!(text.contains("form 1.0.0 needs core ^1"), "{text}");
    assert!(text.contains("form is held at 1.0.0 (its own)"), "{text}");
    assert!(!text.contains("lift"), "{text}");
}

#[test]
fn a_hold_at_what_is_for_another_platform_is_named() {
    let form: &[(&str, &str)] = &[("1.0.0", "only static"), ("1.1.0", "")];
    let mut ask = held(site("a.example", &["form ^1"]), "form", "1.0.0");
    ask.platform = Some(Platform::Wordpress);
    let text = told(&[ask], &world(&[("form", form)]), &[]);
    assert!(text.contains("form is held at 1.0.0 (its own), inventory/sites.yml:90:5"), "{text}");
    assert!(text.contains("1.0.0 would do, and is for static alone"), "{text}");
    assert!(text.contains("lift the hold"), "{text}");
}

#[test]
fn what_is_published_and_cannot_be_had_is_not_called_unpublished() {
    let catalog = world(&[("form", &[("1.0.0", ""), ("2.0.0", "only static")])]);
    let mut ask = site("a.example", &["form ^1", "form ^2"]);
    ask.platform = Some(Platform::Wordpress);
    let text = told(&[ask], &catalog, &[]);
    assert!(
        text.contains("what satisfies ^2 cannot be chosen: form 2.0.0 is for static alone"),
        "{text}"
    );
}

#[test]
fn many_sites_are_not_told_to_change_the_first_of_them() {
    let catalog = world(&[("form", &[("1.0.0", ""), ("2.0.0", "")])]);
    let asks: Vec<Ask> = (1..=24)
        .map(|index| site(&format!("s{index:02}.example"), &["form ^1", "form ^2"]))
        .collect();
    let text = told(&asks, &catalog, &[]);
    assert!(
        text.contains(
            "`features: { form: false }` at each of these sites, or in a group of theirs"
        ),
        "{text}"
    );
}
