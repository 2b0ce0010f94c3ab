//! How a site is reached and where it lives: keys that sites and groups share.

use super::word;
use crate::model::{
    Platform, Problem, Problems,
    yaml::{Fields, Node},
};

/// Settings of a site, or of a group for all its sites; `None` and empty where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The SSH port.
    pub port: Option<u16>,
    /// The login name.
    pub user: Option<String>,
    /// Private keys, in the order in which they are offered.
    pub identity: Vec<String>,
    /// Jump hosts as `ssh -J` takes them.
    pub jump: Option<String>,
    /// Whether sudo is used for what needs root (`become`).
    pub become_root: Option<bool>,
    /// The public URL. This and the two paths may hold `{{ site }}` and variables.
    pub url: Option<String>,
    /// The directory that the web server serves.
    pub docroot: Option<String>,
    /// The directory that holds the releases.
    pub root: Option<String>,
    /// What the site is built with.
    pub platform: Option<Platform>,
    /// Whether what stands in the place of a link of ours is kept as undo material; it is
    /// refused where nothing is said.
    pub adopt: Option<bool>,
}

impl Settings {
    pub(super) fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Self {
        let connection = Self::read_connection(fields, problems);
        let mut text = |key, check: Check| word_at(fields, key, check, problems);
        let url = text("url", word::url);
        let docroot = text("docroot", word::host_path);
        let root = text("root", word::host_path);
        let platform = fields.optional("platform").and_then(|node| node.parsed(problems));
        let adopt = fields.optional("adopt").and_then(|node| node.boolean(problems));
        Self { url, docroot, root, platform, adopt, ..connection }
    }

    /// Reads `port`, `user`, `identity`, `jump` and `become`.
    pub fn read_connection(fields: &mut Fields<'_>, problems: &mut Problems) -> Self {
        let port = fields.optional("port").and_then(|node| node.integer(1..=65535, problems));
        let keys = fields.optional("identity").map(Node::one_or_many).unwrap_or_default();
        Self {
            port: port.and_then(|port| u16::try_from(port).ok()),
            user: word_at(fields, "user", word::user, problems),
            identity: keys
                .iter()
                .filter_map(|key| checked(key, word::local_path, problems))
                .collect(),
            jump: word_at(fields, "jump", word::jump, problems),
            become_root: fields.optional("become").and_then(|node| node.boolean(problems)),
            ..Self::default()
        }
    }

    /// Reads `root`, `owner` and `group`, in this order.
    pub fn read_ownership(
        fields: &mut Fields<'_>,
        problems: &mut Problems,
    ) -> (Option<String>, Option<String>, Option<String>) {
        let mut text = |key, check: Check| word_at(fields, key, check, problems);
        (text("root", word::host_path), text("owner", word::user), text("group", word::user))
    }

    /// Lets what `inner` says win over what is said here.
    pub fn overlay(&mut self, inner: &Self) {
        fn win<T: Clone>(outer: &mut Option<T>, inner: Option<&T>) {
            if let Some(inner) = inner {
                *outer = Some(inner.clone());
            }
        }
        win(&mut self.port, inner.port.as_ref());
        win(&mut self.user, inner.user.as_ref());
        win(&mut self.jump, inner.jump.as_ref());
        win(&mut self.become_root, inner.become_root.as_ref());
        win(&mut self.url, inner.url.as_ref());
        win(&mut self.docroot, inner.docroot.as_ref());
        win(&mut self.root, inner.root.as_ref());
        win(&mut self.platform, inner.platform.as_ref());
        win(&mut self.adopt, inner.adopt.as_ref());
        if !inner.identity.is_empty() {
            self.identity.clone_from(&inner.identity);
        }
    }
}

fn word_at(
    fields: &mut Fields<'_>,
    key: &'static str,
    check: Check,
    problems: &mut Problems,
) -> Option<String> {
    fields.optional(key).and_then(|node| checked(node, check, problems))
}

/// Why a word is not allowed: the fragment that follows it.
pub(super) type Check = fn(&str) -> Result<(), &'static str>;

/// Text that passes a check. `{{ … }}` is taken for one plain word: it is filled in later, and
/// the result is checked again by those who use it.
pub(super) fn checked(node: &Node, check: Check, problems: &mut Problems) -> Option<String> {
    let text = node.text(problems)?;
    let plain = without_expressions(text);
    match check(&plain) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            // A URL with a login holds a password: neither it nor its line is shown.
            if text.contains("://") && text.contains('@') {
                problems.push(Problem::at(&node.at, format!("this URL {why}")).private());
            } else {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
                problems.push(Problem::at(&node.at, format!("`{shown}` {why}")));
            }
            None
        }
    }
}

fn without_expressions(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((_, tail)) = after.split_once("}}") else { break };
        plain.push_str(before);
        plain.push('x');
        rest = tail;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml::parse;

    fn read(text: &str) -> (Settings, Problems) {
        let mut problems = Problems::default();
        let node = parse("s.yml", text).expect("good YAML");
        let mut fields = node.fields(&mut problems).expect("a mapping");
        let settings = Settings::read(&mut fields, &mut problems);
        fields.finish("a site", &mut problems);
        (settings, problems)
    }

    #[test]
    fn settings_are_read_and_the_inner_ones_win() {
        let (mut outer, problems) = read(
            "user: deploy\nport: 2222\nidentity: [~/.ssh/a, ~/.ssh/b]\nplatform: static\n\
             docroot: /var/www/{{ site }}\nurl: https://{{ site }}/\nbecome: true\n",
        );
        assert_eq!(problems.0, []);
        let (inner, _) = read("port: 22\nidentity: ~/.ssh/c\nplatform: react\n");
        outer.overlay(&inner);
        assert_eq!((outer.port, outer.user.as_deref()), (Some(22), Some("deploy")));
        assert_eq!(outer.identity, ["~/.ssh/c"]);
        assert_eq!(outer.platform, Some(Platform::React));
        assert_eq!(outer.docroot.as_deref(), Some("/var/www/{{ site }}"));
    }

    #[test]
    fn an_expression_does_not_hide_a_bad_path() {
        let (_, problems) = read("docroot: '{{ base }}/../x'\nroot: srv/{{ site }}\n");
        let text = problems.to_string();
        assert!(text.contains("s.yml:2:7: `srv/{{ site }}` is not an absolute path"), "{text}");
        assert!(text.contains("s.yml:1:10"), "{text}");
    }
}
