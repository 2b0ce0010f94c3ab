//! The whole way of a release on this machine: real shells, real files, no network.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
};

use super::{
    cache::Cache,
    emit::Emit,
    host::{Account, Host},
    line::{Lines, Way},
    parcels::Parcels,
    process,
    scripts::Place,
    session::{Session, Summary},
    site::{Desire, Manner, Shared, Site},
    url::Url,
};
use crate::{
    event::{Batches, Budget, Event, OnAbort, Schedule, Share, Slot, Stamped},
    model::{Content, Digest, Outcome, RunId, SiteName},
    plan::{Decision, Holder},
    release::{Entry, Manifest, Source, Sources, Wanted, WantedLink},
    resource::{Check, GateSpec},
    transport::ssh::Keys,
};

fn wanted(root: &Path, files: &[(&str, &str)], links: &[&str]) -> Wanted {
    let top = root.join("srv");
    let mut manifest = Manifest::default();
    let mut sources = BTreeMap::new();
    for (path, text) in files {
        for above in crate::release::ancestors(path) {
            manifest.entries.insert(above.into(), Entry::Directory { mode: 0o755 });
        }
        let tainted = text.contains("secret");
        manifest.tainted |= tainted;
        let mode = if tainted { 0o640 } else { 0o644 };
        let digest = Digest::of(text.as_bytes());
        let entry = Entry::File { mode, size: text.len() as u64, digest };
        manifest.entries.insert((*path).into(), entry);
        let content = Content::Plain(text.as_bytes().to_vec().into());
        sources.insert((*path).to_owned(), Source::Rendered(content));
    }
    let target = format!("{}/current/public", top.display());
    let place = |at: &&str| format!("{}/{at}", root.display());
    manifest.links = links.iter().map(|at| (place(at), target.clone())).collect();
    let link = |at: &&str| {
        (place(at), WantedLink { target: target.clone(), adopt: true, make_parent: true })
    };
    Wanted {
        site: SiteName::new("a.example").unwrap(),
        root: top.display().to_string(),
        owner: None,
        group: None,
        manifest,
        sources: sources.into(),
        links: links.iter().map(link).collect(),
        hard_links: true,
        keep: 2,
    }
}

fn gate(command: &str) -> GateSpec {
    let mut gate = GateSpec::of(Check::Command(command.to_owned()));
    gate.attempts = 1;
    // A busy machine is no failure here.
    gate.timeout = std::time::Duration::from_mins(2);
    gate.deadline = gate.timeout;
    gate
}

struct Run {
    events: Vec<Event>,
    summary: Option<Summary>,
    decision: Option<Decision>,
    why: String,
}

impl Run {
    fn outcome(&self) -> Outcome {
        *self.summary.as_ref().unwrap().outcomes.values().next().unwrap()
    }

    fn execs(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::StepDone { .. })).count()
    }
}

