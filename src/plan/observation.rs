//! What the probe saw at a site, read from its frame.
//!
//! Hosts are not trusted: a value that does not parse is as good as not said, and nothing here
//! fails. What must be known and is not, the plan refuses.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    deviation::compared,
    ground::{Above, Account, Stat, available, room},
};
use crate::{
    model::{Digest, ReleaseName, RunId, Secret},
    release::{Coding, Manifest, Record, SiteJournal, Texts, decode},
    resource::{Answers, HostPath, Lstat, Operation},
    shell::Frame,
};

/// The lease on a site, as its host tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLock {
    /// The run that holds it.
    pub run: RunId,
    /// Seconds it still holds, by the host's uptime; 0 when it is over or the host was restarted.
    pub left: u64,
    /// Who took it.
    pub holder: Holder,
}

/// Who took a lease: enough to tell a person, and to see on the same machine that it is dead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `user@machine`.
    pub person: String,
    /// The control machine's identity.
    pub machine: String,
    /// Its process there.
    pub pid: u32,
    /// When that process began, in ticks since that machine's boot.
    pub started: u64,
    /// Unix time by the control machine, in seconds.
    pub at: u64,
    /// The command as typed, secrets removed.
    pub command: String,
}

/// What undoing the activation of a release takes; kept on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRecord {
    /// The run that activated it.
    pub run: RunId,
    /// The release.
    pub release: ReleaseName,
    /// What was current before.
    pub previous: Option<ReleaseName>,
    /// Operations to do before the switch back, in order.
    pub before: Vec<Operation>,
    /// Operations to do after the switch back, in order.
    pub after: Vec<Operation>,
    /// Where undo material keeps what stood at a path before this release adopted it. Stays with
    /// the release when it becomes current once more, by a rollback.
    #[serde(default)]
    pub adopted: BTreeMap<HostPath, String>,
}

/// The release that is current.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Current {
    /// What the link says.
    pub link: String,
    /// The release it names, if it is one of ours.
    pub name: Option<ReleaseName>,
    /// The identity that its manifest is kept under.
    pub id: Option<Digest>,
    /// The body digest of the manifest, as the host computed it.
    pub body: Option<Digest>,
    /// What it was made of.
    pub about: Manifest,
    /// Its whole manifest, where the host was asked for it.
    pub texts: Option<Texts>,
    /// Whether the release's directory is there.
    pub present: bool,
    /// Tree lines that stand in only one of manifest and reality.
    pub tree_differs: Vec<String>,
    /// The same of sums; `None` when contents were not read.
    pub sums_differ: Option<Vec<String>>,
    /// `o OWNER:GROUP PATH` of what belongs to somebody else.
    pub strangers: Vec<String>,
    /// Whether a comparison was begun and not told to its end.
    pub unread: bool,
}

/// Everything the probe saw.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Tools that the host lacks.
    pub missing: Vec<String>,
    /// Whether it has flock.
    pub flock: bool,
    /// The best that it can unpack.
    pub coding: Coding,
    /// Files of functions that runs have left for later ones, as `sha256sum` prints them.
    pub libraries: BTreeSet<String>,
    /// Whether something half done lies beside the releases.
    pub partials: bool,
    /// The user whom the script ran as.
    pub user: String,
    /// That user's number.
    pub uid: Option<u32>,
    /// That user's own group's number.
    pub gid: Option<u32>,
    /// That user's groups.
    pub groups: BTreeSet<String>,
    /// That user's own group.
    pub primary: String,
    /// The host's clock, Unix time in seconds.
    pub clock: Option<u64>,
    /// The nearest directory above (or at) the root that exists.
    pub near: HostPath,
    /// Whether the user may write there.
    pub near_writable: bool,
    /// The directories from there upwards, by name and as they really are.
    pub above: Vec<Above>,
    /// Free space in KiB.
    pub space: Option<u64>,
    /// Free inodes; `None` where the file system does not count them.
    pub inodes: Option<u64>,
    /// Owner, group and mode of the root, if it exists.
    pub root: Option<String>,
    /// Links and what is in their places.
    pub answers: Answers,
    /// Releases that are there.
    pub releases: BTreeSet<ReleaseName>,
    /// The generation of the host lock.
    pub generation: u64,
    /// The site's salt.
    pub salt: Option<Secret>,
    /// The lease, if there is one.
    pub lock: Option<HostLock>,
    /// The site's journal.
    pub journal: SiteJournal,
    /// Undo records by release.
    pub undo: BTreeMap<ReleaseName, UndoRecord>,
    /// What is current.
    pub current: Option<Current>,
    /// Files of web servers that hand PHP paths with links in them, where that was asked.
    pub by_link: Vec<String>,
    /// Containers that mount the link to the current release, where that was asked.
    pub mounted: Vec<String>,
    /// Why the probe gave up, if it did.
    pub refusal: Option<String>,
}

