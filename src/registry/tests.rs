use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    thread,
};

use semver::Version;
use tempfile::TempDir;

use super::*;
use crate::model::{ArtifactPath, FeatureName};

const DEFINITION: &str = "\
name: contact-form
version: 2.1.0
platforms: [static]
mount: { static: public/contact-form.js }
";

fn feature_directory(script: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let public = directory.path().join("files/common/public");
    fs::create_dir_all(&public).unwrap();
    fs::write(public.join("contact-form.js"), script).unwrap();
    fs::write(directory.path().join("feature.yml"), DEFINITION).unwrap();
    directory
}

fn source(script: &str) -> (TempDir, FeatureSource) {
    let directory = feature_directory(script);
    let source = read_source(directory.path(), "features/contact-form").unwrap();
    (directory, source)
}

fn name() -> FeatureName {
    FeatureName::new("contact-form").unwrap()
}

const VERSION: Version = Version::new(2, 1, 0);

fn registry() -> (TempDir, Registry) {
    let root = tempfile::tempdir().unwrap();
    let registry = Registry::new(root.path().join("registry"));
    (root, registry)
}

/// All paths below the registry.
fn listing(root: &TempDir) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![root.path().to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root.path()).unwrap().display().to_string());
            if path.is_dir() {
                left.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_published_is_read_back() {
    let (root, registry) = registry();
    let (_directory, source) = source("let a = 1;\n");
    let digest = source.manifest.digest();
    assert_eq!(registry.publish(&source).unwrap(), Publication::Fresh(digest));
    assert_eq!(registry.publish(&source).unwrap(), Publication::Known(digest));
    let open = registry.open(&name(), &VERSION, Some(&digest)).unwrap();
    assert_eq!((open.digest, &open.manifest), (digest, &source.manifest));
    let wanted: BTreeSet<_> =
        [ArtifactPath::new("files/common/public/contact-form.js").unwrap()].into();
    let contents = open.contents(&wanted).unwrap();
    assert_eq!(contents.values().next().unwrap().as_ref(), b"let a = 1;\n");
    assert_eq!(verify(&open.archive).unwrap(), source.manifest);
    let catalog = registry.catalog().unwrap();
    assert_eq!(catalog[&name()][&VERSION].digest, digest);
    assert_eq!(
        listing(&root),
        [
            "registry",
            "registry/contact-form",
            "registry/contact-form/2.1.0",
            "registry/contact-form/2.1.0/artifact.tar.gz",
            "registry/contact-form/2.1.0/feature.yml",
            "registry/contact-form/2.1.0/manifest",
        ]
    );
}

#[test]
fn the_digest_depends_on_nothing_but_the_content() {
    let (_one, first) = source("x");
    let second = tempfile::tempdir().unwrap();
    let root = second.path();
    fs::write(root.join("feature.yml"), DEFINITION).unwrap();
    fs::create_dir_all(root.join("files/common/public")).unwrap();
    let file = root.join("files/common/public/contact-form.js");
    fs::write(&file, "x").unwrap();
    // Other times, modes and owners' bits, and what is left out.
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    fs::set_permissions(root.join("files"), PermissionsExt::from_mode(0o700)).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    fs::create_dir_all(root.join("empty/below")).unwrap();
    fs::create_dir_all(root.join(".git/objects")).unwrap();
    for junk in [".git/HEAD", "feature.yml~", ".feature.yml.swp", "#feature.yml#", ".DS_Store"] {
        fs::write(root.join(junk), "junk").unwrap();
    }
    symlink("nowhere", root.join(".#feature.yml")).unwrap();
    let second = read_source(root, "features/contact-form").unwrap();
    assert_eq!(first.manifest, second.manifest);
    assert_eq!(
        first.manifest.digest().to_string(),
        "a95fb4363787929f4e5e30f5fc4239b646627b4c3db3b155645a359dac83b694"
    );
    fs::set_permissions(&file, PermissionsExt::from_mode(0o711)).unwrap();
    let third = read_source(root, "features/contact-form").unwrap();
    assert_ne!(first.manifest, third.manifest);
}

#[test]
fn other_content_under_a_published_version_is_refused_with_both_digests() {
    let (_root, registry) = registry();
    let (_one, first) = source("1");
    let (_two, second) = source("2");
    registry.publish(&first).unwrap();
    let error = registry.publish(&second).unwrap_err().to_string();
    for part in ["contact-form 2.1.0 is already published", "raise `version`"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(error.contains(&first.manifest.digest().to_string()), "{error}");
    assert!(error.contains(&second.manifest.digest().to_string()), "{error}");
    assert_eq!(registry.open(&name(), &VERSION, None).unwrap().digest, first.manifest.digest());
}

#[test]
fn of_many_publishers_at_once_one_wins_and_nothing_is_mixed() {
    for _ in 0..20 {
        let (root, registry) = registry();
        let sources: Vec<_> =
            (0..6).map(|n| source(if n % 2 == 0 { "even" } else { "odd" })).collect();
        let results: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = sources
                .iter()
                .map(|(_, source)| scope.spawn(|| registry.publish(source)))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let open = registry.open(&name(), &VERSION, None).unwrap();
        open.contents(&BTreeSet::new()).unwrap();
        let fresh = results.iter().filter(|r| matches!(r, Ok(Publication::Fresh(_)))).count();
        assert_eq!(fresh, 1, "{results:?}");
        for ((_, source), result) in sources.iter().zip(&results) {
            let same = source.manifest.digest() == open.digest;
            assert_eq!(result.is_ok(), same, "{result:?}");
            assert!(same || matches!(result, Err(RegistryError::Taken { .. })), "{result:?}");
        }
        assert!(!listing(&root).iter().any(|path| path.contains(".publishing")));
    }
}

#[test]
fn a_publication_that_was_cut_is_invisible_and_swept_away_later() {
    let (root, registry) = registry();
    let (_directory, source) = source("x");
    let cut = root.path().join("registry/contact-form/.publishing-abc");
    fs::create_dir_all(&cut).unwrap();
    fs::write(cut.join("manifest"), "half").unwrap();
    assert_eq!(registry.catalog().unwrap()[&name()].len(), 0);
    assert!(registry.open(&name(), &VERSION, None).is_err());
    // Somebody who is still writing is left alone.
    let busy = root.path().join("registry/contact-form/.publishing-busy");
    fs::create_dir_all(&busy).unwrap();
    let lock = fs::File::open(&busy).unwrap();
    lock.lock().unwrap();
    registry.publish(&source).unwrap();
    assert!(!cut.exists());
    assert!(busy.exists());
    assert_eq!(registry.catalog().unwrap()[&name()].len(), 1);
}

#[test]
fn a_file_that_changes_while_it_is_published_leaves_nothing() {
    let (root, registry) = registry();
    let (directory, source) = source("before");
    fs::write(directory.path().join("files/common/public/contact-form.js"), "after!").unwrap();
    let error = registry.publish(&source).unwrap_err().to_string();
    assert!(error.contains("did the file change"), "{error}");
    assert_eq!(listing(&root), ["registry", "registry/contact-form"]);
}

#[test]
fn damage_in_the_registry_is_found() {
    let mut flipped = 0;
    for file in ["manifest", "artifact.tar.gz", "feature.yml"] {
        let (root, registry) = registry();
        let (_directory, source) = source("let a = 1;\n");
        registry.publish(&source).unwrap();
        let path = root.path().join("registry/contact-form/2.1.0").join(file);
        let good = fs::read(&path).unwrap();
        let digest = source.manifest.digest();
        let script = ArtifactPath::new("files/common/public/contact-form.js").unwrap();
        let check = || -> Result<Vec<u8>, RegistryError> {
            let open = registry.open(&name(), &VERSION, Some(&digest))?;
            Ok(open.contents(&[script.clone()].into())?[&script].to_vec())
        };
        check().unwrap();
        for end in [0, good.len() / 2, good.len() - 1] {
            fs::write(&path, &good[..end]).unwrap();
            assert!(check().is_err(), "{file} cut at {end}");
        }
        let mut harmless = 0;
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bad).unwrap();
            flipped += 1;
            match check() {
                Err(_) => {}
                // A few bits of a compressed stream mean nothing (RFC 1951, RFC 1952).
                Ok(content) if file == "artifact.tar.gz" => {
                    harmless += 1;
                    assert_eq!(content, b"let a = 1;\n", "{file}, bit {bit}");
                }
                Ok(_) => panic!("{file}, bit {bit}: not noticed"),
            }
        }
        assert!(harmless < 100, "{file}: {harmless}");
        fs::remove_file(&path).unwrap();
        assert!(check().is_err(), "{file} gone");
    }
    println!("{flipped} bits flipped");
}

