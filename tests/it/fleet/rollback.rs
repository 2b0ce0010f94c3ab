//! The way back, byte for byte, from any machine, even when what was there has been damaged.

use std::fs;

use super::{
    project::{Member, Project, edit},
    sight::{assert_confirmed, form_at, get, standing},
    sixty::lab,
};

const SITES: [&str; 3] = ["r1", "r2", "r3"];

/// Everything about what a site's releases hold: kinds, modes, owners, links, contents.
fn tree(site: &str) -> String {
    lab().exec(
        &lab().site(site).0.name,
        &format!(
            r#"cd /srv/{site}/current/. &&
            find . | sort | while read -r f; do
                stat -c '%A %U:%G %n' "$f"
                if [ -L "$f" ]; then readlink "$f"; elif [ -f "$f" ]; then sha256sum "$f"; fi
            done
            for l in $(find /var/www/{site} -type l | sort); do echo "$l -> $(readlink "$l")"; done"#
        ),
    )
}

fn link_in_the_docroot(feature: &std::path::Path, name: &str) {
    let definition = feature.join("feature.yml");
    let text = fs::read_to_string(&definition).unwrap();
    let links = format!(
        "links:\n  - {{ at: \"{{{{ docroot }}}}/{name}\", to: public/contact-form.css, platforms: [wordpress] }}\n"
    );
    fs::write(&definition, format!("{text}\n{links}")).unwrap();
}

/// WordPress answers for every path that is no file, so the status says nothing.
fn is_css(site: &str, path: &str) -> bool {
    get(site, path).body.contains(".contact-form {")
}

#[test]
fn a_rollback_is_byte_for_byte_and_repairs_what_it_goes_back_to() {
    let project = Project::new(&SITES.map(|site| Member::new(site, &["forms"])));
    project.feature("contact-form", "2.1.5", |source| link_in_the_docroot(source, "old.css"));
    project.publish("contact-form");
    project.run(&["deploy", "--yes"]).expect(0).says("3 changed");
    let first = SITES.map(tree);
    let releases = SITES.map(|site| standing(site).current);
    assert!(first[0].contains("old.css"), "{}", first[0]);
    assert!(first[0].contains("-rw-r----- deploy:www-data ./private/contact-form/config.php"));

    // Another version, other links, and another configuration.
    edit(&project.path("inventory/groups.yml"), "Write to us", "Ask us anything");
    project.feature("contact-form", "2.2.0", |source| link_in_the_docroot(source, "new.css"));
    project.publish("contact-form");
    project.run(&["deploy", "--yes"]).expect(0).says("3 changed");
    for site in SITES {
        assert_eq!(form_at(site).as_deref(), Some("2.2.0"));
        assert!(get(site, "/").body.contains("Ask us anything"));
        assert_eq!((is_css(site, "/new.css"), is_css(site, "/old.css")), (true, false));
    }

    // What they left is damaged on two of them: a byte of a file, a mode and a stranger.
    let damage = |site: &str, release: &str, script: &str| {
        lab().exec(&lab().site(site).0.name, &format!("cd /srv/{site}/{release} && {script}"));
    };
    let form = "private/contact-form/form.php";
    damage("r2", &releases[1], &format!("printf x | dd of={form} bs=1 seek=9 conv=notrunc"));
    damage("r3", &releases[2], &format!("chmod 666 {form}; echo evil >public/evil.php"));

    let elsewhere = project.clone_elsewhere();
    let ran = elsewhere.run(&["rollback", "r1", "r2", "r3", "--yes"]).expect(0);
    ran.says("3 changed");
    for (site, first) in SITES.iter().zip(&first) {
        assert_eq!(&tree(site), first, "{site}");
        assert_eq!(form_at(site).as_deref(), Some("2.1.5"), "{site}");
        assert!(get(site, "/").body.contains("Write to us"), "{site}");
        assert!(!get(site, "/_features/evil.php").body.contains("evil"), "{site}");
        assert_eq!((is_css(site, "/new.css"), is_css(site, "/old.css")), (false, true));
        assert_confirmed(site);
    }
    assert_eq!(standing("r1").current, releases[0], "what is whole is used as it is");
    assert_ne!(standing("r2").current, releases[1], "what is not is made anew");
    assert_ne!(standing("r3").current, releases[2]);

    let audit = project.run(&["audit"]).expect(10);
    audit.says("rolled back  ").says("by run");

    // What was left is rejected there: only somebody who says so gets it back.
    let before = SITES.map(standing);
    project.run(&["deploy", "--yes"]).expect(5).says("--retry-rejected");
    assert_eq!(SITES.map(standing), before);
    project.run(&["deploy", "--yes", "--retry-rejected"]).expect(0).says("3 changed");
    assert!(SITES.iter().all(|site| form_at(site).as_deref() == Some("2.2.0")));
}
