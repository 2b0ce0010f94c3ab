//! The site's own journal, on the host: append-only lines that any control machine reads.
//!
//! A line is `verb<TAB>release<TAB>digest<TAB>key=value…<TAB>end`; values are percent-encoded. Lines
//! of other versions and torn lines, which lack their end, are passed over. From it come `status`, `history`, "previous"
//! and what was rejected, so that a laptop, cron and CI tell the same story.

use std::collections::BTreeMap;

use crate::model::{Digest, ReleaseName, RunId};

/// Tells a whole line from one that a power failure has cut.
const END: &str = "\tend";

/// What was done to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Written before the switch: from here on it may be current, unconfirmed.
    Activate,
    /// Its gates passed.
    Confirm,
    /// What was there before is back; it is rejected on this site.
    Undone,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What was done.
    pub verb: Verb,
    /// To which release.
    pub release: ReleaseName,
    /// What that release holds.
    pub digest: Digest,
    /// The run that did it.
    pub run: RunId,
    /// `from` (the release before), `person`, `command`, `commit`, `at` (Unix time by the control
    /// machine), `why`: for people.
    pub notes: BTreeMap<String, String>,
}

impl Record {
    /// The line, without a line break.
    #[must_use]
    pub fn to_line(&self) -> String {
        let verb = match self.verb {
            Verb::Activate => "activate",
            Verb::Confirm => "confirm",
            Verb::Undone => "undone",
        };
        let mut line = format!("{verb}\t{}\t{}\trun={}", self.release, self.digest, self.run);
        for (key, value) in &self.notes {
            line.push_str(&format!("\t{key}={}", encode(value)));
        }
        line.push_str(END);
        line
    }

    fn read(line: &str) -> Option<Self> {
        let mut fields = line.strip_suffix(END)?.split('\t');
        let verb = match fields.next()? {
            "activate" => Verb::Activate,
            "confirm" => Verb::Confirm,
            "undone" => Verb::Undone,
            _ => return None,
        };
        let release = fields.next()?.parse().ok()?;
        let digest = fields.next()?.parse().ok()?;
        let mut notes: BTreeMap<String, String> = fields
            .filter_map(|field| field.split_once('='))
            .map(|(key, value)| (key.to_owned(), decode(value)))
            .collect();
        let run = RunId::new(&notes.remove("run")?).ok()?;
        Some(Self { verb, release, digest, run, notes })
    }
}

/// The journal of a site, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteJournal {
    /// Its records, oldest first.
    pub records: Vec<Record>,
}

impl SiteJournal {
    /// Reads the text; what is not a record of ours is passed over.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self { records: text.lines().filter_map(Record::read).collect() }
    }

    /// The last thing that was done to `release`.
    #[must_use]
    pub fn last_of(&self, release: &ReleaseName) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.release == *release)
    }

    /// Whether `release` passed its gates and was not taken back since.
    #[must_use]
    pub fn is_confirmed(&self, release: &ReleaseName) -> bool {
        self.last_of(release).is_some_and(|record| record.verb == Verb::Confirm)
    }

    /// The last confirmed release that was current before `release`, whatever came in between.
    /// One with the same content is no way back: a repair makes such pairs.
    #[must_use]
    pub fn confirmed_before(&self, release: &ReleaseName) -> Option<&Record> {
        let taken = self
            .records
            .iter()
            .rposition(|record| record.release == *release && record.verb == Verb::Activate)
            .unwrap_or(self.records.len());
        let earlier = self.records.get(..taken).unwrap_or_default();
        earlier.iter().rev().find(|record| {
            record.verb == Verb::Confirm
                && record.release != *release
                && !release.holds(&record.digest)
                && self.is_confirmed(&record.release)
        })
    }

    /// The run that rejected what `digest` names on this site, unless it was confirmed later.
    #[must_use]
    pub fn rejection_of(&self, digest: &Digest) -> Option<&Record> {
        let last = self
            .records
            .iter()
            .rev()
            .find(|record| record.digest == *digest && record.verb != Verb::Activate)?;
        (last.verb == Verb::Undone).then_some(last)
    }

    /// The highest sequence number ever used.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.records.iter().map(|record| record.release.seq()).max().unwrap_or(0)
    }
}

/// Percent-encodes what would break a line or a field.
#[must_use]
pub fn encode(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() || c == '%' {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                out.push_str(&format!("%{byte:02x}"));
            }
        } else {
            out.push(c);
        }
        out
    })
}

