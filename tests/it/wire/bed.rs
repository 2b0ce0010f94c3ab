//! A site on this machine whose scripts run under a shell of choice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use fleetctl::{
    engine::{
        parcels::Parcels,
        scripts::{Activation, Confirmation, Depth, Lock, Place, Rise, UndoStep},
    },
    model::{Digest, ReleaseName, RunId, Secret},
    plan::{Base, Decision, Deployment, Holder, Observation, Policy, deviations, plan},
    release::{Coding, Deliver, Difference, Manifest, Record, Verb, Wanted},
    shell::{Frame, Script},
    transport::Blob,
};
use tempfile::TempDir;

use super::kit::{texts, wanted};

pub const MARKER: &str = "m4rk3r";

/// A shell, and the directories in which it finds programs.
pub struct Shell {
    pub name: &'static str,
    pub program: PathBuf,
    pub path: String,
}

/// A site's root and docroot on this machine, and who works there.
pub struct Bed {
    pub dir: TempDir,
    pub shell: Shell,
    pub place: Place,
    pub generation: u64,
    /// What scripts find in their environment beside PATH.
    pub environment: BTreeMap<String, String>,
}

pub fn shells() -> Vec<&'static str> {
    vec!["dash", "bash", "busybox", "ksh"]
}

impl Bed {
    pub fn new(name: &'static str, flock: bool) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let find = |name: &str| {
            let places = ["/bin", "/usr/bin"].map(|place| Path::new(place).join(name));
            places.into_iter().find(|place| place.exists()).unwrap()
        };
        let path = if name == "busybox" {
            fs::copy(find(name), bin.join(name)).unwrap();
            let list = Command::new(find(name)).arg("--list").output().unwrap();
            for applet in String::from_utf8(list.stdout).unwrap().lines() {
                let _ = symlink(name, bin.join(applet));
            }
            Path::new("/usr/bin").to_owned()
        } else {
            symlink(find(name), bin.join("sh")).unwrap();
            Path::new("/usr/bin").to_owned()
        };
        for place in ["srv", "www"] {
            fs::create_dir(dir.path().join(place)).unwrap();
        }
        let place = Place {
            root: dir.path().join("srv").display().to_string(),
            owner: String::new(),
            group: String::new(),
            run: "r1".into(),
            lease: 60,
            flock,
            coding: Coding::default(),
            large: flock,
            library: None,
        };
        let program = bin.join("sh");
        let shell = Shell { name, program, path: path.display().to_string() };
        Self { dir, shell, place, generation: 0, environment: BTreeMap::new() }
    }

    pub fn as_run(&self, run: &str, lease: u64) -> Place {
        Place { run: run.to_owned(), lease, ..self.place.clone() }
    }

    pub fn command(&self, script: &Script) -> Command {
        let script = script.brief().unwrap_or_else(|| script.clone());
        let mut command = Command::new(&self.shell.program);
        if self.shell.name == "busybox" {
            // Where this machine has its programs, there are now applets and nothing else.
            let hide = "for at in /usr/local/bin /usr/local/sbin /usr/sbin /usr/bin; do\n\
                 \"$0/busybox\" mount --bind \"$0\" $at || exit; done; exec /bin/sh -c \"$1\"";
            command = Command::new("unshare");
            command.args(["-m", "sh", "-c", hide]).arg(self.shell.program.parent().unwrap());
        } else {
            command.arg("-c");
        }
        command.arg(script.text()).env_clear().envs(&self.environment);
        command.env("PATH", &self.shell.path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn start(&self, script: &Script) -> Child {
        self.command(script).spawn().unwrap()
    }

    pub fn run(&self, script: &Script, stdin: &[u8]) -> Frame {
        let mut child = self.start(script);
        // A script that gives up does not read to the end.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        self.read(&child.wait_with_output().unwrap())
    }

    pub fn read(&self, output: &Output) -> Frame {
        Frame::read(&output.stdout, MARKER).unwrap_or_else(|why| {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("{}: {why} ({}): {said}", self.shell.name, output.status)
        })
    }

    /// Runs a script that must end well.
    pub fn well(&self, script: &Script, stdin: &[u8]) -> Frame {
        let frame = self.run(script, stdin);
        assert_eq!((frame.failure(), frame.status), (None, 0), "{}", self.shell.name);
        let mutex = self.dir.path().join("srv/.fleetctl/mutex.link");
        assert!(mutex.symlink_metadata().is_err(), "{}: the mutex is left behind", self.shell.name);
        frame
    }

    /// The word with which a script gives up.
    pub fn refusal(&self, script: &Script) -> String {
        let frame = self.run(script, b"");
        assert_ne!(frame.status, 0, "{}", self.shell.name);
        frame.failure().map(|(kind, _)| kind.to_owned()).unwrap_or_default()
    }

    pub fn see(&self, wanted: Option<&Wanted>) -> Observation {
        let want = wanted.map(|wanted| wanted.manifest.body().to_string());
        let links = wanted.iter().flat_map(|wanted| wanted.links.keys());
        let ask = links.fold(String::new(), |ask, at| ask + "at " + at + "\n");
        let probe = self.place.probe(MARKER, &want.unwrap_or_default(), Depth::Contents, &ask);
        Observation::read(&self.well(&probe, b""))
    }

    pub fn release(&self, version: &str, links: &[&str]) -> Wanted {
        let files = [("public/x.js", version), ("public/deep/y z.js", "same"), ("private/ü", "s")];
        let mut release = wanted("site", &texts(&files), &[]);
        release.root.clone_from(&self.place.root);
        let target = format!("{}/current/public", self.place.root);
        for at in links {
            let at = self.dir.path().join("www").join(at).display().to_string();
            release.manifest.links.insert(at.clone(), target.clone());
            let link = fleetctl::release::WantedLink {
                target: target.clone(),
                adopt: true,
                make_parent: true,
            };
            release.links.insert(at, link);
        }
        release
    }

    /// What is current, as a base for the next.
    pub fn base(seen: &Observation, wanted: Option<&Wanted>) -> Option<Base> {
        let current = seen.current.as_ref()?;
        // A host does not say what the control machine is known to have.
        let manifest = match &current.texts {
            Some(texts) => Manifest::read(texts).unwrap(),
            None => wanted?.manifest.clone(),
        };
        Some(Base {
            name: current.name.clone()?,
            id: current.id?,
            deviations: deviations(current, &manifest),
            manifest,
            verified: current.sums_differ.is_some(),
        })
    }

    pub fn plan(wanted: &Wanted, seen: &Observation) -> Decision {
        let policy = Policy {
            run: RunId::new("r1").unwrap(),
            privilege: true,
            retry_rejected: true,
            fresh_salt: Secret::new("5a17".into()),
            reuse: false,
        };
        // The directories above this one are not what is tested.
        let seen = Observation { above: Vec::new(), ..seen.clone() };
        plan(wanted, &seen, Self::base(&seen, Some(wanted)).as_ref(), &policy)
    }

    pub fn stage(&mut self, wanted: &Wanted) -> (Box<Deployment>, Observation) {
        let seen = self.see(Some(wanted));
        assert_eq!(seen.missing, Vec::<String>::new(), "{}", self.shell.name);
        self.place.coding = seen.coding;
        let Decision::Deploy(deployment) = Self::plan(wanted, &seen) else {
            panic!("{}: {:?}", self.shell.name, Self::plan(wanted, &seen))
        };
        let holder = Holder { person: "anna".into(), ..Holder::default() };
        let mut deployment = deployment;
        let send = |deployment: &Deployment| {
            let script = self.place.stage(MARKER, &lock(&holder, &seen), deployment, wanted);
            let with_library = self.place.library.is_none();
            self.run(&script, &stream(&self.place, wanted, deployment, with_library))
        };
        let mut frame = send(&deployment);
        if frame.failure().is_some_and(|(kind, _)| kind == "verify") {
            // What is there cannot be told by its name: then the base is left alone.
            deployment.base = None;
            deployment.difference = Difference::between(None, &BTreeSet::new(), &wanted.manifest);
            frame = send(&deployment);
        }
        assert_eq!((frame.failure(), frame.status), (None, 0), "{}", self.shell.name);
        let generation = frame.one("generation");
        let generation = generation.unwrap_or_else(|| panic!("{}: {frame:?}", self.shell.name));
        self.generation = generation.parse().unwrap();
        (deployment, seen)
    }

    pub fn line(&self, verb: Verb, name: &ReleaseName, id: Digest) -> String {
        let run = RunId::new(&self.place.run).unwrap();
        Record { verb, release: name.clone(), digest: id, run, notes: BTreeMap::default() }
            .to_line()
    }

    pub fn activate(&self, deployment: &Deployment) -> Script {
        let intent = self.line(Verb::Activate, &deployment.name, deployment.id);
        let before = [("before: look".to_owned(), "test -d public".to_owned())];
        let reload = [fleetctl::playbook::Reload::Command("true".into())];
        let step = Activation {
            deployment,
            generation: self.generation,
            intent: &intent,
            before: &before,
            reload: &reload,
            rise: Rise::AsWeAre,
            patience: 10,
        };
        self.place.activate(MARKER, &step)
    }

    pub fn confirm(
        &self,
        deployment: &Deployment,
        settle: Option<&fleetctl::plan::Prune>,
    ) -> Script {
        let record = self.line(Verb::Confirm, &deployment.name, deployment.id);
        let after = [("after: say".to_owned(), "echo it".to_owned())];
        let step = Confirmation {
            name: &deployment.name,
            generation: self.generation,
            record: &record,
            after: &after,
            patience: 10,
            settle,
        };
        self.place.confirm(MARKER, &step)
    }

    pub fn undo(&self, deployment: &Deployment) -> Script {
        let line = self.line(Verb::Undone, &deployment.name, deployment.id);
        let step = UndoStep {
            record: &deployment.undo,
            generation: self.generation,
            line: &line,
            reload: &[],
            rise: Rise::AsWeAre,
            patience: 10,
        };
        self.place.undo(MARKER, &step)
    }

    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap_or_default()
    }

    pub fn exists(&self, path: &str) -> bool {
        self.dir.path().join(path).symlink_metadata().is_ok()
    }
}

pub fn lock<'a>(holder: &'a Holder, seen: &'a Observation) -> Lock<'a> {
    Lock {
        holder,
        dead: None,
        current: seen.current.as_ref().map_or("", |current| current.link.as_str()),
        generation: seen.generation,
    }
}

/// The stream that a stage script of `place` reads.
pub fn stream(
    place: &Place,
    wanted: &Wanted,
    deployment: &Deployment,
    with_library: bool,
) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let parcels = Parcels::new(Arc::new(|_, _, _| Err("no registry".to_owned())));
    let difference = &deployment.difference;
    let deliver =
        Deliver { difference, new_salt: None, library: with_library, coding: place.coding };
    let blobs = runtime.block_on(parcels.stream(wanted, &deliver)).unwrap().blobs;
    let bytes = blobs.iter().map(|blob| match blob {
        Blob::Shared(bytes) => bytes.to_vec(),
        _ => panic!("small parcels are in memory"),
    });
    bytes.collect::<Vec<_>>().concat()
}
