//! Inventories, patterns and variables beside the real Ansible (`tests/python`).
//!
//! Worlds are written down (`tests/diff/worlds/*.yml`) or made by chance from a seed; each is read
//! by both, asked the same questions, and compared: order, merged variables, groups. Where ours
//! is stricter, `tests/diff/stricter.yml` says so and why; an entry that nothing needs fails.

mod chance;
mod oracle;
mod worlds;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use fleetctl::{
    inventory::{Inventory, Target, VariableValue, select},
    project::{Project, Surroundings},
};
use serde_json::{Map, Value, json};

/// An inventory in files, and what is asked of it.
#[derive(Debug, Clone, Default)]
struct World {
    name: String,
    /// Path, content, whether it is a program.
    files: Vec<(String, String, bool)>,
    /// What `-i` names.
    sources: Vec<String>,
    /// Pattern and limit.
    queries: Vec<(String, Option<String>)>,
}

/// What one side says of a world: an answer for each query, variables and groups.
#[derive(Debug, PartialEq)]
struct Said {
    queries: Vec<Result<Vec<String>, String>>,
    variables: BTreeMap<String, Value>,
    groups: BTreeMap<String, Value>,
}

impl World {
    fn write(&self, root: &Path) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let home = root.join(&self.name);
        for (path, text, is_program) in &self.files {
            let path = home.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(&path, text).expect("a file");
            if *is_program {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
            }
        }
        home
    }

    fn ask_us(&self, home: &Path) -> Result<Said, String> {
        let around = Surroundings {
            directory: home.to_owned(),
            inventories: self.sources.iter().map(PathBuf::from).collect(),
            ..Surroundings::default()
        };
        let project = Project::open(None, &around).map_err(|why| why.to_string())?;
        let environment = project.settings.environment(None).expect("an environment");
        let inventory = project.inventory(environment).map_err(|why| why.to_string())?;
        let queries = self.queries.iter().map(|(pattern, limit)| {
            let target = Target {
                patterns: vec![pattern.clone()],
                limit: limit.iter().cloned().collect(),
                ..Target::default()
            };
            let names = select(&inventory, &target, &|_| BTreeSet::new());
            let names = names.map_err(|problems| problems.to_string())?;
            Ok(names.iter().map(ToString::to_string).collect())
        });
        Ok(Said {
            queries: queries.collect(),
            variables: variables(&inventory),
            groups: groups(&inventory),
        })
    }
}

fn variables(inventory: &Inventory) -> BTreeMap<String, Value> {
    let of_site = |site: &fleetctl::inventory::Site| {
        let mut all = Map::new();
        for (name, variable) in site.variables(&[]) {
            let VariableValue::Plain(value) = &variable.value else { continue };
            all.insert(name.to_owned(), value.clone());
        }
        (site.name.to_string(), Value::from(all))
    };
    inventory.sites().iter().map(of_site).collect()
}

fn groups(inventory: &Inventory) -> BTreeMap<String, Value> {
    let of_group = |(name, group): (&fleetctl::model::GroupName, &fleetctl::inventory::Group)| {
        let sites: Vec<&str> = match name.as_str() {
            "all" => Vec::new(),
            other => inventory.direct(other).map(|site| site.name.as_str()).collect(),
        };
        (name.to_string(), json!({ "children": group.children, "hosts": sites }))
    };
    inventory.groups.iter().map(of_group).collect()
}

/// Answers of ours that are stricter than Ansible's: a fragment of what we say, and how often it
/// was needed.
struct Stricter(Vec<(String, usize)>);

impl Stricter {
    fn read() -> Self {
        let text = fs::read_to_string(worlds::home().join("stricter.yml")).expect("the list");
        let root = fleetctl::model::yaml::parse("stricter.yml", &text).expect("good YAML");
        let value = root.to_value(&mut fleetctl::model::Problems::default()).expect("values");
        let entries = value.as_array().expect("a list").iter().map(|entry| {
            assert!(entry["why"].as_str().is_some_and(|why| why.len() > 20), "{entry} says no why");
            (entry["says"].as_str().expect("a fragment").to_owned(), 0)
        });
        Self(entries.collect())
    }

    fn excuses(&mut self, message: &str) -> bool {
        let found = self.0.iter_mut().find(|(fragment, _)| message.contains(fragment.as_str()));
        found.map(|(_, uses)| *uses += 1).is_some()
    }
}

