//! Checks what sites set against what features want to know, before any connection.

use std::collections::{BTreeMap, BTreeSet};

use super::Feature;
use crate::model::{Position, Problem, Problems, SiteName, Value, did_you_mean};

/// What a site's variable was set to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Given<'a> {
    /// This, readable in a file.
    Literal(&'a Value),
    /// A secret, to be fetched from the environment, a file or a command.
    Secret,
}

/// A site's variable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting<'a> {
    /// What it was set to.
    pub given: Given<'a>,
    /// Where; `None` for the command line and what fleetctl itself sets.
    pub at: Option<&'a Position>,
}

/// A feature that a site has.
#[derive(Debug, Clone, Copy)]
pub struct Had<'a> {
    /// What it wants to know.
    pub feature: &'a Feature,
    /// Where the site or its group asks for it, or for what requires it.
    pub wanted_at: &'a Position,
    /// What requires it, where nobody asks for it.
    pub by: Option<&'a Feature>,
}

/// Collects what is wrong over many sites, so that one mistake is told once with all its sites.
#[derive(Debug, Default)]
pub struct VariableCheck {
    found: BTreeMap<Problem, BTreeSet<SiteName>>,
    doubts: BTreeMap<Problem, BTreeSet<SiteName>>,
}

impl VariableCheck {
    /// Checks the variables of `site` against the schemas of all features that it has.
    pub fn site(
        &mut self,
        site: &SiteName,
        features: &[Had<'_>],
        settings: &BTreeMap<&str, Setting<'_>>,
    ) {
        let is_read = |name: &str| features.iter().any(|had| had.feature.schema.contains_key(name));
        let unread: BTreeMap<&str, Setting<'_>> =
            settings.iter().filter(|(name, _)| !is_read(name)).map(|(n, s)| (*n, *s)).collect();
        for (name, setting) in &unread {
            if let Some(doubt) = doubt(name, *setting, features) {
                self.doubts.entry(doubt).or_default().insert(site.clone());
            }
        }
        for had in features {
            self.feature(site, *had, settings, &unread);
        }
    }

    fn feature(
        &mut self,
        site: &SiteName,
        Had { feature, wanted_at, by }: Had<'_>,
        settings: &BTreeMap<&str, Setting<'_>>,
        unread: &BTreeMap<&str, Setting<'_>>,
    ) {
        let title = format!("{} {}", feature.name, feature.version);
        for (name, spec) in &feature.schema {
            let problem = match settings.get(name.as_str()) {
                None if !spec.required => continue,
                None => {
                    let what = spec.description.as_ref().map_or_else(
                        || spec.kind.described(),
                        |text| format!("{}; {}", text.trim_end_matches('.'), spec.kind.described()),
                    );
                    let by = by.map(|by| format!(", which {} {} requires,", by.name, by.version));
                    let by = by.unwrap_or_default();
                    let problem = Problem::at(
                        wanted_at,
                        format!("{title}{by} needs the variable `{name}` ({what})"),
                    );
                    match (did_you_mean(name, unread.keys().copied()), spec.secret) {
                        (Some(near), _) => {
                            problem.hint(format!("there is `{near}`: did you mean `{name}`?"))
                        }
                        (None, true) => problem.hint(secret_hint(name)),
                        (None, false) => problem.hint(format!(
                            "set `{name}` in the `vars` of the site or of one of its groups"
                        )),
                    }
                }
                Some(Setting { given: Given::Secret, .. }) if spec.kind.is_text() => continue,
                Some(Setting { given: Given::Secret, at }) => place(*at, wanted_at, |at| {
                    let expected = spec.kind.described();
                    Problem::at(
                        at,
                        format!("{title} expects `{name}` to be {expected}, and a secret is text"),
                    )
                }),
                Some(Setting { given: Given::Literal(_), at }) if spec.secret => {
                    place(*at, wanted_at, |at| {
                        let message =
                            format!("`{name}` is a secret of {title} and may not be written here");
                        Problem::at(at, message).hint(secret_hint(name)).private()
                    })
                }
                Some(Setting { given: Given::Literal(value), at }) => {
                    if spec.kind.allows(value) {
                        continue;
                    }
                    place(*at, wanted_at, |at| {
                        let expected = spec.kind.described();
                        let message = format!(
                            "{title} expects `{name}` to be {expected}, found {}",
                            described(value)
                        );
                        let problem = Problem::at(at, message);
                        match (&spec.kind, value) {
                            (super::Kind::Choice(all), Value::String(text)) => {
                                problem.suggest(text, all.iter().map(String::as_str))
                            }
                            _ => problem,
                        }
                    })
                }
            };
            self.found.entry(problem).or_default().insert(site.clone());
        }
    }

    /// What may be a slip and need not be, each with its sites.
    ///
    /// # Errors
    /// When anything is wrong: all of it, each with the sites it was found at.
    pub fn finish(self) -> Result<Vec<Problem>, Problems> {
        let with_sites = |(mut problem, sites): (Problem, BTreeSet<SiteName>)| {
            problem.message = format!("{} — {}", problem.message, named(&sites));
            problem
        };
        let problems = Problems(self.found.into_iter().map(with_sites).collect());
        problems.or(self.doubts.into_iter().map(with_sites).collect())
    }
}

/// A variable that nothing reads, and that is much like one that something does: without a word,
/// another value would be deployed than the one that was written.
fn doubt(name: &str, setting: Setting<'_>, features: &[Had<'_>]) -> Option<Problem> {
    let at = setting.at?;
    let read =
        || features.iter().flat_map(|had| had.feature.schema.keys().map(move |key| (key, had)));
    let near = did_you_mean(name, read().map(|(key, _)| key.as_str()))?;
    let (_, had) = read().find(|(key, _)| *key == near)?;
    let problem = Problem::at(at, format!("no feature reads `{name}`"));
    let Feature { name, version, .. } = had.feature;
    Some(problem.hint(format!("did you mean `{near}` of {name} {version}?")))
}

