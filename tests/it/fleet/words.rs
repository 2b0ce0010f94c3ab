//! Refusals: what people are told who mistype, who are not asked, and whose sudo wants a password.

use super::{
    project::{KEY, Member, Project, edit, settings},
    sight::{Standing, assert_confirmed, form_at, standing},
    sixty::{ASKS_FOR_PASSWORD, lab},
};

fn project() -> Project {
    Project::new(&["w1", "w2"].map(|site| Member::new(site, &["forms"])))
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let project = project();
    let ran = project.run(&["deploy"]).expect(2);
    ran.says("--yes");
    assert_eq!(standing("w1"), Standing::default());
    // Where nothing would change nobody needs to be asked.
    project.run(&["deploy", "--site", "w1", "--yes"]).expect(0);
    project.run(&["deploy", "--site", "w1"]).expect(0).says("1 unchanged");
    project.feature("contact-form", "2.1.5", |_| {});
    project.publish("contact-form");
    project.run(&["deploy", "w1", "--yes"]).expect(0);
    project.run(&["rollback", "w1"]).expect(2).says("--yes");
    assert_eq!(form_at("w1").as_deref(), Some("2.1.5"));
    assert_confirmed("w1");
}

#[test]
fn mistakes_are_told_in_words_that_help() {
    let project = project();
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let ran = project.run(arguments).expect(code);
        assert_eq!(ran.stderr, words, "{ran}");
        assert_eq!(ran.stdout, "", "{ran}");
    };
    let change = |file: &str, right: &str, wrong: &str, words: &str| {
        edit(&project.path(file), right, wrong);
        refused(&["deploy", "--yes"], 3, words);
        edit(&project.path(file), wrong, right);
    };
    refused(
        &["deploy", "--group", "fomrs", "--yes"],
        2,
        "error: --group fomrs: no such group\n  hint: did you mean `forms`?\n",
    );
    refused(
        &["deploy", "--feature", "contactform", "--yes"],
        2,
        "error: --feature contactform: no site has it\n  hint: did you mean `contact-form`?\n",
    );
    refused(
        &["deploy", "--site", "w3", "--yes"],
        2,
        "error: --site w3: no such site\n  hint: did you mean `w1`?\n",
    );
    let groups = "inventory/groups.yml";
    change(
        groups,
        "contact_recipient:",
        "contact_recipeint:",
        "error: inventory/groups.yml:9:17: contact-form 2.1.4 needs the variable `contact_recipient` \
         (who gets the letters; a\n  mail address) — w1 and w2\n  \
         hint: there is `contact_recipeint`: did you mean `contact_recipient`?\n",
    );
    change(
        groups,
        "letters@agency.example",
        "letters at agency",
        "error: inventory/groups.yml:11:26: contact-form 2.1.4 expects `contact_recipient` to be a \
         mail address, found the text\n  \"letters at agency\" — w1 and w2\n",
    );
    change(
        groups,
        "contact-form: ",
        "contact-from: ",
        "error: inventory/groups.yml:9:17: the feature `contact-from` was never published — w1 and w2 \
         want it through group forms\n  hint: did you mean `contact-form`?\n",
    );
    let line = |number: usize, site: &str| {
        let address = &lab().site(site).0.address;
        let text = format!("  {site}: {{ address: {address}, groups: [wordpress, formz] }}");
        let column = text.find("formz").unwrap() + 1;
        let caret = " ".repeat(column - 1);
        format!(
            "error: inventory/sites.yml:{number}:{column}: there is no group `formz`\n  \
             {number} | {text}\n    | {caret}^\n  hint: did you mean `forms`?\n"
        )
    };
    change(
        "inventory/sites.yml",
        "[wordpress, forms]",
        "[wordpress, formz]",
        &format!("{}{}2 problems\n", line(2, "w1"), line(3, "w2")),
    );
    change(
        "playbooks/deploy.yml",
        "batches:",
        "batchs:",
        "error: playbooks/deploy.yml:4:5: unknown key `batchs` in `rollout`\n  \
         4 |     batchs: [100%]\n    |     ^\n  hint: did you mean `batches`?\n",
    );
    project.feature("contact-form", "2.1.9", |source| {
        edit(&source.join("feature.yml"), "templates/config.js.j2", "templates/config.jss.j2");
    });
    let definition = project.read("features/contact-form/feature.yml");
    let mut lines = (1..).zip(definition.lines());
    let (number, text) = lines.find(|(_, text)| text.contains("config.jss")).unwrap();
    refused(
        &["feature", "publish", "contact-form"],
        3,
        &format!(
            "error: features/contact-form/feature.yml:{number}:5: there is no file \
             templates/config.jss.j2 in the feature\n  {number} | {text}\n     |     ^\n  \
             hint: did you mean `templates/config.js.j2`?\n"
        ),
    );
    let elsewhere = Project::empty();
    let ran = elsewhere.run(&["deploy", "--yes"]).expect(2);
    ran.says("there is no fleet.yml here").says("fleetctl init");
}

#[test]
fn a_secret_that_is_not_there_stops_it_before_any_connection() {
    let mut project = project();
    project.unset("CONTACT_FORM_KEY");
    let ran = project.run(&["deploy", "--yes"]).expect(13);
    ran.says("CONTACT_FORM_KEY");
}

#[test]
fn sudo_may_ask_for_a_password() {
    let site = "p17";
    let mut project = Project::new(&[Member::new(site, &["forms"]), Member::new("w2", &["forms"])]);
    project.playbook("    batches: [100%]\n    budget: { failed: 1 }\n");
    let ran = project.run(&["deploy", "--yes"]).expect(4);
    ran.says(site).says("password").says("become_password").says("1 changed, 1 failed");
    assert_eq!(standing(site), Standing::default());

    project.write("fleet.yml", &settings("  become_password: { from_env: SUDO_PASSWORD }\n"));
    project.set("SUDO_PASSWORD", "not this one");
    let ran = project.run(&["deploy", "--yes"]).expect(4);
    ran.says(site).says("1 unchanged, 1 failed");
    let password = lab().host(ASKS_FOR_PASSWORD).sudo_password.clone().unwrap();
    project.set("SUDO_PASSWORD", &password);
    let ran = project.run(&["deploy", "--yes"]).expect(0);
    ran.says("1 unchanged, 1 changed").says_nothing_of(&password);
    assert_eq!(form_at(site).as_deref(), Some("2.1.4"));
    assert_confirmed(site);
    // A change that is reloaded, and taken back, with the password as well.
    project.feature("contact-form", "2.1.5", |_| {});
    project.publish("contact-form");
    project.run(&["deploy", "--yes"]).expect(0).says("2 changed");
    assert_eq!(form_at(site).as_deref(), Some("2.1.5"));
    project.run(&["rollback", site, "--yes"]).expect(0);
    assert_eq!(form_at(site).as_deref(), Some("2.1.4"));
    for (path, bytes) in project.kept() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&password) && !text.contains(KEY), "{}", path.display());
    }
}
