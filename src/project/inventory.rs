//! The files of an inventory: sites and groups, `group_vars/`, `host_vars/`.
//!
//! Which files of a directory are sources, and which are passed over, is Ansible's rule
//! (`INVENTORY_IGNORE_EXTS`); README files and `known_hosts` are none either. What is written in
//! them is judged by `inventory`.

mod executable;
mod vars;

use std::path::{Path, PathBuf};

use super::{Environment, Project, read};
use crate::{
    inventory::{Inventory, Sources, Target, Text, split},
    model::{Problem, Problems},
};

/// Endings of files that are no sources. Names that begin with a dot are none either.
const IGNORED: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

/// Where sources are read from: a directory that relative names start at, and the names.
struct Place {
    base: PathBuf,
    paths: Vec<PathBuf>,
    /// What the missing of one means.
    hint: String,
}

impl Project {
    /// Reads the inventory of an environment, whole; or what `-i` names in its place.
    ///
    /// # Errors
    /// Files that cannot be read or that others can write, and everything wrong in them.
    pub fn inventory(&self, environment: &Environment) -> Result<Inventory, Problems> {
        crate::inventory::read(&self.inventory_sources(environment)?)
    }

    /// The texts that make the inventory of an environment.
    ///
    /// # Errors
    /// Files that cannot be read, that others can write, or executables that fail.
    pub fn inventory_sources(&self, environment: &Environment) -> Result<Sources, Problems> {
        let place = self.place(environment);
        let mut problems = Problems::default();
        let mut sources = Sources { environment: environment.name.clone(), ..Sources::default() };
        for (number, path) in place.paths.iter().enumerate() {
            let whole = place.base.join(path);
            if !whole.exists() {
                if let Some(text) = host_list(path) {
                    sources.files.push(text);
                    continue;
                }
                let message = format!("{}: there is no such file or directory", path.display());
                problems.push(Problem::new(message).hint(place.hint.clone()));
                continue;
            }
            self.source(&place.base, path, &mut sources, &mut problems);
            let beside = if whole.is_dir() {
                path.clone()
            } else {
                path.parent().map(Path::to_owned).unwrap_or_default()
            };
            let mut vars = vars::Reader {
                base: &place.base,
                source: number,
                notes: &mut sources.notes,
                problems: &mut problems,
            };
            let (groups, hosts) =
                (vars.read(&beside, "group_vars"), vars.read(&beside, "host_vars"));
            sources.group_vars.extend(groups);
            sources.host_vars.extend(hosts);
        }
        problems.or(sources)
    }

    /// Puts the lines of `@file` words of `--limit` in their places.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn limited(&self, target: &Target) -> Result<Target, Problems> {
        let mut problems = Problems::default();
        let mut limit = Vec::new();
        for written in &target.limit {
            if !written.contains('@') {
                limit.push(written.clone());
                continue;
            }
            for word in split(written) {
                let Some(path) = word.strip_prefix('@') else {
                    limit.push(word.to_owned());
                    continue;
                };
                match read::trusted_text(&self.around.directory, Path::new(path)) {
                    Ok(Text { text, .. }) => {
                        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                        let before = limit.len();
                        limit.extend(lines.map(str::to_owned));
                        if limit.len() == before {
                            let problem =
                                Problem::new(format!("--limit @{path}: the file is empty"));
                            problems.push(problem.hint("an empty list would mean all sites"));
                        }
                    }
                    Err(problem) => {
                        let message = format!("--limit @{}", problem.message);
                        problems.push(Problem { message, ..problem });
                    }
                }
            }
        }
        problems.or(Target { limit, ..target.clone() })
    }

    fn place(&self, environment: &Environment) -> Place {
        if self.is_inventory_given() {
            let hint =
                "-i takes a path, relative to where you are, or hosts with commas: -i a.example,"
                    .to_owned();
            let paths = self.around.inventories.clone();
            return Place { base: self.around.directory.clone(), paths, hint };
        }
        let path = self.path(&environment.inventory);
        let shown = path.strip_prefix(&self.root).unwrap_or(&path).to_owned();
        let name = &environment.name;
        let hint = format!("it is the inventory of `{name}`; see `environments` in fleet.yml");
        Place { base: self.root.clone(), paths: vec![shown], hint }
    }

    /// The first source's file or directory, absolute.
    pub(super) fn first_source(&self, environment: &Environment) -> PathBuf {
        let place = self.place(environment);
        place.paths.first().map(|path| place.base.join(path)).unwrap_or(place.base)
    }

    fn source(&self, base: &Path, path: &Path, sources: &mut Sources, problems: &mut Problems) {
        let whole = base.join(path);
        if whole.is_dir() {
            let entries = read::entries(base, path).map_err(|problem| problems.push(problem));
            for entry in entries.unwrap_or_default() {
                if is_source(&entry.name) {
                    self.source(base, &entry.relative, sources, problems);
                }
            }
            return;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".secret.yml") {
            let problem = Problem::new(format!("{}: encrypted files come later", path.display()));
            problems.push(problem.hint("use from_env, from_file or from_command"));
            return;
        }
        let text = if executable::is_program(&whole) {
            self.listing(base, path)
        } else {
            read::trusted_text(base, path)
        };
        match text {
            Ok(text) => sources.files.push(text),
            Err(problem) => problems.push(problem),
        }
    }

    /// What an executable inventory prints.
    fn listing(&self, base: &Path, path: &Path) -> Result<Text, Problem> {
        if self.around.is_ci && !self.settings.inventory_executables {
            let problem = Problem::new(format!("{}: would be run, under CI", path.display()));
            return Err(problem.hint("allow it with `inventory_executables: true` in fleet.yml"));
        }
        super::find::check_writers(&base.join(path), &path.display().to_string())?;
        executable::list(&base.join(path), &path.display().to_string(), &self.around.directory)
    }
}

/// What `-i a.example,b.example:2222,` says, as the INI file that it stands for. As with Ansible it
/// is one where there is a comma and no such file, and no variables are looked for beside it.
fn host_list(path: &Path) -> Option<Text> {
    let written = path.to_str().filter(|written| written.contains(','))?;
    let hosts: Vec<&str> =
        written.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    Some(Text { file: format!("-i {written}"), text: hosts.join("\n") + "\n" })
}

fn is_source(name: &str) -> bool {
    let is_other = matches!(name, "group_vars" | "host_vars" | "vars_plugins" | "known_hosts");
    !is_other && !IGNORED.iter().any(|ending| name.ends_with(ending))
}
