//! What a person gets for a typo: where, what, and what was probably meant.

use super::Stage;

/// The whole of standard error of a command that must end with this code.
fn said(stage: &Stage, code: i32, arguments: &[&str]) -> String {
    stage.run(arguments).expect(code).err
}

#[test]
fn a_typo_in_a_target_is_exit_code_2() {
    let stage = Stage::initialised();
    for (arguments, expected) in [
        (
            ["inventory", "list", "--group", "webistes"],
            "error: --group webistes: no such group\n  hint: did you mean `websites`?\n",
        ),
        (
            ["inventory", "list", "--site", "www.exmaple.com"],
            "error: --site www.exmaple.com: no such site\n  hint: did you mean `www.example.com`?\n",
        ),
        (
            ["inventory", "list", "--feature", "helo"],
            "error: --feature helo: no site has it\n  hint: did you mean `hello`?\n",
        ),
        (
            ["inventory", "list", "--tag", "teir=canary"],
            "error: --tag teir=canary: no site has the tag `teir`\n  hint: did you mean `tier`?\n",
        ),
        (
            ["inventory", "list", "--group", "www.example.com"],
            "error: --group www.example.com: no such group\n  hint: that is a site: use --site\n",
        ),
        (
            ["inventory", "list", "--env", "stagin"],
            "error: there is no environment `stagin` in fleet.yml\n  hint: there is production\n",
        ),
    ] {
        assert_eq!(said(&stage, 2, &arguments), expected);
    }
    let ran = said(&stage, 2, &["deplyo"]);
    assert!(ran.contains("similar subcommand exists: 'deploy'"), "{ran}");
    let ran = said(&stage, 2, &["deploy", "--grop", "x"]);
    assert!(ran.contains("--group"), "{ran}");
}

