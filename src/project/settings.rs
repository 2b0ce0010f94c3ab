//! `fleet.yml`: what holds for the whole project.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    inventory::{self, SecretRef},
    model::{
        Problem, Problems, RegistryPlace,
        yaml::{self, Fields, Node},
    },
};

/// The settings of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The environments, in the order written; never empty.
    pub environments: Vec<Environment>,
    /// Where published versions are: a directory, relative to the project, absolute or `~/…`.
    pub registry: RegistryPlace,
    /// How hosts are reached.
    pub ssh: SshSettings,
    /// How releases lie on hosts.
    pub release: ReleaseSettings,
    /// Above how many production sites the confirmation asks for their number.
    pub confirm_above: u32,
    /// Whether a deploy refuses a working tree with changes that are not committed.
    pub require_clean: bool,
    /// How many hosts are worked on at once.
    pub parallel: u32,
    /// Whether inventories that are programs are run under CI as well.
    pub inventory_executables: bool,
}

/// A fleet with an inventory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name, as in `--env staging`.
    pub name: String,
    /// Whether it is real: confirmations are stricter there.
    pub production: bool,
    /// The inventory: a file or a directory.
    pub inventory: String,
}

/// How hosts are reached, where a site says nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct SshSettings {
    /// Port, login name, keys, jump hosts and `become`.
    pub site: inventory::Settings,
    /// Further files of known host keys.
    pub known_hosts: Vec<String>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a command on a host may take.
    pub command_timeout: Duration,
    /// How long a host lock holds without being renewed, in whole seconds by the host's uptime:
    /// after that time a controller that has gone silent may be taken over.
    pub lease: Duration,
    /// Whether ssh-agent is asked for keys.
    pub agent: bool,
    /// What encrypted keys are opened with.
    pub passphrase: Option<SecretRef>,
    /// The password for sudo where `become` is on; none where sudo asks for none.
    pub become_password: Option<SecretRef>,
}

/// How releases lie on hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSettings {
    /// The directory of a site's releases; may hold `{{ site }}` and variables.
    pub root: String,
    /// Who owns the files; the login user where nothing is said.
    pub owner: Option<String>,
    /// Which group may read them; the owner's where nothing is said.
    pub group: Option<String>,
    /// How many confirmed releases are kept.
    pub keep: u32,
    /// How unchanged files get into the next release.
    pub link: LinkMode,
}

/// How unchanged files get into the next release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMode {
    /// By hard links where the file system has them.
    Hard,
    /// By copies.
    Copy,
}

/// Lengths that a lease may have: renewals must come in time, and nobody waits longer for one that
/// is dead. A host counts its uptime in whole seconds here.
const LEASES: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_hours(1);

impl Default for Settings {
    fn default() -> Self {
        Self {
            environments: vec![Environment::named("production")],
            registry: RegistryPlace::Directory("registry".into()),
            ssh: SshSettings::default(),
            release: ReleaseSettings::default(),
            confirm_above: 10,
            require_clean: false,
            parallel: 32,
            inventory_executables: false,
        }
    }
}

impl Default for SshSettings {
    fn default() -> Self {
        Self {
            site: inventory::Settings::default(),
            known_hosts: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_mins(10),
            lease: Duration::from_secs(90),
            agent: true,
            passphrase: None,
            become_password: None,
        }
    }
}

impl Default for ReleaseSettings {
    fn default() -> Self {
        let root = "/srv/{{ site }}".to_owned();
        Self { root, owner: None, group: None, keep: 5, link: LinkMode::Hard }
    }
}

impl Environment {
    fn named(name: &str) -> Self {
        let is_first = name == "production";
        let inventory = if is_first { "inventory".to_owned() } else { format!("inventory-{name}") };
        Self { name: name.to_owned(), production: is_first, inventory }
    }
}

