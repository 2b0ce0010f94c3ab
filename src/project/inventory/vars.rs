//! `group_vars/` and `host_vars/`: a file or a directory of files for each name.

use std::path::Path;

use crate::{
    inventory::VarsFile,
    model::{Problem, Problems},
    project::read,
};

/// Endings of files of variables, in the order in which Ansible looks for them.
const ENDINGS: [&str; 3] = [".yml", ".yaml", ".json"];

/// How deep directories may nest.
const DEPTH: usize = 16;

pub(super) struct Reader<'a> {
    pub base: &'a Path,
    /// The number of the source that the directories are beside.
    pub source: usize,
    pub notes: &'a mut Vec<Problem>,
    pub problems: &'a mut Problems,
}

impl Reader<'_> {
    /// The files below `beside/kind`, by the name they are for. A directory's files come first,
    /// then `name`, `name.yml`, `name.yaml`, `name.json`.
    pub fn read(&mut self, beside: &Path, kind: &str) -> Vec<VarsFile> {
        let directory = beside.join(kind);
        let mut files = Vec::new();
        if !self.base.join(&directory).is_dir() {
            return files;
        }
        for entry in self.entries(&directory) {
            if entry.path.is_dir() {
                self.below(&entry.name, &entry.relative, DEPTH, &mut files);
            } else if let Some(rank) = rank(&entry.name) {
                let ending = ENDINGS.get(rank.wrapping_sub(1)).copied().unwrap_or_default();
                let name = entry.name.strip_suffix(ending).unwrap_or(&entry.name);
                self.file(name, rank, &entry.relative, &mut files);
            } else {
                // `web.example` is a name without an ending, and `web.cfg` may be one too.
                self.file(&entry.name, 0, &entry.relative, &mut files);
            }
        }
        files.sort_by(|one, other| (&one.name, one.rank).cmp(&(&other.name, other.rank)));
        files
    }

    fn below(&mut self, name: &str, directory: &Path, depth: usize, files: &mut Vec<VarsFile>) {
        for entry in self.entries(directory) {
            let has_ending = Path::new(&entry.name).extension().is_some();
            if entry.path.is_dir() {
                if !has_ending && depth > 0 {
                    self.below(name, &entry.relative, depth - 1, files);
                }
            } else if !has_ending || rank(&entry.name).is_some() {
                self.file(name, 0, &entry.relative, files);
            } else if !is_prose(&entry.name) {
                let message = format!("{}: nothing reads this file", entry.relative.display());
                let hint = "files of variables end with .yml, .yaml, .json, or have no ending";
                self.notes.push(Problem::new(message).hint(hint));
            }
        }
    }

    fn file(&mut self, name: &str, rank: usize, path: &Path, files: &mut Vec<VarsFile>) {
        if is_prose(&path.to_string_lossy()) {
            return;
        }
        match read::trusted_text(self.base, path) {
            Ok(text) => {
                files.push(VarsFile { name: name.to_owned(), source: self.source, rank, text });
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn entries(&mut self, directory: &Path) -> Vec<read::Entry> {
        let entries = read::entries(self.base, directory);
        entries.map_err(|problem| self.problems.push(problem)).unwrap_or_default()
    }
}

/// Which of the endings a name has, from 1.
fn rank(name: &str) -> Option<usize> {
    ENDINGS.iter().zip(1..).find(|(ending, _)| name.ends_with(*ending)).map(|(_, rank)| rank)
}

/// Notes for people, which are nobody's input.
fn is_prose(name: &str) -> bool {
    [".md", ".txt", ".rst"].iter().any(|end| name.ends_with(end))
}
