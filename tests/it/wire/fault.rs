//! Hosts that fail, and people and programs that come between. The site stays whole, the claim
//! stays true, and the next ordinary run puts everything right.

use std::sync::Arc;

use fleetctl::{
    event::OnAbort,
    model::{Outcome, Secret},
    playbook::Reload,
};

use super::kit::{Bench, Run, gate, noise, texts, wanted};
use crate::support::proxy::Proxy;

fn small(version: &str) -> Vec<(String, Vec<u8>)> {
    texts(&[("public/x.js", version), ("public/deep/y.js", "same")])
}

async fn deploy(bench: &Bench, version: &str, expected: Outcome) {
    let release = wanted("a", &small(version), &["_features"]);
    Run::new(bench.dial(None), &release).go().await.expect(expected);
}

/// A run of version 2 that something comes between, and what it says; the site is then still
/// whole with version 1. After `mend`, an ordinary run brings version 2.
async fn disturbed(bench: &Arc<Bench>, script: &'static str, files: usize, mend: &str) -> String {
    let mut release = small("2");
    release.extend((0..files).map(|n| (format!("public/big-{n}"), noise(n as u64, 20_000))));
    let release = wanted("a", &release, &["_features"]);
    let there = Arc::clone(bench);
    let run = Run {
        between: Some(Box::new(move || drop(there.sh(script)))),
        ..Run::new(bench.dial(None), &release)
    };
    let ran = run.go().await.expect(Outcome::Failed);
    assert_eq!(bench.sh("cat /srv/a/current/public/x.js"), "1", "{}", ran.why);
    bench.sh(mend);
    Run::new(bench.dial(None), &release).go().await.expect(Outcome::Changed);
    bench.assert_whole("a");
    assert_eq!(bench.sh("cat /var/www/a/_features/x.js"), "2");
    ran.why
}

#[tokio::test]
async fn a_disk_that_fills_up_and_inodes_that_run_out_change_nothing() {
    for (variant, fill) in [
        ("small-disk", "dd if=/dev/zero of=/srv/filler bs=1k 2>/dev/null; true"),
        ("few-inodes", "i=0; while touch /srv/filler-$i 2>/dev/null; do i=$((i+1)); done"),
    ] {
        let bench = Arc::new(Bench::start(variant));
        bench.site("a");
        deploy(&bench, "1", Outcome::Changed).await;
        let why = disturbed(&bench, fill, 3, "rm -f /srv/filler*").await;
        assert!(why.contains("No space left"), "{why}");
        // What is known beforehand is refused beforehand.
        bench.sh(fill);
        let release = wanted("a", &small("3"), &["_features"]);
        let ran = Run::new(bench.dial(None), &release).go().await.expect(Outcome::Failed);
        assert!(ran.why.contains("are free, and"), "{}", ran.why);
        bench.assert_whole("a");
    }
}

#[tokio::test]
async fn a_file_system_that_becomes_read_only_changes_nothing() {
    let bench = Arc::new(Bench::start("small-disk"));
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    let why = disturbed(&bench, "mount -o remount,ro /srv", 1, "mount -o remount,rw /srv").await;
    assert!(why.contains("Read-only file system"), "{why}");
}

#[tokio::test]
async fn what_is_not_ours_to_replace_is_refused_before_anything_is_sent() {
    let bench = Bench::start("");
    bench.site("a");
    let refused = async |words: &str| {
        let release = wanted("a", &small("2"), &["_features"]);
        let ran = Run::new(bench.dial(None), &release).go().await.expect(Outcome::Failed);
        assert!(ran.why.contains(words), "{}", ran.why);
    };
    bench.sh("mkdir /srv/a/current && touch /srv/a/current/theirs");
    refused("current is not a symbolic link").await;
    bench.sh("rm -r /srv/a/current && mkdir /srv/v1 && ln -s ../v1 /srv/a/current");
    refused("points to ../v1, which is no release of fleetctl's").await;
    bench.sh("rm /srv/a/current");
    for (mode, words) in [("777", "everybody may write"), ("1777", "everybody may write")] {
        bench.sh(&format!("chmod {mode} /srv"));
        refused(words).await;
    }
    bench.sh("chmod 755 /srv && chown root /srv/a");
    refused("/srv/a belongs to root, not to deploy").await;
    assert_eq!(bench.sh("ls -A /srv/a /var/www/a"), "/srv/a:\n\n/var/www/a:\n");
}

