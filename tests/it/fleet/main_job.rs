//! `deploy --group forms` over sixty hosts, and what comes after it.

use super::{
    project::{Member, Project},
    sight::{Standing, assert_confirmed, each, form_at, popup_at, standing},
    sixty::{ASKS_FOR_PASSWORD, UNDEPLOYABLE, lab, main_sites},
};

fn members() -> Vec<Member> {
    main_sites()
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let groups: &[&str] = match index {
                _ if name == ASKS_FOR_PASSWORD => &[],
                20..=39 => &["forms", "promo"],
                _ => &["forms"],
            };
            Member::new(name, groups)
        })
        .collect()
}

#[test]
fn the_main_job() {
    let project = Project::new(&members());
    let forms: Vec<String> =
        main_sites().into_iter().filter(|site| site != ASKS_FOR_PASSWORD).collect();
    let good: Vec<String> = forms
        .iter()
        .filter(|site| UNDEPLOYABLE.iter().all(|(bad, _)| bad != site))
        .cloned()
        .collect();
    assert_eq!(good.len(), 55);
    assert!(each(&forms, form_at).iter().all(Option::is_none), "nobody has a form yet");

    sites_in_no_state_for_it_stop_it_before_the_first_write(&project);
    every_other_site_gets_the_form(&project, &good);
    a_second_deploy_is_one_exec_per_host(&project, &good);
    one_byte_is_found_and_repaired(&project, &good);
    what_is_in_the_way_can_be_adopted_and_comes_back(&project);
    one_feature_moves_alone(&project, &good);
    no_secret_is_kept_here(&project);
}

fn sites_in_no_state_for_it_stop_it_before_the_first_write(project: &Project) {
    let ran = project.run(&["deploy", "--group", "forms", "--yes"]).expect(5);
    for (site, why) in UNDEPLOYABLE {
        ran.says(site).says(why);
    }
    ran.says("the budget allows 0").says("55 not_started, 4 failed");
    let untouched =
        |site: &str| lab().exec(site, &format!("ls -A /srv | grep -x {site} || true")).is_empty();
    assert!(each(&main_sites(), untouched).iter().all(|is| *is), "nothing was written anywhere");
}

fn every_other_site_gets_the_form(project: &Project, good: &[String]) {
    project.playbook("    batches: [1, 10%, 50%, 100%]\n    budget: { failed: 4 }\n");
    let ran = project.run(&["deploy", "--group", "forms", "--yes"]).expect(4);
    ran.says("55 changed, 4 failed");
    assert!(each(good, form_at).iter().all(|form| form.as_deref() == Some("2.1.4")));
    for site in good {
        let number: usize = site[1..].parse().unwrap();
        let popup = (21..=40).contains(&number).then_some("1.0.2");
        assert_eq!(popup_at(site).as_deref(), popup, "{site}");
    }
    each(good, |site| {
        let found = assert_confirmed(site);
        assert_eq!(found.releases.len(), 1, "{site}: {found:?}");
    });
    for (site, _) in UNDEPLOYABLE {
        assert_eq!(standing(site), Standing::default(), "{site} was not to be touched");
    }
    assert_eq!(form_at("s10"), None);
    assert!(lab().exec("s10", "ls /var/www/s10/wp-content/mu-plugins/*").contains("main.php"));
}

fn a_second_deploy_is_one_exec_per_host(project: &Project, good: &[String]) {
    let before = each(good, standing);
    // On the other hosts, other scenarios are at work at the same time.
    let alone: Vec<String> =
        good.iter().filter(|site| lab().host(site).sites.len() == 1).cloned().collect();
    assert!(alone.len() >= 8, "{alone:?}");
    for project in [project, &project.clone_elsewhere()] {
        let counts = each(&alone, |site| lab().commands_run(site));
        let ran = project.run(&["deploy", "--group", "forms", "--yes"]).expect(4);
        ran.says("55 unchanged, 4 failed");
        let after = each(&alone, |site| lab().commands_run(site));
        for ((site, before), after) in alone.iter().zip(counts).zip(after) {
            assert_eq!(after - before, 1, "{site}");
        }
    }
    assert_eq!(each(good, standing), before, "not a byte has moved");
}

