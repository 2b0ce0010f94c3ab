//! The answers of a script, taken out of whatever else a host prints.

use std::collections::BTreeMap;

use thiserror::Error;

/// What a script answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    answers: Vec<(String, String)>,
    blocks: BTreeMap<String, Vec<Vec<u8>>>,
    /// The script's own exit status.
    pub status: u8,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The script never began: the login shell did something else.
    #[error("the login shell did not run our script")]
    NotBegun,
    /// It began and never said that it ended.
    #[error("the script's answer ends in the middle")]
    Cut,
}

impl Frame {
    /// Reads what stands between the lines with `marker`. Never fails on what a host says
    /// inside them: unknown and malformed lines are passed over.
    ///
    /// # Errors
    /// When the begin or the end is missing.
    pub fn read(output: &[u8], marker: &str) -> Result<Self, FrameError> {
        let mut lines = output.split(|byte| *byte == b'\n');
        let begin = format!("{marker} begin");
        lines.by_ref().find(|line| *line == begin.as_bytes()).ok_or(FrameError::NotBegun)?;
        let opens = format!("{marker} < ");
        let closes = format!("{marker} >");
        let ends = format!("{marker} end ");
        let mut frame = Self::default();
        while let Some(line) = lines.next() {
            if let Some(status) = line.strip_prefix(ends.as_bytes()) {
                frame.status =
                    str::from_utf8(status).ok().and_then(|text| text.parse().ok()).unwrap_or(255);
                return Ok(frame);
            }
            if let Some(name) = line.strip_prefix(opens.as_bytes()) {
                let mut body: Vec<&[u8]> = Vec::new();
                loop {
                    let line = lines.next().ok_or(FrameError::Cut)?;
                    if line == closes.as_bytes() {
                        break;
                    }
                    body.push(line);
                }
                // The host adds one line break before the closing line.
                let name = String::from_utf8_lossy(name).into_owned();
                frame.blocks.entry(name).or_default().push(body.join(&b'\n'));
            } else {
                let line = String::from_utf8_lossy(line);
                if let Some((key, value)) = line.split_once('\t') {
                    frame.answers.push((key.to_owned(), value.to_owned()));
                }
            }
        }
        Err(FrameError::Cut)
    }

    /// The first answer with this name.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.answers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All answers with this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.answers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first text with this name.
    #[must_use]
    pub fn block(&self, name: &str) -> Option<&[u8]> {
        self.blocks.get(name).and_then(|all| all.first()).map(Vec::as_slice)
    }

    /// All texts with this name.
    pub fn blocks<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.blocks.get(name).into_iter().flatten().map(Vec::as_slice)
    }

    /// Why the script gave up: a kind that the control machine knows, and a text for people.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, &str)> {
        self.one("fail").map(|value| value.split_once('\t').unwrap_or((value, "")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISY: &[u8] =
        b"motd\nx begin\nwelcome\nm begin\na\t1\na\t2\tb\nnoise\nm < t\nl1\nm end 0\n\nm >\n\nm end 3\nbye\n";

    #[test]
    fn answers_are_found_in_noise() {
        let frame = Frame::read(NOISY, "m").unwrap();
        assert_eq!(frame.all("a").collect::<Vec<_>>(), ["1", "2\tb"]);
        assert_eq!(frame.block("t"), Some(&b"l1\nm end 0\n"[..]));
        assert_eq!(frame.status, 3);
    }

    #[test]
    fn a_cut_answer_is_never_taken_for_a_whole_one() {
        assert_eq!(
            Frame::read(b"This account is not available.\n", "m"),
            Err(FrameError::NotBegun)
        );
        let end = NOISY.windows(8).position(|w| w == b"m end 3\n").unwrap();
        for cut in 30..end {
            assert!(Frame::read(&NOISY[..cut], "m").is_err(), "{cut}");
        }
    }
}
