//! Drift on the screen: what is not as released, on which sites, the same finding once.

use serde::Serialize;

use super::{Line, Table, Tone, collapse, listed, plural};
use crate::model::SiteName;

/// In what way something is not as released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The content differs.
    Changed,
    /// It is not there.
    Missing,
    /// It is there and should not be.
    Extra,
    /// The mode differs.
    Mode,
    /// The owner or group differs.
    Owner,
    /// A link points elsewhere.
    Link,
    /// The site is on another release than wanted.
    Release,
    /// The site is on another release because a run rolled it back.
    RolledBack,
    /// Somebody holds the host lock: nothing is said about this site.
    Busy,
    /// The host could not be asked.
    Unreachable,
}

impl Kind {
    /// The word in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Link => "link",
            Self::Release => "release",
            Self::RolledBack => "rolled back",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether it says that the site has drifted, and not only that nobody could look.
    #[must_use]
    pub const fn is_drift(self) -> bool {
        !matches!(self, Self::Busy | Self::Unreachable)
    }
}

/// One thing that is not as released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where.
    pub site: SiteName,
    /// Which path, as the release names it; empty for the site as a whole.
    pub path: String,
    /// In what way.
    pub kind: Kind,
    /// What was found, as `0644, should be 0640`.
    pub detail: String,
}

/// The findings of an audit of `audited` sites.
#[must_use]
pub fn audit(findings: &[Finding], audited: usize, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if !findings.is_empty() {
        let same = findings.iter().map(|finding| {
            let what = (finding.kind, finding.path.clone(), finding.detail.clone());
            (finding.site.clone(), what)
        });
        let mut table = Table::new(&["SITES", "FINDING", "PATH", "DETAIL"]);
        for group in collapse(same) {
            let (kind, path, detail) = group.what;
            let tone = if kind.is_drift() { Tone::Bad } else { Tone::Warn };
            table.row([
                (Tone::Strong, listed(&group.sites, columns / 3)),
                (tone, kind.as_str().to_owned()),
                (Tone::Plain, path),
                (Tone::Dim, detail),
            ]);
        }
        lines.extend(table.lines(Some(columns)));
        lines.push(Line::new());
    }
    let sites = |wanted: &dyn Fn(Kind) -> bool| {
        let mut sites: Vec<&SiteName> =
            findings.iter().filter(|f| wanted(f.kind)).map(|f| &f.site).collect();
        sites.sort();
        sites.dedup();
        sites.len()
    };
    let drifted = sites(&Kind::is_drift);
    let busy = sites(&|kind| kind == Kind::Busy);
    let unreachable = sites(&|kind| kind == Kind::Unreachable);
    let clean = audited.saturating_sub(sites(&|_| true));
    let line = Line::of(Tone::Strong, &format!("{}: ", plural(audited, "site")));
    let line = line.add(Tone::Good, &format!("{clean} as released"));
    let parts = [
        (drifted, "drifted", Tone::Bad),
        (busy, "busy", Tone::Warn),
        (unreachable, "unreachable", Tone::Bad),
    ];
    lines.push(parts.into_iter().filter(|(count, ..)| *count > 0).fold(
        line,
        |line, (count, word, tone)| {
            line.add(Tone::Plain, ", ").add(tone, &format!("{count} {word}"))
        },
    ));
    lines
}
