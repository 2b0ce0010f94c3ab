//! What the tests of the wire share: a lab host with many sites, runs over it, and the look at
//! what they left behind.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fleetctl::{
    engine::{
        cache::Cache,
        emit::Emit,
        host::{Account, Host},
        line::{Lines, Way},
        parcels::Parcels,
        process,
        scripts::Place,
        session::{Session, Summary},
        site::{Desire, Manner, Shared, Site},
        url::Url,
    },
    event::{Batches, Budget, Event, OnAbort, Schedule, Share, Slot, Stamped},
    model::{Content, Digest, FeatureName, Outcome, RunId, Secret, SiteName},
    plan::{Decision, Holder},
    playbook::Reload,
    release::{Coding, Entry, Manifest, Part, Source, Wanted, WantedLink},
    resource::{Check, GateSpec},
    transport::{
        host_key::LookupName,
        ssh::{Dial, Keys},
    },
};

use crate::support::lab::{Lab, Spec};

/// One host of a lab, with as many sites as a test likes.
pub struct Bench {
    pub lab: Lab,
}

impl Bench {
    pub fn start(variants: &str) -> Self {
        Self { lab: Lab::start(&Spec::new().host("box", variants)) }
    }

    /// Runs a script as root on the host.
    pub fn sh(&self, script: &str) -> String {
        self.lab.exec("box", script)
    }

    pub fn address(&self) -> SocketAddr {
        format!("{}:22", self.lab.host("box").address).parse().unwrap()
    }

    /// A path of the host, as this machine sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.lab.host("box").pid))
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// A dial to the host, directly or through a wire at `port`.
    pub fn dial(&self, port: Option<u16>) -> Dial {
        let address = &self.lab.host("box").address;
        let (near, door) = port.map_or((address.as_str(), 22), |port| ("127.0.0.1", port));
        Dial {
            name: LookupName::host(address, 22),
            identities: vec![self.lab.key()],
            known_hosts: vec![self.lab.known_hosts()],
            back_off: std::time::Duration::from_millis(20),
            ..Dial::new(near, door, "deploy")
        }
    }

    /// Makes a root that the login user owns, and a docroot beside it.
    pub fn site(&self, name: &str) {
        self.sh(&format!(
            "mkdir -p /srv/{name} /var/www/{name} && chown deploy: /srv/{name} /var/www/{name}"
        ));
    }

    /// Everything that P1 says of a site: `current` leads to a complete, verified release, what
    /// was confirmed before is there, nothing is half done. Gives the name of what is current.
    pub fn assert_whole(&self, name: &str) -> String {
        let out = self.sh(&format!(
            r#"cd /srv/{name} || exit
            echo "partial $(ls -d releases/.*.partial 2>/dev/null)"
            echo "lock $(ls .fleetctl/lock 2>/dev/null)"
            echo "left $(find . -maxdepth 1 -name '.current*'; find /var/www/{name} -name '.fleetctl*')"
            echo "current $(readlink current)"
            for release in releases/*; do
                name=${{release##*/}}
                tree=$(ls .fleetctl/manifests/"${{name#*-}}"*.tree 2>/dev/null) || {{ echo "bare $name"; continue; }}
                real=$(cd $release && find . -type d -printf 'd %m %p\n' -o -type f -printf 'f %m %s %p\n' -o -type l -printf 'l 777 %p -> %l\n' | LC_ALL=C sort | sha256sum)
                [ "$real" = "$(sha256sum <"$tree")" ] || echo "tree $name"
                (cd $release && sha256sum --quiet -c "$OLDPWD/${{tree%.tree}}.sums" 2>&1) || echo "sums $name"
            done
            for link in $(find /var/www/{name} -type l); do [ -e "$link" ] || echo "dangling $link"; done"#
        ));
        let mut lines: BTreeMap<&str, &str> = BTreeMap::new();
        for line in out.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            assert!(
                matches!(key, "partial" | "lock" | "left" | "current"),
                "{name}: {line}\n{out}{}",
                self.read(&format!("/srv/{name}/.fleetctl/journal"))
            );
            lines.insert(key, value);
        }
        for key in ["partial", "lock", "left"] {
            assert_eq!(lines[key], "", "{name}: {out}");
        }
        lines["current"].to_owned()
    }
}

/// A release of `files` at a site of a bench, with links in its docroot.
pub fn wanted(site: &str, files: &[(String, Vec<u8>)], links: &[&str]) -> Wanted {
    let part =
        Part { version: "1.0.0".parse().unwrap(), digest: Digest::of(b"popup"), entry: None };
    let features = [(FeatureName::new("popup").unwrap(), part)].into();
    let mut manifest = Manifest { features, ..Manifest::default() };
    let mut sources = BTreeMap::new();
    for (path, bytes) in files {
        for above in fleetctl::release::ancestors(path) {
            manifest.entries.insert(above.into(), Entry::Directory { mode: 0o755 });
        }
        let digest = Digest::of(bytes);
        let entry = Entry::File { mode: 0o644, size: bytes.len() as u64, digest };
        manifest.entries.insert(path.clone(), entry);
        let content = Content::Plain(bytes.clone().into());
        sources.insert(path.clone(), Source::Rendered(content));
    }
    let target = format!("/srv/{site}/current/public");
    let links: BTreeMap<String, WantedLink> = links
        .iter()
        .map(|at| {
            let link = WantedLink { target: target.clone(), adopt: true, make_parent: true };
            (format!("/var/www/{site}/{at}"), link)
        })
        .collect();
    manifest.links = links.keys().map(|at| (at.clone(), target.clone())).collect();
    Wanted {
        site: SiteName::new("a.example").unwrap(),
        root: format!("/srv/{site}"),
        owner: None,
        group: None,
        manifest,
        sources: sources.into(),
        links,
        hard_links: true,
        keep: 3,
    }
}

