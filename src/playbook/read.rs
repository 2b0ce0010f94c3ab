//! Reads a playbook's text.

use super::{Play, rollout};
use crate::model::{
    Problems,
    yaml::{self, Node, Yaml},
};

/// What plays of Ansible's have and ours do not yet, or never.
const REFUSED: [(&str, &str, &str); 15] = [
    ("tasks", TASKS, RELEASE),
    ("pre_tasks", TASKS, RELEASE),
    ("post_tasks", TASKS, RELEASE),
    ("handlers", TASKS, "use `release: { reload: php-fpm }`"),
    ("roles", TASKS, "make it a feature, or use `release: { before: [command] }`"),
    ("import_playbook", "is not supported", "write the plays into this file"),
    ("vars", "is not supported in a play yet", "set variables in the inventory"),
    ("vars_files", "is not supported", "set variables in the inventory's `group_vars/`"),
    ("vars_prompt", "is not supported: nothing prompts in a rollout", "use `-e name=value`"),
    ("gather_facts", "means nothing here: a probe reads what is needed", "remove the line"),
    ("become", "is set for the connection, not for a play", "set `ssh.become` in fleet.yml"),
    ("become_user", "is set by the release's owner", "set `release.owner` in fleet.yml"),
    (
        "remote_user",
        "is set for the connection",
        "set `ssh.user` in fleet.yml, or `user` of the site",
    ),
    (
        "strategy",
        "is not supported: `rollout` says how sites are reached",
        "use `rollout: { window: 10 }`",
    ),
    ("connection", "is not supported: sites are reached by SSH", "remove the line"),
];
const TASKS: &str = "is not supported yet: a play deploys features, and runs commands";
const RELEASE: &str =
    "use `release: { before: [command], after: [command] }`, or `fleetctl exec` for one command";

/// Reads the plays of `text`; `file` is its name for messages.
///
/// # Errors
/// Everything that is wrong with it, with places and excerpts.
pub fn parse(file: &str, text: &str) -> Result<Vec<Play>, Problems> {
    let node = yaml::parse(file, text)?;
    let mut problems = Problems::default();
    let plays = match &node.value {
        Yaml::List(items) if !items.is_empty() => {
            items.iter().filter_map(|item| read_play(item, &mut problems)).collect()
        }
        Yaml::Map(_) => {
            problems.push(node.problem("expected a list of plays").hint("begin it with `- `"));
            Vec::new()
        }
        _ => {
            let hint = "as in `- hosts: all`; without the file the built-in play is used";
            problems.push(node.expected("a list of plays").hint(hint));
            Vec::new()
        }
    };
    problems.or(plays).map_err(|problems| problems.with_excerpts(file, text))
}

fn read_play(node: &Node, problems: &mut Problems) -> Option<Play> {
    let mut fields = node.fields(problems)?;
    let name = fields.optional("name").and_then(|node| node.text(problems));
    let hosts = fields.required("hosts", problems);
    let mut play = Play::default();
    if let Some(node) = fields.optional("rollout") {
        play.rollout.read(node, problems);
        // These two are words of the play in Ansible, and of its rollout here: both will do.
        for word in ["serial", "order"] {
            if let Some((key, _)) = fields.entry(word) {
                let message = format!("`{word}` beside `rollout`: it could be said twice");
                problems.push(key.problem(message).hint("move it into `rollout`"));
            }
        }
    } else {
        if let Some(found) =
            fields.optional("serial").and_then(|node| rollout::read_batches(node, problems))
        {
            play.rollout.batches = found;
        }
        if let Some(found) =
            fields.optional("order").and_then(|node| rollout::read_order(node, problems))
        {
            play.rollout.order = found;
        }
    }
    if let Some(node) = fields.optional("release") {
        play.release.read(node, problems);
    }
    for (key, why, way_out) in REFUSED {
        fields.refuse(key, why, way_out, problems);
    }
    rollout::refuse_ansible(&mut fields, problems);
    fields.finish("a play", problems);
    let hosts = hosts?;
    let patterns: Vec<&str> =
        hosts.one_or_many().iter().filter_map(|item| item.text(problems)).collect();
    if hosts.one_or_many().is_empty() {
        problems.push(hosts.problem("`hosts` names nobody").hint("`all` means every site"));
    }
    play.hosts = patterns.join(",");
    play.at = Some(hosts.at.clone());
    name.unwrap_or(&play.hosts).clone_into(&mut play.name);
    Some(play)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{Reload, SiteOrder},
        *,
    };
    use crate::{
        event::{Batches, OnAbort, Share},
        resource::GateSpec,
    };

    const WHOLE: &str = "\
- name: Forms everywhere
  hosts: forms:&eu
  rollout:
    batches: [1, 12.5%, 100%]
    order: { shuffle: 7 }
    budget: { failed: 2, unreachable: 5% }
    on_abort: rollback_all
    pause: 1m30s
    canary: { tier: canary }
    gates:
      - http: /health
        attempts: 3
      - tcp: 443
  release:
    before: wp core is-installed
    after: [one, two]
    reload: [php-fpm, nginx, 'systemctl reload varnish', { command: reload-it }]
    purge: [wp cache flush]
