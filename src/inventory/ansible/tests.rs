use proptest::prelude::*;

use super::*;
use crate::inventory::{Inventory, Sources, Target, VarsFile, read, select};

fn fleet(files: &[(&str, &str)], vars: &[(&str, &str)]) -> Result<Inventory, Problems> {
    let text = |file: &str, text: &str| Text { file: file.to_owned(), text: text.to_owned() };
    let vars_file = |(name, content): &(&str, &str)| VarsFile {
        name: (*name).to_owned(),
        source: 0,
        rank: 1,
        text: text(&format!("group_vars/{name}.yml"), content),
    };
    read(&Sources {
        files: files.iter().map(|(file, content)| text(file, content)).collect(),
        group_vars: vars.iter().map(vars_file).collect(),
        ..Sources::default()
    })
}

fn shown(inventory: &Inventory, site: &str, name: &str) -> String {
    let site = inventory.site(site).expect("a site");
    match &site.variables(&[]).get(name).expect("a variable").value {
        VariableValue::Plain(value) => value.to_string(),
        VariableValue::Secret(secret) => secret.to_string(),
    }
}

#[test]
fn a_file_of_our_own_form_adds_to_ansibles_groups() {
    let inventory = fleet(
        &[
            ("10-hosts", "[web]\nw1\nw2\n"),
            (
                "20-features.yml",
                "groups:\n  web: { features: { popup: '^1.0' }, platform: static }\n",
            ),
            ("30-more.yml", "sites:\n  own.example: { groups: [web] }\n"),
        ],
        &[("web", "fleet: { features: { chat: '*' }, tags: { tier: main } }\nx: yes\n")],
    )
    .expect("a good inventory");
    let names = |site: &str| -> Vec<String> {
        let wants = inventory.site(site).expect("a site").wants.iter();
        wants.map(|want| format!("{}{}", want.feature, want.requirement.as_str())).collect()
    };
    assert_eq!(names("w2"), ["popup^1.0", "chat*"]);
    assert_eq!(names("own.example"), ["popup^1.0", "chat*"]);
    assert_eq!(shown(&inventory, "w1", "x"), "true");
    let members: Vec<&str> = inventory.members("web").map(|site| site.name.as_str()).collect();
    assert_eq!(members, ["w1", "w2", "own.example"]);
}

#[test]
fn a_secret_of_a_variable_stays_where_it_is() {
    let vars = [("web", "smtp: { from_env: SMTP }\n")];
    let inventory = fleet(&[("hosts", "[web]\nw1\n")], &vars).expect("a good inventory");
    assert_eq!(shown(&inventory, "w1", "smtp"), "the environment variable SMTP");
}

#[test]
fn mistakes_are_told_at_their_places() {
    for (file, text, expected) in [
        (
            "h.yml",
            "all: { hosts: { a: { x: 12:30 } } }\n",
            "h.yml:1:25: expected a value, found `12:30`",
        ),
        (
            "h.yml",
            "all: { hosts: { a: 5 } }\n",
            "h.yml:1:20: expected a mapping, found the number 5",
        ),
        ("h.yml", "all: { childs: { a: } , hosts: }\n", "unknown key `childs` in a group"),
        ("h.yml", "web: { hosts: { 'a b': } }\n", "h.yml:1:17: \"a b\" may hold only"),
        ("h.yml", "web: { children: { web: } }\n", "groups contain each other: web → web"),
        ("h.yml", "plugin: x.y.z\n", "configures an inventory plugin"),
        (
            "h.yml",
            "all: { hosts: { a: { ansible_group_priority: x } }, vars: { ansible_group_priority: x } }\n",
            "expected a whole number",
        ),
        ("h.toml", "", "TOML"),
        ("h.json", "{\"web\": {\"hosts\": [1]}}", "h.json:1:20: expected text, found the number 1"),
        ("h.json", "{\"_meta\": {}, \"web\": {\"host\": []}}", "did you mean `hosts`?"),
        ("hosts", "a fleet='{\"features\": {\"x\": 2}}'\n", "expected a version requirement"),
        ("hosts", "a fleet=1\n", "`fleet` is no mapping"),
        ("hosts", "[a:children]\na\n", "groups contain each other: a → a"),
        ("hosts", "[a:children]\nb x=1\n", "hosts:2:1: `b x=1` is no name of a group"),
        ("hosts", "a:\n", "hosts:1:1: `a:` ends with a colon"),
    ] {
        let problems = fleet(&[(file, text)], &[]).expect_err(text).to_string();
        assert!(problems.contains(expected), "{text}: {problems}");
    }
    let vault = fleet(&[("hosts", "[a]\nb\n")], &[("a", "$ANSIBLE_VAULT;1.1;AES256\n6162\n")]);
    let told = vault.expect_err("encrypted").to_string();
    assert!(told.contains("encrypted by ansible-vault") && !told.contains("6162"), "{told}");
}

proptest! {
    #[test]
    fn no_ini_makes_the_reader_panic(text in "([a-c\\[\\]:=#;'\" {}(),0-9\\\\]{0,12}\n){0,12}") {
        let _ = fleet(&[("hosts", &text)], &[]);
    }

    #[test]
    fn no_ini_like_text_makes_the_reader_panic(
        lines in proptest::collection::vec(
            "(\\[(a|b|all|ungrouped)(:children|:vars|:x)?\\]|(a|b|w\\[1:3\\]|::1|\\[::1\\]:22)( x=(1|'y|\\{1: 2\\}|\\(1,))?|v ?= ?(\\[1, |'''|0x|r'|1e))",
            0..12,
        )
    ) {
        let _ = fleet(&[("hosts", &lines.join("\n"))], &[]);
    }

    #[test]
    fn no_pattern_makes_the_reader_panic(pattern in "[abw1é:,&!*?~@\\[\\]\\-0-9. ]{0,16}") {
        let inventory = fleet(&[("hosts", "[a]\nw[1:3]\n[b]\nb.é1\n".replace('é', "e").as_str())], &[]);
        let inventory = inventory.expect("a good inventory");
        let target = Target { patterns: vec![pattern], ..Target::default() };
        let _ = select(&inventory, &target, &|_| std::collections::BTreeSet::new());
    }

    #[test]
    fn no_listing_makes_the_reader_panic(
        text in "\\{(\"(web|_meta|all)\": ?(\\[(\"a\"|1)?\\]|\\{(\"(hosts|vars|children|hostvars)\": ?(\\[\"a\"\\]|\\{\"a\": ?(1|\\{\\})\\}|2)){0,1}\\}),? ?){0,3}\\}"
    ) {
        let _ = fleet(&[("list.json", &text)], &[]);
    }
}
