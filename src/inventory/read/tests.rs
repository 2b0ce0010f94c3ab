use proptest::prelude::*;

use super::*;
use crate::inventory::VariableValue;

fn text(file: &str, text: &str) -> Text {
    Text { file: file.to_owned(), text: text.to_owned() }
}

fn vars(name: &str, file: &str, content: &str) -> VarsFile {
    VarsFile { name: name.to_owned(), source: 0, rank: 1, text: text(file, content) }
}

fn fleet(sites: &str) -> Sources {
    Sources {
        environment: "production".to_owned(),
        files: vec![text("sites.yml", sites)],
        ..Sources::default()
    }
}

const SAMPLE: &str = r#"
groups:
  all:       { user: deploy, vars: { level: 0, top: all } }
  forms:     { features: { contact-form: "^2.1" } }
  promo:     { features: { popup: "^1.0" }, hold: { popup: 1.0.2 } }
  wordpress: { vars: { platform: wordpress }, docroot: "/var/www/{{ site }}" }
  eu:        { children: [eu-west, eu-north], vars: { level: 1, region: eu }, tags: { region: eu } }
  eu-west:   { vars: { level: 2 } }
  eu-north:  { vars: { level: 2 } }
sites:
  acme.example: { address: 203.0.113.10, groups: [wordpress, forms, eu-west], tags: { tier: canary } }
  "shop[01:03].example": { groups: [wordpress, forms, promo], vars: { level: 3 } }
  globex.example: { address: 203.0.113.10, port: 22, groups: [promo, forms], features: { popup: false }, platform: react }
  hold.example: { groups: [forms], hold: { contact-form: { version: 2.1.4, until: 2027-01-31 } } }
  alone.example: { features: { chat: "*" } }
"#;

fn variable(inventory: &Inventory, site: &str, name: &str) -> String {
    let site = inventory.site(site).expect("a site");
    match &site.variables(&[]).get(name).expect("a variable").value {
        VariableValue::Plain(value) => value.to_string(),
        VariableValue::Secret(secret) => secret.to_string(),
    }
}

#[test]
fn a_site_has_what_its_groups_say_and_its_own_words_win() {
    let inventory = read(&fleet(SAMPLE)).expect("a good inventory");
    let names: Vec<&str> = inventory.sites().iter().map(|site| site.name.as_str()).collect();
    assert_eq!(names.len(), 7);
    assert_eq!(names[1..4], ["shop01.example", "shop02.example", "shop03.example"]);
    let acme = inventory.site("acme.example").expect("acme");
    let groups: Vec<&str> = acme.groups.iter().map(GroupName::as_str).collect();
    assert_eq!(groups, ["all", "eu", "forms", "wordpress", "eu-west"]);
    assert_eq!(acme.settings.user.as_deref(), Some("deploy"));
    assert_eq!(acme.settings.platform, Some(crate::model::Platform::Wordpress));
    assert_eq!(acme.settings.docroot.as_deref(), Some("/var/www/{{ site }}"));
    let tags: Vec<String> = acme.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(tags, ["region=eu", "tier=canary"]);
    assert_eq!(acme.wants[0].from.to_string(), "group forms (sites.yml:4:28)");
    let globex = inventory.site("globex.example").expect("globex");
    assert_eq!(globex.settings.platform, Some(crate::model::Platform::React));
    let wants: Vec<&str> = globex.wants.iter().map(|want| want.feature.as_str()).collect();
    assert_eq!(wants, ["contact-form"]);
    assert_eq!(globex.opt_outs.len(), 1);
    let alone = inventory.site("alone.example").expect("alone");
    assert_eq!(
        alone.groups.iter().map(GroupName::as_str).collect::<Vec<_>>(),
        ["all", "ungrouped"]
    );
    assert_eq!(inventory.members("eu").count(), 1);
    assert_eq!(inventory.members("promo").count(), 4);
}

#[test]
fn the_inner_variable_wins_and_everybody_is_explained() {
    let mut sources = fleet(SAMPLE);
    sources.group_vars = vec![
        vars("eu-west", "group_vars/eu-west.yml", "level: 4\n"),
        vars("all", "group_vars/all.yml", "top: file\n"),
    ];
    sources.host_vars = vec![vars("acme.example", "host_vars/acme.example.yml", "level: 5\n")];
    let inventory = read(&sources).expect("a good inventory");
    assert_eq!(variable(&inventory, "acme.example", "level"), "5");
    assert_eq!(variable(&inventory, "acme.example", "region"), "\"eu\"");
    assert_eq!(variable(&inventory, "acme.example", "top"), "\"file\"");
    assert_eq!(variable(&inventory, "shop02.example", "level"), "3");
    let acme = inventory.site("acme.example").expect("acme");
    let extra = Layer::from_arguments(["level=9"]).expect("an argument");
    let story: Vec<String> = acme.explain(Some("level"), &[&extra])["level"]
        .iter()
        .map(|step| format!("{} {} {}", step.layer, step.variable.at, step.holds))
        .collect();
    assert_eq!(
        story,
        [
            "group all sites.yml:3:45 false",
            "group eu sites.yml:7:62 false",
            "group eu-west sites.yml:8:31 false",
            "group eu-west group_vars/eu-west.yml:1:8 false",
            "site host_vars/acme.example.yml:1:8 false",
            "command line -e:1:1 true",
        ]
    );
}

