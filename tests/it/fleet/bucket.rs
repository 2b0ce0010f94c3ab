//! The main job with a registry in a bucket: published there, locked, deployed, and back again
//! while the bucket is away.

use super::{
    project::{Member, Project},
    sight::{assert_confirmed, form_at},
};
use crate::registry::server;

/// A project whose registry is a bucket of its own.
fn project() -> Project {
    let mut project = Project::new(&[Member::new("u1", &["forms"])]);
    let settings = project.read("fleet.yml");
    project
        .write("fleet.yml", &format!("registry: s3://{}/features\n{settings}", server::bucket()));
    std::fs::remove_dir_all(project.path("registry")).unwrap();
    project.set("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE");
    project.set("AWS_SECRET_ACCESS_KEY", "example");
    reach(&mut project, server::port());
    project
}

fn reach(project: &mut Project, port: u16) {
    project.set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}"));
}

#[test]
fn what_is_in_a_bucket_reaches_hosts_and_what_was_there_comes_back_without_it() {
    let mut project = project();
    project.publish("contact-form");
    project.publish("popup");
    project.run(&["lock"]).expect(0);
    project.run(&["deploy", "--locked", "--yes"]).expect(0).says("1 changed");
    assert_eq!(form_at("u1"), Some("2.1.4".to_owned()));
    project.feature("contact-form", "2.2.0", |_| {});
    project.publish("contact-form");
    project.run(&["lock", "--update", "contact-form"]).expect(0);
    // Another machine has nothing in its cache, and needs the bucket; this one then does not.
    let there = project.clone_elsewhere();
    there.run(&["deploy", "--locked", "--yes"]).expect(0).says("1 changed");
    assert_eq!(form_at("u1"), Some("2.2.0".to_owned()));
    assert_confirmed("u1");
    reach(&mut project, 1);
    project.run(&["rollback", "u1", "--yes"]).expect(0);
    assert_eq!(form_at("u1"), Some("2.1.4".to_owned()));
    // Without the cache nothing is sent, and the site stays as it is.
    std::fs::remove_dir_all(project.path(".fleetctl/cache")).unwrap();
    let again = ["deploy", "--locked", "--retry-rejected", "--yes"];
    project.run(&again).expect(1).says("s3://").says("cannot be reached");
    assert_eq!(form_at("u1"), Some("2.1.4".to_owned()));
    reach(&mut project, server::port());
    project.run(&again).expect(0).says("1 changed");
    reach(&mut project, 1);
    project.run(&["deploy", "--locked", "--yes"]).expect(0).says("1 unchanged");
    assert_eq!(form_at("u1"), Some("2.2.0".to_owned()));
}