impl Observation {
    /// Reads a probe's frame.
    #[must_use]
    pub fn read(frame: &Frame) -> Self {
        let text = |name: &str| frame.one(name).unwrap_or_default().to_owned();
        let number = |name: &str| frame.one(name).and_then(|value| value.parse().ok());
        let lines = |name: &str| -> BTreeSet<String> {
            let text = String::from_utf8_lossy(frame.block(name).unwrap_or_default());
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let account = Account::read(frame.one("id").unwrap_or_default());
        let stats: BTreeSet<Stat> = lines("stat").iter().filter_map(|l| Stat::read(l)).collect();
        let root = frame.one("root").unwrap_or_default();
        let free = |name: &str| frame.one(name).and_then(available);
        let (space, inodes) =
            frame.one("room").map_or_else(|| (free("space"), free("inodes")), room);
        let mut seen = Self {
            missing: frame.all("missing").map(str::to_owned).collect(),
            flock: frame.one("flock").is_some(),
            coding: frame.one("zstd").map_or(Coding::Gzip, |_| Coding::Zstd),
            // The line of stdin is the manifest's.
            libraries: lines("libraries").into_iter().filter(|l| !l.ends_with("  -")).collect(),
            partials: frame.all("release").any(|name| name.ends_with(".partial")),
            user: account.user,
            uid: account.uid,
            gid: account.gid,
            groups: account.groups,
            primary: account.primary,
            clock: stats.iter().find(|stat| stat.is_process()).map(|stat| stat.changed),
            near: text("near"),
            near_writable: frame.one("near_writable").is_some(),
            root: stats.iter().find(|stat| stat.above.path == root).map(|stat| stat.owner.clone()),
            above: stats.into_iter().filter(|s| !s.is_process()).map(|stat| stat.above).collect(),
            space,
            inodes,
            answers: Answers {
                lstat: frame.all("at").filter_map(read_at).collect(),
                read_only: frame.all("read_only").map(str::to_owned).collect(),
            },
            releases: frame.all("release").filter_map(|name| name.parse().ok()).collect(),
            generation: number("generation").unwrap_or(0),
            salt: frame.one("salt").map(|salt| Secret::new(salt.to_owned())),
            by_link: frame.all("by_link").map(str::to_owned).collect(),
            mounted: frame.all("mounted").map(str::to_owned).collect(),
            refusal: frame.failure().map(|(_, why)| why.to_owned()),
            ..Self::default()
        };
        if let Some(text) = frame.block("journal") {
            seen.journal = SiteJournal::read(&String::from_utf8_lossy(text));
        }
        for record in frame.blocks("undo") {
            if let Ok(record) = serde_json::from_slice::<UndoRecord>(record) {
                seen.undo.insert(record.release.clone(), record);
            }
        }
        let uptime = number("uptime").unwrap_or(0);
        seen.lock = frame
            .block("lock")
            .and_then(|line| read_lock(&String::from_utf8_lossy(line), &text("boot"), uptime));
        seen.current = frame.one("current").map(|link| read_current(frame, link));
        seen
    }

    /// The number that the next release gets.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        let there = self.releases.iter().map(ReleaseName::seq).max().unwrap_or(0);
        there.max(self.journal.highest()) + 1
    }

    /// Whether there is a lease whose time is over.
    #[must_use]
    pub fn lock_is_over(&self) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.left == 0)
    }

    /// The last confirmed release before `name` that is still there.
    #[must_use]
    pub fn confirmed_there_before(&self, name: &ReleaseName) -> Option<ReleaseName> {
        let before = self.journal.confirmed_before(name).map(|record| &record.release);
        before.filter(|release| self.releases.contains(release)).cloned()
    }

    /// The release that is current, if it is one of ours.
    #[must_use]
    pub fn current_name(&self) -> Option<&ReleaseName> {
        self.current.as_ref().and_then(|current| current.name.as_ref())
    }

    /// The release that a rollback leads to: the last confirmed one before the current one, or
    /// the one that `to` names, as a release or as the run that must not have happened.
    ///
    /// # Errors
    /// In words, when there is none.
    pub fn way_back(&self, to: Option<&str>) -> Result<Record, String> {
        let current = self.current_name().ok_or("no release is current here")?;
        let is_there = |record: &&Record| self.releases.contains(&record.release);
        let records = &self.journal.records;
        let found = match to.filter(|to| *to != "previous") {
            None => self.journal.confirmed_before(current).filter(is_there),
            Some(to) => {
                let named = records.iter().rev().find(|record| {
                    record.release.to_string() == to && self.journal.is_confirmed(&record.release)
                });
                let by_run = records.iter().find(|record| record.run.as_str() == to);
                named.or_else(|| self.journal.confirmed_before(&by_run?.release)).filter(is_there)
            }
        };
        match found {
            Some(record) if record.release == *current => {
                Err(format!("{current} is current already"))
            }
            Some(record) => Ok(record.clone()),
            None => Err(match to {
                None => format!("there is no confirmed release before {current}"),
                Some(to) => format!("{to} names no confirmed release that is still here"),
            }),
        }
    }

    /// Where undo material keeps what stood at `path` before a release of ours came.
    #[must_use]
    pub fn adopted(&self, path: &str) -> Option<&str> {
        let mut newest_first = self.undo.values().rev();
        newest_first.find_map(|record| record.adopted.get(path)).map(String::as_str)
    }
}

