//! The project on disk: finds what the user wrote, reads it, and gives texts to the parsers.
//!
//! Besides the registry and the transport this is the only room that reads files, and the only
//! one that asks for secrets. It judges no inventory and no feature; it refuses what others on
//! this machine could have written. Called by `cli` and `pipeline`.

mod find;
mod inventory;
mod read;
mod secret;
mod settings;

use std::path::{Path, PathBuf};

pub use secret::secrets;
pub use settings::{Environment, LinkMode, ReleaseSettings, Settings, SshSettings};

use crate::{
    inventory::Text,
    model::{FeatureName, Problem, Problems},
};

/// Where fleetctl is run, and for whom. Asked once, at the door.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The working directory.
    pub directory: PathBuf,
    /// The home directory, for `~/`.
    pub home: Option<PathBuf>,
}

/// A project: its directory and its settings.
#[derive(Debug, Clone)]
pub struct Project {
    /// The directory that holds `fleet.yml`, absolute.
    pub root: PathBuf,
    /// What `fleet.yml` says.
    pub settings: Settings,
    home: Option<PathBuf>,
}

impl Project {
    /// Opens the project in `directory` (`--project`), or the one around the working directory.
    ///
    /// # Errors
    /// No project there, one that others can write, and everything wrong with its settings.
    pub fn open(directory: Option<&Path>, around: &Surroundings) -> Result<Self, Problems> {
        let root = find::root(directory, &around.directory)?;
        let Text { file, text } = read::trusted_text(&root, Path::new("fleet.yml"))?;
        Ok(Self { settings: Settings::parse(&file, &text)?, root, home: around.home.clone() })
    }

