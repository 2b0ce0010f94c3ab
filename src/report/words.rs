//! Numbers in words that people read at a glance.

/// `1 site`, `2 sites`.
#[must_use]
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Milliseconds as `310 ms`, `4.2 s`, `1 min 5 s`, `2 h 3 min`.
#[must_use]
pub fn took(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes as `812 B`, `8.2 KB`, `1.5 MB`: thousands, rounded down.
#[must_use]
pub fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1_000 => return format!("{count} B"),
        1_000..1_000_000 => (1_000, "KB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    format!("{}.{} {name}", count / unit, count % unit * 10 / unit)
}

/// Milliseconds as a stopwatch shows them: `0:07`, `12:05`, `1:00:00`.
pub(super) fn stopwatch(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_say_them() {
        assert_eq!(plural(1, "site"), "1 site");
        assert_eq!(plural(0, "site"), "0 sites");
        for (millis, text) in [(7, "7 ms"), (4_250, "4.2 s"), (65_000, "1 min 5 s")] {
            assert_eq!(took(millis), text);
        }
        assert_eq!(took(7_380_000), "2 h 3 min");
        for (count, text) in [(999, "999 B"), (8_214, "8.2 KB"), (1_999_999, "1.9 MB")] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(stopwatch(7_400), "0:07");
        assert_eq!(stopwatch(3_725_000), "1:02:05");
    }
}