#[test]
fn typos_in_files_are_all_told_at_once_with_their_lines() {
    let stage = Stage::initialised();
    stage.replace("inventory/sites.yml", "address: 192", "adress: 192");
    stage.replace("inventory/sites.yml", "platform: static", "platform: sttaic");
    stage.replace("features/hello/feature.yml", "type: string", "type: strng");
    stage.replace("playbooks/deploy.yml", "on_abort: rollback_batch", "on_abort: rollback_bach");
    assert_eq!(
        said(&stage, 3, &["validate"]),
        "\
error: features/hello/feature.yml:8:21: expected `string`, `integer`, `number`, `boolean`, `url`, `email`, `list` or `enum`, found `strng`
  8 |   greeting: { type: strng, default: \"Hello\", description: \"what is said\" }
    |                     ^
  hint: did you mean `string`?
error: inventory/sites.yml:5:15: there is no platform `sttaic`: did you mean `static`?
  5 |     platform: sttaic
    |               ^
error: inventory/sites.yml:12:5: unknown key `adress` in a site
  12 |     adress: 192.0.2.10
     |     ^
  hint: did you mean `address`?
error: playbooks/deploy.yml:8:15: expected `keep`, `rollback_failed`, `rollback_batch` or `rollback_all`, found `rollback_bach`
  8 |     on_abort: rollback_bach
    |               ^
  hint: did you mean `rollback_batch`?
4 problems
"
    );
}

#[test]
fn a_typo_in_a_variable_is_found_before_any_connection() {
    let stage = Stage::initialised();
    stage.replace("features/hello/feature.yml", "default: \"Hello\"", "required: true");
    stage.run(&["feature", "publish", "hello"]).expect(0);
    stage.replace("inventory/sites.yml", "greeting:", "greting:");
    let expected = "\
error: inventory/sites.yml:6:17: hello 1.0.0 needs the variable `greeting` (what is said; text) — www.example.com
  hint: there is `greting`: did you mean `greeting`?
";
    assert_eq!(said(&stage, 3, &["validate"]), expected);
    assert_eq!(said(&stage, 3, &["deploy", "--yes"]), expected);
    assert_eq!(said(&stage, 3, &["audit"]), expected);
}

#[test]
fn a_typo_in_a_playbook_says_where() {
    let stage = Stage::initialised();
    stage.run(&["feature", "publish", "hello"]).expect(0);
    stage.replace("playbooks/deploy.yml", "hosts: all", "hosts: webistes");
    let said = said(&stage, 3, &["validate"]);
    assert!(
        said.starts_with(
            "error: playbooks/deploy.yml:4:10: hosts: webistes: matches no site and no group"
        ),
        "{said}"
    );
    assert!(said.contains("did you mean `websites`?"), "{said}");
}

#[test]
fn a_feature_that_is_not_there_is_named_with_its_neighbours() {
    let stage = Stage::initialised();
    assert_eq!(
        said(&stage, 3, &["feature", "publish", "helo"]),
        "error: `helo` is no feature of this project and no directory\n  hint: did you mean `hello`?\n"
    );
    let said = said(&stage, 3, &["deploy", "--yes"]);
    assert!(said.contains("hello") && said.contains("publish"), "{said}");
}

#[test]
fn outside_of_a_project_one_is_told_so() {
    let stage = Stage::new(&[]);
    assert_eq!(
        said(&stage, 2, &["validate"]),
        "error: there is no fleet.yml here or in a directory above\n  hint: name the project with --project, or make one with `fleetctl init`\n"
    );
}

#[test]
fn programs_and_github_get_the_same_problems_in_their_own_form() {
    let stage = Stage::initialised();
    stage.replace("inventory/sites.yml", "address: 192", "adress: 192");
    let ran = stage.run(&["validate", "-o", "json"]).expect(3);
    let json = ran.json();
    assert_eq!(json["failure"]["code"], 3);
    assert_eq!(json["failure"]["problems"][0]["file"], "inventory/sites.yml");
    assert_eq!(json["failure"]["problems"][0]["hint"], "did you mean `address`?");
    let ran = stage.run(&["validate", "-o", "github"]).expect(3);
    let wanted = "::error file=inventory/sites.yml,line=12,col=5::unknown key `adress`";
    assert!(ran.err.contains(wanted), "{}", ran.err);
}

#[test]
fn on_a_narrow_screen_the_place_stays_in_view() {
    let stage = Stage::initialised();
    stage.replace(
        "inventory/sites.yml",
        "    groups: [websites]",
        "    groups: [websites, another-group-with-a-long-name, yet-another-one, websits]",
    );
    let ran = stage.run_on(40, &["validate"]).expect(3);
    ran.assert_within(44);
    assert!(ran.err.contains("did you mean `websites`?"), "{}", ran.err);
}

#[test]
fn variables_of_the_command_line_are_checked_like_those_of_files() {
    let stage = Stage::initialised();
    stage.run(&["feature", "publish", "hello"]).expect(0);
    let said_of = |extra: &str| said(&stage, 2, &["plan", "-e", extra]);
    assert!(said_of("greeting").contains("write `-e name=value` or `-e @file.yml`"));
    assert!(said_of("@missing.yml").contains("-e @missing.yml: No such file"));
    stage.write("more.yml", "greeting: [a\n");
    assert!(said_of("@more.yml").contains("more.yml:"));
    stage.write("more.yml", "greeting: 7\n");
    let said = said(&stage, 3, &["plan", "-e", "@more.yml"]);
    assert!(
        said.contains("more.yml:1:11: hello 1.0.0 expects `greeting` to be text, found"),
        "{said}"
    );
}

#[test]
fn what_may_be_a_slip_is_noted_and_stops_nothing() {
    let stage = Stage::initialised();
    stage.run(&["feature", "publish", "hello"]).expect(0);
    stage.write("inventory/host_vars/www.example.com.yml", "greetnig: Welcome\n");
    stage.replace("playbooks/deploy.yml", "on_abort:", "canary: { teir: canary }\n    on_abort:");
    let ran = stage.run(&["validate"]).expect(0);
    assert!(ran.out.starts_with("no errors, 2 notes: 1 site in 1 environment"), "{}", ran.out);
    for said in [
        "note: inventory/host_vars/www.example.com.yml:1:11: no feature reads `greetnig` — www.example.com\n  hint: did you mean `greeting` of hello 1.0.0?\n",
        "no site is the canary `teir: canary` of the play: nothing goes first\n  hint: did you mean `tier`?\n",
    ] {
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let ran = stage.run(&["inventory", "explain", "www.example.com", "greetnig"]).expect(0);
    assert!(ran.out.contains("· no feature of this site declares it"), "{}", ran.out);
    let notes = &stage.run(&["validate", "-o", "json"]).expect(0).json()["notes"];
    assert_eq!(notes.as_array().unwrap().len(), 2, "{notes}");
}

#[test]
fn a_mistyped_feature_is_an_error_long_before_it_is_published() {
    let stage = Stage::initialised();
    stage.replace("inventory/sites.yml", "hello:", "helo:");
    let text = said(&stage, 3, &["validate"]);
    assert!(text.contains("the feature `helo` was never published"), "{text}");
    stage.run(&["feature", "publish", "hello"]).expect(0);
    let text = said(&stage, 3, &["validate"]);
    assert!(text.contains("hint: did you mean `hello`?"), "{text}");
}

#[test]
fn what_requires_something_that_is_not_there_is_not_published() {
    let stage = Stage::initialised();
    let version = "version: 1.0.0";
    let with = |more: &str| format!("{version}\n{more}");
    stage.replace("features/hello/feature.yml", version, &with("requires: { helo: \"^1\" }"));
    let text = said(&stage, 3, &["feature", "publish", "hello"]);
    assert_eq!(
        text,
        "error: hello 1.0.0 requires `helo`, and there is no such feature\n  hint: did you mean `hello`?\n"
    );
    assert!(!stage.path("registry/hello").exists());
    stage.run(&["new", "feature", "base"]).expect(0);
    stage.replace(
        "features/hello/feature.yml",
        "requires: { helo: \"^1\" }",
        "requires: { base: \"^9\" }",
    );
    stage.run(&["feature", "publish", "base"]).expect(0);
    let text = said(&stage, 3, &["feature", "publish", "hello"]);
    assert!(
        text.contains("hello 1.0.0 requires base ^9, and no published version will do"),
        "{text}"
    );
    stage.replace("features/hello/feature.yml", "base: \"^9\"", "base: \">=0.1\"");
    stage.run(&["feature", "publish", "hello"]).expect(0);
}

#[test]
fn a_name_that_is_not_there_leads_to_those_that_are() {
    let stage = Stage::initialised();
    stage.run(&["feature", "publish", "hello"]).expect(0);
    stage.run(&["new", "feature", "contact-form"]).expect(0);
    for (arguments, expected) in [
        (vec!["inventory", "explain", "www.example"], "did you mean `www.example.com`?"),
        (vec!["inventory", "explain", "shop"], "all that there are: fleetctl inventory list"),
        (vec!["feature", "list", "contat"], "did you mean `contact-form`?"),
        (vec!["feature", "list", "gallery"], "all that there are: fleetctl feature list"),
        (vec!["feature", "why", "www.example", "hello"], "did you mean `www.example.com`?"),
        (vec!["lock", "--update", "gallery"], "sites have hello"),
        (
            vec!["inventory", "explain", "www.example.com", "nothing"],
            "all that holds for it: fleetctl inventory explain www.example.com",
        ),
        (vec!["inventory", "explain", "www.example.com", "greting"], "did you mean `greeting`?"),
    ] {
        let text = said(&stage, 2, &arguments);
        assert!(text.contains(&format!("\n  hint: {expected}")), "{arguments:?}\n{text}");
    }
}

#[test]
fn a_canary_of_nobody_is_not_offered_its_own_word() {
    let stage = Stage::initialised();
    stage.run(&["feature", "publish", "hello"]).expect(0);
    let canary = |tags: &str| {
        stage.replace(
            "playbooks/deploy.yml",
            "on_abort:",
            &format!("canary: {{ {tags} }}\n    on_abort:"),
        );
        let text = stage.run(&["validate"]).expect(0).err;
        let canary = format!("canary: {{ {tags} }}\n    on_abort:");
        stage.replace("playbooks/deploy.yml", &canary, "on_abort:");
        text
    };
    // Another site has the same slip in its key: the word that was meant is another one.
    stage.replace(
        "inventory/sites.yml",
        "tags: { tier: canary",
        "tags: { teir: normal, tier: canary",
    );
    let text = canary("teir: canary");
    assert!(text.contains("hint: did you mean `tier`?"), "{text}");
    let text = canary("teir: normal, tier: canry");
    assert!(text.contains("hint: did you mean `canary`?"), "{text}");
}