";

    #[test]
    fn a_play_is_read_whole() {
        let plays = parse("deploy.yml", WHOLE).unwrap();
        let [play] = plays.as_slice() else { panic!("{plays:?}") };
        assert_eq!((play.name.as_str(), play.hosts.as_str()), ("Forms everywhere", "forms:&eu"));
        let sizes = vec![Share::Count(1), Share::Percent(1250), Share::percent(100)];
        assert_eq!(play.rollout.batches, Batches::Sizes(sizes));
        assert_eq!(play.rollout.order, SiteOrder::Shuffle(Some(7)));
        assert_eq!(play.rollout.budget.failed, Share::Count(2));
        assert_eq!(play.rollout.on_abort, OnAbort::RollbackAll);
        assert_eq!(play.rollout.pause, Duration::from_secs(90));
        assert_eq!(play.rollout.canary.len(), 1);
        assert_eq!(play.rollout.gates.len(), 2);
        assert_eq!(play.release.before, ["wp core is-installed"]);
        assert_eq!(play.release.after, ["one", "two"]);
        let command = |text: &str| Reload::Command(text.to_owned());
        let reload = vec![
            Reload::PhpFpm,
            Reload::Nginx,
            command("systemctl reload varnish"),
            command("reload-it"),
        ];
        assert_eq!(play.release.reload, Some(reload));
    }

    #[test]
    fn what_a_play_leaves_out_is_as_in_the_built_in_one() {
        let plays = parse("deploy.yml", "- hosts: [forms, promo]\n").unwrap();
        let built_in = Play::default();
        assert_eq!(plays[0].hosts, "forms,promo");
        assert_eq!(plays[0].rollout, built_in.rollout);
        assert_eq!(plays[0].release, built_in.release);
        assert_eq!(built_in.rollout.gates, [GateSpec::default()]);
        let none = parse("deploy.yml", "- hosts: all\n  rollout: { gates: [] }\n").unwrap();
        assert!(none[0].rollout.gates.is_empty());
    }

    #[test]
    fn ansible_s_words_for_waves_will_do() {
        let plays =
            parse("p.yml", "- hosts: all\n  serial: [1, '30%']\n  order: sorted\n").unwrap();
        let sizes = vec![Share::Count(1), Share::percent(30)];
        assert_eq!(plays[0].rollout.batches, Batches::Sizes(sizes));
        assert_eq!(plays[0].rollout.order, SiteOrder::Name);
        let plays = parse("p.yml", "- hosts: all\n  rollout: { serial: 5 }\n").unwrap();
        assert_eq!(plays[0].rollout.batches, Batches::Sizes(vec![Share::Count(5)]));
        let plays = parse("p.yml", "- hosts: all\n  rollout: { window: 5 }\n").unwrap();
        assert_eq!(plays[0].rollout.batches, Batches::Window(5));
    }

    #[test]
    fn what_is_not_supported_is_refused_with_its_place_and_a_way_out() {
        let cases = include_str!("../../tests/cases/playbook/refused.yml");
        crate::cases::refused(cases, |text| parse("p.yml", text).map_err(|p| p.to_string()));
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_the_lines() {
        let text = "- hosts: all\n  tasks: []\n  rollout: { pause: 5 }\n- name: x\n";
        let problems = parse("p.yml", text).unwrap_err();
        assert_eq!(problems.0.len(), 3, "{problems}");
        assert!(problems.to_string().contains("2 |   tasks: []"), "{problems}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(
            words in proptest::collection::vec(proptest::sample::select(vec![
                "- ", "hosts", ": ", "all", "\n", "  ", "rollout", "batches", "[", "]", "{", "}", ",",
                "10%", "-1", "gates", "http", "~", "release", "reload", "&a", "*a", "\"", "#", "é",
            ]), 0..40),
        ) {
            let _ = parse("p.yml", &words.concat());
        }
    }
}
