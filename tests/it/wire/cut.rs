//! The wire breaks: at every 4 KiB of an upload, and at every message of a deploy and of an undo.
//! Whatever the run itself made of it, one ordinary run later the site is whole.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use fleetctl::{event::OnAbort, model::Outcome, release::Wanted};

use super::kit::{Bench, Ran, Run, gate, noise, texts, wanted};
use crate::support::proxy::{Cut, Proxy, Wire};

/// Does `work` for each number below `count`, several at a time, each on a runtime of its own.
fn each<F: Future<Output = ()>>(count: u64, work: impl Fn(u64) -> F + Sync) {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.unwrap();
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count {
                        return;
                    }
                    runtime.block_on(work(number));
                }
            });
        }
    });
}

fn proxy(bench: &Bench, cut: Cut, for_good: bool) -> Proxy {
    let proxy = Proxy::to_address(bench.address()).cut(cut);
    if for_good { proxy.for_good() } else { proxy }
}

/// What a run through a broken wire may end as. A wire that is broken once and then works is
/// borne, unless it broke before the host had let us in.
fn assert_honest(ran: &Ran, wire: &Wire, for_good: bool, expected: Outcome, what: &str) {
    let outcome = ran.outcome();
    let never_in = ran.decision.is_none() && outcome == Outcome::Unreachable;
    if !wire.has_cut() || (!for_good && !never_in) {
        assert_eq!(outcome, expected, "{what}: {}", ran.why);
    }
    assert!(!matches!(outcome, Outcome::Unchanged | Outcome::Skipped), "{what}: {outcome:?}");
}

