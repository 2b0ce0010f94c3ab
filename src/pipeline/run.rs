//! A run: identity, header, and sites made ready for a session.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Fleet, LoadError, Prepared, Scope};
use crate::{
    engine::{
        cache::Cache,
        emit::Emit,
        host::{Account, Host, random_hex},
        line::{Lines, Way},
        parcels::Parcels,
        process,
        scripts::{Depth, Place},
        session::Session,
        site::{Desire, Manner, Shared, Site},
        url::Url,
    },
    event::{Header, SCHEMA},
    inventory::SecretRef,
    model::{Digest, Platform, Position, RunId, Secret, SiteName},
    plan::Holder,
    playbook::{Play, Reload},
    project,
    release::Manifest,
    transport::ssh_config::Here,
};

/// Who runs what, told to journals, locks and people.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The run.
    pub run: RunId,
    /// `user@machine`.
    pub person: String,
    /// The command as typed, secrets removed.
    pub command: String,
    /// The project's commit, if it is a git work tree.
    pub commit: Option<String>,
    /// Whether that work tree has uncommitted changes.
    pub dirty: bool,
}

impl Identity {
    /// The identity of a run that begins now in `fleet`'s project.
    #[must_use]
    pub fn now(fleet: &Fleet, command: String) -> Self {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.arg("-C").arg(&fleet.project.root).args(arguments);
            let output = git.output().ok().filter(|output| output.status.success())?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let commit = git(&["rev-parse", "--short=12", "HEAD"]);
        let dirty = commit.is_some()
            && git(&["status", "--porcelain", "--", "."]).is_some_and(|text| !text.is_empty());
        Self { run: run_id(), person: person(), command, commit, dirty }
    }
}

/// A new run's name: time first, so that names sort, and randomness.
fn run_id() -> RunId {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let text = format!("{now}-{}", random_hex(3));
    // Digits, letters and a dash: always a name. The other arm is for the type alone.
    RunId::new(&text).unwrap_or_else(|_| run_id())
}

/// `user@machine` of whoever runs this.
#[must_use]
pub fn person() -> String {
    let user = std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| user_of(rustix::process::getuid().as_raw()));
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}

/// The name of a user, as the system's own table has it.
fn user_of(uid: u32) -> String {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut lines = table.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find_map(|fields| match fields.as_slice() {
        [name, _, number, ..] if *number == uid.to_string() => Some((*name).to_owned()),
        _ => None,
    });
    found.unwrap_or_else(|| format!("uid{uid}"))
}

/// What is to be done with sites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// They get what they should have.
    Deploy(Scope),
    /// They go back.
    Rollback(Option<String>),
    /// They are only read.
    Read,
}

/// What a run is told besides its task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether rejected releases may be tried again.
    pub retry_rejected: bool,
    /// How much is read.
    pub depth: Depth,
    /// Sites at once while reading and staging; the project's setting where `None`.
    pub parallel: Option<usize>,
}

/// Everything that a session is made of.
pub struct RunSetup<'a> {
    /// The project.
    pub fleet: &'a Fleet,
    /// Contents and places of the sites.
    pub prepared: Arc<Prepared>,
    /// Who we are.
    pub identity: &'a Identity,
    /// The play that the sites belong to.
    pub play: &'a Play,
    /// What is done.
    pub task: Task,
    /// What it is told.
    pub options: Options,
}

