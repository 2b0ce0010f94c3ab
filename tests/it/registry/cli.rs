//! The verbs that use a registry, with one in a bucket: the same screens as with a directory.

use super::{SECRET, server, write_feature};
use crate::cli::{Ran, Stage, run_in};

fn stage(bucket: &str) -> Stage {
    let stage = Stage::new(&[
        ("fleet.yml", &format!("registry: s3://{bucket}/fleet\n")),
        (
            "inventory/sites.yml",
            "\
groups:
  forms: { features: { contact-form: \"^2.1\" } }
sites:
  acme.example: { address: 127.0.0.1, port: 1, platform: static, docroot: /var/www/acme, groups: [forms] }
",
        ),
    ]);
    write_feature(&stage.path("features/contact-form"), "2.1.0", b"let a = 1;\n");
    stage
}

fn run(stage: &Stage, port: u16, arguments: &[&str]) -> Ran {
    run_at(stage, &format!("http://127.0.0.1:{port}"), &[], arguments)
}

fn run_at(stage: &Stage, url: &str, more: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let names = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    let all = names.iter().chain(more);
    let variables: Vec<(String, String)> =
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    run_in(&stage.path("."), &variables, arguments)
}

#[test]
fn a_release_is_published_locked_yanked_and_read_offline() {
    let bucket = server::bucket();
    let stage = stage(&bucket);
    let port = server::port();
    let ran = run(&stage, port, &["feature", "publish", "contact-form"]).expect(0);
    assert!(ran.out.starts_with("+ contact-form 2.1.0  published  "), "{}", ran.out);
    let ran = run(&stage, port, &["feature", "publish", "contact-form"]).expect(0);
    assert!(ran.out.contains("was published before, byte for byte the same"), "{}", ran.out);
    let ran = run(&stage, port, &["lock"]).expect(0);
    assert!(ran.out.contains("contact-form 2.1.0"), "{}", ran.out);
    run(&stage, port, &["feature", "yank", "contact-form", "2.1.0", "--reason", "loses mail"])
        .expect(0);
    let ran = run(&stage, port, &["feature", "list"]).expect(0);
    assert!(ran.out.contains("loses mail"), "{}", ran.out);
    run(&stage, port, &["feature", "yank", "contact-form", "2.1.0", "--undo"]).expect(0);
    run(&stage, port, &["validate"]).expect(0);
    // Other content under the same version.
    write_feature(&stage.path("features/contact-form"), "2.1.0", b"let a = 2;\n");
    let ran = run(&stage, port, &["feature", "publish", "contact-form"]).expect(3);
    assert!(ran.err.contains("is already published with other content"), "{}", ran.err);
    // What is locked needs no bucket. Nothing answers at port 1.
    let ran = run(&stage, 1, &["feature", "resolve"]).expect(0);
    assert!(ran.out.contains("2.1.0"), "{}", ran.out);
    // Opening what is locked is not what fails: nobody answers at the site.
    let ran = run(&stage, 1, &["plan"]).expect(8);
    assert!(!ran.err.contains("s3://"), "{}", ran.err);
    std::fs::remove_dir_all(stage.path(".fleetctl/cache")).unwrap();
    let ran = run(&stage, 1, &["plan"]).expect(1);
    assert!(ran.err.contains("s3://") && ran.err.contains("cannot be reached"), "{}", ran.err);
    run(&stage, port, &["plan"]).expect(8);
    let ran = run(&stage, 1, &["lock"]).expect(1);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("http://127.0.0.1:1 cannot be reached: "), "{}", ran.err);
    assert!(!ran.err.contains(SECRET), "{}", ran.err);
}

#[test]
fn what_is_missing_in_the_environment_is_told() {
    let stage = stage("acme-features");
    let ran = stage.run(&["feature", "list"]).expect(3);
    assert!(
        ran.err.contains(
            "s3://acme-features/fleet: no credentials: the environment lacks AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ),
        "{}",
        ran.err
    );
    let ran = run(&stage, server::port(), &["feature", "publish", "contact-form"]).expect(3);
    assert!(ran.err.contains("has no such bucket"), "{}", ran.err);
}

#[test]
fn a_server_is_believed_only_if_somebody_trusted_vouches_for_it() {
    let stage = stage(&server::bucket());
    let server::Server { tls_port, authority, .. } = server::server();
    let url = format!("https://localhost:{tls_port}");
    let publish = ["feature", "publish", "contact-form"];
    let ran = run_at(&stage, &url, &[], &publish).expect(1);
    assert!(ran.err.contains(&format!("{url} cannot be reached: ")), "{}", ran.err);
    assert!(ran.err.contains("certificate"), "{}", ran.err);
    let trusted = [("AWS_CA_BUNDLE", authority.to_str().unwrap())];
    run_at(&stage, &url, &trusted, &publish).expect(0);
    run_at(&stage, &url, &trusted, &["lock"]).expect(0);
    // The authority vouches for a name, and this is another.
    let other = format!("https://127.0.0.1:{tls_port}");
    let ran = run_at(&stage, &other, &trusted, &["feature", "list"]).expect(1);
    assert!(ran.err.contains("certificate"), "{}", ran.err);
    let missing = [("AWS_CA_BUNDLE", "/nonexistent.pem")];
    let ran = run_at(&stage, &url, &missing, &["feature", "list"]).expect(3);
    assert!(ran.err.contains("AWS_CA_BUNDLE: /nonexistent.pem: No such file"), "{}", ran.err);
    let empty = [("AWS_CA_BUNDLE", "/dev/null")];
    let ran = run_at(&stage, &url, &empty, &["feature", "list"]).expect(3);
    assert!(ran.err.contains("there is no certificate in it"), "{}", ran.err);
}
