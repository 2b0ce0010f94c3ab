//! Trust, with the real `ssh` as the judge: the same verdict, or a documented stricter one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fleetctl::transport::{
    TransportError,
    host_key::{AppendError, HostKey, HostKeyProblem, LookupName, Verdict, append},
    ssh::{Dial, Keys, scan},
};

use crate::support::sshd::{Sshd, go, keys, login, public};

/// What both may say.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Says {
    Yes,
    No,
}
use Says::{No, Yes};

/// What we may be stricter about than `ssh`, by design (see `transport::host_key`).
const STRICTER: &str = "stricter";

fn ssh_says(sshd: &Sshd, known: &Path, alias: Option<&str>) -> Says {
    let mut command = Command::new("ssh");
    command
        .args(["-F", "/dev/null", "-n", "-T", "-p", &sshd.port.to_string(), "-l", &login()])
        .args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"])
        .args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentityAgent=none"])
        .args(["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", known.display()))
        .arg("-i")
        .arg(keys().join("user_ed25519"));
    if let Some(alias) = alias {
        command.arg("-o").arg(format!("HostKeyAlias={alias}"));
    }
    let output = command.args(["127.0.0.1", "echo", "in"]).stdin(Stdio::null()).output().unwrap();
    if output.stdout == b"in\n" { Yes } else { No }
}

async fn we_say(dial: &Dial) -> (Says, Option<Box<HostKeyProblem>>) {
    match go(dial).await {
        Ok(_) => (Yes, None),
        Err(TransportError::HostKey(problem)) => (No, Some(problem)),
        Err(why) => panic!("{why}"),
    }
}

