//! A plan on the screen: what would happen to which sites, identical plans and diffs once.

use super::{Line, Shared, Tone, collapse, diff, listed, plural};
use crate::model::{Content, SiteName};

/// What would be done to a file of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Files {
    /// Files that are new.
    pub added: usize,
    /// Files with other content, mode or owner.
    pub changed: usize,
    /// Files that go.
    pub removed: usize,
    /// Files that stay.
    pub kept: usize,
}

/// A file whose content would change, to be shown as a diff.
#[derive(Debug, Clone)]
pub struct FileDiff {
    /// Its path in the release.
    pub path: String,
    /// What is there now, if anything.
    pub old: Option<Content>,
    /// What would be there.
    pub new: Option<Content>,
}

/// What would be done to a site.
#[derive(Debug, Clone, Default)]
pub struct SitePlan {
    /// Features and releases: `contact-form 2.1.4 → 2.2.0`. Empty when nothing changes.
    pub changes: Vec<String>,
    /// Links that would be made.
    pub linked: Vec<String>,
    /// What would be replaced by a link, and kept for undo.
    pub replaced: Vec<String>,
    /// What is in the way or no longer ours, and would be left.
    pub left: Vec<String>,
    /// Files of the release.
    pub files: Files,
    /// Files to be shown.
    pub diffs: Vec<FileDiff>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Why nothing can be done to this site.
    pub blocked: Option<String>,
    /// Texts that differ from site to site, and what is shown in their place, so that sites
    /// with the same plan can be told as one: `("/var/www/acme", "<docroot>")`.
    pub places: Vec<(String, String)>,
}

impl SitePlan {
    /// Whether nothing would be done, and nothing stands against it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.linked.is_empty()
            && self.replaced.is_empty()
            && self.blocked.is_none()
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut add = |mark: &str, tone: Tone, texts: &[String]| {
            for text in texts {
                let text = self.generalised(text);
                lines.push(Line::of(tone, &format!("  {mark} ")).add(Tone::Plain, &text));
            }
        };
        let blocked: Vec<String> = self.blocked.iter().cloned().collect();
        add("blocked:", Tone::Bad, &blocked);
        add("~", Tone::Warn, &self.changes);
        add("+ link", Tone::Good, &self.linked);
        add("± replaced by a link, kept for undo:", Tone::Warn, &self.replaced);
        add("· left:", Tone::Dim, &self.left);
        add("warning:", Tone::Warn, &self.warnings);
        let files = &self.files;
        if files.added + files.changed + files.removed > 0 {
            let text = format!(
                "  files: {} new, {} changed, {} removed, {} kept",
                files.added, files.changed, files.removed, files.kept
            );
            lines.push(Line::of(Tone::Dim, &text));
        }
        lines
    }

    /// The text with this site's places replaced, the longest first.
    fn generalised(&self, text: &str) -> String {
        let mut places: Vec<&(String, String)> =
            self.places.iter().filter(|(own, _)| !own.is_empty()).collect();
        places.sort_by_key(|(own, _)| std::cmp::Reverse(own.len()));
        places.into_iter().fold(text.to_owned(), |text, (own, shown)| replace(&text, own, shown))
    }
}

/// Replaces `own` where it stands as a whole: not within a longer word or path component.
fn replace(text: &str, own: &str, shown: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(own) {
        let (before, from) = rest.split_at(at);
        let (word, after) = from.split_at(own.len());
        let last = before.chars().next_back().or_else(|| result.chars().next_back());
        let stands_alone = !last.is_some_and(|c| inner(c) || c == '/') && !after.starts_with(inner);
        result.push_str(before);
        result.push_str(if stands_alone { shown } else { word });
        rest = after;
    }
    result.push_str(rest);
    result
}

/// The whole plan. Diffs have at most `limit` lines each; 0 shows none.
#[must_use]
pub fn plan(sites: &[(SiteName, SitePlan)], columns: usize, limit: usize) -> Vec<Line> {
    let busy = || sites.iter().filter(|(_, plan)| !plan.is_empty());
    let mut groups =
        collapse(busy().map(|(site, plan)| (site.clone(), (plan.blocked.is_some(), plan.lines()))));
    // What stands in the way comes last, where it is read.
    groups.sort_by_key(|group| group.what.0);
    let mut lines = Vec::new();
    for Shared { what: (_, block), sites } in groups {
        lines.push(Line::of(Tone::Strong, &format!("{}:", listed(&sites, columns))));
        lines.extend(block);
        lines.push(Line::new());
    }
    if limit > 0 {
        let diffs = busy().flat_map(|(site, plan)| {
            let files = plan.diffs.iter();
            files.map(|file| {
                let shown = diff(&file.path, file.old.as_ref(), file.new.as_ref(), limit);
                (site.clone(), (file.path.clone(), shown))
            })
        });
        let mut diffs = collapse(diffs.filter(|(_, (_, shown))| !shown.is_empty()));
        diffs.sort_by(|a, b| a.what.0.cmp(&b.what.0));
        for Shared { what: (_, shown), sites } in diffs {
            lines.push(Line::of(Tone::Strong, &format!("on {}:", listed(&sites, columns))));
            lines.extend(shown);
            lines.push(Line::new());
        }
    }
    lines.push(summary(sites));
    lines
}

fn summary(sites: &[(SiteName, SitePlan)]) -> Line {
    let blocked = sites.iter().filter(|(_, plan)| plan.blocked.is_some()).count();
    let change = sites.iter().filter(|(_, plan)| !plan.is_empty()).count() - blocked;
    let same = sites.len() - change - blocked;
    let tone = if change > 0 { Tone::Warn } else { Tone::Good };
    let line = Line::of(tone, &format!("{} to change", plural(change, "site")));
    let line = line.add(Tone::Plain, &format!(", {same} as wanted"));
    if blocked == 0 { line } else { line.add(Tone::Bad, &format!(", {blocked} blocked")) }
}
