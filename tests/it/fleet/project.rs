//! Projects of the scenarios: written to disk as a person would, and run by the real binary.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::sixty::lab;

/// What signs the forms: a value that must never be seen anywhere but on the hosts.
pub const KEY: &str = "Kanarienvogel-77%\"'<x>";

/// One site of a project.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub groups: Vec<String>,
    /// More keys of its entry, as `features: { popup: false }`.
    pub more: String,
}

impl Member {
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Self { name: name.to_owned(), groups, more: String::new() }
    }

    pub fn with(mut self, more: &str) -> Self {
        more.clone_into(&mut self.more);
        self
    }
}

/// A project in a directory of its own, with a home of its own.
#[derive(Debug)]
pub struct Project {
    home: TempDir,
    root: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Project {
    /// A project with these sites, and published: contact-form 2.1.4 and popup 1.0.2.
    pub fn new(members: &[Member]) -> Self {
        let project = Self::empty();
        project.write("fleet.yml", &settings(""));
        project.write("inventory/groups.yml", GROUPS);
        project.sites(members);
        fs::copy(lab().known_hosts(), project.path("inventory/known_hosts")).unwrap();
        project.playbook("");
        project.feature("contact-form", "2.1.4", |_| {});
        project.feature("popup", "1.0.2", |_| {});
        project.publish("contact-form");
        project.publish("popup");
        project
    }

    /// A directory without a project.
    pub fn empty() -> Self {
        let home = TempDir::with_prefix("fleetctl-project-").unwrap();
        let root = home.path().join("fleet");
        fs::create_dir(&root).unwrap();
        let environment = BTreeMap::from([("CONTACT_FORM_KEY".to_owned(), KEY.to_owned())]);
        Self { home, root, environment }
    }

    /// The same project on another machine: a clone, without journals and caches.
    pub fn clone_elsewhere(&self) -> Self {
        let there = Self::empty();
        let done = Command::new("sh")
            .args([
                "-c",
                "cd \"$1\" && tar -cf - --exclude=.fleetctl . | tar -xf - -C \"$2\"",
                "sh",
            ])
            .arg(&self.root)
            .arg(&there.root)
            .status();
        assert!(done.unwrap().success());
        assert!(!there.path(".fleetctl").exists());
        Self { environment: self.environment.clone(), ..there }
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    /// Gives a variable to the environment of every command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Writes the inventory's sites.
    pub fn sites(&self, members: &[Member]) {
        let mut text = String::from("sites:\n");
        for member in members {
            let site = lab().site(&member.name);
            let more =
                if member.more.is_empty() { String::new() } else { format!(", {}", member.more) };
            writeln!(
                text,
                "  {}: {{ address: {}, groups: [{}, {}]{more} }}",
                member.name,
                site.0.address,
                site.1.platform,
                member.groups.join(", "),
            )
            .unwrap();
        }
        self.write("inventory/sites.yml", &text.replace(", ]", "]"));
    }

    /// Writes the deploy play; `rollout` are lines below `rollout:`, each with four blanks.
    pub fn playbook(&self, rollout: &str) {
        let default = "    batches: [100%]\n";
        let rollout = if rollout.is_empty() { default } else { rollout };
        self.write(
            "playbooks/deploy.yml",
            &format!(
                "- name: features\n  hosts: all\n  rollout:\n{rollout}    gates:\n      \
                 - {{ http: {{ path: /, status: \"<400\" }}, attempts: 6, interval: 200ms, deadline: 20s }}\n"
            ),
        );
    }

    /// Adds what goes with a release to the deploy play, as `before: [...]`.
    pub fn with_release(&self, release: &str) {
        let path = self.path("playbooks/deploy.yml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{text}  release: {{ {release} }}\n")).unwrap();
    }

    /// Takes that away again.
    pub fn with_release_removed(&self) {
        let path = self.path("playbooks/deploy.yml");
        let text = fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("  release:")).collect();
        fs::write(path, kept.join("\n") + "\n").unwrap();
    }