#[test]
fn another_digest_than_expected_is_refused() {
    let (_root, registry) = registry();
    let (_directory, source) = source("x");
    registry.publish(&source).unwrap();
    let other = Digest::of(b"other");
    let error = registry.open(&name(), &VERSION, Some(&other)).unwrap_err().to_string();
    assert!(error.contains(&other.to_string()), "{error}");
}

#[test]
fn a_yanked_version_says_why_and_stays() {
    let (_root, registry) = registry();
    let (_directory, source) = source("x");
    registry.publish(&source).unwrap();
    registry.yank(&name(), &VERSION, "loses\nmail").unwrap();
    let catalog = registry.catalog().unwrap();
    assert_eq!(catalog[&name()][&VERSION].yanked.as_deref(), Some("loses mail"));
    assert!(registry.open(&name(), &VERSION, None).is_ok());
    let missing = registry.yank(&name(), &Version::new(9, 0, 0), "x").unwrap_err().to_string();
    assert!(missing.contains("hint: published are 2.1.0"), "{missing}");
    let typo = FeatureName::new("contact-from").unwrap();
    let missing = registry.open(&typo, &VERSION, None).unwrap_err().to_string();
    assert!(missing.contains("did you mean `contact-form`?"), "{missing}");
}

#[test]
fn what_is_no_version_in_a_registry_is_told() {
    let (root, registry) = registry();
    fs::create_dir_all(root.path().join("registry/contact-form/2.1")).unwrap();
    let error = registry.catalog().unwrap_err().to_string();
    assert!(error.contains("contact-form/2.1: damaged: its name is no version"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_an_artifact_is_refused_with_everything_wrong() {
    let directory = feature_directory("x");
    let root = directory.path();
    symlink("/etc/passwd", root.join("files/common/public/passwd")).unwrap();
    std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    fs::write(root.join("files/common/public/a\nb"), "").unwrap();
    let bytes = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9");
    fs::write(root.join(bytes), "").unwrap();
    fs::create_dir_all(root.join("files/wordpres/public")).unwrap();
    fs::write(root.join("files/wordpres/public/x"), "").unwrap();
    let error = read_source(root, "features/contact-form").unwrap_err().to_string();
    for part in [
        "features/contact-form/files/common/public/passwd: the link's target \"/etc/passwd\" leads out",
        "features/contact-form/socket: it is a device, a fifo or a socket",
        "features/contact-form/files/common/public/a\\nb: the path holds a control character",
        "not valid UTF-8",
    ] {
        assert!(error.contains(part), "{part} is not in\n{error}");
    }
    fs::remove_file(root.join("files/common/public/passwd")).unwrap();
    let error = read_source(root, "features/contact-form").unwrap_err().to_string();
    assert!(error.contains("did you mean `files/wordpress`?"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = read_source(empty.path(), "features/x").unwrap_err().to_string();
    assert!(error.contains("there is no features/x/feature.yml"), "{error}");
}

#[test]
fn gnu_tar_reads_what_we_write() {
    let (_root, registry) = registry();
    let (directory, _) = source("x");
    let deep = format!("files/common/public/{}/{}", "d".repeat(120), "f".repeat(120));
    let path = directory.path().join(&deep);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "deep").unwrap();
    symlink("contact-form.js", directory.path().join("files/common/public/form.js")).unwrap();
    let source = read_source(directory.path(), "f").unwrap();
    registry.publish(&source).unwrap();
    let open = registry.open(&name(), &VERSION, None).unwrap();
    let out = std::process::Command::new("tar").arg("-tzf").arg(&open.archive).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let listed = String::from_utf8(out.stdout).unwrap();
    let listed: BTreeSet<&str> = listed.lines().map(|line| line.trim_end_matches('/')).collect();
    let ours: BTreeSet<&str> = source.manifest.entries().keys().map(ArtifactPath::as_str).collect();
    assert_eq!(listed, ours);
}
