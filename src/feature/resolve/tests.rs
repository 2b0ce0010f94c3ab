use proptest::prelude::*;

use super::*;

fn catalog(features: &[(&str, &[&str])]) -> Catalog {
    let version = |text: &&str| {
        let yanked = text.strip_suffix('!').map(|_| "it loses mail".to_owned());
        let version: Version = text.trim_end_matches('!').parse().unwrap();
        let digest = Digest::of(version.to_string().as_bytes());
        (version, Published { digest, yanked })
    };
    features
        .iter()
        .map(|(name, versions)| (name.parse().unwrap(), versions.iter().map(version).collect()))
        .collect()
}

fn at(line: u32) -> Position {
    Position { file: "inventory/sites.yml".into(), line, column: 5 }
}

/// `site < group: feature requirement`, or `site: feature requirement`.
fn wants(lines: &[&str]) -> Vec<Want> {
    let want = |(line, text): (u32, &&str)| {
        let (who, what) = text.split_once(": ").unwrap();
        let (site, through) = match who.split_once(" < ") {
            Some((site, group)) => (site, Through::Group(group.parse().unwrap())),
            None => (who, Through::Site),
        };
        let (feature, requirement) = what.split_once(' ').unwrap();
        Want {
            site: site.parse().unwrap(),
            feature: feature.parse().unwrap(),
            requirement: requirement.parse().unwrap(),
            through,
            at: at(line),
        }
    };
    (1..).zip(lines).map(want).collect()
}

fn hold(site: &str, feature: &str, version: &str) -> Hold {
    Hold {
        site: site.parse().unwrap(),
        feature: feature.parse().unwrap(),
        version: version.parse().unwrap(),
        at: at(90),
    }
}

fn chosen(choice: &Choice) -> Vec<String> {
    let site = |(site, features): (&SiteName, &BTreeMap<FeatureName, Chosen>)| {
        let all = features.iter().map(|(name, chosen)| format!("{name} {}", chosen.version));
        format!("{site}: {}", all.collect::<Vec<_>>().join(", "))
    };
    choice.iter().map(site).collect()
}

const FORM: &[(&str, &[&str])] = &[
    ("contact-form", &["1.9.0", "2.0.0", "2.1.4", "2.2.0", "2.3.0!", "3.0.0-rc.1"]),
    ("popup", &["1.0.0", "1.1.0"]),
];

#[test]
fn a_site_gets_the_newest_version_that_satisfies_everybody() {
    let wants = wants(&[
        "a.example < forms: contact-form ^2.0",
        "a.example < eu: contact-form ~2.1",
        "a.example < promo: popup ^1.0",
        "b.example < forms: contact-form ^2.0",
        "c.example: contact-form *",
        "d.example: contact-form 3.0.0-rc.1",
        "e.example: contact-form >=1, <2",
    ]);
    let choice = resolve(&wants, &catalog(FORM), &[]).unwrap();
    assert_eq!(
        chosen(&choice),
        [
            "a.example: contact-form 2.1.4, popup 1.1.0",
            "b.example: contact-form 2.2.0",
            "c.example: contact-form 2.2.0",
            "d.example: contact-form 3.0.0-rc.1",
            "e.example: contact-form 1.9.0",
        ]
    );
}

#[test]
fn a_hold_decides_for_its_site_alone_even_for_a_yanked_version() {
    let wants =
        wants(&["a.example < forms: contact-form ^2.1", "b.example < forms: contact-form ^2.1"]);
    for version in ["2.0.0", "2.3.0"] {
        let holds = [hold("a.example", "contact-form", version)];
        let choice = resolve(&wants, &catalog(FORM), &holds).unwrap();
        assert_eq!(
            chosen(&choice),
            [&format!("a.example: contact-form {version}"), "b.example: contact-form 2.2.0"]
        );
        assert!(choice["a.example"]["contact-form"].held);
    }
    // A hold alone gives nobody a feature.
    let holds = [hold("z.example", "contact-form", "2.0.0")];
    assert!(!resolve(&wants, &catalog(FORM), &holds).unwrap().contains_key("z.example"));
}

#[track_caller]
fn refused(lines: &[&str], holds: &[Hold], parts: &[&str]) {
    let conflict = resolve(&wants(lines), &catalog(FORM), holds).unwrap_err().to_string();
    for part in parts {
        assert!(conflict.contains(part), "{part:?} is not in\n{conflict}");
    }
}