    /// A path that the user wrote: `~/…`, absolute, or relative to the project.
    #[must_use]
    pub fn path(&self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.root.join(written),
        }
    }

    /// The text of a playbook, by its name without `.yml`; `None` where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn playbook(&self, name: &str) -> Result<Option<Text>, Problems> {
        for end in ["yml", "yaml"] {
            let path = PathBuf::from(format!("playbooks/{name}.{end}"));
            if self.root.join(&path).exists() {
                return read::trusted_text(&self.root, &path).map(Some).map_err(Into::into);
            }
        }
        Ok(None)
    }

    /// The features whose source is in the project, by name.
    ///
    /// # Errors
    /// Directories below `features/` whose names are no feature's.
    pub fn features(&self) -> Result<Vec<(FeatureName, PathBuf)>, Problems> {
        let directory = self.root.join("features");
        let mut problems = Problems::default();
        let mut features = Vec::new();
        if directory.exists() {
            for entry in read::entries(&self.root, Path::new("features"))? {
                if !entry.path.is_dir() {
                    continue;
                }
                match FeatureName::new(&entry.name) {
                    Ok(name) => features.push((name, entry.path)),
                    Err(why) => {
                        problems.push(Problem::new(format!("features/{}: {why}", entry.name)));
                    }
                }
            }
        }
        problems.or(features)
    }

    /// The registry's directory.
    #[must_use]
    pub fn registry(&self) -> PathBuf {
        self.path(&self.settings.registry)
    }

    /// The files that say which host keys are known; they need not exist. The project's own is
    /// the first, and the one that `hosts trust` writes.
    #[must_use]
    pub fn known_hosts(&self, environment: &Environment) -> Vec<PathBuf> {
        let own = self.path(&environment.inventory);
        let beside =
            if own.is_dir() { own } else { own.parent().map(Path::to_owned).unwrap_or(own) };
        let more = self.settings.ssh.known_hosts.iter().map(|path| self.path(path));
        std::iter::once(beside.join("known_hosts")).chain(more).collect()
    }

    /// The directory for journals and caches, made if need be, and nobody else's to read.
    ///
    /// # Errors
    /// When it cannot be made, or is a link, or belongs to somebody else.
    pub fn state(&self) -> Result<PathBuf, Problem> {
        find::state(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    struct Fixture {
        directory: tempfile::TempDir,
    }

    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Self {
            let fixture = Self { directory: tempfile::tempdir().expect("a directory") };
            for (path, text) in files {
                fixture.write(path, text.as_bytes());
            }
            fixture
        }

        fn path(&self, path: &str) -> PathBuf {
            self.directory.path().join(path)
        }

        fn write(&self, path: &str, bytes: &[u8]) {
            let path = self.path(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            fs::write(path, bytes).expect("a file");
        }

        fn mode(&self, path: &str) -> u32 {
            fs::metadata(self.path(path)).expect("metadata").permissions().mode() & 0o7777
        }

        fn chmod(&self, path: &str, mode: u32) {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(self.path(path), mode).expect("a mode");
        }

        fn open_from(&self, directory: &str) -> Result<Project, Problems> {
            let home = Some("/home/me".into());
            Project::open(None, &Surroundings { directory: self.path(directory), home })
        }

        fn sources(&self) -> Result<crate::inventory::Sources, String> {
            let project = self.open_from(".").expect("a project");
            let environment = project.settings.environment(None).expect("an environment");
            project.inventory_sources(environment).map_err(|problems| problems.to_string())
        }
    }

    #[test]
    fn a_project_is_found_from_below_and_by_name() {
        let fixture = Fixture::new(&[("fleet.yml", "parallel: 4\n"), ("features/popup/x", "")]);
        let project = fixture.open_from("features/popup").expect("a project");
        assert_eq!(project.settings.parallel, 4);
        assert_eq!(project.path("~/x"), PathBuf::from("/home/me/x"));
        assert_eq!(project.registry(), project.root.join("registry"));
        let around = Surroundings { directory: fixture.path("features"), home: None };
        assert!(Project::open(Some(Path::new("..")), &around).is_ok());
        let missing = Project::open(Some(Path::new(".")), &around).expect_err("none");
        assert!(missing.to_string().contains("there is no fleet.yml"), "{missing}");
        let missing = Fixture::new(&[]).open_from(".").expect_err("none").to_string();
        assert!(missing.contains("hint: name the project with --project"), "{missing}");
    }

    #[test]
    fn what_anybody_can_write_is_not_believed() {
        let fixture = Fixture::new(&[("fleet.yml", ""), ("inventory/sites.yml", "sites: {}\n")]);
        for (path, mode) in [(".", 0o777), (".", 0o1777), ("fleet.yml", 0o666)] {
            let before = fixture.mode(path);
            fixture.chmod(path, mode);
            let refused = fixture.open_from(".").expect_err("refused").to_string();
            assert!(refused.contains("anybody on this machine can write this"), "{refused}");
            fixture.chmod(path, before);
        }
        for (path, mode) in [("inventory", 0o757), ("inventory/sites.yml", 0o646)] {
            let before = fixture.mode(path);
            fixture.chmod(path, mode);
            let refused = fixture.sources().expect_err("refused");
            assert!(refused.contains(&format!("chmod o-w {path}")), "{refused}");
            fixture.chmod(path, before);
        }
        assert!(fixture.sources().is_ok());
    }

    #[test]
    fn an_inventory_is_all_its_files_and_nothing_is_passed_over_in_silence() {
        let fixture = Fixture::new(&[
            ("fleet.yml", ""),
            ("inventory/a.yml", "sites: { a.example: }\n"),
            ("inventory/b.yaml", "sites: { b.example: }\n"),
            ("inventory/.hidden", "x"),
            ("inventory/a.yml~", "x"),
            ("inventory/README.md", "x"),
            ("inventory/known_hosts", "x"),
            ("inventory/group_vars/all.yml", "x: 1\n"),
            ("inventory/group_vars/all/20-more.yml", "x: 3\n"),
            ("inventory/group_vars/all/10-some.yml", "x: 2\n"),
            ("inventory/host_vars/a.example.yml", "y: 1\n"),
        ]);
        let sources = fixture.sources().expect("sources");
        let files: Vec<&str> = sources.files.iter().map(|text| text.file.as_str()).collect();
        assert_eq!(files, ["inventory/a.yml", "inventory/b.yaml"]);
        let vars: Vec<&str> =
            sources.group_vars.iter().map(|(_, text)| text.file.as_str()).collect();
        assert_eq!(
            vars,
            [
                "inventory/group_vars/all/10-some.yml",
                "inventory/group_vars/all/20-more.yml",
                "inventory/group_vars/all.yml",
            ]
        );
        assert_eq!(sources.host_vars[0].0, "a.example");
        assert_eq!(crate::inventory::read(&sources).expect("an inventory").sites().len(), 2);
        fixture.write("inventory/hosts.ini", b"[web]\n");
        fixture.write("inventory/group_vars/web", b"x: 1\n");
        fixture.write("inventory/c.yml", b"a: \xff\n");
        let problems = fixture.sources().expect_err("problems");
        for expected in [
            "inventory/hosts.ini: nothing reads this file",
            "inventory/group_vars/web: nothing reads this file",
            "inventory/c.yml:1: not UTF-8",
        ] {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
    }

    #[test]
    fn an_inventory_may_be_one_file_and_must_be_there() {
        let fixture = Fixture::new(&[
            ("fleet.yml", "environments: { live: { inventory: fleet/sites.yml } }\n"),
            ("fleet/sites.yml", "sites: { a.example: }\n"),
            ("fleet/group_vars/all.yml", "x: 1\n"),
        ]);
        let sources = fixture.sources().expect("sources");
        assert_eq!((sources.files.len(), sources.group_vars.len()), (1, 1));
        let project = fixture.open_from(".").expect("a project");
        let known = project.known_hosts(&project.settings.environments[0]);
        assert_eq!(known, [project.root.join("fleet/known_hosts")]);
        fs::remove_file(fixture.path("fleet/sites.yml")).expect("removed");
        let missing = fixture.sources().expect_err("missing");
        assert!(missing.contains("it is the inventory of `live`"), "{missing}");
    }

    #[test]
    fn the_state_directory_is_nobody_elses() {
        let fixture = Fixture::new(&[("fleet.yml", "")]);
        let project = fixture.open_from(".").expect("a project");
        let state = project.state().expect("a state directory");
        assert_eq!(fixture.mode(".fleetctl"), 0o700);
        fixture.chmod(".fleetctl", 0o755);
        project.state().expect("a state directory");
        assert_eq!(fixture.mode(".fleetctl"), 0o700);
        fs::remove_dir(&state).expect("removed");
        symlink("/tmp", &state).expect("a link");
        assert!(project.state().expect_err("a link").to_string().contains("is not a directory"));
    }

    #[test]
    fn playbooks_and_features_are_found_by_name() {
        let fixture = Fixture::new(&[
            ("fleet.yml", ""),
            ("playbooks/deploy.yml", "- hosts: all\n"),
            ("features/popup/feature.yml", ""),
            ("features/README.md", ""),
        ]);
        let project = fixture.open_from(".").expect("a project");
        let playbook = project.playbook("deploy").expect("read").expect("a playbook");
        assert_eq!(playbook.file, "playbooks/deploy.yml");
        assert_eq!(project.playbook("other"), Ok(None));
        assert_eq!(project.features().expect("features").len(), 1);
        fixture.write("features/Pop_Up/feature.yml", b"");
        assert!(project.features().expect_err("a name").to_string().contains("features/Pop_Up"));
    }
}
