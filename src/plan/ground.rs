//! What the probe says of the account that it ran as, of the directories above a root, and of the
//! room below them: the words of `id` and `stat`, read.

use std::collections::BTreeSet;

use crate::resource::HostPath;

/// A directory above a root, and who could change what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Above {
    /// The directory.
    pub path: HostPath,
    /// Its owner's number.
    pub uid: u32,
    /// Its group's number.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// An account, as `id` tells it: `uid=1000(deploy) gid=1000(deploy) groups=1000(deploy),33(www)`.
/// Whoever has no name is called by the number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub user: String,
    pub uid: Option<u32>,
    pub primary: String,
    pub gid: Option<u32>,
    pub groups: BTreeSet<String>,
}

impl Account {
    pub(super) fn read(line: &str) -> Self {
        // Names of groups may hold spaces, so each part ends where the next one begins.
        let part = |from: &str, to: &str| {
            let rest = line.split_once(from).map_or("", |(_, rest)| rest);
            rest.split_once(to).map_or(rest, |(part, _)| part)
        };
        let (user, group) = (part("uid=", " gid="), part(" gid=", " groups="));
        // busybox leaves out the list where it would hold but one group.
        let groups = part(" groups=", " context=").split(',').map(name_of);
        let groups = groups.chain([name_of(group)]).filter(|name| !name.is_empty());
        Self {
            user: name_of(user).to_owned(),
            uid: number_of(user),
            primary: name_of(group).to_owned(),
            gid: number_of(group),
            groups: groups.map(str::to_owned).collect(),
        }
    }
}

fn name_of(entry: &str) -> &str {
    let name = entry.split_once('(').and_then(|(_, name)| name.strip_suffix(')'));
    name.unwrap_or(entry)
}

fn number_of(entry: &str) -> Option<u32> {
    entry.split('(').next()?.parse().ok()
}

/// A line of `stat -c '%u:%g:%a %U:%G:%a %Z %n'`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stat {
    pub above: Above,
    /// Owner, group and mode, by name.
    pub owner: String,
    /// Unix time of the last change, in seconds.
    pub changed: u64,
}

impl Stat {
    pub(super) fn read(line: &str) -> Option<Self> {
        let (numbers, rest) = line.split_once(' ')?;
        // Names of groups may hold spaces: the time is the first word that ends in a path.
        let (names, path) = rest.split_once(" /")?;
        let (owner, changed) = names.rsplit_once(' ')?;
        let mut numbers = numbers.split(':');
        let above = Above {
            path: format!("/{path}"),
            uid: numbers.next()?.parse().ok()?,
            gid: numbers.next()?.parse().ok()?,
            mode: u32::from_str_radix(numbers.next()?, 8).ok()?,
        };
        Some(Self { above, owner: owner.to_owned(), changed: changed.parse().ok()? })
    }

    /// Whether this is the process that looked: as old as the look, so it tells the host's time.
    pub(super) fn is_process(&self) -> bool {
        self.above.path.starts_with("/proc/")
    }
}

/// Free KiB and inodes in a line of `stat -f -c '%a %S %d %c'`. A file system that makes inodes
/// as it goes has a total of 0, and counts none.
pub(super) fn room(line: &str) -> (Option<u64>, Option<u64>) {
    let mut words = line.split(' ').map(|word| word.parse::<u64>().ok());
    let mut next = || words.next().flatten();
    let (blocks, size, inodes, total) = (next(), next(), next(), next());
    let free = blocks.zip(size).map(|(blocks, size)| blocks.saturating_mul(size) / 1024);
    (free, inodes.filter(|_| total.is_some_and(|total| total > 0)))
}

/// The `Available` column of `df -P`: the fourth from the front, because names of file systems
/// have no spaces there and mount points may.
pub(super) fn available(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().rposition(|word| word.ends_with('%'))?;
    words.get(percent.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_any_id() {
        let line = "uid=1000(deploy) gid=1001(dep) groups=1001(dep),33(www-data),7(domain users)";
        let account = Account::read(line);
        assert_eq!((account.user.as_str(), account.uid), ("deploy", Some(1000)));
        assert_eq!((account.primary.as_str(), account.gid), ("dep", Some(1001)));
        assert_eq!(account.groups, ["dep", "domain users", "www-data"].map(str::to_owned).into());
        let line = "uid=5 gid=6 groups=6 context=system_u:system_r:sshd_t:s0";
        let nameless = Account::read(line);
        assert_eq!((nameless.user.as_str(), nameless.primary.as_str()), ("5", "6"));
        assert_eq!(nameless.groups, ["6".to_owned()].into());
        let alone = Account::read("uid=1000(x) gid=1000(dom users)");
        assert_eq!(alone.groups, ["dom users".to_owned()].into());
        assert_eq!(Account::read("nonsense"), Account::default());
    }

    #[test]
    fn who_may_change_a_directory_is_read_from_stat() {
        let stat = Stat::read("1000:7:2775 deploy:domain users:2775 1700000000 /srv/a b").unwrap();
        assert_eq!(stat.above, Above { path: "/srv/a b".into(), uid: 1000, gid: 7, mode: 0o2775 });
        assert_eq!(
            (stat.owner.as_str(), stat.changed),
            ("deploy:domain users:2775", 1_700_000_000)
        );
        assert!(Stat::read("0:0:755 root:root:755 17 /proc/123").unwrap().is_process());
        assert_eq!(Stat::read("0:0:755 root:root:755 /srv"), None);
    }

    #[test]
    fn free_space_is_found_in_any_stat_and_df() {
        assert_eq!(room("1000 4096 55 100"), (Some(4000), Some(55)));
        assert_eq!(room("1000 4096 0 0"), (Some(4000), None));
        assert_eq!(room("? 4096"), (None, None));
        let line = "/dev/vda 263174212 16812044 82000 17% /srv/a b";
        assert_eq!(available(line), Some(82000));
        assert_eq!(available("overlay x 1 2 3 - /"), None);
    }
}
