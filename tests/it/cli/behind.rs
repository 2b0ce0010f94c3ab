//! What the screens say while the lock is behind the inventory, or behind the registry.

use super::{Stage, lock::publish};

const SITES: &str = "inventory/sites.yml";

/// Two forms and a popup; one site is held, one has nothing, and `acme` wants an older form.
fn stage() -> Stage {
    let stage = Stage::new(&[
        ("fleet.yml", "environments:\n  production: { inventory: inventory }\n"),
        (
            SITES,
            "\
groups:
  all: { url: \"https://{{ site }}\", docroot: \"/var/www/{{ site }}\", platform: wordpress }
  forms: { features: { contact-form: \"^2.1\" } }
  promo: { features: { popup: \"^1.0\" } }
sites:
  acme.example: { address: 203.0.113.9, groups: [forms], features: { contact-form: \"~2.1.0\" } }
  held.example:
    groups: [forms]
    hold: { contact-form: { version: 2.1.4, until: 2999-01-31 } }
  idle.example: {}
  \"shop[01:03].example\": { groups: [forms, promo] }
  plain.example: { groups: [forms] }
",
        ),
    ]);
    publish(&stage, "contact-form", "2.1.4", "");
    publish(&stage, "contact-form", "2.2.0", "");
    publish(&stage, "popup", "1.0.2", "");
    stage.run(&["lock"]).expect(0);
    stage
}

fn why(stage: &Stage, site: &str) -> String {
    stage.run(&["feature", "why", site, "contact-form"]).expect(0).out
}

#[test]
fn a_site_that_comes_to_what_others_have_is_not_called_locked() {
    let stage = stage();
    stage.replace(SITES, "idle.example: {}", "idle.example: { groups: [forms] }");
    stage.replace(SITES, ", features: { contact-form: \"~2.1.0\" }", "");
    let warning = "warning: fleet.lock is behind: acme.example, idle.example ask for the same as other sites since it was written; run: fleetctl lock\n";
    for arguments in [["feature", "resolve"], ["feature", "matrix"]] {
        let ran = stage.run(&arguments).expect(0);
        assert!(ran.err.contains(warning), "{}", ran.err);
        assert!(ran.err.contains("from fleet.lock where it has an answer, else"), "{}", ran.err);
    }
    let ran = stage.run(&["inventory", "explain", "acme.example", "contact-form"]).expect(0);
    assert!(
        ran.out.contains("contact-form: ^2.1 → 2.2.0 (the lock still has 2.1.4)\n"),
        "{}",
        ran.out
    );
    let told = "acme.example has contact-form 2.1.4, and would get 2.2.0\n";
    assert!(why(&stage, "acme.example").starts_with(told));
    assert!(why(&stage, "idle.example").starts_with("idle.example would get contact-form 2.2.0\n"));
    assert!(why(&stage, "plain.example").starts_with("plain.example has contact-form 2.2.0\n"));
    let ran = stage.run(&["validate"]).expect(0);
    assert!(ran.err.contains("fleet.lock is behind what the inventory says"), "{}", ran.err);
    let json = stage.run(&["feature", "why", "acme.example", "contact-form", "-o", "json"]);
    assert_eq!(json.expect(0).json()["locked"], false);
    // It is no reason to refuse: what they get is in the lock.
    let ran = stage.run(&["feature", "resolve", "acme.example", "-o", "json"]).expect(0);
    assert_eq!(ran.json()["sites"][0]["features"][0]["version"], "2.2.0");
    let ran = stage.run(&["lock"]).expect(0);
    assert_eq!(
        ran.out,
        "\
+ contact-form 2.2.0          1 site  idle.example
    group forms wants ^2.1, inventory/sites.yml:3:24
~ contact-form 2.1.4 → 2.2.0  1 site  acme.example
    group forms wants ^2.1, inventory/sites.yml:3:24; before: ^2.1 by group forms and ~2.1.0 by the site itself
fleet.lock written: 7 sites in 3 requirement sets
"
    );
    assert!(why(&stage, "acme.example").starts_with("acme.example has contact-form 2.2.0\n"));
    assert_eq!(stage.run(&["validate"]).expect(0).err, "");
}

#[test]
fn a_hold_that_counts_again_is_told_everywhere() {
    let stage = stage();
    stage.replace(SITES, "2999-01-31", "2001-01-31");
    stage.run(&["lock"]).expect(0);
    stage.replace(SITES, "2001-01-31", "2999-01-31");
    assert_eq!(
        why(&stage, "held.example"),
        "\
held.example has contact-form 2.2.0, and would get 2.1.4
  group forms wants ^2.1, inventory/sites.yml:3:24
  held at 2.1.4, inventory/sites.yml:9:13
why no newer one:
  2.2.0  the hold until 2999-01-31, inventory/sites.yml:9:13
"
    );
    let ran = stage.run(&["inventory", "explain", "held.example", "contact-form"]).expect(0);
    let told = "contact-form: held at 2.1.4 → 2.1.4 (the lock still has 2.2.0)\n";
    assert!(ran.out.contains(told), "{}", ran.out);
    let ran = stage.run(&["feature", "resolve", "held.example"]).expect(0);
    assert!(ran.out.contains("held at 2.1.4, inventory/sites.yml:9:13\n"), "{}", ran.out);
    let ran = stage.run_on(140, &["feature", "outdated"]).expect(10);
    assert!(ran.out.contains("1      fleetctl lock (brings 2.1.4, which is older)\n"));
    let ran = stage.run(&["validate"]).expect(0);
    assert!(ran.err.contains("fleet.lock is behind"), "{}", ran.err);
    let json = stage.run(&["feature", "why", "held.example", "contact-form", "-o", "json"]);
    let json = json.expect(0).json();
    assert_eq!((&json["before"], &json["version"]), (&"2.2.0".into(), &"2.1.4".into()));
}

#[test]
fn holds_that_come_and_go_without_an_effect_are_lines_of_the_lock() {
    let stage = stage();
    stage.replace(SITES, "2999-01-31", "2001-01-31");
    stage.run(&["lock"]).expect(0);
    stage.replace(SITES, "    hold: { contact-form: { version: 2.1.4, until: 2001-01-31 } }\n", "");
    let ran = stage.run(&["lock", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
= contact-form 2.2.0  1 site  held.example
    stays, though what is asked changed: its hold, which had ended, is gone
fleet.lock would change, but no site gets another version: 6 sites in 3 requirement sets
"
    );
    assert!(stage.run(&["validate"]).expect(0).err.contains("fleet.lock is behind"));
}

#[test]
fn an_update_and_a_plain_lock_are_told_apart() {
    let stage = stage();
    // Time goes by.
    stage.replace(SITES, "2999-01-31", "2001-01-31");
    stage.replace("fleet.lock", "2999-01-31", "2001-01-31");
    publish(&stage, "contact-form", "2.3.0", "");
    let told = why(&stage, "held.example");
    assert!(
        told.ends_with(
            "\
  the next `fleetctl lock` brings 2.2.0
why no newer one:
  2.3.0  fleet.lock; to move it: fleetctl lock --update contact-form
  2.2.0  fleet.lock; to move it: fleetctl lock
"
        ),
        "{told}"
    );
    let ran = stage.run_on(140, &["feature", "outdated"]).expect(10);
    let next = "1      fleetctl lock (brings 2.2.0; the hold ended on 2001-01-31)\n";
    assert!(ran.out.contains(next), "{}", ran.out);
    // Both come out as they were told.
    let ran = stage.run(&["lock"]).expect(0);
    assert!(ran.out.contains("contact-form 2.1.4 → 2.2.0  1 site  held.example\n"), "{}", ran.out);
    let ran = stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(ran.out.contains("contact-form 2.2.0 → 2.3.0  5 sites"), "{}", ran.out);
}

#[test]
fn what_an_update_takes_back_elsewhere_is_told_before() {
    let stage = stage();
    publish(&stage, "popup", "1.1.0", "conflicts: { contact-form: \"^2.2\" }\n");
    let ran = stage.run(&["lock", "--update", "popup"]).expect(0);
    let told = "\
~ contact-form 2.2.0 → 2.1.4 (older)  3 sites  shop[01:03].example
    popup 1.1.0 does not go with contact-form ^2.2
";
    assert!(ran.out.starts_with(told), "{}", ran.out);
    let ran = stage.run_on(140, &["feature", "outdated"]).expect(10);
    let next = "3      fleetctl lock --update contact-form (with it popup back to 1.0.2)\n";
    assert!(ran.out.contains(next), "{}", ran.out);
    let ran = stage.run(&["inventory", "explain", "shop01.example", "contact-form"]).expect(0);
    let said = "    ✓ popup 1.1.0 does not go with contact-form ^2.2\n";
    assert!(ran.out.ends_with(said), "{}", ran.out);
}

#[test]
fn a_yanked_version_stays_where_it_is_and_the_way_away_is_one_that_was_tried() {
    let stage = stage();
    stage.run(&["feature", "yank", "contact-form@2.2.0", "--reason", "loses mail"]).expect(0);
    let told = "it was yanked (loses mail); to move to 2.1.4, which is older: fleetctl lock --update contact-form\n";
    assert!(why(&stage, "plain.example").contains(told));
    let ran = stage.run(&["validate"]).expect(0);
    assert!(ran.err.contains("note: contact-form 2.2.0 was yanked (loses mail), and plain.example, shop[01:03].example (4) have it; to move to 2.1.4, which is older"), "{}", ran.err);
    let ran = stage.run(&["inventory", "explain", "plain.example", "contact-form"]).expect(0);
    assert!(ran.out.ends_with("    ✓ 2.2.0 was yanked: loses mail\n"), "{}", ran.out);
    // Other words for what its sites have do not take it from them, though nobody else may have it.
    stage.replace(SITES, "contact-form: \"^2.1\"", "contact-form: \"^2\"");
    let ran = stage.run(&["lock"]).expect(0);
    assert!(!ran.out.contains('→'), "{}", ran.out);
    stage.replace(
        SITES,
        "idle.example: {}",
        "idle.example: { groups: [promo], features: { contact-form: ^2.2 } }",
    );
    let ran = stage.run(&["lock"]).expect(3);
    assert!(ran.err.contains("2.2.0 would do, and was yanked: loses mail"), "{}", ran.err);
    // Where nothing else will do an update leaves it, and refuses nothing.
    stage.replace(
        SITES,
        "idle.example: { groups: [promo], features: { contact-form: ^2.2 } }",
        "idle.example: {}",
    );
    stage.replace(SITES, "contact-form: \"^2\"", "contact-form: \"^2.2\"");
    stage.replace(SITES, ", features: { contact-form: \"~2.1.0\" }", "");
    stage.replace(
        SITES,
        "acme.example: { address: 203.0.113.9, groups: [forms]",
        "acme.example: { address: 203.0.113.9, groups: []",
    );
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(ran.err.contains("have it; no other published version will do; publish a newer one\n"));
    let ran = stage.run_on(140, &["feature", "outdated"]).expect(0);
    assert!(
        ran.out.contains("2.2.0 !  2.2.0  2.1.4   4      nothing newer to have\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_pre_release_that_an_update_named_is_told_as_such() {
    let stage = stage();
    publish(&stage, "contact-form", "2.3.0-rc.1", "");
    assert!(!why(&stage, "plain.example").contains("a pre-release that nobody"));
    stage.run(&["lock", "--update", "contact-form@2.3.0-rc.1"]).expect(3);
    stage.replace(SITES, "~2.1.0", "^2.1.0");
    stage.run(&["lock", "--update", "contact-form@2.3.0-rc.1"]).expect(0);
    let told = why(&stage, "plain.example");
    let said = "  a pre-release that nobody asks for by name now: it was locked, and stays\n";
    assert!(told.contains(said), "{told}");
    // Neither an update nor the list of what is outdated goes back behind it.
    let ran = stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(!ran.out.contains('→'), "{}", ran.out);
    let ran = stage.run(&["feature", "outdated"]).expect(0);
    assert!(!ran.out.contains("rc.1"), "{}", ran.out);
    let ran = stage.run_on(140, &["feature", "list"]).expect(0);
    let rows: Vec<&str> = ran.out.lines().collect();
    assert!(rows[1].contains("2.3.0-rc.1") && rows[2].contains("2.2.0"), "{}", ran.out);
    publish(&stage, "contact-form", "2.3.0", "");
    stage.run(&["feature", "outdated"]).expect(10);
    let ran = stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(ran.out.contains("contact-form 2.3.0-rc.1 → 2.3.0"), "{}", ran.out);
}

#[test]
fn one_site_in_conflict_does_not_hide_what_the_others_have() {
    let stage = stage();
    stage.replace(SITES, "~2.1.0", "~1.0");
    publish(&stage, "popup", "1.0.3", "");
    let refused = "error: inventory/sites.yml:6:70: no published version of contact-form satisfies everybody: acme.example wants\n";
    let ran = stage.run_on(140, &["feature", "outdated"]).expect(3);
    assert!(ran.out.contains("popup         1.0.2  1.0.3  1.0.3   3 "), "{}", ran.out);
    assert!(ran.err.contains(refused), "{}", ran.err);
    assert_eq!(ran.err.matches("error: ").count(), 1, "{}", ran.err);
    for verb in ["resolve", "matrix"] {
        let ran = stage.run_on(140, &["feature", verb]).expect(3);
        assert!(ran.out.contains("1.0.2"), "{}", ran.out);
        assert!(ran.err.contains(refused), "{}", ran.err);
    }
    // A program gets all or nothing.
    for verb in ["resolve", "matrix", "outdated"] {
        let ran = stage.run(&["feature", verb, "-o", "json"]).expect(3);
        assert!(!ran.out.contains("popup"), "{}", ran.out);
    }
    let ran = stage.run(&["feature", "resolve", "plain.example"]).expect(0);
    assert!(ran.out.contains("contact-form 2.2.0"), "{}", ran.out);
}
