//! A symbolic link outside the release that points into `current`, or its absence.
//!
//! This is how a feature reaches a page. A link that a release of ours made may be replaced or
//! removed; whatever else stands in its place is refused, unless the user lets us adopt it:
//! then it is kept as undo material and comes back when the change is undone.

use super::{Answers, Change, Fact, HostPath, Lstat, Moment, Operation, Undo, Verdict};

/// A link that a site wants, or no longer wants, at a place of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where the link is.
    pub at: HostPath,
    /// What it should point to; `None` when it should not be there.
    pub target: Option<String>,
    /// What the site's current release says it points to, when that release made it.
    pub ours: Option<String>,
    /// Whether something foreign in its place is moved to undo material.
    pub adopt: bool,
    /// Whether a missing parent directory is made (one level).
    pub make_parent: bool,
    /// Where undo material holds what stood here before a release of ours adopted the place.
    pub adopted: Option<String>,
}

impl Link {
    /// What must be known to judge this link.
    #[must_use]
    pub fn probe(&self) -> Vec<Fact> {
        vec![Fact::Lstat(self.at.clone())]
    }

    /// Judges what was seen. `slot` is a free slot of undo material.
    #[must_use]
    pub fn judge(&self, seen: &Answers, slot: &str) -> Verdict {
        let Some(found) = seen.lstat.get(&self.at) else {
            return Verdict::Blocked {
                why: format!("{}: the host did not say what is there", self.at),
            };
        };
        let verdict = match &self.target {
            Some(target) => self.judge_wanted(target, found, slot),
            None => self.judge_unwanted(found),
        };
        let directory = match found {
            Lstat::NoParent(nearest) => Some(nearest.as_str()),
            _ => parent_of(&self.at),
        };
        match (verdict, directory) {
            (Verdict::Change(_), Some(directory)) if seen.read_only.contains(directory) => {
                Verdict::Blocked {
                    why: format!(
                        "{}: the release's owner may not write in {directory}; let it, or set `release.owner` to who may",
                        self.at
                    ),
                }
            }
            (verdict, _) => verdict,
        }
    }

    fn judge_wanted(&self, target: &str, found: &Lstat, slot: &str) -> Verdict {
        match found {
            Lstat::Link(seen) if seen == target => Verdict::Same,
            Lstat::Link(seen) if self.ours.as_ref() == Some(seen) => {
                self.replace_ours(target, seen)
            }
            Lstat::Absent => self.create(target, None),
            Lstat::NoParent(_) if self.make_parent => {
                let Some(parent) = parent_of(&self.at) else { return self.no_place("/") };
                // Only one level is ours to make: a missing docroot is a mistake, not a wish.
                match found {
                    Lstat::NoParent(nearest) if parent_of(parent) == Some(nearest.as_str()) => {
                        self.create(target, Some(parent))
                    }
                    Lstat::NoParent(nearest) => self.no_place(nearest),
                    _ => Verdict::Same,
                }
            }
            Lstat::NoParent(nearest) => self.no_place(nearest),
            Lstat::Denied(why) => self.denied(why),
            Lstat::Other => self.refused("a socket, fifo or device"),
            Lstat::File => self.foreign(target, "a regular file", slot),
            Lstat::Directory => self.foreign(target, "a directory", slot),
            Lstat::Link(seen) => self.foreign(target, &format!("a link to {seen}"), slot),
        }
    }

    fn judge_unwanted(&self, found: &Lstat) -> Verdict {
        match (found, &self.ours) {
            (Lstat::Link(seen), Some(ours)) if seen == ours => self.remove_ours(seen),
            (Lstat::Denied(why), Some(_)) => self.denied(why),
            // Not ours (any more): leave it.
            _ => Verdict::Same,
        }
    }

    fn remove_ours(&self, seen: &str) -> Verdict {
        let path = || self.at.clone();
        let mut forward = vec![Operation::RemoveLink { path: path(), target: seen.to_owned() }];
        let mut back = vec![Operation::PutLink { path: path(), target: seen.to_owned() }];
        let mut summary = format!("link {} removed", self.at);
        if let Some(slot) = &self.adopted {
            forward.push(Operation::Restore { path: path(), slot: slot.clone() });
            back.insert(0, Operation::Keep { path: path(), slot: slot.clone() });
            summary.push_str(", what stood there before comes back");
        }
        Verdict::Change(Change {
            id: format!("link {}", self.at),
            summary,
            moment: Moment::BeforeSwitch,
            forward,
            undo: Undo::Operations(back),
        })
    }

    fn replace_ours(&self, target: &str, seen: &str) -> Verdict {
        Verdict::Change(Change {
            id: format!("link {}", self.at),
            summary: format!("link {} → {target} (was {seen})", self.at),
            moment: Moment::AfterSwitch,
            forward: vec![Operation::PutLink { path: self.at.clone(), target: target.to_owned() }],
            undo: Undo::Operations(vec![Operation::PutLink {
                path: self.at.clone(),
                target: seen.to_owned(),
            }]),
        })
    }

