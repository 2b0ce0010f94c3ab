//! Batch arithmetic.
//!
//! A percentage is of **all** sites of the play, rounded down, at least one; the last size
//! repeats until nobody is left. Sites that need nothing, or could not be staged, count for
//! the percentages but take no place in a batch: a batch is a number of sites at risk.

use crate::event::{Batches, Share};

/// The sizes of the batches for `ready` sites of `total`. Their sum is `ready`.
pub(super) fn sizes(batches: &Batches, total: usize, ready: usize) -> Vec<usize> {
    let all = [Share::percent(100)];
    let shares = match batches {
        Batches::Sizes(shares) if !shares.is_empty() => shares.as_slice(),
        // A window is one batch; how many are in flight is another matter.
        Batches::Sizes(_) | Batches::Window(_) => &all,
    };
    let mut left = ready;
    let mut sizes = Vec::new();
    for share in shares.iter().chain(shares.last().into_iter().cycle()) {
        if left == 0 {
            break;
        }
        let size = share.of(total).clamp(1, left);
        left -= size;
        sizes.push(size);
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(batches: &str, total: usize, ready: usize, expected: &[usize]) {
        let shares = batches.split_whitespace().map(|s| s.parse().unwrap()).collect();
        let found = sizes(&Batches::Sizes(shares), total, ready);
        assert_eq!(found, expected, "{batches} of {total}, {ready} ready");
    }

    #[test]
    fn percentages_are_floored_and_at_least_one() {
        check("1 10% 50% 100%", 60, 60, &[1, 6, 30, 23]);
        check("1 10% 50% 100%", 100, 100, &[1, 10, 50, 39]);
        check("1 10% 50% 100%", 1, 1, &[1]);
        check("33%", 3, 3, &[1, 1, 1]);
        check("33%", 7, 7, &[2, 2, 2, 1]);
        check("10%", 9, 3, &[1, 1, 1]);
        check("100%", 5, 5, &[5]);
        check("0.01%", 3, 3, &[1, 1, 1]);
    }

    #[test]
    fn the_last_size_repeats() {
        check("1 2", 8, 8, &[1, 2, 2, 2, 1]);
        check("3", 8, 8, &[3, 3, 2]);
        check("5 1", 3, 3, &[3]);
    }

    #[test]
    fn percentages_are_of_all_sites_of_the_play() {
        check("50%", 10, 6, &[5, 1]);
        check("1 10% 50% 100%", 60, 7, &[1, 6]);
    }

    #[test]
    fn nobody_makes_no_batch_and_a_size_of_nothing_is_one() {
        check("1 10%", 0, 0, &[]);
        check("50%", 10, 0, &[]);
        check("0", 2, 2, &[1, 1]);
        check("", 3, 3, &[3]);
        assert_eq!(sizes(&Batches::Window(2), 5, 4), [4]);
    }
}
