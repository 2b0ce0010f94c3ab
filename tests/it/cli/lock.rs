//! `lock` and the feature verbs that read it: whole screens and exit codes, from the first
//! version to a conflict, with a registry that is filled on the way.

use super::{Ran, Stage, run_in};

/// A project of five sites in three groups. Nothing is published yet.
fn stage() -> Stage {
    Stage::new(&[
        (
            "fleet.yml",
            "environments:\n  production: { inventory: inventory }\n  staging: { inventory: staging.yml }\n",
        ),
        (
            "inventory/sites.yml",
            "\
groups:
  wordpress: { platform: wordpress, docroot: \"/var/www/x\" }
  forms: { features: { contact-form: \"^2.1\" } }
  promo: { features: { popup: \"*\" } }
sites:
  acme.example: { groups: [wordpress, forms] }
  \"shop[01:03].example\": { groups: [wordpress, forms, promo] }
  globex.example: { groups: [wordpress] }
",
        ),
        (
            "staging.yml",
            "sites: { test.example: { platform: static, features: { popup: \"*\" } } }\n",
        ),
    ])
}

/// Publishes a version; `more` are further lines of its definition.
pub(super) fn publish(stage: &Stage, name: &str, version: &str, more: &str) {
    let others = if more.contains("platforms:") { "" } else { ", static: ~, react: ~" };
    let mount = format!("mount: {{ wordpress: ~{others} }}");
    stage.write(
        &format!("features/{name}/feature.yml"),
        &format!("name: {name}\nversion: {version}\n{mount}\n{more}"),
    );
    stage.write(&format!("features/{name}/files/common/public/{name}.js"), "export {};\n");
    stage.run(&["feature", "publish", name]).expect(0);
}

fn filled() -> Stage {
    let stage = stage();
    publish(&stage, "contact-form", "2.1.4", "");
    publish(&stage, "popup", "1.0.2", "");
    stage
}

#[test]
fn a_fleet_is_locked_moved_and_left_alone() {
    let stage = filled();
    let ran = stage.run(&["lock"]).expect(0);
    assert_eq!(
        ran.out,
        "\
+ contact-form 2.1.4  4 sites  acme.example, shop[01:03].example
+ popup 1.0.2         3 sites  shop[01:03].example
fleet.lock written: 4 sites in 2 requirement sets
"
    );
    let first = stage.read("fleet.lock");
    // A newer version moves nobody who did not ask.
    publish(&stage, "contact-form", "2.2.0", "");
    let ran = stage.run(&["lock"]).expect(0);
    assert_eq!(ran.out, "fleet.lock is up to date, nothing moves: 4 sites in 2 requirement sets\n");
    stage.run(&["lock", "--check"]).expect(0);
    assert_eq!(stage.read("fleet.lock"), first);
    let ran = stage.run(&["lock", "--update", "contact-form", "--check"]).expect(10);
    assert_eq!(
        ran.out,
        "\
~ contact-form 2.1.4 → 2.2.0  4 sites  acme.example, shop[01:03].example
fleet.lock would change: 4 sites in 2 requirement sets
"
    );
    assert_eq!(stage.read("fleet.lock"), first);
    stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(stage.read("fleet.lock").contains("contact-form: 2.2.0"));
    let ran = stage.run(&["lock", "--update", "contact-form@2.1.4"]).expect(0);
    assert!(ran.out.starts_with("~ contact-form 2.2.0 → 2.1.4 (older)  4 sites"), "{}", ran.out);
    assert_eq!(stage.read("fleet.lock"), first);
    let ran = stage.run(&["lock", "--update"]).expect(0);
    assert!(ran.out.starts_with("~ contact-form 2.1.4 → 2.2.0  4 sites"), "{}", ran.out);
    // Sites of a known kind change nothing for others.
    stage.replace("inventory/sites.yml", "shop[01:03]", "shop[01:05]");
    let ran = stage.run(&["lock"]).expect(0);
    assert_eq!(
        ran.out,
        "\
+ contact-form 2.2.0  2 sites  shop04.example, shop05.example
    group forms wants ^2.1, inventory/sites.yml:3:24
+ popup 1.0.2         2 sites  shop04.example, shop05.example
    group promo wants any version, inventory/sites.yml:4:24
fleet.lock written: 6 sites in 2 requirement sets
"
    );
    let ran = stage.run(&["lock"]).expect(0);
    assert_eq!(ran.out, "fleet.lock is up to date, nothing moves: 6 sites in 2 requirement sets\n");
}

#[test]
fn who_keeps_what_was_yanked_is_told() {
    let stage = filled();
    stage.run(&["lock"]).expect(0);
    stage.run(&["feature", "yank", "contact-form", "2.1.4", "--reason", "loses mail"]).expect(0);
    let ran = stage.run(&["lock", "--check"]).expect(0);
    let said = "note: contact-form 2.1.4 was yanked (loses mail), and acme.example, shop[01:03].example (4) have it; no other published version will do; publish a newer one\n";
    assert_eq!(ran.err, said);
    publish(&stage, "contact-form", "2.1.5", "");
    let ran = stage.run(&["lock", "--check"]).expect(0);
    let way = "have it; to move to 2.1.5: fleetctl lock --update contact-form\n";
    assert!(ran.err.ends_with(way), "{}", ran.err);
    // A site that comes to what others have locked gets it too, and can be moved like them.
    stage.replace("inventory/sites.yml", "shop[01:03]", "shop[01:04]");
    let ran = stage.run(&["lock", "--check"]).expect(10);
    assert!(ran.out.starts_with("+ contact-form 2.1.4  1 site  shop04.example\n"), "{}", ran.out);
    assert!(
        ran.err.contains("(4) have it, and shop04.example would get it; to move to 2.1.5: "),
        "{}",
        ran.err
    );
    stage.replace("inventory/sites.yml", "shop[01:04]", "shop[01:03]");
    stage.run(&["feature", "yank", "contact-form", "2.1.4", "--undo"]).expect(0);
    assert_eq!(stage.run(&["lock", "--check"]).expect(0).err, "");
}

#[test]
fn what_new_versions_ask_for_is_told_before_anybody_deploys() {
    let stage = filled();
    stage.run(&["lock"]).expect(0);
    let definition = "\
name: base
version: 1.0.0
mount: { wordpress: ~, static: ~, react: ~ }
vars: { base_key: { type: string, required: true, description: what it is opened with } }
";
    stage.write("features/base/feature.yml", definition);
    stage.write("features/base/files/common/public/base.js", "// base\n");
    stage.run(&["feature", "publish", "base"]).expect(0);
    let form = "features/contact-form/feature.yml";
    let text = stage.read(form);
    let line = text.lines().find(|line| line.starts_with("version: ")).unwrap().to_owned();
    stage.replace(form, &line, "version: 2.9.0\nrequires: { base: \"^1\" }");
    stage.run(&["feature", "publish", "contact-form"]).expect(0);
    let ran = stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(ran.out.contains("+ base 1.0.0"), "{}", ran.out);
    assert!(
        ran.out.starts_with("warning: before this can be deployed:")
            || ran.err.contains("before this can be deployed:"),
        "{}{}",
        ran.out,
        ran.err
    );
    let said = "base 1.0.0, which contact-form 2.9.0 requires, needs the variable `base_key` (what it is opened with; text)";
    assert!(ran.err.contains(said), "{}", ran.err);
    assert_eq!(ran.err.matches(said).count(), 1, "{}", ran.err);
}

#[test]
fn a_lock_for_programs() {
    let stage = filled();
    let json = stage.run(&["lock", "--check", "-o", "json"]).expect(10).json();
    assert_eq!((&json["changed"], &json["written"]), (&true.into(), &false.into()));
    assert_eq!(json["moves"][0]["feature"], "contact-form");
    assert_eq!(json["moves"][0]["from"], serde_json::Value::Null);
    assert_eq!(json["moves"][0]["sites"].as_array().unwrap().len(), 4);
}

#[test]
fn what_cannot_be_updated_is_told() {
    let stage = filled();
    let said = |arguments: &[&str], code| stage.run(arguments).expect(code).err;
    assert_eq!(
        said(&["lock", "--update", "contact-from"], 2),
        "error: --update contact-from: no site has it\n  hint: did you mean `contact-form`?\n"
    );
    let text = said(&["lock", "--update", "popup@1"], 2);
    assert!(text.contains("--update popup@1: `1` could mean several things"), "{text}");
    assert_eq!(
        said(&["lock", "--update", "contact-form@^3"], 3),
        "\
error: --update contact-form@^3: no published version satisfies that
  hint: published of contact-form: 2.1.4
"
    );
    publish(&stage, "contact-form", "3.0.0", "");
    assert_eq!(
        said(&["lock", "--update", "contact-form@^3"], 3),
        "\
error: no published version of contact-form satisfies everybody: acme.example, shop[01:03].example (4 sites) want
    ^2.1  through group forms, inventory/sites.yml:3:24
    ^3    by `lock --update contact-form@^3`
  hint: change what is asked for, or update to a version that it allows; published of contact-form: 2.1.4, 3.0.0
"
    );
    assert!(!stage.path("fleet.lock").exists());
}

#[test]
fn each_environment_has_its_lock() {
    let stage = filled();
    let ran = stage.run(&["lock", "--env", "staging"]).expect(0);
    assert_eq!(
        ran.out,
        "+ popup 1.0.2  1 site  test.example\nfleet.staging.lock written: 1 site in 1 requirement set\n"
    );
    assert!(!stage.path("fleet.lock").exists());
    assert!(stage.read("fleet.staging.lock").contains("\"*\": [the site itself]"));
}

#[test]
fn a_hold_stays_until_its_day_and_is_told_when_it_is_over() {
    let stage = filled();
    publish(&stage, "contact-form", "2.2.0", "");
    let hold = |until: &str| {
        format!("acme.example: {{ hold: {{ contact-form: {{ version: 2.1.4, until: {until} }} }},")
    };
    stage.replace("inventory/sites.yml", "acme.example: {", &hold("2999-12-31"));
    let ran = stage.run(&["lock"]).expect(0);
    assert!(ran.out.contains("+ contact-form 2.1.4   1 site  acme.example\n"), "{}", ran.out);
    assert!(
        ran.out.contains("+ contact-form 2.2.0  3 sites  shop[01:03].example\n"),
        "{}",
        ran.out
    );
    let ran = stage.run(&["lock", "--update", "contact-form@2.2.0"]).expect(0);
    assert_eq!(
        ran.out,
        "\
= contact-form 2.1.4   1 site  acme.example
    does not move: the hold until 2999-12-31, inventory/sites.yml:6:27
= contact-form 2.2.0  3 sites  shop[01:03].example
    does not move: that is its version already
fleet.lock is up to date, nothing moves: 4 sites in 2 requirement sets
"
    );
    stage.replace("inventory/sites.yml", "2999-12-31", "2001-01-01");
    let ran = stage.run(&["lock"]).expect(0);
    assert!(
        ran.out.starts_with(
            "~ contact-form 2.1.4 → 2.2.0  1 site  acme.example\n    its hold has ended\n"
        ),
        "{}",
        ran.out
    );
    assert_eq!(
        ran.err,
        "note: inventory/sites.yml:6:27: the hold of contact-form at 2.1.4 was meant until 2001-01-01, and holds no more; remove it, or give it another day\n"
    );
    assert!(stage.read("fleet.lock").contains("over: [contact-form]"));
}

#[test]
fn a_conflict_is_told_in_words() {
    let stage = stage();
    publish(&stage, "form-core", "1.0.0", "");
    publish(&stage, "form-core", "2.0.0", "");
    publish(&stage, "contact-form", "2.1.4", "requires: { form-core: \"^2\" }\n");
    publish(&stage, "popup", "1.0.2", "requires: { form-core: \"^1\" }\n");
    let ran = stage.run(&["lock"]).expect(3);
    assert_eq!(ran.out, "");
    assert_eq!(
        ran.err,
        "\
error: inventory/sites.yml:4:24: shop[01:03].example (3 sites) want what does not go together:
    contact-form ^2.1  through group forms, inventory/sites.yml:3:24
    popup *            through group promo, inventory/sites.yml:4:24
    contact-form 2.1.4, the only one that would do, needs form-core ^2
    popup 1.0.2, the only one that would do, needs form-core ^1
    published of form-core: 1.0.0, 2.0.0
  hint: change one of these requirements, publish a version of one that goes with the others, or opt out of popup: `features: { popup: false }` at each of these sites, or in a group of theirs
"
    );
    publish(&stage, "popup", "1.1.0", "requires: { form-core: \"*\" }\n");
    let ran = stage.run(&["lock"]).expect(0);
    assert!(ran.out.contains("+ form-core 2.0.0     4 sites"), "{}", ran.out);
    let ran = stage.run(&["feature", "why", "shop01.example", "form-core"]).expect(0);
    assert_eq!(
        ran.out,
        "\
shop01.example has form-core 2.0.0
  popup 1.1.0 needs any version
  contact-form 2.1.4 needs ^2
  it is the newest version that is published
"
    );
}

#[test]
fn only_what_is_locked_is_deployed_where_that_is_wanted() {
    let stage = filled();
    let ci = |value: &str, arguments: &[&str]| -> Ran {
        run_in(&stage.path(""), &[("CI".to_owned(), value.to_owned())], arguments)
    };
    let never = "\
error: there is no fleet.lock, and only what is locked may be deployed
  hint: write it with `fleetctl lock` and commit it; or take the newest versions that fit with --no-locked
";
    assert_eq!(stage.run(&["plan", "--locked"]).expect(3).err, never);
    assert_eq!(ci("true", &["deploy", "--yes"]).expect(3).err, never);
    stage.run(&["lock"]).expect(0);
    stage.replace(
        "inventory/sites.yml",
        "globex.example: { groups: [wordpress]",
        "globex.example: { groups: [wordpress, promo]",
    );
    let behind = "\
error: inventory/sites.yml:4:24: fleet.lock does not have what globex.example asks for:
    popup *  group promo, inventory/sites.yml:4:24
    for the platform wordpress
  hint: run `fleetctl lock`, look at what it changes, and commit fleet.lock
";
    assert_eq!(stage.run(&["plan", "--locked"]).expect(3).err, behind);
    assert_eq!(ci("1", &["plan"]).expect(3).err, behind);
    assert_eq!(
        stage.run(&["lock", "--check"]).expect(10).out,
        "\
+ popup 1.0.2  1 site  globex.example
    group promo wants any version, inventory/sites.yml:4:24
fleet.lock would change: 5 sites in 3 requirement sets
"
    );
    let ran = stage.run(&["feature", "resolve", "globex.example"]).expect(0);
    assert_eq!(
        ran.out,
        "globex.example  wordpress\n  popup 1.0.2\n    group promo wants any version, inventory/sites.yml:4:24\n"
    );
    assert_eq!(
        ran.err,
        "warning: fleet.lock is behind: globex.example asks for what is new, or has changed since; run: fleetctl lock\nfrom fleet.lock where it has an answer, else what the next `fleetctl lock` would choose\n"
    );
    // Nobody listens at these addresses: what matters is that it goes as far as to them.
    for ran in [
        ci("false", &["plan", "--site", "globex.example", "--timeout", "1s"]),
        ci("true", &["plan", "--no-locked", "--site", "globex.example", "--timeout", "1s"]),
    ] {
        assert!(ran.err.contains("warning: fleet.lock is behind"), "{ran:?}");
        assert!(![0, 2, 3].contains(&ran.code), "{ran:?}");
    }
}

#[test]
fn a_replaced_version_is_refused() {
    let stage = filled();
    stage.run(&["lock"]).expect(0);
    let locked = stage.read("fleet.lock");
    let line = locked.lines().find(|line| line.contains("1.0.2: sha256:")).unwrap();
    let digest = line.split("sha256:").nth(1).unwrap();
    stage.replace("fleet.lock", digest, &"0".repeat(64));
    let ran = stage.run(&["validate"]).expect(3);
    assert!(
        ran.err.contains(
            "error: popup 1.0.2 in the registry is not the one of fleet.lock\n    fleet.lock: 000"
        ),
        "{}",
        ran.err
    );
    stage.write("fleet.lock", "lock: 1\nfeatures: {}\nsets:\n  - want: {}\n");
    let ran = stage.run(&["plan"]).expect(3);
    assert!(ran.err.contains("error: fleet.lock:4:5: `wants` is missing"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `wants`?"), "{}", ran.err);
}

#[test]
fn each_site_s_features_are_resolved_for_people_and_programs() {
    let stage = filled();
    stage.run(&["lock"]).expect(0);
    let ran = stage.run(&["feature", "resolve"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example  wordpress
  contact-form 2.1.4
    group forms wants ^2.1, inventory/sites.yml:3:24

shop[01:03].example (3)  wordpress
  contact-form 2.1.4
    group forms wants ^2.1, inventory/sites.yml:3:24
  popup 1.0.2
    group promo wants any version, inventory/sites.yml:4:24
"
    );
    assert_eq!(ran.err, "from fleet.lock\n1 site without features\n");
    let json =
        stage.run(&["feature", "resolve", "--feature", "popup", "-o", "json"]).expect(0).json();
    let sites = json["sites"].as_array().unwrap();
    assert_eq!((sites.len(), &json["lock"]), (3, &"fleet.lock".into()));
    assert_eq!(sites[0]["site"], "shop01.example");
    let popup = &sites[0]["features"][1];
    assert_eq!((&popup["feature"], &popup["version"]), (&"popup".into(), &"1.0.2".into()));
    assert_eq!(popup["because"][0]["name"], "promo");
    assert_eq!(popup["because"][0]["requirement"], "*");
}

#[test]
fn why_matrix_outdated_and_yank() {
    let stage = filled();
    stage.run(&["lock"]).expect(0);
    publish(&stage, "contact-form", "2.2.0", "");
    publish(&stage, "contact-form", "2.3.0", "platforms: [wordpress]\n");
    publish(&stage, "contact-form", "3.0.0", "");
    stage.run(&["feature", "yank", "contact-form", "2.3.0", "--reason", "it loses mail"]).expect(0);
    let ran = stage.run(&["feature", "why", "acme.example", "contact-form"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example has contact-form 2.1.4
  group forms wants ^2.1, inventory/sites.yml:3:24
why no newer one:
  3.0.0  group forms wants ^2.1, inventory/sites.yml:3:24
  2.3.0  yanked: it loses mail
  2.2.0  fleet.lock; to move it: fleetctl lock --update contact-form
"
    );
    let ran = stage.run(&["feature", "why", "acme.example", "popup"]).expect(0);
    assert_eq!(
        ran.out,
        "\
acme.example does not have popup
  none of its groups wants it, nor does it itself
  group promo (inventory/sites.yml:4:24) wants it, and the site is not in it
"
    );
    let ran = stage.run(&["feature", "why", "acme.example", "popop"]).expect(2);
    assert_eq!(ran.err, "error: there is no feature `popop`\n  hint: did you mean `popup`?\n");
    let ran = stage.run_on(80, &["feature", "matrix"]).expect(0);
    assert_eq!(
        ran.out,
        "\
WANTED BY  SITES  CONTACT-FORM  POPUP
forms      4      2.1.4
promo      3                    1.0.2
"
    );
    let ran = stage.run_on(80, &["feature", "outdated"]).expect(10);
    assert_eq!(
        ran.out,
        "\
FEATURE       HAS    FITS   NEWEST  SITES  NEXT
contact-form  2.1.4  2.2.0  3.0.0   4      fleetctl lock --update contact-form
"
    );
    stage.run(&["lock", "--update"]).expect(0);
    let ran = stage.run(&["feature", "outdated"]).expect(0);
    assert!(ran.out.contains("requirements allow no newer one"), "{}", ran.out);
    let ran = stage.run(&["feature", "list"]).expect(0);
    let rows: Vec<Vec<&str>> =
        ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows[1][1], rows[1][3]), ("3.0.0", "0"), "{}", ran.out);
    assert_eq!((rows[2][0], rows[2][1], rows[2][3]), ("contact-form", "2.2.0", "4"), "{}", ran.out);
    let undo = ["feature", "yank", "contact-form", "2.3.0", "--undo"];
    assert_eq!(stage.run(&undo).expect(0).out, "+ contact-form 2.3.0  may be chosen again\n");
    assert_eq!(stage.run(&undo).expect(0).out, "= contact-form 2.3.0  was not yanked\n");
    let ran = stage.run(&["feature", "yank", "contact-form", "2.3.0"]).expect(2);
    assert!(ran.err.contains("--reason <TEXT>"), "{}", ran.err);
    stage.run(&["lock", "--update", "contact-form"]).expect(0);
    assert!(stage.read("fleet.lock").contains("contact-form: 2.3.0"));
}

#[test]
fn a_new_lock_neither_takes_over_nor_gives_up_what_was_locked() {
    let stage = filled();
    stage.run(&["lock"]).expect(0);
    let locked = stage.read("fleet.lock");
    // Somebody has put other content in the place of a published version.
    std::fs::remove_dir_all(stage.path("registry/contact-form/2.1.4")).unwrap();
    publish(&stage, "contact-form", "2.1.4", "description: other\n");
    let replaced = stage.run(&["lock"]).expect(3);
    assert!(
        replaced.err.contains("contact-form 2.1.4 in the registry is not the one of fleet.lock")
    );
    // It is not there at all: older ones would fit, and nobody has said so.
    publish(&stage, "contact-form", "2.1.0", "");
    std::fs::remove_dir_all(stage.path("registry/contact-form/2.1.4")).unwrap();
    let gone = stage.run(&["lock"]).expect(3);
    assert_eq!(
        gone.err,
        "\
error: contact-form 2.1.4 is in fleet.lock, and not in the registry
  hint: restore it; or move its sites on purpose: fleetctl lock --update contact-form
"
    );
    assert_eq!(stage.read("fleet.lock"), locked);
    stage.run(&["lock", "--update", "contact-form"]).expect(0);
    // Another inventory has sites of its own, and the lock is for the project's.
    let locked = stage.read("fleet.lock");
    let other = stage.run(&["lock", "-i", "staging.yml"]).expect(2);
    assert!(other.err.contains("-i names another inventory than the project's"), "{}", other.err);
    assert_eq!(stage.read("fleet.lock"), locked);
}

#[test]
fn what_is_published_is_called_like_its_directory() {
    let stage = filled();
    stage.replace("features/popup/feature.yml", "name: popup", "name: pop-up");
    let ran = stage.run(&["feature", "publish", "popup"]).expect(3);
    assert!(ran.err.contains("`name` is pop-up, and the directory says popup"), "{}", ran.err);
}

#[test]
fn an_empty_target_is_never_everything() {
    let stage = filled();
    for empty in ["", " ", ",", ":"] {
        for words in [vec!["inventory", "list", empty], vec!["deploy", "--limit", empty]] {
            let ran = stage.run(&words).expect(2);
            assert!(ran.err.contains("is empty") && ran.err.contains("unset?"), "{}", ran.err);
        }
    }
}
