//! From texts to an inventory: read every entry, then check how they refer to each other.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Inventory, Layer, LayerName,
    ansible::{self, Form},
    entries::{Entries, OwnFiles, Place, SITES, only},
    entry::{GroupEntry, Named, Shared, SiteEntry},
    hierarchy::reserved,
    want::Mentions,
};
use crate::model::{FeatureName, GroupName, Position, Problem, Problems, SiteName, yaml::Node};

/// A file's name, as messages show it, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The name, relative to the project where possible.
    pub file: String,
    /// The content.
    pub text: String,
}

/// A file of variables beside an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarsFile {
    /// The group or the site that it is for.
    pub name: String,
    /// The number of the source that it is beside, from 0.
    pub source: usize,
    /// Which of a name's files it is: 0 for `name` and for files of a directory `name/`, then by
    /// ending. Ansible reads the first alone.
    pub rank: usize,
    /// The file.
    pub text: Text,
}

/// Everything that makes an inventory.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The environment's name.
    pub environment: String,
    /// The files of groups and sites, in our own form or one of Ansible's.
    pub files: Vec<Text>,
    /// Files of variables by the group they are for; later files win.
    pub group_vars: Vec<VarsFile>,
    /// Files of variables by the site they are for; later files win.
    pub host_vars: Vec<VarsFile>,
    /// What was found out about the files that is worth telling.
    pub notes: Vec<Problem>,
}

/// Reads an inventory.
///
/// # Errors
/// Everything that is wrong, in the order of files and lines. A file that is not YAML hides
/// what only a look at the whole would find.
pub fn read(sources: &Sources) -> Result<Inventory, Problems> {
    let mut problems = Problems::default();
    let inventory = read_all(sources, &mut problems);
    problems.0.sort();
    problems.0.dedup();
    if !problems.0.is_empty() {
        let vars = sources.group_vars.iter().chain(&sources.host_vars).map(|vars| &vars.text);
        for text in sources.files.iter().chain(vars) {
            hide_secrets(&mut problems, text);
            problems = problems.with_excerpts(&text.file, &text.text);
        }
    }
    match inventory {
        Some(inventory) => problems.or(inventory),
        None => Err(problems),
    }
}

/// Keeps lines that sound like secrets from being shown: Ansible's users write them out.
fn hide_secrets(problems: &mut Problems, Text { file, text }: &Text) {
    let lines: Vec<&str> = text.lines().collect();
    for problem in &mut problems.0 {
        let Some(at) = problem.at.as_ref().filter(|at| *at.file == **file) else { continue };
        let line = lines.get(at.line.saturating_sub(1) as usize).copied().unwrap_or_default();
        let line = line.to_ascii_lowercase();
        if ["pass", "secret", "token", "vault"].iter().any(|word| line.contains(word)) {
            (problem.is_private, problem.excerpt) = (true, None);
        }
    }
}

fn read_all(sources: &Sources, problems: &mut Problems) -> Option<Inventory> {
    let mut forms = Vec::new();
    for text in &sources.files {
        forms.push(problems.absorb(ansible::form(text)).map(|form| (text, form)));
    }
    let forms: Vec<(&Text, Form)> = forms.into_iter().collect::<Option<_>>()?;
    let mut entries = Entries { notes: sources.notes.clone(), ..Entries::default() };
    entries.is_ansible = forms.iter().any(|(_, form)| !matches!(form, Form::Native(_)));
    for (text, form) in &forms {
        match form {
            Form::Native(root) => entries.take(root, problems),
            other => ansible::read(other, text, &mut entries, problems),
        }
    }
    entries.take_group_vars(&sources.group_vars, problems);
    let own = entries.host_vars(&sources.host_vars, problems);
    entries.check_names(problems);
    let unasked = entries.check_features(&own, problems);
    let inventory = entries.assemble(&sources.environment, &own, problems);
    Some(Inventory { unasked, ..inventory })
}

