//! Hosts that say too much, or what no terminal should be told. The screen stays clean, memory
//! stays small, and the command ends at its cap or its deadline.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::Stage;
use crate::support::sshd::{Sshd, keys, login};

/// A project with a site on each of these servers.
fn stage(servers: &[&Sshd]) -> Stage {
    let mut sites = "sites:\n".to_owned();
    let mut known = Vec::new();
    for (number, server) in (1..).zip(servers) {
        sites += &format!("  s{number}.example: {{ address: 127.0.0.1, port: {} }}\n", server.port);
        known.push(server.known_hosts().display().to_string());
    }
    let settings = format!(
        "ssh:\n  user: {}\n  identity: [{}/user_ed25519]\n  agent: false\n  known_hosts: [{}]\n",
        login(),
        keys().display(),
        known.join(", "),
    );
    Stage::new(&[("fleet.yml", &settings), ("inventory/sites.yml", &sites)])
}

/// Runs a command at all sites; gives exit code, both outputs, the time it took, and the most
/// memory that fleetctl ever held, in KiB.
fn exec(stage: &Stage, flags: &[&str], line: &str) -> (i32, Vec<u8>, Vec<u8>, Duration, u64) {
    let begun = Instant::now();
    let out = tempfile::tempfile().unwrap();
    let err = tempfile::tempfile().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_fleetctl"))
        .arg("exec")
        .args(flags)
        .args(["--shell", "--", line])
        .current_dir(stage.path(""))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", stage.path(""))
        .env("USER", "tester")
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap())
        .spawn()
        .unwrap();
    let mut most = 0;
    let code = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(high.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status.code().unwrap_or(-1);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |mut file: fs::File| {
        use std::io::{Read as _, Seek as _};
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    };
    (code, read(out), read(err), begun.elapsed(), most)
}

#[test]
fn endless_output_ends_at_the_deadline_and_in_little_memory() {
    let (flood, quiet) = (Sshd::start(), Sshd::start());
    let stage = stage(&[&flood, &quiet]);
    let only = |line: &str| {
        format!(
            "if [ \"${{SSH_CONNECTION##* }}\" = {} ]; then {line}; else echo fine; fi",
            flood.port
        )
    };
    let idle = exec(&stage, &[], &only("true")).4;
    for line in ["yes", "cat /dev/zero", "yes | tr -d '\\n'", "yes >&2", "yes & yes >&2"] {
        let (code, out, err, took, most) = exec(&stage, &["--timeout", "3s"], &only(line));
        let said = format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
        println!("{line}: {took:.1?}, {} MiB", most >> 10);
        assert_eq!(code, 4, "{line}: {said}");
        assert!(said.contains("fine") && said.contains("after 3 s"), "{line}: {said}");
        assert!(took < Duration::from_secs(8), "{line}: {took:?}");
        assert!(most < idle + (24 << 10), "{line}: {most} KiB, {idle} KiB when idle");
        assert!(out.len() + err.len() < 4 << 20, "{line}: {} bytes", out.len() + err.len());
    }
}

#[test]
fn who_talks_without_end_before_the_banner_is_not_listened_to() {
    let server = Sshd::start();
    let quiet = exec(&stage(&[&server]), &[], "true").4;
    let stage = stage(&[]);
    let mut sites = "sites:\n".to_owned();
    for (name, said) in [("lines", &b"hello\r\n"[..]), ("line", b"x"), ("zeros", b"\0")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        sites += &format!("  {name}: {{ address: 127.0.0.1, port: {port} }}\n");
        // Ends with the test: whoever listens hangs up.
        std::thread::spawn(move || {
            for mut peer in listener.incoming().flatten() {
                let much = said.repeat(4096);
                while peer.write_all(&much).is_ok() {}
            }
        });
    }
    stage.write("inventory/sites.yml", &sites);
    let (code, out, err, took, most) = exec(&stage, &[], "true");
    let said = format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    println!("{took:.1?}, {} MiB, {} MiB with a quiet one", most >> 10, quiet >> 10);
    assert_eq!(code, 8, "{said}");
    assert!(said.contains("3 unreachable"), "{said}");
    assert!(took < Duration::from_secs(16), "{took:?}");
    assert!(most < quiet + (8 << 10), "{most} KiB, {quiet} KiB with a quiet one");
}

#[test]
fn much_output_is_kept_at_both_ends_and_its_size_is_told() {
    let server = Sshd::start();
    let stage = stage(&[&server]);
    let line = "echo first; head -c 60000000 /dev/zero | tr '\\0' x; echo; echo last";
    let (code, out, err, _, most) = exec(&stage, &[], line);
    let said = format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    assert_eq!(code, 0, "{}", &said[..said.len().min(2000)]);
    assert!(said.contains("first") && said.contains("last"));
    println!("{} bytes told, {} MiB", said.len(), most >> 10);
    assert!(most < 64 << 10, "{most} KiB");
    // What a program reads is cut in the same place, and says how much is missing.
    let (_, out, _, _, most) = exec(&stage, &["-o", "json"], line);
    let output = String::from_utf8(out).unwrap();
    let output = output.lines().find(|line| line.contains("\"event\":\"output\"")).unwrap();
    let output: serde_json::Value = serde_json::from_str(output).unwrap();
    let kept = output["stdout"].as_str().unwrap().len() as u64;
    let dropped = output["dropped"].as_u64().unwrap();
    assert!(kept <= (1 << 20) + 200 && dropped >= 58_000_000, "{kept} kept, {dropped} dropped");
    assert!(most < 64 << 10, "{most} KiB");
}

