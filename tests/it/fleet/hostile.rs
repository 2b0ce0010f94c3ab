//! What commands, gates and file names of a host say while it is deployed to and looked at: text,
//! and never a command to the terminal or another line of the log.

use super::{
    project::{Member, Project},
    sixty::lab,
};
use crate::cli::hostile::{corpus, unclean, without_our_own};

const SITE: &str = "y3";

#[test]
fn commands_gates_and_file_names_cannot_reach_the_terminal() {
    let project = Project::new(&[Member::new(SITE, &["forms"])]);
    project.run(&["deploy", "--yes"]).expect(0);
    let host = &lab().site(SITE).0.name;
    let root = format!("/proc/{}/root", lab().site(SITE).0.pid);
    std::fs::write(format!("{root}/tmp/corpus"), corpus()).unwrap();
    let play = project.read("playbooks/deploy.yml");
    let check = |arguments: &[&str], code: i32| {
        for output in ["tty", "plain", "json", "github"] {
            if output == "github" && project.run(&["status", "-o", "github"]).code != Some(0) {
                continue;
            }
            let more = [arguments, &["-o", output, "--no-color", "-vv"]].concat();
            let ran = project.run(&more).expect(code);
            let text = without_our_own(ran.text().as_bytes());
            assert_eq!(unclean(&text), None, "{ran}");
            assert!(!ran.text().lines().any(|line| line.starts_with("forged")), "{ran}");
        }
    };
    let deploy = ["deploy", "--yes", "--retry-rejected", "-e", "contact_heading=Other"];
    project.with_release("before: ['cat /tmp/corpus; cat /tmp/corpus >&2; false']");
    check(&deploy, 5);
    project.write("playbooks/deploy.yml", &play);
    project.with_release("reload: { command: 'cat /tmp/corpus; cat /tmp/corpus >&2; false' }");
    check(&deploy, 7);
    project.write(
        "playbooks/deploy.yml",
        "- name: features\n  hosts: all\n  rollout:\n    gates:\n      \
         - { command: 'cat /tmp/corpus; cat /tmp/corpus >&2; false', attempts: 1 }\n",
    );
    check(&deploy, 6);
    project.write("playbooks/deploy.yml", &play);
    project.run(&["deploy", "--yes"]);
    // Files and links with such names, in the live release.
    lab().exec(
        host,
        &format!(
            "cd /srv/{SITE}/current/. && touch \"public/$(printf 'a\\033]0;x\\007b\\rforged\\342\\200\\256')\" && \
             ln -s \"$(printf 'to\\033[2J\\nforged')\" \"public/$(printf 'l\\233\\nforged link')\""
        ),
    );
    check(&["audit"], 10);
    check(&["plan"], 10);
    project.run(&["deploy", "--yes"]).expect(0);
    check(&["status"], 0);
    check(&["history", SITE], 0);
}
