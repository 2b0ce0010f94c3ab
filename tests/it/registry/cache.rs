//! The cache of what a bucket holds: enough to go on without a network, and never believed.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;

use super::{
    PATIENCE, VERSION,
    moody::{Mood, Moody},
    name, registry, server, source,
};

#[test]
fn what_is_cached_needs_no_network() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let wire = Moody::to(server::port(), |_| Mood::Pass);
    let here = registry(wire.port, &bucket, cache.path(), PATIENCE);
    let (_directory, source) = source(b"x");
    let digest = source.manifest.digest();
    here.publish(&source).unwrap();
    let before = wire.seen().len();
    // This process, and another one whose network is gone.
    let nowhere = registry(1, &bucket, cache.path(), PATIENCE);
    for registry in [&here, &nowhere] {
        let open = registry.open(&name(), &VERSION, Some(&digest)).unwrap();
        open.contents(&BTreeSet::new()).unwrap();
        registry.open(&name(), &VERSION, None).unwrap();
    }
    assert_eq!(wire.seen().len(), before, "{:?}", wire.seen());
    assert!(nowhere.catalog().is_err());
}

#[test]
fn a_damaged_entry_is_fetched_anew() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let (_directory, source) = source(b"let a = 1;\n");
    let digest = source.manifest.digest();
    registry(server::port(), &bucket, cache.path(), PATIENCE).publish(&source).unwrap();
    let entry = cache.path().join(digest.to_string());
    for file in ["artifact.tar.gz", "feature.yml", "manifest"] {
        let path = entry.join(file);
        let good = fs::read(&path).unwrap();
        let half = good[..good.len() / 2].to_vec();
        for bad in [Some(half), Some(b"nonsense".to_vec()), None] {
            match &bad {
                Some(bad) => fs::write(&path, bad).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let nowhere = registry(1, &bucket, cache.path(), PATIENCE);
            assert!(nowhere.open(&name(), &VERSION, Some(&digest)).is_err(), "{file}");
            let again = registry(server::port(), &bucket, cache.path(), PATIENCE);
            let open = again.open(&name(), &VERSION, Some(&digest)).unwrap();
            open.contents(&BTreeSet::new()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), good, "{file}");
        }
    }
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "something was left behind");
}

#[test]
fn the_cache_is_nobody_elses_to_read() {
    let (bucket, parent) = (server::bucket(), TempDir::new().unwrap());
    let (_directory, source) = source(b"x");
    let digest = source.manifest.digest();
    for (place, is_publisher) in [("one", true), ("two", false)] {
        let cache = parent.path().join(place).join("artifacts");
        let registry = registry(server::port(), &bucket, &cache, PATIENCE);
        if is_publisher {
            registry.publish(&source).unwrap();
        } else {
            registry.open(&name(), &VERSION, None).unwrap();
        }
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode();
        let entry = cache.join(digest.to_string());
        assert_eq!((mode(&cache) & 0o777, mode(&entry) & 0o777), (0o700, 0o700));
        for file in fs::read_dir(&entry).unwrap() {
            assert_eq!(mode(&file.unwrap().path()) & 0o777, 0o600);
        }
    }
}