#[test]
fn a_conflict_says_who_wants_what_through_which_line_and_what_there_is() {
    refused(
        &["a.example < forms: contact-form ^2.1", "a.example < old: contact-form ^1.0"],
        &[],
        &[
            "no published version of contact-form satisfies everybody: a.example wants",
            "^2.1  through group forms, inventory/sites.yml:1:5",
            "^1.0  through group old, inventory/sites.yml:2:5",
            "opt out with `features: { contact-form: false }` at a.example",
            "published of contact-form: 1.9.0, 2.0.0, 2.1.4, 2.2.0, 2.3.0 (yanked), 3.0.0-rc.1 (a pre-release",
        ],
    );
    refused(
        &["a.example < forms: contact-form ^4", "b.example < forms: contact-form ^4"],
        &[],
        &["a.example wants\n    ^4", "nothing published satisfies ^4"],
    );
    refused(
        &["a.example: contact-form ~2.3"],
        &[],
        &["inventory/sites.yml:1:5", "2.3.0 would do, and was yanked: it loses mail"],
    );
    refused(
        &["a.example: contact-form ^3"],
        &[],
        &["3.0.0-rc.1 (a pre-release: ask for it by name)"],
    );
    refused(
        &["a.example: contact-from ^2"],
        &[],
        &["`contact-from` was never published", "did you mean `contact-form`?"],
    );
    refused(&["a.example: gallery ^2"], &[], &["fleetctl feature publish features/gallery"]);
    refused(
        &["a.example: contact-form ^2"],
        &[hold("a.example", "contact-form", "2.1.5")],
        &[
            "inventory/sites.yml:90:5: a.example is held at contact-form 2.1.5, which was never published",
        ],
    );
}

#[test]
fn one_conflict_of_many_sites_is_told_once() {
    let mut all: Vec<Want> = Vec::new();
    for index in 0..60 {
        let mut want = wants(&["a.example < forms: contact-form ^4"]);
        want[0].site = format!("s{index:02}.example").parse().unwrap();
        all.append(&mut want);
    }
    let conflict = resolve(&all, &catalog(FORM), &[]).unwrap_err();
    assert_eq!(conflict.0.len(), 1);
    assert!(conflict.to_string().contains("s00.example, s01.example, s02.example and 57 more"));
}

#[test]
fn ten_thousand_sites_are_resolved_at_once() {
    let mut all: Vec<Want> = Vec::new();
    for index in 0..10_000 {
        let lines = ["a.example < forms: contact-form ^2", "a.example < promo: popup ^1"];
        for mut want in wants(&lines) {
            want.site = format!("s{index}.example").parse().unwrap();
            all.push(want);
        }
    }
    let began = std::time::Instant::now();
    assert_eq!(resolve(&all, &catalog(FORM), &[]).unwrap().len(), 10_000);
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
}

proptest! {
    /// The reference: try every version, newest first.
    #[test]
    fn the_choice_is_the_newest_that_fits(
        versions in prop::collection::btree_set((0..3_u64, 0..3_u64, 0..3_u64), 1..8),
        yanked in any::<u8>(),
        requirements in prop::collection::vec((0..3_u64, 0..3_u64, prop::sample::select(vec!["^", "~", ">=", "<", "="])), 1..4),
    ) {
        let versions: Vec<Version> = versions.into_iter().map(|(a, b, c)| Version::new(a, b, c)).collect();
        let is_yanked = |index: usize| yanked & (1 << index) != 0;
        let published = versions.iter().enumerate().map(|(index, version)| {
            let yanked = is_yanked(index).then(|| "x".to_owned());
            (version.clone(), Published { digest: Digest::of(b""), yanked })
        });
        let catalog: Catalog = [("f".parse().unwrap(), published.collect())].into();
        let requirements: Vec<String> = requirements.iter().map(|(a, b, op)| format!("{op}{a}.{b}")).collect();
        let wants: Vec<Want> = requirements.iter().map(|text| Want {
            site: "a".parse().unwrap(),
            feature: "f".parse().unwrap(),
            requirement: text.parse().unwrap(),
            through: Through::Site,
            at: at(1),
        }).collect();
        let reqs: Vec<semver::VersionReq> = requirements.iter().map(|text| text.parse().unwrap()).collect();
        let best = versions.iter().enumerate().rev()
            .find(|(index, version)| !is_yanked(*index) && reqs.iter().all(|req| req.matches(version)))
            .map(|(_, version)| version);
        let found = resolve(&wants, &catalog, &[]);
        let found = found.as_ref().ok().map(|choice| &choice["a"]["f"].version);
        prop_assert_eq!(found, best);
    }
}
