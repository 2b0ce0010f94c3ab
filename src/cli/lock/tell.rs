//! What a lock changes, on the screen: by feature, what happens at which sites and why.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::Door,
    feature::{Dropped, Move, Moves},
    model::{FeatureName, SiteName},
    report::{Line, Tone, listed, plural},
};

/// What happens to a feature at some sites.
pub struct Row {
    pub feature: FeatureName,
    pub tone: Tone,
    pub mark: &'static str,
    /// "contact-form 2.1.4 → 2.2.0".
    pub what: String,
    pub sites: BTreeSet<SiteName>,
    pub why: Option<String>,
}

impl Row {
    fn of_move(step: &Move) -> Self {
        let feature = &step.feature;
        let (tone, mark, what) = match (&step.from, &step.to) {
            (Some(from), Some(to)) => (Tone::Warn, "~ ", format!("{feature} {from} → {to}")),
            (None, Some(to)) => (Tone::Good, "+ ", format!("{feature} {to}")),
            (Some(from), None) => (Tone::Bad, "- ", format!("{feature} {from}")),
            (None, None) => (Tone::Dim, "  ", feature.to_string()),
        };
        let (feature, sites, why) = (feature.clone(), step.sites.clone(), step.why.clone());
        Self { feature, tone, mark, what, sites, why }
    }

    /// A feature that stays at a version, and why that is worth a word.
    pub fn unmoved(
        feature: &FeatureName,
        version: Option<&Version>,
        sites: BTreeSet<SiteName>,
        why: String,
    ) -> Self {
        let what = match version {
            Some(version) => format!("{feature} {version}"),
            None => feature.to_string(),
        };
        let (feature, why) = (feature.clone(), Some(why));
        Self { feature, tone: Tone::Dim, mark: "= ", what, sites, why }
    }
}

/// All that happens, by feature; `stays` is what was to move and does not.
pub fn rows(moves: &Moves, stays: Vec<Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = moves.moves.iter().map(Row::of_move).collect();
    rows.extend(moves.reworded.iter().map(|known| {
        let what = match known.version {
            Some(_) => format!("same version, other words: {}", known.what),
            None => format!("no effect: {}", known.what),
        };
        Row::unmoved(&known.feature, known.version.as_ref(), known.sites.clone(), what)
    }));
    rows.extend(stays);
    // Within a feature the order stays: what moves, what is only worded otherwise, what does not move.
    rows.sort_by(|one, other| one.feature.cmp(&other.feature));
    rows
}

/// Shows rows, and what was locked for nobody.
///
/// # Errors
/// When nobody can read it.
pub fn show(rows: &[Row], dropped: &[Dropped], door: &Door) -> std::io::Result<()> {
    let widest = rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
    let counts: Vec<String> = rows.iter().map(|row| plural(row.sites.len(), "site")).collect();
    let most = counts.iter().map(String::len).max().unwrap_or(0);
    let room = door.screen.columns().saturating_sub(widest + most + 6).max(24);
    let mut lines = Vec::new();
    for (row, count) in rows.iter().zip(counts) {
        let gap = " ".repeat(widest - row.what.chars().count() + 2 + most - count.len());
        lines.push(
            Line::of(row.tone, row.mark)
                .add(Tone::Strong, &row.what)
                .add(Tone::Plain, &format!("{gap}{count}"))
                .add(Tone::Dim, &format!("  {}", shortened(&row.sites, room))),
        );
        lines.extend(row.why.iter().map(|why| Line::of(Tone::Dim, &format!("    {why}"))));
    }
    for known in dropped {
        let line = Line::of(Tone::Bad, "- ").add(Tone::Plain, "no site asks any more for: ");
        lines.push(line.add(Tone::Dim, &known.what));
        let text = if known.perhaps.is_empty() {
            "    those sites have left the inventory, or ask for nothing now".to_owned()
        } else {
            let sites = listed(&known.perhaps, room);
            format!(
                "    those sites have left the inventory, or are among these, which ask for less: {sites}"
            )
        };
        lines.push(Line::of(Tone::Dim, &text));
    }
    door.screen.show(&lines)
}

/// Sites in about so many columns; how many there are stands before them.
fn shortened(sites: &BTreeSet<SiteName>, room: usize) -> String {
    let text = listed(sites, room);
    let count = format!(" ({})", sites.len());
    text.strip_suffix(&count).map_or(text.clone(), str::to_owned)
}

/// Says of which sites the lock does not know whether they are new.
///
/// # Errors
/// When nobody can read it.
pub fn tell_unsure(moves: &Moves, name: &str, door: &Door) -> std::io::Result<()> {
    let is_moved = |step: &Move| !step.sites.is_disjoint(&moves.unsure);
    if !moves.moves.iter().any(is_moved) {
        return Ok(());
    }
    let sites = listed(&moves.unsure, 60);
    let verb = if moves.unsure.len() == 1 { "asks" } else { "ask" };
    let text = format!(
        "{name} names no sites: whether {sites} {verb} for something for the first time or for something else than before, only the host knows (fleetctl plan)"
    );
    door.screen.note(&Line::of(Tone::Warn, "note: ").add(Tone::Plain, &text))
}

/// For programs.
pub fn to_json(step: &Move) -> Value {
    json!({
        "feature": step.feature, "from": step.from, "to": step.to, "sites": step.sites,
        "why": step.why,
    })
}

/// For programs: what is only worded otherwise, or was to move and stays.
pub fn unmoved_to_json(row: &Row) -> Value {
    json!({ "feature": row.feature, "what": row.what, "sites": row.sites, "why": row.why })
}