fn read_current(frame: &Frame, link: &str) -> Current {
    let text =
        |name: &str| frame.block(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let about = text("about").unwrap_or_default();
    let texts = text("tree").zip(text("sums")).map(|(tree, sums)| Texts {
        tree,
        sums,
        about: about.clone(),
    });
    let body = frame.one("body").and_then(|text| text.parse().ok());
    let compared = Current::compared(frame);
    Current {
        link: link.to_owned(),
        name: link.strip_prefix("releases/").and_then(|name| name.parse().ok()),
        id: frame.one("manifest").and_then(|text| text.parse().ok()),
        body,
        about: Manifest::read_about(&about).unwrap_or_default(),
        texts: texts.filter(|texts| Some(texts.body()) == body),
        present: frame.one("present").is_some(),
        ..compared
    }
}

impl Current {
    /// Where it deviates from its manifest, as far as the host has told that to the end.
    #[must_use]
    pub fn compared(frame: &Frame) -> Self {
        let [tree, sums, strangers] =
            ["tree_differs", "sums_differ", "strangers"].map(|block| compared(frame, block));
        let sums_cut = sums.is_none() && frame.block("sums_differ").is_some();
        Self {
            unread: tree.is_none() || strangers.is_none() || sums_cut,
            tree_differs: tree.unwrap_or_default(),
            sums_differ: sums,
            strangers: strangers.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Whether all of it was compared, contents too, and nothing differs.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        !self.unread
            && self.tree_differs.is_empty()
            && self.strangers.is_empty()
            && self.sums_differ.as_ref().is_some_and(Vec::is_empty)
    }
}

fn read_at(line: &str) -> Option<(HostPath, Lstat)> {
    let mut fields = line.splitn(3, '\t');
    let (kind, path, more) = (fields.next()?, fields.next()?, fields.next());
    let found = match (kind, more) {
        ("link", Some(target)) => Lstat::Link(target.to_owned()),
        ("no_parent", Some(nearest)) => Lstat::NoParent(nearest.to_owned()),
        ("denied", Some(place)) => Lstat::Denied(format!("{place} may not be entered")),
        ("directory", None) => Lstat::Directory,
        ("file", None) => Lstat::File,
        ("other", None) => Lstat::Other,
        ("absent", None) => Lstat::Absent,
        _ => return None,
    };
    Some((path.to_owned(), found))
}

fn read_lock(line: &str, boot: &str, uptime: u64) -> Option<HostLock> {
    let fields: Vec<String> = line.trim_end().split('\t').map(decode).collect();
    let [run, _, locked_boot, until, rest @ ..] = fields.as_slice() else { return None };
    let until: u64 = until.parse().ok()?;
    let left = if locked_boot == boot { until.saturating_sub(uptime) } else { 0 };
    Some(HostLock { run: RunId::new(run).ok()?, left, holder: Holder::read(rest) })
}

impl Holder {
    /// As fields of the lock's line.
    #[must_use]
    pub fn to_fields(&self) -> String {
        let all = [
            self.person.clone(),
            self.machine.clone(),
            self.pid.to_string(),
            self.started.to_string(),
            self.at.to_string(),
            self.command.clone(),
        ];
        // The shell reads the line with tabs as separators, and would join empty fields.
        let fields =
            all.map(
                |field| if field.is_empty() { "-".into() } else { crate::release::encode(&field) },
            );
        fields.join("\t")
    }

    /// Reads the fields back; what is missing stays empty.
    #[must_use]
    pub fn read(fields: &[String]) -> Self {
        let field = |index: usize| fields.get(index).cloned().unwrap_or_default();
        Self {
            person: field(0),
            machine: field(1),
            pid: field(2).parse().unwrap_or(0),
            started: field(3).parse().unwrap_or(0),
            at: field(4).parse().unwrap_or(0),
            command: field(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_another_boot_is_over() {
        let holder = Holder { person: "anna@desk".into(), pid: 7, ..Holder::default() };
        let line = format!("r1\t4\tboot-a\t500\t{}\n", holder.to_fields());
        let lock = read_lock(&line, "boot-a", 480).unwrap();
        assert_eq!((lock.left, lock.holder.person.as_str(), lock.holder.pid), (20, "anna@desk", 7));
        assert_eq!(read_lock(&line, "boot-b", 480).unwrap().left, 0);
        assert_eq!(read_lock(&line, "boot-a", 501).unwrap().left, 0);
    }

    #[test]
    fn a_host_that_lies_is_read_as_one_that_says_nothing() {
        let output = b"m begin\nid\tx\nat\tlink\nat\tfile\t/a\textra\nroom\tx\ncurrent\treleases/../x\nmanifest\tzz\nm < stat\n:: x 1 /\nm >\nm < lock\n\xff\tq\nm >\nm end 0\n";
        let seen = Observation::read(&Frame::read(output, "m").unwrap());
        assert!(seen.answers.lstat.is_empty() && seen.above.is_empty() && seen.lock.is_none());
        assert_eq!(seen.current.map(|current| (current.name, current.id)), Some((None, None)));
    }
}
