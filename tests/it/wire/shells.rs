//! The scripts under each shell that may be a host's `/bin/sh`, with nothing else on the host
//! than that shell's own company: the whole life of a release, the mutex, the lease.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Child, Command},
    time::{Duration, Instant},
};

use fleetctl::{
    engine::scripts::{Lock, Place, library},
    plan::{Decision, Holder, Observation, Prune, prune},
    release::Coding,
    shell::{Part, Script},
};

use super::bed::{Bed, MARKER, lock, shells, stream};

/// Whole and brief, with flock and openssl where the shell's company has them and without.
fn beds() -> Vec<Bed> {
    let with_flock = |name: &&str| *name != "busybox";
    let all = shells().into_iter().map(|name| Bed::new(name, false));
    all.chain(shells().into_iter().filter(with_flock).map(|name| Bed::new(name, true))).collect()
}

#[test]
fn a_release_lives_its_life_under_each_shell() {
    for mut bed in beds() {
        let name = bed.shell.name;
        fs::write(bed.dir.path().join("www/old"), "was here").unwrap();
        let first = bed.release("1", &["_features"]);
        let (one, seen) = bed.stage(&first);
        let coding = if name == "busybox" { Coding::Gzip } else { Coding::Zstd };
        assert_eq!((seen.flock, seen.coding), (name != "busybox", coding));
        bed.place.library = Some(bed.place.library_path());
        assert!(!bed.exists("srv/current"), "{name}: staging touches nothing live");
        bed.well(&bed.activate(&one), b"");
        // Again, as after an answer that was lost.
        bed.well(&bed.activate(&one), b"");
        assert_eq!(bed.text("www/_features/x.js"), "1", "{name}");
        bed.well(&bed.confirm(&one, None), b"");
        bed.well(&bed.confirm(&one, None), b"");
        assert_eq!(bed.text("srv/.fleetctl/journal").lines().count(), 2, "{name}");
        // A young lease is good as it is; one that has lost a fifth of its time is renewed: the
        // renewal after one that is lost would else come when it is nearly over.
        let lease = bed.text("srv/.fleetctl/lock");
        bed.well(&bed.place.renew(MARKER, bed.generation), b"");
        assert_eq!(bed.text("srv/.fleetctl/lock"), lease, "{name}");
        let mut fields: Vec<String> = lease.split('\t').map(str::to_owned).collect();
        fields[3] = (fields[3].parse::<u64>().unwrap() - 12).to_string();
        fs::write(bed.dir.path().join("srv/.fleetctl/lock"), fields.join("\t")).unwrap();
        bed.well(&bed.place.renew(MARKER, bed.generation), b"");
        let seen = bed.see(Some(&first));
        assert!(seen.lock.as_ref().is_some_and(|lock| lock.left > 50), "{name}");
        assert_eq!(seen.libraries.len(), 1, "{name}");
        bed.well(&bed.place.settle(MARKER, &prune(&seen, seen.current_name(), None, 3)), b"");
        assert!(!bed.exists("srv/.fleetctl/lock"), "{name}");
        let seen = bed.see(Some(&first));
        assert_eq!(Bed::plan(&first, &seen), Decision::Unchanged, "{name}");
        assert!(seen.libraries.iter().any(|kept| kept.starts_with(&library().digest.to_string())));

        // A second release, with more links, and back again; somebody has made the directory hand
        // on its group meanwhile.
        let releases = bed.dir.path().join("srv/releases");
        fs::set_permissions(&releases, fs::Permissions::from_mode(0o2755)).unwrap();
        let second = bed.release("22", &["_features", "old", "made/below"]);
        let (two, _) = bed.stage(&second);
        bed.well(&bed.activate(&two), b"");
        let texts = ["_features/x.js", "old/x.js", "made/below/x.js"];
        assert_eq!(texts.map(|path| bed.text(&format!("www/{path}"))), ["22"; 3], "{name}");
        bed.well(&bed.undo(&two), b"");
        bed.well(&bed.undo(&two), b"");
        assert_eq!(bed.text("www/_features/x.js"), "1", "{name}");
        assert_eq!(bed.text("www/old"), "was here", "{name}");
        assert!(!bed.exists("www/made"), "{name}");
        assert_eq!(bed.see(None).current_name(), Some(&one.name), "{name}");
        let seen = bed.see(None);
        let old = prune(&seen, seen.current_name(), Some(&two.name), 3);
        bed.well(&bed.place.settle(MARKER, &old), b"");
        assert!(!bed.exists(&format!("srv/releases/{}", two.name)), "{name}");
        assert!(!bed.exists(&format!("srv/.fleetctl/manifests/{}.tree", two.id)), "{name}");
        assert!(bed.exists(&format!("srv/.fleetctl/manifests/{}.tree", one.id)), "{name}");

        // Modes and a directory that becomes a file; settled with the confirmation.
        let mut third = bed.release("333", &["_features"]);
        third.manifest.entries.remove("public/deep/y z.js");
        let deep = third.manifest.entries["public/x.js"].clone();
        third.manifest.entries.insert("public/deep".into(), deep);
        let source = third.sources.get("public/x.js").unwrap().clone();
        third.sources.insert("public/deep".into(), source);
        let private = fleetctl::release::Entry::Directory { mode: 0o750 };
        third.manifest.entries.insert("private".into(), private);
        let (three, seen) = bed.stage(&third);
        bed.well(&bed.activate(&three), b"");
        let old = prune(&seen, Some(&three.name), None, 3);
        bed.well(&bed.confirm(&three, Some(&old)), b"");
        assert!(!bed.exists("srv/.fleetctl/lock"), "{name}");
        bed.well(&bed.confirm(&three, Some(&old)), b"");
        let seen = bed.see(Some(&third));
        assert_eq!(Bed::plan(&third, &seen), Decision::Unchanged, "{name}: {seen:?}");
    }
}

