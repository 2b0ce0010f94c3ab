//! Which process we are, so that a lock of ours can be told from one whose owner is gone.

use std::fs;

/// When process `pid` of this machine began, in clock ticks since boot: field 22 of
/// `/proc/PID/stat` (proc(5)). `None` when there is no such process.
#[must_use]
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19)?.parse().ok()
}

/// What tells this machine and boot from others; empty when it cannot be told.
#[must_use]
pub fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // A pid means something inside its own namespace only.
    let pids = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if boot.trim().is_empty() {
        return String::new();
    }
    let whole = format!("{}{}{}", id.trim(), boot.trim(), pids.display());
    crate::model::Digest::of(whole.as_bytes()).short()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_have_begun_and_nobody_else_has_our_number() {
        let me = std::process::id();
        assert!(started(me).is_some());
        assert_eq!(started(me), started(me));
        assert_eq!(started(u32::MAX - 1), None);
        assert!(!machine().is_empty());
    }
}