#[test]
fn an_upload_cut_at_every_4_kib_leaves_one_whole_release_or_the_other() {
    let bench = Bench::start("");
    bench.site("base");
    let release = |site: &str, version: u64| {
        let mut files = texts(&[("public/x.js", "same")]);
        if version > 0 {
            files.extend((0..16).map(|n| (format!("public/big-{n}"), noise(n, 1 << 16))));
        }
        wanted(site, &files, &[])
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let whole = runtime.block_on(async {
        let first = Run::new(bench.dial(None), &release("base", 0));
        first.go().await.expect(Outcome::Changed);
        bench.sh("cp -a /srv/base /srv/sound");
        let wire = Proxy::to_address(bench.address()).start().await;
        let second = Run::new(bench.dial(Some(wire.port())), &release("sound", 1));
        second.go().await.expect(Outcome::Changed);
        wire.up()
    });
    assert!(whole > 1 << 20);
    each(whole / 4096, |step| {
        let (bench, name) = (&bench, format!("s{step}"));
        let wanted = release(&name, 1);
        async move {
            bench.sh(&format!("cp -a /srv/base /srv/{name}"));
            // Every other wire stays dead, and the run with it.
            let for_good = step % 2 == 0;
            let wire = proxy(bench, Cut::AfterUp(step * 4096 + step % 7), for_good).start().await;
            let broken = Run::new(bench.dial(Some(wire.port())), &wanted).go().await;
            assert_honest(&broken, &wire, for_good, Outcome::Changed, &name);
            // A run that went well leaves nothing to mend, unless its line is gone for good: then
            // the lock may be left, and its own lease or the next run gives it back.
            if for_good || broken.outcome() != Outcome::Changed {
                let mended = Run::new(bench.dial(None), &wanted).go().await;
                assert!(
                    matches!(mended.outcome(), Outcome::Changed | Outcome::Unchanged),
                    "{name}: {}",
                    mended.why
                );
            }
            let current = bench.assert_whole(&name);
            assert!(!current.starts_with("releases/1-"), "{name}: {current}");
            let first = bench.read(&format!("/srv/{name}/.fleetctl/journal"));
            let first = first.lines().next().unwrap().split('\t').nth(1).unwrap();
            assert!(bench.path(&format!("/srv/{name}/releases/{first}/public/x.js")).exists());
            bench.sh(&format!("rm -rf /srv/{name}"));
        }
    });
}

/// A deploy that has everything: links, an adopted file, commands, a reload, a gate.
fn eventful(bench: &Bench, port: Option<u16>, wanted: &Wanted, sick: bool) -> Run {
    Run {
        before: vec!["test -d public".to_owned()],
        after: vec!["true".to_owned()],
        reload: vec![fleetctl::playbook::Reload::Command("date >>/run/reloaded".to_owned())],
        gates: vec![gate(if sick { "false" } else { "true" })],
        on_abort: OnAbort::RollbackAll,
        retry_rejected: true,
        ..Run::new(bench.dial(port), wanted)
    }
}

/// Cuts at each burst of a deploy from version 1 to 2, before it and before its answer, for good
/// and once; then an ordinary run of version 1 or 2.
fn every_message(sick: bool) {
    let bench = Bench::start("");
    let release = |site: &str, version: &str| {
        let files = [("public/x.js", version), ("public/y.js", "same")];
        let links: &[&str] =
            if version == "1" { &["_features"] } else { &["_features", "old", "made/below"] };
        wanted(site, &texts(&files), links)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bursts = runtime.block_on(async {
        bench.site("sound");
        bench.sh("echo was here >/var/www/sound/old");
        Run::new(bench.dial(None), &release("sound", "1")).go().await.expect(Outcome::Changed);
        let wire = Proxy::to_address(bench.address()).start().await;
        let expected = if sick { Outcome::RolledBack } else { Outcome::Changed };
        eventful(&bench, Some(wire.port()), &release("sound", "2"), sick)
            .go()
            .await
            .expect(expected);
        wire.round_trips()
    });
    // Channels are opened and closed beside the steps, so the count wavers: go past its end.
    each((bursts + 4) * 4, |number| {
        let (bench, name) = (&bench, format!("s{number}"));
        async move {
            let (burst, for_good) = (number / 4 + 1, number % 2 == 0);
            let cut =
                if number % 4 < 2 { Cut::BeforeBurst(burst) } else { Cut::BeforeAnswer(burst) };
            let what = format!("{name}: {cut:?}, for good: {for_good}");
            bench.site(&name);
            bench.sh(&format!("echo was here >/var/www/{name}/old"));
            let (one, two) = (release(&name, "1"), release(&name, "2"));
            Run::new(bench.dial(None), &one).go().await.expect(Outcome::Changed);
            let wire = proxy(bench, cut, for_good).start().await;
            let broken = eventful(bench, Some(wire.port()), &two, sick).go().await;
            let expected = if sick { Outcome::RolledBack } else { Outcome::Changed };
            assert_honest(&broken, &wire, for_good, expected, &what);
            // Back to the good version after a sick one, on to the new one otherwise.
            if for_good || broken.outcome() != expected {
                let mend = eventful(bench, None, if sick { &one } else { &two }, false);
                let mended = mend.go().await;
                assert!(
                    matches!(mended.outcome(), Outcome::Changed | Outcome::Unchanged),
                    "{what}: {}",
                    mended.why
                );
            }
            bench.assert_whole(&name);
            let journal = bench.read(&format!("/srv/{name}/.fleetctl/journal"));
            // What the links lead to, seen from inside the host.
            let (look, expected) = if sick {
                ("cat _features/x.js old; ls -d made/below 2>&-", "1was here\n")
            } else {
                ("cat _features/x.js old/x.js made/below/x.js; ls -A", "222_features\nmade\nold\n")
            };
            let seen = bench.sh(&format!("cd /var/www/{name}; {look}; true"));
            assert_eq!(seen, expected, "{what}\n{journal}\n{}", broken.why);
            let first = journal.lines().next().unwrap().split('\t').nth(1).unwrap();
            assert!(bench.path(&format!("/srv/{name}/releases/{first}/public/x.js")).exists());
        }
    });
}

#[test]
fn a_deploy_cut_at_every_message_is_finished_by_one_ordinary_run() {
    every_message(false);
}

#[test]
fn an_undo_cut_at_every_message_is_finished_by_one_ordinary_run() {
    every_message(true);
}
