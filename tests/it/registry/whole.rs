//! What a registry in a bucket does when nothing goes wrong, and when many want the same.

use std::{collections::BTreeSet, thread};

use fleetctl::{
    model::{ArtifactPath, Digest, FeatureName},
    registry::{Publication, RegistryError, verify},
};
use semver::Version;
use tempfile::TempDir;

use super::{PATIENCE, VERSION, name, noise, registry, server, source};

#[test]
fn what_is_published_is_read_back_anywhere() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    assert_eq!(here.catalog().unwrap().len(), 0);
    let (_directory, source) = source(b"let a = 1;\n");
    let digest = source.manifest.digest();
    assert_eq!(here.publish(&source).unwrap(), Publication::Fresh(digest));
    assert_eq!(here.publish(&source).unwrap(), Publication::Known(digest));
    let expected = [
        format!("fleet/contact-form/2.1.0/{digest}/artifact.tar.gz"),
        format!("fleet/contact-form/2.1.0/{digest}/feature.yml"),
        "fleet/contact-form/2.1.0/manifest".to_owned(),
    ];
    assert_eq!(server::keys(&bucket), expected);
    for expected in [None, Some(&digest)] {
        let elsewhere = TempDir::new().unwrap();
        let there = registry(server::port(), &bucket, elsewhere.path(), PATIENCE);
        assert_eq!(there.catalog().unwrap()[&name()][&VERSION].digest, digest);
        let open = there.open(&name(), &VERSION, expected).unwrap();
        assert_eq!((open.digest, &open.manifest), (digest, &source.manifest));
        assert_eq!(verify(&open.archive).unwrap(), source.manifest);
        let script = ArtifactPath::new("files/common/public/contact-form.js").unwrap();
        let contents = open.contents(&BTreeSet::from([script.clone()])).unwrap();
        assert_eq!(contents[&script].as_ref(), b"let a = 1;\n");
    }
}

#[test]
fn an_artifact_of_several_parts_is_whole() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let (_directory, source) = source(&noise((11 << 20) + 17));
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    here.publish(&source).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let there = registry(server::port(), &bucket, elsewhere.path(), PATIENCE);
    let open = there.open(&name(), &VERSION, None).unwrap();
    assert_eq!(verify(&open.archive).unwrap(), source.manifest);
}

#[test]
fn pre_releases_are_keys_too() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    let directory = TempDir::new().unwrap();
    super::write_feature(directory.path(), "3.0.0-rc.1-x", b"x");
    let source = fleetctl::registry::read_source(directory.path(), "f").unwrap();
    here.publish(&source).unwrap();
    let version: Version = "3.0.0-rc.1-x".parse().unwrap();
    assert!(here.catalog().unwrap()[&name()].contains_key(&version));
    let elsewhere = TempDir::new().unwrap();
    let there = registry(server::port(), &bucket, elsewhere.path(), PATIENCE);
    assert_eq!(there.open(&name(), &version, None).unwrap().digest, source.manifest.digest());
}

#[test]
fn other_content_under_a_published_version_is_refused_with_both_digests() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    let ((_one, first), (_two, second)) = (source(b"1"), source(b"2"));
    here.publish(&first).unwrap();
    let error = here.publish(&second).unwrap_err().to_string();
    for part in ["contact-form 2.1.0 is already published", "raise `version`"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(error.contains(&first.manifest.digest().to_string()), "{error}");
    assert!(error.contains(&second.manifest.digest().to_string()), "{error}");
    let other = Digest::of(b"other");
    let error = here.open(&name(), &VERSION, Some(&other)).unwrap_err();
    assert!(matches!(error, RegistryError::Replaced { .. }), "{error}");
}