#[test]
fn a_comparison_that_cannot_be_made_is_no_equality() {
    for mut bed in beds() {
        let name = bed.shell.name;
        let release = bed.release("1", &[]);
        let (one, _) = bed.stage(&release);
        bed.well(&bed.activate(&one), b"");
        let (release, id) = (one.name.to_string(), one.id.to_string());
        let inspect = |bed: &Bed| bed.run(&bed.place.inspect(MARKER, None, &release, &id), b"");
        assert_eq!(inspect(&bed).block("sums_differ"), Some(&b"=\n"[..]), "{name}");
        // An owner that is nobody here: who owns the files cannot be compared.
        let owner = std::mem::replace(&mut bed.place.owner, "nobody-at-all".to_owned());
        assert!(!inspect(&bed).block("strangers").unwrap().is_empty(), "{name}");
        bed.place.owner = owner;
        fs::remove_file(bed.dir.path().join(format!("srv/.fleetctl/manifests/{id}.sums"))).unwrap();
        assert_eq!(inspect(&bed).failure().map(|(kind, _)| kind), Some("gone"), "{name}");
    }
}

#[test]
fn damage_of_every_kind_is_seen_under_each_shell() {
    for mut bed in beds() {
        let name = bed.shell.name;
        let release = bed.release("1", &[]);
        let (one, _) = bed.stage(&release);
        bed.well(&bed.activate(&one), b"");
        let here = bed.dir.path().join("srv/current");
        let spoil: [(&str, &dyn Fn()); 8] = [
            ("content", &|| fs::write(here.join("public/x.js"), "9").unwrap()),
            ("extra", &|| fs::write(here.join("public/-rf"), "").unwrap()),
            ("line break", &|| {
                // Its first line is one of the manifest's.
                fs::write(here.join("public/x.js\nf 644 1 y"), "9").unwrap();
            }),
            ("bytes", &|| {
                use std::os::unix::ffi::OsStrExt as _;
                fs::write(here.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "").unwrap();
            }),
            ("link", &|| symlink("/etc/passwd", here.join("public/a -> b")).unwrap()),
            ("mode", &|| {
                let mode = fs::Permissions::from_mode(0o777);
                fs::set_permissions(here.join("public/x.js"), mode).unwrap();
            }),
            ("pipe", &|| {
                // Whoever opened it by its name would wait for ever.
                fs::remove_file(here.join("public/x.js")).unwrap();
                assert!(Command::new("mkfifo").arg(here.join("public/x.js")).status().is_ok());
            }),
            ("missing", &|| fs::remove_file(here.join("private/ü")).unwrap()),
        ];
        for (what, spoil) in spoil {
            spoil();
            let seen = bed.see(Some(&release));
            let base = Bed::base(&seen, Some(&release)).unwrap();
            assert!(!base.deviations.is_empty(), "{name}: {what}");
            let (again, _) = bed.stage(&release);
            bed.well(&bed.activate(&again), b"");
            assert_eq!(Bed::base(&bed.see(None), None).unwrap().deviations, [], "{name}: {what}");
        }
    }
}

