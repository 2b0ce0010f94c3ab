//! What stands in the way before anything is written: tools, rights, room, and directories that
//! others could swap below us.

use super::{ground::Above, observation::Observation};

/// What a deployment needs of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs<'a> {
    /// The root directory of the site.
    pub root: &'a str,
    /// Who shall own releases, if not the user who logs in.
    pub owner: Option<&'a str>,
    /// The group that releases shall have, if not the owner's own.
    pub group: Option<&'a str>,
    /// Whether root's rights can be had (sudo).
    pub privilege: bool,
    /// Bytes that will be written.
    pub bytes: u64,
    /// Files and directories that will be made.
    pub files: u64,
}

/// Room that is left free beside what is written, in KiB: journals, manifests, the host itself.
const MARGIN_KIB: u64 = 1024;
/// Inodes left free.
const MARGIN_INODES: u64 = 16;

/// Everything that forbids a deployment, in words. Empty when nothing does.
#[must_use]
pub fn obstacles(seen: &Observation, needs: &Needs<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(why) = &seen.refusal {
        found.push(why.clone());
    }
    if !seen.missing.is_empty() {
        found.push(format!(
            "the host lacks {}; install coreutils, tar, gzip and findutils (or busybox)",
            seen.missing.join(", ")
        ));
    }
    found.extend(of_identity(seen, needs));
    found.extend(seen.above.iter().filter_map(|above| of_directory(above, seen)));
    found.extend(of_room(seen, needs));
    found
}

fn of_identity(seen: &Observation, needs: &Needs<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let owner = needs.owner.unwrap_or(&seen.user);
    if owner != seen.user {
        found.push(format!("releases belong to {owner}, but the host let us in as {}", seen.user));
    }
    if let Some(group) = needs.group
        && !seen.groups.contains(group)
    {
        found.push(format!(
            "{owner} is not in the group {group} of `release.group`; add it with `usermod -aG {group} {owner}`"
        ));
    }
    match seen.root.as_deref().map(|root| root.split(':').next().unwrap_or_default()) {
        Some(who) if who != owner => {
            found.push(format!("{} belongs to {who}, not to {owner}", needs.root));
        }
        None if !seen.near_writable && !needs.privilege => found.push(format!(
            "{} does not exist and {owner} may not make it in {}; make it, or set `ssh.become: true`",
            needs.root, seen.near
        )),
        _ => {}
    }
    found
}

/// A directory that somebody else could rename lets him put another in our place.
fn of_directory(above: &Above, seen: &Observation) -> Option<String> {
    let Above { path, uid, gid, mode } = above;
    if mode & 0o002 != 0 {
        return Some(format!(
            "{path} is above the site's root and everybody may write in it (mode {mode:o})"
        ));
    }
    if *uid != 0 && Some(*uid) != seen.uid {
        return Some(format!(
            "{path} is above the site's root and belongs to another user (number {uid})"
        ));
    }
    let group_is_ours = *gid == 0 || Some(*gid) == seen.gid || Some(*uid) == seen.uid;
    (mode & 0o020 != 0 && !group_is_ours).then(|| {
        format!("{path} is above the site's root and its group (number {gid}) may write in it (mode {mode:o})")
    })
}

fn of_room(seen: &Observation, needs: &Needs<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let kib = needs.bytes.div_ceil(1024) * 2 + MARGIN_KIB;
    if let Some(free) = seen.space.filter(|free| *free < kib) {
        found.push(format!("{}: {free} KiB are free, and {kib} KiB are needed", seen.near));
    }
    let inodes = needs.files * 2 + MARGIN_INODES;
    // A file system that makes inodes as it goes says 0 of 0.
    if let Some(free) = seen.inodes.filter(|free| *free < inodes) {
        found.push(format!("{}: {free} inodes are free, and {inodes} are needed", seen.near));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs<'_> =
        Needs { root: "/srv/a", owner: None, group: None, privilege: false, bytes: 0, files: 0 };

    fn host() -> Observation {
        Observation {
            user: "deploy".into(),
            uid: Some(1000),
            gid: Some(1000),
            groups: ["deploy".to_owned(), "www-data".to_owned()].into(),
            near: "/srv".into(),
            near_writable: true,
            above: vec![above("/srv", 0, 0, 0o755), above("/", 0, 0, 0o755)],
            ..Observation::default()
        }
    }

    fn above(path: &str, uid: u32, gid: u32, mode: u32) -> Above {
        Above { path: path.into(), uid, gid, mode }
    }

    fn first(seen: &Observation, needs: &Needs<'_>) -> String {
        obstacles(seen, needs).first().cloned().unwrap_or_default()
    }

    #[test]
    fn an_ordinary_host_has_no_obstacle() {
        assert_eq!(obstacles(&host(), &NEEDS), Vec::<String>::new());
    }

    #[test]
    fn each_obstacle_is_named() {
        let mut seen = host();
        seen.missing = vec!["gzip".into(), "tar".into()];
        assert!(first(&seen, &NEEDS).contains("lacks gzip, tar"));
        let needs = Needs { group: Some("nginx"), ..NEEDS };
        assert!(first(&host(), &needs).contains("usermod"));
        let needs = Needs { bytes: 10_000_000, ..NEEDS };
        let seen = Observation { space: Some(4000), ..host() };
        assert!(first(&seen, &needs).contains("4000 KiB are free"));
        let seen = Observation { inodes: Some(10), ..host() };
        assert!(first(&seen, &NEEDS).contains("10 inodes"));
        let seen = Observation { near_writable: false, ..host() };
        assert!(first(&seen, &NEEDS).contains("ssh.become"));
        let seen = Observation { root: Some("root:root:755".into()), ..host() };
        assert!(first(&seen, &NEEDS).contains("belongs to root"));
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        for (bad, word) in [
            (above("/srv/shared", 0, 0, 0o777), "everybody"),
            (above("/srv/shared", 0, 0, 0o1777), "everybody"),
            (above("/srv/other", 1001, 1001, 0o755), "another user"),
            (above("/srv/staff", 0, 50, 0o2775), "its group"),
        ] {
            let seen = Observation { above: vec![bad], ..host() };
            assert!(first(&seen, &NEEDS).contains(word), "{word}");
        }
        for good in [above("/home/deploy", 1000, 1000, 0o775), above("/srv", 0, 0, 0o775)] {
            let seen = Observation { above: vec![good], ..host() };
            assert_eq!(first(&seen, &NEEDS), "");
        }
    }
}
