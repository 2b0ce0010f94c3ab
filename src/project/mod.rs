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

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

pub use secret::secrets;
pub use settings::{Environment, LinkMode, ReleaseSettings, Settings, SshSettings};

use crate::{
    inventory::Text,
    model::{FeatureName, Problem, Problems, RegistryPlace},
};

/// Where fleetctl is run, and for whom. Asked once, at the door.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The working directory.
    pub directory: PathBuf,
    /// The home directory, for `~/`.
    pub home: Option<PathBuf>,
    /// Inventories that take the place of the project's (`-i`), relative to `directory`.
    pub inventories: Vec<PathBuf>,
    /// Whether this is a CI job: executable inventories are then run only where allowed.
    pub is_ci: bool,
}

/// A project: its directory and its settings.
#[derive(Debug, Clone)]
pub struct Project {
    /// The directory that holds `fleet.yml`, absolute.
    pub root: PathBuf,
    /// What `fleet.yml` says.
    pub settings: Settings,
    around: Surroundings,
}

impl Project {
    /// Whether `-i` named an inventory in place of the project's.
    #[must_use]
    pub const fn is_inventory_given(&self) -> bool {
        !self.around.inventories.is_empty()
    }

    /// Opens the project in `directory` (`--project`), or the one around the working directory.
    ///
    /// # Errors
    /// No project there, one that others can write, and everything wrong with its settings.
    pub fn open(directory: Option<&Path>, around: &Surroundings) -> Result<Self, Problems> {
        let around = around.clone();
        let root = match find::root(directory, &around.directory) {
            Ok(root) => root,
            // An inventory alone will do where nothing else is wanted of a project.
            Err(problem) if around.inventories.is_empty() => return Err(problem.into()),
            Err(problem) => {
                let here = around.directory.join(directory.unwrap_or(Path::new("")));
                if here.join("fleet.yml").exists() {
                    return Err(problem.into());
                }
                return Ok(Self { root: here, settings: Settings::default(), around });
            }
        };
        let Text { file, text } = read::trusted_text(&root, Path::new("fleet.yml"))?;
        Ok(Self { settings: Settings::parse(&file, &text)?, root, around })
    }