/// Runs takers at once; how many of them got the lock.
fn race(bed: &Bed, round: u64, takers: u64) -> Vec<Place> {
    let holder = Holder::default();
    let lock = Lock { holder: &holder, dead: None, current: "", generation: round };
    let places = (0..takers).map(|n| bed.as_run(&format!("r{round}-{n}"), 60));
    let places: Vec<Place> = places.collect();
    let children: Vec<Child> =
        places.iter().map(|place| bed.start(&place.take(MARKER, &lock))).collect();
    let frames = children.into_iter().map(|child| bed.read(&child.wait_with_output().unwrap()));
    let won: Vec<bool> = frames
        .map(|frame| {
            let kind = frame.failure().map(|(kind, _)| kind.to_owned());
            match kind.as_deref() {
                None => assert_eq!(
                    frame.one("generation"),
                    Some(&*(round + 1).to_string()),
                    "{}: {frame:?}",
                    bed.shell.name
                ),
                Some(kind) => assert!(["held", "stale"].contains(&kind), "{kind}"),
            }
            kind.is_none()
        })
        .collect();
    places.into_iter().zip(won).filter(|(_, won)| *won).map(|(place, _)| place).collect()
}

#[test]
fn of_those_who_take_a_lock_at_once_exactly_one_has_it() {
    for bed in beds() {
        fs::create_dir(bed.dir.path().join("srv/.fleetctl")).unwrap();
        for round in 0..12 {
            let winners = race(&bed, round, 3);
            assert_eq!(winners.len(), 1, "{}, round {round}", bed.shell.name);
            let all = Prune::default();
            bed.well(&winners[0].settle(MARKER, &all), b"");
        }
    }
}

