//! The script that ends a late command where sshd takes no signals, under three shells.

use std::process::Command;

/// A stand-in for sshd: three children that lead their own sessions, then the script.
const STAGE: &str = r#"
    for n in 1 2 3; do setsid sleep 300 & pids="$pids $!"; done
    sleep 0.2
    "$@"
    code=$?
    for pid in $pids; do
        kill -0 $pid 2>/dev/null && [ "$(cut -d' ' -f3 /proc/$pid/stat)" != Z ] && printf 'alive '
        kill -KILL $pid 2>/dev/null
        printf 'was %s\n' $pid
    done
    exit $code
"#;

fn survivors(shell: &[&str], which: &str, of: &str) -> (Vec<bool>, bool) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/ssh/reap.sh");
    let output = Command::new("sh")
        .args(["-c", STAGE, "stage"])
        .args(shell)
        .args([script, which, of])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text.lines().map(|line| line.starts_with("alive")).collect(), output.status.success())
}

#[test]
fn the_one_that_is_named_is_ended_and_nobody_if_the_count_is_wrong() {
    for shell in [&["dash"][..], &["bash"], &["busybox", "sh"]] {
        assert_eq!(survivors(shell, "2", "3"), (vec![true, false, true], true), "{shell:?}");
        assert_eq!(survivors(shell, "1", "2"), (vec![true, true, true], false), "{shell:?}");
        assert_eq!(survivors(shell, "4", "3"), (vec![true, true, true], false), "{shell:?}");
    }
}
