//! What an interrupted run left open: sites where something was begun and not settled.

use std::collections::BTreeMap;

use crate::{
    event::{Event, Staged, Stamped, Step},
    model::{ReleaseName, SiteName},
};

/// How far the last step came, as far as the journal knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It was begun: the host may or may not have done it.
    Begun,
    /// It was done.
    Done,
    /// It failed.
    Failed {
        /// Why.
        why: String,
    },
}

/// A site that a run has touched, or may have touched, and not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSite {
    /// The last step that was begun there.
    pub step: Step,
    /// How far it came.
    pub progress: Progress,
    /// The release that the step is about.
    pub release: Option<ReleaseName>,
}

/// The sites that these events leave open.
#[must_use]
pub fn open_sites(events: &[Stamped]) -> BTreeMap<SiteName, OpenSite> {
    let mut open: BTreeMap<SiteName, OpenSite> = BTreeMap::new();
    for stamped in events {
        match &stamped.event {
            Event::StepStarted { site, step, release } if touches(*step) => {
                let begun =
                    OpenSite { step: *step, progress: Progress::Begun, release: release.clone() };
                open.insert(site.clone(), begun);
            }
            Event::StepDone { site, step: Step::Run, .. }
            | Event::StepFailed { site, step: Step::Run, indeterminate: false, .. }
            | Event::SiteSettled { site }
            | Event::SiteStaged {
                site,
                result: Staged::Unchanged | Staged::Held | Staged::Skipped | Staged::Denied,
            } => {
                open.remove(site);
            }
            Event::StepDone { site, step, .. } => end(&mut open, site, *step, Progress::Done),
            Event::StepFailed { site, step, why, indeterminate: false, .. } => {
                end(&mut open, site, *step, Progress::Failed { why: why.clone() });
            }
            _ => {}
        }
    }
    open
}

fn end(open: &mut BTreeMap<SiteName, OpenSite>, site: &SiteName, step: Step, how: Progress) {
    if let Some(open) = open.get_mut(site)
        && open.step == step
    {
        open.progress = how;
    }
}

/// Whether a step may leave something behind on a host.
const fn touches(step: Step) -> bool {
    !matches!(step, Step::Connect | Step::Probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> SiteName {
        "acme.example".parse().unwrap()
    }

    fn started(step: Step) -> Event {
        Event::StepStarted { site: site(), step, release: None }
    }

    fn done(step: Step) -> Event {
        Event::StepDone { site: site(), step, took: 1, sent: 0, detail: None }
    }

    fn lost(step: Step, indeterminate: bool) -> Event {
        let (why, tail) = ("cut".to_owned(), Vec::new());
        Event::StepFailed { site: site(), step, why, tail, indeterminate }
    }

    fn staged(result: Staged) -> Event {
        Event::SiteStaged { site: site(), result }
    }

    fn check(events: &[Event], expected: Option<&(Step, Progress)>) {
        let stamped: Vec<Stamped> =
            events.iter().cloned().map(|event| Stamped { at: 0, index: 0, event }).collect();
        let found = open_sites(&stamped).remove(&site()).map(|open| (open.step, open.progress));
        assert_eq!(found.as_ref(), expected, "{events:?}");
    }

    #[test]
    fn a_site_is_open_from_its_first_touch_until_it_is_settled() {
        check(&[started(Step::Probe)], None);
        check(&[started(Step::Stage)], Some(&(Step::Stage, Progress::Begun)));
        let ready = [started(Step::Stage), done(Step::Stage), staged(Staged::Ready)];
        check(&ready, Some(&(Step::Stage, Progress::Done)));
        let cut = [started(Step::Stage), started(Step::Activate), lost(Step::Activate, true)];
        check(&cut, Some(&(Step::Activate, Progress::Begun)));
        let failed = [started(Step::Gate), lost(Step::Gate, false)];
        check(&failed, Some(&(Step::Gate, Progress::Failed { why: "cut".into() })));
        check(&[started(Step::Settle), Event::SiteSettled { site: site() }], None);
    }

    #[test]
    fn a_site_whose_lock_was_not_taken_is_not_open() {
        for result in [Staged::Held, Staged::Unchanged, Staged::Skipped, Staged::Denied] {
            check(&[started(Step::Stage), staged(result)], None);
        }
        let failed = [started(Step::Stage), lost(Step::Stage, false), staged(Staged::Failed)];
        check(&failed, Some(&(Step::Stage, Progress::Failed { why: "cut".into() })));
    }

    #[test]
    fn a_command_of_the_users_is_open_while_it_runs() {
        check(&[started(Step::Run)], Some(&(Step::Run, Progress::Begun)));
        check(&[started(Step::Run), done(Step::Run)], None);
        check(&[started(Step::Run), lost(Step::Run, true)], Some(&(Step::Run, Progress::Begun)));
    }
}
