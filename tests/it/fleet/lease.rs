//! Controllers that stand still past their lease, and others that come meanwhile.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use super::{
    contention::{signal, wait_for},
    project::{Member, Project, Ran, finish, settings},
    sight::{assert_confirmed, assert_settled, form_at, standing},
    sixty::lab,
};

const SITES: [&str; 2] = ["v1", "v2"];

/// A project whose leases are short.
fn hasty(sites: &[&str], rollout: &str) -> Project {
    let members: Vec<Member> = sites.iter().map(|site| Member::new(site, &["forms"])).collect();
    let project = Project::new(&members);
    project.write("fleet.yml", &settings("  lease: 2s\n"));
    let rollout = format!("- name: features\n  hosts: all\n  rollout:\n{rollout}");
    project.write("playbooks/deploy.yml", &rollout);
    project
}

/// The batch of v1 waits in its gate, active and not confirmed; v2 is staged and no more. Then the
/// controller stands still for longer than its lease, while `meanwhile` happens.
fn away(project: &Project, mark: &str, meanwhile: impl FnOnce()) -> Ran {
    project.write(
        "playbooks/deploy.yml",
        &format!(
            "- name: features\n  hosts: all\n  rollout:\n    batches: [1]\n    budget: {{ failed: 2 }}\n    gates:\n      \
             - {{ command: 'touch /tmp/{mark}; sleep 2', attempts: 1 }}\n"
        ),
    );
    let arguments = ["deploy", "--yes", "-e", &format!("contact_heading={mark}")];
    let child = project.start(&arguments);
    wait_for("v1", &format!("/tmp/{mark}"));
    signal(&child, "STOP");
    assert_eq!(standing("v1").last_word(), "activate");
    thread::sleep(Duration::from_secs(4));
    meanwhile();
    signal(&child, "CONT");
    finish(&arguments, child)
}

/// What each site's journal says, with the run that wrote it.
fn lines(site: &str) -> Vec<(String, String)> {
    let (host, _) = lab().site(site);
    let text = lab().exec(&host.name, &format!("cut -f1,4 /srv/{site}/.fleetctl/journal"));
    let pair = |line: &str| line.split_once('\t').map(|(a, b)| (a.to_owned(), b.to_owned()));
    text.lines().filter_map(pair).collect()
}

/// No run writes into the journal once another has; each activates at most once.
fn assert_in_turn(site: &str) {
    let lines = lines(site);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, (_, run)) in lines.iter().enumerate() {
        let before = seen.insert(run, index);
        assert!(before.is_none_or(|before| before + 1 == index), "{site}: {lines:#?}");
    }
    for run in seen.keys() {
        let activations = lines.iter().filter(|(verb, by)| verb == "activate" && by == run);
        assert!(activations.count() <= 1, "{site}: {run} of {lines:#?}");
    }
}

#[test]
fn a_controller_stopped_past_its_lease_changes_nothing_any_more_and_says_why() {
    let project = hasty(&SITES, "    batches: [100%]\n");
    project.run(&["deploy", "--yes"]).expect(0);

    // Nobody has come: what it has activated stays, unconfirmed, for the next run to judge.
    let before = SITES.map(|site| standing(site).journal);
    let ran = away(&project, "alone", || {}).expect(7);
    ran.says("our lease ended").says("1 failed, 1 rollback_failed");
    assert_eq!(standing("v1").last_word(), "activate");
    assert_eq!(standing("v1").journal.len(), before[0].len() + 1, "neither confirmed nor undone");
    assert_eq!(standing("v2").journal, before[1], "what was staged only is as it was");
    project.playbook("");
    project.run(&["deploy", "--yes"]).expect(0);
    for site in SITES {
        assert_confirmed(site);
    }

    // Somebody has come, and has deployed something else to both.
    let other = project.clone_elsewhere();
    other.feature("contact-form", "2.1.9", |_| {});
    other.publish("contact-form");
    other.playbook("");
    let mut theirs = Vec::new();
    let ran = away(&project, "late", || {
        other.run(&["deploy", "--yes"]).expect(0).says("2 changed");
        theirs.extend(SITES.map(assert_confirmed));
    });
    let ran = ran.expect(4);
    ran.says("our lease ended or was broken, and the site has gone on without us");
    ran.says("2 failed").says("left to who has taken it over").says_nothing_of("rolled back");
    for (site, theirs) in SITES.into_iter().zip(theirs) {
        let now = assert_confirmed(site);
        assert_eq!((&now.current, &now.inode), (&theirs.current, &theirs.inode), "{site}");
        assert_eq!(now.journal, theirs.journal, "{site}");
        assert_eq!(form_at(site).as_deref(), Some("2.1.9"), "{site}");
        assert_in_turn(site);
    }
}

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    /// At least `from`, less than `to`.
    fn roll(&mut self, from: u64, to: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + self.0 % (to - from)
    }
}

