//! The order in which sites take their turns, and the schedule of a play.

use crate::{
    event::{Schedule, Slot},
    model::Digest,
    playbook::{RolloutSpec, SiteOrder},
};

/// The schedule of a play for these sites, which come in the inventory's order. `run` decides
/// a shuffle that has no number of its own.
#[must_use]
pub fn schedule(spec: &RolloutSpec, mut sites: Vec<Slot>, run: &str) -> Schedule {
    match spec.order {
        SiteOrder::Inventory => {}
        SiteOrder::Name => sites.sort_by(|a, b| a.site.cmp(&b.site)),
        SiteOrder::Reverse => sites.reverse(),
        SiteOrder::Shuffle(seed) => {
            let seed = seed.map_or_else(|| run.to_owned(), |seed| seed.to_string());
            // A digest scatters names evenly, and the same way on every machine.
            sites.sort_by_cached_key(|slot| {
                let parts = [seed.as_bytes(), b"\n".as_slice(), slot.site.as_str().as_bytes()];
                (Digest::of_parts(parts), slot.site.clone())
            });
        }
    }
    Schedule {
        sites,
        batches: spec.batches.clone(),
        budget: spec.budget,
        on_abort: spec.on_abort,
        pause: u64::try_from(spec.pause.as_millis()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(order: SiteOrder, run: &str) -> String {
        let slots = ["c", "a", "d", "b"].map(|name| Slot {
            site: name.parse().unwrap(),
            host: name.to_owned(),
            canary: false,
        });
        let spec = RolloutSpec { order, ..RolloutSpec::default() };
        let sites = schedule(&spec, slots.to_vec(), run).sites;
        sites.iter().map(|slot| slot.site.as_str()).collect()
    }

    #[test]
    fn sites_come_in_the_order_asked_for() {
        assert_eq!(ordered(SiteOrder::Inventory, "r"), "cadb");
        assert_eq!(ordered(SiteOrder::Name, "r"), "abcd");
        assert_eq!(ordered(SiteOrder::Reverse, "r"), "bdac");
    }

    #[test]
    fn a_shuffle_is_the_same_for_the_same_number() {
        let of = |seed, run: &str| ordered(SiteOrder::Shuffle(seed), run);
        assert_eq!(of(Some(7), "r"), of(Some(7), "s"));
        let orders: std::collections::BTreeSet<String> =
            (0..40).map(|run| of(None, &run.to_string())).collect();
        assert!(orders.len() > 10, "{orders:?}");
    }
}
