use super::*;
use crate::{
    model::SiteName,
    plan::{Above, Current, Kind},
    release::{Entry, Record, SiteJournal, Sources, Verb, WantedLink},
    resource::{Answers, Lstat},
};

const AT: &str = "/var/www/a/_features";
const TARGET: &str = "/srv/a/current/public";

fn wanted(text: &str) -> Wanted {
    let file =
        Entry::File { mode: 0o644, size: text.len() as u64, digest: Digest::of(text.as_bytes()) };
    let manifest = Manifest {
        entries: [
            ("public".to_owned(), Entry::Directory { mode: 0o755 }),
            ("public/x.js".to_owned(), file),
        ]
        .into(),
        links: [(AT.to_owned(), TARGET.to_owned())].into(),
        ..Manifest::default()
    };
    let link = WantedLink { target: TARGET.into(), adopt: false, make_parent: false };
    Wanted {
        site: SiteName::new("a.example").unwrap(),
        root: "/srv/a".into(),
        owner: None,
        group: None,
        manifest,
        sources: Sources::default(),
        links: [(AT.to_owned(), link)].into(),
        hard_links: true,
        keep: 5,
    }
}

fn policy() -> Policy {
    Policy {
        run: RunId::new("r2").unwrap(),
        privilege: true,
        retry_rejected: false,
        fresh_salt: Secret::new("salt".into()),
        reuse: false,
    }
}

/// A host on which `wanted` is release 1, with `last` in its journal.
fn host(wanted: &Wanted, last: Verb) -> (Observation, Base) {
    let id = wanted.manifest.body();
    let name = ReleaseName::new(1, &id);
    let record = |verb| Record {
        verb,
        release: name.clone(),
        digest: id,
        run: RunId::new("r1").unwrap(),
        notes: BTreeMap::new(),
    };
    let seen = Observation {
        user: "deploy".into(),
        uid: Some(1000),
        near: "/srv/a".into(),
        above: vec![Above { path: "/srv".into(), uid: 0, gid: 0, mode: 0o755 }],
        root: Some("deploy:deploy:755".into()),
        releases: [name.clone()].into(),
        answers: Answers {
            lstat: [(AT.to_owned(), Lstat::Link(TARGET.into()))].into(),
            ..Answers::default()
        },
        journal: SiteJournal { records: vec![record(Verb::Activate), record(last)] },
        current: Some(Current {
            link: format!("releases/{name}"),
            name: Some(name.clone()),
            id: Some(id),
            about: wanted.manifest.clone(),
            present: true,
            ..Current::default()
        }),
        ..Observation::default()
    };
    let base = Base {
        name,
        id,
        manifest: wanted.manifest.clone(),
        deviations: Vec::new(),
        verified: true,
    };
    (seen, base)
}

fn deployment(decision: Decision) -> Deployment {
    match decision {
        Decision::Deploy(deployment) => *deployment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_confirmed_intact_release_needs_nothing() {
    let wanted = wanted("1");
    let (seen, base) = host(&wanted, Verb::Confirm);
    assert_eq!(plan(&wanted, &seen, Some(&base), &policy()), Decision::Unchanged);
}

#[test]
fn an_equal_name_is_not_enough_bytes_must_have_been_read() {
    let wanted = wanted("1");
    let (seen, mut base) = host(&wanted, Verb::Confirm);
    base.verified = false;
    assert!(matches!(plan(&wanted, &seen, Some(&base), &policy()), Decision::Deploy(_)));
}

#[test]
fn a_release_that_was_never_confirmed_still_owes_its_gates() {
    let wanted = wanted("1");
    let (seen, base) = host(&wanted, Verb::Activate);
    let decision = plan(&wanted, &seen, Some(&base), &policy());
    assert!(matches!(decision, Decision::Confirm { .. }), "{decision:?}");
}

#[test]
fn a_tampered_file_is_repaired_in_a_new_release_of_the_same_content() {
    let wanted = wanted("1");
    let (seen, mut base) = host(&wanted, Verb::Confirm);
    base.deviations =
        vec![Deviation { path: "public/x.js".into(), kind: Kind::Changed, detail: "y".into() }];
    let found = deployment(plan(&wanted, &seen, Some(&base), &policy()));
    assert_eq!((found.name.seq(), found.id), (2, base.id));
    assert!(found.difference.send.contains_key("public/x.js"));
    assert!(found.difference.drop.contains("public/x.js"));
}

#[test]
fn a_link_that_is_gone_comes_back_and_undo_takes_it_away() {
    let wanted = wanted("1");
    let (mut seen, base) = host(&wanted, Verb::Confirm);
    seen.answers.lstat.insert(AT.into(), Lstat::Absent);
    let found = deployment(plan(&wanted, &seen, Some(&base), &policy()));
    let put = Operation::PutLink { path: AT.into(), target: TARGET.into() };
    assert_eq!((found.before, found.after), (vec![], vec![put]));
    let back = Operation::RemoveLink { path: AT.into(), target: TARGET.into() };
    assert_eq!((found.undo.before, found.undo.after), (vec![back], vec![]));
}

#[test]
fn a_first_deploy_sends_everything_and_makes_the_root() {
    let wanted = wanted("1");
    let (mut seen, _) = host(&wanted, Verb::Confirm);
    seen.current = None;
    seen.root = None;
    seen.releases.clear();
    seen.journal = SiteJournal::default();
    seen.answers.lstat.insert(AT.into(), Lstat::Absent);
    let found = deployment(plan(&wanted, &seen, None, &policy()));
    assert_eq!((found.name.seq(), found.make_root, found.previous), (1, true, None));
    assert_eq!(found.difference.send.len(), 2);
}

#[test]
fn a_rejected_release_is_refused_until_asked_for_again() {
    let new = wanted("2");
    let (mut seen, base) = host(&wanted("1"), Verb::Confirm);
    let id = new.manifest.body();
    seen.journal.records.push(Record {
        verb: Verb::Undone,
        release: ReleaseName::new(2, &id),
        digest: id,
        run: RunId::new("r9").unwrap(),
        notes: BTreeMap::new(),
    });
    let Decision::Blocked(why) = plan(&new, &seen, Some(&base), &policy()) else { panic!() };
    assert!(why[0].contains("r9") && why[0].contains("--retry-rejected"), "{why:?}");
    let again = Policy { retry_rejected: true, ..policy() };
    assert_eq!(deployment(plan(&new, &seen, Some(&base), &again)).name.seq(), 3);
}

#[test]
fn going_back_uses_an_intact_release_as_it_is() {
    let old = wanted("1");
    let (mut seen, base) = host(&old, Verb::Confirm);
    let newer = ReleaseName::new(2, &Digest::of(b"2"));
    seen.current.as_mut().unwrap().name = Some(newer.clone());
    let back = Policy { reuse: true, ..policy() };
    let found = deployment(plan(&old, &seen, Some(&base), &back));
    assert_eq!((found.name.seq(), found.reuse, found.previous), (1, true, Some(newer.clone())));
    let mut damaged = base;
    damaged.deviations =
        vec![Deviation { path: "public/x.js".into(), kind: Kind::Changed, detail: "y".into() }];
    let found = deployment(plan(&old, &seen, Some(&damaged), &back));
    assert_eq!((found.name.seq(), found.reuse), (2, false));
}