#[test]
fn of_eight_publishers_at_once_one_wins_and_nothing_is_mixed() {
    for round in 0..3 {
        let bucket = server::bucket();
        let sources: Vec<_> = (0..8).map(|n| source(format!("{round} {n}").as_bytes())).collect();
        let results: Vec<_> = thread::scope(|scope| {
            let publish = |(_, source)| {
                let bucket = &bucket;
                scope.spawn(move || {
                    let cache = TempDir::new().unwrap();
                    registry(server::port(), bucket, cache.path(), PATIENCE).publish(source)
                })
            };
            let all: Vec<_> = sources.iter().map(|(d, s)| publish((d, s))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let cache = TempDir::new().unwrap();
        let there = registry(server::port(), &bucket, cache.path(), PATIENCE);
        let open = there.open(&name(), &VERSION, None).unwrap();
        open.contents(&BTreeSet::new()).unwrap();
        for ((_, source), result) in sources.iter().zip(&results) {
            let offered = source.manifest.digest();
            match result {
                Ok(Publication::Fresh(digest)) => {
                    assert_eq!((*digest, offered), (open.digest, open.digest));
                }
                Err(error @ RegistryError::Taken { published, .. }) => {
                    assert_eq!(*published, open.digest);
                    assert_ne!(offered, open.digest);
                    let text = error.to_string();
                    assert!(text.contains(&open.digest.to_string()), "{text}");
                    assert!(text.contains(&offered.to_string()), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    }
}

#[test]
fn eight_publishers_of_the_same_are_all_content() {
    let bucket = server::bucket();
    let (_directory, source) = source(b"same");
    let results: Vec<_> = thread::scope(|scope| {
        let publish = || {
            let cache = TempDir::new().unwrap();
            registry(server::port(), &bucket, cache.path(), PATIENCE).publish(&source)
        };
        let all: Vec<_> = (0..8).map(|_| scope.spawn(publish)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let fresh = results.iter().filter(|result| matches!(result, Ok(Publication::Fresh(_)))).count();
    assert_eq!(fresh, 1, "{results:?}");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(server::keys(&bucket).len(), 3);
}

#[test]
fn a_yank_is_told_and_taken_back() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    let (_directory, source) = source(b"x");
    here.publish(&source).unwrap();
    here.yank(&name(), &VERSION, "loses\nmail").unwrap();
    let yanked = || here.catalog().unwrap()[&name()][&VERSION].yanked.clone();
    assert_eq!(yanked().as_deref(), Some("loses mail"));
    assert!(here.open(&name(), &VERSION, None).is_ok());
    assert!(here.unyank(&name(), &VERSION).unwrap());
    assert!(!here.unyank(&name(), &VERSION).unwrap());
    assert_eq!(yanked(), None);
    let missing = here.yank(&name(), &Version::new(9, 0, 0), "x").unwrap_err().to_string();
    assert!(missing.contains("hint: published are 2.1.0"), "{missing}");
    let typo = FeatureName::new("contact-from").unwrap();
    let missing = here.open(&typo, &VERSION, None).unwrap_err().to_string();
    assert!(missing.contains("did you mean `contact-form`?"), "{missing}");
}

#[test]
fn a_long_catalog_comes_in_pages() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    // Neighbours of ours, more than one page of them.
    thread::scope(|scope| {
        for part in 0..4 {
            let bucket = &bucket;
            scope.spawn(move || {
                for n in 0..275 {
                    server::put(bucket, &format!("fleet/a/b/c/{part}/{n}"), b"");
                }
            });
        }
    });
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    let (_directory, source) = source(b"x");
    here.publish(&source).unwrap();
    assert_eq!(here.catalog().unwrap().len(), 1);
}

#[test]
fn what_is_damaged_in_the_bucket_is_found() {
    let bucket = server::bucket();
    let (_directory, source) = source(b"let a = 1;\n");
    let digest = source.manifest.digest();
    let cache = TempDir::new().unwrap();
    registry(server::port(), &bucket, cache.path(), PATIENCE).publish(&source).unwrap();
    for (key, expected) in [
        (format!("{digest}/artifact.tar.gz"), "2.1.0: damaged: "),
        (format!("{digest}/feature.yml"), "2.1.0: damaged: it is not what the manifest says"),
        ("manifest".to_owned(), "manifest: damaged: "),
    ] {
        server::put(&bucket, &format!("fleet/contact-form/2.1.0/{key}"), b"not this");
        let elsewhere = TempDir::new().unwrap();
        let there = registry(server::port(), &bucket, elsewhere.path(), PATIENCE);
        let error = there.open(&name(), &VERSION, None).unwrap_err().to_string();
        assert!(error.contains(&format!("s3://{bucket}/fleet/contact-form/2.1.0")), "{error}");
        assert!(error.contains(expected), "{key}: {error}");
    }
}
