//! The broken deploy: a good version everywhere, then one that breaks a site of the second batch.

use std::fs;

use super::{
    project::{Member, Project, Ran},
    sight::{Standing, assert_confirmed, assert_settled, form_at, get, standing},
    sixty::BROKEN_SITES,
};

const GOOD: &str = "2.1.4";
const SICK: &str = "2.3.0";

/// What becomes of the first four sites; the others are never reached.
struct Policy {
    word: &'static str,
    prefix: &'static str,
    code: i32,
    versions: [&'static str; 4],
}

#[test]
fn keep_leaves_the_sick_site_and_stops() {
    broken_deploy(&Policy { word: "keep", prefix: "k", code: 5, versions: [SICK, SICK, "", SICK] });
}

#[test]
fn rollback_failed_brings_back_the_sick_site_alone() {
    broken_deploy(&Policy {
        word: "rollback_failed",
        prefix: "f",
        code: 6,
        versions: [SICK, SICK, GOOD, SICK],
    });
}

#[test]
fn rollback_batch_brings_back_the_second_batch() {
    broken_deploy(&Policy {
        word: "rollback_batch",
        prefix: "b",
        code: 6,
        versions: [SICK, GOOD, GOOD, GOOD],
    });
}

#[test]
fn rollback_all_brings_back_everything() {
    broken_deploy(&Policy {
        word: "rollback_all",
        prefix: "a",
        code: 6,
        versions: [GOOD, GOOD, GOOD, GOOD],
    });
}

fn broken_deploy(policy: &Policy) {
    let Policy { word, prefix, code, versions } = policy;
    let sites: Vec<String> = (1..=BROKEN_SITES).map(|number| format!("{prefix}{number}")).collect();
    let members: Vec<Member> = sites.iter().map(|site| Member::new(site, &["forms"])).collect();
    let project = Project::new(&members);
    project.playbook(&format!("    batches: [1, 3, 100%]\n    on_abort: {word}\n"));
    project.run(&["deploy", "--yes"]).expect(0).says("8 changed");
    assert!(sites.iter().all(|site| form_at(site).as_deref() == Some(GOOD)));
    let before: Vec<Standing> = sites.iter().map(|site| assert_confirmed(site)).collect();

    let sick = &sites[2];
    project.feature("contact-form", SICK, |source| {
        let form = source.join("files/common/private/form.php");
        let text = fs::read_to_string(&form).unwrap();
        let trap = format!("if (($_SERVER['SERVER_NAME'] ?? '') === '{sick}') {{ http_response_code(500); exit('sick'); }}");
        fs::write(&form, format!("{text}\n{trap}\n")).unwrap();
    });
    project.publish("contact-form");
    let ran = project.run(&["deploy", "--yes"]).expect(*code);
    ran.says("1 site failed, the budget allows 0").says(word).says("500");

    for (site, version) in sites.iter().zip(versions) {
        if version.is_empty() {
            assert_eq!(get(site, "/").status, 500, "{site} was to be kept as it is");
            assert_eq!(assert_settled(site).last_word(), "activate");
        } else {
            assert_eq!(form_at(site).as_deref(), Some(*version), "{site}");
            assert_confirmed(site);
        }
    }
    for (site, before) in sites.iter().zip(&before).skip(4) {
        assert_eq!(form_at(site).as_deref(), Some(GOOD), "{site}");
        assert_eq!(standing(site), *before, "{site} was not to be touched");
    }

    history_tells_the_same_story(&project, &ran, &sites, policy);
    what_was_rejected_is_not_tried_again(&project, &sites, versions);
    project.feature("contact-form", "2.3.1", |_| {});
    project.publish("contact-form");
    project.run(&["deploy", "--yes"]).expect(0).says("8 changed");
    for site in &sites {
        assert_eq!(form_at(site).as_deref(), Some("2.3.1"), "{site}");
        assert_confirmed(site);
    }
}

/// What the screen said in the end is what the journals of the run and of the sites say.
fn history_tells_the_same_story(project: &Project, ran: &Ran, sites: &[String], policy: &Policy) {
    let recap = ran.stdout.lines().find_map(|line| line.strip_prefix("8 sites: ")).unwrap();
    let (counts, _) = recap.rsplit_once(" in ").unwrap();
    let run = ran.stdout.split("run ").nth(1).unwrap().lines().next().unwrap();
    let history = project.run(&["history"]).expect(0);
    let line = history.stdout.lines().find(|line| line.starts_with(run)).unwrap();
    assert!(line.contains(&format!("{counts}, exit {}", policy.code)), "{line}\n{ran}");
    let again = project.run(&["run", "show", run]).expect(0);
    let told = |ran: &Ran| ran.stdout.split_once("\nstaging on 8 sites\n").unwrap().1.to_owned();
    assert_eq!(told(&again), told(ran), "the screen, once more");
    // From another machine, by the hosts' own journals.
    let elsewhere = project.clone_elsewhere();
    for (site, version) in sites.iter().zip(policy.versions) {
        let history = elsewhere.run(&["history", site]).expect(0);
        let of_run: Vec<&str> = history.stdout.lines().filter(|line| line.contains(run)).collect();
        let last = match version {
            GOOD => "rolled back",
            SICK => "confirmed",
            _ => "activated",
        };
        assert!(of_run[0].contains(last), "{site}: {history}");
    }
    let untouched = elsewhere.run(&["history", &sites[7]]).expect(0);
    untouched.says_nothing_of(run);
    let on = |wanted: &str| policy.versions.iter().filter(|version| **version == wanted).count();
    let sick = on(SICK) + on("");
    let mut story = format!("{} on {GOOD}", 8 - sick);
    if sick > 0 {
        story = format!("{sick} on {SICK}, {story}");
    }
    ran.says(&format!("contact-form  {story}"));
}

/// Sites that were brought back refuse the same release, before anything is touched.
fn what_was_rejected_is_not_tried_again(project: &Project, sites: &[String], versions: &[&str]) {
    let rejected: Vec<&String> = sites
        .iter()
        .zip(versions)
        .filter(|(_, version)| **version == GOOD)
        .map(|(site, _)| site)
        .collect();
    if rejected.is_empty() {
        return;
    }
    let before: Vec<Standing> = sites.iter().map(|site| standing(site)).collect();
    let ran = project.run(&["deploy", "--yes"]).expect(5);
    ran.says("--retry-rejected");
    for site in rejected {
        ran.says(site);
    }
    let after: Vec<Standing> = sites.iter().map(|site| standing(site)).collect();
    assert_eq!(after, before);
}