#[test]
fn a_group_opts_out_for_its_sites_and_a_sites_own_word_stands() {
    let text = "groups:\n  promo: { features: { popup: '^1.0' } }\n  quiet: { features: { popup: false } }\n\
        sites:\n  a: { groups: [promo, quiet] }\n  b: { groups: [promo, quiet], features: { popup: '~1.2' } }\n  \
        c: { groups: [promo] }\n";
    let inventory = read(&fleet(text)).expect("a good inventory");
    let wants = |site: &str| {
        let wants = inventory.site(site).expect("a site").wants.iter();
        wants.map(|want| want.requirement.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(wants("a"), [""; 0]);
    assert_eq!(wants("b"), ["~1.2"]);
    assert_eq!(wants("c"), ["^1.0"]);
}

#[test]
fn a_quarrel_about_the_platform_is_settled_by_a_deeper_group_or_by_the_site() {
    let text = "groups:\n  a: { platform: react, children: [deep] }\n  b: { platform: static }\n  c: { platform: static }\n  \
        deep: { platform: wordpress }\nsites:\n  x: { groups: [deep, b, c] }\n  y: { groups: [a, b, c], platform: static }\n";
    let inventory = read(&fleet(text)).expect("a good inventory");
    let platform = |site: &str| inventory.site(site).expect("a site").settings.platform;
    assert_eq!(platform("x"), Some(crate::model::Platform::Wordpress));
    assert_eq!(platform("y"), Some(crate::model::Platform::Static));
    let problems =
        read(&fleet(&text.replace(", platform: static }\n", " }\n"))).expect_err("a quarrel");
    assert!(
        problems.to_string().contains("the groups `a` and `b` say different platforms"),
        "{problems}"
    );
}

#[test]
fn the_innermost_hold_counts() {
    let text = SAMPLE.replace(
        "groups: [wordpress, forms, promo]",
        "groups: [promo, forms], hold: { popup: 1.0.9 }",
    );
    let inventory = read(&fleet(&text)).expect("a good inventory");
    let version =
        |site: &str| inventory.site(site).expect("a site").holds["popup"].version.to_string();
    assert_eq!(version("globex.example"), "1.0.2");
    assert_eq!(version("shop01.example"), "1.0.9");
}

#[test]
fn sites_at_one_address_and_port_are_on_one_host() {
    let inventory = read(&fleet(SAMPLE)).expect("a good inventory");
    let hosts = inventory.hosts();
    assert_eq!(hosts.len(), 6);
    assert_eq!((hosts[0].address, hosts[0].port), ("203.0.113.10", 22));
    let sites: Vec<&str> = hosts[0].sites.iter().map(|name| name.as_str()).collect();
    assert_eq!(sites, ["acme.example", "globex.example"]);
}

#[test]
fn at_equal_depth_the_later_name_wins_and_depth_is_the_longest_way() {
    let inventory = read(&fleet(
        "groups:\n  a: { children: [c], vars: { v: a } }\n  b: { children: [a, c], vars: { v: b } }\n  \
         c: { }\n  d: { vars: { v: d } }\nsites:\n  x: { groups: [c, d] }\n",
    ))
    .expect("a good inventory");
    let groups: Vec<String> =
        inventory.site("x").expect("x").groups.iter().map(ToString::to_string).collect();
    assert_eq!(groups, ["all", "b", "d", "a", "c"]);
    assert_eq!(variable(&inventory, "x", "v"), "\"a\"");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        words in proptest::collection::vec(
            "(groups|sites|all|children|vars|features|hold|tags|port|address|a\\[1:3\\]|b|c|no|22|2\\.1|~|x-y|from_env|platform)",
            1..30,
        ),
        marks in proptest::collection::vec("(: |: \\{|: \\[|, |\\}|\\]|:\n  |:\n    |\n)", 30),
    ) {
        let text: String = words.iter().zip(&marks).flat_map(|(word, mark)| [word.as_str(), mark]).collect();
        let _ = read(&fleet(&text));
    }
}

#[test]
fn the_same_texts_give_the_same_inventory_and_empty_ones_give_an_empty_one() {
    let shown = || format!("{:?}", read(&fleet(SAMPLE)).expect("good").groups);
    assert_eq!(shown(), shown());
    assert!(read(&fleet("")).expect("an empty inventory").sites().is_empty());
    assert!(read(&fleet("groups:\nsites:\n")).expect("an empty inventory").sites().is_empty());
}
