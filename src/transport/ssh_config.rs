//! What `ssh` would do for a host, asked of `ssh` itself.
//!
//! For hosts whose inventory entry leaves address, user, port or key open: `ssh -G HOST` reads
//! the configuration with all its rules, and this room reads the answer. What fleetctl cannot
//! honour is refused, never passed over. Runs no shell. Called by the engine before dialing.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{
    TransportError,
    host_key::LookupName,
    ssh::{Dial, Timeouts},
};

/// What `ssh -G` says about one host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostConfig {
    /// Where it is.
    pub hostname: String,
    /// Its port.
    pub port: u16,
    /// The login name.
    pub user: String,
    /// Key files, in the order of trying; those that are defaults need not exist.
    pub identities: Vec<PathBuf>,
    /// Whether an agent's other keys stay out.
    pub identities_only: bool,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// The name under which the host's key is known, if it is not the host's own.
    pub host_key_alias: Option<String>,
    /// The files of known host keys.
    pub known_hosts: Vec<PathBuf>,
    /// The hosts to go through, as `ProxyJump` names them.
    pub jump: Vec<JumpTarget>,
}

/// A hop of `ProxyJump`: `[user@]host[:port]`, to be looked up like any other host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JumpTarget {
    /// The login name, if it is given.
    pub user: Option<String>,
    /// The host.
    pub host: String,
    /// The port, if it is given.
    pub port: Option<u16>,
}

/// What the expansion of `%` and `~` needs to know of this machine.
#[derive(Debug, Clone)]
pub struct Here {
    /// The person's home directory.
    pub home: PathBuf,
    /// The person's login name.
    pub user: String,
    /// `SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
}

impl Here {
    /// Reads them from the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = |name| env::var(name).ok().filter(|text| !text.is_empty());
        Self {
            home: text("HOME").map_or_else(|| "/".into(), PathBuf::from),
            user: text("USER").or_else(|| text("LOGNAME")).unwrap_or_default(),
            agent: text("SSH_AUTH_SOCK").map(PathBuf::from),
        }
    }
}

/// How `ssh` is asked about a host.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The configuration file, if not `ssh`'s own.
    pub file: Option<PathBuf>,
    /// The login name, if it is known already.
    pub user: Option<String>,
    /// The port, if it is known already.
    pub port: Option<u16>,
}

/// The dial for `host`, jump hosts included. What `ask` gives is stronger than the files.
///
/// # Errors
/// When `ssh` is missing, fails, or is configured to do what fleetctl does not.
pub async fn dial(host: &str, ask: &Ask, here: &Here) -> Result<Dial, TransportError> {
    dial_hop(host, ask, here, 0).await
}

async fn dial_hop(host: &str, ask: &Ask, here: &Here, depth: u8) -> Result<Dial, TransportError> {
    if depth > 8 {
        return Err(unusable(host, "its jump hosts go round in a circle"));
    }
    let config = resolve(host, ask, here).await?;
    let mut jump = Vec::new();
    for hop in &config.jump {
        let ask = Ask { file: ask.file.clone(), user: hop.user.clone(), port: hop.port };
        let mut hop = Box::pin(dial_hop(&hop.host, &ask, here, depth + 1)).await?;
        // A jump host's own jump hosts count for the first one only, as in `ssh`.
        if jump.is_empty() {
            jump.append(&mut hop.jump);
        }
        hop.jump = Vec::new();
        jump.push(hop);
    }
    let name = config
        .host_key_alias
        .as_deref()
        .map_or_else(|| LookupName::host(&config.hostname, config.port), LookupName::alias);
    Ok(Dial {
        name,
        address: config.hostname,
        port: config.port,
        user: config.user,
        identities: config.identities,
        identities_only: config.identities_only,
        agent: config.agent,
        jump,
        known_hosts: config.known_hosts,
        timeouts: Timeouts::default(),
        back_off: Duration::from_millis(500),
    })
}

