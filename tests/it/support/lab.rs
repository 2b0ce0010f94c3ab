//! Hosts with filesystems of their own, as a value that cleans up after itself: the Rust side of
//! `tests/lab/lab`, which says what each variant of a host means. Root on Linux is needed.
//!
//! ```no_run
//! let lab = Lab::start(&Spec::new().host("shop", "wordpress").host("old", "static,busybox"));
//! lab.write_project(project.path());
//! // … run fleetctl there …
//! assert_eq!(lab.get("shop", "/").status, 200);
//! ```

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// Which hosts a lab has.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    lines: Vec<String>,
}

impl Spec {
    pub fn new() -> Self {
        Self::default()
    }

    /// One host; `variants` as `tests/lab/lab help` lists them, comma-separated.
    pub fn host(mut self, name: &str, variants: &str) -> Self {
        let separator = if variants.is_empty() { "" } else { ":" };
        self.lines.push(format!("{name}{separator}{variants}"));
        self
    }

    /// Hosts `<prefix>01` to `<prefix>NN`, all alike.
    pub fn hosts(mut self, prefix: &str, count: usize, variants: &str) -> Self {
        for number in 1..=count {
            self = self.host(&format!("{prefix}{number:02}"), variants);
        }
        self
    }
}

/// A website on a host of the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub name: String,
    pub platform: String,
    pub docroot: String,
}

/// One host of a lab: its first process as this machine sees it, and the key its sshd shows.
#[derive(Debug, Clone)]
pub struct Host {
    pub name: String,
    pub address: String,
    pub pid: u32,
    pub public_key: String,
    pub sudo_password: Option<String>,
    pub sites: Vec<Site>,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub body: String,
}

/// Running hosts; dropping it ends them.
#[derive(Debug)]
pub struct Lab {
    dir: TempDir,
    hosts: Vec<Host>,
}

