//! A server that fails, waits and cuts: nothing is visible by halves, the error is told in words
//! without anything secret, and a second try converges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use fleetctl::registry::{Patience, Publication, RegistryError};
use tempfile::TempDir;

use super::{
    PATIENCE, SECRET, VERSION,
    moody::{Mood, Moody, Request},
    name, noise, registry, server, source,
};

/// One try each, and not for long.
const IMPATIENT: Patience = Patience {
    request: Duration::from_millis(1500),
    connect: Duration::from_secs(1),
    retries: 0,
    part: 5 << 20,
};

/// Publishes through a wire on which request `at` meets `mood`; then checks what is to be seen,
/// and publishes again without moods. Gives what the first try came to, or `None` once `at` lies
/// beyond the last request.
fn publish_with(
    script: &[u8],
    at: usize,
    mood: impl Fn(&Request) -> Mood + Send + Sync + 'static,
) -> Option<Result<(), RegistryError>> {
    let bucket = server::bucket();
    let (_directory, source) = source(script);
    let struck = Arc::new(AtomicBool::new(false));
    let strikes = Arc::clone(&struck);
    let wire = Moody::to(server::port(), move |request| {
        if request.number == at {
            strikes.store(true, SeqCst);
            return mood(request);
        }
        // What is tried again, and the look at what is there, meet the same.
        if strikes.load(SeqCst) { mood(request) } else { Mood::Pass }
    });
    let cache = TempDir::new().unwrap();
    let result = registry(wire.port, &bucket, cache.path(), IMPATIENT).publish(&source);
    // Somebody else looks.
    let elsewhere = TempDir::new().unwrap();
    let there = registry(server::port(), &bucket, elsewhere.path(), PATIENCE);
    let seen = there.catalog().unwrap();
    match seen.get(&name()).and_then(|versions| versions.get(&VERSION)) {
        Some(found) => {
            assert_eq!(found.digest, source.manifest.digest());
            there.open(&name(), &VERSION, None).unwrap();
        }
        None => assert!(result.is_err(), "told as published, and not there"),
    }
    // And again, from where it failed.
    let again = registry(server::port(), &bucket, cache.path(), PATIENCE);
    again.publish(&source).unwrap();
    let digest = there.open(&name(), &VERSION, None).unwrap().digest;
    assert_eq!(digest, source.manifest.digest());
    if !struck.load(SeqCst) {
        result.as_ref().unwrap();
        return None;
    }
    Some(result.map(|_| ()))
}

/// Walks through all requests of a publication.
fn at_every_request(
    script: &[u8],
    mood: impl Fn(&Request) -> Mood + Send + Sync + Clone + 'static,
) -> Vec<RegistryError> {
    let mut errors = Vec::new();
    for at in 0.. {
        match publish_with(script, at, mood.clone()) {
            Some(Err(error)) => errors.push(error),
            // It was published already, and only tidied up behind itself.
            Some(Ok(())) => {}
            None => break,
        }
    }
    assert!(errors.len() >= 4, "{errors:?}");
    errors
}

#[test]
fn a_publication_that_fails_at_any_request_is_not_visible_and_is_told() {
    for (status, code, expected) in [
        (500, "InternalError", "answered 500 InternalError"),
        (503, "SlowDown", "answered 503 SlowDown"),
        (403, "AccessDenied", "access denied"),
        (403, "SignatureDoesNotMatch", "does not know these credentials"),
    ] {
        for error in at_every_request(b"x", move |_| Mood::Fail(status, code)) {
            let text = error.to_string();
            assert!(text.contains(expected), "{text}");
            assert!(text.starts_with("s3://bucket-") && text.contains("hint: "), "{text}");
            assert!(text.contains("http://127.0.0.1:"), "{text}");
            assert!(!text.contains(SECRET) && !text.contains("AKIA"), "{text}");
            let is_set_up_badly = matches!(error, RegistryError::Unusable { .. });
            assert_eq!(is_set_up_badly, status == 403, "{text}");
        }
    }
}

#[test]
fn a_publication_that_is_cut_anywhere_is_not_visible_by_halves() {
    let kinds: [fn(&Request) -> Mood; 6] = [
        |_| Mood::CutUp(0),
        |request| Mood::CutUp(request.size / 2),
        |request| Mood::CutUp(request.size - 1),
        |request| Mood::CutUp(request.size),
        |_| Mood::CutDown(0),
        |_| Mood::CutDown(30),
    ];
    for kind in kinds {
        for error in at_every_request(b"x", kind) {
            assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
        }
    }
}