#[test]
fn inventories_mean_what_ansible_makes_of_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut worlds = worlds::written_down();
    worlds.extend((0..90).map(chance::world));
    let homes: Vec<PathBuf> = worlds.iter().map(|world| world.write(directory.path())).collect();
    let theirs = oracle::ask(directory.path(), &worlds, &homes);
    let mut stricter = Stricter::read();
    let (mut cases, mut differences) = (0, Vec::new());
    for ((world, home), theirs) in worlds.iter().zip(&homes).zip(theirs) {
        let ours = world.ask_us(home);
        let before = differences.len();
        cases += 2 + world.queries.len();
        compare(world, ours, theirs, &mut stricter, &mut differences);
        if differences.len() > before {
            let files: Vec<&str> = world.files.iter().map(|(path, ..)| path.as_str()).collect();
            differences.push(format!("    (the files of {}: {})", world.name, files.join(" ")));
        }
    }
    let kept = differences.len();
    assert!(kept == 0, "{}", differences.into_iter().take(60).collect::<Vec<_>>().join("\n"));
    assert!(cases >= 1000, "only {cases} cases");
    for (fragment, uses) in &stricter.0 {
        assert!(*uses > 0, "stricter.yml: nothing says `{fragment}` any more");
    }
}

fn compare(
    world: &World,
    ours: Result<Said, String>,
    theirs: Result<Said, String>,
    stricter: &mut Stricter,
    differences: &mut Vec<String>,
) {
    let name = &world.name;
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Err(_)) => return,
        (Err(why), Ok(_)) => {
            if !stricter.excuses(&why) {
                differences.push(format!("{name}: we refuse: {why}"));
            }
            return;
        }
        (Ok(_), Err(why)) => {
            return differences.push(format!("{name}: Ansible refuses: {why}"));
        }
    };
    for (site, value) in &theirs.variables {
        let own = ours.variables.get(site);
        if own != Some(value) {
            let own = own.map_or_else(|| "no such site".to_owned(), ToString::to_string);
            differences.push(format!("{name}: {site}:\n  ours    {own}\n  Ansible {value}"));
        }
    }
    if ours.variables.len() != theirs.variables.len() {
        differences.push(format!(
            "{name}: {} sites, not {}",
            ours.variables.len(),
            theirs.variables.len()
        ));
    }
    for (group, value) in &theirs.groups {
        let own = ours.groups.get(group);
        if own != Some(value) {
            differences
                .push(format!("{name}: group {group}:\n  ours    {own:?}\n  Ansible {value}"));
        }
    }
    for (((pattern, limit), own), their) in
        world.queries.iter().zip(&ours.queries).zip(&theirs.queries)
    {
        let is_same = match (own, their) {
            (Ok(own), Ok(their)) => own == their,
            (Err(_), Err(_)) => true,
            (Err(why), Ok(_)) => stricter.excuses(why),
            (Ok(_), Err(_)) => false,
        };
        if !is_same {
            let limit = limit.as_deref().unwrap_or("-");
            differences.push(format!(
                "{name}: {pattern:?} limit {limit:?}:\n  ours    {own:?}\n  Ansible {their:?}"
            ));
        }
    }
}

#[test]
fn the_export_is_the_document_that_ansible_lists() {
    let directory = tempfile::tempdir().expect("a directory");
    let wanted = ["yaml-diamond", "ini-declared-late", "directory-of-sources", "yaml-two-sources"];
    let worlds = worlds::written_down();
    for world in worlds.iter().filter(|world| wanted.contains(&world.name.as_str())) {
        let home = world.write(directory.path());
        let sources = || world.sources.iter().flat_map(|source| ["-i", source]);
        let listed = |program: &Path, arguments: &[&str]| -> Value {
            let mut command = std::process::Command::new(program);
            oracle::bare(&mut command, &home).args(arguments).args(sources()).current_dir(&home);
            let out = command.output().expect("a program");
            let why = String::from_utf8_lossy(&out.stderr);
            serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}: {why}", world.name))
        };
        let ours = listed(Path::new(env!("CARGO_BIN_EXE_fleetctl")), &["inventory", "export"]);
        let ansible = oracle::python().with_file_name("ansible-inventory");
        let mut theirs = listed(&ansible, &["--list"]);
        // The name of its own encoding, which came with 2.19.
        theirs["_meta"].as_object_mut().expect("a mapping").remove("profile");
        assert_eq!(ours, theirs, "{}", world.name);
    }
}

#[test]
fn the_templates_of_the_cases_are_what_jinja_makes_of_them() {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = std::process::Command::new(oracle::python());
    oracle::bare(&mut command, home.path()).arg(worlds::home().join("templates.py"));
    let out = command.output().expect("Python");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}
