//! What the storage said, in words for people. Bodies of answers are never shown: a server may
//! echo what it was sent. Of them only the S3 error code is used (Amazon S3 API Reference, "Error
//! responses").

use object_store::{
    Error,
    client::{HttpError, HttpErrorKind},
};

use super::{Names, Patience};
use crate::registry::RegistryError;

/// What to say of `error`, which was met at `url`.
pub(super) fn fault(
    error: &Error,
    url: String,
    names: &Names,
    patience: &Patience,
) -> RegistryError {
    let text = error.to_string();
    let code = code(&text);
    let status = status(error, &text);
    let server = names.server();
    let unusable = |why: String, hint: &str| RegistryError::Unusable {
        url: url.clone(),
        why,
        hint: hint.to_owned(),
    };
    let said = match (status, code) {
        (Some(status), Some(code)) => format!("{server} answered {status} {code}"),
        (Some(status), None) => format!("{server} answered {status}"),
        _ => server.clone(),
    };
    match (status, code) {
        (_, Some("NoSuchBucket")) => unusable(
            format!("{server} has no such bucket"),
            "make the bucket, or correct `registry` in fleet.yml or AWS_ENDPOINT_URL",
        ),
        (_, Some("ExpiredToken")) => {
            unusable(format!("{said}: the credentials have expired"), "get new ones")
        }
        (_, Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken"))
        | (Some(401), _) => unusable(
            format!("{said}: it does not know these credentials"),
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they are for this server",
        ),
        (_, Some("RequestTimeTooSkewed")) => {
            unusable(format!("{said}: the clocks differ too much"), "set this machine's clock")
        }
        (
            _,
            Some(
                "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "IllegalLocationConstraintException",
            ),
        )
        | (Some(300..=399), _) => unusable(
            format!("{said}: the bucket is in another region, or elsewhere"),
            "check AWS_REGION and AWS_ENDPOINT_URL",
        ),
        (Some(403), _) => unusable(
            format!("{said}: access denied"),
            "reading takes s3:ListBucket and s3:GetObject; publishing also s3:PutObject; `yank --undo` also s3:DeleteObject",
        ),
        (Some(501), _) => unusable(
            format!("{said}: the storage lacks what is needed"),
            "fleetctl needs conditional writes (If-None-Match), so that a version is published once",
        ),
        (Some(status @ 400..=499), _) if status != 429 && status != 408 => unusable(
            said,
            "check that AWS_ENDPOINT_URL is a server that speaks S3, and `registry` in fleet.yml",
        ),
        (Some(_), _) => unreachable(url, said, "try again; what was not finished is not visible"),
        (None, _) => unanswered(error, &text, url, names, patience),
    }
}

fn unreachable(url: String, why: String, hint: &str) -> RegistryError {
    RegistryError::Unreachable { url, why, hint: hint.to_owned() }
}

/// No answer, or none that could be read.
fn unanswered(
    error: &Error,
    text: &str,
    url: String,
    names: &Names,
    patience: &Patience,
) -> RegistryError {
    let server = names.server();
    if text.contains("redirect without LOCATION") {
        let why = format!("{server}: the bucket is in another region");
        let hint = "check AWS_REGION and AWS_ENDPOINT_URL".to_owned();
        return RegistryError::Unusable { url, why, hint };
    }
    let mut kind = None;
    let mut deepest: &dyn std::error::Error = error;
    while let Some(next) = deepest.source() {
        deepest = next;
        kind = kind.or_else(|| deepest.downcast_ref::<HttpError>().map(HttpError::kind));
    }
    let cause: String = deepest.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    let cause = names.scrub(&cause);
    let again = "try again; what was not finished is not visible";
    match kind {
        Some(HttpErrorKind::Timeout) => {
            let why = format!("{server}: no whole answer within {:?}", patience.request);
            unreachable(url, why, again)
        }
        Some(HttpErrorKind::Connect) => unreachable(
            url,
            format!("{server} cannot be reached: {cause}"),
            "check AWS_ENDPOINT_URL and the network; what is locked and in the cache needs neither",
        ),
        _ => unreachable(url, format!("{server}: {cause}"), again),
    }
}

/// The S3 error code in the body of an answer.
fn code(text: &str) -> Option<&str> {
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    (code.len() <= 60 && code.chars().all(|c| c.is_ascii_alphanumeric())).then_some(code)
}

/// The HTTP status of an answer, which the crate tells in words only.
fn status(error: &Error, text: &str) -> Option<u16> {
    let told = text.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    told.or(match error {
        Error::NotFound { .. } => Some(404),
        Error::PermissionDenied { .. } => Some(403),
        Error::Unauthenticated { .. } => Some(401),
        Error::Precondition { .. } => Some(412),
        _ => None,
    })
}

/// Whether there is no such object, in a bucket that is there.
pub(super) fn is_missing(error: &Error) -> bool {
    // A server that speaks S3 gives a code; anything else may say 404 to everything.
    matches!(error, Error::NotFound { .. }) && code(&error.to_string()) == Some("NoSuchKey")
}
