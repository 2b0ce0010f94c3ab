//! Words on their way through quoting, packing and a login shell: the same bytes arrive.

use std::process::{Command, Stdio};

use fleetctl::shell::{As, Script, command_line};

/// What has meant something to some shell, and what is hard to carry.
const HARD: &[&str] = &[
    "'",
    "\"",
    "\\",
    "\\\\",
    "!",
    "!!",
    "!x",
    "$",
    "$(",
    ")",
    "`",
    "${",
    "}",
    "~",
    "*",
    "?",
    "[",
    "]",
    "{a,b}",
    "#",
    "&",
    "|",
    ";",
    "<",
    ">",
    "(",
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\u{1}",
    "\u{7f}",
    "=",
    "=ls",
    "%",
    "%1",
    "^",
    "^a^b",
    "-",
    "--",
    "-n",
    "-rf",
    "@",
    "é",
    "ü",
    "日本",
    "\u{202e}",
    "\u{feff}",
    "a",
    "Z",
    "0",
    "/",
    ".",
    "..",
    ":",
    ",",
    "x=y",
    "$x",
    "\\n",
    "\\0",
    "\\047",
    "\u{1b}[31m",
    "\u{85}",
    "🙂",
];

/// `count` words of up to eight pieces, the same every time.
fn words(seed: u64, count: usize) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut word = || -> String {
        let pieces = next(9);
        (0..pieces).map(|_| HARD[next(HARD.len())]).collect()
    };
    (0..count).map(|_| word()).collect()
}

fn login(shell: &[&str], command: &str) -> Vec<u8> {
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", command])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nowhere")
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{shell:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn any_words_arrive_through_any_login_shell_as_they_were() {
    let shells: [&[&str]; 7] =
        [&["dash"], &["bash"], &["busybox", "sh"], &["ksh"], &["zsh"], &["fish"], &["csh"]];
    for (number, shell) in (1..).zip(shells) {
        for batch in 0..10 {
            let words = words(number * 100 + batch, 200);
            let expected: String = words.iter().flat_map(|word| [word.as_str(), "\0"]).collect();
            let line = command_line(words.iter().map(String::as_str));
            let script = Script::bare().line(&format!("printf '%s\\0' {line}"));
            let run_as = As::Login;
            for command in [script.packed(&run_as), script.plain(&run_as), script.direct(&run_as)] {
                let got = login(shell, &command);
                assert!(got == expected.as_bytes(), "{shell:?}, batch {batch}: {command:.200}");
            }
        }
    }
}