impl Settings {
    /// Reads `fleet.yml`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let root = yaml::parse(file, text)?;
        let mut problems = Problems::default();
        let settings = Self::read(&root, &mut problems).unwrap_or_default();
        problems.0.sort();
        problems.with_excerpts(file, text).or(settings)
    }

    /// The environment of that name (`--env`), or the first.
    ///
    /// # Errors
    /// A name that `fleet.yml` does not have.
    pub fn environment(&self, name: Option<&str>) -> Result<&Environment, Problem> {
        let names = || self.environments.iter().map(|known| known.name.as_str());
        let found = match name {
            Some(name) => self.environments.iter().find(|known| known.name == name),
            None => self.environments.first(),
        };
        found.ok_or_else(|| {
            let name = name.unwrap_or_default();
            let problem = Problem::new(format!("there is no environment `{name}` in fleet.yml"));
            let near = problem.suggest(name, names());
            let all: Vec<&str> = names().collect();
            if near.hint.is_some() {
                near
            } else {
                near.hint(format!("there is {}", all.join(", ")))
            }
        })
    }

    fn read(root: &Node, problems: &mut Problems) -> Option<Self> {
        let mut settings = Self::default();
        let mut fields = root.fields(problems)?;
        if let Some(node) = fields.optional("environments") {
            settings.environments = environments(node, problems);
        }
        if let Some(node) = fields.optional("registry") {
            settings.registry = registry(node, problems).unwrap_or(settings.registry);
        }
        if let Some(mut fields) = fields.optional("ssh").and_then(|node| node.fields(problems)) {
            settings.ssh.read(&mut fields, problems);
            fields.finish("ssh", problems);
        }
        if let Some(mut fields) = fields.optional("release").and_then(|node| node.fields(problems))
        {
            settings.release.read(&mut fields, problems);
            fields.finish("release", problems);
        }
        if let Some(mut fields) = fields.optional("confirm").and_then(|node| node.fields(problems))
        {
            number(&mut settings.confirm_above, fields.optional("above"), 0, problems);
            fields.finish("confirm", problems);
        }
        let clean = fields.optional("require_clean").and_then(|node| node.boolean(problems));
        settings.require_clean = clean.unwrap_or(settings.require_clean);
        let programs = fields.optional("inventory_executables");
        let programs = programs.and_then(|node| node.boolean(problems));
        settings.inventory_executables = programs.unwrap_or(settings.inventory_executables);
        let parallel = fields.either("parallel", "forks", problems);
        number(&mut settings.parallel, parallel, 1, problems);
        let way_out = "write it in the play: playbooks/deploy.yml";
        fields.refuse("rollout", "has no place here", way_out, problems);
        fields.refuse("notify", "comes later", "leave it out for now", problems);
        fields.finish("fleet.yml", problems);
        Some(settings)
    }
}

fn environments(node: &Node, problems: &mut Problems) -> Vec<Environment> {
    let mut environments = Vec::new();
    for (key, node) in node.map(problems).unwrap_or_default() {
        let is_name = key.text.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_name {
            let problem = key.problem(format!("`{}` is no name for an environment", key.text));
            problems.push(problem.hint("use letters, digits, dashes and underscores"));
        }
        let mut environment = Environment::named(&key.text);
        if let Some(mut fields) = node.fields(problems) {
            let inventory = fields.optional("inventory").and_then(|node| node.text(problems));
            environment.inventory = inventory.map_or(environment.inventory, str::to_owned);
            let production = fields.optional("production").and_then(|node| node.boolean(problems));
            environment.production = production.unwrap_or(environment.production);
            fields.finish("an environment", problems);
        }
        environments.push(environment);
    }
    if environments.is_empty() {
        problems.push(node.problem("`environments` names none").hint("leave it out, or name one"));
    }
    environments
}

fn registry(node: &Node, problems: &mut Problems) -> Option<RegistryPlace> {
    let found = RegistryPlace::parse(node.text(problems)?);
    found
        .map_err(|why| {
            let problem = node.problem(why.message).hint(why.hint.unwrap_or_default());
            problems.push(if why.is_private { problem.private() } else { problem });
        })
        .ok()
}

impl SshSettings {
    fn read(&mut self, fields: &mut Fields<'_>, problems: &mut Problems) {
        self.site = inventory::Settings::read_connection(fields, problems);
        let known = fields.optional("known_hosts").map(Node::one_or_many).unwrap_or_default();
        self.known_hosts =
            known.iter().filter_map(|node| node.text(problems).map(str::to_owned)).collect();
        for (key, time) in [
            ("connect_timeout", &mut self.connect_timeout),
            ("command_timeout", &mut self.command_timeout),
        ] {
            let Some(node) = fields.optional(key) else { continue };
            match node.duration(problems) {
                Some(Duration::ZERO) => problems.push(node.problem(format!("`{key}` is zero"))),
                Some(length) => *time = length,
                None => {}
            }
        }
        if let Some(node) = fields.optional("lease") {
            match node.duration(problems) {
                Some(length) if LEASES.contains(&length) => {
                    self.lease = Duration::from_secs(length.as_secs());
                }
                Some(_) => {
                    let problem = node.problem("`lease` must be from 2s to 1h");
                    problems.push(problem.hint("a host lock is renewed thrice in that time"));
                }
                None => {}
            }
        }
        let agent = fields.optional("agent").and_then(|node| node.boolean(problems));
        self.agent = agent.unwrap_or(self.agent);
        self.passphrase = secret(fields.optional("passphrase"), problems);
        self.become_password = secret(fields.optional("become_password"), problems);
    }
}

/// A secret, which may only be referred to.
fn secret(node: Option<&Node>, problems: &mut Problems) -> Option<SecretRef> {
    let node = node?;
    if !matches!(node.value, yaml::Yaml::Map(_)) {
        let problem = node.problem("a secret is never written out");
        problems
            .push(problem.hint("as in `{ from_env: NAME }`, from_file or from_command").private());
        return None;
    }
    inventory::secret(node, problems)
}