#[tokio::test]
async fn what_changes_under_our_hands_is_noticed() {
    let bench = Arc::new(Bench::start(""));
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    let swap = "cd /srv/a && mv current kept && cp -r kept/. current && chown -R deploy: current";
    let mend = "cd /srv/a && rm -r current && mv kept current";
    let why = disturbed(&bench, swap, 0, mend).await;
    assert!(why.contains("not a symbolic link"), "{why}");
}

#[tokio::test]
async fn a_link_planted_in_a_release_leads_nobody_out_of_it() {
    let bench = Arc::new(Bench::start(""));
    bench.site("a");
    bench.sh("mkdir /srv/victim && echo safe >/srv/victim/y.js && chmod -R 777 /srv/victim");
    deploy(&bench, "1", Outcome::Changed).await;
    let plant = "cd /srv/a/current/public && rm -r deep && ln -s /srv/victim deep && \
                 ln -s /srv/victim/y.js x2.js && ln -sf /srv/victim/y.js x.js";
    let victim = || bench.sh("cd /srv/victim && ls -l && cat y.js");
    let before = victim();
    // Before the plan, and between the plan and its execution.
    let release = wanted("a", &small("2"), &["_features"]);
    bench.sh(plant);
    Run::new(bench.dial(None), &release).go().await.expect(Outcome::Changed);
    bench.sh("cd /srv/a/releases && rm -rf 1-*");
    bench.assert_whole("a");
    let there = Arc::clone(&bench);
    let release = wanted("a", &small("3"), &["_features"]);
    let run = Run {
        between: Some(Box::new(move || drop(there.sh(plant)))),
        ..Run::new(bench.dial(None), &release)
    };
    run.go().await.expect(Outcome::Changed);
    assert_eq!(bench.sh("cd /var/www/a/_features && cat x.js deep/y.js; ls"), "3samedeep\nx.js\n");
    assert_eq!(victim(), before);
}

#[tokio::test]
async fn a_tool_that_is_missing_is_named_before_anything_is_written() {
    for tool in ["gzip", "sha256sum", "base64"] {
        let bench = Bench::start(&format!("missing:{tool}"));
        bench.site("a");
        let release = wanted("a", &small("1"), &["_features"]);
        let ran = Run::new(bench.dial(None), &release).go().await;
        if tool == "base64" {
            // There is another way without it.
            ran.expect(Outcome::Changed);
            bench.assert_whole("a");
        } else {
            let ran = ran.expect(Outcome::Failed);
            assert!(ran.why.contains(&format!("the host lacks {tool};")), "{}", ran.why);
            assert_eq!(bench.sh("ls -A /srv/a"), "");
        }
    }
}

#[tokio::test]
async fn a_lock_that_somebody_holds_is_told_and_respected() {
    let bench = Arc::new(Bench::start(""));
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    // Somebody else is at work: the lease is alive, and its owner on another machine.
    let (one, two) = (wanted("a", &small("2"), &["_features"]), small("3"));
    let two = wanted("a", &two, &["_features"]);
    // It stays there until the other has come and gone, however slow this machine is.
    let mut until = gate("until test -e /run/go; do sleep 0.1; done");
    until.timeout = std::time::Duration::from_mins(1);
    until.deadline = until.timeout;
    let slow = Run { gates: vec![until], stranger: true, ..Run::new(bench.dial(None), &one) };
    let late = async {
        while bench.read("/srv/a/.fleetctl/lock").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let late = Run::new(bench.dial(None), &two).go().await;
        bench.sh("touch /run/go");
        late
    };
    let (slow, late) = tokio::join!(slow.go(), late);
    slow.expect(Outcome::Changed);
    let late = late.expect(Outcome::Failed);
    assert_eq!(late.summary.code, 9);
    assert!(late.why.contains("is locked by test@here"), "{}", late.why);
    bench.assert_whole("a");
    assert_eq!(bench.sh("cat /srv/a/current/public/x.js"), "2");
}