impl Entries {
    fn take(&mut self, root: &Node, problems: &mut Problems) {
        let Some(mut fields) = root.fields(problems) else { return };
        let groups = fields.optional("groups");
        for (key, node) in groups.and_then(|node| node.map(problems)).unwrap_or_default() {
            let Some((name, group)) = GroupEntry::read(key, node, problems) else { continue };
            self.take_group(&name, group, problems);
        }
        let sites = fields.optional("sites");
        for (key, node) in sites.and_then(|node| node.map(problems)).unwrap_or_default() {
            if let Some(site) = SiteEntry::read(key, node, problems) {
                self.take_site(site, problems);
            }
        }
        fields.refuse("vars", "has no place here", "write them in groups.all.vars", problems);
        fields.refuse("all", "is Ansible's form", "write `groups:` and `sites:`", problems);
        fields.refuse("hosts", "is Ansible's word", "write `sites:`", problems);
        fields.finish("an inventory", problems);
    }

    /// Takes a group of our own form. It may add to one of Ansible's.
    fn take_group(&mut self, name: &GroupName, group: GroupEntry, problems: &mut Problems) {
        if let Some(first) = self.groups.get(name.as_str()).filter(|first| first.is_native) {
            problems.push(twice(name, &group.at, &first.at));
            return;
        }
        if let (Some(reason), Some(child)) = (reserved(name), group.children.first()) {
            problems
                .push(Problem::at(&child.at, format!("`{name}` {reason}: it takes no children")));
        }
        let known = self.group(name, &group.at);
        known.is_native = true;
        for child in group.children {
            if known.children.iter().all(|other| other.name != child.name) {
                known.children.push(child);
            }
        }
        known.shared.take(group.shared);
    }

    fn take_site(&mut self, mut site: SiteEntry, problems: &mut Problems) {
        let place = self.sites.len();
        let mut names = Vec::with_capacity(site.names.len());
        let mut groups: Vec<&GroupName> = site.groups.iter().map(|named| &named.name).collect();
        groups.sort();
        groups.dedup();
        groups.retain(|group| reserved(group).is_none());
        // Our own form puts every site into `all`, so that its order is the order written.
        let all = GroupName::new("all").ok();
        groups.extend(&all);
        for name in site.names {
            match self.index.get(&name).and_then(|first| self.sites.get(first.entry)) {
                Some(first) => problems.push(twice(&name, &site.at, &first.at)),
                None if self.index.contains_key(&name) => {
                    let message = format!("the ranges make `{name}` twice");
                    problems.push(Problem::at(&site.at, message));
                }
                None => {
                    let number = self.index.len();
                    self.index.insert(name.clone(), Place { entry: place, number });
                    for group in &groups {
                        match self.direct.get_mut(group.as_str()) {
                            Some(direct) => direct.push(number),
                            None => drop(self.direct.insert((*group).clone(), vec![number])),
                        }
                    }
                    names.push(name);
                }
            }
        }
        site.names = names;
        if self.index.len() > SITES {
            problems.push(Problem::at(&site.at, format!("more than {SITES} sites")));
            return;
        }
        self.sites.push(site);
    }

    fn take_group_vars(&mut self, files: &[VarsFile], problems: &mut Problems) {
        for VarsFile { name, source, text, .. } in self.first_of_each(files) {
            let known = GroupName::new(name)
                .ok()
                .filter(|known| reserved(known).is_some() || self.groups.contains_key(known));
            let Some(group) = known else {
                let known: Vec<&str> = self.groups.keys().map(GroupName::as_str).collect();
                let problem = nobodys(&text.file, name, "group", &known);
                self.unneeded(problem, problems);
                continue;
            };
            let who = LayerName::Group(group.clone());
            if let Some(shared) = self.vars_file(&who, text, problems) {
                self.put_group_file(&group, *source, shared, problems);
            }
        }
    }