impl ReleaseSettings {
    fn read(&mut self, fields: &mut Fields<'_>, problems: &mut Problems) {
        let (root, owner, group) = inventory::Settings::read_ownership(fields, problems);
        self.root = root.unwrap_or_else(|| self.root.clone());
        (self.owner, self.group) = (owner, group);
        // The previous release must survive pruning: rollback needs it.
        number(&mut self.keep, fields.optional("keep"), 2, problems);
        let modes = [("hard", LinkMode::Hard), ("copy", LinkMode::Copy), ("never", LinkMode::Copy)];
        let link = fields.optional("link").and_then(|node| node.choice(&modes, problems));
        self.link = link.unwrap_or(self.link);
    }
}

fn number(value: &mut u32, node: Option<&Node>, least: i64, problems: &mut Problems) {
    let read = node.and_then(|node| node.integer(least..=100_000, problems));
    *value = read.and_then(|read| u32::try_from(read).ok()).unwrap_or(*value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_has_the_documented_defaults() {
        let settings = Settings::parse("fleet.yml", "").expect("good settings");
        assert_eq!(settings, Settings::default());
        let environment = settings.environment(None).expect("an environment");
        assert_eq!((environment.name.as_str(), environment.production), ("production", true));
        assert_eq!(environment.inventory, "inventory");
        assert_eq!((settings.parallel, settings.confirm_above, settings.release.keep), (32, 10, 5));
    }

    #[test]
    fn everything_can_be_set() {
        let settings = Settings::parse(
            "fleet.yml",
            "environments:\n  live: { production: true, inventory: inventory/live.yml }\n  staging: {}\n\
             registry: ../registry\nssh:\n  user: deploy\n  port: 2222\n  identity: [~/.ssh/a]\n  jump: bastion\n  \
             become: true\n  become_password: { from_env: SUDO }\n  passphrase: { from_file: ~/p }\n  \
             known_hosts: ~/.ssh/known_hosts\n  connect_timeout: 5s\n  command_timeout: 2m\n  lease: 30s\n  agent: false\n\
             release: { root: '/srv/www/{{ site }}', owner: deploy, group: www-data, keep: 3, link: copy }\n\
             confirm: { above: 0 }\nrequire_clean: true\nparallel: 8\n",
        )
        .expect("good settings");
        assert_eq!(settings.environments.len(), 2);
        let staging = settings.environment(Some("staging")).expect("staging");
        assert_eq!((staging.production, staging.inventory.as_str()), (false, "inventory-staging"));
        let missing = settings.environment(Some("stagin")).expect_err("none").to_string();
        assert!(missing.contains("did you mean `staging`?"), "{missing}");
        assert_eq!(settings.ssh.site.user.as_deref(), Some("deploy"));
        assert_eq!(settings.ssh.site.become_root, Some(true));
        assert_eq!(settings.ssh.become_password, Some(SecretRef::Env("SUDO".into())));
        assert_eq!(settings.ssh.known_hosts, ["~/.ssh/known_hosts"]);
        assert_eq!(settings.ssh.command_timeout, Duration::from_mins(2));
        assert_eq!(settings.ssh.lease, Duration::from_secs(30));
        assert_eq!(settings.release.group.as_deref(), Some("www-data"));
        assert_eq!(settings.release.link, LinkMode::Copy);
        assert!(settings.require_clean);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let problems = Settings::parse(
            "fleet.yml",
            "enviroments: {}\nenvironments: { 'a b': { inventry: x } }\nregistry: s3://key:hunter3@bucket\n\
             ssh:\n  user: -x\n  port: 0\n  become_password: hunter2\n  connect_timeout: 0s\n  command_timeout: 5\n  \
             docroot: /x\n  lease: 1s\nrelease: { keep: 1, link: soft, root: srv, owner: 'a b' }\n\
             confirm: { above: -1 }\nrequire_clean: yes\nparallel: 0\nrollout: {}\nnotify: {}\n",
        )
        .expect_err("bad settings")
        .to_string();
        for expected in [
            "fleet.yml:1:1: unknown key `enviroments` in fleet.yml",
            "fleet.yml:2:17: `a b` is no name for an environment",
            "fleet.yml:2:26: unknown key `inventry` in an environment",
            "fleet.yml:3:11: a registry's URL carries no credentials",
            "fleet.yml:5:9: `-x` is no login name",
            "fleet.yml:6:9: expected a whole number from 1 to 65535",
            "fleet.yml:7:20: a secret is never written out",
            "fleet.yml:8:20: `connect_timeout` is zero",
            "fleet.yml:9:20: expected a length of time",
            "fleet.yml:10:3: unknown key `docroot` in ssh",
            "fleet.yml:11:10: `lease` must be from 2s to 1h",
            "fleet.yml:12:18: expected a whole number from 2",
            "fleet.yml:12:27: expected `hard`, `copy` or `never`",
            "fleet.yml:12:39: `srv` is not an absolute path",
            "fleet.yml:12:51: `a b` is no login name",
            "fleet.yml:13:19: expected a whole number",
            "fleet.yml:14:16: expected true or false",
            "fleet.yml:15:11: expected a whole number from 1",
            "fleet.yml:16:1: `rollout` has no place here",
            "fleet.yml:17:1: `notify` comes later",
        ] {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