/// One run over one local site; `apply` false stops after the plan.
async fn run(id: &str, desire: Desire, root: &Path, gates: Vec<GateSpec>, apply: bool) -> Run {
    let mut events = Vec::new();
    let mut out = |stamped: &[Stamped]| {
        events.extend(stamped.iter().map(|stamped| stamped.event.clone()));
        Ok(())
    };
    let lines = Lines::new(Arc::new(Keys::none()));
    let mut session = Session::new(Emit::new(&mut out), lines, 4).unwrap();
    let name = SiteName::new("a.example").unwrap();
    let line = session.lines().to("here", Way::Local);
    let run = RunId::new(id).unwrap();
    let shared = Arc::new(Shared {
        run: run.clone(),
        holder: Holder {
            person: "test@here".into(),
            machine: process::machine(),
            pid: std::process::id(),
            started: process::started(std::process::id()).unwrap(),
            ..Holder::default()
        },
        notes: BTreeMap::new(),
        retry_rejected: false,
        cache: Cache::new(None),
        parcels: Parcels::new(Arc::new(|_, _, _| Err("no registry".to_owned()))),
    });
    let account = Account { owner: None, become_root: false, password: None };
    let place = Place {
        root: root.join("srv").display().to_string(),
        owner: String::new(),
        group: String::new(),
        run: id.to_owned(),
        lease: 90,
        flock: false,
        coding: crate::release::Coding::default(),
        large: false,
        library: None,
    };
    let manner = Manner {
        before: vec!["test -d public".to_owned()],
        after: vec!["echo done".to_owned()],
        reload: vec![crate::playbook::Reload::Command("true".to_owned())],
        gates,
        url: Url::of_name("a.example"),
        patience: 120,
    };
    let mouth = session.mouth(name.clone());
    session.add(Site::new(Host { line, account }, place, desire, manner, shared, mouth));
    session.read().await.unwrap();
    let decision = session.sites().values().next().unwrap().decision.clone();
    let summary = if apply {
        let schedule = Schedule {
            sites: vec![Slot { site: name, host: "here".into(), canary: false }],
            batches: Batches::Sizes(vec![Share::Count(1)]),
            budget: Budget { failed: Share::Count(0), unreachable: Share::Count(0) },
            on_abort: OnAbort::RollbackBatch,
            pause: 0,
        };
        Some(session.apply(schedule).await)
    } else {
        None
    };
    drop(session);
    let failed = events.iter().filter_map(|event| match event {
        Event::StepFailed { why, tail, .. } => Some(format!("{why} {tail:?}")),
        _ => None,
    });
    let why = failed.collect::<Vec<_>>().join("\n");
    Run { events, summary, decision, why }
}

async fn deploy(id: &str, wanted: &Wanted, root: &Path) -> Run {
    run(id, Desire::Release(Arc::new(wanted.clone())), root, vec![gate("true")], true).await
}

