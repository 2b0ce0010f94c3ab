//! The one lab of sixty hosts that all scenarios share, started by the first that asks for it.
//!
//! Host `sNN` has the site `sNN` of the main job. Scenarios have sites of their own beside it,
//! with docroots and roots of their own, so that they can run at the same time.

use std::{
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use crate::support::lab::{Lab, Spec};

/// Sites of the main job that cannot be deployed, and the word that says why.
pub const UNDEPLOYABLE: [(&str, &str); 4] =
    [("s10", "a directory"), ("s11", "a regular file"), ("s15", "shell"), ("s16", "gzip")];

/// The host whose sudo asks for a password; its own site is in no group.
pub const ASKS_FOR_PASSWORD: &str = "s17";

/// How many sites each policy of the broken deploy has, one to a host.
pub const BROKEN_SITES: usize = 8;

/// The lab, and what ends it with this process.
struct Shared {
    lab: Lab,
    _end: Child,
}

/// The lab. It outlives every test, and a process of its own takes it down when this one ends,
/// however it ends: then the pipe between them closes.
pub fn lab() -> &'static Lab {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let lab = Lab::start(&spec());
        put_in_the_way(&lab);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab");
        let end = Command::new("setsid")
            .args(["sh", "-c", "cat >/dev/null; \"$1\" down \"$2\"; rm -rf \"$2\"", "end", script])
            .arg(lab.directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process that ends the lab");
        Shared { lab, _end: end }
    });
    &shared.lab
}

/// Names of the main job's sites.
pub fn main_sites() -> Vec<String> {
    (1..=60).map(|number| format!("s{number:02}")).collect()
}

/// The platform of the main job's site number `number`.
pub const fn platform(number: usize) -> &'static str {
    match number {
        1..=30 => "wordpress",
        31..=45 => "static",
        _ => "react",
    }
}

fn spec() -> Spec {
    let mut spec = Spec::new();
    for number in 1..=60 {
        let mut variants = vec![platform(number).to_owned()];
        let quirk = match number {
            5 | 6 | 35 | 36 | 50 => "busybox",
            12 => "noisy",
            13 => "fish",
            14 => "zsh",
            15 => "nologin",
            16 => "missing:gzip",
            17 => "sudo-password",
            _ => "",
        };
        if !quirk.is_empty() {
            variants.push(quirk.to_owned());
        }
        variants.extend(beside(number).iter().map(|site| format!("wordpress={site}")));
        spec = spec.host(&format!("s{number:02}"), &variants.join(","));
    }
    spec
}

/// The sites of other scenarios that host `number` has beside its own.
fn beside(number: usize) -> Vec<String> {
    let mut sites = Vec::new();
    // Four policies of eight sites each: keep, failed, batch, all.
    for (policy, first) in [("k", 18), ("f", 26), ("b", 37), ("a", 51)] {
        if (first..first + BROKEN_SITES).contains(&number) {
            sites.push(format!("{policy}{}", number - first + 1));
        }
    }
    // Lanes of three sites each, in which controllers are killed.
    for (first, lane) in [(18, 1), (45, 5)] {
        if (first..first + 12).contains(&number) {
            let at = number - first;
            sites.push(format!("q{}{}", at / 3 + lane, at % 3 + 1));
        }
    }
    match number {
        1 => sites.extend(["m1".to_owned(), "m5".to_owned()]), // membership
        3 => sites.extend(["m3".to_owned(), "u1".to_owned()]), // and a registry in a bucket
        2 | 4 => sites.push(format!("m{number}")),
        5 => sites.extend(["r1".to_owned(), "l1".to_owned()]), // rollback, locked: on busybox
        50 => sites.push("l2".to_owned()),                     // locked, on busybox
        7 | 8 => sites.push(format!("r{}", number - 5)),
        17 => sites.push("p17".to_owned()), // its sudo asks for a password
        31..=34 => sites.push(format!("t{}", number - 30)), // two controllers, signals
        37 | 38 => sites.push(format!("l{}", number - 34)), // locked
        39..=40 => sites.push(format!("w{}", number - 38)), // words: refusals
        41..=42 => sites.push(format!("v{}", number - 40)), // controllers past their lease
        43..=46 => sites.push(format!("x{}", number - 42)), // rounds of them
        19..=22 => sites.push(format!("x{}", number - 14)),
        47..=48 => sites.push(format!("y{}", number - 46)), // secrets
        49 => sites.push("y3".to_owned()),                  // hostile words
        54..=57 => sites.push(format!("z{}", number - 53)), // beside a blackhole
        23..=26 => sites.push(format!("z{}", number - 18)), // beside a host that stands still
        _ => {}
    }
    sites
}

/// Real things in the places of links.
fn put_in_the_way(lab: &Lab) {
    lab.exec(
        "s10",
        "cd /var/www/s10/wp-content && mkdir -p mu-plugins/fleetctl-features.php &&
         echo '<?php // somebody wrote this' >mu-plugins/fleetctl-features.php/main.php &&
         chown -R deploy:www-data mu-plugins",
    );
    lab.exec(
        "s11",
        "cd /var/www/s11/wp-content && mkdir -p mu-plugins &&
         echo '<?php // somebody wrote this' >mu-plugins/fleetctl-features.php &&
         chown -R deploy:www-data mu-plugins",
    );
}
