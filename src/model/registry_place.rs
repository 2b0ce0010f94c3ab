//! Where published versions are kept, as a user writes it: a directory, or `s3://bucket/prefix`.
//!
//! Only the words are judged here; whether anything is there is for the registry to find out.

use std::path::PathBuf;

use super::Problem;

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryPlace {
    /// A directory, as written.
    Directory(PathBuf),
    /// A place in S3-compatible storage.
    Bucket(BucketUrl),
}

/// `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    bucket: String,
    prefix: String,
}

impl RegistryPlace {
    /// Reads what a user wrote.
    ///
    /// # Errors
    /// A URL that is not `s3://bucket/prefix`. What could be a credential is not repeated.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Directory(PathBuf::from(text)));
        };
        if rest.contains('@') {
            let problem = Problem::new("a registry's URL carries no credentials");
            return Err(problem
                .hint("give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
                .private());
        }
        if scheme != "s3" {
            let problem = Problem::new(format!("`{scheme}://` is no kind of registry"));
            let hint = match scheme {
                "http" | "https" => {
                    "write s3://BUCKET/PREFIX here, and the server's URL as AWS_ENDPOINT_URL in the environment"
                }
                "file" => "write the directory without `file://`",
                _ => "a directory, or s3://BUCKET/PREFIX",
            };
            return Err(problem.hint(hint).private());
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if !is_bucket(bucket) {
            let problem = Problem::new(format!("`{bucket}` is no name for a bucket"));
            return Err(problem.hint(
                "3 to 63 lower-case letters, digits, dots and hyphens, as in s3://acme-features/fleet",
            ));
        }
        if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
            let problem = Problem::new(format!("`{prefix}` cannot be a prefix in a bucket"));
            return Err(problem.hint("letters, digits, `.`, `_` and `-`, parted by single slashes"));
        }
        Ok(Self::Bucket(BucketUrl { bucket: bucket.to_owned(), prefix: prefix.to_owned() }))
    }
}

impl BucketUrl {
    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What all keys begin with, without slashes around it; empty for none.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl std::fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// Whether a bucket can have this name (Amazon S3 User Guide, "General purpose bucket naming
/// rules").
fn is_bucket(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| is_plain(c) || c == '.' || c == '-')
        && name.starts_with(is_plain)
        && name.ends_with(is_plain)
        && !name.contains("..")
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_anything_else_is_a_directory() {
        for text in ["registry", "../registry", "/srv/registry", "s3:bucket"] {
            let place = RegistryPlace::parse(text).unwrap();
            assert_eq!(place, RegistryPlace::Directory(PathBuf::from(text)));
        }
        for (text, bucket, prefix, shown) in [
            ("s3://acme", "acme", "", "s3://acme"),
            ("s3://acme/", "acme", "", "s3://acme"),
            ("s3://a.b-9/fleet/one/", "a.b-9", "fleet/one", "s3://a.b-9/fleet/one"),
        ] {
            let Ok(RegistryPlace::Bucket(url)) = RegistryPlace::parse(text) else {
                panic!("{text}")
            };
            assert_eq!((url.bucket(), url.prefix()), (bucket, prefix));
            assert_eq!(url.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_registry_is_refused_and_no_credential_is_repeated() {
        for (text, expected) in [
            ("s3://", "`` is no name for a bucket"),
            ("s3://Acme/x", "`Acme` is no name for a bucket"),
            ("s3://ac", "no name for a bucket"),
            ("s3://acme-/x", "no name for a bucket"),
            ("s3://acme//x", "cannot be a prefix"),
            ("s3://acme/../x", "cannot be a prefix"),
            ("s3://acme/x?region=eu", "cannot be a prefix"),
            ("s3://AKIA:hunter2@acme", "carries no credentials"),
            ("https://s3.example/acme", "AWS_ENDPOINT_URL"),
            ("file:///srv/registry", "without `file://`"),
            ("gs://acme", "a directory, or s3://BUCKET/PREFIX"),
        ] {
            let problem = RegistryPlace::parse(text).unwrap_err().to_string();
            assert!(problem.contains(expected), "{text}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
