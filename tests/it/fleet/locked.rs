//! The way of a new version: published, locked, deployed, and nothing else moves.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{
    project::{KEY, Member, Project, Ran, edit, finish},
    sight::{assert_confirmed, form_at, get, popup_at, standing},
};

/// A feature that others need: one script.
fn core(project: &Project, version: &str) {
    project.write(
        "features/form-core/feature.yml",
        &format!(
            "name: form-core\nversion: {version}\nmount: {{ wordpress: ~, static: ~, react: ~ }}\n"
        ),
    );
    project
        .write("features/form-core/files/common/public/core.js", &format!("// core {version}\n"));
    project.publish("form-core");
}

fn core_at(site: &str) -> Option<String> {
    let page = get(site, "/_features/form-core/core.js");
    let version = page.body.trim().strip_prefix("// core ").map(str::to_owned);
    version.filter(|_| page.status == 200)
}

#[test]
fn what_is_locked_is_deployed_and_a_feature_brings_what_it_needs() {
    let project =
        Project::new(&[Member::new("l1", &["forms"]), Member::new("l2", &["forms", "promo"])]);
    project.run(&["lock"]).expect(0);
    project.run(&["deploy", "--locked", "--yes"]).expect(0).says("2 changed");
    let shown = || ["l1", "l2"].map(|site| (form_at(site), popup_at(site), core_at(site)));
    let row = |form: &str, popup: Option<&str>, core: Option<&str>| {
        (Some(form.to_owned()), popup.map(str::to_owned), core.map(str::to_owned))
    };
    assert_eq!(shown(), [row("2.1.4", None, None), row("2.1.4", Some("1.0.2"), None)]);

    // New versions are published, and nobody gets one for that.
    core(&project, "1.0.0");
    project.feature("popup", "1.1.0", |_| {});
    project.publish("popup");
    project.feature("contact-form", "2.2.0", |directory| {
        edit(&directory.join("feature.yml"), "\nmount:", "\nrequires: { form-core: ^1 }\nmount:");
    });
    project.publish("contact-form");
    project.run(&["deploy", "--locked", "--yes"]).expect(0).says("2 unchanged");
    project.run(&["feature", "outdated"]).expect(10);

    // One of them is moved, and what it needs comes with it.
    let moved = project.run(&["lock", "--update", "contact-form"]).expect(0);
    moved.says("~ contact-form 2.1.4 → 2.2.0  2 sites").says("+ form-core 1.0.0");
    let plan = project.run(&["plan", "--locked", "--feature", "contact-form"]).expect(10);
    plan.says("contact-form 2.1.4 → 2.2.0").says("form-core 1.0.0 added");
    project.run(&["deploy", "--locked", "--feature", "contact-form", "--yes"]).expect(0);
    let after = [row("2.2.0", None, Some("1.0.0")), row("2.2.0", Some("1.0.2"), Some("1.0.0"))];
    assert_eq!(shown(), after);
    assert_confirmed("l1");
    project.run(&["deploy", "--locked", "--yes"]).expect(0).says("2 unchanged");
    project.run(&["audit"]).expect(0);

    // And back again, by the lock alone.
    project.run(&["lock", "--update", "contact-form@2.1.4"]).expect(0).says("- form-core 1.0.0");
    project.run(&["deploy", "--locked", "--yes"]).expect(0).says("2 changed");
    assert_eq!(shown(), [row("2.1.4", None, None), row("2.1.4", Some("1.0.2"), None)]);
}

/// The script of a pipeline, in an environment with neither a home nor a user nor a terminal.
fn pipeline(project: &Project, feature: &str) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci-release.sh");
    let mut command = Command::new("setsid");
    command
        .arg(script)
        .arg(feature)
        .current_dir(project.path("."))
        .env_clear()
        .stdin(Stdio::null());
    command.env("PATH", "/usr/bin:/bin").env("FLEETCTL", env!("CARGO_BIN_EXE_fleetctl"));
    command.env("CONTACT_FORM_KEY", KEY).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(&["ci-release.sh", feature], command.spawn().unwrap())
}

#[test]
fn the_pipeline_after_a_release_runs_bare_and_a_second_time_changes_nothing() {
    let project = Project::new(&["l3", "l4"].map(|site| Member::new(site, &["forms", "promo"])));
    project.run(&["lock"]).expect(0);
    project.run(&["deploy", "--yes"]).expect(0);
    // Something else waits as well, and is not this pipeline's affair.
    project.feature("popup", "1.1.0", |_| {});
    project.publish("popup");
    project.feature("contact-form", "2.2.0", |_| {});
    let first = pipeline(&project, "contact-form").expect(0);
    first.says("contact-form 2.1.4 → 2.2.0").says("2 changed");
    for site in ["l3", "l4"] {
        assert_eq!(
            (form_at(site).as_deref(), popup_at(site).as_deref()),
            (Some("2.2.0"), Some("1.0.2"))
        );
        assert_confirmed(site);
    }
    let lock = project.read("fleet.lock");
    let before = ["l3", "l4"].map(standing);
    pipeline(&project, "contact-form").expect(0).says_nothing_of("changed");
    assert_eq!(["l3", "l4"].map(standing), before);
    assert_eq!(project.read("fleet.lock"), lock);

    // What is wrong ends it with the step's own code, before any host.
    project.feature("contact-form", "2.2.0", |there| {
        edit(&there.join("files/common/private/form.php"), "<?php", "<?php // other");
    });
    pipeline(&project, "contact-form").expect(3).says("already published with other content");
    assert_eq!(["l3", "l4"].map(standing), before);
}
