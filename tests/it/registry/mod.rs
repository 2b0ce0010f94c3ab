//! The registry in S3-compatible storage, against a server that speaks S3, and a wire before it
//! that fails, waits and cuts.

mod cache;
mod cli;
mod faults;
mod moody;
pub mod server;
mod whole;

use std::{ffi::OsString, fs, path::Path, time::Duration};

use fleetctl::{
    model::{FeatureName, RegistryPlace},
    registry::{Bucket, FeatureSource, Names, Patience, Registry, read_source},
};
use semver::Version;
use tempfile::TempDir;

const VERSION: Version = Version::new(2, 1, 0);

fn name() -> FeatureName {
    FeatureName::new("contact-form").unwrap()
}

/// A feature's directory with this script in it.
fn source(script: &[u8]) -> (TempDir, FeatureSource) {
    let directory = TempDir::new().unwrap();
    write_feature(directory.path(), "2.1.0", script);
    let source = read_source(directory.path(), "features/contact-form").unwrap();
    (directory, source)
}

fn write_feature(directory: &Path, version: &str, script: &[u8]) {
    let public = directory.join("files/common/public");
    fs::create_dir_all(&public).unwrap();
    fs::write(public.join("contact-form.js"), script).unwrap();
    let definition = format!(
        "name: contact-form\nversion: {version}\nplatforms: [static]\nmount: {{ static: public/contact-form.js }}\n"
    );
    fs::write(directory.join("feature.yml"), definition).unwrap();
}

/// Bytes that no compression makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(next).collect()
}

/// Short, so that tests are: still much more than any request needs here.
const PATIENCE: Patience = Patience {
    request: Duration::from_secs(20),
    connect: Duration::from_secs(5),
    retries: 2,
    part: 5 << 20,
};

const SECRET: &str = "hunter2-hunter2";

/// A registry in `bucket` as somebody at an own machine sees it, through `port`.
fn registry(port: u16, bucket: &str, cache: &Path, patience: Patience) -> Registry {
    let names = Names::new(&|name| {
        let value = match name {
            "AWS_ENDPOINT_URL" => format!("http://127.0.0.1:{port}"),
            "AWS_ACCESS_KEY_ID" => "AKIAEXAMPLE".to_owned(),
            "AWS_SECRET_ACCESS_KEY" => SECRET.to_owned(),
            _ => return None,
        };
        Some(OsString::from(value))
    });
    let place = RegistryPlace::parse(&format!("s3://{bucket}/fleet")).unwrap();
    let RegistryPlace::Bucket(url) = place else { panic!("a bucket") };
    Registry::in_bucket(Bucket::new(url, names, patience, cache.to_owned()))
}