/// Reads back what [`encode`] wrote; anything else stays as it is.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| str::from_utf8(two).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let (Some(byte), b'%') = (byte, *first) {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(seq: u64) -> ReleaseName {
        ReleaseName::new(seq, &Digest::of(&seq.to_be_bytes()))
    }

    fn journal(steps: &[(Verb, u64)]) -> SiteJournal {
        let text: String = steps
            .iter()
            .map(|(verb, seq)| {
                let record = Record {
                    verb: *verb,
                    release: release(*seq),
                    digest: Digest::of(&seq.to_be_bytes()),
                    run: RunId::new("r1").unwrap(),
                    notes: [("person".to_owned(), "anna\t100 % ü\n".to_owned())].into(),
                };
                record.to_line() + "\n"
            })
            .collect();
        SiteJournal::read(&text)
    }

    use Verb::{Activate, Confirm, Undone};

    #[test]
    fn a_record_survives_its_line_and_a_torn_line_hurts_nobody() {
        let journal = journal(&[(Activate, 1)]);
        assert_eq!(journal.records[0].notes["person"], "anna\t100 % ü\n");
        let line = journal.records[0].to_line();
        assert!(!line.contains('\n'));
        let torn = format!("{line}\nconfirm\t1-");
        assert_eq!(SiteJournal::read(&torn).records.len(), 1);
    }

    #[test]
    fn previous_is_the_last_confirmed_one_before_this() {
        let steps = [
            (Activate, 1),
            (Confirm, 1),
            (Activate, 2),
            (Undone, 2),
            (Activate, 3),
            (Confirm, 3),
            (Activate, 4),
        ];
        let journal = journal(&steps);
        let before = |seq| journal.confirmed_before(&release(seq)).map(|r| r.release.seq());
        assert_eq!(before(4), Some(3));
        assert_eq!(before(3), Some(1));
        assert_eq!(before(1), None);
        assert!(journal.is_confirmed(&release(3)) && !journal.is_confirmed(&release(4)));
    }

    #[test]
    fn a_repair_is_not_what_a_rollback_undoes() {
        let mut journal = journal(&[(Activate, 1), (Confirm, 1), (Activate, 2), (Confirm, 2)]);
        let repaired = ReleaseName::new(3, &Digest::of(&2_u64.to_be_bytes()));
        let again = journal.records.split_off(2);
        let as_repaired = |record: &Record| Record { release: repaired.clone(), ..record.clone() };
        let repair: Vec<Record> = again.iter().map(as_repaired).collect();
        journal.records.extend(again.into_iter().chain(repair));
        let before = journal.confirmed_before(&repaired);
        assert_eq!(before.map(|record| record.release.seq()), Some(1));
    }

    #[test]
    fn going_back_does_not_lead_forward_again() {
        let steps = [(Activate, 1), (Confirm, 1), (Activate, 2), (Confirm, 2), (Undone, 2)];
        let journal = journal(&steps);
        assert!(journal.rejection_of(&Digest::of(&2u64.to_be_bytes())).is_some());
        assert!(journal.rejection_of(&Digest::of(&1u64.to_be_bytes())).is_none());
        assert_eq!(journal.confirmed_before(&release(1)), None);
        assert_eq!(journal.highest(), 2);
    }

    #[test]
    fn a_journal_cut_at_any_byte_reads_as_a_prefix_of_itself() {
        let whole = journal(&[(Activate, 1), (Confirm, 1), (Activate, 2), (Undone, 2)]);
        let lines = whole.records.iter().map(|record| record.to_line() + "\n");
        let text = lines.collect::<String>().into_bytes();
        for cut in 0..=text.len() {
            // Power failed there; later runs went on in a line of their own.
            let torn = String::from_utf8_lossy(&text[..cut]).into_owned();
            let read = SiteJournal::read(&torn).records;
            let mut full = text[..cut].split(|byte| *byte == b'\n').count() - 1;
            // All but its line break is there.
            full += usize::from(text.get(cut) == Some(&b'\n'));
            assert_eq!(read, whole.records[..full], "{cut}");
            let more = journal(&[(Activate, 3)]).records[0].to_line();
            let after = SiteJournal::read(&format!("{torn}\n{more}\n"));
            assert_eq!(after.highest(), 3, "{cut}");
        }
    }
}