/// Small texts as files.
pub fn texts(files: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(|| next().to_le_bytes()).flatten().take(len).collect()
}

pub fn gate(command: &str) -> GateSpec {
    let mut gate = GateSpec::of(Check::Command(command.to_owned()));
    gate.attempts = 1;
    gate
}

/// One run over one site.
pub struct Run {
    pub desire: Desire,
    pub root: String,
    pub dial: Dial,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub password: Option<Secret>,
    pub before: Vec<String>,
    pub after: Vec<String>,
    pub reload: Vec<Reload>,
    pub gates: Vec<GateSpec>,
    pub url: Url,
    pub lease: u64,
    pub patience: u64,
    pub on_abort: OnAbort,
    pub cache: Option<PathBuf>,
    pub retry_rejected: bool,
    /// Says it is another machine than this one.
    pub stranger: bool,
    /// Done between the plan and the first change.
    pub between: Option<Box<dyn FnOnce()>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    pub events: Vec<Event>,
    pub summary: Summary,
    pub decision: Option<Decision>,
    pub why: String,
}

impl Ran {
    pub fn outcome(&self) -> Outcome {
        *self.summary.outcomes.values().next().unwrap()
    }

    /// Fails the test unless the run ended so.
    pub fn expect(self, outcome: Outcome) -> Self {
        assert_eq!(self.outcome(), outcome, "{}\n{:?}", self.why, self.events);
        self
    }
}

impl Run {
    /// Of a release, through a dial.
    pub fn new(dial: Dial, wanted: &Wanted) -> Self {
        Self::of(dial, &wanted.root, Desire::Release(Arc::new(wanted.clone())))
    }

    pub fn of(dial: Dial, root: &str, desire: Desire) -> Self {
        Self {
            desire,
            root: root.to_owned(),
            dial,
            owner: None,
            group: None,
            password: None,
            before: Vec::new(),
            after: Vec::new(),
            reload: Vec::new(),
            gates: vec![gate("true")],
            url: Url::of_name("a.example"),
            lease: 90,
            patience: 10,
            on_abort: OnAbort::RollbackBatch,
            cache: None,
            retry_rejected: false,
            stranger: false,
            between: None,
        }
    }

    pub async fn go(self) -> Ran {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let run = format!("r{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut events = Vec::new();
        let mut out = |stamped: &[Stamped]| {
            events.extend(stamped.iter().map(|stamped| stamped.event.clone()));
            Ok(())
        };
        let keys = Keys::load(self.dial.identities.clone(), None).await;
        let mut session = Session::new(Emit::new(&mut out), Lines::new(Arc::new(keys)), 4).unwrap();
        let name = SiteName::new("a.example").unwrap();
        let line = session.lines().to("box", Way::Ssh(Box::new(self.dial)));
        let shared = Arc::new(Shared {
            run: RunId::new(&run).unwrap(),
            holder: Holder {
                person: "test@here".into(),
                machine: if self.stranger {
                    format!("machine of {run}")
                } else {
                    process::machine()
                },
                pid: std::process::id(),
                // Each run is taken for a process of its own that has ended.
                started: 0,
                command: "deploy".into(),
                ..Holder::default()
            },
            notes: BTreeMap::new(),
            retry_rejected: self.retry_rejected,
            cache: Cache::new(self.cache),
            parcels: Parcels::new(Arc::new(|_, _, _| Err("no registry".to_owned()))),
        });
        let account =
            Account { owner: self.owner.clone(), become_root: true, password: self.password };
        let place = Place {
            root: self.root,
            owner: self.owner.unwrap_or_default(),
            group: self.group.unwrap_or_default(),
            run: run.clone(),
            lease: self.lease,
            flock: false,
            coding: Coding::default(),
            large: false,
            library: None,
        };
        let manner = Manner {
            before: self.before,
            after: self.after,
            reload: self.reload,
            gates: self.gates,
            url: self.url,
            patience: self.patience,
        };
        let mouth = session.mouth(name.clone());
        session.add(Site::new(Host { line, account }, place, self.desire, manner, shared, mouth));
        session.read().await.unwrap();
        let decision = session.sites().values().next().unwrap().decision.clone();
        if let Some(between) = self.between {
            between();
        }
        let schedule = Schedule {
            sites: vec![Slot { site: name, host: "box".into(), canary: false }],
            batches: Batches::Sizes(vec![Share::Count(1)]),
            budget: Budget { failed: Share::Count(0), unreachable: Share::Count(0) },
            on_abort: self.on_abort,
            pause: 0,
        };
        let summary = session.apply(schedule).await;
        session.close().await;
        drop(session);
        let failed = events.iter().filter_map(|event| match event {
            Event::StepFailed { step, why, tail, .. } => Some(format!("{step:?}: {why} {tail:?}")),
            _ => None,
        });
        let why = failed.collect::<Vec<_>>().join("\n");
        Ran { events, summary, decision, why }
    }
}
