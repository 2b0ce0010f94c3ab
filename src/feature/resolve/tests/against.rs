//! What stands against newer versions, found by trying them.

use super::*;

pub(super) fn world(features: &[(&str, &[(&str, &str)])]) -> Catalog {
    let each = features.iter().map(|(name, versions)| {
        let versions = versions.iter().map(|(text, words)| {
            let version: Version = text.parse().unwrap();
            (version.clone(), published(&version, words))
        });
        (name.parse().unwrap(), versions.collect())
    });
    each.collect()
}

/// "2.0.0: …" for each version of foo that is newer than the one that is chosen.
fn newer_foo(asks: &[Ask], locked: &Catalog, now: &Catalog) -> Vec<String> {
    let lock = Lock::of(&resolve(requirement_sets(asks), locked, None, &[]).unwrap());
    let resolution = resolve(requirement_sets(asks), now, Some(&lock), &[]).unwrap();
    let solved = resolution.sets.first().unwrap();
    let (trials, foo) = (Trials::new(now, Some(&lock)), "foo".parse().unwrap());
    trials.newer(solved, &foo).map(|(version, against)| format!("{version}: {against:?}")).collect()
}

#[test]
fn each_reason_is_found_and_the_lock_is_the_last_of_them() {
    let old: &[(&str, &str)] = &[("1.0.0", "")];
    let bar: &[(&str, &str)] = &[("1.0.0", "needs core ^1")];
    let core: &[(&str, &str)] = &[("1.0.0", "")];
    let more: &[(&str, &str)] = &[("1.0.0", ""), ("1.1.0", ""), ("2.0.0", "")];
    let foo: &[(&str, &str)] = &[
        ("1.0.0", ""),
        ("1.1.0", "needs core ^1.1"),
        ("1.2.0", "needs core ^2"),
        ("1.3.0", "yanked it is slow"),
        ("1.4.0", "only react"),
        ("1.5.0-rc.1", ""),
        ("2.0.0", ""),
    ];
    let mut ask = site("a.example", &["foo ^1", "bar *"]);
    ask.platform = Some(Platform::Static);
    let locked = world(&[("foo", old), ("bar", bar), ("core", core)]);
    let now = world(&[("foo", foo), ("bar", bar), ("core", more)]);
    let told = newer_foo(&[ask], &locked, &now);
    let expected = [
        "2.0.0: Asked { requirement: Requirement { text: \"^1\"",
        "1.5.0-rc.1: PreRelease",
        "1.4.0: Platforms({React})",
        "1.3.0: Yanked(\"it is slow\")",
        "1.2.0: Impossible([\"bar 1.0.0, the only one that would do, needs core ^1\", \"foo 1.2.0 needs core ^2\"])",
        "1.1.0: Possible([(FeatureName(\"core\"), Some(Version { major: 1, minor: 1, patch: 0 }))])",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nis not\n{expected}");
    }
}

#[test]
fn what_is_opted_out_of_stands_against_what_needs_it() {
    let mut ask = site("a.example", &["foo ^1"]);
    ask.opt_outs.push(OptOut { feature: "core".parse().unwrap(), at: at(9) });
    let core: &[(&str, &str)] = &[("1.0.0", "")];
    let locked = world(&[("foo", &[("1.0.0", "")]), ("core", core)]);
    let now = world(&[("foo", &[("1.0.0", ""), ("1.1.0", "needs core ^1")]), ("core", core)]);
    assert_eq!(
        newer_foo(&[ask], &locked, &now),
        [
            "1.1.0: Impossible([\"foo 1.1.0 needs core ^1\", \"core is opted out of, inventory/sites.yml:9:5\"])"
        ]
    );
}
