//! Hosts that cannot be reached: nobody hangs, everybody is counted, and the codes are right.

use std::net::TcpListener;

use super::Stage;

/// A project whose one site is at a port where nobody listens.
fn deserted() -> Stage {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let stage = Stage::initialised();
    let place = format!("address: 127.0.0.1\n    port: {port}\n    identity: key");
    stage.replace("inventory/sites.yml", "address: 192.0.2.10", &place);
    stage.run(&["feature", "publish", "hello"]).expect(0);
    stage
}

#[test]
fn every_verb_says_who_could_not_be_reached() {
    let stage = deserted();
    for arguments in [
        ["status"].as_slice(),
        &["plan"],
        &["audit"],
        &["hosts", "ping"],
        &["hosts", "doctor"],
        &["history", "www.example.com"],
        &["host-lock", "ls"],
        &["exec", "--", "true"],
        &["deploy", "--yes"],
        &["rollback", "www.example.com", "--yes"],
        &["hosts", "trust", "*", "--yes"],
    ] {
        let ran = stage.run(arguments).expect(8);
        let is_told = format!("{}{}", ran.out, ran.err).contains("refused");
        assert!(is_told || arguments[0] == "host-lock", "{arguments:?}\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn programs_are_told_as_well() {
    let stage = deserted();
    let json = stage.run(&["status", "-o", "json"]).expect(8).json();
    assert!(json["sites"][0]["state"].as_str().unwrap().contains("refused"), "{json}");
    let json = stage.run(&["plan", "-o", "json"]).expect(8).json();
    assert!(json["sites"][0]["blocked"].as_str().unwrap().contains("refused"), "{json}");
    let json = stage.run(&["audit", "-o", "json"]).expect(8).json();
    assert_eq!(json["findings"][0]["kind"], "unreachable");
    let ran = stage.run(&["exec", "-o", "json", "--", "true"]).expect(8);
    let events: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "run_started");
    assert_eq!(events.last().unwrap()["event"], "run_finished");
    assert_eq!(events.last().unwrap()["code"], 8);
}

#[test]
fn a_run_that_was_made_is_shown_again_as_it_was() {
    let stage = deserted();
    let live = stage.run(&["exec", "--", "true"]).expect(8);
    let again = stage.run(&["run", "show", "last"]).expect(0);
    assert_eq!(live.out, again.out);
    let ran = stage.run(&["history"]).expect(0);
    assert!(ran.out.contains("1 unreachable, exit 8"), "{}", ran.out);
    assert!(ran.out.contains("fleetctl exec -- true"), "{}", ran.out);
    let ran = stage.run(&["run", "show", "nonsense"]).expect(2);
    assert!(ran.err.contains("there is no run `nonsense` here"), "{}", ran.err);
}

#[test]
fn a_missing_secret_is_exit_code_13_and_names_its_place() {
    let stage = Stage::initialised();
    stage.replace(
        "features/hello/feature.yml",
        "default: \"Hello\"",
        "secret: true, required: true",
    );
    stage.run(&["feature", "publish", "hello"]).expect(0);
    let secret = "greeting: { from_env: GREETING }";
    stage.replace("inventory/sites.yml", "greeting: \"Hello from fleetctl\"", secret);
    // The template carries a secret to where everybody can read it, and that is refused first.
    let ran = stage.run(&["validate"]).expect(3);
    assert!(ran.err.contains("secret"), "{}", ran.err);
    let ran = stage.run(&["plan"]).expect(13);
    assert!(ran.err.contains("the environment variable GREETING is not set"), "{}", ran.err);
}

#[test]
fn whom_it_concerns_must_be_said_where_a_mistake_is_dear() {
    let stage = Stage::initialised();
    for (arguments, hint) in [
        (["rollback"].as_slice(), "fleetctl rollback '*'"),
        (&["hosts", "trust"], "fleetctl hosts trust '*'"),
        (&["host-lock", "break"], "fleetctl host-lock ls"),
    ] {
        let ran = stage.run(arguments).expect(2);
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
    let ran = stage.run(&["exec", "--", "echo a | cat"]).expect(2);
    assert!(ran.err.contains("add --shell"), "{}", ran.err);
}
