//! Random fleets, faults and interleavings.

use proptest::prelude::*;

use super::{Case, Script};
use crate::event::{Batches, Budget, OnAbort, Released, Share, Staged, Undone};

fn share(most: u32) -> impl Strategy<Value = Share> {
    prop_oneof![(0..=most).prop_map(Share::Count), (0..=10_000_u32).prop_map(Share::Percent)]
}

fn script() -> impl Strategy<Value = Script> {
    let staged = prop_oneof![
        40 => Just(Staged::Ready),
        4 => Just(Staged::Unchanged),
        1 => Just(Staged::Skipped),
        2 => Just(Staged::Failed),
        2 => Just(Staged::Unreachable),
        1 => Just(Staged::Denied),
        1 => Just(Staged::Held),
        1 => Just(Staged::Stale),
    ];
    let released = prop_oneof![
        14 => Just(Released::Confirmed),
        2 => Just(Released::Failed),
        1 => Just(Released::FailedUntouched),
        1 => Just(Released::Lost),
        1 => Just(Released::Unreachable),
    ];
    let undone = prop_oneof![
        6 => Just(Undone::RolledBack),
        1 => Just(Undone::Failed),
        1 => Just(Undone::Lost),
        1 => Just(Undone::Overtaken),
    ];
    (0..12u8, prop::bool::weighted(0.15), staged, released, undone).prop_map(
        |(host, canary, staged, released, undone)| Script {
            host,
            canary,
            staged,
            released,
            undone,
        },
    )
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let batches = prop_oneof![
        3 => prop::collection::vec(share(5), 1..4).prop_map(Batches::Sizes),
        1 => (0..5u32).prop_map(Batches::Window),
    ];
    let on_abort = prop_oneof![
        Just(OnAbort::Keep),
        Just(OnAbort::RollbackFailed),
        Just(OnAbort::RollbackBatch),
        Just(OnAbort::RollbackAll),
    ];
    (
        prop::collection::vec(script(), 0..14),
        batches,
        (share(4), share(4)),
        on_abort,
        prop_oneof![Just(0), Just(5_000u64)],
        prop::collection::vec(any::<u8>(), 1..40),
        prop::option::weighted(0.15, 0..60usize),
    )
        .prop_map(
            |(scripts, batches, (failed, unreachable), on_abort, pause, choices, interrupt)| {
                let budget = Budget { failed, unreachable };
                Case { scripts, batches, budget, on_abort, pause, choices, interrupt }
            },
        )
}