    /// The files to be read: of several for one name Ansible reads the first kind alone.
    fn first_of_each<'f>(&mut self, files: &'f [VarsFile]) -> Vec<&'f VarsFile> {
        let mut first: BTreeMap<(usize, &str), (usize, &str)> = BTreeMap::new();
        let mut read = Vec::with_capacity(files.len());
        for file in files {
            let key = (file.source, file.name.as_str());
            let (rank, winner) = *first.entry(key).or_insert((file.rank, &file.text.file));
            if rank == file.rank || !self.is_ansible {
                read.push(file);
            } else {
                let message = format!("{}: not read, because of {winner}", file.text.file);
                let hint = "Ansible reads the first of name/, name, name.yml, name.yaml, name.json";
                self.notes.push(Problem::new(message).hint(hint));
            }
        }
        read
    }

    /// Variables for what is not in the inventory: Ansible's users share such files between
    /// inventories, so there it is only worth a note.
    fn unneeded(&mut self, problem: Problem, problems: &mut Problems) {
        if self.is_ansible {
            self.notes.push(problem);
        } else {
            problems.push(problem);
        }
    }

    fn vars_file(&self, who: &LayerName, text: &Text, problems: &mut Problems) -> Option<Shared> {
        if self.is_ansible {
            return problems.absorb(ansible::read_vars(who, text));
        }
        problems.absorb(Layer::parse(who.clone(), &text.file, &text.text)).map(only)
    }

    fn host_vars(&mut self, files: &[VarsFile], problems: &mut Problems) -> OwnFiles {
        let mut layers = OwnFiles::new();
        for VarsFile { name, text, .. } in self.first_of_each(files) {
            let Some((site, _)) = self.index.get_key_value(name.as_str()) else {
                let known: Vec<&str> = self.index.keys().map(SiteName::as_str).collect();
                let problem = nobodys(&text.file, name, "site", &known);
                self.unneeded(problem, problems);
                continue;
            };
            let site = site.clone();
            if let Some(shared) = self.vars_file(&LayerName::Site, text, problems) {
                layers.entry(site).or_default().push(shared);
            }
        }
        layers
    }

    fn check_names(&self, problems: &mut Problems) {
        for (name, group) in &self.groups {
            if self.index.contains_key(name.as_str()) {
                let message = format!("`{name}` is the name of a group and of a site");
                problems.push(Problem::at(&group.at, message).hint("rename the group"));
            }
        }
        for name in ["all", "ungrouped"] {
            let site = self.index.get(name).and_then(|place| self.sites.get(place.entry));
            if let Some(site) = site {
                problems.push(Problem::at(&site.at, format!("`{name}` is the name of a group")));
            }
        }
        let mut unknown: BTreeMap<&GroupName, Vec<&Position>> = BTreeMap::new();
        for Named { at, name } in self.sites.iter().flat_map(|site| &site.groups) {
            if let Some(reason) = reserved(name) {
                problems.push(Problem::at(at, format!("`{name}` {reason}")).hint("leave it out"));
            } else if !self.groups.contains_key(name) {
                unknown.entry(name).or_default().push(at);
            }
        }
        // What was meant is worked out once for a name, however many sites use it.
        for (name, places) in unknown {
            let problem = Problem::new(format!("there is no group `{name}`"));
            let near = problem.suggest(name.as_str(), self.groups.keys().map(GroupName::as_str));
            let problem = match near.hint {
                Some(_) => near,
                None => near.hint(format!("declare it: `groups: {{ {name}: {{}} }}`")),
            };
            // A file of groups that was forgotten would have as many as there are sites.
            let (shown, rest) = places.split_at(places.len().min(3));
            for (at, place) in shown.iter().zip(1..) {
                let mut problem = Problem { at: Some((*at).clone()), ..problem.clone() };
                if place == shown.len() && !rest.is_empty() {
                    problem.message += &format!(" (and in {} more places)", rest.len());
                }
                problems.push(problem);
            }
        }
    }

    /// An opt-out or a hold of a feature that nobody wants is a mistyped name: silently ignored,
    /// it would let a popup or a new version through.
    fn check_features(
        &self,
        own: &OwnFiles,
        problems: &mut Problems,
    ) -> Vec<(FeatureName, Problem)> {
        let shared_parts = || {
            let groups = self.groups.values().map(|group| &group.shared);
            let files = own.values().flatten();
            groups.chain(self.sites.iter().map(|site| &site.shared)).chain(files)
        };
        let mut mentions = Mentions::default();
        for shared in shared_parts() {
            mentions.take(&shared.features);
        }
        mentions.unwanted(problems)
    }
}

fn nobodys(file: &str, name: &str, what: &str, known: &[&str]) -> Problem {
    let at = Position { file: Arc::from(file), line: 1, column: 1 };
    let problem = Problem::at(&at, format!("variables for `{name}`, but there is no such {what}"));
    problem.suggest(name, known.iter().copied())
}

fn twice(name: impl std::fmt::Display, at: &Position, first: &Position) -> Problem {
    Problem::at(at, format!("`{name}` is here twice: it is already at {first}"))
}

#[cfg(test)]
mod tests;
