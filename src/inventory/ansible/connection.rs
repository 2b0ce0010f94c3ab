//! Ansible's names for how a host is reached, as settings of ours.
//!
//! What we honour becomes a setting. What we cannot is told in a note; what would reach another
//! machine or user than is meant blocks the site, so that only a command about it fails.

use std::collections::BTreeMap;

use super::super::{Settings, Variable, VariableValue, settings::Check, word};
use crate::model::{Platform, Problem, Value, did_you_mean};

/// What variables say about reaching a site.
#[derive(Debug, Clone, Default)]
pub(in crate::inventory) struct Connection {
    pub settings: Settings,
    pub address: Option<String>,
    /// Why the site cannot be reached as its variables say.
    pub blocked: Option<Problem>,
    pub notes: Vec<Problem>,
}

/// Names that change nothing for us, or that we need not know.
const HARMLESS: [&str; 8] = [
    "ansible_ssh_pipelining",
    "ansible_ssh_retries",
    "ansible_ssh_timeout",
    "ansible_ssh_transfer_method",
    "ansible_ssh_use_tty",
    "ansible_ssh_control_path",
    "ansible_ssh_control_path_dir",
    "ansible_become_exe",
];

/// What all names of Ansible's begin with.
const BEGIN: &str = "ansible_";

/// Names that are honoured.
const OURS: [&str; 10] = [
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_connection",
    "ansible_private_key_file",
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_group_priority",
    "ansible_ssh_common_args",
];

/// Beginnings of names that are about connections.
const ABOUT: [&str; 9] = [
    "ansible_ssh_",
    "ansible_become",
    "ansible_connection",
    "ansible_password",
    "ansible_sudo",
    "ansible_su_",
    "ansible_winrm_",
    "ansible_paramiko_",
    "ansible_network_os",
];

/// Whether a variable may say something about reaching a site.
pub(in crate::inventory) fn is_word(name: &str) -> bool {
    name == "platform" || name.starts_with(BEGIN)
}

impl Connection {
    /// Reads the variables that hold for a site, of those that [`is_word`] lets pass.
    pub fn read(variables: &BTreeMap<&str, &Variable>) -> Self {
        let mut connection = Self::default();
        for (name, variable) in variables {
            connection.take(name, variable, variables);
        }
        connection
    }

    fn take(&mut self, name: &str, variable: &Variable, all: &BTreeMap<&str, &Variable>) {
        let settings = &mut self.settings;
        match name {
            "platform" => match text(variable).map(str::parse::<Platform>) {
                Some(Ok(platform)) => settings.platform = Some(platform),
                Some(Err(why)) => self.refuse(Problem::at(&variable.at, why.to_string())),
                None => self.block(variable, "`platform` is no text", "put it in quotes"),
            },
            "ansible_host" => self.address = self.checked(name, variable, word::address),
            // The old name counts where the new one is missing.
            "ansible_ssh_host" if !all.contains_key("ansible_host") => {
                self.address = self.checked(name, variable, word::address);
            }
            "ansible_port" => self.port(name, variable),
            "ansible_ssh_port" if !all.contains_key("ansible_port") => self.port(name, variable),
            "ansible_user" => self.settings.user = self.checked(name, variable, word::user),
            "ansible_ssh_user" if !all.contains_key("ansible_user") => {
                self.settings.user = self.checked(name, variable, word::user);
            }
            "ansible_ssh_host" | "ansible_ssh_port" | "ansible_ssh_user" => {}
            "ansible_ssh_private_key_file" | "ansible_private_key_file" => {
                let key = self.checked(name, variable, word::local_path);
                self.settings.identity = key.into_iter().collect();
            }
            "ansible_become" => match truth(variable) {
                Some(on) => settings.become_root = Some(on),
                None => {
                    self.block(variable, "`ansible_become` is neither yes nor no", "write true");
                }
            },
            "ansible_become_user" if matches!(text(variable), Some("root")) => {}
            "ansible_become_user" => {
                self.block(variable, "becoming another user than root is not done", "remove it");
            }
            "ansible_become_method" if matches!(text(variable), Some("sudo")) => {}
            "ansible_connection" | "ansible_ssh_connection" => match text(variable) {
                Some("ssh" | "smart" | "paramiko" | "paramiko_ssh") => {}
                other => {
                    let message = format!("the connection `{}` is not ssh", other.unwrap_or("?"));
                    self.block(variable, &message, "leave the site out, as in --limit '!name'");
                }
            },
            "ansible_ssh_common_args" | "ansible_ssh_extra_args" | "ansible_ssh_args" => {
                self.arguments(name, variable);
            }
            _ if name.contains("pass") && ABOUT.iter().any(|begin| name.starts_with(begin)) => {
                let hint = "keys log in; the password of sudo is ssh.become_password in fleet.yml";
                self.note(variable, &format!("`{name}` is not used"), hint);
            }
            _ if HARMLESS.contains(&name) => {}
            _ if ABOUT.iter().any(|begin| name.starts_with(begin)) => {
                self.note(variable, &format!("`{name}` is not used"), "see ssh in fleet.yml");
            }
            // Variables of one's own may be called so, too: only what is much like ours is doubted.
            _ => {
                let ours = OURS.iter().filter_map(|ours| ours.strip_prefix(BEGIN));
                if let Some(near) = name.strip_prefix(BEGIN).and_then(|end| did_you_mean(end, ours))
                {
                    let hint = format!("did you mean `{BEGIN}{near}`?");
                    self.note(variable, &format!("`{name}` is not used"), &hint);
                }
            }
        }
    }