fn one_byte_is_found_and_repaired(project: &Project, good: &[String]) {
    let before = each(good, standing);
    let script = "/srv/s33/current/public/contact-form/contact-form.js";
    let alter = format!("printf x | dd of={script} bs=1 seek=70 conv=notrunc 2>/dev/null");
    lab().exec(
        "s33",
        &format!("stat -c %Y {script} >/tmp/t; {alter}; touch -d @$(cat /tmp/t) {script}"),
    );
    assert!(!standing("s33").damage.is_empty());
    let audit = || project.run(&["audit", "--group", "forms", "--limit", "!s10,!s11,!s15,!s16"]);
    let altered = each(good, standing);
    let found = audit().expect(10);
    found.says("s33    changed  public/contact-form/contact-form.js  content differs");
    found.says("55 sites: 54 as released, 1 drifted");
    assert_eq!(each(good, standing), altered, "an audit writes nothing");

    project
        .run(&["deploy", "--group", "forms", "--yes"])
        .expect(4)
        .says("54 unchanged, 1 changed, 4 failed");
    for ((site, before), after) in good.iter().zip(before).zip(each(good, standing)) {
        if site == "s33" {
            assert_eq!((after.damage.as_str(), after.last_word()), ("", "confirm"));
            let digest = |current: &str| current.rsplit_once('-').unwrap().1.to_owned();
            assert_eq!(digest(&after.current), digest(&before.current), "the same release");
            assert_ne!(after.current, before.current, "in a directory of its own");
        } else {
            assert_eq!(after, before, "{site}");
        }
    }
    audit().expect(0).says("55 sites: 55 as released");
}

fn one_feature_moves_alone(project: &Project, good: &[String]) {
    project.feature("contact-form", "2.2.0", |_| {});
    project.feature("popup", "1.1.0", |_| {});
    project.publish("contact-form");
    project.publish("popup");
    let ran = project.run(&["deploy", "--feature", "contact-form", "--yes"]).expect(4);
    ran.says("popup 1.0.2 → 1.1.0");
    assert!(each(good, form_at).iter().all(|form| form.as_deref() == Some("2.2.0")));
    for site in good {
        let number: usize = site[1..].parse().unwrap();
        let popup = (21..=40).contains(&number).then_some("1.0.2");
        assert_eq!(popup_at(site).as_deref(), popup, "{site}");
    }
    each(good, assert_confirmed);

    let ran = project.run(&["deploy", "--yes"]).expect(4);
    ran.says("20 changed");
    assert!((21..=40).all(|number| popup_at(&format!("s{number}")).as_deref() == Some("1.1.0")));
    each(good, assert_confirmed);
}

fn no_secret_is_kept_here(project: &Project) {
    for (path, bytes) in project.kept() {
        let found = bytes.windows(13).any(|part| part == b"Kanarienvogel");
        assert!(!found, "{} holds the key", path.display());
    }
}

/// The two sites with something real in the place of a link: a plugin of their own.
fn what_is_in_the_way_can_be_adopted_and_comes_back(project: &Project) {
    let own = |site: &str| {
        lab().exec(site, "cd /var/www/*/wp-content/mu-plugins && find . -type f -exec cat {} +")
    };
    let before = ["s10", "s11"].map(own);
    assert!(before.iter().all(|text| text.contains("somebody wrote this")), "{before:?}");
    let adopting = |more: &str| {
        let mut members = members();
        for member in members.iter_mut().filter(|member| matches!(&*member.name, "s10" | "s11")) {
            *member = member.clone().with(more);
        }
        members
    };
    project.sites(&adopting("adopt: true"));
    let plan = project.run(&["plan", "s10", "s11"]).expect(10);
    plan.says("replaced by a link, kept for undo: <docroot>/wp-content/mu-plugins/fleetctl-features.php, a directory");
    plan.says("fleetctl-features.php, a regular file");
    project.run(&["deploy", "s10", "s11", "--yes"]).expect(0).says("2 changed");
    for site in ["s10", "s11"] {
        assert_eq!(form_at(site).as_deref(), Some("2.1.4"));
        assert_confirmed(site);
    }
    project.sites(&adopting("adopt: true, features: { contact-form: false }"));
    project.run(&["deploy", "s10", "s11", "--yes"]).expect(0).says("2 changed");
    assert_eq!(["s10", "s11"].map(own), before, "what stood there is back");
    assert!(["s10", "s11"].iter().all(|site| form_at(site).is_none()));
    project.sites(&members());
}
