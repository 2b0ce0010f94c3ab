//! Writing a journal durably, and reading what a cut one still says.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::StoreError;
use crate::event::{Reporter, Stamped};

/// A journal that is being written. While it is open its file is locked, so that others can
/// tell a run that is under way from one that was interrupted.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes that are known to be whole lines.
    length: u64,
    broken: bool,
}

impl Journal {
    /// Makes a new journal, readable by its owner only.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        // Some network filesystems have no locks: then a run under way looks interrupted to
        // others, which is a matter of words.
        let _ = file.try_lock();
        Ok(Self { file, path: path.to_owned(), length: 0, broken: false })
    }

    /// Writes events and waits until they are on disk: one `fdatasync` however many.
    ///
    /// # Errors
    /// When they cannot be written. Nothing may be done that they announce. A later call
    /// tries again, unless the journal could not be brought back to whole lines.
    pub fn append(&mut self, events: &[Stamped]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.try_append(events)
            .map_err(|source| StoreError::Write { path: self.path.clone(), source })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn try_append(&mut self, events: &[Stamped]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier line could not be written whole"));
        }
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        let written = self.file.write_all(&lines).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // What is not known to be on disk must not be read as if it were, and half a line
            // must not stand before a whole one. This is the writer's own unfinished write.
            self.broken = self.file.set_len(self.length).is_err();
        } else {
            self.length += lines.len() as u64;
        }
        written
    }
}

impl Reporter for Journal {
    fn event(&mut self, event: &Stamped) -> io::Result<()> {
        self.try_append(std::slice::from_ref(event))
    }
}

/// What the bytes of a journal say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The events of all whole lines.
    pub events: Vec<Stamped>,
    /// Bytes after the last whole line: an unfinished write, not read.
    pub torn: usize,
}

/// Reads the bytes of a journal. A journal cut at any byte reads as a prefix of the whole.
///
/// # Errors
/// The number (from 1) of the first whole line that is no event or is out of turn, why, and
/// what the lines before it say.
pub fn parse(bytes: &[u8]) -> Result<Parsed, (usize, String, Vec<Stamped>)> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (lines, rest) = bytes.split_at(whole);
    let mut events: Vec<Stamped> = Vec::new();
    for (number, line) in (1..).zip(lines.split_inclusive(|byte| *byte == b'\n')) {
        match serde_json::from_slice::<Stamped>(line) {
            Ok(event) if event.index == events.len() as u64 => events.push(event),
            Ok(event) => {
                let why = format!("event {} stands in the place of {}", event.index, events.len());
                return Err((number, why, events));
            }
            Err(error) => return Err((number, error.to_string(), events)),
        }
    }
    Ok(Parsed { events, torn: rest.len() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::event::Event;

    fn story() -> Vec<Stamped> {
        let docs = include_str!("../../docs/events.md");
        let blocks = docs.split("```json\n").skip(1);
        blocks.map(|b| serde_json::from_str(b.lines().next().unwrap()).unwrap()).collect()
    }

    #[test]
    fn a_journal_cut_at_any_byte_reads_as_a_prefix() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        let events = story();
        journal.append(&events[..3]).unwrap();
        journal.append(&[]).unwrap();
        for event in &events[3..] {
            journal.event(event).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for cut in 0..=bytes.len() {
            let read = parse(&bytes[..cut]).unwrap();
            let whole = String::from_utf8_lossy(&bytes[..cut]).matches('\n').count();
            assert_eq!(read.events, events[..whole], "cut at {cut}");
            let lines = bytes.split_inclusive(|b| *b == b'\n').take(whole);
            assert_eq!(read.torn, cut - lines.map(<[u8]>::len).sum::<usize>());
        }
    }

    #[test]
    fn a_damaged_line_is_told_with_its_number_and_what_was_before_it() {
        let events = story();
        let lines: Vec<String> =
            events.iter().map(|e| format!("{}\n", serde_json::to_string(e).unwrap())).collect();
        let damaged = [&lines[0], "\0\0\0\n", &lines[1]].concat();
        let (line, _, before) = parse(damaged.as_bytes()).unwrap_err();
        assert_eq!((line, before), (2, events[..1].to_vec()));
        let hole = [&lines[0][..], &lines[2]].concat();
        let (line, why, _) = parse(hole.as_bytes()).unwrap_err();
        assert_eq!((line, why.as_str()), (2, "event 2 stands in the place of 1"));
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_whole_lines() {
        // Writing to /dev/full fails with ENOSPC, and it cannot be cut back.
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut journal = Journal { file, path: "/dev/full".into(), length: 0, broken: false };
        let event = Stamped { at: 0, index: 0, event: Event::PauseEnded };
        let error = journal.append(std::slice::from_ref(&event)).unwrap_err().to_string();
        assert!(error.contains("No space left"), "{error}");
        let again = journal.append(&[event]).unwrap_err().to_string();
        assert!(again.contains("whole"), "{again}");
    }
}
