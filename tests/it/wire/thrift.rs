//! What a host is spared: programs that are faster where they are there, reloads of what holds
//! nothing of a release.

use fleetctl::{model::Outcome, playbook::Reload};

use super::kit::{Bench, Run, noise, texts, wanted};

/// More than is hashed by the slower program.
fn large(version: u64) -> Vec<(String, Vec<u8>)> {
    (0..9).map(|n| (format!("public/part-{n}"), noise(n + version * 100, 500_000))).collect()
}

#[tokio::test]
async fn a_large_release_is_verified_with_fast_programs_and_without_them() {
    for variant in ["", "missing:openssl", "missing:zstd", "missing:cmp"] {
        let bench = Bench::start(variant);
        bench.site("a");
        let deploy = async |version: u64, expected| {
            let release = wanted("a", &large(version), &["_features"]);
            Run::new(bench.dial(None), &release).go().await.expect(expected);
            bench.assert_whole("a");
        };
        deploy(1, Outcome::Changed).await;
        deploy(1, Outcome::Unchanged).await;
        // One byte, and nothing else of the file.
        let spoil = "printf x | dd of=/srv/a/current/public/part-3 bs=1 seek=70000 conv=notrunc \
                     status=none";
        bench.sh(&format!("{spoil} && touch -d @0 /srv/a/current/public/part-3"));
        let release = wanted("a", &large(1), &["_features"]);
        Run::new(bench.dial(None), &release).go().await.expect(Outcome::Changed);
        bench.sh("cd /srv/a/releases && rm -rf 1-*");
        bench.assert_whole("a");
        deploy(2, Outcome::Changed).await;
    }
}

#[tokio::test]
async fn a_zstd_that_does_not_work_is_done_without() {
    let bench = Bench::start("");
    bench.site("a");
    let deploy = async |version: &str| {
        let release = wanted("a", &texts(&[("public/x.js", version)]), &["_features"]);
        Run::new(bench.dial(None), &release).go().await.expect(Outcome::Changed);
        bench.assert_whole("a");
    };
    // From the first deploy on, and where it breaks later.
    let spoil = "rm -f /usr/bin/zstd; printf '#!/bin/sh\nexit 127\n' >/usr/bin/zstd; \
                 chmod 755 /usr/bin/zstd";
    bench.sh(spoil);
    deploy("1").await;
    deploy("2").await;
}

#[tokio::test]
async fn php_is_reloaded_for_releases_that_hold_php_and_for_no_others() {
    let bench = Bench::start("static=a");
    bench.site("a");
    // Workers that are no more are those of before a reload.
    let workers = || {
        let ask = "for pid in /run/php/*.pid; do read -r master <$pid || :; \
                   cat /proc/$master/task/$master/children; done";
        bench.sh(ask)
    };
    let deploy_with = async |files: &[(&str, &str)], links: &[&str]| {
        let release = wanted("a", &texts(files), links);
        let reload = vec![Reload::PhpFpmIfAny];
        Run { reload, ..Run::new(bench.dial(None), &release) }.go().await.expect(Outcome::Changed);
    };
    let deploy = async |files: &[(&str, &str)]| deploy_with(files, &["_features"]).await;
    let before = workers();
    assert!(!before.trim().is_empty());
    deploy(&[("public/x.js", "1")]).await;
    deploy(&[("public/x.js", "2")]).await;
    assert_eq!(workers(), before, "nothing of these releases is PHP");
    deploy(&[("public/x.js", "2"), ("public/form.php", "<?php")]).await;
    let with = workers();
    assert_ne!(with, before, "what comes is PHP");
    deploy(&[("public/x.js", "3")]).await;
    let without = workers();
    assert_ne!(without, with, "what goes was PHP");
    bench.sh("echo '<?php' >/srv/a/current/public/theirs.php");
    deploy(&[("public/x.js", "4")]).await;
    let damaged = workers();
    assert_ne!(damaged, without, "what goes was not all ours");
    deploy_with(&[("public/x.js", "5")], &["_features", "form.php"]).await;
    assert_ne!(workers(), damaged, "what comes is PHP by the name of a link to it");
}