#[test]
fn of_controllers_that_come_at_once_no_two_work_at_a_site() {
    let bench = Bench::start("");
    bench.site("a");
    std::thread::scope(|scope| {
        for who in 0..3 {
            let bench = &bench;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    for round in 0..6 {
                        let release =
                            wanted("a", &small(&format!("{who}-{round}")), &["_features"]);
                        let run = Run { stranger: true, ..Run::new(bench.dial(None), &release) };
                        let ran = run.go().await;
                        let code = ran.summary.code;
                        // It worked, or somebody else was there: held, or gone on meanwhile.
                        assert!([0, 9, 11].contains(&code), "{code}: {}", ran.why);
                    }
                });
            });
        }
    });
    bench.assert_whole("a");
    // Each activation was confirmed by the same run before the next began.
    let journal = bench.read("/srv/a/.fleetctl/journal");
    let lines: Vec<&str> = journal.lines().collect();
    let run = |line: &str| line.split('\t').nth(3).unwrap().to_owned();
    for pair in lines.chunks(2) {
        assert!(pair[0].starts_with("activate") && pair[1].starts_with("confirm"), "{journal}");
        assert_eq!(run(pair[0]), run(pair[1]), "{journal}");
    }
    let seqs = lines.iter().map(|line| line.split(['\t', '-']).nth(1).unwrap().parse().unwrap());
    assert!(seqs.collect::<Vec<u64>>().is_sorted(), "{journal}");
}

#[tokio::test]
async fn a_command_longer_than_the_lease_does_not_lose_the_lock() {
    let bench = Bench::start("");
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    let release = wanted("a", &small("2"), &["_features"]);
    let run = Run {
        lease: 2,
        before: vec!["sleep 3".into()],
        after: vec!["sleep 3".into()],
        on_abort: OnAbort::RollbackAll,
        ..Run::new(bench.dial(None), &release)
    };
    run.go().await.expect(Outcome::Changed);
    bench.assert_whole("a");
}

/// A command that kills the script which runs it.
const SUICIDE: &str = "p=$$; while p=$(cut -d' ' -f4 /proc/$p/stat); do \
     case $(stat -c %U /proc/$p):$(cat /proc/$p/comm) in deploy:sh | deploy:dash) \
     kill -9 $p; exit;; esac; done";

#[tokio::test]
async fn a_script_that_is_killed_on_the_host_is_undone_and_not_called_untouched() {
    let bench = Bench::start("");
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    let release = wanted("a", &small("2"), &["_features"]);
    let run = Run {
        reload: vec![Reload::Command(format!(
            "test -e /run/killed && exit 0; touch /run/killed; {SUICIDE}"
        ))],
        ..Run::new(bench.dial(None), &release)
    };
    let ran = run.go().await;
    // Killed by a signal, there is no status: asked again, the second script finishes it.
    assert!(matches!(ran.outcome(), Outcome::Changed | Outcome::RolledBack), "{}", ran.why);
    bench.assert_whole("a");
    let there = bench.sh("cat /srv/a/current/public/x.js");
    assert_eq!(there, if ran.outcome() == Outcome::Changed { "2" } else { "1" });
}

#[tokio::test]
async fn a_reload_that_never_ends_is_undone() {
    let bench = Bench::start("");
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    let release = wanted("a", &small("2"), &["_features"]);
    let hang = "test -e /run/once && exit 0; touch /run/once; sleep 600";
    let run = Run {
        reload: vec![Reload::Command(hang.into())],
        patience: 1,
        ..Run::new(bench.dial(None), &release)
    };
    let ran = run.go().await.expect(Outcome::RolledBack);
    assert!(ran.why.contains("reload"), "{}", ran.why);
    bench.assert_whole("a");
    assert_eq!(bench.sh("cat /srv/a/current/public/x.js"), "1");
}

#[tokio::test]
async fn an_undo_that_meets_an_obstacle_still_switches_back_and_says_so() {
    let bench = Bench::start("");
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    bench.sh("echo mine >/var/www/a/old");
    let release = wanted("a", &small("2"), &["_features", "old"]);
    let meddle = "rm /var/www/a/old && echo other >/var/www/a/old && false";
    let run = Run { gates: vec![gate(meddle)], ..Run::new(bench.dial(None), &release) };
    let ran = run.go().await;
    assert_eq!(ran.outcome(), Outcome::RollbackFailed, "{}", ran.why);
    assert!(ran.why.contains("/var/www/a/old is taken"), "{}", ran.why);
    assert_eq!(bench.sh("cat /srv/a/current/public/x.js /var/www/a/old"), "1other\n");
    assert!(
        bench
            .sh("cat /srv/a/.fleetctl/undo/2-*/0 /srv/a/.fleetctl/undo/2-*/1 2>&-; true")
            .contains("mine")
    );
    bench.assert_whole("a");
}

