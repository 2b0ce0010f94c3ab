use proptest::prelude::*;

use super::*;
use crate::feature::{
    Ask, Catalog, Hold, OptOut, Published, Update, Want, requirement_sets, resolve,
};
use crate::model::{Platform, Position};

mod moves;

fn at() -> Position {
    Position { file: "inventory/sites.yml".into(), line: 1, column: 1 }
}

fn catalog() -> Catalog {
    let version = |(text, requires): (&str, &[(&str, &str)])| {
        let published = Published {
            digest: Digest::of(text.as_bytes()),
            yanked: None,
            platforms: Platform::ALL.into(),
            requires: requires
                .iter()
                .map(|(n, r)| (n.parse().unwrap(), r.parse().unwrap()))
                .collect(),
            conflicts: [].into(),
        };
        (text.parse().unwrap(), published)
    };
    let core: &[_] = &[("form-core", "^1.2")];
    [
        ("contact-form".parse().unwrap(), [("2.1.4", core), ("2.2.0", core)].map(version).into()),
        ("form-core".parse().unwrap(), [("1.2.0", &[][..]), ("1.3.0", &[])].map(version).into()),
        ("popup".parse().unwrap(), [("1.0.2", &[][..])].map(version).into()),
    ]
    .into()
}

fn ask(site: &str, wants: &[(&str, &str, &str)]) -> Ask {
    let want = |(feature, requirement, group): &(&str, &str, &str)| Want {
        feature: feature.parse().unwrap(),
        requirement: requirement.parse().unwrap(),
        through: match *group {
            "" => Through::Site,
            group => Through::Group(group.parse().unwrap()),
        },
        at: at(),
    };
    Ask {
        site: site.parse().unwrap(),
        platform: Some(Platform::Wordpress),
        wants: wants.iter().map(want).collect(),
        opt_outs: Vec::new(),
        holds: Vec::new(),
    }
}

fn asks() -> Vec<Ask> {
    let form = ("contact-form", "^2.1", "forms");
    let mut held = ask("hold.example", &[form]);
    held.holds.push(Hold {
        feature: "contact-form".parse().unwrap(),
        held: "2.1.4".parse().unwrap(),
        is_over: false,
        at: at(),
    });
    let mut without = ask("quiet.example", &[form]);
    without.platform = Some(Platform::React);
    without.opt_outs.push(OptOut { feature: "popup".parse().unwrap(), at: at() });
    vec![
        ask("a.example", &[form, ("popup", "*", "no")]),
        ask("b.example", &[form, ("contact-form", ">=2, <3", "")]),
        held,
        without,
    ]
}

fn lock(asks: &[Ask], before: Option<&Lock>, updates: &[Update]) -> Lock {
    Lock::of(&resolve(requirement_sets(asks), &catalog(), before, updates).unwrap())
}

#[test]
fn the_file_is_made_for_review() {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let (old, new, core, popup) =
        (digest("2.1.4"), digest("2.2.0"), digest("1.3.0"), digest("1.0.2"));
    let expected = format!(
        "\
# Which version of each feature every site gets, and because of what: each entry of `sets` is one
# combination of requirements, with the sites that have it. Written by `fleetctl lock`, obeyed by
# `fleetctl deploy`. Commit it. After a merge, run `fleetctl lock` again.
lock: 1

features:
  contact-form:
    2.1.4: sha256:{old}
    2.2.0: sha256:{new}
  form-core:
    1.3.0: sha256:{core}
  popup:
    1.0.2: sha256:{popup}

sets:
  - wants:
      contact-form:
        \">=2, <3\": [the site itself]
        \"^2.1\": [forms]
    platform: wordpress
    needs:
      form-core:
        \"^1.2\": [contact-form]
    gets:
      contact-form: 2.2.0
      form-core: 1.3.0
    sites:
      - b.example
  - wants:
      contact-form:
        \"^2.1\": [forms]
    platform: wordpress
    holds:
      contact-form: 2.1.4
    needs:
      form-core:
        \"^1.2\": [contact-form]
    gets:
      contact-form: 2.1.4
      form-core: 1.3.0
    sites:
      - hold.example
  - wants:
      contact-form:
        \"^2.1\": [forms]
    platform: react
    without: [popup]
    needs:
      form-core:
        \"^1.2\": [contact-form]
    gets:
      contact-form: 2.2.0
      form-core: 1.3.0
    sites:
      - quiet.example
  - wants:
      contact-form:
        \"^2.1\": [forms]
      popup:
        \"*\": [\"no\"]
    platform: wordpress
    needs:
      form-core:
        \"^1.2\": [contact-form]
    gets:
      contact-form: 2.2.0
      form-core: 1.3.0
      popup: 1.0.2
    sites:
      - a.example
"
    );
    assert_eq!(lock(&asks(), None, &[]).to_string(), expected);
}

#[test]
fn what_is_written_is_read_back() {
    for asks in [&asks()[..], &[]] {
        let lock = lock(asks, None, &[]);
        assert_eq!(Lock::parse("fleet.lock", &lock.to_string()), Ok(lock));
    }
}

#[test]
fn a_new_site_of_a_known_kind_is_named_and_changes_nothing_else() {
    let mut asks = asks();
    let before = lock(&asks, None, &[]).to_string();
    let mut more = asks[0].clone();
    more.site = "new.example".parse().unwrap();
    asks.push(more);
    let parsed = Lock::parse("fleet.lock", &before).unwrap();
    let after = lock(&asks, Some(&parsed), &[]).to_string();
    assert_eq!(after.replace("      - new.example\n", ""), before);
    assert_ne!(after, before);
}

