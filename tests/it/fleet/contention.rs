//! Two controllers at once, and a person who changes their mind.

use std::{
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use super::{
    project::{Member, Project, finish},
    sight::{Standing, assert_confirmed, assert_settled, form_at, standing},
    sixty::lab,
};

pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Waits until a file is on the host of `site`.
pub fn wait_for(site: &str, file: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    let host = &lab().site(site).0.name;
    while !lab().try_exec(host, &format!("test -e {file}")).status.success() {
        assert!(Instant::now() < patience, "{file} never came to {site}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn of_two_controllers_one_gives_way_and_takes_nothing() {
    let mut first = Project::new(&["t1", "t2"].map(|site| Member::new(site, &["forms"])));
    first.set("USER", "anna");
    first.with_release("before: ['touch /tmp/t-begun; sleep 3']");
    let mut second = first.clone_elsewhere();
    second.set("USER", "ben");
    second.sites(&["t1", "t2", "t3"].map(|site| Member::new(site, &["forms"])));
    let arguments = ["deploy", "--yes"];
    let at_work = first.start(&arguments);
    wait_for("t1", "/tmp/t-begun");
    let refused = second.run(&arguments).expect(9);
    refused.says("anna").says("fleetctl deploy --yes").says("host-lock");
    assert_eq!(assert_settled("t3").current, "", "no lock, no partial, no release is left at t3");
    finish(&arguments, at_work).expect(0).says("2 changed");
    for site in ["t1", "t2"] {
        assert_confirmed(site);
    }
    second.with_release_removed();
    second.run(&arguments).expect(0).says("2 unchanged, 1 changed");
    assert_confirmed("t3");

    interrupted_once_it_finishes_what_it_began(&second);
    interrupted_twice_it_leaves_at_once(&second);
}

fn interrupted_once_it_finishes_what_it_began(project: &Project) {
    for (name, code, version) in [("INT", 130, "2.1.5"), ("TERM", 143, "2.1.6")] {
        project.feature("contact-form", version, |_| {});
        project.publish("contact-form");
        project.playbook("    batches: [1]\n");
        project.with_release(&format!("before: ['touch /tmp/t-{name}; sleep 2']"));
        let before = ["t2", "t3"].map(standing);
        let child = project.start(&["deploy", "--yes"]);
        wait_for("t1", &format!("/tmp/t-{name}"));
        signal(&child, name);
        let ran = finish(&["deploy", "--yes"], child).expect(code);
        ran.says("1 changed").says("2 not_started").says("once more to leave now");
        assert_eq!(form_at("t1").as_deref(), Some(version));
        assert_confirmed("t1");
        for (site, before) in ["t2", "t3"].iter().zip(before) {
            assert_eq!(strip(assert_confirmed(site)), strip(before), "{site} was not begun");
        }
        project.playbook("");
        project.run(&["deploy", "--yes"]).expect(0).says("1 unchanged, 2 changed");
    }
}

fn interrupted_twice_it_leaves_at_once(project: &Project) {
    project.feature("contact-form", "2.1.7", |_| {});
    project.publish("contact-form");
    project.playbook("    batches: [1, 100%]\n");
    project.with_release("before: ['touch /tmp/t-twice; sleep 8']");
    let child = project.start(&["deploy", "--yes"]);
    wait_for("t1", "/tmp/t-twice");
    signal(&child, "INT");
    thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    signal(&child, "INT");
    let ran = finish(&["deploy", "--yes"], child).expect(130);
    assert!(asked.elapsed() < Duration::from_secs(3), "it took {:?}: {ran}", asked.elapsed());
    project.playbook("");
    project.run(&["deploy", "--yes"]).expect(0);
    for site in ["t1", "t2", "t3"] {
        assert_confirmed(site);
        assert_eq!(form_at(site).as_deref(), Some("2.1.7"), "{site}");
    }
}

/// The same, but for the releases' directory: what was staged for a site may be pruned later.
fn strip(standing: Standing) -> Standing {
    Standing { releases: Vec::new(), ..standing }
}