    /// The sources of a version, made from the sample features of this repository: `change` may
    /// edit them in their directory.
    pub fn feature(&self, name: &str, version: &str, change: impl Fn(&Path)) {
        let there = self.path("features").join(name);
        let _ = fs::remove_dir_all(&there);
        fs::create_dir_all(self.path("features")).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("features").join(name);
        let copied = Command::new("cp").arg("-R").arg(&sample).arg(&there).status();
        assert!(copied.unwrap().success());
        let definition = there.join("feature.yml");
        let text = fs::read_to_string(&definition).unwrap();
        let old = text.lines().find_map(|line| line.strip_prefix("version: ")).unwrap().to_owned();
        edit(&definition, &format!("version: {old}"), &format!("version: {version}"));
        if name == "contact-form" {
            let form = there.join("files/common/private/form.php");
            edit(&form, &format!("'{old}'"), &format!("'{version}'"));
        } else {
            let script = there.join(format!("files/common/public/{name}.js"));
            let text = fs::read_to_string(&script).unwrap();
            fs::write(&script, format!("// version {version}\n{text}")).unwrap();
        }
        change(&there);
    }

    pub fn publish(&self, name: &str) -> Ran {
        self.run(&["feature", "publish", name]).expect(0)
    }

    /// The binary, ready to be run in this project.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleetctl"));
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// Gives a command this project's directory and environment, and nothing of ours.
    pub fn prepare(&self, command: &mut Command) {
        command
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.home.path())
            .env("USER", "tester")
            .env("COLUMNS", "120")
            .envs(&self.environment)
            .stdin(Stdio::null());
    }

    /// Runs fleetctl and waits for its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        finish(arguments, self.start(arguments))
    }

    /// Starts fleetctl.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Everything that fleetctl keeps on this machine, as bytes.
    pub fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut left = vec![self.path(".fleetctl")];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    found.push((path.clone(), fs::read(path).unwrap()));
                }
            }
        }
        found
    }
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ran {
    pub arguments: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ran {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        for secret in [KEY, "Kanarienvogel"] {
            assert!(!self.stdout.contains(secret) && !self.stderr.contains(secret), "{self}");
        }
        self
    }

    /// All that it said.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.text().contains(words), "{words:?} is not said by {self}");
        self
    }

    #[track_caller]
    pub fn says_nothing_of(&self, words: &str) -> &Self {
        assert!(!self.text().contains(words), "{words:?} is said by {self}");
        self
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arguments, code, stdout, stderr, took } = self;
        write!(f, "`fleetctl {arguments}` ended with {code:?} after {took:.1?}\n{stdout}{stderr}")
    }
}

/// Waits for a command; one that hangs fails the test.
pub fn finish(arguments: &[&str], child: Child) -> Ran {
    let begun = Instant::now();
    let pid = child.id();
    let (done, gone) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        if gone.recv_timeout(Duration::from_secs(150)).is_err() {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    guard.join().unwrap();
    Ran {
        arguments: arguments.join(" "),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: begun.elapsed(),
    }
}

/// Replaces text in a file; the text must be there.
pub fn edit(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old:?} is not in {}", path.display());
    fs::write(path, text.replace(old, new)).unwrap();
}

/// The text of `fleet.yml`; `ssh` are more lines below `ssh:`.
pub fn settings(ssh: &str) -> String {
    format!(
        "ssh:\n  user: deploy\n  identity: [{}]\n  become: true\n  agent: false\n{ssh}\
         release: {{ group: www-data, keep: 3 }}\n",
        lab().key().display()
    )
}

const GROUPS: &str = r#"groups:
  all:
    url: "http://{{ site }}"
    docroot: "/var/www/{{ site }}"
  wordpress: { platform: wordpress }
  static: { platform: static }
  react: { platform: react }
  forms:
    features: { contact-form: "^2.1" }
    vars:
      contact_recipient: letters@agency.example
      contact_heading: Write to us
      contact_key: { from_env: CONTACT_FORM_KEY }
  promo:
    features: { popup: "^1.0" }
    vars:
      popup_heading: Summer sale
      popup_text: Twenty percent off.
      popup_from: "2026-06-15"
      popup_until: "2026-08-31"
"#;
