//! Silence never means yes: programs that die over a comparison, links and names that hide what is
//! missing, and an environment that knows our variables' names.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};

use fleetctl::{
    engine::site::Desire,
    model::Outcome,
    plan::{Current, Decision, Holder, Prune, compared},
    release::{Entry, Manifest, Sources, Wanted},
};

use super::{
    bed::{Bed, MARKER, lock, shells, stream},
    kit::{Bench, Run, texts, wanted},
};

fn beds() -> impl Iterator<Item = Bed> {
    shells().into_iter().map(|name| Bed::new(name, false))
}

/// Puts a program of this text before those of the shell's company.
fn replace(bed: &mut Bed, program: &str, text: &str) {
    let place = bed.dir.path().join("fake");
    let _ = fs::create_dir(&place);
    let at = place.join(program);
    fs::write(&at, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
    bed.shell.path = format!("{}:/usr/bin", place.display());
}

#[test]
fn a_program_that_dies_over_a_comparison_calls_nothing_equal() {
    for mut bed in beds() {
        let name = bed.shell.name;
        let release = bed.release("1", &[]);
        let (one, _) = bed.stage(&release);
        bed.well(&bed.activate(&one), b"");
        bed.well(&bed.confirm(&one, None), b"");
        assert_eq!(Bed::plan(&release, &bed.see(Some(&release))), Decision::Unchanged, "{name}");
        fs::write(bed.dir.path().join("srv/current/public/x.js"), "9").unwrap();
        let programs = [
            ("uniq", "-u"),
            ("sort", "-"),
            ("find", "."),
            ("cmp", "-s"),
            ("sha256sum", "-c | ./*"),
        ];
        for (program, when) in programs {
            for end in ["cat >/dev/null; exit 1", "kill -9 $$"] {
                // What it is needed for before is done by the true one.
                let else_true = format!("*) exec /usr/bin/{program} \"$@\" ;; esac");
                replace(&mut bed, program, &format!("case $1 in {when}) ;; {else_true}\n{end}"));
                let seen = bed.see(Some(&release));
                let base = Bed::base(&seen, Some(&release)).unwrap();
                assert!(!base.deviations.is_empty(), "{name}: {program}: {end}: {seen:?}");
                assert_ne!(Bed::plan(&release, &seen), Decision::Unchanged, "{name}: {program}");
                let inspect =
                    bed.place.inspect(MARKER, None, &one.name.to_string(), &one.id.to_string());
                let there = Current::compared(&bed.run(&inspect, b""));
                assert!(!there.is_equal(), "{name}: {program}: {there:?}");
                assert!(there.unread || program != "uniq", "{name}: {end}");
                fs::remove_dir_all(bed.dir.path().join("fake")).unwrap();
            }
        }
    }
}

#[test]
fn a_release_whose_comparison_dies_is_not_staged() {
    for mut bed in beds() {
        for end in ["cat >/dev/null; exit 1", "kill -9 $$"] {
            let name = bed.shell.name;
            let first = bed.release("1", &[]);
            let (one, _) = bed.stage(&first);
            bed.well(&bed.activate(&one), b"");
            let second = bed.release("2", &[]);
            let seen = bed.see(Some(&second));
            let Decision::Deploy(deployment) = Bed::plan(&second, &seen) else { panic!("{name}") };
            // Behind the plan, and linked into the new release.
            fs::write(bed.dir.path().join("srv/current/public/deep/y z.js"), "SAME").unwrap();
            // The manifest is still made with it.
            let spent = bed.dir.path().join("spent");
            let text = format!(
                "[ -e {0} ] || {{ : >{0}; exec /usr/bin/uniq \"$@\"; }}\n{end}",
                spent.display()
            );
            replace(&mut bed, "uniq", &text);
            let holder = Holder::default();
            let script = bed.place.stage(MARKER, &lock(&holder, &seen), &deployment, &second);
            let frame = bed.run(&script, &stream(&bed.place, &second, &deployment, true));
            let kind = frame.failure().map(|(kind, _)| kind);
            assert_eq!(kind, Some("verify"), "{name}: {end}: {frame:?}");
            assert_eq!(compared(&frame, "sums_differ"), None, "{name}: {end}");
            assert!(!bed.exists(&format!("srv/releases/{}", deployment.name)), "{name}: {end}");
            fs::remove_dir_all(bed.dir.path().join("fake")).unwrap();
            bed = Bed::new(name, false);
        }
    }
}

#[test]
fn a_link_whose_target_has_line_breaks_hides_nothing() {
    for mut bed in beds() {
        let name = bed.shell.name;
        let mut release = bed.release("1", &[]);
        for link in ["public/l1", "public/l2", "public/l3"] {
            let entry = Entry::Link { target: "x.js".to_owned() };
            release.manifest.entries.insert(link.to_owned(), entry);
        }
        let (one, _) = bed.stage(&release);
        bed.well(&bed.activate(&one), b"");
        bed.well(&bed.confirm(&one, None), b"");
        assert_eq!(Bed::plan(&release, &bed.see(Some(&release))), Decision::Unchanged, "{name}");
        let here = bed.dir.path().join("srv/current/public");
        let lead = |link: &str, target: &str| {
            let _ = fs::remove_file(here.join(link));
            symlink(target, here.join(link)).unwrap();
        };
        let spoil: [(&str, &dyn Fn()); 3] = [
            ("one stands for two", &|| {
                lead("l1", "x.js\nl 777 ./public/l2 -> x.js");
                fs::remove_file(here.join("l2")).unwrap();
            }),
            ("a break at the end", &|| lead("l2", "x.js\n")),
            ("two of them", &|| {
                lead("l1", "x.js\nl 777 ./public/l3 -> x.js");
                lead("l2", "x.js\nf 644 1 ./public/x.js");
                fs::remove_file(here.join("l3")).unwrap();
            }),
        ];
        for (what, spoil) in spoil {
            spoil();
            let seen = bed.see(Some(&release));
            let base = Bed::base(&seen, Some(&release)).unwrap();
            assert!(!base.deviations.is_empty(), "{name}: {what}: {seen:?}");
            let (again, _) = bed.stage(&release);
            bed.well(&bed.activate(&again), b"");
            assert_eq!(Bed::base(&bed.see(None), None).unwrap().deviations, [], "{name}: {what}");
        }
    }
}

#[tokio::test]
async fn a_manifest_that_has_lost_lines_vouches_for_no_rollback() {
    let bench = Arc::new(Bench::start(""));
    bench.site("a");
    for version in ["1", "2"] {
        let files = [("public/x.js", version), ("public/y.js", "same")];
        let release = wanted("a", &texts(&files), &["_features"]);
        Run::new(bench.dial(None), &release).go().await.expect(Outcome::Changed);
    }
    let back = || {
        let frame = wanted("a", &[], &["_features"]);
        let frame = Wanted { manifest: Manifest::default(), ..frame };
        let supply = Arc::new(|_: &Manifest| Sources::default());
        Run::of(
            bench.dial(None),
            "/srv/a",
            Desire::Back { to: None, frame: Arc::new(frame), supply },
        )
    };
    // Behind the plan, a file is spoiled and its sum goes.
    let there = Arc::clone(&bench);
    let lose = "cd /srv/a && cp -a .fleetctl/manifests /srv/kept && one=$(echo releases/1-*) && \
                sed -i '/x.js$/d' .fleetctl/manifests/${one#releases/1-}*.sums && \
                printf 9 >$one/public/x.js";
    let between: Box<dyn FnOnce()> = Box::new(move || drop(there.sh(lose)));
    let ran = Run { between: Some(between), ..back() }.go().await.expect(Outcome::Failed);
    assert!(ran.why.contains("is not the one it was confirmed with"), "{}", ran.why);
    assert_eq!(bench.sh("cat /srv/a/current/public/x.js"), "2");
    bench.sh(
        "cp -a /srv/kept/. /srv/a/.fleetctl/manifests && printf 1 >$(echo /srv/a/releases/1-*)/public/x.js",
    );
    back().go().await.expect(Outcome::Changed);
    assert_eq!(bench.sh("cat /srv/a/current/public/x.js"), "1");
    bench.assert_whole("a");
}

/// The names of all variables that scripts read.
fn variables() -> BTreeSet<String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/shell/scripts");
    let mut found = BTreeSet::new();
    for script in fs::read_dir(place).unwrap() {
        let text = fs::read_to_string(script.unwrap().path()).unwrap();
        for (at, _) in text.match_indices('$') {
            let rest = text[at + 1..].trim_start_matches('{');
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            found.insert(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    found.remove("");
    found
}

#[test]
fn what_the_environment_calls_by_our_names_means_nothing() {
    let variables = variables();
    assert!(variables.contains("here") && variables.contains("looked"), "{variables:?}");
    for mut bed in beds() {
        let name = bed.shell.name;
        let away = bed.dir.path().join("away");
        for place in ["r", "releases"] {
            fs::create_dir_all(away.join(place)).unwrap();
        }
        bed.environment = variables.iter().map(|name| (name.clone(), "home".to_owned())).collect();
        bed.environment.insert("CDPATH".to_owned(), away.display().to_string());
        let first = bed.release("1", &["_features"]);
        let (one, _) = bed.stage(&first);
        bed.well(&bed.activate(&one), b"");
        bed.well(&bed.confirm(&one, None), b"");
        let second = bed.release("2", &["_features"]);
        let (two, _) = bed.stage(&second);
        bed.well(&bed.activate(&two), b"");
        bed.well(&bed.undo(&two), b"");
        // However wrong the list is: what is current stays.
        let releases = BTreeSet::from([one.name.clone(), two.name.clone()]);
        let all = Prune { releases, ..Prune::default() };
        bed.well(&bed.place.settle(MARKER, &all), b"");
        assert!(!bed.exists(&format!("srv/releases/{}", two.name)), "{name}");
        assert_eq!(bed.text("www/_features/x.js"), "1", "{name}");
        let seen = bed.see(Some(&first));
        assert_eq!(Bed::plan(&first, &seen), Decision::Unchanged, "{name}: {seen:?}");
    }
}
