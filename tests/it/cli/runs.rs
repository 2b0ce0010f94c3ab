//! The verbs on real hosts: what people see of a deploy, from the plan to the audit after it.

use super::{Ran, Stage};
use crate::support::lab::{Lab, Spec};

/// Two hosts with a site each, and a project that knows them.
fn two() -> (Lab, Stage) {
    let spec = Spec::new().host("one", "static=one.example").host("two", "static=two.example");
    let lab = Lab::start(&spec);
    let stage = Stage::initialised();
    lab.write_project(&stage.path("."));
    let forms: &[&str] = &["one.example", "two.example"];
    stage.write("inventory/sites.yml", &lab.inventory(&[("websites", forms)]));
    stage.replace(
        "inventory/sites.yml",
        "sites:\n",
        "  websites: { features: { hello: \"^1.0\" }, vars: { greeting: Hi } }\nsites:\n",
    );
    stage.replace("inventory/sites.yml", "vars: { platform: static }", "platform: static");
    stage.run(&["feature", "publish", "hello"]).expect(0);
    (lab, stage)
}

/// The screen without what differs from run to run: names of runs and releases, times, sizes.
fn steady(ran: &Ran) -> String {
    let is_run = |word: &str| word.len() == 23 && word.get(8..9) == Some("T");
    let is_release = |word: &str| {
        word.split_once('-').is_some_and(|(seq, hex)| {
            seq.parse::<u32>().is_ok()
                && hex.len() == 12
                && hex.chars().all(|c| c.is_ascii_hexdigit())
        })
    };
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ':']);
        let end = &word[bare.len()..];
        match bare {
            _ if is_run(bare) => format!("RUN{end}"),
            _ if is_release(bare) => format!("RELEASE{end}"),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| {
        let line = line.split(" in ").next().unwrap_or(line);
        line.split(' ').map(word).collect::<Vec<_>>().join(" ")
    };
    ran.out.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_deploy_is_planned_asked_for_done_and_told() {
    let (lab, stage) = two();
    let planned = "\
one.example, two.example:
  ~ hello 1.0.0 added
  + link <docroot>/_features → <root>/current/public
  files: 2 new, 0 changed, 0 removed, 0 kept

2 sites to change, 0 as wanted";
    assert_eq!(steady(&stage.run(&["plan"]).expect(10)), planned);
    assert_eq!(steady(&stage.run(&["deploy", "--check"]).expect(10)), planned);

    // Nobody is there to be asked: nothing happens, and it says so.
    let ran = stage.run(&["deploy"]).expect(2);
    assert_eq!(
        ran.err,
        "\
deploy to 2 sites of production:
  ~ hello 1.0.0 added  on all of them
error: nothing was changed: to deploy to 2 sites somebody must agree, and there is no terminal to ask at
  hint: add --yes if you mean it
"
    );
    assert_eq!(steady(&stage.run(&["plan"]).expect(10)), planned);
    assert_eq!(stage.run(&["history"]).expect(0).out, "no runs were made from here yet\n");

    let ran = stage.run(&["deploy", "--yes", "--quiet"]).expect(0);
    let shown = steady(&ran);
    assert!(shown.ends_with("2 sites: 2 changed\n  hello  2 on 1.0.0"), "{shown}");
    assert_eq!(steady(&stage.run(&["plan"]).expect(0)), "0 sites to change, 2 as wanted");
    assert_eq!(steady(&stage.run(&["audit"]).expect(0)), "2 sites: 2 as released");

    let ran = stage.run_on(60, &["status"]).expect(0);
    ran.assert_within(60);
    assert!(ran.out.contains("one.example  hello 1.0.0  confirmed"), "{}", ran.out);
    let ran = stage.run(&["history", "one.example"]).expect(0);
    for part in ["activated", "confirmed", "tester@", "fleetctl deploy --yes --quiet"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }

    // A byte that somebody changed is found, and only there.
    lab.exec("two", "echo '// x' >> /srv/two.example/current/public/hello/hello.js");
    let ran = stage.run(&["audit"]).expect(10);
    let shown = ran.out.clone();
    assert!(shown.contains("two.example") && !shown.contains("one.example"), "{shown}");
    assert!(shown.contains("changed") && shown.contains("public/hello/hello.js"), "{shown}");
    let json = stage.run(&["audit", "-o", "json"]).expect(10).json();
    assert_eq!(json["findings"][0]["kind"], "changed");
    assert_eq!(json["findings"][0]["site"], "two.example");
}

#[test]
fn bytes_that_changed_are_found_also_where_something_newer_waits() {
    let (lab, stage) = two();
    stage.run(&["deploy", "--yes", "--quiet"]).expect(0);
    stage.replace("inventory/sites.yml", "greeting: Hi", "greeting: Good morning");
    // As many bytes as before, so that only reading them tells.
    lab.exec(
        "two",
        "f=/srv/two.example/current/public/hello/hello.js; sed -i s/Hi/Ho/ $f; touch -d @1 $f",
    );
    let findings = stage.run(&["audit", "-o", "json"]).expect(10).json()["findings"].clone();
    let changed: Vec<_> =
        findings.as_array().unwrap().iter().filter(|one| one["kind"] == "changed").collect();
    assert_eq!(changed.len(), 1, "{findings:#}");
    assert_eq!(changed[0]["site"], "two.example");
    assert_eq!(changed[0]["path"], "public/hello/hello.js");
}

#[test]
fn a_change_of_config_is_shown_as_a_diff_once() {
    let (_lab, stage) = two();
    stage.run(&["deploy", "--yes", "--quiet"]).expect(0);
    stage.replace("inventory/sites.yml", "greeting: Hi", "greeting: Good morning");
    let shown = steady(&stage.run(&["plan"]).expect(10));
    assert!(shown.contains("-console.info(\"Hi\");\n+console.info(\"Good morning\");"), "{shown}");
    assert_eq!(shown.matches("+console.info").count(), 1, "{shown}");
    assert!(shown.contains("on one.example, two.example:\n--- public/hello/hello.js"), "{shown}");

    // And back again: the release before is made current, from what the hosts know.
    stage.run(&["deploy", "--yes", "--quiet"]).expect(0);
    let ran = stage.run(&["rollback", "--site", "one.example", "--yes", "--quiet"]).expect(0);
    assert!(steady(&ran).contains("release RELEASE becomes current again"), "{}", ran.out);
    let ran = stage.run(&["status"]).expect(0);
    assert!(ran.out.contains("rolled back from "), "{}", ran.out);
    let ran = stage.run(&["audit"]).expect(10);
    assert!(ran.out.contains("rolled back") && ran.out.contains("by run "), "{}", ran.out);
    let ran = stage.run(&["plan"]).expect(4);
    assert!(ran.out.contains("--retry-rejected"), "{}", ran.out);
}

#[test]
fn a_command_runs_everywhere_and_equal_outputs_are_told_once() {
    let (_lab, stage) = two();
    let ran = stage.run(&["exec", "--quiet", "--", "echo", "a  b", "$HOME"]).expect(0);
    assert_eq!(steady(&ran), "one.example, two.example\n  a  b $HOME\n2 sites: 2 changed");
    let ran = stage.run(&["exec", "--quiet", "--shell", "--", "echo one | tr a-z A-Z"]).expect(0);
    assert!(ran.out.contains("\n  ONE\n"), "{}", ran.out);
    let ran = stage.run(&["exec", "--quiet", "--", "sh", "-c", "exit 3"]).expect(4);
    assert!(ran.out.contains("one.example, two.example  exit 3"), "{}", ran.out);
    let ran = stage.run(&["hosts", "ping"]).expect(0);
    assert!(ran.out.ends_with("2 sites: 2 answer\n"), "{}", ran.out);
    let ran = stage.run(&["hosts", "doctor"]).expect(0);
    assert_eq!(ran.out, "2 sites: 2 ready for a deploy\n");
    assert_eq!(stage.run(&["host-lock", "ls"]).expect(0).out, "no lock is held\n");
}

#[test]
fn a_host_is_trusted_only_when_a_person_says_so() {
    let (_lab, stage) = two();
    let known = stage.path("inventory/known_hosts");
    std::fs::remove_file(&known).unwrap();
    let ran = stage.run(&["status"]).expect(12);
    assert!(ran.out.contains("fleetctl hosts trust"), "{}", ran.out);
    let ran = stage.run(&["hosts", "trust", "*"]).expect(2);
    assert!(ran.out.contains("SHA256:") && ran.out.contains("new"), "{}", ran.out);
    assert!(!known.exists());
    let ran = stage.run(&["hosts", "trust", "*", "--yes"]).expect(0);
    assert!(ran.out.contains("+ inventory/known_hosts  2 keys"), "{}", ran.out);
    stage.run(&["status"]).expect(0);
    // Another key in its place is a change, and never believed.
    let text = stage.read("inventory/known_hosts");
    let keys: Vec<&str> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    let swapped =
        text.replacen(keys[0], "KEY", 1).replacen(keys[1], keys[0], 1).replacen("KEY", keys[1], 1);
    stage.write("inventory/known_hosts", &swapped);
    let ran = stage.run(&["hosts", "trust", "*", "--yes"]).expect(12);
    assert!(ran.out.contains("CHANGED: "), "{}", ran.out);
    assert_eq!(stage.read("inventory/known_hosts"), swapped);
    let ran = stage.run(&["deploy", "--yes"]);
    assert!(ran.code == 12 || ran.code == 5, "{}", ran.out);
}