/// A directory that nobody else can swap: the product refuses a root below any other. The sources
/// may lie in one that others can write, so the home directory is the second choice.
fn fresh() -> tempfile::TempDir {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let safe = |place: &Path| {
        let mut above = place.ancestors().filter(|above| above.exists());
        above.all(|above| fs::metadata(above).is_ok_and(|found| found.mode() & 0o022 == 0))
    };
    let base = [Some(sources), home].into_iter().flatten().find(|place| safe(place));
    let base = base.expect("a directory below which nobody else can write").join("fleetctl-tests");
    fs::create_dir_all(&base).unwrap();
    let directory = tempfile::tempdir_in(base).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

#[tokio::test]
async fn a_release_is_deployed_changed_repaired_and_taken_back() {
    let directory = fresh();
    let root = directory.path();
    fs::create_dir_all(root.join("www")).unwrap();
    fs::write(root.join("www/old"), "was here").unwrap();
    let first = wanted(
        root,
        &[("public/x.js", "1"), ("public/y.js", "same")],
        &["www/_features", "www/old"],
    );
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();

    let done = deploy("r1", &first, root).await;
    assert_eq!(done.outcome(), Outcome::Changed, "{}", done.why);
    assert_eq!((read("www/_features/x.js"), read("www/old/x.js")), ("1".into(), "1".into()));
    assert!(!root.join("srv/.fleetctl/lock").exists());

    let again = deploy("r2", &first, root).await;
    assert_eq!((again.outcome(), again.execs()), (Outcome::Unchanged, 1), "{}", again.why);

    let second = wanted(
        root,
        &[("public/x.js", "2"), ("public/y.js", "same"), ("private/c", "secret")],
        &["www/_features"],
    );
    let inode = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
    let before = inode("srv/current/public/y.js");
    let done = deploy("r3", &second, root).await;
    assert_eq!(done.outcome(), Outcome::Changed, "{}", done.why);
    assert_eq!((read("www/_features/x.js"), read("www/old")), ("2".into(), "was here".into()));
    assert_eq!(inode("srv/current/public/y.js"), before, "unchanged files are shared");
    assert_eq!(deploy("r4", &second, root).await.outcome(), Outcome::Unchanged);

    // The shared inode is damaged: both releases are, and the repair brings a fresh one.
    fs::write(root.join("srv/current/public/y.js"), "evil").unwrap();
    let repaired = deploy("r5", &second, root).await;
    assert_eq!(repaired.outcome(), Outcome::Changed, "{}", repaired.why);
    assert_eq!(read("www/_features/y.js"), "same");
    assert!(read("srv/.fleetctl/journal").contains("confirm\t3-"));

    // A gate that fails brings everything back, links and adopted files included.
    let target = fs::read_link(root.join("srv/current")).unwrap();
    let sick = wanted(root, &[("public/x.js", "3")], &["www/_features", "www/old"]);
    let failed =
        run("r6", Desire::Release(Arc::new(sick.clone())), root, vec![gate("false")], true).await;
    assert_eq!(failed.outcome(), Outcome::RolledBack, "{}", failed.why);
    assert_eq!((read("www/_features/x.js"), read("www/old")), ("2".into(), "was here".into()));
    assert_eq!(fs::read_link(root.join("srv/current")).unwrap(), target);
    let refused = deploy("r7", &sick, root).await;
    assert!(refused.why.contains("--retry-rejected"), "{}", refused.why);

    // A rollback, past the twin of the repaired release to the first: its y.js is damaged too.
    let frame = Arc::new(Wanted {
        manifest: Manifest::default(),
        links: BTreeMap::new(),
        ..second.clone()
    });
    // First where it is not to be had, and so refused before anything is touched.
    let (journal, supply) =
        (read("srv/.fleetctl/journal"), Arc::new(|_: &Manifest| Sources::default()));
    let none = Desire::Back { to: None, frame: Arc::clone(&frame), supply };
    let refused = run("r8", none, root, vec![gate("true")], true).await;
    assert!(refused.why.contains("public/y.js must be sent"), "{}", refused.why);
    assert_eq!(read("srv/.fleetctl/journal"), journal);

    let sources = second.sources.clone();
    let supply = Arc::new(move |_: &Manifest| sources.clone());
    let back = Desire::Back { to: None, frame: Arc::clone(&frame), supply: supply.clone() };
    let back = run("r9", back, root, vec![gate("true")], true).await;
    assert_eq!(back.outcome(), Outcome::Changed, "{}", back.why);
    assert!(matches!(back.decision, Some(Decision::Deploy(_))));
    assert_eq!(
        (read("www/_features/x.js"), read("www/_features/y.js")),
        ("1".into(), "same".into())
    );

    // What a rollback leaves is rejected here, until it is asked for by name.
    let third = wanted(root, &[("public/x.js", "4")], &["www/_features"]);
    assert_eq!(deploy("r10", &third, root).await.outcome(), Outcome::Changed);
    let back = Desire::Back { to: None, frame, supply };
    let back = run("r11", back, root, vec![gate("true")], true).await;
    let now = (back.outcome(), read("www/_features/x.js"));
    assert_eq!(now, (Outcome::Changed, "1".into()), "{}", back.why);
    let again = deploy("r12", &third, root).await;
    assert_eq!(again.outcome(), Outcome::Failed);
    assert!(again.why.contains("rolled back here by run r11"), "{}", again.why);
}

#[tokio::test]
async fn a_first_deploy_that_fails_leaves_nothing_current() {
    let directory = fresh();
    let root = directory.path();
    fs::create_dir_all(root.join("www")).unwrap();
    let first = wanted(root, &[("public/x.js", "1")], &["www/_features"]);
    let desire = Desire::Release(Arc::new(first));
    let failed = run("r1", desire, root, vec![gate("false")], true).await;
    assert_eq!(failed.outcome(), Outcome::RolledBack, "{}", failed.why);
    assert!(fs::symlink_metadata(root.join("srv/current")).is_err());
    assert!(fs::symlink_metadata(root.join("www/_features")).is_err());
}

#[tokio::test]
async fn a_plan_writes_nothing() {
    let directory = fresh();
    let root = directory.path();
    fs::create_dir_all(root.join("www")).unwrap();
    let first = wanted(root, &[("public/x.js", "1")], &["www/_features"]);
    let planned = run("r1", Desire::Release(Arc::new(first)), root, Vec::new(), false).await;
    assert!(matches!(planned.decision, Some(Decision::Deploy(_))), "{}", planned.why);
    assert!(!root.join("srv").exists());
}