#[test]
fn a_lock_answers_for_what_it_knows_and_gives_the_rest_back() {
    let lock = lock(&asks(), None, &[]);
    let mut asks = asks();
    asks.push(ask("new.example", &[("popup", "^1", "promo")]));
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for asked in requirement_sets(&asks) {
        match lock.answer(asked) {
            Ok(solved) => known.push(solved),
            Err(asked) => unknown.push(asked.sites),
        }
    }
    assert_eq!(known.len(), 4);
    let held = known.iter().find(|solved| !solved.asked.set.holds.is_empty()).unwrap();
    let chosen = &held.gets["contact-form"];
    assert!(chosen.held && chosen.version == Version::new(2, 1, 4));
    assert!(!held.gets["form-core"].held);
    assert_eq!(unknown, [BTreeSet::from(["new.example".parse().unwrap()])]);
}

#[test]
fn a_hold_that_was_over_when_it_was_locked_holds_nothing() {
    let mut asks = asks();
    let before = lock(&asks, None, &[]);
    asks[2].holds[0].is_over = true;
    let after = lock(&asks, Some(&before), &[]);
    let sets: Vec<_> = after.sets.iter().filter(|(set, _)| !set.holds.is_empty()).collect();
    assert_eq!(sets[0].1.over.len(), 1);
    // The hold was why it was locked: the site gets what its like have.
    assert_eq!(sets[0].1.gets["contact-form"], Version::new(2, 2, 0));
    assert_eq!(Lock::parse("fleet.lock", &after.to_string()), Ok(after.clone()));
    // From now on it is locked like any other.
    let update = Update {
        feature: Some("contact-form".parse().unwrap()),
        requirement: Some("2.1.4".parse().unwrap()),
    };
    let back = lock(&asks, Some(&after), &[update]);
    let others = |lock: &Lock| {
        lock.sets
            .values()
            .filter(|locked| locked.over.len() == 1)
            .map(|locked| locked.gets["contact-form"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&lock(&asks, Some(&back), &[])), [Version::new(2, 1, 4)]);
}

#[test]
fn moves_are_told_once_for_all_their_sites() {
    let update = |text: &str| Update {
        feature: Some("contact-form".parse().unwrap()),
        requirement: Some(text.parse().unwrap()),
    };
    let before = lock(&asks(), None, &[update("2.1.4")]);
    let after = resolve(requirement_sets(&asks()), &catalog(), Some(&before), &[update("^2.2")]);
    let after = after.unwrap();
    let shown: Vec<String> = moves(Some(&before), &after, &OptOuts::new(), (&catalog(), &[]))
        .moves
        .iter()
        .map(|step| format!("{} {:?} {}", step.feature, step.from, step.sites.len()))
        .collect();
    assert_eq!(shown, ["contact-form Some(Version { major: 2, minor: 1, patch: 4 }) 3"]);
    assert_eq!(
        moves(Some(&Lock::of(&after)), &after, &OptOuts::new(), (&catalog(), &[])),
        Moves::default()
    );
    assert_eq!(moves(None, &after, &OptOuts::new(), (&catalog(), &[])).moves.len(), 4);
}

#[track_caller]
fn refused(old: &str, new: &str, says: &str) {
    let text = lock(&asks(), None, &[]).to_string();
    assert!(text.contains(old), "{old}");
    let said = Lock::parse("fleet.lock", &text.replacen(old, new, 1)).unwrap_err().to_string();
    assert!(said.contains(says), "{says:?} is not in\n{said}");
}

#[test]
fn what_a_merge_or_a_hand_left_behind_is_told_with_its_line() {
    refused("sets:\n", "<<<<<<< HEAD\nsets:\n", "fleet.lock:15:1: a merge left its marks here");
    refused("lock: 1", "lock: 2", "fleet.lock:4:7: this lock has the form 2");
    refused("lock: 1", "lock: one", "expected `1`, the form of this file");
    refused("lock: 1", "lokc: 1", "`lock` is missing");
    refused("sha256:", "sha1:", "expected `sha256:` and 64 hexadecimal characters");
    refused("    2.2.0: sha", "    2.2: sha", "fleet.lock:9:5");
    refused(
        "contact-form: 2.2.0",
        "contact-form: 2.9.0",
        "contact-form 2.9.0 is not among `features`",
    );
    refused(
        "      contact-form: 2.2.0\n",
        "",
        "contact-form is wanted, and no version of it is locked",
    );
    refused("platform: wordpress", "platform: django", "there is no platform `django`");
    refused("\"^2.1\": [forms]", "\"2.1\": [forms]", "could mean several things");
    refused("    gets:", "    got:", "unknown key `got` in a set");
    refused("- b.example", "- -b.example", "fleet.lock:28:9");
    let many = "      - \"s[00001:99999].example\"\n".repeat(12);
    let many = format!("{}      - b.example", many.trim_start());
    refused("- b.example", &many, "fleet.lock:38:9: more sites than a lock may name");
    let text = lock(&asks(), None, &[]).to_string();
    let set = text.split("  - wants").last().unwrap();
    let twice = format!("{text}  - wants{set}");
    let said = Lock::parse("fleet.lock", &twice).unwrap_err().to_string();
    assert!(said.contains("these requirements are here twice: already in line 56"), "{said}");
}

proptest! {
    #[test]
    fn no_changed_character_makes_the_reader_panic(
        at in 0..2000_usize,
        with in prop::sample::select(vec!["", " ", "\n", ":", "[", "}", "\"", "&", "*", "é", "-", "0"]),
    ) {
        let text = lock(&asks(), None, &[]).to_string();
        let at = at % text.len();
        let text = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        // What is read is also written again, and read as the same.
        if let Ok(read) = Lock::parse("f", &text) {
            prop_assert_eq!(Lock::parse("f", &read.to_string()), Ok(read));
        }
    }
}