impl Lab {
    /// Starts the hosts and waits until each answers on its SSH port.
    pub fn start(spec: &Spec) -> Self {
        let dir = TempDir::with_prefix("fleetctl-lab-").expect("a directory for the lab");
        let list = dir.path().join("wanted");
        fs::write(&list, spec.lines.join("\n") + "\n").expect("the lab's specification");
        // An owner lets a later lab sweep this one, should this process be killed.
        let owner = std::process::id().to_string();
        let out = script()
            .arg("up")
            .arg(dir.path())
            .args(["--owner", &owner, "--spec"])
            .arg(&list)
            .output()
            .expect("tests/lab/lab runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let hosts = read_hosts(&dir.path().join("hosts.json"));
        Self { dir, hosts }
    }

    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).expect("a host of that name")
    }

    /// The host that has a site, and the site.
    pub fn site(&self, name: &str) -> (&Host, &Site) {
        let mut all =
            self.hosts.iter().flat_map(|host| host.sites.iter().map(move |site| (host, site)));
        all.find(|(_, site)| site.name == name).expect("a site of that name")
    }

    /// Where the lab's own files are.
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// The private key of the login user `deploy`.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("key")
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.dir.path().join("known_hosts")
    }

    /// Runs a shell script as root inside a host, and fails the test if it fails.
    pub fn exec(&self, host: &str, script: &str) -> String {
        let out = self.try_exec(host, script);
        let (stdout, stderr) = (text(&out.stdout), text(&out.stderr));
        assert!(out.status.success(), "on {host}: {script}\n{}\n{stdout}{stderr}", out.status);
        stdout
    }

    /// Runs a shell script as root inside a host.
    pub fn try_exec(&self, host: &str, script: &str) -> Output {
        let pid = self.host(host).pid.to_string();
        Command::new("nsenter")
            .args(["--target", &pid, "--mount", "--pid", "--net", "--uts", "--ipc", "--"])
            .args(["/bin/sh", "-c", script])
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .stdin(Stdio::null())
            .output()
            .expect("nsenter runs")
    }

    /// Logs in over SSH as `deploy`, with the system's client, and runs a command.
    pub fn ssh(&self, host: &str, command: &str) -> Output {
        Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"])
            .arg(self.key())
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.known_hosts().display()))
            .arg(format!("deploy@{}", self.host(host).address))
            .arg(command)
            .stdin(Stdio::null())
            .output()
            .expect("ssh runs")
    }

    /// Asks the web server of the host that has `site` for a page of it.
    pub fn get(&self, site: &str, path: &str) -> Page {
        self.request(site, &format!("GET {path} HTTP/1.0\r\nHost: {site}\r\n\r\n"))
    }

    /// Posts a form.
    pub fn post(&self, site: &str, path: &str, form: &str) -> Page {
        let length = form.len();
        self.request(
            site,
            &format!(
                "POST {path} HTTP/1.0\r\nHost: {site}\r\nContent-Length: {length}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
            ),
        )
    }

    fn request(&self, site: &str, request: &str) -> Page {
        let (host, _) = self.site(site);
        let mut wire = TcpStream::connect((host.address.as_str(), 80)).expect("a web server");
        wire.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
        wire.write_all(request.as_bytes()).expect("the request is taken");
        let mut answer = Vec::new();
        wire.read_to_end(&mut answer).expect("the answer ends in time");
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Page { status: status.expect("a status line"), body: body.to_owned() }
    }

    /// Takes the network away from a host, or gives it back.
    pub fn set_connected(&self, host: &str, connected: bool) {
        let verb = if connected { "mend" } else { "cut" };
        let status = script().arg(verb).arg(self.dir.path()).arg(host).status();
        assert!(status.expect("tests/lab/lab runs").success());
    }

    /// Kills everything on a host and starts its services again, with another boot id.
    pub fn reboot(&self, host: &str) {
        let status = script().arg("reboot").arg(self.dir.path()).arg(host).status();
        assert!(status.expect("tests/lab/lab runs").success());
    }

    /// How many commands sshd of a host was asked to run so far.
    pub fn commands_run(&self, host: &str) -> usize {
        let log = self.exec(host, "cat /var/log/sshd.log");
        log.lines().filter(|line| line.starts_with("Starting session: command")).count()
    }

    /// Writes a project for the lab's sites: `fleet.yml` and `inventory/`, each site in a group
    /// of its platform. Groups `forms` and `promo` and their features are left to the test.
    pub fn write_project(&self, project: &Path) {
        let inventory = project.join("inventory");
        fs::create_dir_all(&inventory).expect("a place for the inventory");
        fs::copy(self.known_hosts(), inventory.join("known_hosts")).expect("known_hosts");
        fs::write(project.join("fleet.yml"), self.settings()).expect("fleet.yml");
        fs::write(inventory.join("sites.yml"), self.inventory(&[])).expect("sites.yml");
    }

    /// The text of a `fleet.yml` that reaches the lab's hosts.
    pub fn settings(&self) -> String {
        format!(
            "ssh:\n  user: deploy\n  identity: [{}]\n  become: true\n\
             release:\n  group: www-data\n",
            self.key().display()
        )
    }

    /// The text of an inventory of the lab's sites, with more groups for some of them.
    pub fn inventory(&self, groups: &[(&str, &[&str])]) -> String {
        let mut text = String::from("groups:\n");
        for platform in ["wordpress", "static", "react"] {
            writeln!(text, "  {platform}: {{ vars: {{ platform: {platform} }} }}").unwrap();
        }
        text.push_str("sites:\n");
        for host in &self.hosts {
            for site in &host.sites {
                let extra = groups.iter().filter(|(_, sites)| sites.contains(&site.name.as_str()));
                let mut memberships = vec![site.platform.as_str()];
                memberships.extend(extra.map(|(group, _)| *group));
                let memberships = memberships.join(", ");
                writeln!(
                    text,
                    "  {0}: {{ address: {1}, url: \"http://{0}\", docroot: {2}, groups: [{memberships}] }}",
                    site.name, host.address, site.docroot
                )
                .unwrap();
            }
        }
        text
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = script().arg("down").arg(self.dir.path()).status();
    }
}

fn script() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read_hosts(path: &Path) -> Vec<Host> {
    let record = fs::read_to_string(path).expect("the lab's record");
    let record: Value = serde_json::from_str(&record).expect("the lab's record is JSON");
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&record["hosts"])
        .iter()
        .map(|host| Host {
            name: word(host, "name"),
            address: word(host, "address"),
            pid: host["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a pid"),
            public_key: word(host, "host_key"),
            sudo_password: host["sudo_password"].as_str().map(str::to_owned),
            sites: list(&host["sites"])
                .iter()
                .map(|site| Site {
                    name: word(site, "name"),
                    platform: word(site, "platform"),
                    docroot: word(site, "docroot"),
                })
                .collect(),
        })
        .collect()
}