    fn checked(&mut self, name: &str, variable: &Variable, check: Check) -> Option<String> {
        let Some(text) = text(variable) else {
            self.block(variable, &format!("`{name}` is no text"), "put it in quotes");
            return None;
        };
        if text.contains("{{") {
            self.block(variable, &format!("`{name}` is a template"), "write the value itself");
            return None;
        }
        match check(text) {
            Ok(()) => Some(text.to_owned()),
            Err(why) => {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
                let problem = Problem::at(&variable.at, format!("`{name}`: `{shown}` {why}"));
                self.refuse(problem);
                None
            }
        }
    }

    fn port(&mut self, name: &str, variable: &Variable) {
        let number = match &variable.value {
            VariableValue::Plain(Value::Number(number)) => number.as_u64(),
            VariableValue::Plain(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let port = number.and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
        if port.is_none() {
            let problem = Problem::at(&variable.at, format!("`{name}` is no port from 1 to 65535"));
            self.refuse(problem);
        }
        self.settings.port = port;
    }

    /// Takes a jump host out of arguments of ssh.
    fn arguments(&mut self, name: &str, variable: &Variable) {
        let Some(text) = text(variable) else { return };
        let plain = text.replace(['"', '\''], "");
        let mut words = plain.split_whitespace();
        let mut is_all_known = true;
        while let Some(word) = words.next() {
            let (flag, value) = match word {
                "-J" | "-o" => (word, words.next().unwrap_or_default()),
                _ => word.split_at_checked(2).unwrap_or((word, "")),
            };
            let jump = match (flag, value.split_once('=')) {
                ("-J", _) => Some(value),
                ("-o", Some((key, value))) if key.eq_ignore_ascii_case("ProxyJump") => Some(value),
                // Connections are shared here anyhow.
                ("-o", Some((key, _))) if key.starts_with("Control") => continue,
                _ => None,
            };
            match jump.filter(|jump| word::jump(jump).is_ok()) {
                Some(jump) => self.settings.jump = Some(jump.to_owned()),
                None => is_all_known = false,
            }
        }
        if plain.contains("ProxyCommand") {
            self.block(
                variable,
                &format!("`{name}` names a ProxyCommand"),
                "use -o ProxyJump=host",
            );
        } else if !is_all_known {
            let hint = "write such options into ~/.ssh/config; host keys are always checked";
            self.note(variable, &format!("`{name}`: only jump hosts are taken from it"), hint);
        }
    }

    fn block(&mut self, variable: &Variable, why: &str, hint: &str) {
        self.refuse(Problem::at(&variable.at, why).hint(hint));
    }

    /// The first reason is enough.
    fn refuse(&mut self, problem: Problem) {
        self.blocked.get_or_insert(problem);
    }

    fn note(&mut self, variable: &Variable, what: &str, hint: &str) {
        // The line may hold a password.
        self.notes.push(Problem::at(&variable.at, what).hint(hint).private());
    }
}

fn text(variable: &Variable) -> Option<&str> {
    match &variable.value {
        VariableValue::Plain(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Ansible's words for a boolean.
fn truth(variable: &Variable) -> Option<bool> {
    match &variable.value {
        VariableValue::Plain(Value::Bool(value)) => Some(*value),
        VariableValue::Plain(Value::Number(number)) => match number.as_i64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            _ => None,
        },
        VariableValue::Plain(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" | "y" | "t" => Some(true),
            "no" | "off" | "false" | "0" | "n" | "f" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Layer, LayerName};

    fn read(text: &str) -> Connection {
        let layer = Layer::parse(LayerName::Site, "v.yml", text).expect("good variables");
        let all = layer.variables.iter().map(|(name, value)| (name.as_str(), value)).collect();
        Connection::read(&all)
    }

    #[test]
    fn ansibles_names_become_settings() {
        let connection = read(
            "ansible_host: 203.0.113.1\nansible_ssh_host: 1.2.3.4\nansible_port: '2222'\n\
             ansible_ssh_user: deploy\nansible_ssh_private_key_file: ~/.ssh/k\nansible_become: 'yes'\n\
             ansible_ssh_common_args: '-o ProxyJump=me@bastion.example -o ControlPersist=60s'\n\
             ansible_python_interpreter: /usr/bin/python3\nplatform: static\n",
        );
        assert_eq!(connection.address.as_deref(), Some("203.0.113.1"));
        let settings = &connection.settings;
        assert_eq!((settings.port, settings.user.as_deref()), (Some(2222), Some("deploy")));
        assert_eq!(settings.identity, ["~/.ssh/k"]);
        assert_eq!(settings.jump.as_deref(), Some("me@bastion.example"));
        assert_eq!((settings.become_root, settings.platform), (Some(true), Some(Platform::Static)));
        assert_eq!((connection.blocked, connection.notes), (None, vec![]));
    }

    #[test]
    fn what_cannot_be_honoured_is_told_or_blocks() {
        for (text, expected) in [
            ("ansible_connection: local\n", "the connection `local` is not ssh"),
            ("ansible_host: '{{ x }}'\n", "`ansible_host` is a template"),
            ("ansible_port: 70000\n", "no port"),
            ("ansible_user: -oX\n", "is no login name"),
            ("ansible_become_user: www-data\n", "another user than root"),
            ("ansible_ssh_args: '-o ProxyCommand=\"x\"'\n", "names a ProxyCommand"),
            ("platform: perl\n", "there is no platform"),
        ] {
            let blocked = read(text).blocked.expect(text);
            assert!(blocked.message.contains(expected), "{blocked}");
        }
        for text in [
            "ansible_ssh_pass: secret\n",
            "ansible_become_method: su\n",
            "ansible_ssh_extra_args: -o StrictHostKeyChecking=no\n",
            "ansible_conection: local\n",
            "ansible_hsot: 10.0.0.1\n",
        ] {
            let connection = read(text);
            assert_eq!((connection.notes.len(), connection.blocked), (1, None), "{text}");
        }
    }
}