/// Sequences that do something to a terminal, or to who reads a log.
pub fn corpus() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    for text in [
        "\x1b[2J\x1b[H\x1b[5;41mred",
        "\x1b]0;title\x07",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
        "\x1bP$qm\x1b\\",
        "\u{9b}31m\u{9d}0;x\u{9c}",
        "harmless\rforged line",
        "back\x08\x08\x08\x08",
        "\u{202e}desrever\u{202c} \u{2066}isolated\u{2069} \u{200b}\u{feff}\u{2028}\u{85}",
        "nul\0nul\x7f",
    ] {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// What is left when the moves of our own progress display are taken away: some lines up, to the
/// beginning, and clean from there.
pub fn without_our_own(bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let mut text = text.replace("\r\x1b[J", "");
    for lines in 1..40 {
        text = text.replace(&format!("\x1b[{lines}A"), "");
    }
    text.into_bytes()
}

/// The same for a terminal with colours: no more than colours, moves up, clearing, the cursor.
fn without_sequences(text: &str) -> Vec<u8> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\x1b[") {
        kept += before;
        let end = behind.find(|c: char| !c.is_ascii_digit() && !";?".contains(c)).unwrap();
        let (sequence, behind) = behind.split_at(end + 1);
        let is_ours =
            sequence.ends_with(['m', 'A', 'K']) || ["J", "?25l", "?25h"].contains(&sequence);
        assert!(is_ours && !sequence.starts_with("5;41"), "{sequence:?} in {text:?}");
        rest = behind;
    }
    // Our own progress goes to the beginning of the line before it clears it.
    (kept + rest).replace('\r', "").into_bytes()
}

/// The first character that a terminal would act upon.
pub fn unclean(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(why) => return Some(why.to_string()),
    };
    let is_bad = |c: char| {
        matches!(c, '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let at = text.char_indices().find(|(_, c)| is_bad(*c))?;
    let (before, after) = text.split_at(at.0);
    let before: String =
        before.chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect();
    Some(format!("{before:?} then {:?}", after.chars().take(20).collect::<String>()))
}

#[test]
fn nothing_that_a_host_says_reaches_the_terminal_as_a_command() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = dir.path().join("said");
    fs::write(&said, corpus()).unwrap();
    let server = Sshd::with(&format!("Banner {}", said.display()));
    let said = said.display();
    let stage = stage(&[&server]);
    let lines = [
        (format!("cat {said}"), 0),
        (format!("cat {said} >&2; exit 3"), 4),
        (format!("cat {said}; cat {said} >&2; kill -9 $$"), 4),
        // Not even the marker of its beginning is seen behind that.
        (format!("cat {said}; exec cat {said} >&2"), 0),
    ];
    for (line, expected) in &lines {
        for output in ["tty", "plain", "json"] {
            for more in [[].as_slice(), &["-vv"]] {
                let flags = [&["-o", output, "--no-color"], more].concat();
                let (code, out, err, ..) = exec(&stage, &flags, line);
                let text = String::from_utf8_lossy(&out).into_owned();
                assert_eq!(
                    code,
                    *expected,
                    "{flags:?} {line}: {text}{}",
                    String::from_utf8_lossy(&err)
                );
                for bytes in [&out, &err] {
                    assert_eq!(unclean(&without_our_own(bytes)), None, "{flags:?} {line}");
                }
                let forged = |line: &str| line.starts_with("forged");
                assert!(!text.lines().any(forged), "{text}");
                if output == "json" {
                    for line in text.lines() {
                        let _: serde_json::Value = serde_json::from_str(line).expect(line);
                    }
                }
            }
        }
    }
    // On a real terminal, with colours and progress: what is left there is ours.
    let program = env!("CARGO_BIN_EXE_fleetctl");
    let inner = format!("{program} exec -vv --shell -- 'cat {said}; cat {said} >&2'");
    let out = Command::new("script")
        .args(["-qec", &inner, "/dev/null"])
        .current_dir(stage.path(""))
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("USER", "tester"), ("TERM", "xterm-256color")])
        .env("HOME", stage.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && text.contains("\x1b["), "{text:?}");
    assert_eq!(unclean(&without_sequences(&text.replace("\r\n", "\n"))), None);
    // What is kept is shown again as clean as it was.
    let ran = stage.run(&["run", "show", "last"]).expect(0);
    assert_eq!(unclean(ran.out.as_bytes()), None);
}