    fn create(&self, target: &str, parent: Option<&str>) -> Verdict {
        let mut forward = Vec::new();
        let mut back =
            vec![Operation::RemoveLink { path: self.at.clone(), target: target.to_owned() }];
        if let Some(parent) = parent {
            forward.push(Operation::MakeDirectory { path: parent.to_owned() });
            back.push(Operation::RemoveDirectory { path: parent.to_owned() });
        }
        forward.push(Operation::PutLink { path: self.at.clone(), target: target.to_owned() });
        Verdict::Change(Change {
            id: format!("link {}", self.at),
            summary: format!("link {} → {target} added", self.at),
            moment: Moment::AfterSwitch,
            forward,
            undo: Undo::Operations(back),
        })
    }

    fn foreign(&self, target: &str, what: &str, slot: &str) -> Verdict {
        if !self.adopt {
            return self.refused(what);
        }
        Verdict::Change(Change {
            id: format!("link {}", self.at),
            summary: format!("link {} → {target} replaces {what}, which is kept for undo", self.at),
            moment: Moment::AfterSwitch,
            forward: vec![
                Operation::Keep { path: self.at.clone(), slot: slot.to_owned() },
                Operation::PutLink { path: self.at.clone(), target: target.to_owned() },
            ],
            undo: Undo::Operations(vec![
                Operation::RemoveLink { path: self.at.clone(), target: target.to_owned() },
                Operation::Restore { path: self.at.clone(), slot: slot.to_owned() },
            ]),
        })
    }

    fn refused(&self, what: &str) -> Verdict {
        Verdict::Blocked {
            why: format!(
                "{}: {what} is in the place of a link of ours; move it away, or set `adopt: true` at the site to keep it as undo material",
                self.at
            ),
        }
    }

    fn no_place(&self, nearest: &str) -> Verdict {
        Verdict::Blocked {
            why: format!(
                "{}: its directory does not exist (the nearest that does is {nearest}); is the site's docroot right?",
                self.at
            ),
        }
    }

    fn denied(&self, why: &str) -> Verdict {
        Verdict::Blocked {
            why: format!("{}: the host refused to say what is there: {why}", self.at),
        }
    }
}

fn parent_of(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "/var/www/acme/wp-content/mu-plugins/fleetctl.php";

    fn link(target: Option<&str>, ours: Option<&str>, adopt: bool) -> Link {
        Link {
            at: AT.into(),
            target: target.map(Into::into),
            ours: ours.map(Into::into),
            adopt,
            make_parent: true,
            adopted: None,
        }
    }

    fn judge(link: &Link, found: Lstat) -> Verdict {
        link.judge(
            &Answers { lstat: [(AT.to_owned(), found)].into(), ..Answers::default() },
            "1-x/0",
        )
    }

    #[test]
    fn a_right_link_needs_nothing_and_a_missing_one_is_made() {
        let wanted = link(Some("/srv/a/current/x"), None, false);
        assert_eq!(judge(&wanted, Lstat::Link("/srv/a/current/x".into())), Verdict::Same);
        let Verdict::Change(change) = judge(&wanted, Lstat::Absent) else { panic!() };
        assert_eq!(change.forward.len(), 1);
        let near = Lstat::NoParent("/var/www/acme/wp-content".into());
        let Verdict::Change(change) = judge(&wanted, near) else { panic!() };
        assert_eq!(
            change.forward[0],
            Operation::MakeDirectory { path: "/var/www/acme/wp-content/mu-plugins".into() }
        );
    }

    #[test]
    fn a_missing_docroot_is_a_mistake_and_not_a_wish() {
        let wanted = link(Some("/srv/a/current/x"), None, false);
        let far = Lstat::NoParent("/var/www".into());
        let Verdict::Blocked { why } = judge(&wanted, far) else { panic!() };
        assert!(why.contains("docroot"), "{why}");
    }

    #[test]
    fn what_is_foreign_is_refused_or_kept() {
        for found in [Lstat::File, Lstat::Directory, Lstat::Link("/elsewhere".into())] {
            let refused = judge(&link(Some("/t"), None, false), found.clone());
            assert!(matches!(refused, Verdict::Blocked { .. }), "{found:?}");
            let Verdict::Change(change) = judge(&link(Some("/t"), None, true), found) else {
                panic!()
            };
            assert_eq!(
                change.forward[0],
                Operation::Keep { path: AT.into(), slot: "1-x/0".into() }
            );
            let Undo::Operations(undo) = change.undo else { panic!() };
            assert_eq!(undo[1], Operation::Restore { path: AT.into(), slot: "1-x/0".into() });
        }
    }

    #[test]
    fn only_a_link_that_is_still_ours_is_removed() {
        let gone = link(None, Some("/srv/a/current/x"), false);
        let ours = judge(&gone, Lstat::Link("/srv/a/current/x".into()));
        assert!(matches!(ours, Verdict::Change(_)));
        for left in [Lstat::Absent, Lstat::File, Lstat::Link("/other".into())] {
            assert_eq!(judge(&gone, left), Verdict::Same);
        }
    }

    #[test]
    fn what_was_adopted_comes_back_when_the_link_goes() {
        let mut gone = link(None, Some("/t"), false);
        gone.adopted = Some("3-a/0".into());
        let Verdict::Change(change) = judge(&gone, Lstat::Link("/t".into())) else { panic!() };
        assert_eq!(change.forward[1], Operation::Restore { path: AT.into(), slot: "3-a/0".into() });
        let Undo::Operations(undo) = change.undo else { panic!() };
        assert_eq!(undo[0], Operation::Keep { path: AT.into(), slot: "3-a/0".into() });
    }
}
