//! Advice on the screens is tried by carrying it out: what they say that a command brings is what
//! it brings.

use super::{Stage, lock::publish};

const SITES: &str = "inventory/sites.yml";

/// A project with these groups and sites.
fn stage(sites: &str) -> Stage {
    let all = "all: { url: \"https://{{ site }}\", docroot: \"/var/www/{{ site }}\", platform: wordpress }";
    Stage::new(&[
        (
            "fleet.yml",
            "environments:\n  production: { inventory: inventory }\n  staging: { inventory: staging.yml }\n",
        ),
        (SITES, &format!("groups:\n  {all}\n{sites}")),
        (
            "staging.yml",
            &format!(
                "groups: {{ {all} }}\nsites: {{ test.example: {{ features: {{ form: \"*\" }} }} }}\n"
            ),
        ),
    ])
}

fn forms(stage: &Stage, versions: &[&str]) {
    for version in versions {
        publish(stage, "form", version, "");
    }
}

fn yank(stage: &Stage, version: &str) {
    stage.run(&["feature", "yank", version, "--reason", "loses mail"]).expect(0);
}

fn screen(stage: &Stage, arguments: &[&str]) -> String {
    let ran = stage.run_on(160, arguments);
    ran.out.clone() + &ran.err
}

#[track_caller]
fn says(stage: &Stage, arguments: &[&str], expected: &str) {
    let found = screen(stage, arguments);
    assert!(found.contains(expected), "{}:\n{found}", arguments.join(" "));
}

#[track_caller]
fn says_not(stage: &Stage, arguments: &[&str], unexpected: &str) {
    let found = screen(stage, arguments);
    assert!(!found.contains(unexpected), "{}:\n{found}", arguments.join(" "));
}

