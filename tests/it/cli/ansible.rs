//! Ansible's inventories on the command line: without a project, with patterns, and their typos.

use super::Stage;

const HOSTS: &str = "\
[web]
w[1:3].example ansible_host=192.0.2.1 ansible_user=deploy
[db]
d1.example ansible_connection=local
[eu:children]
web
db
[eu:vars]
region = eu # not a comment
smtp_password = hunter2
";

fn stage() -> Stage {
    Stage::new(&[
        ("hosts", HOSTS),
        (
            "group_vars/eu.yml",
            "enabled: yes\nmode: 0644\nfleet: { features: { popup: '^1.0' }, tags: { tier: main } }\n",
        ),
        ("host_vars/w2.example", "fleet: { features: { popup: false } }\n"),
        ("some.retry", "w1.example\n\nd1.example\n"),
    ])
}

#[test]
fn an_inventory_alone_needs_no_project() {
    let stage = stage();
    let names = |arguments: &[&str]| {
        let ran =
            stage.run(&[&["-i", "hosts", "inventory", "list", "-o", "json"], arguments].concat());
        ran.expect(0).out.trim_end().to_owned()
    };
    assert_eq!(names(&[]), r#"["w1.example","w2.example","w3.example","d1.example"]"#);
    assert_eq!(names(&["eu:!web"]), r#"["d1.example"]"#);
    assert_eq!(names(&["db,web[1:]"]), r#"["d1.example","w2.example","w3.example"]"#);
    assert_eq!(names(&["~w[12]", "d*"]), r#"["w1.example","w2.example","d1.example"]"#);
    assert_eq!(names(&["eu", "--limit", "@some.retry"]), r#"["w1.example","d1.example"]"#);
    assert_eq!(names(&["--limit", "!web"]), r#"["d1.example"]"#);
    assert_eq!(names(&["--tag", "tier=main", "w*[0]"]), r#"["w1.example"]"#);
    assert_eq!(names(&["--feature", "popup"]), r#"["w1.example","w3.example","d1.example"]"#);
    assert_eq!(names(&["--site", "w[2:3].example"]), r#"["w2.example","w3.example"]"#);
}

#[test]
fn hosts_with_commas_are_an_inventory_of_their_own() {
    let stage = stage();
    let all = ["-i", "a.example,b.example:2222,", "inventory", "list"];
    let ran = stage.run(&all).expect(0);
    assert!(ran.out.contains("b.example:2222"), "{}", ran.out);
    let ran = stage.run(&["-i", "a.example,", "inventory", "list", "-o", "json"]).expect(0);
    assert_eq!(ran.json(), serde_json::json!(["a.example"]));
    let ran = stage.run(&["-i", "a.example,b example", "inventory", "list"]).expect(3);
    assert!(ran.err.starts_with("error: -i a.example,b example:2:3: "), "{}", ran.err);
    let ran = stage.run(&["-i", "a.example", "inventory", "list"]).expect(3);
    assert!(ran.err.contains("or hosts with commas: -i a.example,"), "{}", ran.err);
}

#[test]
fn a_site_that_cannot_be_reached_as_written_is_listed_and_told() {
    let stage = stage();
    let ran = stage.run(&["-i", "hosts", "inventory", "list", "db"]).expect(0);
    assert_eq!(
        ran.err,
        "1 of 4 sites on 2 hosts in production\nnote: hosts:4:12: d1.example: the connection `local` is not ssh\n  hint: leave the site out, as in --limit '!name'\n"
    );
    let ran = stage.run(&["-i", "hosts", "inventory", "list", "web"]).expect(0);
    assert!(!ran.err.contains("note"), "{}", ran.err);
    stage.run(&["-i", "hosts", "exec", "db", "--", "true"]).expect(3);
}

#[test]
fn an_ansible_inventory_is_exported_as_ansible_lists_it() {
    let ran = stage().run(&["inventory", "export", "--format", "ansible", "-i", "hosts"]).expect(0);
    let json = ran.json();
    assert_eq!(json["all"]["children"], serde_json::json!(["ungrouped", "eu"]));
    assert_eq!(json["eu"]["children"], serde_json::json!(["web", "db"]));
    assert_eq!(json["db"]["hosts"], serde_json::json!(["d1.example"]));
    let vars = &json["_meta"]["hostvars"]["w1.example"];
    assert_eq!(vars["region"], "eu # not a comment");
    assert_eq!((&vars["enabled"], &vars["mode"]), (&true.into(), &420.into()));
}

#[test]
fn our_own_inventory_is_exported_under_ansibles_names() {
    let stage = Stage::new(&[(
        "sites.yml",
        "groups:\n  forms: { user: deploy, vars: { a: 1, key: { from_env: API } } }\nsites:\n  a.example: { address: 192.0.2.1, port: 2222, groups: [forms] }\n  b.example:\n",
    )]);
    let json = stage.run(&["inventory", "export", "-i", "sites.yml"]).expect(0).json();
    assert_eq!(
        json["_meta"]["hostvars"]["a.example"],
        serde_json::json!({
            "ansible_host": "192.0.2.1", "ansible_port": 2222, "ansible_user": "deploy",
            "a": 1, "key": "{{ lookup('env', 'API') }}"
        })
    );
    assert_eq!(json["ungrouped"]["hosts"], serde_json::json!(["b.example"]));
}

#[test]
fn a_site_that_ansible_would_not_reach_by_ssh_blocks_only_commands_about_it() {
    let stage = stage();
    let ran = stage.run(&["-i", "hosts", "plan", "db"]).expect(3);
    assert_eq!(
        ran.err,
        "\
error: hosts:4:12: d1.example: the connection `local` is not ssh
  hint: leave the site out, as in --limit '!name'
"
    );
    let ran = stage.run(&["-i", "hosts", "inventory", "explain", "d1.example"]).expect(0);
    assert!(
        ran.out.contains("cannot be reached: the connection `local` is not ssh"),
        "{}",
        ran.out
    );
}

#[test]
fn what_holds_is_explained_with_its_place_and_secrets_are_not_shown() {
    let stage = stage();
    let ran = stage.run(&["-i", "hosts", "inventory", "explain", "w2.example", "mode"]).expect(0);
    assert!(ran.out.contains("mode: 420\n    ✓ group eu (group_vars/eu.yml:2:7)"), "{}", ran.out);
    let ran = stage.run(&["-i", "hosts", "inventory", "explain", "w2.example"]).expect(0);
    assert!(!ran.out.contains("hunter2") && ran.out.contains("smtp_password: …"), "{}", ran.out);
    assert!(ran.out.contains("popup: none: opted out"), "{}", ran.out);
}

#[test]
fn typos_in_patterns_are_told_with_what_was_meant() {
    let stage = stage();
    for (pattern, expected) in [
        ("wbe", "error: wbe: matches no site and no group\n  hint: did you mean `web`?\n"),
        (
            "eu:!w1.exmple",
            "error: !w1.exmple: matches no site and no group\n  hint: did you mean `w1.example`?\n",
        ),
        (
            "web[7]",
            "error: web[7]: there is no such one\n  hint: it counts from 0, and there are 3\n",
        ),
        (
            "web:&db",
            "error: no site is left: each word matches some, but none matches all of them\n  hint: `&`, `!` and different flags narrow each other down; commas add up\n",
        ),
        (
            "localhost",
            "error: localhost: matches no site and no group\n  hint: there is no implicit localhost: write it into the inventory\n",
        ),
        ("~(", "error: ~(: not a regular expression: unclosed group\n"),
        (
            "~w[1-",
            "error: 1-: matches no site and no group\n  hint: the brackets of `~w[1-` do not match, so it falls into several words\n",
        ),
        (
            "w[1:3].example",
            "error: w[1:3].example: a range of names is no pattern\n  hint: write --site 'w[1:3].example'\n",
        ),
        (
            "tier=main",
            "error: tier=main: matches no site and no group\n  hint: for a tag: --tag tier=main\n",
        ),
    ] {
        let ran = stage.run(&["-i", "hosts", "inventory", "list", pattern]).expect(2);
        assert_eq!(ran.err, expected, "{pattern}");
    }
}

#[test]
fn everything_wrong_in_an_ini_file_is_told_at_once() {
    let stage = Stage::new(&[(
        "hosts",
        "w1 a\nw2 b='x\n[web db]\n[eu:childen]\n[eu:children]\nwbe\n[web]\nw[1:]\nsecret password='x\n[eu]\neu\n",
    )]);
    let ran = stage.run(&["-i", "hosts", "inventory", "list"]).expect(3);
    assert_eq!(
        ran.err,
        "\
error: hosts:1:4: `a` sets no variable
  1 | w1 a
    |    ^
  hint: write name=value
error: hosts:2:6: this quote is never closed
  2 | w2 b='x
    |      ^
  hint: quote the whole value
error: hosts:3:1: `[web db]` is no section
  3 | [web db]
    | ^
  hint: write [group], [group:children] or [group:vars], without blanks
error: hosts:4:2: [eu:childen] is no kind of section
  4 | [eu:childen]
    |  ^
  hint: did you mean `children`?
error: hosts:4:2: `eu` is the name of a group and of a site
  4 | [eu:childen]
    |  ^
  hint: rename the group
error: hosts:6:1: there is no group `wbe`
  6 | wbe
    | ^
  hint: did you mean `web`?
error: hosts:8:1: `w[1:]`: the range `[1:]` has no end
  8 | w[1:]
    | ^
error: hosts:9:17: this quote is never closed
  hint: quote the whole value
8 problems
"
    );
}

#[test]
fn notes_tell_what_is_read_and_not_used() {
    let stage = Stage::new(&[
        ("hosts", "w1 ansible_ssh_pass=hunter2\n"),
        ("group_vars/nobody.yml", "a: 1\n"),
        ("group_vars/all.yml", "a: 1\n"),
        ("group_vars/all/x.yml", "a: 2\n"),
    ]);
    let ran = stage.run(&["-i", "hosts", "inventory", "list", "-o", "json"]).expect(0);
    assert_eq!(ran.out, "[\"w1\"]\n");
    for expected in [
        "note: group_vars/all.yml: not read, because of group_vars/all/x.yml\n",
        "note: group_vars/nobody.yml:1:1: variables for `nobody`, but there is no such group\n",
        "note: hosts:1:4: `ansible_ssh_pass` is not used\n  hint: keys log in",
    ] {
        assert!(ran.err.contains(expected), "{expected} is not in\n{}", ran.err);
    }
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    let quiet = stage.run(&["-i", "hosts", "inventory", "list", "-q"]).expect(0);
    assert_eq!(quiet.err, "");
}
