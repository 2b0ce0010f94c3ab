//! A health gate as the user specifies it: what to ask, how often, and what is good enough.
//!
//! Only the specification and its reading from YAML. Asking is the engine's part, and deciding
//! from the answers the rollout's. Features (`health`) and plays (`rollout.gates`) have gates.

mod read;

use std::{collections::BTreeMap, fmt, time::Duration};

/// A gate: a check, and how long and how often it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSpec {
    /// What is asked.
    pub check: Check,
    /// The most attempts.
    pub attempts: u32,
    /// From the end of one attempt to the next.
    pub interval: Duration,
    /// From the start of the first attempt; when it is over, the gate has failed.
    pub deadline: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How many attempts in a row must succeed.
    pub successes: u32,
    /// Whether a site that fails the check before anything was changed may go on failing it:
    /// "no worse than before". It is reported as having been red already.
    pub baseline: bool,
}

/// What a gate asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// An HTTP request to the site.
    Http(HttpCheck),
    /// A TCP connection.
    Tcp {
        /// From where.
        from: Vantage,
        /// The port.
        port: u16,
    },
    /// A command on the host, run by `sh`; exit status 0 is a success.
    Command(String),
}

/// From where a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vantage {
    /// On the host, to itself, through the SSH connection.
    Host,
    /// From the control machine, to the site's public address.
    Control,
}

/// A GET request to the site's URL with another path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Which answers are good.
    pub status: StatusRule,
    /// Text that the body must hold.
    pub contains: Option<String>,
    /// From where.
    pub from: Vantage,
    /// Further request headers.
    pub headers: BTreeMap<String, String>,
}

/// Which HTTP status codes (RFC 9110, section 15) are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusRule {
    /// Every one below this.
    Below(u16),
    /// One of these.
    OneOf(Vec<u16>),
}

impl StatusRule {
    /// Whether `status` is good.
    #[must_use]
    pub fn allows(&self, status: u16) -> bool {
        match self {
            Self::Below(limit) => status < *limit,
            Self::OneOf(good) => good.contains(&status),
        }
    }
}

impl Default for GateSpec {
    /// The gate of a play that names none: the site answers below 400 from its own host, and
    /// is no worse than before.
    fn default() -> Self {
        let check = Check::Http(HttpCheck {
            path: "/".to_owned(),
            status: StatusRule::Below(400),
            contains: None,
            from: Vantage::Host,
            headers: BTreeMap::new(),
        });
        Self { baseline: true, ..Self::of(check) }
    }
}

impl GateSpec {
    /// A gate with the usual patience.
    #[must_use]
    pub const fn of(check: Check) -> Self {
        Self {
            check,
            attempts: 10,
            interval: Duration::from_secs(1),
            deadline: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            successes: 1,
            baseline: false,
        }
    }
}

impl fmt::Display for StatusRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(limit) => write!(f, "<{limit}"),
            Self::OneOf(good) => {
                let all: Vec<String> = good.iter().map(u16::to_string).collect();
                f.write_str(&all.join("|"))
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |from: &Vantage| match from {
            Vantage::Host => "",
            Vantage::Control => " from here",
        };
        match self {
            Self::Http(check) => {
                write!(f, "http GET {} → {}", check.path, check.status)?;
                if let Some(text) = &check.contains {
                    write!(f, " with {text:?}")?;
                }
                f.write_str(by(&check.from))
            }
            Self::Tcp { from, port } => write!(f, "tcp {port}{}", by(from)),
            Self::Command(text) => {
                write!(f, "command {}", text.lines().next().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Problems, yaml::parse};

    fn read(text: &str) -> Result<GateSpec, String> {
        let node = parse("g.yml", text).map_err(|problems| problems.to_string())?;
        let mut problems = Problems::default();
        let gate = GateSpec::read(&node, &mut problems);
        problems.or(()).map_err(|problems| problems.to_string())?;
        gate.ok_or_else(|| "nothing".to_owned())
    }

    #[test]
    fn a_gate_is_read_with_its_defaults() {
        let short = read("http: /health\n").unwrap();
        assert_eq!(short.check.to_string(), "http GET /health → <400");
        assert_eq!((short.attempts, short.successes, short.baseline), (10, 1, false));
        let long = read(
            "http: { path: '/?a=1', status: [200, 301], contains: form, from: control, headers: { X-Probe: a } }\n\
             attempts: 3\nsuccesses: 2\ninterval: 500ms\ndeadline: 2s\nbaseline: true\n",
        )
        .unwrap();
        assert_eq!(long.check.to_string(), "http GET /?a=1 → 200|301 with \"form\" from here");
        assert_eq!((long.attempts, long.successes, long.baseline), (3, 2, true));
        assert_eq!((long.interval.as_millis(), long.timeout.as_millis()), (500, 2000));
        assert_eq!(read("tcp: 80\n").unwrap().check.to_string(), "tcp 80");
        assert_eq!(
            read("tcp: { port: 80, from: control }").unwrap().check.to_string(),
            "tcp 80 from here"
        );
        assert_eq!(read("command: php -v").unwrap().check.to_string(), "command php -v");
    }

    #[test]
    fn statuses_are_judged_as_written() {
        let Check::Http(default) = GateSpec::default().check else { panic!() };
        assert!(default.status.allows(399) && !default.status.allows(400));
        assert!(!StatusRule::OneOf(vec![200]).allows(204));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        crate::cases::refused(include_str!("../../tests/cases/gate/refused.yml"), read);
    }
}
