//! Something about a site: what it is, and everybody who said something about it.

use std::fmt;

use serde_json::{Value, json};

use crate::report::{Line, Tone};

/// A variable, a feature, a setting or a tag.
pub struct Topic {
    pub heading: &'static str,
    pub name: String,
    pub value: String,
    /// Of a feature: the version that the site gets.
    pub version: Option<String>,
    /// What follows the version, or says why there is none.
    pub remark: String,
    /// Who said what, the strongest first.
    pub said: Vec<Word>,
}

/// What somebody said.
pub struct Word {
    pub who: String,
    /// "inventory/sites.yml:7:3"; empty where no file of the project says it.
    pub at: String,
    pub holds: bool,
}

impl Word {
    pub fn new(who: impl Into<String>, at: &impl fmt::Display, holds: bool) -> Self {
        Self { who: who.into(), at: at.to_string(), holds }
    }
}

impl Topic {
    pub fn new(heading: &'static str, name: &str) -> Self {
        let (name, value) = (name.to_owned(), String::new());
        Self { heading, name, value, version: None, remark: String::new(), said: Vec::new() }
    }

    pub fn lines(&self) -> Vec<Line> {
        let mut line = Line::of(Tone::Strong, &format!("  {}: ", self.name));
        line = line.add(Tone::Plain, &self.value);
        if let Some(version) = &self.version {
            line = line.add(Tone::Good, &format!(" → {version}"));
        }
        let tone = if self.version.is_some() { Tone::Dim } else { Tone::Bad };
        line = line.add(tone, &self.remark);
        let mut lines = vec![line];
        for word in &self.said {
            let (mark, tone) =
                if word.holds { ("    ✓ ", Tone::Good) } else { ("    · ", Tone::Dim) };
            let place = if word.at.is_empty() { String::new() } else { format!(" ({})", word.at) };
            lines.push(Line::of(tone, mark).add(Tone::Plain, &word.who).add(Tone::Dim, &place));
        }
        lines
    }

    pub fn to_json(&self) -> Value {
        let said = self.said.iter();
        let said = said
            .map(|word| json!({ "who": word.who, "at": word.at, "holds": word.holds }))
            .collect::<Vec<_>>();
        let mut topic = json!({
            "kind": self.heading, "name": self.name, "value": self.value, "said": said,
        });
        if let (Some(fields), "features") = (topic.as_object_mut(), self.heading) {
            fields.insert("version".to_owned(), json!(self.version));
            fields.insert("remark".to_owned(), json!(self.remark.trim()));
        }
        topic
    }
}