#[test]
fn sites_that_hold_the_same_until_other_days_move_each_in_its_time() {
    let stage = stage(
        "  forms: { features: { form: \"^2.1\" } }
sites:
  a.example:
    groups: [forms]
    hold: { form: { version: 2.1.4, until: 2998-01-31 } }
  b.example:
    groups: [forms]
    hold: { form: { version: 2.1.4, until: 2999-01-31 } }
",
    );
    forms(&stage, &["2.1.4", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    for file in [SITES, "fleet.lock"] {
        stage.replace(file, "2998-01-31", "2001-01-31");
    }
    says(&stage, &["feature", "why", "a.example", "form"], "the next `fleetctl lock` brings 2.2.0");
    says_not(&stage, &["feature", "why", "b.example", "form"], "brings");
    says(&stage, &["lock"], "~ form 2.1.4 → 2.2.0  1 site  a.example\n    its hold has ended\n");
    says(&stage, &["feature", "why", "b.example", "form"], "b.example has form 2.1.4\n");
    stage.run(&["lock", "--check"]).expect(0);
}

#[test]
fn a_hold_that_has_ended_is_in_nobodys_way_before_it_is_locked_either() {
    let stage = stage("sites:\n  a.example: { features: { form: \"^2.1\" } }\n");
    forms(&stage, &["2.1.4", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    for version in ["2.1.4", "2.1.9", "1.0.0"] {
        let hold = format!("hold: {{ form: {{ version: {version}, until: 2001-01-31 }} }}, ");
        stage.replace(SITES, "a.example: { ", &format!("a.example: {{ {hold}"));
        let why = ["feature", "why", "a.example", "form"];
        says(&stage, &why, "a.example has form 2.2.0\n");
        says(&stage, &why, "the hold ended on 2001-01-31");
        let explain = ["inventory", "explain", "a.example", "form"];
        says(&stage, &explain, "form: ^2.1 → 2.2.0 (locked)");
        says(&stage, &["feature", "list", "form"], "2.2.0    ");
        stage.run(&["feature", "outdated"]).expect(0);
        says(
            &stage,
            &["lock", "--check"],
            "stays, though what is asked changed: its hold has ended",
        );
        stage.replace(SITES, &hold, "");
    }
}

#[test]
fn what_a_site_gets_does_not_depend_on_who_is_asked_about() {
    let stage = stage("sites:\n  a.example: { features: { form: \"^2.1\" } }\n");
    forms(&stage, &["2.1.0", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    yank(&stage, "form@2.2.0");
    // Another asks for the same new words, and may not have what was yanked.
    stage.replace(
        SITES,
        "a.example: { features: { form: \"^2.1\" } }\n",
        "a.example: { features: { form: \"^2\" } }\n  b.example: { features: { form: \"^2\" } }\n",
    );
    says(&stage, &["feature", "resolve", "a.example"], "form 2.1.0\n");
    says(&stage, &["feature", "resolve"], "form 2.1.0\n");
    let why = "a.example has form 2.2.0, and would get 2.1.0\n";
    says(&stage, &["feature", "why", "a.example", "form"], why);
    says(&stage, &["lock"], "~ form 2.2.0 → 2.1.0 (older)  1 site  a.example\n");
}

#[test]
fn advice_is_for_the_environment_that_was_asked_about() {
    let stage = stage("sites:\n  a.example: { features: { form: \"*\" } }\n");
    forms(&stage, &["1.0.0"]);
    stage.run(&["lock"]).expect(0);
    stage.run(&["lock", "--env", "staging"]).expect(0);
    forms(&stage, &["1.1.0"]);
    let advice = "fleetctl lock --update form --env staging\n";
    says(&stage, &["feature", "why", "test.example", "form", "--env", "staging"], advice);
    says(&stage, &["feature", "outdated", "--env", "staging"], advice);
    says(&stage, &["feature", "outdated"], "fleetctl lock --update form\n");
    let production = stage.read("fleet.lock");
    stage.run(&["lock", "--update", "form", "--env", "staging"]).expect(0);
    assert_eq!(stage.read("fleet.lock"), production);
    yank(&stage, "form@1.1.0");
    let way = "to move to 1.0.0, which is older: fleetctl lock --update form --env staging\n";
    says(&stage, &["validate"], way);
    stage.replace("staging.yml", "form: \"*\"", "form: \"^1\"");
    let behind = "fleet.staging.lock is behind";
    says(&stage, &["feature", "resolve", "--env", "staging"], behind);
    says(&stage, &["feature", "resolve", "--env", "staging"], "run: fleetctl lock --env staging\n");
    says(&stage, &["validate"], "see what would change: fleetctl lock --check --env staging\n");
}

#[test]
fn a_version_that_only_another_command_brings_is_told_with_that_command() {
    let stage = stage(
        "sites:\n  a.example: { features: { form: \"^2\" } }\n  old.example: { features: { form: \"^1\" } }\n",
    );
    forms(&stage, &["1.0.0", "2.0.0"]);
    stage.run(&["lock"]).expect(0);
    forms(&stage, &["2.1.0", "2.2.0"]);
    let rows = "
  2.2.0  fleet.lock; to move it: fleetctl lock --update form
  2.1.0  fleet.lock; other sites are in the way of moving it: fleetctl lock --check --update form@2.1.0
";
    says(&stage, &["feature", "why", "a.example", "form"], rows);
    stage.run(&["lock", "--check", "--update", "form@2.1.0"]).expect(3);
    says(
        &stage,
        &["lock", "--check", "--update", "form"],
        "~ form 2.0.0 → 2.2.0  1 site  a.example",
    );
}

#[test]
fn what_others_need_moves_with_them_and_the_advice_knows() {
    let stage = stage("sites:\n  a.example: { features: { left: \"*\", right: \"*\" } }\n");
    publish(&stage, "core", "1.1.0", "");
    for name in ["left", "right"] {
        publish(&stage, name, "1.0.0", "requires: { core: \"^1\" }\n");
    }
    stage.run(&["lock"]).expect(0);
    publish(&stage, "core", "2.0.0", "");
    for name in ["left", "right"] {
        publish(&stage, name, "1.1.0", "requires: { core: \"^2\" }\n");
    }
    let found = screen(&stage, &["feature", "why", "a.example", "core"]);
    let (_, advice) = found.split_once("to move it: fleetctl ").expect("advice");
    let (command, _) =
        advice.split_once(" (with it: left 1.0.0 → 1.1.0, right 1.0.0 → 1.1.0)").unwrap();
    let words: Vec<&str> = command.split(' ').collect();
    says(&stage, &words, "~ core 1.1.0 → 2.0.0   1 site  a.example\n");
}

#[test]
fn what_goes_back_with_a_yanked_version_is_told_before() {
    let stage = stage("sites:\n  a.example: { features: { app: \"^1\", base: \"*\" } }\n");
    publish(&stage, "base", "1.0.0", "");
    publish(&stage, "base", "2.0.0", "");
    publish(&stage, "app", "1.0.0", "requires: { base: \"*\" }\n");
    publish(&stage, "app", "1.1.0", "requires: { base: \"^2\" }\n");
    stage.run(&["lock"]).expect(0);
    yank(&stage, "base@2.0.0");
    let way = "to move to 1.0.0, which is older: fleetctl lock --update base (with it app back to 1.0.0)\n";
    says(&stage, &["feature", "why", "a.example", "base"], way);
    says(&stage, &["lock", "--check"], way);
    let row = "to an older one: fleetctl lock --update base (with it app back to 1.0.0)\n";
    says(&stage, &["feature", "outdated"], row);
    let told = "~ app 1.1.0 → 1.0.0 (older)   1 site  a.example\n    app 1.1.0 needs base ^2, and that is 1.0.0 now\n~ base";
    says(&stage, &["lock", "--update", "base"], told);
}

#[test]
fn a_yanked_version_under_a_hold_that_has_ended_goes_with_the_next_lock() {
    let stage = stage(
        "sites:\n  a.example:\n    features: { form: \"^2.1\" }\n    hold: { form: { version: 2.1.4, until: 2999-01-31 } }\n",
    );
    forms(&stage, &["2.1.4", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    yank(&stage, "form@2.1.4");
    let why = ["feature", "why", "a.example", "form"];
    says(&stage, &why, "it is held there: to move, lift the hold\n");
    for file in [SITES, "fleet.lock"] {
        stage.replace(file, "2999-01-31", "2001-01-31");
    }
    says(&stage, &why, "(loses mail); the next `fleetctl lock` brings 2.2.0\n");
    says_not(&stage, &why, "lift the hold");
    says(&stage, &["validate"], "a.example has it; the next `fleetctl lock` brings 2.2.0\n");
}

#[test]
fn what_the_next_lock_takes_away_is_told() {
    let stage = stage(
        "  promo: { features: { popup: \"*\" } }
sites:
  a.example:
    features: { app: \"^1\" }
    hold: { app: { version: 1.0.0, until: 2999-01-31 } }
  b.example: { groups: [promo] }
",
    );
    publish(&stage, "base", "1.0.0", "");
    publish(&stage, "app", "1.0.0", "requires: { base: \"^1\" }\n");
    publish(&stage, "popup", "1.0.0", "");
    stage.run(&["lock"]).expect(0);
    publish(&stage, "app", "1.1.0", "");
    for file in [SITES, "fleet.lock"] {
        stage.replace(file, "2999-01-31", "2001-01-31");
    }
    let why = ["feature", "why", "a.example", "base"];
    says(
        &stage,
        &why,
        "the next `fleetctl lock` takes it away: no longer needed; before: by app\n",
    );
    let json = stage.run(&["feature", "why", "a.example", "base", "-o", "json"]).expect(0).json();
    assert!(json["next"].is_object() && json["next"]["version"].is_null(), "{json}");
    says(&stage, &["feature", "outdated"], "fleetctl lock (takes it away)\n");
    // Who left a group has until then what the lock says.
    stage.replace(SITES, "b.example: { groups: [promo] }", "b.example: {}");
    let why = ["feature", "why", "b.example", "popup"];
    says(&stage, &why, "b.example has popup 1.0.0, and would lose it\n");
    let explain = ["inventory", "explain", "b.example", "popup"];
    says(&stage, &explain, "popup: not wanted any more (the lock still has 1.0.0)\n");
    says(&stage, &["lock"], "- base 1.0.0         1 site  a.example\n");
    says(&stage, &why, "b.example does not have popup\n");
}

#[test]
fn a_hold_of_what_only_others_need_is_one() {
    let stage = stage(
        "  forms: { features: { form: \"*\" } }\nsites:\n  a.example: { groups: [forms], hold: { core: 1.0.0 } }\n",
    );
    publish(&stage, "core", "1.0.0", "");
    publish(&stage, "core", "1.1.0", "");
    publish(&stage, "form", "1.0.0", "requires: { core: \"^1\" }\n");
    says(&stage, &["lock"], "+ core 1.0.0  1 site  a.example\n");
    let told = "  core: held at 1.0.0 → 1.0.0 (locked)\n    ✓ site holds 1.0.0 (";
    says(&stage, &["inventory", "explain", "a.example", "core"], told);
    // What nothing could ever need is a slip.
    stage.replace(SITES, "hold: { core: 1.0.0 }", "hold: { nothing: 1.0.0 }");
    let ran = stage.run(&["lock"]).expect(3);
    assert!(ran.err.contains("holds `nothing`, but no group and no site wants"), "{}", ran.err);
    stage.run(&["validate"]).expect(3);
}

#[test]
fn the_hold_of_a_group_behind_that_of_a_site_is_shown() {
    let stage = stage(
        "  forms: { features: { form: \"^2\" }, hold: { form: { version: 2.0.3, reason: old theme } } }
sites:
  a.example:
    groups: [forms]
    hold: { form: { version: 2.1.4, until: 2001-01-31 } }
",
    );
    forms(&stage, &["2.0.3", "2.1.4", "2.2.0"]);
    let note = "holds no more; remove it (then group forms holds it at 2.0.3, inventory/sites.yml:3:46), or give it another day\n";
    assert!(stage.run(&["lock"]).expect(0).err.ends_with(note));
    let explain = ["inventory", "explain", "a.example", "form"];
    says(
        &stage,
        &explain,
        "    · group forms holds 2.0.3 (old theme); the stronger hold stands in its place (inventory/sites.yml:3:46)\n",
    );
}

#[test]
fn a_lock_tells_no_reason_that_is_none() {
    let stage = stage("sites:\n  a.example: { features: { form: \"^2.1\", popup: \"^1\" } }\n");
    forms(&stage, &["2.1.0", "2.2.0-rc.1"]);
    publish(&stage, "popup", "1.0.0", "requires: { form: \"^2.1\" }\n");
    stage.run(&["lock", "--update", "form@2.2.0-rc.1"]).expect(0);
    forms(&stage, &["2.2.0"]);
    // The popup bore the pre-release.
    let ran = stage.run(&["lock", "--update", "form"]).expect(0);
    assert!(
        ran.out.starts_with("~ form 2.2.0-rc.1 → 2.2.0  1 site  a.example\nfleet.lock"),
        "{}",
        ran.out
    );
}

#[test]
fn who_moves_anyway_is_not_among_those_who_do_not() {
    let stage = stage(
        "sites:\n  a.example: { features: { form: \"^2.1\" }, hold: { form: 2.1.4 } }\n  b.example: { features: { form: \"^2.1\" } }\n",
    );
    forms(&stage, &["2.1.4", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    stage.replace(SITES, ", hold: { form: 2.1.4 }", "");
    let ran = stage.run(&["lock", "--update", "form"]).expect(0);
    let row = "= form 2.2.0          1 site  b.example\n";
    assert!(
        ran.out.contains("→ 2.2.0  1 site  a.example\n") && ran.out.contains(row),
        "{}",
        ran.out
    );
}

#[test]
fn a_lock_knows_nothing_of_other_inventories() {
    let stage = stage("sites:\n  a.example: { features: { form: \"^2.1\" } }\n");
    forms(&stage, &["2.1.0"]);
    stage.run(&["lock"]).expect(0);
    let all = "all: { url: \"https://{{ site }}\", docroot: \"/var/www/{{ site }}\", platform: wordpress }";
    let text = format!(
        "groups: {{ {all} }}\nsites: {{ x.example: {{ features: {{ form: \"^2.1\" }} }} }}\n"
    );
    stage.write("other.yml", &text);
    for verb in [["validate"].as_slice(), &["feature", "resolve"], &["feature", "outdated"]] {
        let arguments: Vec<&str> = ["-i", "other.yml"].iter().chain(verb).copied().collect();
        assert!(!stage.run(&arguments).expect(0).err.contains("behind"), "{verb:?}");
    }
}

#[test]
fn what_the_registry_lost_is_told_with_a_way_that_is_one() {
    let stage = stage("sites:\n  a.example: { features: { form: \"^2\" } }\n");
    forms(&stage, &["2.1.0", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    std::fs::remove_dir_all(stage.path("registry/form/2.2.0")).unwrap();
    let way = "restore it; or move its sites on purpose: fleetctl lock --update form\n";
    says(&stage, &["lock"], way);
    says(&stage, &["validate"], "form 2.2.0 is in fleet.lock, and not in the registry");
    says(
        &stage,
        &["feature", "list"],
        "form     2.2.0                  1      gone from the registry: restore it, or",
    );
    std::fs::remove_dir_all(stage.path("registry/form")).unwrap();
    says(&stage, &["lock"], "restore it: no version of form is left\n");
    let ran = stage.run(&["validate"]).expect(3);
    assert!(
        ran.err.contains("form 2.2.0 is in fleet.lock, and not in the registry"),
        "{}",
        ran.err
    );
}

#[test]
fn what_needs_a_feature_is_told_where_an_update_would_take_the_feature_away() {
    let stage = stage(
        "  promo: { features: { popup: \"*\" } }\nsites:\n  a.example: { groups: [promo] }\n",
    );
    publish(&stage, "popup", "1.0.0", "");
    publish(&stage, "consent", "1.0.0", "");
    publish(&stage, "popup", "1.1.0", "requires: { consent: \"^1\" }\n");
    stage.run(&["lock"]).expect(0);
    publish(&stage, "consent", "2.0.0", "");
    says(
        &stage,
        &["feature", "why", "a.example", "consent"],
        "  2.0.0  popup 1.1.0 needs consent ^1\n",
    );
    let ran = stage.run(&["lock", "--check", "--update", "consent@2.0.0"]).expect(2);
    let told = "--update consent: no site would have it any more: popup 1.1.0 needs consent ^1\n";
    assert!(ran.err.contains(told), "{}", ran.err);
    // Opting out of it takes back what needs it, and the lock says why.
    stage.replace(SITES, "a.example: { ", "a.example: { features: { consent: false }, ");
    let row = "~ popup 1.1.0 → 1.0.0 (older)  1 site  a.example\n    popup 1.1.0 needs consent ^1, which is opted out of, inventory/sites.yml:5:28\n";
    says(&stage, &["lock", "--check"], row);
}

#[test]
fn what_goes_together_only_at_a_cost_fits_and_names_the_cost() {
    let stage = stage(
        "sites:\n  a.example: { features: { form: \"*\", popup: \"*\" } }\n  b.example: { features: { popup: \"*\" } }\n",
    );
    forms(&stage, &["2.1.0", "2.2.0"]);
    publish(&stage, "popup", "1.0.0", "");
    stage.run(&["lock"]).expect(0);
    publish(&stage, "popup", "1.1.0", "conflicts: { form: \"^2.2\" }\n");
    let found = screen(&stage, &["feature", "outdated"]);
    assert!(
        found
            .contains("1.1.0   1      fleetctl lock --update popup (with it form back to 2.1.0)\n"),
        "{found}"
    );
    assert!(found.contains("1.1.0   1      fleetctl lock --update popup\n"), "{found}");
    stage.run(&["lock", "--update", "popup"]).expect(0);
    let found = screen(&stage, &["feature", "outdated"]);
    assert!(!found.contains("popup         "), "{found}");
}

#[test]
fn what_one_site_says_itself_is_not_said_of_its_like() {
    let stage = stage(
        "  promo: { features: { popup: \"^1.0\" } }
sites:
  a.example: { groups: [promo], features: { popup: \"^1.0\" } }
  b.example: { groups: [promo] }
",
    );
    publish(&stage, "popup", "1.0.0", "");
    let ran = stage.run_on(160, &["feature", "matrix"]).expect(0);
    assert!(ran.out.contains("promo               2      1.0.0\n"), "{}", ran.out);
    assert!(ran.out.contains("(sites themselves)  1      1.0.0\n"), "{}", ran.out);
}

#[test]
fn who_would_get_what_was_yanked_is_not_said_to_have_it() {
    let stage = stage(
        "sites:\n  a.example: { features: { form: \"^2\" } }\n  held.example: { features: { form: \"^2\" }, hold: { form: 2.1.0 } }\n",
    );
    forms(&stage, &["2.1.0", "2.2.0"]);
    stage.run(&["lock"]).expect(0);
    yank(&stage, "form@2.2.0");
    stage.replace(SITES, ", hold: { form: 2.1.0 }", "");
    let note =
        "form 2.2.0 was yanked (loses mail), and a.example has it, and held.example would get it; ";
    says(&stage, &["lock", "--check"], note);
    says(&stage, &["feature", "outdated"], "fleetctl lock (brings 2.2.0, which was yanked)\n");
    yank(&stage, "form@2.1.0");
    let ran = stage.run(&["lock", "--update", "form@2.1.0", "--check"]).expect(3);
    assert!(
        ran.err.contains("hint: form 2.1.0 was yanked: loses mail: update to another version;"),
        "{}",
        ran.err
    );
}

#[test]
fn a_hold_at_what_was_never_published_is_refused_also_where_only_others_need_it() {
    let stage = stage("sites:\n  a.example: { features: { form: \"*\" } }\n");
    publish(&stage, "core", "1.0.0", "");
    publish(&stage, "form", "1.0.0", "requires: { core: \"^1\" }\n");
    stage.run(&["lock"]).expect(0);
    stage.replace(SITES, "a.example: { ", "a.example: { hold: { core: 1.9.0 }, ");
    let ran = stage.run(&["lock"]).expect(3);
    assert!(
        ran.err.contains("a.example is held at core 1.9.0, which was never published"),
        "{}",
        ran.err
    );
    says(&stage, &["inventory", "list", "--feature", "core"], "a.example");
    // The hint opts out of nothing that others need.
    stage.replace(
        SITES,
        "hold: { core: 1.9.0 }, features: { form: \"*\" }",
        "features: { form: \"*\", core: \"^2\" }",
    );
    publish(&stage, "core", "2.0.0", "");
    let ran = stage.run(&["lock"]).expect(3);
    assert!(
        ran.err.contains("opt out of form: `features: { form: false }` at a.example"),
        "{}",
        ran.err
    );
}

#[test]
fn a_hold_that_has_ended_is_not_called_held_where_only_an_update_moves() {
    let stage = stage(
        "sites:\n  a.example:\n    features: { form: \"^2\" }\n    hold: { form: { version: 2.2.0, until: 2999-01-31 } }\n  b.example: { features: { form: \"^2\" } }\n",
    );
    forms(&stage, &["2.2.0"]);
    stage.run(&["lock"]).expect(0);
    forms(&stage, &["2.3.0"]);
    for file in [SITES, "fleet.lock"] {
        stage.replace(file, "2999-01-31", "2001-01-31");
    }
    says(&stage, &["feature", "outdated"], "2.3.0   2      fleetctl lock --update form\n");
    stage.run(&["lock"]).expect(0);
    says(
        &stage,
        &["lock", "--update", "form"],
        "~ form 2.2.0 → 2.3.0  2 sites  a.example, b.example\n",
    );
}
