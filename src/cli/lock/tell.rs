//! What a lock changes, on the screen: by feature, what happens at which sites and why.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Value, json};

use crate::{
    cli::Door,
    feature::{Move, Moves},
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
            (Some(from), Some(to)) => {
                let older = if to < from { " (older)" } else { "" };
                (Tone::Warn, "~ ", format!("{feature} {from} → {to}{older}"))
            }
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
            Some(_) => format!("stays, though what is asked changed: {}", known.what),
            None => format!("no effect: {}", known.what),
        };
        Row::unmoved(&known.feature, known.version.as_ref(), known.sites.clone(), what)
    }));
    rows.extend(stays);
    // Within a feature the order stays: what moves, what is only worded otherwise, what does not move.
    rows.sort_by(|one, other| one.feature.cmp(&other.feature));
    rows
}

/// Shows rows.
///
/// # Errors
/// When nobody can read it.
pub fn show(rows: &[Row], door: &Door) -> std::io::Result<()> {
    let widest = rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
    let counts: Vec<String> = rows.iter().map(|row| plural(row.sites.len(), "site")).collect();
    let most = counts.iter().map(String::len).max().unwrap_or(0);
    let columns = door.screen.columns();
    let room = columns.saturating_sub(widest + most + 6);
    // Too little for most names: then they have a line of their own.
    let is_narrow = room < 36;
    let mut lines = Vec::new();
    for (row, count) in rows.iter().zip(counts) {
        let gap = " ".repeat(widest - row.what.chars().count() + 2 + most - count.len());
        let line = Line::of(row.tone, row.mark)
            .add(Tone::Strong, &row.what)
            .add(Tone::Plain, &format!("{gap}{count}"));
        if is_narrow {
            let sites = shortened(&row.sites, columns.saturating_sub(6));
            lines.extend([line, Line::of(Tone::Dim, &format!("    {sites}"))]);
        } else {
            lines.push(line.add(Tone::Dim, &format!("  {}", shortened(&row.sites, room))));
        }
        lines.extend(row.why.iter().map(|why| Line::of(Tone::Dim, &format!("    {why}"))));
    }
    door.screen.show(&lines)
}

/// Sites in about so many columns; how many there are stands before them.
fn shortened(sites: &BTreeSet<SiteName>, room: usize) -> String {
    let text = listed(sites, room);
    let count = format!(" ({})", sites.len());
    text.strip_suffix(&count).map_or(text.clone(), str::to_owned)
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
