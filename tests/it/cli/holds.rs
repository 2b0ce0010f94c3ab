//! What stands in each other's way, and the words for it: holds, opt-outs, platforms, updates.

use super::{Stage, lock::publish};

/// A site that is held at a form which the new popup does not go with, and two that are free.
fn stage() -> Stage {
    let stage = Stage::new(&[
        ("fleet.yml", "environments:\n  production: { inventory: inventory }\n"),
        (
            "inventory/sites.yml",
            "\
groups:
  all: { url: \"https://{{ site }}\", docroot: \"/var/www/{{ site }}\", platform: wordpress }
  forms: { features: { contact-form: \"^2.0\" } }
  promo: { features: { popup: \"^1.0\" } }
sites:
  held.example:
    address: 203.0.113.9
    groups: [forms, promo]
    hold:
      contact-form: { version: 2.1.4, until: 2999-01-31, reason: theme draws its own form }
  \"shop[01:02].example\": { groups: [forms, promo] }
",
        ),
    ]);
    publish(&stage, "contact-form", "2.0.3", "");
    publish(&stage, "contact-form", "2.1.4", "");
    publish(&stage, "contact-form", "2.2.0", "");
    publish(&stage, "popup", "1.0.2", "");
    stage
}

#[test]
fn a_conflict_with_a_hold_names_the_hold_and_what_lifting_it_would_do() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    publish(&stage, "popup", "1.1.0", "requires: { contact-form: \"^2.2\" }\n");
    let sites = "inventory/sites.yml";
    stage.replace(sites, "popup: \"^1.0\"", "popup: \"^1.1\"");
    let ran = stage.run(&["lock"]).expect(3);
    assert_eq!(
        ran.err,
        "\
error: inventory/sites.yml:4:24: held.example wants what does not go together:
    contact-form ^2.0  through group forms, inventory/sites.yml:3:24
    popup ^1.1         through group promo, inventory/sites.yml:4:24
    popup 1.1.0, the only one that would do, needs contact-form ^2.2
    contact-form is held at 2.1.4 until 2999-01-31 (theme draws its own form), inventory/sites.yml:10:7
    published of contact-form: 2.0.3, 2.1.4, 2.2.0
  hint: lift the hold of contact-form, or hold another version: with contact-form 2.2.0 all would go together; or ask for versions that go with what is held
"
    );
    // The way out is one.
    stage.replace(sites, "version: 2.1.4", "version: 2.2.0");
    stage.run(&["lock"]).expect(0);
}

#[test]
fn what_a_hold_of_another_feature_keeps_back_is_not_called_a_requirement() {
    let stage = stage();
    publish(&stage, "popup", "1.1.0", "requires: { contact-form: \"^2.2\" }\n");
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["feature", "why", "held.example", "popup"]).expect(0);
    assert_eq!(
        ran.out,
        "\
held.example has popup 1.0.2
  group promo wants ^1.0, inventory/sites.yml:4:24
why no newer one:
  1.1.0  popup 1.1.0 needs contact-form ^2.2; contact-form is held at 2.1.4 until 2999-01-31 (theme draws its own form), inventory/sites.yml:10:7
"
    );
    let ran = stage.run_on(160, &["feature", "outdated"]).expect(0);
    assert_eq!(
        ran.out,
        "\
FEATURE       HAS    FITS   NEWEST  SITES  NEXT
contact-form  2.1.4  2.1.4  2.2.0   1      held
popup         1.0.2  1.0.2  1.1.0   1      others keep it back: fleetctl feature why held.example popup
"
    );
    let json = stage.run(&["feature", "outdated", "-o", "json"]).expect(0).json();
    assert_eq!(json["outdated"][0]["kept_by"], serde_json::Value::Null);
    assert_eq!(json["outdated"][1]["kept_by"], "other features");
}

#[test]
fn outdated_tells_requirements_platforms_and_opt_outs_apart() {
    let stage = stage();
    publish(&stage, "base", "1.0.0", "");
    stage.replace(
        "inventory/sites.yml",
        "held.example:\n",
        "held.example:\n    features: { base: false }\n",
    );
    stage.replace("inventory/sites.yml", "popup: \"^1.0\"", "popup: \"^1.0\", base: \"*\"");
    stage.run(&["lock"]).expect(0);
    let next = |stage: &Stage| {
        let json = stage.run(&["feature", "outdated", "-o", "json"]).expect(0).json();
        let rows = json["outdated"].as_array().unwrap().clone();
        let popup = rows.iter().find(|row| row["feature"] == "popup").unwrap().clone();
        (popup["kept_by"].as_str().unwrap().to_owned(), popup["sites"].as_array().unwrap().len())
    };
    publish(&stage, "popup", "2.0.0", "");
    assert_eq!(next(&stage), ("requirements".to_owned(), 3));
    stage.write("features/popup/files/static/public/s.js", "export {};\n");
    let platforms = "platforms: [static]\nmount: { static: ~ }\n";
    stage.write("features/popup/feature.yml", &format!("name: popup\nversion: 1.2.0\n{platforms}"));
    stage.run(&["feature", "publish", "popup"]).expect(0);
    assert_eq!(next(&stage), ("platform".to_owned(), 3));
    let ran = stage.run_on(160, &["feature", "outdated"]).expect(0);
    assert!(ran.out.contains("newer ones are for other platforms"), "{}", ran.out);
    publish(&stage, "popup", "1.3.0", "requires: { base: \"*\" }\n");
    let json = stage.run(&["feature", "outdated", "-o", "json"]).expect(10).json();
    let rows = json["outdated"].as_array().unwrap();
    let kept: Vec<_> = rows.iter().filter(|row| row["kept_by"] == "other features").collect();
    assert_eq!(kept.len(), 1, "{json}");
    assert_eq!(kept[0]["sites"], serde_json::json!(["held.example"]));
}

#[test]
fn an_update_to_what_was_never_published_says_so() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["lock", "--update", "contact-form@2.9.9"]).expect(3);
    assert_eq!(
        ran.err,
        "\
error: --update contact-form@2.9.9: 2.9.9 was never published
  hint: published of contact-form: 2.0.3, 2.1.4, 2.2.0
"
    );
    let ran = stage.run(&["lock", "--check", "--update", "contact-form@^3"]).expect(3);
    assert!(ran.err.contains("--update contact-form@^3: no published version satisfies that"));
    // What waits in the project is told of.
    stage.replace("features/contact-form/feature.yml", "version: 2.2.0", "version: 2.9.9");
    let ran = stage.run(&["lock", "--update", "contact-form@2.9.9"]).expect(3);
    assert_eq!(
        ran.err,
        "\
error: --update contact-form@2.9.9: 2.9.9 was never published
  hint: publish it first: fleetctl feature publish contact-form; published of contact-form: 2.0.3, 2.1.4, 2.2.0
"
    );
}

#[test]
fn an_update_of_what_no_site_has_says_what_they_have() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["lock", "--update", "nosuch"]).expect(2);
    assert_eq!(
        ran.err,
        "error: --update nosuch: no site has it\n  hint: sites have contact-form, popup\n"
    );
    // A conflict of others does not hide the slip.
    stage.replace("inventory/sites.yml", "popup: \"^1.0\"", "popup: \"^9\"");
    let ran = stage.run(&["lock", "--update", "contct-form@2.2.0"]).expect(2);
    assert_eq!(
        ran.err,
        "error: --update contct-form: no site has it\n  hint: did you mean `contact-form`?\n"
    );
    stage.replace("inventory/sites.yml", "popup: \"^9\"", "popup: \"^1.0\"");
    publish(&stage, "chat", "1.0.0", "");
    let ran = stage.run(&["lock", "--update", "chat"]).expect(2);
    assert!(ran.err.contains("it is published, and nobody wants it"), "{}", ran.err);
}

