//! Reads a gate from YAML.

use std::collections::BTreeMap;

use super::{Check, GateSpec, HttpCheck, StatusRule, Vantage};
use crate::model::{
    Problems,
    yaml::{Fields, Node, Yaml},
};

impl GateSpec {
    /// Reads a gate such as `{ http: { path: / }, attempts: 5 }`.
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = node.fields(problems)?;
        let http = fields.optional("http");
        let tcp = fields.optional("tcp");
        let command = fields.optional("command");
        let way_out = "use an `http` gate, or a `command` that asks it";
        fields.refuse("prometheus", "gates come in a later version", way_out, problems);
        let asked = [http, tcp, command].iter().flatten().count();
        if asked != 1 {
            let found = if asked == 0 { "none" } else { "several" };
            let message = format!("a gate asks one of `http`, `tcp` or `command`, found {found}");
            problems.push(node.problem(message));
        }
        let check = http
            .and_then(|node| HttpCheck::read(node, problems).map(Check::Http))
            .or_else(|| tcp.and_then(|node| read_tcp(node, problems)))
            .or_else(|| command.and_then(|node| read_command(node, problems)));
        // A check that could not be read has noted why; go on, to note the rest too.
        let mut gate = check.clone().map_or_else(Self::default, Self::of);
        gate.read_patience(&mut fields, problems);
        fields.finish("a gate", problems);
        check.map(|_| gate)
    }

    fn read_patience(&mut self, fields: &mut Fields<'_>, problems: &mut Problems) {
        let mut count = |key, default| {
            let node = fields.optional(key)?;
            let number = node.integer(1..=1000, problems)?;
            Some((node, u32::try_from(number).unwrap_or(default)))
        };
        let attempts = count("attempts", self.attempts);
        let successes = count("successes", self.successes);
        if let Some((_, number)) = attempts {
            self.attempts = number;
        }
        if let Some((node, number)) = successes {
            self.successes = number;
            if number > self.attempts {
                let message = format!(
                    "{number} successes in a row cannot come of {} attempts",
                    self.attempts
                );
                problems.push(node.problem(message).hint("raise `attempts`, or ask for fewer"));
            }
        }
        for (key, slot) in [("interval", &mut self.interval), ("deadline", &mut self.deadline)] {
            if let Some(found) = fields.optional(key).and_then(|node| node.duration(problems)) {
                *slot = found;
            }
        }
        if let Some(node) = fields.optional("timeout")
            && let Some(found) = node.duration(problems)
        {
            self.timeout = found;
            if found.is_zero() {
                problems.push(node.problem("a timeout of nothing lets no attempt succeed"));
            }
        }
        // An attempt never outlives its gate.
        self.timeout = self.timeout.min(self.deadline);
        let baseline = fields.optional("baseline").and_then(|node| node.boolean(problems));
        self.baseline = baseline.unwrap_or(self.baseline);
    }
}

impl HttpCheck {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut check = Self {
            path: "/".to_owned(),
            status: StatusRule::Below(400),
            contains: None,
            from: Vantage::Host,
            headers: BTreeMap::new(),
        };
        if let Yaml::Text(_) = node.value {
            check.path = read_path(node, problems)?;
            return Some(check);
        }
        let mut fields = node.fields(problems)?;
        if let Some(path) = fields.optional("path").and_then(|node| read_path(node, problems)) {
            check.path = path;
        }
        if let Some(status) = fields.optional("status").and_then(|node| read_status(node, problems))
        {
            check.status = status;
        }
        check.contains =
            fields.optional("contains").and_then(|node| node.text(problems)).map(str::to_owned);
        if let Some(from) = fields.optional("from").and_then(|node| read_vantage(node, problems)) {
            check.from = from;
        }
        for (key, value) in
            fields.optional("headers").and_then(|node| node.map(problems)).unwrap_or_default()
        {
            // RFC 9110, section 5.6.2: the characters of a token.
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if key.text.is_empty() || !key.text.chars().all(token) {
                problems.push(key.problem(format!("{:?} is no header name", key.text)));
            }
            let Some(text) = value.text(problems) else { continue };
            if text.contains(char::is_control) {
                problems.push(value.problem("a header's value is one line"));
            }
            check.headers.insert(key.text.clone(), text.to_owned());
        }
        for key in ["attempts", "interval", "deadline", "timeout", "successes", "baseline"] {
            let way_out = format!("write `{key}` on the level of `http`");
            fields.refuse(key, "belongs to the gate, not to the request", &way_out, problems);
        }
        fields.finish("an http gate", problems);
        Some(check)
    }
}

fn read_path(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.text(problems)?;
    let hint = "a path and query as in `/health?full=1`; escape other characters as in %20";
    if text.starts_with("http://") || text.starts_with("https://") {
        problems.push(node.problem("a gate takes a path: the rest is the site's `url`").hint(hint));
        return None;
    }
    if !text.starts_with('/') || !text.chars().all(|c| c.is_ascii_graphic() && c != '#') {
        problems.push(node.problem(format!("{text:?} is no path of a URL")).hint(hint));
        return None;
    }
    Some(text.to_owned())
}

fn read_status(node: &Node, problems: &mut Problems) -> Option<StatusRule> {
    if let Yaml::Text(text) = &node.value {
        let limit = text.strip_prefix('<').and_then(|number| number.trim().parse().ok());
        if let Some(limit @ 101..=600) = limit {
            return Some(StatusRule::Below(limit));
        }
        let wanted = "a status such as 200, a list of them, or a bound such as \"<400\"";
        problems.push(node.expected(wanted));
        return None;
    }
    let codes: Vec<u16> = node
        .one_or_many()
        .iter()
        .filter_map(|item| item.integer(100..=599, problems))
        .filter_map(|code| u16::try_from(code).ok())
        .collect();
    if node.one_or_many().is_empty() {
        problems.push(node.problem("no status would be good"));
    }
    (!codes.is_empty()).then_some(StatusRule::OneOf(codes))
}

fn read_vantage(node: &Node, problems: &mut Problems) -> Option<Vantage> {
    node.choice(&[("host", Vantage::Host), ("control", Vantage::Control)], problems)
}

fn read_port(node: &Node, problems: &mut Problems) -> Option<u16> {
    u16::try_from(node.integer(1..=65535, problems)?).ok()
}

fn read_tcp(node: &Node, problems: &mut Problems) -> Option<Check> {
    if let Yaml::Int(_) = node.value {
        return Some(Check::Tcp { from: Vantage::Host, port: read_port(node, problems)? });
    }
    let mut fields = node.fields(problems)?;
    let port = fields.required("port", problems).and_then(|node| read_port(node, problems));
    let from = fields.optional("from").and_then(|node| read_vantage(node, problems));
    fields.finish("a tcp gate", problems);
    Some(Check::Tcp { from: from.unwrap_or(Vantage::Host), port: port? })
}

fn read_command(node: &Node, problems: &mut Problems) -> Option<Check> {
    let text = node.text(problems)?;
    if text.contains('\0') {
        problems.push(node.problem("a command cannot hold a NUL"));
        return None;
    }
    Some(Check::Command(text.to_owned()))
}