fn hashed(line: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known");
    fs::write(&path, format!("{line}\n")).unwrap();
    let run = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&path).output().unwrap();
    assert!(run.status.success());
    fs::read_to_string(&path).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn every_verdict_is_that_of_ssh_or_a_documented_stricter_one() {
    let sshd = Sshd::start();
    let port = sshd.port;
    let me = format!("[127.0.0.1]:{port}");
    let (ed, ec, rsa) = (public("host_ed25519"), public("host_ecdsa"), public("host_rsa"));
    let other = public("stranger_ed25519");
    let other_rsa = public("user_rsa");
    let blob = |key: &str| key.split(' ').nth(1).unwrap().to_owned();
    let (ed64, rsa64) = (blob(&ed), blob(&rsa));
    // (what it is, known_hosts, what both should say, or where we are stricter)
    let table: Vec<(&str, String, &str)> = vec![
        ("plain", format!("{me} {ed}"), ""),
        ("empty", String::new(), ""),
        ("other key", format!("{me} {other}"), ""),
        ("other host", format!("[127.0.0.2]:{port} {ed}"), ""),
        ("other port", format!("[127.0.0.1]:1 {ed}"), ""),
        ("bare name, right key", format!("127.0.0.1 {ed}"), ""),
        ("bare name, wrong key", format!("127.0.0.1 {other}"), ""),
        ("bare right, port wrong", format!("127.0.0.1 {ed}\n{me} {other}"), ""),
        ("port right, bare wrong", format!("127.0.0.1 {other}\n{me} {ed}"), ""),
        ("bracketed 22", format!("[127.0.0.1]:22 {ed}"), ""),
        ("brackets, no port", format!("[127.0.0.1] {ed}"), ""),
        ("only rsa known", format!("{me} {rsa}"), ""),
        ("only ecdsa known", format!("{me} {ec}"), ""),
        ("wrong rsa, right ed25519", format!("{me} {other_rsa}\n{me} {ed}"), ""),
        ("wrong ed25519, right rsa", format!("{me} {other}\n{me} {rsa}"), ""),
        ("only wrong rsa", format!("{me} {other_rsa}"), ""),
        ("two keys of a type, second right", format!("{me} {other}\n{me} {ed}"), ""),
        ("all three types", format!("{me} {ed}\n{me} {ec}\n{me} {rsa}"), ""),
        ("tabs", format!("{me}\t{}", ed.replace(' ', "\t")), ""),
        ("many blanks", format!("   {me}  \t {}   ", ed.replace(' ', "  ")), ""),
        ("comment after", format!("{me} {ed} somebody@somewhere and more"), ""),
        ("comment lines", format!("# {me} {other}\n  # x\n\n{me} {ed}"), ""),
        ("commented out", format!("#{me} {ed}"), ""),
        ("dos lines", format!("# x\r\n{me} {ed}\r\n"), ""),
        ("no newline at the end", format!("{me} {ed}"), ""),
        ("garbage before", format!("garbage\n{{}}\n{me} {ed}"), ""),
        ("garbage after", format!("{me} {ed}\n\u{1}\u{2} junk junk junk"), ""),
        ("cut key", format!("{me} {}", &ed[..ed.len() - 12]), ""),
        ("key cut, then whole", format!("{me} {}\n{me} {ed}", &ed[..ed.len() - 12]), ""),
        ("no key", me.clone(), ""),
        ("no base64", format!("{me} ssh-ed25519"), ""),
        ("type and key differ", format!("{me} ssh-rsa {ed64}"), ""),
        ("type unknown", format!("{me} ssh-foo {ed64}"), ""),
        ("name list", format!("a.example,{me},b.example {ed}"), ""),
        ("name list with blank", format!("a.example, {me} {ed}"), ""),
        ("empty names in list", format!(",,{me}, {ed}"), ""),
        ("hashed", hashed(&format!("{me} {ed}")), ""),
        ("hashed wrong key", hashed(&format!("{me} {other}")), ""),
        ("hashed bare name", hashed(&format!("127.0.0.1 {ed}")), ""),
        ("hashed other host", hashed(&format!("[127.0.0.2]:{port} {ed}")), ""),
        ("hash broken", format!("|1|AAAA|BBBB {ed}"), ""),
        ("hash version unknown", hashed(&format!("{me} {ed}")).replace("|1|", "|2|"), ""),
        ("revoked", format!("@revoked {me} {ed}"), ""),
        ("known and revoked", format!("{me} {ed}\n@revoked {me} {ed}"), ""),
        ("revoked by wildcard", format!("{me} {ed}\n@revoked * {ed}"), ""),
        ("revoked elsewhere", format!("{me} {ed}\n@revoked other.example {ed}"), ""),
        ("bare revoked, known with port", format!("{me} {ed}\n@revoked 127.0.0.1 {ed}"), ""),
        ("another key revoked", format!("{me} {ed}\n@revoked {me} {other}"), STRICTER),
        ("authority only", format!("@cert-authority {me} {ed}"), ""),
        ("authority beside", format!("{me} {ed}\n@cert-authority {me} {other}"), STRICTER),
        ("authority elsewhere", format!("{me} {ed}\n@cert-authority *.example {other}"), ""),
        ("marker unknown", format!("@bogus {me} {ed}"), ""),
        ("marker unknown beside", format!("{me} {ed}\n@bogus {me} {ed}"), STRICTER),
        ("two markers", format!("@revoked @cert-authority {me} {ed}"), ""),
        ("wildcard", format!("* {ed}"), STRICTER),
        ("wildcard and brackets", format!("[127.*]:{port} {ed}"), STRICTER),
        ("question mark", format!("[127.0.0.?]:{port} {ed}"), STRICTER),
        ("wildcard of others", format!("*.example {other}\n{me} {ed}"), ""),
        ("wildcard wrong key", format!("* {other}"), ""),
        ("negation of others", format!("{me},!x.example {ed}"), STRICTER),
        ("negated", format!("*,!{me} {ed}"), STRICTER),
        ("negated, then plain", format!("!{me} {ed}\n{me} {ed}"), STRICTER),
        ("short type name", format!("{me} ED25519 {ed64}"), ""),
        ("hash name as type", format!("{me} rsa-sha2-512 {rsa64}"), STRICTER),
        ("nul in the line", format!("{me} {ed}\0junk"), ""),
        ("nul before the key", format!("{me}\0 {ed}"), STRICTER),
        ("blob split by blanks", format!("{me} ssh-ed25519 {} {}", &ed64[..20], &ed64[20..]), ""),
        ("extra padding", format!("{me} {ed}=="), ""),
        ("bom", format!("\u{feff}{me} {ed}"), ""),
    ];
    let known = sshd.dir.path().join("table");
    let dial = Dial { known_hosts: vec![known.clone()], ..sshd.dial() };
    let mut wrong = Vec::new();
    for (what, text, note) in &table {
        fs::write(&known, text).unwrap();
        let ssh = ssh_says(&sshd, &known, None);
        let (we, problem) = we_say(&dial).await;
        let fine = if *note == STRICTER { (ssh, we) == (Yes, No) } else { ssh == we };
        if !fine {
            wrong.push(format!("{what}: ssh says {ssh:?}, we say {we:?}, {problem:?}"));
        }
        assert_eq!(fs::read_to_string(&known).unwrap(), *text, "{what}: the file was edited");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.len() >= 40);
}

