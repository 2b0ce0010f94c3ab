//! Times as people read them.

use jiff::{Timestamp, tz::TimeZone};

/// Unix seconds as a local date and time; nothing when there is none.
pub fn of_seconds(seconds: Option<i64>) -> String {
    let at = seconds
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}

/// Milliseconds since the Unix epoch, the same way.
pub fn of_millis(millis: u64) -> String {
    of_seconds(i64::try_from(millis / 1000).ok())
}

/// Seconds as `12 s`, `5 min`, `3 h`, `2 days`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_has_no_time() {
        assert_eq!(of_seconds(None), "");
        assert_eq!(of_seconds(Some(0)), "");
        assert_eq!(of_seconds(Some(1_700_000_000)).len(), "2023-11-14 22:13".len());
    }

    #[test]
    fn spans_are_rounded_to_what_matters() {
        let spans: Vec<String> = [7, 119, 125, 7_300, 200_000].map(span).to_vec();
        assert_eq!(spans, ["7 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}