/// How long the rounds go on.
const ROUNDS: Duration = Duration::from_mins(1);

#[test]
fn of_two_controllers_that_are_stopped_at_any_moment_no_two_work_at_a_site() {
    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    let (mut rounds, mut past) = (0, 0);
    thread::scope(|scope| {
        let lanes = [1, 2, 3, 4, 5, 6, 7, 8].map(|lane| scope.spawn(move || run_lane(lane)));
        for lane in lanes {
            let lane = lane.join().unwrap();
            rounds += lane.rounds;
            past += lane.past;
            lane.codes.into_iter().for_each(|code| *codes.entry(code).or_default() += 1);
        }
    });
    println!("{rounds} rounds of two controllers, {past} with one stopped past its lease");
    println!("exit codes and how often: {codes:?}");
    assert!(rounds >= 24 && past >= 6, "{rounds}, {past}");
}

/// What one lane has seen.
#[derive(Default)]
struct Lane {
    rounds: usize,
    /// In how many of them somebody was stopped past the lease.
    past: usize,
    codes: Vec<i32>,
}

/// Rounds at one site.
fn run_lane(lane: u64) -> Lane {
    let site = format!("x{lane}");
    let rollout = "    batches: [100%]\n    gates:\n      - { command: 'true', attempts: 1 }\n";
    let mut first = hasty(&[&site], rollout);
    first.with_release("reload: { command: 'true' }");
    let mut second = first.clone_elsewhere();
    first.set("USER", "anna");
    second.set("USER", "ben");
    let mut dice = Dice(0x5eed_0000 + lane);
    let (mut found, mut generation) = (Lane::default(), 0);
    let begun = Instant::now();
    while begun.elapsed() < ROUNDS {
        found.rounds += 1;
        let rounds = found.rounds;
        let stop = (dice.roll(20, 1000), dice.roll(0, 3) == 0);
        let length = if stop.1 { dice.roll(2500, 4000) } else { dice.roll(50, 800) };
        found.past += usize::from(stop.1);
        let head = dice.roll(0, 600);
        let codes = thread::scope(|scope| {
            let one = scope.spawn(|| {
                let heading = format!("contact_heading=a{rounds}");
                let arguments = ["deploy", "--yes", "-e", &heading];
                let child = first.start(&arguments);
                thread::sleep(Duration::from_millis(stop.0));
                signal(&child, "STOP");
                thread::sleep(Duration::from_millis(length));
                signal(&child, "CONT");
                finish(&arguments, child)
            });
            let two = scope.spawn(|| {
                thread::sleep(Duration::from_millis(head));
                let patience = Instant::now() + Duration::from_secs(5);
                loop {
                    let ran = second.run(&[
                        "deploy",
                        "--yes",
                        "-e",
                        &format!("contact_heading=b{rounds}"),
                    ]);
                    if ran.code == Some(0) || Instant::now() > patience {
                        return ran;
                    }
                    thread::sleep(Duration::from_millis(200));
                }
            });
            [one.join().unwrap(), two.join().unwrap()]
        });
        for ran in &codes {
            assert!(matches!(ran.code, Some(0 | 5 | 7 | 9 | 11)), "{site}, round {rounds}: {ran}");
            found.codes.extend(ran.code);
        }
        assert_settled(&site);
        assert_in_turn(&site);
        let (host, _) = lab().site(&site);
        let text = lab().exec(&host.name, &format!("cat /srv/{site}/.fleetctl/generation"));
        let now: u64 = text.trim().parse().unwrap();
        assert!(now >= generation, "{site}: {now} after {generation}");
        generation = now;
    }
    first.run(&["deploy", "--yes"]).expect(0);
    assert_confirmed(&site);
    found
}
