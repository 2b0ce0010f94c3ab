//! The files of an inventory: sites and groups, `group_vars/`, `host_vars/`.

use std::path::Path;

use super::{Environment, Project, read};
use crate::{
    inventory::{Inventory, Sources, Text},
    model::{Problem, Problems},
};

impl Project {
    /// Reads the inventory of an environment, whole.
    ///
    /// # Errors
    /// Files that cannot be read or that others can write, and everything wrong in them.
    pub fn inventory(&self, environment: &Environment) -> Result<Inventory, Problems> {
        crate::inventory::read(&self.inventory_sources(environment)?)
    }

    /// The texts that make the inventory of an environment.
    ///
    /// # Errors
    /// Files that cannot be read, that others can write, or that nobody would read.
    pub fn inventory_sources(&self, environment: &Environment) -> Result<Sources, Problems> {
        let path = self.path(&environment.inventory);
        let shown = path.strip_prefix(&self.root).unwrap_or(&path).to_owned();
        if !path.exists() {
            let problem =
                Problem::new(format!("{}: there is no such file or directory", shown.display()));
            let name = &environment.name;
            return Err(problem
                .hint(format!("it is the inventory of `{name}`; see `environments` in fleet.yml"))
                .into());
        }
        let mut problems = Problems::default();
        let mut sources = Sources { environment: environment.name.clone(), ..Sources::default() };
        let beside = if path.is_dir() {
            for entry in self.entries(&shown, &mut problems) {
                match entry.name.as_str() {
                    "group_vars" | "host_vars" | "known_hosts" => {}
                    name if name.ends_with(".secret.yml") => {
                        let shown = entry.relative.display();
                        let problem = Problem::new(format!("{shown}: encrypted files come later"));
                        problems.push(problem.hint("use from_env, from_file or from_command"));
                    }
                    name if is_yaml(name) => {
                        sources.files.extend(self.text(&entry.relative, &mut problems));
                    }
                    name if is_prose(name) => {}
                    _ => problems.push(not_read(&entry.relative)),
                }
            }
            shown
        } else {
            sources.files.extend(self.text(&shown, &mut problems));
            shown.parent().map(Path::to_owned).unwrap_or_default()
        };
        sources.group_vars = self.vars(&beside.join("group_vars"), &mut problems);
        sources.host_vars = self.vars(&beside.join("host_vars"), &mut problems);
        problems.or(sources)
    }

    /// Files of variables by the name they are for: `<name>.yml`, or `<name>/` full of files.
    fn vars(&self, directory: &Path, problems: &mut Problems) -> Vec<(String, Text)> {
        let mut vars = Vec::new();
        if !self.root.join(directory).exists() {
            return vars;
        }
        for entry in self.entries(directory, problems) {
            if entry.path.is_dir() {
                for file in self.entries(&entry.relative, problems) {
                    if is_yaml(&file.name) {
                        let text = self.text(&file.relative, problems);
                        vars.extend(text.map(|text| (entry.name.clone(), text)));
                    } else if !is_prose(&file.name) {
                        problems.push(not_read(&file.relative));
                    }
                }
            } else if let Some(name) = yaml_stem(&entry.name) {
                let text = self.text(&entry.relative, problems);
                vars.extend(text.map(|text| (name.to_owned(), text)));
            } else if !is_prose(&entry.name) {
                problems.push(not_read(&entry.relative));
            }
        }
        vars
    }

    fn text(&self, path: &Path, problems: &mut Problems) -> Option<Text> {
        read::trusted_text(&self.root, path).map_err(|problem| problems.push(problem)).ok()
    }

    fn entries(&self, directory: &Path, problems: &mut Problems) -> Vec<read::Entry> {
        let entries = read::entries(&self.root, directory);
        entries.map_err(|problem| problems.push(problem)).unwrap_or_default()
    }
}

fn yaml_stem(name: &str) -> Option<&str> {
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"))
}

fn is_yaml(name: &str) -> bool {
    yaml_stem(name).is_some()
}

/// Notes for people, which are nobody's input.
fn is_prose(name: &str) -> bool {
    [".md", ".txt"].iter().any(|end| name.ends_with(end))
}

fn not_read(path: &Path) -> Problem {
    let problem = Problem::new(format!("{}: nothing reads this file", path.display()));
    problem.hint("files of an inventory end with .yml or .yaml; move it elsewhere or rename it")
}