/// A problem at the setting's own place, or else where the feature is asked for.
fn place(
    at: Option<&Position>,
    otherwise: &Position,
    problem: impl FnOnce(&Position) -> Problem,
) -> Problem {
    problem(at.unwrap_or(otherwise))
}

fn secret_hint(name: &str) -> String {
    let variable = name.to_uppercase();
    format!("fetch it: `{name}: {{ from_env: {variable} }}`, or `from_file`, or `from_command`")
}

/// A value for a message, not longer than helps.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "a mapping".to_owned(),
        Value::String(text) if text.chars().count() > 60 => "a long text".to_owned(),
        Value::String(text) => format!("the text {text:?}"),
        other => other.to_string(),
    }
}

/// "acme.example", "a, b and c", "a, b, c and 57 more sites".
pub(super) fn named(sites: &BTreeSet<SiteName>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<&str> = sites.iter().take(SHOWN).map(SiteName::as_str).collect();
    match (names.split_last(), sites.len().saturating_sub(SHOWN)) {
        (_, 1..) => {
            format!("{} and {} more sites", names.join(", "), sites.len() - names.len())
        }
        (Some((last, rest)), _) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FEATURE: &str = "\
name: contact-form
version: 2.1.0
platforms: [static]
mount: { static: null }
vars:
  recipient: { type: email, required: true, description: Who gets the mail. }
  theme: { choices: [light, dark], default: light }
  tries: { type: integer }
  fields: { type: list, items: string }
  password: { secret: true, required: true }
";

    fn check(sites: &[&str], settings: &[(&str, Given<'_>)]) -> String {
        let feature = crate::feature::parse("feature.yml", FEATURE).unwrap();
        let wanted = Position { file: "inventory/sites.yml".into(), line: 3, column: 5 };
        let set = Position { file: "inventory/group_vars/forms.yml".into(), line: 7, column: 1 };
        let settings =
            settings.iter().map(|(name, given)| (*name, Setting { given: *given, at: Some(&set) }));
        let settings = settings.collect();
        let mut check = VariableCheck::default();
        for site in sites {
            let had = Had { feature: &feature, wanted_at: &wanted, by: None };
            check.site(&SiteName::new(site).unwrap(), &[had], &settings);
        }
        match check.finish() {
            Err(problems) => problems.to_string(),
            Ok(doubts) => Problems(doubts).to_string(),
        }
    }

    #[test]
    fn good_values_pass() {
        let (mail, theme, fields) = (json!("a@acme.example"), json!("dark"), json!(["a"]));
        let good = [
            ("recipient", Given::Literal(&mail)),
            ("theme", Given::Literal(&theme)),
            ("fields", Given::Literal(&fields)),
            ("password", Given::Secret),
        ];
        assert_eq!(check(&["a.example"], &good), "");
    }

    #[test]
    fn a_near_miss_of_a_variable_is_doubted() {
        let (mail, theme) = (json!("a@acme.example"), json!("dark"));
        let recipient = ("recipient", Given::Literal(&mail));
        let set = [recipient, ("password", Given::Secret), ("themes", Given::Literal(&theme))];
        let text = check(&["a.example"], &set);
        let said = "inventory/group_vars/forms.yml:7:1: no feature reads `themes` — a.example\n  \
                    hint: did you mean `theme` of contact-form 2.1.0?";
        assert_eq!(text, said);
        // Also where the right one is set, by a group perhaps that the site meant to overrule.
        let both = [&set[..], &[("theme", Given::Literal(&theme))]].concat();
        assert_eq!(check(&["a.example"], &both), said);
        let far = [recipient, set[1], ("design", Given::Literal(&theme))];
        assert_eq!(check(&["a.example"], &far), "");
    }

    #[test]
    fn a_mistake_names_variable_place_type_feature_and_sites() {
        let (mail, theme, tries, fields, literal) =
            (json!("acme"), json!("drak"), json!("3"), json!(["a", 1]), json!("hunter2"));
        let text = check(
            &["a.example", "b.example", "c.example", "d.example", "e.example"],
            &[
                ("recipient", Given::Literal(&mail)),
                ("theme", Given::Literal(&theme)),
                ("tries", Given::Literal(&tries)),
                ("fields", Given::Literal(&fields)),
                ("password", Given::Literal(&literal)),
            ],
        );
        for part in [
            "inventory/group_vars/forms.yml:7:1: contact-form 2.1.0 expects `recipient` to be a mail address, found the text \"acme\" — a.example, b.example, c.example and 2 more sites",
            "expects `theme` to be one of light, dark, found the text \"drak\"",
            "hint: did you mean `dark`?",
            "expects `tries` to be a whole number, found the text \"3\"",
            "expects `fields` to be a list, each item text, found a list of 2",
            "`password` is a secret of contact-form 2.1.0 and may not be written here",
            "from_env: PASSWORD",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(text.matches("2 more sites").count(), 5, "{text}");
    }

    #[test]
    fn what_is_missing_is_told_where_the_feature_is_asked_for() {
        let mail = json!("a@acme.example");
        let text = check(&["a.example", "b.example"], &[("recipent", Given::Literal(&mail))]);
        for part in [
            "inventory/sites.yml:3:5: contact-form 2.1.0 needs the variable `recipient` (Who gets the mail; a mail address) — a.example and b.example",
            "hint: there is `recipent`: did you mean `recipient`?",
            "needs the variable `password`",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let text = check(&["a.example"], &[("tries", Given::Secret)]);
        assert!(text.contains("to be a whole number, and a secret is text"), "{text}");
    }
}