#[test]
fn a_pre_release_that_an_update_passes_over_is_not_called_missing() {
    let stage = stage();
    publish(&stage, "popup", "1.1.0-rc.1", "");
    let sites = "inventory/sites.yml";
    stage.replace(
        sites,
        "shop[01:02].example\": {",
        "shop[01:02].example\": { features: { popup: 1.1.0-rc.1 },",
    );
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["lock", "--update", "popup@1.0.2"]).expect(3);
    assert!(!ran.err.contains("nothing published satisfies"), "{}", ran.err);
    assert!(ran.err.contains("change what is asked for, or update to a version that it allows; published of popup: 1.0.2, 1.1.0-rc.1 (a pre-release)\n"), "{}", ran.err);
}

#[test]
fn a_site_is_told_that_its_versions_cannot_be_locked_while_another_is_in_conflict() {
    let stage = stage();
    stage.run(&["lock"]).expect(0);
    publish(&stage, "popup", "1.1.0", "requires: { contact-form: \"^2.2\" }\n");
    stage.replace("inventory/sites.yml", "popup: \"^1.0\"", "popup: \"^1.1\"");
    let refused = "note: `fleetctl lock` will be refused until this is mended at other sites: inventory/sites.yml:4:24: held.example wants what does not go together; the whole story: fleetctl lock --check\n";
    for arguments in [
        ["feature", "why", "shop01.example", "popup"].as_slice(),
        &["feature", "resolve", "shop01.example"],
    ] {
        let ran = stage.run(arguments).expect(0);
        assert!(ran.err.contains(refused), "{}", ran.err);
    }
    let ran = stage.run(&["feature", "why", "shop01.example", "popup"]).expect(0);
    assert!(
        ran.out.starts_with("shop01.example has popup 1.0.2, and would get 1.1.0\n"),
        "{}",
        ran.out
    );
    // Once the other is mended nothing is in the way.
    stage.replace("inventory/sites.yml", "version: 2.1.4", "version: 2.2.0");
    let ran = stage.run(&["feature", "resolve", "shop01.example"]).expect(0);
    assert!(
        ran.err.contains("fleet.lock is behind") && !ran.err.contains("refused"),
        "{}",
        ran.err
    );
}
