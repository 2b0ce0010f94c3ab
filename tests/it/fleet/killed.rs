//! The controller dies at every write of its journal. One ordinary command later all is well.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

use super::{
    project::{Member, Project, finish},
    sight::{assert_confirmed, form_at, get, standing},
};

const LANES: usize = 4;

#[test]
fn a_controller_killed_at_any_journal_write_costs_one_ordinary_command() {
    in_lanes(0, 20, |_, _| {});
}

#[test]
fn so_does_one_that_is_killed_while_it_takes_a_sick_version_back() {
    in_lanes(4, 20, |source, site| {
        let form = source.join("files/common/private/form.php");
        let text = fs::read_to_string(&form).unwrap();
        let trap = format!(
            "if (($_SERVER['SERVER_NAME'] ?? '') === '{site}') {{ http_response_code(500); exit; }}"
        );
        fs::write(&form, format!("{text}\n{trap}\n")).unwrap();
    });
}

/// Every fourth write in each lane, all lanes at once. `spoil` may make a version sick at a site.
fn in_lanes(first: usize, least: usize, spoil: impl Fn(&std::path::Path, &str) + Sync) {
    let spoil = &spoil;
    let killed: Vec<usize> = thread::scope(|scope| {
        let lane = |lane| scope.spawn(move || run_lane(first, lane, spoil));
        let lanes: Vec<_> = (0..LANES).map(lane).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let all: usize = killed.iter().sum();
    println!("killed at {all} writes of the journal");
    assert!(all >= least, "{killed:?}");
}

/// Dies at write `lane` + 1, + 5, + 9, … of a deploy, until one comes to its end.
fn run_lane(first: usize, lane: usize, spoil: impl Fn(&std::path::Path, &str)) -> usize {
    let sites = [1, 2, 3].map(|number| format!("q{}{number}", first + lane + 1));
    let project = Project::new(&sites.clone().map(|site| Member::new(&site, &["forms"])));
    project.playbook("    batches: [1, 100%]\n    on_abort: rollback_all\n");
    project.run(&["deploy", "--yes"]).expect(0);
    let mut killed = 0;
    for write in (lane + 1..).step_by(LANES) {
        project.feature("contact-form", &format!("2.1.{}", 100 + 2 * write), |source| {
            spoil(source, &sites[2]);
        });
        project.publish("contact-form");
        let died = deploy_killed_at(&project, write);
        for site in &sites {
            let found = standing(site);
            assert_eq!(found.damage, "", "{site} after write {write}: {found:?}");
            let status = get(site, "/").status;
            assert!(matches!(status, 200 | 500), "{site} after write {write}: {status}");
        }
        let good = format!("2.1.{}", 101 + 2 * write);
        if first > 0 {
            project.feature("contact-form", &good, |_| {});
            project.publish("contact-form");
        }
        let wanted = if first > 0 { good } else { format!("2.1.{}", 100 + 2 * write) };
        project.run(&["deploy", "--yes"]).expect(0);
        for site in &sites {
            let found = assert_confirmed(site);
            assert_eq!(form_at(site).as_deref(), Some(&*wanted), "{site} after write {write}");
            // The release before is still there: the way back is open.
            assert!(found.releases.len() >= 2, "{site} after write {write}: {found:?}");
        }
        if !died {
            return killed;
        }
        killed += 1;
        assert!(write < 400, "a deploy of three sites never ends");
    }
    killed
}

/// A deploy that is killed, as by the out-of-memory killer, when it makes its journal durable
/// for the nth time: the kernel does it, the program knows nothing of it.
fn deploy_killed_at(project: &Project, write: usize) -> bool {
    let mut strace = Command::new("strace");
    project.prepare(&mut strace);
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e"]);
    strace.arg(format!("inject=fdatasync:signal=SIGKILL:when={write}"));
    strace.arg(env!("CARGO_BIN_EXE_fleetctl")).args(["deploy", "--yes"]);
    let child = strace.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ran = finish(&["deploy", "--yes"], child);
    assert!(matches!(ran.code, None | Some(0 | 6)), "write {write}: {ran}");
    ran.code.is_none()
}
