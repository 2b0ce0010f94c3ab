//! How the storage is reached: the names in the environment that AWS' own tools know.
//!
//! Honoured: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_DEFAULT_REGION`,
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_CA_BUNDLE`, and
//! `AWS_ALLOW_HTTP`.
//! Files below `~/.aws`, profiles and the metadata of instances are not read: what a run uses is
//! what its environment says.

use std::{ffi::OsString, time::Duration};

use object_store::{
    BackoffConfig, Certificate, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
};

use super::Patience;
use crate::{model::BucketUrl, registry::RegistryError};

/// What the environment says. Never shown.
#[derive(Clone, Default)]
pub struct Names {
    endpoint: Option<String>,
    region: Option<String>,
    key: Option<String>,
    secret: Option<String>,
    token: Option<String>,
    profile: Option<String>,
    ca_bundle: Option<String>,
    allow_http: bool,
}

impl Names {
    /// The names as `lookup` knows them; an empty value is none.
    #[must_use]
    pub fn new(lookup: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| {
            let found = lookup(name)?.into_string().ok()?.trim().to_owned();
            (!found.is_empty()).then_some(found)
        };
        Self {
            endpoint: get("AWS_ENDPOINT_URL_S3").or_else(|| get("AWS_ENDPOINT_URL")),
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            key: get("AWS_ACCESS_KEY_ID"),
            secret: get("AWS_SECRET_ACCESS_KEY"),
            token: get("AWS_SESSION_TOKEN"),
            profile: get("AWS_PROFILE"),
            ca_bundle: get("AWS_CA_BUNDLE"),
            allow_http: get("AWS_ALLOW_HTTP").is_some_and(|said| said == "true" || said == "1"),
        }
    }

    /// The server, for messages; only after [`Names::connect`] has accepted it.
    pub(super) fn server(&self) -> String {
        let region = self.region.as_deref().unwrap_or("us-east-1");
        self.endpoint.clone().unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"))
    }

    /// Takes out of a text what must not be told.
    pub(super) fn scrub(&self, text: &str) -> String {
        let hidden = [&self.key, &self.secret, &self.token];
        hidden.into_iter().flatten().fold(text.to_owned(), |text, word| text.replace(word, "***"))
    }

    pub(super) fn connect(
        &self,
        url: &BucketUrl,
        patience: &Patience,
    ) -> Result<AmazonS3, RegistryError> {
        let refuse = |why: String, hint: &str| RegistryError::Unusable {
            url: url.to_string(),
            why,
            hint: hint.to_owned(),
        };
        let (Some(key), Some(secret)) = (&self.key, &self.secret) else {
            let missing: Vec<&str> =
                [("AWS_ACCESS_KEY_ID", &self.key), ("AWS_SECRET_ACCESS_KEY", &self.secret)]
                    .into_iter()
                    .filter_map(|(name, found)| found.is_none().then_some(name))
                    .collect();
            let why = format!("no credentials: the environment lacks {}", missing.join(" and "));
            return Err(match self.profile {
                Some(_) => refuse(
                    why,
                    "AWS_PROFILE is not read: eval \"$(aws configure export-credentials --format env)\"",
                ),
                None => refuse(why, "set them in the environment of fleetctl"),
            });
        };
        if let Some(endpoint) = &self.endpoint {
            self.check(endpoint).map_err(|(why, hint)| refuse(why, hint))?;
        }
        let trusted = self.authorities().map_err(|why| {
            refuse(
                why,
                "AWS_CA_BUNDLE names a file of certificates in PEM, trusted beside the system's",
            )
        })?;
        let client = ClientOptions::new()
            .with_timeout(patience.request)
            .with_connect_timeout(patience.connect)
            .with_allow_http(true);
        let client = trusted.into_iter().fold(client, ClientOptions::with_root_certificate);
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(200),
                max_backoff: Duration::from_secs(5),
                base: 2.,
            },
            max_retries: patience.retries,
            retry_timeout: patience.request,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(url.bucket())
            .with_region(self.region.as_deref().unwrap_or("us-east-1"))
            .with_access_key_id(key)
            .with_secret_access_key(secret)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(token) = &self.token {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        builder.build().map_err(|error| {
            refuse(self.scrub(&error.to_string()), "check AWS_ENDPOINT_URL and AWS_REGION")
        })
    }

    /// The certificates of authorities that are trusted beside those of the system.
    fn authorities(&self) -> Result<Vec<Certificate>, String> {
        let Some(path) = &self.ca_bundle else { return Ok(Vec::new()) };
        let text = std::fs::read(path).map_err(|why| format!("AWS_CA_BUNDLE: {path}: {why}"))?;
        let found = Certificate::from_pem_bundle(&text)
            .map_err(|why| format!("AWS_CA_BUNDLE: {path}: {why}"))?;
        if found.is_empty() {
            return Err(format!("AWS_CA_BUNDLE: {path}: there is no certificate in it"));
        }
        Ok(found)
    }

    /// Refuses an endpoint that would send what is read, written and signed in the clear.
    fn check(&self, endpoint: &str) -> Result<(), (String, &'static str)> {
        let example = "a URL without path, as in https://minio.example:9000";
        let (scheme, rest) = endpoint.split_once("://").unwrap_or_default();
        let authority = rest.trim_end_matches('/');
        if rest.contains('@') {
            return Err(("AWS_ENDPOINT_URL holds credentials".to_owned(), example));
        }
        let is_clean = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        if !matches!(scheme, "http" | "https")
            || authority.is_empty()
            || !authority.chars().all(is_clean)
        {
            return Err(("AWS_ENDPOINT_URL is no URL of a server".to_owned(), example));
        }
        if scheme == "http" && !self.allow_http && !is_loopback(authority) {
            let why = format!(
                "AWS_ENDPOINT_URL is {endpoint}: everybody on the way could read and change what passes"
            );
            return Err((why, "use https; or, where the way is trusted, set AWS_ALLOW_HTTP=true"));
        }
        Ok(())
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegistryPlace;

    fn refused(set: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let Ok(RegistryPlace::Bucket(url)) = RegistryPlace::parse("s3://acme/fleet") else {
            panic!("a bucket")
        };
        Names::new(&lookup).connect(&url, &Patience::default()).err().map(|why| why.to_string())
    }

    #[test]
    fn credentials_come_from_the_environment_and_their_lack_is_told() {
        let (key, secret) = (("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "hunter2"));
        assert_eq!(refused(&[key, secret]), None);
        for (set, expected) in [
            (vec![], "lacks AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            (vec![key], "no credentials: the environment lacks AWS_SECRET_ACCESS_KEY"),
            (vec![key, ("AWS_SECRET_ACCESS_KEY", " ")], "lacks AWS_SECRET_ACCESS_KEY"),
            (vec![("AWS_PROFILE", "x")], "AWS_PROFILE is not read"),
        ] {
            let why = refused(&set).expect("a refusal");
            assert!(why.contains(expected), "{why}");
            assert!(why.starts_with("s3://acme/fleet: "), "{why}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_or_said_aloud() {
        let with = |endpoint: &str, more: &[(&str, &str)]| {
            let mut set = vec![("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
            set.push(("AWS_ENDPOINT_URL", endpoint));
            set.extend(more);
            refused(&set)
        };
        for fine in [
            "https://minio.example:9000/",
            "http://127.0.0.1:9000",
            "http://127.9.9.9",
            "http://[::1]:9000",
            "http://localhost:9000/",
        ] {
            assert_eq!(with(fine, &[]), None, "{fine}");
        }
        for (wrong, expected) in [
            ("http://minio.example:9000", "could read and change"),
            ("http://localhost.example", "could read and change"),
            ("http://127.0.0.1.example", "could read and change"),
            ("https://key:hunter3@minio.example", "holds credentials"),
            ("https://minio.example/?x=hunter3", "no URL of a server"),
            ("https://minio.example/a/b", "no URL of a server"),
            ("minio.example", "no URL of a server"),
            ("ftp://minio.example", "no URL of a server"),
        ] {
            let why = with(wrong, &[]).expect(wrong);
            assert!(why.contains(expected), "{why}");
            assert!(!why.contains("hunter"), "{why}");
        }
        assert_eq!(with("http://minio.example:9000", &[("AWS_ALLOW_HTTP", "true")]), None);
        assert_eq!(with("nonsense", &[("AWS_ENDPOINT_URL_S3", "https://minio.example")]), None);
    }
}