#[test]
fn the_mutex_lets_in_one_at_a_time_whoever_was_killed_in_it() {
    for bed in beds() {
        let meta = bed.dir.path().join("srv/.fleetctl");
        fs::create_dir(&meta).unwrap();
        fs::write(meta.join("count"), "0").unwrap();
        let script = |inside: &str| {
            let values = [("root", bed.place.root.clone()), ("run", "r1".into())];
            let script = Script::new(MARKER, values).part(Part::Lock).part(Part::Mutex);
            let script = if bed.place.flock { script } else { script.part(Part::MutexLink) };
            script.line("mutex").line(inside)
        };
        // One that is killed where it matters.
        let mut killed = bed.start(&script("echo here >$meta/inside; read -r never"));
        let begun = Instant::now();
        while !meta.join("inside").exists() {
            assert!(begun.elapsed().as_secs() < 10, "{}", bed.shell.name);
            std::thread::sleep(Duration::from_millis(5));
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        let add = "n=$(cat $meta/count); echo $((n + 1)) >$meta/count";
        let many: Vec<Child> = (0..12).map(|_| bed.start(&script(add))).collect();
        for child in many {
            let frame = bed.read(&child.wait_with_output().unwrap());
            assert_eq!((frame.failure(), frame.status), (None, 0), "{}", bed.shell.name);
        }
        assert_eq!(bed.text("srv/.fleetctl/count").trim(), "12", "{}", bed.shell.name);
        assert!(!meta.join("mutex.link").exists());
    }
}

#[test]
fn who_broke_a_dead_mutex_and_died_over_it_stops_nobody() {
    let bed = Bed::new("busybox", false);
    let meta = bed.dir.path().join("srv/.fleetctl");
    fs::create_dir(&meta).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let dead = format!("{}.1.{}", u32::MAX, boot.trim());
    symlink(&dead, meta.join("mutex.link")).unwrap();
    symlink(format!("4194304.7.{}", boot.trim()), meta.join(format!("mutex.break.{dead}")))
        .unwrap();
    assert_eq!(race(&bed, 0, 1).len(), 1);
}

#[test]
fn who_was_away_for_longer_than_the_lease_changes_nothing() {
    for mut bed in beds() {
        let name = bed.shell.name;
        bed.place.lease = 1;
        let release = bed.release("1", &["_features"]);
        let (one, seen) = bed.stage(&release);
        std::thread::sleep(Duration::from_millis(2100));
        let before = bed.text("srv/.fleetctl/lock");
        let steps = |bed: &Bed| {
            [
                bed.place.renew(MARKER, bed.generation),
                bed.activate(&one),
                bed.confirm(&one, None),
                bed.undo(&one),
            ]
        };
        for step in steps(&bed) {
            assert_eq!(bed.refusal(&step), "fenced", "{name}");
        }
        // Somebody else comes, and it is the same.
        let holder = Holder::default();
        let other = bed.as_run("r2", 60);
        let expect = Observation { generation: bed.generation, ..seen };
        let frame = bed.well(&other.take(MARKER, &lock(&holder, &expect)), b"");
        let risen: u64 = frame.one("generation").unwrap().parse().unwrap();
        assert_eq!(risen, bed.generation + 1, "{name}");
        let after = bed.text("srv/.fleetctl/lock");
        assert_ne!(before, after);
        for step in steps(&bed) {
            assert_eq!(bed.refusal(&step), "overtaken", "{name}");
        }
        assert_eq!(bed.refusal(&bed.place.take(MARKER, &lock(&holder, &expect))), "held", "{name}");
        bed.well(&bed.place.settle(MARKER, &Prune::default()), b"");
        assert_eq!(bed.text("srv/.fleetctl/lock"), after, "{name}: not ours to give back");
        assert!(!bed.exists("srv/current") && !bed.exists("srv/.fleetctl/journal"), "{name}");
        // A person breaks the lock of the other.
        bed.well(&other.break_lock(MARKER, "r2"), b"");
        assert_eq!(bed.refusal(&other.renew(MARKER, risen)), "overtaken", "{name}");
        assert_eq!(bed.see(None).generation, risen + 1, "{name}");
    }
}

#[test]
fn a_flipped_bit_in_the_stream_never_becomes_a_release() {
    let (mut flipped, mut harmless) = (0, 0);
    for mut bed in beds() {
        let name = bed.shell.name;
        let release = bed.release("a content that is worth its bits", &[]);
        let seen = bed.see(Some(&release));
        let Decision::Deploy(deployment) = Bed::plan(&release, &seen) else { panic!("{name}") };
        let holder = Holder::default();
        bed.place.coding = if bed.place.large { Coding::Zstd } else { Coding::Gzip };
        let script = bed.place.stage(MARKER, &lock(&holder, &seen), &deployment, &release);
        let good = stream(&bed.place, &release, &deployment, false);
        let place = format!("srv/releases/{}", deployment.name);
        // Spread over the stream, and over the bits of a byte.
        let step = good.len() * 8 / 12;
        for bit in (0..12).map(|n| n * step + n % 8) {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            flipped += 1;
            let frame = bed.run(&script, &bad);
            assert!(!bed.exists("srv/current"), "{name}, bit {bit}");
            if frame.failure().is_none() && frame.status == 0 {
                // Times and padding mean nothing: what is there is what was wanted.
                harmless += 1;
                let text = bed.text(&format!("{place}/public/x.js"));
                assert_eq!(text, "a content that is worth its bits", "{name}, bit {bit}");
            } else {
                assert!(!bed.exists(&place), "{name}, bit {bit}: {frame:?}");
            }
        }
        // What was refused is no obstacle.
        bed.well(&script, &good);
        bed.stage(&release);
    }
    println!("{flipped} bits flipped, {harmless} without a meaning");
    assert!(harmless * 2 < flipped, "{flipped}, {harmless}");
}

#[test]
fn an_upload_from_a_peer_that_is_gone_stops_nobody() {
    for mut bed in beds() {
        let name = bed.shell.name;
        let release = bed.release("1", &[]);
        let seen = bed.see(Some(&release));
        let Decision::Deploy(deployment) = Bed::plan(&release, &seen) else { panic!() };
        let holder = Holder::default();
        let script = bed.place.stage(MARKER, &lock(&holder, &seen), &deployment, &release);
        let bytes = stream(&bed.place, &release, &deployment, true);
        let mut silent = bed.start(&script);
        let mut pipe = silent.stdin.take().unwrap();
        pipe.write_all(&bytes[..bytes.len() / 2]).expect(name);
        let begun = Instant::now();
        while !bed.exists(&format!("srv/releases/.{}.partial", deployment.name)) {
            assert!(begun.elapsed().as_secs() < 10, "{name}");
            std::thread::sleep(Duration::from_millis(5));
        }
        // What may be a secret is the owner's alone while it arrives.
        let part = bed.dir.path().join(format!("srv/releases/.{}.partial", deployment.name));
        let mode = fs::metadata(part).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
        // The same run once more, over a new connection.
        let frame = bed.well(&script, &bytes);
        bed.generation = frame.one("generation").unwrap().parse().unwrap();
        bed.well(&bed.activate(&deployment), b"");
        let _ = pipe.write_all(&bytes[bytes.len() / 2..]);
        drop(pipe);
        let late = bed.read(&silent.wait_with_output().unwrap());
        assert!(late.failure().is_some(), "{name}: {late:?}");
        assert_eq!(bed.text("srv/current/public/x.js"), "1", "{name}");
        bed.well(&bed.confirm(&deployment, None), b"");
    }
}
