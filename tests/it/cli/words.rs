//! The screens that say which site gets what, and why: read by somebody who never saw the source.

use super::{Stage, lock::publish};

/// A fleet with a form for some, a popup for others, and one site that opted out.
fn stage() -> Stage {
    let stage = Stage::new(&[
        ("fleet.yml", "environments:\n  production: { inventory: inventory }\n"),
        (
            "inventory/sites.yml",
            "\
groups:
  all: { url: \"https://{{ site }}\", docroot: \"/var/www/{{ site }}\", tags: { tier: normal } }
  wordpress: { platform: wordpress }
  forms: { features: { contact-form: \"^2.1\" }, vars: { theme: dark } }
  promo: { features: { popup: \"*\" } }
sites:
  acme.example: { address: 203.0.113.9, groups: [wordpress, forms], tags: { tier: canary } }
  \"shop[01:03].example\": { groups: [wordpress, forms, promo] }
  out.example: { groups: [wordpress, forms, promo], features: { contact-form: false } }
",
        ),
    ]);
    publish(&stage, "form-core", "1.0.0", "");
    publish(&stage, "contact-form", "2.1.4", "requires: { form-core: \"*\" }\n");
    publish(&stage, "popup", "1.0.2", "");
    stage
}

#[test]
fn a_lock_tells_sites_and_reasons() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    let sites = "inventory/sites.yml";
    stage.replace(sites, "contact-form: \"^2.1\"", "contact-form: \"^2.0\"");
    let ran = stage.run(&["lock", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
= contact-form 2.1.4  4 sites  acme.example, shop[01:03].example
    stays, though what is asked changed: group forms wants ^2.0, inventory/sites.yml:4:24; before: ^2.1 by group forms
fleet.lock would change, but no site gets another version: 5 sites in 3 requirement sets
"
    );
    stage.replace(sites, "contact-form: \"^2.0\"", "contact-form: \"^2.1\"");
    stage.replace(sites, "promo: { features: { popup: \"*\" } }", "promo: {}");
    let ran = stage.run(&["lock", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
- popup 1.0.2  4 sites  out.example, shop[01:03].example
    no longer wanted; before: any version by group promo
fleet.lock would change: 4 sites in 1 requirement set
"
    );
}

#[test]
fn what_is_lost_is_told_with_its_reason() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    let sites = "inventory/sites.yml";
    // What others wanted goes with what wanted it.
    stage.replace(
        sites,
        "shop[01:03].example\": { groups: [wordpress, forms, promo] }",
        "shop[01:03].example\": { groups: [wordpress, forms, promo], features: { contact-form: false } }",
    );
    let ran = stage.run(&["lock", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
- contact-form 2.1.4  3 sites  shop[01:03].example
    opted out, inventory/sites.yml:8:75
- form-core 1.0.0     3 sites  shop[01:03].example
    no longer needed; before: by contact-form
fleet.lock would change: 5 sites in 2 requirement sets
"
    );
    stage.run(&["lock"]).expect(0);
    // Those three ask for what another site asked for all along: no entry is new, and yet they lost it.
    stage.replace(sites, "acme.example: { ", "acme.example: { features: { contact-form: false }, ");
    let ran = stage.run(&["lock", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
- contact-form 2.1.4  1 site  acme.example
    opted out, inventory/sites.yml:7:31
- form-core 1.0.0     1 site  acme.example
    no longer needed; before: by contact-form
fleet.lock would change: 4 sites in 1 requirement set
"
    );
}

#[test]
fn an_update_that_moves_nothing_says_why() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["lock", "--update", "popup"]).expect(0);
    assert_eq!(
        ran.out,
        "\
= popup 1.0.2  4 sites  out.example, shop[01:03].example
    does not move: it is the newest that is published
fleet.lock is up to date, nothing moves: 5 sites in 3 requirement sets
"
    );
    let ran = stage.run(&["lock", "--update"]).expect(0);
    assert_eq!(ran.out, "fleet.lock is up to date, nothing moves: 5 sites in 3 requirement sets\n");
    assert!(ran.err.contains("every feature is at the newest version that fits"), "{}", ran.err);
    let json = stage.run(&["lock", "--update", "popup", "-o", "json"]).expect(0).json();
    assert_eq!((&json["changed"], &json["moves"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(json["unmoved"][0]["feature"], "popup");
    assert!(json["unmoved"][0]["why"].as_str().unwrap().contains("newest"), "{json}");
}

#[test]
fn what_others_keep_back_is_not_called_the_lock() {
    let stage = stage();
    publish(&stage, "popup", "1.0.3", "requires: { form-core: \"^1\" }\n");
    stage.run(&["feature", "yank", "popup", "1.0.2", "--reason", "it blinks"]).expect(0);
    stage.run(&["lock"]).expect(0);
    publish(&stage, "form-core", "2.0.0", "");
    publish(&stage, "contact-form", "2.2.0", "requires: { form-core: \"^2\" }\n");
    let ran = stage.run(&["lock", "--update", "contact-form", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
~ contact-form 2.1.4 → 2.2.0   1 site  acme.example
= contact-form 2.1.4          3 sites  shop[01:03].example
    does not move to 2.2.0: contact-form 2.2.0 needs form-core ^2; popup 1.0.3, the only one that would do, needs form-core ^1; popup 1.0.2 was yanked: it blinks
~ form-core 1.0.0 → 2.0.0      1 site  acme.example
    contact-form 2.2.0 needs form-core ^2
fleet.lock would change: 5 sites in 3 requirement sets
"
    );
    let why = |site: &str| stage.run(&["feature", "why", site, "contact-form"]).expect(0).out;
    assert_eq!(
        why("shop01.example"),
        "\
shop01.example has contact-form 2.1.4
  group forms wants ^2.1, inventory/sites.yml:4:24
why no newer one:
  2.2.0  contact-form 2.2.0 needs form-core ^2; popup 1.0.3, the only one that would do, needs form-core ^1; popup 1.0.2 was yanked: it blinks
"
    );
    // Where the lock is all that stands against it, what would move with it is told.
    assert!(
        why("acme.example").contains(
            "\n  2.2.0  fleet.lock; to move it: fleetctl lock --update contact-form (with it: form-core 1.0.0 → 2.0.0)\n"
        ),
        "{}",
        why("acme.example")
    );
    assert_eq!(
        why("out.example"),
        "\
out.example does not have contact-form
  the site itself opted out, inventory/sites.yml:9:65
  without that: group forms wants ^2.1, inventory/sites.yml:4:24
"
    );
}

#[test]
fn what_was_yanked_is_not_just_the_newest() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    stage.run(&["feature", "yank", "popup", "1.0.2", "--reason", "it blinks"]).expect(0);
    let ran = stage.run(&["feature", "why", "out.example", "popup"]).expect(0);
    assert_eq!(
        ran.out,
        "\
out.example has popup 1.0.2
  group promo wants any version, inventory/sites.yml:5:24
  it was yanked (it blinks); no other published version will do; publish a newer one
  no newer version is published
"
    );
    // An older one will do: that is where an update goes.
    publish(&stage, "popup", "1.0.1", "");
    let ran = stage.run_on(120, &["feature", "outdated"]).expect(10);
    assert_eq!(
        ran.out,
        "\
FEATURE  HAS      FITS   NEWEST  SITES  NEXT
popup    1.0.2 !  1.0.1  1.0.1   4      to an older one: fleetctl lock --update popup
"
    );
    assert!(ran.err.contains("HAS: chosen now; FITS: ") && ran.err.contains("!: was yanked"));
    let json = stage.run(&["feature", "outdated", "-o", "json"]).expect(10).json();
    assert_eq!(json["outdated"][0]["yanked"], true);
}

/// Gives acme.example a hold until a day.
fn hold(stage: &Stage, version: &str, until: &str) {
    let hold = format!("hold: {{ contact-form: {{ version: {version}, until: {until} }} }}, ");
    stage.replace("inventory/sites.yml", "acme.example: { ", &format!("acme.example: {{ {hold}"));
}

#[test]
fn a_hold_that_has_ended_holds_nothing_on_any_screen() {
    let stage = stage();
    publish(&stage, "contact-form", "2.2.0", "");
    hold(&stage, "2.1.4", "2999-12-31");
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["validate"]).expect(0);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    // Time goes by.
    stage.replace("inventory/sites.yml", "2999-12-31", "2001-01-01");
    stage.replace("fleet.lock", "2999-12-31", "2001-01-01");
    let ran = stage.run(&["validate"]).expect(0);
    assert_eq!(
        ran.err,
        "warning: inventory/sites.yml:7:27: the hold of contact-form at 2.1.4 ended on 2001-01-01, and `fleetctl lock` pays no attention to it; remove it, or give it another day\nfleet.lock is behind what the inventory says; to see what would change: fleetctl lock --check\n"
    );
    let json = stage.run(&["validate", "-o", "json"]).expect(0).json();
    assert_eq!(json["holds_ending"].as_array().unwrap().len(), 1);
    assert_eq!(json["locks_behind"], serde_json::json!(["fleet.lock"]));
    let ran = stage.run(&["inventory", "list", "acme.example"]).expect(0);
    assert!(ran.out.contains("contact-form^2.1(hold ended 2001-01-01)"), "{}", ran.out);
    let ran = stage.run(&["inventory", "explain", "acme.example", "contact-form"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example  inventory/sites.yml:7:3
features
  contact-form: ^2.1 → 2.1.4 (until the next `fleetctl lock`)
    ✓ group forms wants ^2.1 (inventory/sites.yml:4:24)
    · site holds 2.1.4 until 2001-01-01; that day is over, and `fleetctl lock` goes by the wants (inventory/sites.yml:7:27)
"
    );
    let ran = stage.run(&["feature", "why", "acme.example", "contact-form"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example has contact-form 2.1.4
  group forms wants ^2.1, inventory/sites.yml:4:24
  was held at 2.1.4; the hold ended on 2001-01-01, inventory/sites.yml:7:27; the next `fleetctl lock` pays no attention to it
  the next `fleetctl lock` brings 2.2.0
why no newer one:
  2.2.0  fleet.lock; to move it: fleetctl lock
"
    );
    let ran = stage.run(&["feature", "outdated"]).expect(10);
    assert!(ran.out.contains("fleetctl lock (the hold ended on 2001-01-01)"), "{}", ran.out);
    let json = stage.run(&["feature", "why", "acme.example", "contact-form", "-o", "json"]);
    let json = json.expect(0).json();
    assert_eq!((&json["held"], &json["hold_ended"]), (&true.into(), &"2001-01-01".into()));
    assert_eq!(json["because"][1]["ended"], "2001-01-01");
}

#[test]
fn a_hold_against_the_wants_is_remarked_on_and_one_that_ends_soon_is_warned_of() {
    let stage = stage();
    publish(&stage, "contact-form", "1.9.0", "");
    let until = jiff::Zoned::now().date().checked_add(jiff::Span::new().days(5)).unwrap();
    hold(&stage, "1.9.0", &until.to_string());
    let ran = stage.run(&["inventory", "explain", "acme.example", "contact-form"]).expect(0);
    let remark = "; that is not ^2.1, and a hold wins (inventory/sites.yml:7:27)\n";
    assert!(ran.out.contains(&format!("✓ site holds 1.9.0 until {until}{remark}")), "{}", ran.out);
    let ran = stage.run(&["feature", "why", "acme.example", "contact-form"]).expect(0);
    let remark = "held at 1.9.0, inventory/sites.yml:7:27; that is not ^2.1: a hold wins\n";
    assert!(ran.out.contains(remark), "{}", ran.out);
    let ran = stage.run(&["validate"]).expect(0);
    let warning = format!("the hold of contact-form at 1.9.0 ends on {until}; after that day");
    assert!(ran.err.contains(&warning), "{}", ran.err);
}

#[test]
fn a_site_is_explained_with_versions_places_and_defaults() {
    let stage = stage();
    publish(
        &stage,
        "contact-form",
        "2.2.0",
        "requires: { form-core: \"*\" }\nvars:\n  theme: { choices: [light, dark], default: light }\n  tries: { type: integer, default: 3 }\n",
    );
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["inventory", "explain", "acme.example"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example  inventory/sites.yml:7:3
groups, the later the stronger: all → forms → wordpress

settings
  address: 203.0.113.9
    ✓ site (inventory/sites.yml:7:28)
  url: https://acme.example
    ✓ group all: https://{{ site }} (inventory/sites.yml:2:15)
  docroot: /var/www/acme.example
    ✓ group all: /var/www/{{ site }} (inventory/sites.yml:2:46)
  root: /srv/acme.example
    ✓ `release.root` of fleet.yml, or its default
  platform: wordpress
    ✓ group wordpress (inventory/sites.yml:3:26)

tags
  tier: canary
    ✓ site (inventory/sites.yml:7:83)
    · group all: normal (inventory/sites.yml:2:83)

features
  contact-form: ^2.1 → 2.2.0 (locked)
    ✓ group forms wants ^2.1 (inventory/sites.yml:4:24)
  form-core: needed by others → 1.0.0 (locked)
    ✓ contact-form 2.2.0 needs any version

variables
  theme: dark
    ✓ group forms (inventory/sites.yml:4:63)
    · contact-form 2.2.0 has the default light
  tries: 3
    ✓ contact-form 2.2.0 has the default 3
"
    );
    // A key alone: the site is named, and nothing is empty.
    let ran = stage.run(&["inventory", "explain", "acme.example", "tries"]).expect(0);
    assert_eq!(
        ran.out,
        "acme.example  inventory/sites.yml:7:3\nvariables\n  tries: 3\n    ✓ contact-form 2.2.0 has the default 3\n"
    );
    // An opt-out does not hide what is opted out of.
    let ran = stage.run(&["inventory", "explain", "out.example", "contact-form"]).expect(0);
    assert_eq!(
        ran.out,
        "\
out.example  inventory/sites.yml:9:3
features
  contact-form: none: opted out
    ✓ site opts out (inventory/sites.yml:9:65)
    · group forms wants ^2.1 (inventory/sites.yml:4:24)
"
    );
    let json = stage.run(&["inventory", "explain", "acme.example", "contact-form", "-o", "json"]);
    assert_eq!(
        json.expect(0).json(),
        serde_json::json!({
            "schema": 1, "site": "acme.example", "conflicts": [],
            "topics": [{
                "kind": "features", "name": "contact-form", "value": "^2.1", "version": "2.2.0", "remark": "(locked)",
                "said": [{
                    "who": "group forms wants ^2.1", "at": "inventory/sites.yml:4:24",
                    "holds": true,
                }],
            }],
        })
    );
}

#[test]
fn a_conflict_is_seen_where_a_site_or_the_features_are_looked_at() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    stage.replace(
        "inventory/sites.yml",
        "acme.example: { ",
        "acme.example: { features: { contact-form: \"^1\" }, ",
    );
    let ran = stage.run(&["inventory", "explain", "acme.example", "contact-form"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example  inventory/sites.yml:7:3
in conflict: no published version of contact-form satisfies everybody
  the whole story: fleetctl feature why acme.example contact-form
features
  contact-form: ^2.1, ^1 → no version: in conflict (the lock still has 2.1.4)
    ✓ group forms wants ^2.1 (inventory/sites.yml:4:24)
    ✓ site wants ^1 (inventory/sites.yml:7:31)
"
    );
    let ran = stage.run(&["feature", "why", "acme.example", "contact-form"]).expect(3);
    assert!(ran.err.contains("^1    said by the site itself, inventory/sites.yml:7:31"));
    let ran = stage.run_on(200, &["feature", "list"]).expect(0);
    let counts: Vec<&str> =
        ran.out.lines().skip(1).filter_map(|row| row.split_whitespace().nth(3)).collect();
    assert_eq!(counts, ["3", "3", "4"], "{}", ran.out);
    assert_eq!(
        ran.err,
        "without 1 site in conflict: inventory/sites.yml:7:31: no published version of contact-form satisfies everybody: acme.example; the whole story: fleetctl lock --check\n"
    );
    let json = stage.run(&["feature", "list", "-o", "json"]).expect(0).json();
    assert_eq!(json["sites_unknown"].as_array().unwrap().len(), 1);
    assert_eq!(json["features"][0]["state"], "published");
}

#[test]
fn lists_say_what_they_leave_out_and_what_their_marks_mean() {
    let stage = stage();
    for version in ["1.0.0", "1.0.1", "1.1.0"] {
        publish(&stage, "popup", version, "");
    }
    stage.run(&["lock"]).expect(0);
    let ran = stage.run_on(120, &["feature", "list"]).expect(0);
    let popup = ran.out.lines().last().unwrap();
    assert!(popup.starts_with("popup") && popup.ends_with("published"), "{popup}");
    assert_eq!(
        ran.err,
        "older versions that no site has are not shown: 3 of popup; all of one: fleetctl feature list FEATURE\n"
    );
    let json = stage.run(&["feature", "list", "-o", "json"]).expect(0).json();
    let popup = json["features"].as_array().unwrap().last().unwrap();
    assert_eq!((&popup["state"], &popup["older"]), (&"published".into(), &3.into()));
    let ran = stage.run_on(120, &["feature", "matrix"]).expect(0);
    assert!(ran.err.starts_with("a cell: the version of that feature at the row's sites; empty: "));
}
