//! What a deploy and the screens warn of: a lock that is behind, holds that have ended.

use std::collections::BTreeSet;

use crate::{
    cli::{Door, Failure},
    model::SiteName,
    pipeline::{Fleet, Resolved},
    report::{Line, Tone, listed},
};

/// Sites whose requirements the lock has not seen yet.
///
/// `is_refused` says that `lock` will be, because of what is told below.
///
/// # Errors
/// A screen that cannot be written to.
pub fn warn_of_lock(
    door: &Door,
    fleet: &Fleet,
    resolved: &Resolved,
    is_refused: bool,
) -> Result<(), Failure> {
    let (name, lock) = (fleet.lock_name(), fleet.command("lock"));
    let next = if is_refused {
        format!("`{lock}` will be refused until what stands below is mended")
    } else {
        format!("run: {lock}")
    };
    let kinds = [
        (&resolved.behind, "what is new, or has changed since"),
        (&resolved.joined, "the same as other sites since it was written"),
    ];
    for (sites, what) in kinds.into_iter().filter(|(sites, _)| !sites.is_empty()) {
        let asks = if sites.len() == 1 { "asks" } else { "ask" };
        let text = format!("{name} is behind: {} {asks} for {what}; {next}", listed(sites, 60));
        door.screen.say(&[Line::of(Tone::Warn, "warning: ").add(Tone::Plain, &text)])?;
    }
    Ok(())
}

/// Holds that were meant to be over by now; only `lock` judges them.
pub fn warn_of_holds(door: &Door, fleet: &Fleet, sites: &[SiteName]) -> Result<(), Failure> {
    let mut told = BTreeSet::new();
    for site in sites.iter().filter_map(|name| fleet.inventory.site(name.as_str())) {
        for hold in site.holds.values() {
            let Some(until) = hold.ended(fleet.today) else { continue };
            if !told.insert(hold.from.at.clone()) {
                continue;
            }
            let text = format!(
                "{}: {} is held at {} until {until}, which is over",
                hold.from.at, hold.feature, hold.version
            );
            door.screen.say(&[Line::of(Tone::Warn, "warning: ").add(Tone::Plain, &text)])?;
        }
    }
    Ok(())
}
