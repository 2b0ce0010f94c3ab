//! Worlds by chance, the same for the same seed.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::World;

/// Numbers that look random (a linear congruential generator with Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// A group as it will be written.
struct Group {
    name: String,
    children: Vec<usize>,
    hosts: Vec<(String, Vec<(String, Value)>)>,
    vars: Vec<(String, Value)>,
}

const VARIABLES: [&str; 6] = ["v", "w", "port_list", "who", "deep", "flag"];

fn value(dice: &mut Dice, who: &str) -> Value {
    match dice.roll(8) {
        0 => json!(dice.roll(9000)),
        1 => json!(dice.chance(50)),
        2 => json!([1, who, [true]]),
        3 => json!({ "a": who, "b": { "c": dice.roll(5) } }),
        4 => json!(format!("{who} # no comment; 'quoted'")),
        5 => json!(1.5),
        6 => json!(format!("{{{{ {who} }}}}")),
        _ => json!(who),
    }
}

fn vars(dice: &mut Dice, who: &str, percent: usize) -> Vec<(String, Value)> {
    let chosen: Vec<&str> = VARIABLES.into_iter().filter(|_| dice.chance(percent)).collect();
    chosen.into_iter().map(|name| (name.to_owned(), value(dice, who))).collect()
}

fn hosts(dice: &mut Dice) -> String {
    let number = dice.roll(12);
    match dice.roll(9) {
        0 => format!("web[{}:{}]", number, number + dice.roll(4)),
        1 => format!("shop[{:02}:{:02}].example", number, number + dice.roll(5)),
        2 => "db-[a:d:2].eu.example".to_owned(),
        3 => format!("n{number}.a-b.example"),
        4 => format!("10.0.{number}.[1:3]"),
        5 => format!("x_{number}"),
        6 => format!("[a:b][1:2]-{number}"),
        7 => format!("2001:db8::{number}"),
        _ => format!("site{number}.example"),
    }
}

/// The world of a seed.
pub fn world(seed: usize) -> World {
    let mut dice = Dice(0x9E37_79B9 ^ (seed as u64).wrapping_mul(2_654_435_761));
    for _ in 0..5 {
        dice.roll(2);
    }
    let count = 2 + dice.roll(9);
    let names =
        ["eu", "us", "forms", "promo", "wordpress", "a.b", "x-y", "canary", "g_1", "zeta", "alpha"];
    let mut groups: Vec<Group> = Vec::new();
    for (index, name) in names.into_iter().enumerate().take(count) {
        let mut children = Vec::new();
        // Only later groups: no cycles. Diamonds and depth come by themselves.
        for other in index + 1..count {
            if dice.chance(25) {
                children.push(other);
            }
        }
        let mut own = Vec::new();
        for _ in 0..dice.roll(4) {
            let host = hosts(&mut dice);
            let vars = vars(&mut dice, "site", 20);
            own.push((host, vars));
        }
        let mut vars = vars(&mut dice, name, 45);
        if dice.chance(20) {
            vars.push(("ansible_group_priority".to_owned(), json!(dice.roll(12))));
        }
        groups.push(Group { name: name.to_owned(), children, hosts: own, vars });
    }
    let order = shuffled(&mut dice, count);
    let mut world = World { name: format!("seed-{seed}"), ..World::default() };
    match seed % 5 {
        0 => add(&mut world, "hosts", ini(&groups, &order), false),
        1 => add(&mut world, "hosts.yml", yaml(&groups, &order), false),
        2 => {
            let text = listing(&groups, &order);
            add(&mut world, "list.json", text.clone(), false);
            world.files.push((
                "list.json.sh".into(),
                format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n"),
                true,
            ));
        }
        3 => {
            let text = listing(&groups, &order);
            add(&mut world, "dynamic", format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n"), true);
        }
        _ => {
            world.files.push(("fleet/10-hosts".into(), ini(&groups, &order), false));
            let again = shuffled(&mut dice, count);
            world.files.push(("fleet/20.yml".into(), yaml(&groups, &again), false));
            world.files.push(("fleet/README.md".into(), "# [not] a source\n".into(), false));
            world.sources.push("fleet".into());
            if dice.chance(50) {
                world.files.push((
                    "second/more.ini".into(),
                    "lone1\n[eu]\nlone2 v=9\n".into(),
                    false,
                ));
                world.sources.push("second/more.ini".into());
                world.files.push(("second/group_vars/all.yml".into(), "w: second\n".into(), false));
            }
        }
    }
    let beside = if seed % 5 == 4 { "fleet/" } else { "" };
    beside_files(&mut dice, &mut world, beside, &groups);
    world.queries = (0..14).map(|_| query(&mut dice, &groups)).collect();
    world
}

fn add(world: &mut World, path: &str, text: String, is_program: bool) {
    world.files.push((path.to_owned(), text, is_program));
    world.sources.push(path.to_owned());
}

fn shuffled(dice: &mut Dice, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        order.swap(place, dice.roll(place + 1));
    }
    order
}