#[test]
fn an_answer_that_is_lost_at_the_last_write_is_looked_up() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let (_directory, source) = source(b"x");
    let wire = Moody::to(server::port(), |request| {
        // The fourth: a look whether it is there, the archive, the definition, the manifest.
        if request.number == 3 { Mood::CutDown(0) } else { Mood::Pass }
    });
    let here = registry(wire.port, &bucket, cache.path(), IMPATIENT);
    let fresh = Publication::Fresh(source.manifest.digest());
    assert_eq!(here.publish(&source).unwrap(), fresh);
    assert!(wire.seen()[3].path.contains("/manifest"), "{:?}", wire.seen());
}

#[test]
fn an_upload_in_parts_that_is_cut_is_not_visible_by_halves() {
    let errors = at_every_request(&noise(6 << 20), |request| Mood::CutUp(request.size / 2));
    assert!(errors.len() >= 7, "{errors:?}");
}

#[test]
fn a_server_that_does_not_answer_in_time_is_told_so() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let wire = Moody::to(server::port(), |_| Mood::Wait(Duration::from_secs(30)));
    let begun = Instant::now();
    let here = registry(wire.port, &bucket, cache.path(), IMPATIENT);
    let error = here.catalog().unwrap_err().to_string();
    assert!(error.contains("no whole answer within 1.5s"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn passing_trouble_is_passed_over() {
    let (bucket, cache) = (server::bucket(), TempDir::new().unwrap());
    let (_directory, source) = source(b"x");
    let moods = [
        Mood::Fail(503, "SlowDown"),
        Mood::Pass,
        Mood::Fail(500, "InternalError"),
        Mood::CutDown(20),
        Mood::Pass,
        Mood::Wait(Duration::from_millis(300)),
    ];
    let wire = Moody::to(server::port(), move |request| moods[request.number % moods.len()]);
    let here = registry(wire.port, &bucket, cache.path(), Patience { retries: 4, ..PATIENCE });
    here.publish(&source).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let there = registry(wire.port, &bucket, elsewhere.path(), Patience { retries: 4, ..PATIENCE });
    assert_eq!(there.catalog().unwrap().len(), 1);
    assert_eq!(there.open(&name(), &VERSION, None).unwrap().manifest, source.manifest);
    assert!(wire.seen().len() > 12, "{:?}", wire.seen());
}

#[test]
fn an_opening_that_is_cut_leaves_nothing_and_the_next_one_is_whole() {
    let bucket = server::bucket();
    let (_directory, source) = source(&noise(300 << 10));
    let own = TempDir::new().unwrap();
    registry(server::port(), &bucket, own.path(), PATIENCE).publish(&source).unwrap();
    let cache = TempDir::new().unwrap();
    for bytes in [0, 1, 100, 400, 5_000, 200_000] {
        let wire = Moody::to(server::port(), move |request| {
            if request.path.contains("artifact") { Mood::CutDown(bytes) } else { Mood::Pass }
        });
        let here = registry(wire.port, &bucket, cache.path(), IMPATIENT);
        let result = here.open(&name(), &VERSION, None);
        let Err(error) = result else { panic!("{bytes}: {:?}", wire.seen()) };
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{bytes}: {error}");
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0, "cut at {bytes}");
    }
    let here = registry(server::port(), &bucket, cache.path(), PATIENCE);
    assert_eq!(here.open(&name(), &VERSION, None).unwrap().manifest, source.manifest);
}

#[test]
fn what_is_set_up_wrongly_is_told_with_a_way_out() {
    let cache = TempDir::new().unwrap();
    let here = registry(server::port(), "no-such-bucket", cache.path(), IMPATIENT);
    let error = here.catalog().unwrap_err().to_string();
    assert!(error.contains("has no such bucket\n  hint: make the bucket, or correct"), "{error}");
    let (_directory, source) = source(b"x");
    let error = here.publish(&source).unwrap_err().to_string();
    assert!(error.contains("has no such bucket"), "{error}");
    // Nothing listens on port 1.
    let error = registry(1, "acme", cache.path(), IMPATIENT).catalog().unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1 cannot be reached: "), "{error}");
    // Something answers that is no storage.
    let wire = Moody::to(server::port(), |_| Mood::Fail(404, "-"));
    let error = registry(wire.port, "acme", cache.path(), IMPATIENT).publish(&source);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a server that speaks S3"), "{error}");
    let wire = Moody::to(server::port(), |_| Mood::Fail(301, "PermanentRedirect"));
    let error = registry(wire.port, "acme", cache.path(), IMPATIENT).publish(&source);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("check AWS_REGION"), "{error}");
}
