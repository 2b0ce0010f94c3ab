//! Operations, commands and reloads as words of the scripts: nothing else of a plan is put into
//! shell text.

use crate::{
    playbook::Reload,
    resource::Operation,
    shell::{Part, Script, quote},
};

/// How the reload reaches root's rights from inside an owner's script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rise {
    /// The script runs as root, or nothing better can be had.
    AsWeAre,
    /// By sudo without a password.
    Sudo,
    /// By sudo, with the password that is the first line of stdin.
    SudoWithPassword,
}

pub(super) fn operations(operations: &[Operation]) -> Vec<String> {
    operations.iter().map(operation).collect()
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::MakeDirectory { path } => format!("make_directory {}", quote(path)),
        Operation::RemoveDirectory { path } => format!("drop_directory {}", quote(path)),
        Operation::PutLink { path, target } => {
            format!("put_link {} {}", quote(path), quote(target))
        }
        Operation::RemoveLink { path, target } => {
            format!("drop_link {} {}", quote(path), quote(target))
        }
        Operation::Keep { path, slot } => format!("keep {} {}", quote(path), quote(slot)),
        Operation::Restore { path, slot } => format!("restore {} {}", quote(path), quote(slot)),
    }
}

pub(super) fn commands(commands: &[(String, String)], patience: u64) -> Vec<String> {
    let line = |(name, text): &(String, String)| {
        format!("command_of {} {patience} {}", quote(name), quote(text))
    };
    commands.iter().map(line).collect()
}

/// Whether nothing has to be reloaded: then the script needs [`Part::Php`].
pub(super) fn is_only_tried(reload: &[Reload]) -> bool {
    reload.iter().all(|reload| *reload == Reload::PhpFpmIfAny)
}

/// The reload runs in a shell of its own with root's rights: it neither holds the mutex nor
/// knows the answers' descriptor, so a daemon that it starts cannot keep either open.
///
/// Its time is limited on the host, where there is `timeout`: what runs with root's rights cannot
/// be ended through the login user's connection.
pub(super) fn reloads(reload: &[Reload], rise: Rise, patience: u64) -> Vec<String> {
    if reload.is_empty() {
        return Vec::new();
    }
    let calls = reload.iter().map(|reload| match reload {
        Reload::PhpFpm => "reload_php_fpm".to_owned(),
        Reload::PhpFpmIfAny => "reload_php_fpm_if_any".to_owned(),
        Reload::Nginx => "reload_nginx".to_owned(),
        Reload::Command(text) => {
            format!("sh -c {} || fail command \"exit status $?\"", quote(text))
        }
    });
    let inner = Script::bare()
        // Whatever is left of a password that sudo did not ask for is nobody's to read.
        .line("exec </dev/null")
        .line("fail() { echo \"$2\" >&2; exit 9; }")
        .part(Part::Reload)
        .line(&calls.collect::<Vec<_>>().join("\n"));
    let shell = format!("$limit sh -c {} 3>&- 9>&-", quote(&inner.text()));
    let run = match rise {
        Rise::AsWeAre => format!("{shell} </dev/null"),
        Rise::Sudo => format!("sudo -n {shell} </dev/null"),
        Rise::SudoWithPassword => {
            format!("printf '%s\\n' \"$password\" | sudo -S -p '' {shell}")
        }
    };
    // What is only tried may also lack the rights.
    let or_else = if is_only_tried(reload) {
        ":"
    } else {
        "fail reload \"the reload failed (exit status $?)\""
    };
    vec![
        "limit=".to_owned(),
        format!("if command -v timeout >/dev/null 2>&1; then limit='timeout -k 5 {patience}'; fi"),
        "tell running reload".to_owned(),
        if is_only_tried(reload) {
            format!("if php_may_run; then {run} || {or_else}; fi")
        } else {
            format!("{run} || {or_else}")
        },
        "tell ran reload".to_owned(),
    ]
}
