//! A host whose sshd stands still in the middle of a command: it is given up in time, asked again,
//! and delays nobody.

use std::collections::BTreeMap;

use super::{
    contention::wait_for,
    project::{Member, Project, finish},
    sight::assert_confirmed,
    sixty::lab,
};

const SITES: [&str; 4] = ["z5", "z6", "z7", "z8"];

/// Stops the process that serves the connection on which the script of `/tmp/z-begun` runs, and
/// no other: hosts are shared with other tests.
const STOP: &str = "read -r p </tmp/z-begun; \
    while p=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$p/status); do \
    case $(cat /proc/$p/comm) in sshd*) kill -STOP $p; echo $p; exit;; esac; done";

#[test]
fn an_sshd_that_stands_still_is_left_for_another_connection_and_delays_nobody() {
    let project = Project::new(&SITES.map(|site| Member::new(site, &["forms"])));
    project.with_release("before: ['echo $$ >/tmp/z-begun; sleep 2']");
    let arguments = ["deploy", "--yes", "-o", "json"];
    let child = project.start(&arguments);
    wait_for(SITES[3], "/tmp/z-begun");
    let host = &lab().site(SITES[3]).0.name;
    let stopped = lab().exec(host, STOP);
    let ran = finish(&arguments, child);
    lab().exec(host, &format!("kill -CONT {stopped} 2>&-; true"));
    let ran = ran.expect(0);
    let mut released: BTreeMap<String, u64> = BTreeMap::new();
    let mut begun = 0;
    for line in ran.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let at = event["at"].as_u64().unwrap();
        match event["event"].as_str().unwrap() {
            "batch_started" => begun = at,
            "site_released" => {
                assert_eq!(event["result"], "confirmed", "{ran}");
                released.insert(event["site"].as_str().unwrap().to_owned(), at - begun);
            }
            _ => {}
        }
    }
    println!("released after so many milliseconds: {released:?}");
    for site in SITES {
        assert_confirmed(site);
        let after = released[site];
        let is_stalled = site == SITES[3];
        assert_eq!(after > 10_000, is_stalled, "{site}: {released:?}");
        assert!(after < 25_000, "{site}: {released:?}");
    }
}
