//! From nothing to a project that validates and publishes; and what is there stays there.

use super::Stage;

#[test]
fn a_new_project_is_good_as_it_is() {
    let stage = Stage::new(&[]);
    let ran = stage.run(&["init"]).expect(0);
    assert_eq!(
        ran.out,
        "\
+ fleet.yml
+ inventory/sites.yml
+ playbooks/deploy.yml
+ features/hello/feature.yml
+ features/hello/templates/hello.js.j2
+ .gitignore
next:
  $EDITOR inventory/sites.yml     # your first site and its address
  fleetctl validate
  fleetctl feature publish hello
  fleetctl hosts trust --site '*'
  fleetctl plan
"
    );
    let ran = stage.run(&["validate"]).expect(0);
    assert_eq!(
        ran.out,
        "all good: 1 site in 1 environment, 1 feature, 0 published versions, 1 playbook\n"
    );
    assert_eq!(ran.err, "wanted, but not published yet; next: fleetctl feature publish hello\n");
    let ran = stage.run(&["feature", "publish", "hello"]).expect(0);
    assert!(ran.out.starts_with("+ hello 1.0.0  published  "), "{}", ran.out);
    let ran = stage.run(&["feature", "publish", "features/hello"]).expect(0);
    assert!(ran.out.starts_with("= hello 1.0.0  was published before"), "{}", ran.out);
    // With everything published, the whole release of every site is made and checked.
    assert_eq!(stage.run(&["validate", "--strict"]).expect(0).err, "");
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let stage = Stage::initialised();
    let before = stage.read("fleet.yml");
    let ran = stage.run(&["init"]).expect(2);
    assert!(ran.err.contains("there is a fleet.yml already"), "{}", ran.err);
    assert_eq!(stage.read("fleet.yml"), before);
    let stage = Stage::new(&[("inventory/sites.yml", "mine"), (".gitignore", "mine too")]);
    let ran = stage.run(&["init"]).expect(2);
    assert_eq!(
        ran.err,
        "error: ./inventory/sites.yml: is there already\n  hint: nothing was written; move it away, or write a fleet.yml\n"
    );
    assert!(!stage.path("fleet.yml").exists());
}

#[test]
fn a_new_site_is_checked_before_it_is_written() {
    let stage = Stage::initialised();
    let ran = stage.run(&["new", "site", "shop.example", "--group", "websits"]).expect(3);
    assert_eq!(
        ran.err,
        "\
error: inventory/shop.example.yml:3:14: there is no group `websits`
  3 |     groups: [\"websits\"]
    |              ^
  hint: did you mean `websites`?
"
    );
    assert!(!stage.path("inventory/shop.example.yml").exists());
    let arguments =
        ["new", "site", "shop.example", "--group", "websites", "--docroot", "/var/www/shop"];
    stage.run(&arguments).expect(0);
    stage.run(&["validate"]).expect(0);
    let ran = stage.run(&["inventory", "explain", "shop.example", "docroot"]).expect(0);
    assert!(ran.out.contains("docroot: /var/www/shop"), "{}", ran.out);
    stage.run(&arguments).expect(3);
}

#[test]
fn a_new_feature_can_be_published_at_once() {
    let stage = Stage::initialised();
    stage.run(&["new", "feature", "contact-form"]).expect(0);
    let ran = stage.run(&["feature", "publish", "contact-form"]).expect(0);
    assert!(ran.out.starts_with("+ contact-form 0.1.0  published  "), "{}", ran.out);
    let script = "features/contact-form/files/common/public/contact-form.js";
    stage.replace(script, "it works", "it works better");
    let ran = stage.run(&["feature", "publish", "contact-form"]).expect(3);
    assert!(ran.err.contains("published versions never change"), "{}", ran.err);
    assert!(ran.err.contains("\n  hint: raise `version` in feature.yml\n"), "{}", ran.err);
    let ran = stage.run(&["feature", "list"]).expect(0);
    assert!(ran.out.contains("differs from the published one: raise `version`"), "{}", ran.out);
    let ran =
        stage.run(&["feature", "yank", "contact-form", "0.1.0", "--why", "too slow"]).expect(0);
    assert!(ran.out.starts_with("- contact-form 0.1.0  yanked"), "{}", ran.out);
    let ran = stage.run(&["feature", "list", "contact-form"]).expect(0);
    assert!(ran.out.contains("yanked: too slow"), "{}", ran.out);
}

#[test]
fn sites_of_a_table_become_an_inventory() {
    let stage = Stage::new(&[(
        "sites.csv",
        "name,address,groups\na.example,192.0.2.1,forms\nb.example,192.0.2.2,\n",
    )]);
    let ran = stage.run(&["import", "csv", "sites.csv"]).expect(0);
    assert_eq!(
        ran.out,
        "\
groups:
  \"forms\": {}
sites:
  a.example: { address: \"192.0.2.1\", groups: [\"forms\"] }
  b.example: { address: \"192.0.2.2\" }
"
    );
    stage.run(&["import", "csv", "sites.csv", "--to", "inventory/sites.yml"]).expect(0);
    let ran = stage.run(&["import", "csv", "sites.csv", "--to", "inventory/sites.yml"]).expect(2);
    assert!(ran.err.contains("is there already"), "{}", ran.err);
    stage.write("ssh_config", "Host web1\n  HostName 192.0.2.7\n  Port 2222\n  User deploy\n");
    let ran = stage.run(&["import", "ssh-config", "ssh_config"]).expect(0);
    assert!(ran.out.contains("192.0.2.7") && ran.out.contains("2222"), "{}", ran.out);
}

#[test]
fn sites_of_trellis_become_an_inventory() {
    let stage = Stage::new(&[(
        "wordpress_sites.yml",
        "wordpress_sites:\n  acme.example:\n    site_hosts:\n      - canonical: acme.example\n    ssl: { enabled: yes }\n    repo: x\n",
    )]);
    let ran = stage.run(&["import", "trellis", "wordpress_sites.yml"]).expect(0);
    assert_eq!(
        ran.out,
        "sites:\n  acme.example: { url: \"https://acme.example\", docroot: \"/srv/www/acme.example/current/web\", platform: wordpress }\n"
    );
}