#[tokio::test]
async fn an_alias_is_looked_up_without_its_port() {
    let sshd = Sshd::start();
    let ed = public("host_ed25519");
    let known = sshd.dir.path().join("alias");
    for (line, alias) in [
        (format!("site.example {ed}"), "site.example"),
        (format!("Site.Example {ed}"), "site.example"),
        (format!("site.example {ed}"), "Site.Example"),
        (format!("[site.example]:{} {ed}", sshd.port), "site.example"),
        (format!("[127.0.0.1]:{} {ed}", sshd.port), "site.example"),
        (hashed(&format!("site.example {ed}")), "site.example"),
    ] {
        fs::write(&known, &line).unwrap();
        let name = LookupName::alias(alias);
        let dial = Dial { name, known_hosts: vec![known.clone()], ..sshd.dial() };
        assert_eq!(we_say(&dial).await.0, ssh_says(&sshd, &known, Some(alias)), "{line} {alias}");
    }
}

#[tokio::test]
async fn nothing_about_us_is_sent_to_a_host_that_is_not_trusted() {
    let sshd = Sshd::start();
    let dial = Dial { known_hosts: vec![], ..sshd.dial() };
    let (says, problem) = we_say(&dial).await;
    let problem = problem.unwrap();
    assert_eq!((says, &problem.verdict), (No, &Verdict::Unknown));
    let text = problem.to_string();
    assert!(text.contains("SHA256:") && text.contains("fleetctl hosts trust"), "{text}");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(sshd.logins_tried(), 0, "{}", sshd.log());
}

#[tokio::test]
async fn a_known_hosts_file_that_cannot_be_read_is_no_empty_one() {
    let sshd = Sshd::start();
    let files = vec![sshd.known_hosts(), sshd.dir.path().to_owned()];
    let why = go(&Dial { known_hosts: files, ..sshd.dial() }).await.err().unwrap();
    assert!(matches!(why, TransportError::Unusable(_)), "{why}");
}

#[tokio::test]
async fn a_scanned_host_is_trusted_once_its_keys_are_added_and_no_sooner() {
    let sshd = Sshd::start();
    let path = sshd.dir.path().join("new_known_hosts");
    let dial = Dial { known_hosts: vec![path.clone()], ..sshd.dial() };
    let found = scan(&dial, &Keys::none()).await.unwrap();
    let kinds: Vec<&str> = found.iter().map(HostKey::kind).collect();
    assert_eq!(kinds, ["ECDSA", "ED25519", "RSA"]);
    assert_eq!(sshd.logins_tried(), 0);
    assert_eq!(we_say(&dial).await.0, No);
    assert_eq!(append(&path, &dial.name, &found).unwrap().len(), 3);
    assert_eq!(we_say(&dial).await.0, Yes);
    assert_eq!(ssh_says(&sshd, &path, None), Yes);
    let lines: PathBuf = sshd.known_hosts();
    assert_eq!(
        fs::read_to_string(lines).unwrap().lines().collect::<std::collections::BTreeSet<_>>(),
        fs::read_to_string(&path).unwrap().lines().collect()
    );
    let stranger = Sshd::with(&format!("HostKey {}/user_ed25519", keys().display()));
    let changed = scan(&stranger.dial(), &Keys::none()).await.unwrap();
    assert_eq!(changed.len(), 1);
    let refused = append(&path, &dial.name, &changed);
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
}