/// Asks `ssh -G` about a host.
///
/// # Errors
/// As [`dial`].
pub async fn resolve(host: &str, ask: &Ask, here: &Here) -> Result<HostConfig, TransportError> {
    if host.is_empty()
        || host.starts_with('-')
        || host.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(TransportError::Unusable(format!("{host:?} is not a host name")));
    }
    let mut command = Command::new("ssh");
    command.arg("-G").stdin(Stdio::null()).kill_on_drop(true);
    if let Some(file) = &ask.file {
        command.arg("-F").arg(file);
    }
    if let Some(user) = &ask.user {
        command.arg("-l").arg(user);
    }
    if let Some(port) = ask.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg("--").arg(host);
    let output = timeout(Duration::from_secs(10), command.output())
        .await
        .map_err(|_| unusable(host, "`ssh -G` took over 10 s; a `Match exec` may hang"))?
        .map_err(|why| match why.kind() {
            std::io::ErrorKind::NotFound => unusable(
                host,
                "its address, user or key is not in the inventory, and the program `ssh` that \
                 would know is not installed; give them there, or install the OpenSSH client",
            ),
            _ => unusable(host, &format!("cannot run `ssh -G`: {why}")),
        })?;
    if !output.status.success() {
        let said = super::error::tame(&String::from_utf8_lossy(&output.stderr));
        return Err(unusable(host, &format!("`ssh -G` failed: {said}")));
    }
    read(host, &String::from_utf8_lossy(&output.stdout), here)
}

fn unusable(host: &str, why: &str) -> TransportError {
    TransportError::Unusable(format!("{host}: {why}"))
}

/// Reads the answer of `ssh -G` for `host`: lines of a lower-case keyword and its value.
fn read(host: &str, text: &str, here: &Here) -> Result<HostConfig, TransportError> {
    let mut config = HostConfig { port: 22, agent: here.agent.clone(), ..HostConfig::default() };
    let lines = || text.lines().filter_map(|line| line.split_once(' '));
    for (key, value) in lines() {
        let value = value.trim();
        match key {
            "hostname" => value.clone_into(&mut config.hostname),
            "user" => value.clone_into(&mut config.user),
            "port" => {
                config.port =
                    value.parse().map_err(|_| unusable(host, &format!("bad port {value:?}")))?;
            }
            "hostkeyalias" if value != "none" => config.host_key_alias = Some(value.to_owned()),
            "identitiesonly" => config.identities_only = value == "yes",
            "proxyjump" if value != "none" => {
                config.jump =
                    value.split(',').map(jump_target).collect::<Option<_>>().ok_or_else(|| {
                        unusable(host, &format!("cannot read ProxyJump {value:?}"))
                    })?;
            }
            // Commands of the configuration are not run: it may come from anywhere.
            "proxycommand" if value != "none" => {
                return Err(unusable(
                    host,
                    "its ssh configuration has a ProxyCommand, and fleetctl runs no local \
                     commands to connect; use ProxyJump instead",
                ));
            }
            "revokedhostkeys" if value != "none" => {
                return Err(unusable(
                    host,
                    "its ssh configuration has RevokedHostKeys, which is not supported yet",
                ));
            }
            _ => {}
        }
    }
    if config.hostname.is_empty() || config.hostname.starts_with('-') {
        return Err(unusable(host, &format!("{:?} is not an address", config.hostname)));
    }
    let expand = |value: &str| expand(value, host, &config, here);
    let mut identities = Vec::new();
    let mut known_hosts = Vec::new();
    let mut agent = here.agent.clone();
    for (key, value) in lines() {
        let value = value.trim();
        let refused = |why: String| unusable(host, &format!("{key} {value}: {why}"));
        match key {
            "identityfile" if value != "none" => identities.push(expand(value).map_err(refused)?),
            "userknownhostsfile" | "globalknownhostsfile" if value != "none" => {
                for file in value.split_whitespace() {
                    known_hosts.push(expand(file).map_err(refused)?);
                }
            }
            "identityagent" => {
                agent = match value {
                    "none" => None,
                    "SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK" => here.agent.clone(),
                    path => Some(expand(path).map_err(refused)?),
                }
            }
            _ => {}
        }
    }
    Ok(HostConfig { identities, agent, known_hosts, ..config })
}

