//! A hundred sites on screens of all widths: the sample fleet.

use std::path::Path;

use super::{Ran, run_in};

fn sample(columns: Option<usize>, arguments: &[&str]) -> Ran {
    let variables: Vec<(String, String)> =
        columns.iter().map(|columns| ("COLUMNS".to_owned(), columns.to_string())).collect();
    run_in(Path::new(env!("CARGO_MANIFEST_DIR")), &variables, arguments)
}

#[test]
fn a_hundred_sites_fit_on_every_screen() {
    for columns in [40, 80, 120] {
        let ran = sample(Some(columns), &["inventory", "list"]).expect(0);
        ran.assert_within(columns.max(60));
        assert!(ran.out.contains("acme-tools.example"), "{}", ran.out);
    }
    let ran = sample(Some(120), &["inventory", "list", "--group", "forms"]).expect(0);
    // One line for each site, and the heading.
    let rows = ran.out.lines().count() - 1;
    assert!(ran.err.starts_with(&format!("{rows} of 100 sites on ")), "{}", ran.err);
}

#[test]
fn a_pipe_gets_one_line_for_each_site() {
    let ran = sample(None, &["inventory", "list", "-q"]).expect(0);
    assert_eq!(ran.out.lines().count(), 101);
    assert_eq!(ran.err, "");
    let json = sample(None, &["inventory", "list", "-o", "json"]).expect(0).json();
    assert_eq!(json.as_array().unwrap().len(), 100);
    assert!(json[0].is_string(), "{json}");
}

#[test]
fn the_sample_fleet_is_good() {
    let ran = sample(None, &["validate", "--strict"]).expect(0);
    assert!(
        ran.out.starts_with("all good: 100 sites in 1 environment, 2 features, "),
        "{}",
        ran.out
    );
}

#[test]
fn every_value_is_explained_with_its_place() {
    let ran =
        sample(None, &["inventory", "explain", "acme-tools.example", "contact-form"]).expect(0);
    assert!(ran.out.contains("contact-form: ^2.1"), "{}", ran.out);
    assert!(ran.out.contains("group forms wants ^2.1 (inventory/groups.yml:"), "{}", ran.out);
    let ran =
        sample(None, &["inventory", "explain", "acme-tools.example", "contact-from"]).expect(2);
    assert!(ran.err.contains("did you mean `contact-form`?"), "{}", ran.err);
    let ran = sample(None, &["inventory", "explain", "acme-tool.example"]).expect(2);
    assert!(ran.err.contains("did you mean `acme-tools.example`?"), "{}", ran.err);
}

#[test]
fn groups_are_a_tree() {
    let ran = sample(None, &["inventory", "graph"]).expect(0);
    assert!(ran.out.starts_with("all  100 sites\n├─ "), "{}", ran.out);
    assert!(ran.out.contains("│  └─ eu-north  "), "{}", ran.out);
}

#[test]
fn ssh_is_called_with_what_the_inventory_says() {
    let ran = sample(None, &["ssh", "acme-tools.example", "--show", "--", "ls", "a b"]).expect(0);
    assert!(ran.out.starts_with("ssh -l deploy -o 'UserKnownHostsFile="), "{}", ran.out);
    assert!(ran.out.ends_with(" -- 203.0.113.10 'ls '\\''a b'\\'''\n"), "{}", ran.out);
}
