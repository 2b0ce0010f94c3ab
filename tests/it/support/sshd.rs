//! A real OpenSSH server on a high port of 127.0.0.1, with keys and settings of its own.
//!
//! Runs as whoever runs the tests. With root, the server has its own view of `/etc/passwd`:
//! root has an empty home there, and there is a login `deploy` for tests to use.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

use fleetctl::transport::ssh::{Connection, Dial, Keys, connect};
use tempfile::TempDir;

/// Key files for all tests, made once: generating RSA keys takes a while.
///
/// `host_{ed25519,ecdsa,rsa}`, `user_{ed25519,ecdsa,rsa}`, `locked_ed25519` (passphrase
/// `open sesame`), `stranger_ed25519` (no host knows it), each with `.pub`.
pub fn keys() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = base.join("ssh-keys-1");
        if !dir.exists() {
            let making = tempfile::tempdir_in(base).unwrap();
            for role in ["host", "user"] {
                for (kind, bits) in [("ed25519", "0"), ("ecdsa", "256"), ("rsa", "2048")] {
                    keygen(&making.path().join(format!("{role}_{kind}")), kind, bits, "");
                }
            }
            keygen(&making.path().join("locked_ed25519"), "ed25519", "0", "open sesame");
            keygen(&making.path().join("stranger_ed25519"), "ed25519", "0", "");
            fs::set_permissions(making.path(), fs::Permissions::from_mode(0o755)).unwrap();
            // Another test process may have been faster.
            let _ = fs::rename(making.keep(), &dir);
        }
        dir
    })
}

fn keygen(path: &Path, kind: &str, bits: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]).arg(path);
    if bits != "0" {
        command.args(["-b", bits]);
    }
    assert!(command.status().unwrap().success());
}

/// The public half of one of [`keys`]: algorithm and base64.
pub fn public(name: &str) -> String {
    let text = fs::read_to_string(keys().join(format!("{name}.pub"))).unwrap();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// A server that runs until it is dropped.
pub struct Sshd {
    pub dir: TempDir,
    pub port: u16,
    child: Child,
}

impl Sshd {
    /// With the settings that suit most tests.
    pub fn start() -> Self {
        Self::with("")
    }

    /// With settings of its own, which come first and so win.
    pub fn with(settings: &str) -> Self {
        let keys = keys();
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let _ = fs::create_dir_all("/run/sshd");
        let authorized: String = ["user_ed25519", "user_ecdsa", "user_rsa", "locked_ed25519"]
            .map(|name| public(name) + "\n")
            .concat();
        fs::write(dir.path().join("authorized_keys"), authorized).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let has = |key: &str| settings.lines().any(|line| line.starts_with(key));
        let mut text = format!(
            "{settings}\nListenAddress 127.0.0.1\nPort {port}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nUseDNS no\n\
             KbdInteractiveAuthentication no\nPrintMotd no\nMaxStartups 200\nLogLevel DEBUG1\n\
             AuthorizedKeysFile {}/authorized_keys\nSubsystem sftp internal-sftp\n",
            dir.path().display()
        );
        if !has("HostKey") {
            for kind in ["ed25519", "ecdsa", "rsa"] {
                text += &format!("HostKey {}/host_{kind}\n", keys.display());
            }
        }
        let config = dir.path().join("sshd_config");
        fs::write(&config, text).unwrap();
        let child = spawn(dir.path(), &config);
        let mut server = Self { dir, port, child };
        let begin = Instant::now();
        while !server.log().contains("Server listening on") {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && begin.elapsed().as_secs() < 20, "{}", server.log());
            sleep(Duration::from_millis(10));
        }
        fs::write(server.known_hosts(), server.known_hosts_lines()).unwrap();
        server
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// How many connections got as far as authentication.
    pub fn logins_tried(&self) -> usize {
        self.log().matches("userauth-request for user").count()
    }

    /// The file of known hosts that has this server's keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.dir.path().join("known_hosts")
    }

    /// Its lines.
    pub fn known_hosts_lines(&self) -> String {
        ["host_ed25519", "host_ecdsa", "host_rsa"]
            .map(|key| format!("[127.0.0.1]:{} {}\n", self.port, public(key)))
            .concat()
    }

    /// A dial that lets one in, by the ed25519 key.
    pub fn dial(&self) -> Dial {
        Dial {
            identities: vec![keys().join("user_ed25519")],
            known_hosts: vec![self.known_hosts()],
            back_off: Duration::from_millis(50),
            ..Dial::new("127.0.0.1", self.port, &login())
        }
    }

    /// The same through a wire to this server.
    pub fn dial_through(&self, port: u16) -> Dial {
        let name = fleetctl::transport::host_key::LookupName::host("127.0.0.1", self.port);
        Dial { name, port, ..self.dial() }
    }

    /// A connection by [`Self::dial`].
    pub async fn connect(&self) -> Connection {
        go(&self.dial()).await.unwrap()
    }

    /// The processes that serve connections now.
    pub fn sessions(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut parents = vec![self.child.id()];
        while let Some(parent) = parents.pop() {
            let path = format!("/proc/{parent}/task/{parent}/children");
            for child in fs::read_to_string(path).unwrap_or_default().split_whitespace() {
                let child: u32 = child.parse().unwrap();
                let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
                if name.starts_with("sshd") {
                    found.push(child);
                    parents.push(child);
                }
            }
        }
        found
    }
}

/// Connects with the keys that the dial names.
pub async fn go(dial: &Dial) -> Result<Connection, fleetctl::transport::TransportError> {
    connect(dial, &Keys::load(dial.identities.clone(), None).await).await
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

/// The login name of whoever runs the tests.
pub fn login() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let output = Command::new("id").arg("-un").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
    .clone()
}

/// Starts the server; as root in a mount namespace where the login `deploy` exists.
fn spawn(dir: &Path, config: &Path) -> Child {
    let mut command = if login() == "root" {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let home = dir.join("home");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
        // Root gets a home without start-up files, too: what they do is not what is tested.
        let mut lines: Vec<String> =
            passwd.lines().filter(|line| !line.starts_with("root:")).map(str::to_owned).collect();
        for user in ["root:x:0:0", "deploy:x:64123:64123"] {
            lines.push(format!("{user}::{}:/bin/sh", home.display()));
        }
        fs::write(dir.join("passwd"), lines.join("\n") + "\n").unwrap();
        let script = "mount --bind \"$1/passwd\" /etc/passwd && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh"]).arg(dir).arg("/usr/sbin/sshd");
        command
    } else {
        Command::new("/usr/sbin/sshd")
    };
    command
        .args(["-D", "-E"])
        .arg(dir.join("log"))
        .arg("-f")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for pid in self.sessions() {
            let _ =
                Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
