//! `release`: what goes with a release at each site.

use crate::model::{
    Problems, did_you_mean,
    yaml::{Node, Yaml},
};

/// What goes with a release at each site. Commands are run by `sh` in the site's root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseSpec {
    /// Commands before activation; one that fails leaves the site as it was.
    pub before: Vec<String>,
    /// Commands after the release is confirmed.
    pub after: Vec<String>,
    /// What is reloaded at activation; `None` for what the site's platform needs.
    pub reload: Option<Vec<Reload>>,
    /// Commands that empty caches, after the release is confirmed.
    pub purge: Vec<String>,
}

/// Something that must notice a new release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// PHP's process manager for the web server, whatever the host calls their service.
    PhpFpm,
    /// The same, where one is running: sites without PHP of their own may have none.
    PhpFpmIfAny,
    /// The web server nginx.
    Nginx,
    /// A command.
    Command(String),
}

impl ReleaseSpec {
    pub(super) fn read(&mut self, node: &Node, problems: &mut Problems) {
        let Some(mut fields) = node.fields(problems) else { return };
        for (key, slot) in
            [("before", &mut self.before), ("after", &mut self.after), ("purge", &mut self.purge)]
        {
            let items = fields.optional(key).map(Node::one_or_many).unwrap_or_default();
            *slot = items.iter().filter_map(|item| read_command(item, problems)).collect();
        }
        self.reload = fields.optional("reload").map(|node| {
            let items = node.one_or_many().iter();
            items.filter_map(|item| read_reload(item, problems)).collect()
        });
        fields.finish("`release`", problems);
    }
}

fn read_command(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.text(problems)?;
    if text.contains('\0') {
        problems.push(node.problem("a command cannot hold a NUL"));
        return None;
    }
    Some(text.to_owned())
}

fn read_reload(node: &Node, problems: &mut Problems) -> Option<Reload> {
    if let Yaml::Map(_) = node.value {
        let mut fields = node.fields(problems)?;
        let command = fields.required("command", problems);
        fields.finish("`reload`", problems);
        return read_command(command?, problems).map(Reload::Command);
    }
    let text = read_command(node, problems)?;
    match text.as_str() {
        "php-fpm" => Some(Reload::PhpFpm),
        "nginx" => Some(Reload::Nginx),
        _ if text.contains(|c: char| c.is_whitespace() || c == '/') => Some(Reload::Command(text)),
        // A mistyped service must not become a command that does not exist.
        word => {
            let problem = node.problem(format!("there is no service `{word}` to reload"));
            problems.push(match did_you_mean(word, ["php-fpm", "nginx"]) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!(
                    "known are `php-fpm` and `nginx`; a command of one word is `{{ command: {word} }}`"
                )),
            });
            None
        }
    }
}