    /// A path that the user wrote: `~/…`, absolute, or relative to the project.
    #[must_use]
    pub fn path(&self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), &self.around.home) {
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

    /// The name of an environment's lock: `fleet.lock` for the first environment, and
    /// `fleet.NAME.lock` for every other one.
    #[must_use]
    pub fn lock_name(&self, environment: &Environment) -> String {
        let is_first =
            self.settings.environments.first().is_none_or(|first| first.name == environment.name);
        if is_first { "fleet.lock".to_owned() } else { format!("fleet.{}.lock", environment.name) }
    }

    /// The text of an environment's lock; `None` where nothing was ever locked.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn lock(&self, environment: &Environment) -> Result<Option<Text>, Problems> {
        let name = self.lock_name(environment);
        if !self.root.join(&name).exists() {
            return Ok(None);
        }
        Ok(Some(read::trusted_text(&self.root, Path::new(&name))?))
    }

    /// Writes an environment's lock, whole or not at all.
    ///
    /// # Errors
    /// When the disk would not.
    pub fn write_lock(&self, environment: &Environment, text: &str) -> std::io::Result<()> {
        let mut draft = tempfile::Builder::new()
            .prefix(".fleet.lock.")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&self.root)?;
        draft.write_all(text.as_bytes())?;
        draft.as_file().sync_all()?;
        draft.persist(self.root.join(self.lock_name(environment)))?;
        Ok(())
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

    /// Where the registry is.
    #[must_use]
    pub fn registry(&self) -> RegistryPlace {
        match &self.settings.registry {
            RegistryPlace::Directory(path) => {
                RegistryPlace::Directory(self.path(&path.to_string_lossy()))
            }
            bucket @ RegistryPlace::Bucket(_) => bucket.clone(),
        }
    }

    /// The files that say which host keys are known; they need not exist. The project's own is
    /// the first, and the one that `hosts trust` writes.
    #[must_use]
    pub fn known_hosts(&self, environment: &Environment) -> Vec<PathBuf> {
        let own = self.first_source(environment);
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
    use std::{fs, os::unix::fs::symlink};

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
            let directory = self.path(directory);
            Project::open(None, &Surroundings { directory, home, ..Surroundings::default() })
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
        assert_eq!(project.registry(), RegistryPlace::Directory(project.root.join("registry")));
        let directory = fixture.path("features");
        let around = Surroundings { directory, ..Surroundings::default() };
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
            sources.group_vars.iter().map(|vars| vars.text.file.as_str()).collect();
        assert_eq!(
            vars,
            [
                "inventory/group_vars/all/10-some.yml",
                "inventory/group_vars/all/20-more.yml",
                "inventory/group_vars/all.yml",
            ]
        );
        assert_eq!(sources.host_vars[0].name, "a.example");
        assert_eq!(crate::inventory::read(&sources).expect("an inventory").sites().len(), 2);
        fixture.write("inventory/group_vars/all/old.ini", b"[web]\n");
        let sources = fixture.sources().expect("sources");
        let note = sources.notes[0].to_string();
        assert!(note.contains("inventory/group_vars/all/old.ini: nothing reads"), "{note}");
        fixture.write("inventory/group_vars/web", b"x: 1\n");
        let problems = crate::inventory::read(&fixture.sources().expect("sources"));
        let problems = problems.expect_err("no such group").to_string();
        assert!(
            problems.contains("group_vars/web:1:1: variables for `web`, but there"),
            "{problems}"
        );
        fixture.write("inventory/c.yml", b"a: \xff\n");
        let problems = fixture.sources().expect_err("problems");
        assert!(problems.contains("inventory/c.yml:1: not UTF-8"), "{problems}");
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
    fn an_inventory_named_by_hand_needs_no_project() {
        let fixture = Fixture::new(&[
            ("a/hosts", "[web]\nw1\n"),
            ("a/group_vars/web.yml", "x: 1\n"),
            ("b/hosts.orig", "[broken\n"),
            ("b/z.yml", "web: { hosts: { w2: } }\n"),
            ("b/sub/more", "w3\n"),
            ("some.retry", "w2\n\n w3 \n"),
        ]);
        let around = Surroundings {
            directory: fixture.path(""),
            inventories: vec!["a/hosts".into(), "b".into()],
            ..Surroundings::default()
        };
        let project = Project::open(None, &around).expect("a project of nothing but sources");
        let environment = project.settings.environment(None).expect("an environment");
        let sources = project.inventory_sources(environment).expect("sources");
        let files: Vec<&str> = sources.files.iter().map(|text| text.file.as_str()).collect();
        assert_eq!(files, ["a/hosts", "b/sub/more", "b/z.yml"]);
        assert_eq!(sources.group_vars.len(), 1);
        let inventory = crate::inventory::read(&sources).expect("an inventory");
        assert_eq!(inventory.members("web").count(), 2);
        let limit = vec!["@some.retry,!w3".to_owned()];
        let target = project.limited(&crate::inventory::Target { limit, ..Default::default() });
        assert_eq!(target.expect("a file").limit, ["w2", "w3", "!w3"]);
        let limit = vec!["@none".to_owned()];
        let target = project.limited(&crate::inventory::Target { limit, ..Default::default() });
        assert!(target.expect_err("no file").to_string().contains("--limit @none: No such file"));
    }

    #[test]
    fn a_program_is_run_for_its_list_but_not_under_ci() {
        let fixture = Fixture::new(&[
            ("fleet.yml", ""),
            (
                "list.sh",
                "#!/bin/sh\ncase $1 in --list) echo '{\"web\": [\"a\", \"b\"]}';; --host) echo \"{\\\"me\\\": \\\"$2\\\"}\";; esac\n",
            ),
            ("bad.sh", "#!/bin/sh\necho no cloud >&2; exit 3\n"),
        ]);
        fixture.chmod("list.sh", 0o755);
        fixture.chmod("bad.sh", 0o755);
        let read = |name: &str, is_ci| {
            let around = Surroundings {
                directory: fixture.path(""),
                inventories: vec![name.into()],
                is_ci,
                ..Surroundings::default()
            };
            let project = Project::open(None, &around).expect("a project");
            project.inventory(project.settings.environment(None).expect("an environment"))
        };
        let inventory = read("list.sh", false).expect("an inventory");
        let site = inventory.site("b").expect("a site");
        assert!(site.variables(&[]).contains_key("me"));
        let failed = read("bad.sh", false).expect_err("it fails").to_string();
        assert!(failed.contains("bad.sh: failed (exit status: 3): no cloud"), "{failed}");
        let refused = read("list.sh", true).expect_err("under CI").to_string();
        assert!(refused.contains("inventory_executables: true"), "{refused}");
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
