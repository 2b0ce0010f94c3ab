//! The question before anything is changed: how many sites, of which environment, which versions.

use std::collections::BTreeMap;

use super::{Door, Failure, visit::unless_stopped};
use crate::{
    model::{Problem, SiteName},
    project::Environment,
    report::{Line, Tone, listed, plural},
};

/// What a person is asked to agree to.
pub struct Question<'a> {
    /// `deploy to`, `roll back`.
    pub verb: &'static str,
    /// Where.
    pub environment: &'a Environment,
    /// Above how many production sites the number is to be typed.
    pub above: u32,
    /// Each site that would be changed, and what would change.
    pub changes: BTreeMap<&'a SiteName, Vec<String>>,
}

/// Whether the person agrees. With `--yes` the person has.
///
/// # Errors
/// When there is nobody to ask, or a signal comes.
pub async fn confirmed(question: &Question<'_>, door: &Door) -> Result<bool, Failure> {
    let screen = &door.screen;
    if door.global.yes {
        return Ok(true);
    }
    if !screen.is_json() {
        screen.say(&told(question, screen.columns()))?;
    }
    let count = question.changes.len();
    if !screen.is_interactive() {
        let what = format!("{} {}", question.verb, plural(count, "site"));
        let message = format!(
            "nothing was changed: to {what} somebody must agree, and there is no terminal to ask at"
        );
        return Err(Failure::usage(Problem::new(message).hint("add --yes if you mean it")));
    }
    let is_many = question.environment.production && count > question.above as usize;
    let wanted = if is_many { count.to_string() } else { "y".to_owned() };
    let text = if is_many { format!("Type {count} to go on:") } else { "Go on? [y/N]".to_owned() };
    let answer = asked(text, door).await?;
    let is_yes = !is_many && answer.eq_ignore_ascii_case("yes");
    Ok(is_yes || answer.eq_ignore_ascii_case(&wanted))
}

/// Whether a person agrees to a plain question, in the midst of work: a signal ends it.
///
/// # Errors
/// When there is nobody to ask, or a signal comes.
pub async fn agreed_or_stopped(question: &str, door: &Door) -> Result<bool, Failure> {
    if door.global.yes || !door.screen.is_interactive() {
        return door.agreed(question);
    }
    let answer = asked(format!("{question} [y/N]"), door).await?;
    Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The answer to a question, unless a signal comes first.
async fn asked(question: String, door: &Door) -> Result<String, Failure> {
    let screen = door.screen;
    let asked = tokio::task::spawn_blocking(move || screen.ask(&question));
    let answer = unless_stopped(asked).await?;
    Ok(answer.map_err(|why| Failure::internal(why.to_string()))??)
}

/// The question's own words: what changes, the most common first.
fn told(question: &Question<'_>, columns: usize) -> Vec<Line> {
    let production = if question.environment.production { " (production)" } else { "" };
    let count = plural(question.changes.len(), "site");
    let name = &question.environment.name;
    let place = if name == "production" { name.clone() } else { format!("{name}{production}") };
    let mut lines = vec![Line::of(Tone::Strong, &format!("{} {count} of {place}:", question.verb))];
    let mut all: BTreeMap<&str, Vec<&SiteName>> = BTreeMap::new();
    for (site, changes) in &question.changes {
        for change in changes {
            all.entry(change).or_default().push(site);
        }
    }
    let mut all: Vec<(&str, Vec<&SiteName>)> = all.into_iter().collect();
    all.sort_by_key(|(_, sites)| std::cmp::Reverse(sites.len()));
    let rest = all.len().saturating_sub(12);
    for (change, sites) in all.into_iter().take(12) {
        let where_ = if sites.len() == question.changes.len() && sites.len() > 1 {
            "on all of them".to_owned()
        } else if sites.len() > 3 {
            format!("on {}", plural(sites.len(), "site"))
        } else {
            format!("on {}", listed(sites.iter().copied(), columns / 2))
        };
        let line = Line::of(Tone::Warn, "  ~ ").add(Tone::Plain, change);
        lines.push(line.add(Tone::Dim, &format!("  {where_}")));
    }
    if rest > 0 {
        lines.push(Line::of(Tone::Dim, &format!("  and {rest} more changes, shown above")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_says_how_many_where_and_what() {
        let environment =
            Environment { name: "live".to_owned(), production: true, inventory: String::new() };
        let names: Vec<SiteName> =
            (1..=5).map(|n| format!("s{n}.example").parse().unwrap()).collect();
        let mut changes: BTreeMap<&SiteName, Vec<String>> = names
            .iter()
            .map(|name| (name, vec!["contact-form 2.1.4 → 2.2.0".to_owned()]))
            .collect();
        changes.get_mut(&names[0]).unwrap().push("popup 1.0.2 removed".to_owned());
        let question =
            Question { verb: "deploy to", environment: &environment, above: 10, changes };
        let shown: Vec<String> = told(&question, 80).iter().map(Line::text).collect();
        assert_eq!(
            shown,
            [
                "deploy to 5 sites of live (production):",
                "  ~ contact-form 2.1.4 → 2.2.0  on all of them",
                "  ~ popup 1.0.2 removed  on s1.example",
            ]
        );
    }
}