/// Expands `~` and the `%` tokens of `ssh_config(5)` that name files.
fn expand(value: &str, host: &str, config: &HostConfig, here: &Here) -> Result<PathBuf, String> {
    let value = value.trim_matches('"');
    let (mut out, rest) = match value.strip_prefix("~/") {
        Some(rest) => (format!("{}/", here.home.display()), rest),
        None if value.starts_with('~') => return Err("other people's homes are not read".into()),
        None => (String::new(), value),
    };
    let mut rest = rest.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('%') => out.push('%'),
            Some('d') => out.push_str(&here.home.display().to_string()),
            Some('h') => out.push_str(&config.hostname),
            Some('n') => out.push_str(host),
            Some('k') => out.push_str(config.host_key_alias.as_deref().unwrap_or(host)),
            Some('p') => out.push_str(&config.port.to_string()),
            Some('r') => out.push_str(&config.user),
            Some('u') => out.push_str(&here.user),
            Some(other) => return Err(format!("the token %{other} is not supported")),
            None => return Err("it ends in %".to_owned()),
        }
    }
    if out.contains("${") {
        return Err("environment variables in it are not supported".to_owned());
    }
    Ok(Path::new(&out).to_owned())
}

/// Reads `[user@]host[:port]`, with `[address]:port` for IPv6, and `ssh://` before it.
fn jump_target(text: &str) -> Option<JumpTarget> {
    let text = text.trim();
    let text = text.strip_prefix("ssh://").unwrap_or(text);
    let (user, place) = match text.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, text),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map(str::parse).transpose().ok()?;
    let sane = !host.is_empty() && !host.starts_with('-');
    sane.then(|| JumpTarget { user, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Here {
        let agent = Some(PathBuf::from("/run/agent"));
        Here { home: "/home/ann".into(), user: "ann".into(), agent }
    }

    #[test]
    fn the_answer_of_ssh_is_read() {
        let text = "host web1\nuser deploy\nhostname 203.0.113.9\nport 2222\nidentitiesonly yes\n\
            identityfile ~/.ssh/%h_key\nidentityfile /keys/%r-%n-%p-100%%\n\
            userknownhostsfile /a/known ~/.ssh/known_hosts2\nglobalknownhostsfile /etc/ssh/ssh_known_hosts\n\
            proxyjump ops@gate:2022,[2001:db8::1]:22\nhostkeyalias web1.example\nidentityagent ~/agent.sock\n\
            proxycommand none\n";
        let config = read("web1", text, &here()).unwrap();
        assert_eq!(
            (config.hostname.as_str(), config.port, config.user.as_str()),
            ("203.0.113.9", 2222, "deploy")
        );
        assert_eq!(
            config.identities,
            [Path::new("/home/ann/.ssh/203.0.113.9_key"), Path::new("/keys/deploy-web1-2222-100%")]
        );
        assert!(config.identities_only);
        assert_eq!(config.agent.as_deref(), Some(Path::new("/home/ann/agent.sock")));
        assert_eq!(config.known_hosts.len(), 3);
        assert_eq!(config.host_key_alias.as_deref(), Some("web1.example"));
        assert_eq!(
            config.jump,
            [
                JumpTarget { user: Some("ops".into()), host: "gate".into(), port: Some(2022) },
                JumpTarget { user: None, host: "2001:db8::1".into(), port: Some(22) },
            ]
        );
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_with_its_reason() {
        for (line, word) in [
            ("proxycommand nc %h %p", "ProxyCommand"),
            ("revokedhostkeys /etc/revoked", "RevokedHostKeys"),
            ("identityfile /keys/%C", "%C"),
            ("identityfile /keys/${X}", "environment"),
            ("proxyjump -oProxyCommand=x", "ProxyJump"),
            ("hostname -oProxyCommand=x", "not an address"),
        ] {
            let text = format!("hostname web1\nport 22\nuser u\n{line}\n");
            let why = read("web1", &text, &here()).unwrap_err().to_string();
            assert!(why.contains(word) && why.starts_with("web1: "), "{why}");
        }
    }

    #[test]
    fn the_agent_comes_from_the_environment_unless_told_otherwise() {
        let of = |line: &str| {
            read("h", &format!("hostname h\nport 22\nuser u\n{line}\n"), &here()).unwrap().agent
        };
        assert_eq!(of(""), here().agent);
        assert_eq!(of("identityagent SSH_AUTH_SOCK"), here().agent);
        assert_eq!(of("identityagent none"), None);
    }

    #[tokio::test]
    async fn a_host_that_looks_like_an_option_never_reaches_ssh() {
        for bad in ["-oProxyCommand=touch /tmp/x", "", "a b", "a\nb"] {
            assert!(resolve(bad, &Ask::default(), &here()).await.is_err(), "{bad:?}");
        }
    }
}