#[tokio::test]
async fn sudo_with_a_password_serves_the_login_and_another_owner_alike() {
    let bench = Bench::start("sudo-password");
    let password = bench.lab.host("box").sudo_password.clone().unwrap();
    bench.sh(
        "mkdir -p /var/www/a /var/www/b && chown deploy: /var/www/a && chown www-data: /var/www/b",
    );
    for (site, owner) in [("a", None), ("b", Some("www-data"))] {
        let files = texts(&[("public/x.js", "1")]);
        let mut release = wanted(site, &files, &["_features"]);
        release.owner = owner.map(str::to_owned);
        let run = |release| Run {
            owner: owner.map(str::to_owned),
            password: Some(Secret::new(password.clone())),
            // Whoever reads its input must not find a password there.
            reload: vec![Reload::Command(format!("id -un >/run/{site}; cat >>/run/{site}"))],
            ..Run::new(bench.dial(None), release)
        };
        // A wrong one is tried once: hosts lock people out who try too often.
        let wrong = Run { password: Some(Secret::new("not this one".into())), ..run(&release) };
        let why = wrong.go().await.expect(Outcome::Failed).why;
        assert!(why.contains("sudo: 1 incorrect password attempt"), "{why}");
        assert!(why.contains("ssh.become_password"), "{why}");
        run(&release).go().await.expect(Outcome::Changed);
        assert_eq!(bench.read(&format!("/run/{site}")), "root\n", "{site}");
        let who = owner.unwrap_or("deploy");
        let owners = bench.sh(&format!("cd /srv/{site} && stat -c %U . current/public/x.js"));
        assert_eq!(owners, format!("{who}\n{who}\n"));
        run(&release).go().await.expect(Outcome::Unchanged);
        let mut sick = wanted(site, &texts(&[("public/x.js", "2")]), &["_features"]);
        sick.owner = owner.map(str::to_owned);
        let sick = Run { gates: vec![gate("false")], ..run(&sick) };
        sick.go().await.expect(Outcome::RolledBack);
        bench.assert_whole(site);
        assert_eq!(bench.sh(&format!("cat /var/www/{site}/_features/x.js")), "1");
    }
}

#[tokio::test]
async fn what_is_damaged_while_it_is_staged_is_sent_once_more() {
    let bench = Arc::new(Bench::start(""));
    bench.site("a");
    deploy(&bench, "1", Outcome::Changed).await;
    // The size stays, so nobody but the hash can tell; the file is one that is not sent.
    let damage = "printf evil >/srv/a/current/public/deep/y.js";
    let release = wanted("a", &small("2"), &["_features"]);
    let there = Arc::clone(&bench);
    let run = Run {
        between: Some(Box::new(move || drop(there.sh(damage)))),
        ..Run::new(bench.dial(None), &release)
    };
    run.go().await.expect(Outcome::Changed);
    assert_eq!(bench.sh("cat /srv/a/current/public/deep/y.js"), "same");
    assert_eq!(bench.sh("cat /srv/a/releases/1-*/public/deep/y.js"), "evil");
}

#[tokio::test]
async fn a_flipped_bit_on_the_way_is_noticed_wherever_it_is() {
    let bench = Bench::start("");
    bench.site("a");
    let files = |n: u64| vec![("public/big".to_owned(), noise(n, 60_000))];
    for n in 0..20 {
        let wire = Proxy::to_address(bench.address());
        let wire = match n % 5 {
            4 => wire.flip_down(3000 + n * 37),
            _ => wire.flip_up(4000 + n * 3003),
        };
        let wire = wire.start().await;
        let release = wanted("a", &files(n), &["_features"]);
        let ran = Run::new(bench.dial(Some(wire.port())), &release).go().await;
        assert_eq!(ran.outcome(), Outcome::Changed, "{n}: {}", ran.why);
        assert!(wire.connections() > 1, "{n}: nothing was flipped");
        bench.assert_whole("a");
    }
}
