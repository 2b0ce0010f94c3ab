//! Which old releases go. Never the current one, the confirmed one before it, or one whose undo
//! material is still needed; and a release that failed never costs a good one its place.

use std::collections::BTreeSet;

use super::observation::Observation;
use crate::model::ReleaseName;

/// What goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prune {
    /// Release directories.
    pub releases: BTreeSet<ReleaseName>,
    /// Undo material.
    pub undo: BTreeSet<ReleaseName>,
}

/// Decides, given that `current` is or will be current and `keep` confirmed releases stay.
/// `staged` was put beside the others by this run and never became current: it goes.
#[must_use]
pub fn prune(
    seen: &Observation,
    current: Option<&ReleaseName>,
    staged: Option<&ReleaseName>,
    keep: usize,
) -> Prune {
    let confirmed: Vec<&ReleaseName> = {
        let mut names: Vec<_> =
            seen.releases.iter().filter(|name| seen.journal.is_confirmed(name)).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.seq()));
        names
    };
    let mut stays: BTreeSet<&ReleaseName> = confirmed.into_iter().take(keep.max(1)).collect();
    stays.extend(current);
    stays.extend(seen.current_name());
    let before = current.and_then(|name| seen.journal.confirmed_before(name));
    stays.extend(before.map(|record| &record.release));
    let mut releases: BTreeSet<ReleaseName> =
        seen.releases.iter().filter(|name| !stays.contains(name)).cloned().collect();
    releases.extend(staged.filter(|name| current != Some(*name)).cloned());

    let holds_a_file =
        |name: &ReleaseName| seen.undo.get(name).is_some_and(|record| !record.adopted.is_empty());
    let undo = releases.iter().filter(|name| !holds_a_file(name)).cloned().collect();
    Prune { releases, undo }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        model::{Digest, RunId},
        release::{Record, SiteJournal, Verb},
    };

    fn name(seq: u64) -> ReleaseName {
        ReleaseName::new(seq, &Digest::of(&seq.to_be_bytes()))
    }

    fn host(confirmed: &[u64], failed: &[u64]) -> Observation {
        let record = |verb, seq: u64| Record {
            verb,
            release: name(seq),
            digest: Digest::of(&seq.to_be_bytes()),
            run: RunId::new("r").unwrap(),
            notes: BTreeMap::default(),
        };
        let mut seqs: Vec<u64> = confirmed.iter().chain(failed).copied().collect();
        seqs.sort_unstable();
        let records = seqs
            .iter()
            .flat_map(|seq| {
                let end = if failed.contains(seq) { Verb::Undone } else { Verb::Confirm };
                [record(Verb::Activate, *seq), record(end, *seq)]
            })
            .collect();
        Observation {
            releases: seqs.iter().map(|seq| name(*seq)).collect(),
            journal: SiteJournal { records },
            ..Observation::default()
        }
    }

    fn gone(seen: &Observation, current: u64, keep: usize) -> Vec<u64> {
        prune(seen, Some(&name(current)), None, keep)
            .releases
            .iter()
            .map(ReleaseName::seq)
            .collect()
    }

    #[test]
    fn the_last_confirmed_ones_stay() {
        assert_eq!(gone(&host(&[1, 2, 3, 4], &[]), 4, 2), [1, 2]);
        assert_eq!(gone(&host(&[1, 2], &[]), 2, 5), [0; 0]);
    }

    #[test]
    fn failed_ones_never_evict_good_ones() {
        assert_eq!(gone(&host(&[1, 2], &[3, 4, 5]), 2, 2), [3, 4, 5]);
    }

    #[test]
    fn the_way_back_stays_open_even_if_only_one_is_kept() {
        assert_eq!(gone(&host(&[1, 2, 3], &[]), 3, 1), [1]);
        // After going back to 1, that is what is current.
        assert_eq!(gone(&host(&[1, 2, 3], &[]), 1, 1), [2]);
    }

    #[test]
    fn what_was_staged_and_never_used_goes() {
        let seen = host(&[1], &[]);
        let staged = name(2);
        assert_eq!(prune(&seen, Some(&name(1)), Some(&staged), 5).releases, [staged].into());
    }
}
