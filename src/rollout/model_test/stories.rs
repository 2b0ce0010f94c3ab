//! Rollouts that a person would tell, each held against the reference too.

use super::*;

fn fleet(count: usize, on_abort: OnAbort, batches: Batches) -> Case {
    let script = Script {
        host: 0,
        canary: false,
        staged: Staged::Ready,
        released: Released::Confirmed,
        undone: Undone::RolledBack,
    };
    let budget = Budget { failed: Share::Count(0), unreachable: Share::percent(10) };
    let scripts = (0..count).map(|i| Script { host: u8::try_from(i).unwrap(), ..script.clone() });
    Case {
        scripts: scripts.collect(),
        batches,
        budget,
        on_abort,
        pause: 0,
        choices: vec![0],
        interrupt: None,
    }
}

fn sizes(text: &str) -> Batches {
    Batches::Sizes(text.split(' ').map(|s| s.parse().unwrap()).collect())
}

fn outcomes(case: &Case) -> (String, u8) {
    check(case);
    let history = drive(case);
    let Some(Mark::Out(Order::Finish { outcomes, code, .. })) = history.last() else { panic!() };
    let letters = outcomes.values().map(|outcome| match outcome {
        Outcome::Changed => 'C',
        Outcome::RolledBack => 'r',
        Outcome::NotStarted => '-',
        Outcome::Failed => 'F',
        Outcome::Unreachable => 'u',
        Outcome::Indeterminate => '?',
        Outcome::RollbackFailed => '!',
        Outcome::Unchanged => '=',
        Outcome::Skipped => 's',
    });
    (letters.collect(), *code)
}

#[test]
fn a_sick_site_in_the_second_batch_meets_each_policy() {
    for (policy, expected, code) in [
        (OnAbort::Keep, "CCFC----", 5),
        (OnAbort::RollbackFailed, "CCrC----", 6),
        (OnAbort::RollbackBatch, "Crrr----", 6),
        (OnAbort::RollbackAll, "rrrr----", 6),
    ] {
        let mut case = fleet(8, policy, sizes("1 3 100%"));
        case.scripts[2].released = Released::Failed;
        assert_eq!(outcomes(&case), (expected.to_owned(), code), "{policy:?}");
    }
}

#[test]
fn a_failing_undo_stops_no_other_and_is_told() {
    let mut case = fleet(6, OnAbort::RollbackAll, sizes("2"));
    case.scripts[3].released = Released::Failed;
    case.scripts[1].undone = Undone::Failed;
    assert_eq!(outcomes(&case), ("r!rr--".to_owned(), 7));
    case.scripts[1].undone = Undone::Lost;
    assert_eq!(outcomes(&case), ("r?rr--".to_owned(), 7));
}

#[test]
fn within_the_budget_a_failed_site_is_undone_and_the_run_goes_on() {
    let mut case = fleet(4, OnAbort::RollbackBatch, sizes("2"));
    case.budget.failed = Share::Count(1);
    case.scripts[0].released = Released::Failed;
    assert_eq!(outcomes(&case), ("rCCC".to_owned(), 4));
}

#[test]
fn a_lost_site_is_indeterminate_until_it_is_undone() {
    let mut case = fleet(3, OnAbort::Keep, sizes("1"));
    case.scripts[1].released = Released::Lost;
    assert_eq!(outcomes(&case), ("C?-".to_owned(), 5));
    case.on_abort = OnAbort::RollbackFailed;
    assert_eq!(outcomes(&case), ("Cr-".to_owned(), 6));
}

#[test]
fn trouble_while_staging_changes_no_site() {
    let mut case = fleet(20, OnAbort::RollbackBatch, sizes("100%"));
    case.scripts[19].staged = Staged::Failed;
    assert_eq!(outcomes(&case), ("-------------------F".to_owned(), 5));
    case.scripts[19].staged = Staged::Held;
    assert_eq!(outcomes(&case), ("-------------------F".to_owned(), 9));
    case.scripts[19].staged = Staged::Stale;
    assert_eq!(outcomes(&case), ("-------------------F".to_owned(), 11));
    case.scripts[19].staged = Staged::Unreachable;
    assert_eq!(outcomes(&case), ("CCCCCCCCCCCCCCCCCCCu".to_owned(), 8));
    case.scripts[19].staged = Staged::Denied;
    assert_eq!(outcomes(&case), ("CCCCCCCCCCCCCCCCCCCu".to_owned(), 12));
    case.budget.unreachable = Share::Count(0);
    case.scripts[19].staged = Staged::Unreachable;
    assert_eq!(outcomes(&case), ("-------------------u".to_owned(), 8));
}