impl RunSetup<'_> {
    /// The first event of the run.
    #[must_use]
    pub fn header(&self, verb: &str, sites: &[SiteName]) -> Header {
        let identity = self.identity;
        Header {
            schema: SCHEMA,
            run: identity.run.clone(),
            verb: verb.to_owned(),
            command: identity.command.clone(),
            person: identity.person.clone(),
            environment: self.fleet.environment.name.clone(),
            commit: identity.commit.clone(),
            dirty: identity.dirty,
            pins: BTreeMap::from([("project".to_owned(), self.pin())]),
            sites: sites.to_vec(),
        }
    }

    /// A digest of everything that the run was computed from.
    fn pin(&self) -> Digest {
        let mut text = format!("{:?}\n{:?}\n", self.play, self.prepared.choice);
        for site in self.fleet.inventory.sites() {
            text.push_str(&format!("{} {:?} {:?}\n", site.name, site.address, site.settings));
        }
        Digest::of(text.as_bytes())
    }

    /// A session with all `sites`, ready to be read.
    ///
    /// # Errors
    /// Sites that cannot be reached as described, secrets that cannot be had, and releases that
    /// cannot be made.
    pub async fn session<'e>(
        &self,
        emit: Emit<'e>,
        sites: &[SiteName],
    ) -> Result<Session<'e>, LoadError> {
        let fleet = self.fleet;
        let here = Here::from_environment();
        let found = || sites.iter().filter_map(|name| fleet.inventory.site(name.as_str()));
        let asked = futures::future::join_all(found().map(|site| fleet.way(site, &here))).await;
        let mut problems = crate::model::Problems::default();
        let ways: Vec<Option<Way>> = asked.into_iter().map(|way| problems.absorb(way)).collect();
        let password = self.password().await?;
        let shared = Arc::new(self.shared()?);
        let lines = Lines::new(fleet.keys(ways.iter().flatten()).await);
        let parallel = self.options.parallel.unwrap_or(fleet.project.settings.parallel as usize);
        let mut session =
            Session::new(emit, lines, parallel).map_err(|why| one(why.to_string()))?;
        for (site, way) in found().zip(ways) {
            let Some(way) = way else { continue };
            let Some(desire) = problems.absorb(self.desire(&site.name)) else { continue };
            let key = match &way {
                Way::Ssh(dial) => format!("{}@{}:{}", dial.user, dial.address, dial.port),
                Way::Local => "here".to_owned(),
            };
            let mut connection = fleet.project.settings.ssh.site.clone();
            connection.overlay(&site.settings);
            let account = Account {
                owner: fleet.project.settings.release.owner.clone(),
                become_root: connection.become_root.unwrap_or(false),
                password: password.clone(),
            };
            let host = Host { line: session.lines().to(&key, way), account };
            let place = self.place(&site.name);
            let manner = self.manner(&site.name);
            let mouth = session.mouth(site.name.clone());
            let shared = Arc::clone(&shared);
            let mut site = Site::new(host, place, desire, manner, shared, mouth);
            site.depth = self.options.depth;
            session.add(site);
        }
        problems.or(session).map_err(LoadError::Wrong)
    }

    fn desire(&self, site: &SiteName) -> Result<Desire, crate::model::Problems> {
        Ok(match &self.task {
            Task::Deploy(Scope::Everything) => {
                Desire::Release(Arc::new(self.prepared.wanted(site)?))
            }
            Task::Deploy(Scope::Only(features)) => {
                let (prepared, name) = (Arc::clone(&self.prepared), site.clone());
                let features = features.clone();
                // What can be wrong is found now, and not at the host.
                self.prepared.wanted(site)?;
                Desire::After {
                    look: self.prepared.look(site),
                    make: Arc::new(move |seen, base| {
                        prepared.wanted_only(&name, &features, seen, base)
                    }),
                }
            }
            Task::Rollback(to) => match self.prepared.frame(site) {
                Some(frame) => {
                    let (prepared, name) = (Arc::clone(&self.prepared), site.clone());
                    let supply = move |manifest: &Manifest| prepared.sources(&name, manifest);
                    Desire::Back {
                        to: to.clone(),
                        frame: Arc::new(frame),
                        supply: Arc::new(supply),
                    }
                }
                None => Desire::Nothing,
            },
            Task::Read => Desire::Nothing,
        })
    }

    fn place(&self, site: &SiteName) -> Place {
        let release = &self.fleet.project.settings.release;
        Place {
            root: self.prepared.root(site).to_owned(),
            owner: release.owner.clone().unwrap_or_default(),
            group: release.group.clone().unwrap_or_default(),
            run: self.identity.run.to_string(),
            lease: self.fleet.project.settings.ssh.lease.as_secs(),
            flock: false,
            coding: crate::release::Coding::default(),
            large: false,
            library: None,
        }
    }

    fn manner(&self, site: &SiteName) -> Manner {
        let release = &self.play.release;
        let reload = release.reload.clone().unwrap_or_else(|| match self.prepared.platform(site) {
            // opcache and the realpath cache would serve the old code.
            Some(Platform::Wordpress) => vec![Reload::PhpFpm],
            // A feature's endpoint is PHP on any platform, and lies behind the same caches.
            Some(Platform::Static | Platform::React) => vec![Reload::PhpFpmIfAny],
            None => Vec::new(),
        });
        let mut gates = self.play.rollout.gates.clone();
        if matches!(self.task, Task::Deploy(_)) {
            gates.extend(self.prepared.gates(site));
        }
        let url = self.prepared.url(site).and_then(Url::read);
        Manner {
            before: release.before.clone(),
            after: release.after.iter().chain(&release.purge).cloned().collect(),
            reload,
            gates,
            url: url.unwrap_or_else(|| Url::of_name(site.as_str())),
            patience: self.fleet.patience().as_secs().max(1),
        }
    }

    fn shared(&self) -> Result<Shared, LoadError> {
        let identity = self.identity;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let pid = std::process::id();
        let mut notes = BTreeMap::from([
            ("person".to_owned(), identity.person.clone()),
            ("command".to_owned(), identity.command.clone()),
            ("at".to_owned(), now.to_string()),
            ("environment".to_owned(), self.fleet.environment.name.clone()),
        ]);
        if let Some(commit) = &identity.commit {
            let dirty = if identity.dirty { "+dirty" } else { "" };
            notes.insert("commit".to_owned(), format!("{commit}{dirty}"));
        }
        let state = self.fleet.project.state().map_err(|why| LoadError::Wrong(why.into()))?;
        let registry = self.fleet.registry.clone();
        Ok(Shared {
            run: identity.run.clone(),
            holder: Holder {
                person: identity.person.clone(),
                machine: process::machine(),
                pid,
                started: process::started(pid).unwrap_or(0),
                at: now,
                command: identity.command.clone(),
            },
            notes,
            retry_rejected: self.options.retry_rejected,
            cache: Cache::new(Some(state.join("cache"))),
            parcels: Parcels::new(Arc::new(move |feature, version, sink| {
                let published = registry.open(feature, version, None);
                published.and_then(|found| found.read(sink)).map_err(|why| why.to_string())
            })),
        })
    }

    async fn password(&self) -> Result<Option<Secret>, LoadError> {
        let Some(source) = self.fleet.project.settings.ssh.become_password.clone() else {
            return Ok(None);
        };
        let at = Position { file: "fleet.yml".into(), line: 1, column: 1 };
        let wanted: BTreeMap<SecretRef, Position> = [(source.clone(), at)].into();
        let environment = |name: &str| std::env::var_os(name);
        let found = project::secrets(&self.fleet.project, &wanted, &environment).await;
        Ok(found.map_err(LoadError::NoSecret)?.remove(&source))
    }
}

fn one(message: String) -> LoadError {
    LoadError::Wrong(crate::model::Problem::new(message).into())
}
