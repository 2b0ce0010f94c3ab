//! The rollout against a reference: random fleets, faults and interleavings are driven
//! through the machine, and what it did is held against rules told over the whole history.

mod cases;
mod reference;
mod stories;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use reference::Reference;

use super::*;
use crate::event::{Batches, Budget, Schedule, Share, Slot};

#[derive(Debug, Clone)]
struct Script {
    host: u8,
    canary: bool,
    staged: Staged,
    released: Released,
    undone: Undone,
}

#[derive(Debug, Clone)]
struct Case {
    scripts: Vec<Script>,
    batches: Batches,
    budget: Budget,
    on_abort: OnAbort,
    pause: u64,
    /// Which of what is out ends next.
    choices: Vec<u8>,
    /// Before which input the run is interrupted.
    interrupt: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum Mark {
    In(Input),
    Out(Order),
}

fn name(index: usize) -> SiteName {
    format!("s{index:02}").parse().unwrap()
}

fn schedule(case: &Case) -> Schedule {
    let slots = case.scripts.iter().enumerate().map(|(index, script)| Slot {
        site: name(index),
        host: script.host.to_string(),
        canary: script.canary,
    });
    Schedule {
        sites: slots.collect(),
        batches: case.batches.clone(),
        budget: case.budget,
        on_abort: case.on_abort,
        pause: case.pause,
    }
}

/// Runs a case to its end, checking what must hold at every moment.
fn drive(case: &Case) -> Vec<Mark> {
    let (mut rollout, first) = Rollout::begin(schedule(case));
    let mut history: Vec<Mark> = first.into_iter().map(Mark::Out).collect();
    let mut seen = 0;
    let mut out: Vec<(Errand, SiteName)> = Vec::new();
    let mut pausing = false;
    let mut inputs = 0;
    loop {
        for mark in &history[seen..] {
            match mark {
                Mark::Out(Order::Begin(errand, site)) => {
                    let host = |site: &SiteName| case.scripts[index_of(site)].host;
                    assert!(out.iter().all(|(_, s)| host(s) != host(site)), "two at one host");
                    out.push((*errand, site.clone()));
                }
                Mark::Out(Order::Pause(_)) => pausing = true,
                _ => {}
            }
        }
        seen = history.len();
        let in_flight: BTreeSet<_> = rollout.in_flight().collect();
        assert_eq!(in_flight, out.iter().map(|(e, s)| (*e, s)).collect());
        if rollout.is_over() {
            assert!(out.is_empty(), "over with errands out");
            assert_replays(&schedule(case), &history, &rollout);
            return history;
        }
        let input = if case.interrupt == Some(inputs) {
            Input::Interrupted(Signal::Interrupt)
        } else if out.is_empty() {
            assert!(pausing, "neither over nor anything under way");
            pausing = false;
            Input::PauseOver
        } else {
            let choice = case.choices.get(inputs % case.choices.len()).copied().unwrap_or(0);
            let (errand, site) = out.remove(usize::from(choice) % out.len());
            let script = &case.scripts[index_of(&site)];
            match errand {
                Errand::Stage => Input::Staged(site, script.staged),
                Errand::Release => Input::Released(site, script.released),
                Errand::Undo => Input::Undone(site, script.undone),
                Errand::Settle => Input::Settled(site),
            }
        };
        inputs += 1;
        assert!(inputs < 10 * (case.scripts.len() + 2), "it does not end");
        let orders = rollout.step(input.clone());
        if !matches!(input, Input::PauseOver) {
            let before = rollout.clone();
            assert_eq!(rollout.step(input.clone()), [], "told twice is told once");
            assert_eq!(rollout, before);
        }
        history.push(Mark::In(input));
        history.extend(orders.into_iter().map(Mark::Out));
    }
}

fn index_of(site: &SiteName) -> usize {
    site.as_str()[1..].parse().unwrap()
}

fn assert_replays(schedule: &Schedule, history: &[Mark], rollout: &Rollout) {
    let mut events = vec![Event::PauseEnded, Event::RolloutPlanned(schedule.clone())];
    events.extend(history.iter().map(|mark| match mark.clone() {
        Mark::In(Input::Staged(site, result)) => Event::SiteStaged { site, result },
        Mark::In(Input::Released(site, result)) => Event::SiteReleased { site, result },
        Mark::In(Input::Undone(site, result)) => Event::SiteUndone { site, result },
        Mark::In(Input::Settled(site)) => Event::SiteSettled { site },
        Mark::In(Input::PauseOver) => Event::PauseEnded,
        Mark::In(Input::Interrupted(signal)) => Event::Interrupted { signal },
        Mark::Out(Order::Announce(announcement)) => announcement.into(),
        Mark::Out(_) => Event::Warned { site: None, message: String::new() },
    }));
    assert_eq!(Rollout::replay(&events).as_ref(), Some(rollout));
    assert_eq!(Rollout::replay(&events[..1]), None);
}

fn check(case: &Case) {
    let history = drive(case);
    let reference = Reference { case, history: &history };
    let sites = case.scripts.len();
    let stop = reference.stop();

    // Everything is staged before anything is released; nothing begins after the stop.
    let last_staged = (0..sites).filter_map(|s| reference.ended(Errand::Stage, s)).max();
    for site in 0..sites {
        let staged = reference.begun(Errand::Stage, site);
        let released = reference.begun(Errand::Release, site);
        assert!(released.is_none() || released > last_staged, "released while others stage");
        for begun in [staged, released].into_iter().flatten() {
            assert!(stop.is_none_or(|stop| begun < stop), "begun after the stop");
        }
        if stop.is_none() {
            assert!(staged.is_some());
            assert_eq!(released.is_some(), case.scripts[site].staged == Staged::Ready);
        }
    }

    check_batches(&reference, stop);
    check_window(&reference, stop);
    let undone = check_undo(&reference);
    check_outcomes(&reference, &undone);
}

fn check_batches(reference: &Reference<'_>, stop: Option<usize>) {
    let (case, history) = (reference.case, reference.history);
    // Batches are the plain slices, each begun when the one before has come to rest.
    let started: Vec<(usize, usize, usize, &Vec<SiteName>)> = history
        .iter()
        .enumerate()
        .filter_map(|(at, mark)| match mark {
            Mark::Out(Order::Announce(Announcement::BatchStarted { number, of, sites })) => {
                Some((at, *number, *of, sites))
            }
            _ => None,
        })
        .collect();
    let expected = if started.is_empty() { Vec::new() } else { reference.batches() };
    assert!(stop.is_some() || started.len() == reference.batches().len(), "a batch is missing");
    for (place, (at, number, of, sites)) in started.iter().enumerate() {
        assert_eq!((*number, *of), (place + 1, expected.len()));
        assert_eq!(**sites, expected[place].iter().map(|i| name(*i)).collect::<Vec<_>>());
        let next = started.get(place + 1).map_or(history.len(), |(at, ..)| *at);
        for index in &expected[place] {
            let begun = reference.begun(Errand::Release, *index);
            assert!(begun.is_none_or(|b| b > *at && b < next), "released outside its batch");
            let ended = reference.ended(Errand::Release, *index);
            assert!(begun.is_none() || ended.is_some_and(|e| e < next), "batches overlap");
        }
    }
    let pauses = history.iter().filter(|m| matches!(m, Mark::Out(Order::Pause(_)))).count();
    if stop.is_none() {
        let gaps = expected.len().saturating_sub(1);
        assert_eq!(pauses, if case.pause > 0 { gaps } else { 0 }, "no pause after the last");
    }
}

fn check_window(reference: &Reference<'_>, stop: Option<usize>) {
    let (case, history) = (reference.case, reference.history);
    // A window is never exceeded, and a site keeps its place in it until it is at rest.
    if let Batches::Window(size) = case.batches {
        let abort_undos = stop.unwrap_or(history.len());
        let mut busy = 0_i64;
        for mark in &history[..abort_undos] {
            match mark {
                Mark::Out(Order::Begin(Errand::Release | Errand::Undo, _)) => busy += 1,
                Mark::In(Input::Released(..) | Input::Undone(..)) => busy -= 1,
                _ => {}
            }
            assert!(busy <= i64::from(size.max(1)), "more in flight than the window");
        }
    }
}

fn check_undo(reference: &Reference<'_>) -> BTreeSet<usize> {
    // The undo set is exact, each once, and what the policy adds goes newest first.
    let undone = reference.undo_set();
    let mut newest_in_step: Option<usize> = None;
    let mut seen = BTreeSet::new();
    for mark in reference.history {
        match mark {
            Mark::In(_) => newest_in_step = None,
            Mark::Out(Order::Begin(Errand::Undo, site)) => {
                let index = index_of(site);
                assert!(seen.insert(index), "undone twice");
                let began = reference.begun(Errand::Release, index);
                assert!(newest_in_step.is_none_or(|n| Some(n) > began), "not newest first");
                newest_in_step = began;
            }
            Mark::Out(_) => {}
        }
    }
    assert_eq!(seen, undone);
    undone
}

fn check_outcomes(reference: &Reference<'_>, undone: &BTreeSet<usize>) {
    let (case, history) = (reference.case, reference.history);
    let sites = case.scripts.len();

    // Every site has one outcome, told once, and its lock is given back after that.
    let mut outcomes = BTreeMap::new();
    for site in 0..sites {
        let outcome = reference.outcome(site, undone);
        outcomes.insert(name(site), outcome);
        let told: Vec<usize> = history
            .iter()
            .enumerate()
            .filter(|(_, m)| matches!(m, Mark::Out(Order::Conclude(s, _)) if *s == name(site)))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(told.len(), 1, "concluded {} times", told.len());
        assert_eq!(history[told[0]], Mark::Out(Order::Conclude(name(site), outcome)));
        let may_hold = reference.ended(Errand::Stage, site).is_some()
            && !matches!(
                case.scripts[site].staged,
                Staged::Unchanged | Staged::Held | Staged::Skipped | Staged::Denied
            );
        let settled = reference.begun(Errand::Settle, site);
        assert_eq!(settled.is_some(), may_hold, "locks");
        if let Some(settled) = settled {
            assert!(settled > told[0]);
            let before = [Errand::Stage, Errand::Release, Errand::Undo];
            assert!(before.iter().all(|e| reference.begun(*e, site) < Some(settled)));
        }
    }
    let finish = history.last().unwrap();
    let Mark::Out(Order::Finish { outcomes: found, code, .. }) = finish else {
        panic!("the last order is {finish:?}")
    };
    assert_eq!(*found, outcomes);
    assert_eq!(*code, reference.code(&outcomes, undone));
    let ends = history.iter().filter(|m| matches!(m, Mark::Out(Order::Finish { .. }))).count();
    assert_eq!(ends, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_000))]

    #[test]
    fn every_rollout_is_as_the_reference_tells(case in cases::case()) {
        check(&case);
    }
}