#[test]
fn an_empty_fleet_and_a_settled_one_are_done_at_once() {
    assert_eq!(outcomes(&fleet(0, OnAbort::Keep, sizes("1 10%"))), (String::new(), 0));
    let mut case = fleet(3, OnAbort::Keep, sizes("1"));
    for script in &mut case.scripts {
        script.staged = Staged::Unchanged;
    }
    assert_eq!(outcomes(&case), ("===".to_owned(), 0));
}

#[test]
fn an_interrupted_run_finishes_what_is_in_flight_and_can_be_resumed() {
    let mut case = fleet(4, OnAbort::RollbackBatch, sizes("2"));
    // Four stagings, one of the first batch, then Ctrl-C while the other is in flight.
    case.interrupt = Some(5);
    assert_eq!(outcomes(&case), ("CC--".to_owned(), 130));
}

#[test]
fn ten_thousand_sites_are_no_work() {
    let mut case = fleet(0, OnAbort::RollbackBatch, sizes("1 10%"));
    case.budget.failed = Share::Count(0);
    let mut schedule = schedule(&case);
    schedule.sites = (0..10_000)
        .map(|i| Slot {
            site: format!("s{i}").parse().unwrap(),
            host: format!("h{}", i / 2),
            canary: false,
        })
        .collect();
    let (mut rollout, mut orders) = Rollout::begin(schedule);
    let mut steps = 0;
    while let Some(order) = orders.pop() {
        let Order::Begin(errand, site) = order else { continue };
        let input = match errand {
            Errand::Stage => Input::Staged(site, Staged::Ready),
            Errand::Release => Input::Released(site, Released::Confirmed),
            Errand::Undo => Input::Undone(site, Undone::RolledBack),
            Errand::Settle => Input::Settled(site),
        };
        steps += 1;
        orders.extend(rollout.step(input));
    }
    assert!(rollout.is_over());
    assert_eq!(steps, 30_000);
}

#[test]
fn what_is_foreseen_is_judged_before_anything_is_begun() {
    let known = |results: &[Staged]| -> BTreeMap<SiteName, Staged> {
        let names = (0..results.len()).map(|index| format!("s{index:02}").parse().unwrap());
        names.zip(results.iter().copied()).collect()
    };
    let begin = |budget: u32, results: &[Staged]| {
        let mut schedule = schedule(&fleet(6, OnAbort::RollbackBatch, sizes("2")));
        schedule.budget.failed = Share::Count(budget);
        let foreseen = known(results);
        let (rollout, orders) = Rollout::begin_knowing(schedule.clone(), &foreseen);
        // A journal says what was foreseen first, and so rebuilds the very same rollout.
        let mut events: Vec<Event> =
            foreseen.into_iter().map(|(site, result)| Event::SiteStaged { site, result }).collect();
        events.push(Event::RolloutPlanned(schedule));
        assert_eq!(Rollout::replay(&events), Some(rollout.clone()));
        (rollout, orders)
    };
    let staged = |orders: &[Order]| {
        orders.iter().filter(|order| matches!(order, Order::Begin(Errand::Stage, _))).count()
    };
    let (rollout, orders) = begin(1, &[Staged::Failed, Staged::Failed]);
    assert_eq!(staged(&orders), 0);
    assert!(rollout.is_over());
    assert!(orders.iter().any(|order| matches!(
        order,
        Order::Announce(Announcement::Aborted { why, .. }) if why == "2 sites failed, the budget allows 1"
    )));
    assert!(matches!(orders.last(), Some(Order::Finish { code: 5, .. })));
    let (rollout, orders) = begin(2, &[Staged::Failed, Staged::Failed]);
    assert_eq!(staged(&orders), 4);
    assert!(!rollout.is_over());
    let (_, orders) = begin(6, &[Staged::Held]);
    assert_eq!(staged(&orders), 0);
    assert!(matches!(orders.last(), Some(Order::Finish { code: 9, .. })));
    let (_, orders) = begin(0, &[Staged::Denied]);
    assert!(matches!(orders.last(), Some(Order::Finish { code: 12, .. })));
}