/// Files of variables in all their forms.
fn beside_files(dice: &mut Dice, world: &mut World, beside: &str, groups: &[Group]) {
    let names = groups.iter().map(|group| group.name.as_str()).chain(["all", "ungrouped"]);
    for name in names {
        if !dice.chance(30) {
            continue;
        }
        let entries = vars(dice, &format!("file of {name}"), 40);
        let map: Map<String, Value> = entries.into_iter().collect();
        let path = match dice.roll(5) {
            0 => format!("{beside}group_vars/{name}.yml"),
            1 => format!("{beside}group_vars/{name}.json"),
            2 => format!("{beside}group_vars/{name}/10-some"),
            3 => format!("{beside}group_vars/{name}/sub/x.yaml"),
            _ => format!("{beside}group_vars/{name}"),
        };
        world.files.push((path, Value::Object(map).to_string() + "\n", false));
    }
    for host in ["web1", "shop02.example", "site3.example", "2001:db8::4"] {
        let is_there = groups.iter().flat_map(|group| &group.hosts).any(|(name, _)| name == host);
        if is_there && dice.chance(60) {
            let text = "---\nv: host file\nw: yes\n";
            world.files.push((format!("{beside}host_vars/{host}"), text.into(), false));
        }
    }
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("'{key}': {}", python(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::String(text) => format!("\"{text}\""),
        number => number.to_string(),
    }
}

fn ini(groups: &[Group], order: &[usize]) -> String {
    let mut text = "# hosts of nobody\nlone[1:2].example v=7 ; x=1\n\n".replace(" ; x=1", "");
    for index in order {
        let group = &groups[*index];
        let _ = writeln!(text, "[{}]  # the group", group.name);
        for (host, vars) in &group.hosts {
            let _ = write!(text, "{host}");
            for (name, value) in vars {
                let _ = write!(text, " {name}='{}'", python(value).replace('\'', "'\"'\"'"));
            }
            text.push_str("   # a comment\n");
        }
        if !group.children.is_empty() {
            let _ = writeln!(text, "\n[{}:children]", group.name);
            for child in &group.children {
                let _ = writeln!(text, "{} # below", groups[*child].name);
            }
        }
        if !group.vars.is_empty() {
            let _ = writeln!(text, "; variables\n[{}:vars]", group.name);
            for (name, value) in &group.vars {
                let _ = writeln!(text, "{name} = {}", python(value));
            }
        }
    }
    text
}

fn yaml(groups: &[Group], order: &[usize]) -> String {
    let mut text =
        String::from("all:\n  hosts:\n    \"lone[3:4].example\":\n  vars: { who: everybody }\n");
    for index in order {
        let group = &groups[*index];
        let _ = writeln!(text, "{}:", Value::from(group.name.as_str()));
        if !group.children.is_empty() {
            text.push_str("  children:\n");
            for child in &group.children {
                let _ = writeln!(text, "    {}:", Value::from(groups[*child].name.as_str()));
            }
        }
        if !group.hosts.is_empty() {
            text.push_str("  hosts:\n");
            let mut known = std::collections::BTreeSet::new();
            for (host, vars) in group.hosts.iter().filter(|(host, _)| known.insert(host.clone())) {
                let map: Map<String, Value> = vars.iter().cloned().collect();
                let _ = writeln!(text, "    {}: {}", Value::from(host.as_str()), Value::from(map));
            }
        }
        if !group.vars.is_empty() {
            let map: Map<String, Value> = group.vars.iter().cloned().collect();
            let _ = writeln!(text, "  vars: {}", Value::from(map));
        }
    }
    text
}

fn listing(groups: &[Group], order: &[usize]) -> String {
    let mut document = Map::new();
    let mut variables = Map::new();
    for index in order {
        let group = &groups[*index];
        let mut names = Vec::new();
        for (host, vars) in &group.hosts {
            // Nothing is a range there.
            let host = host
                .replace(['[', ']'], "")
                .replace(':', if host.starts_with("2001") { ":" } else { "-" });
            let known = variables.entry(host.clone()).or_insert_with(|| json!({}));
            for (name, value) in vars {
                known[name] = value.clone();
            }
            names.push(host);
        }
        let children: Vec<&str> =
            group.children.iter().map(|child| groups[*child].name.as_str()).collect();
        let vars: Map<String, Value> = group.vars.iter().cloned().collect();
        document.insert(
            group.name.clone(),
            json!({ "hosts": names, "children": children, "vars": vars }),
        );
    }
    document.insert("_meta".into(), json!({ "hostvars": variables }));
    serde_json::to_string_pretty(&document).expect("JSON")
}

fn word(dice: &mut Dice, groups: &[Group]) -> String {
    let group = dice.one(groups);
    let host = groups.iter().flat_map(|group| &group.hosts).nth(dice.roll(6));
    let host = host.map_or("all", |(name, _)| name.split('[').next().unwrap_or("all")).to_owned();
    match dice.roll(16) {
        0 => "all".to_owned(),
        1 => "*".to_owned(),
        2 => "ungrouped".to_owned(),
        3 => format!("{}[{}]", group.name, dice.roll(4)),
        4 => format!("{}[-{}]", group.name, 1 + dice.roll(2)),
        5 => format!("{}[{}:{}]", group.name, dice.roll(2), dice.roll(4)),
        6 => format!("{}[{}:]", group.name, dice.roll(3)),
        7 => format!("{}*", &group.name[..1]),
        8 => format!("{host}*"),
        9 => "*.example".to_owned(),
        10 => "~(web|shop)[0-9]+".to_owned(),
        11 => format!("~{}", &group.name[..2]),
        12 => "s[hi]*[0-1]".to_owned(),
        13 => "nowhere".to_owned(),
        _ => group.name.clone(),
    }
}

fn pattern(dice: &mut Dice, groups: &[Group]) -> String {
    let separator = if dice.chance(50) { ":" } else { "," };
    let words: Vec<String> = (0..=dice.roll(4))
        .map(|_| format!("{}{}", dice.one(&["", "", "&", "!"]), word(dice, groups)))
        .collect();
    words.join(separator)
}

fn query(dice: &mut Dice, groups: &[Group]) -> (String, Option<String>) {
    let limit = dice.chance(30).then(|| pattern(dice, groups));
    (pattern(dice, groups), limit)
}
