//! Problems on the screen: where, what, the line itself, and what to do about it.

use serde_json::{Value, json};

use super::{Failure, screen::Format};
use crate::{
    event::one_line,
    model::{Position, Problem},
    report::{Line, Tone, plural},
};

/// More problems than this help nobody at once.
const MOST: usize = 100;

/// The lines that tell of a failure.
pub fn lines(failure: &Failure, format: Format, columns: usize) -> Vec<Line> {
    let problems = &failure.problems.0;
    let mut lines = Vec::new();
    for problem in problems.iter().take(MOST) {
        lines.extend(told(problem, columns));
        if format == Format::Github {
            lines.push(Line::verbatim(Tone::Plain, &annotation(problem)));
        }
    }
    if problems.len() > 1 {
        let more = problems.len().saturating_sub(MOST);
        let rest = if more > 0 { format!(", {more} of them not shown") } else { String::new() };
        lines.push(Line::of(Tone::Bad, &format!("{}{rest}", plural(problems.len(), "problem"))));
    }
    lines
}

/// The failure for machines.
pub fn to_json(failure: &Failure) -> Value {
    let problems: Vec<Value> = failure
        .problems
        .0
        .iter()
        .map(|problem| {
            json!({
                "file": problem.at.as_ref().map(|at| at.file.as_ref()),
                "line": problem.at.as_ref().map(|at| at.line),
                "column": problem.at.as_ref().map(|at| at.column),
                "message": problem.message,
                "hint": problem.hint,
            })
        })
        .collect();
    json!({ "schema": 1, "failure": { "code": failure.code, "problems": problems } })
}

fn told(problem: &Problem, columns: usize) -> Vec<Line> {
    let mut head = Line::of(Tone::Bad, "error: ");
    if let Some(at) = &problem.at {
        head = head.add(Tone::Strong, &at.to_string()).add(Tone::Plain, ": ");
    }
    let mut texts = problem.message.lines();
    let mut lines = vec![head.add(Tone::Plain, texts.next().unwrap_or_default())];
    lines.extend(texts.map(|text| Line::of(Tone::Plain, text)));
    if let (Some(at), Some(excerpt)) = (&problem.at, &problem.excerpt) {
        lines.extend(excerpt_lines(at, excerpt, columns));
    }
    for (index, text) in problem.hint.iter().flat_map(|hint| hint.lines()).enumerate() {
        let label = if index == 0 { "  hint: " } else { "        " };
        lines.push(Line::of(Tone::Warn, label).add(Tone::Plain, text));
    }
    lines
}

/// The line with a caret below the place, moved into view where it is long.
fn excerpt_lines(at: &Position, excerpt: &str, columns: usize) -> [Line; 2] {
    let margin = at.line.to_string();
    let gap = " ".repeat(margin.len());
    let room = columns.saturating_sub(margin.len() + 6).max(10);
    let all: Vec<char> = excerpt.chars().collect();
    let place = (at.column.saturating_sub(1) as usize).min(all.len());
    let (start, end) = window(&all, place, room);
    let shown: String = all.get(start..end).into_iter().flatten().collect();
    let (before, after) =
        (if start > 0 { CUT } else { "" }, if end < all.len() { CUT } else { "" });
    let caret = " ".repeat(before.chars().count() + place - start);
    [
        Line::of(Tone::Dim, &format!("  {margin} | {before}"))
            .add(Tone::Plain, &shown)
            .add(Tone::Dim, after),
        Line::of(Tone::Dim, &format!("  {gap} | {caret}")).add(Tone::Bad, "^"),
    ]
}

/// Where a line goes on that is not shown whole.
const CUT: &str = "…";

/// The part of a long line around a place: at most `room` columns with the signs that it is cut,
/// and cut between words where there are any nearby.
fn window(all: &[char], place: usize, room: usize) -> (usize, usize) {
    const NEARBY: usize = 16;
    if all.len() <= room {
        return (0, all.len());
    }
    let is_gap = |at: &usize| all.get(*at).is_some_and(|sign| *sign == ' ');
    let room = room - 2;
    let start = if place < room { 0 } else { (place + room / 2).min(all.len()) - room };
    let end = (start + room).min(all.len());
    let first = || (start..(start + NEARBY).min(place)).find(is_gap);
    let last = || (end.saturating_sub(NEARBY).max(place + 1)..end).rfind(is_gap);
    let start = if start == 0 { 0 } else { first().unwrap_or(start) };
    let end = if end == all.len() { end } else { last().map_or(end, |gap| gap + 1) };
    (start, end)
}

/// A workflow command of GitHub Actions ("Setting an error message"), so that the problem
/// stands beside the line in a pull request.
fn annotation(problem: &Problem) -> String {
    let place = problem.at.as_ref().map_or_else(String::new, |at| {
        format!(" file={},line={},col={}", property(&at.file), at.line, at.column)
    });
    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
    format!("::error{place}::{}", data(&format!("{}{hint}", problem.message)))
}

fn data(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    one_line(&escaped)
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Problems;

    fn failure() -> Failure {
        let at = Position { file: "inventory/sites.yml".into(), line: 12, column: 5 };
        let first = Problem::at(&at, "unknown key `adress`").hint("did you mean `address`?");
        let second = Problem::new("no\n  published: 1\n  yours: 2");
        let text = "\n".repeat(11) + "    adress: 10.0.0.1\n";
        let problems = Problems(vec![first, second]).with_excerpts("inventory/sites.yml", &text);
        Failure { code: 3, problems }
    }

    fn shown(failure: &Failure, format: Format, columns: usize) -> String {
        lines(failure, format, columns).iter().map(|line| line.text() + "\n").collect()
    }

    #[test]
    fn a_problem_has_its_place_its_line_and_its_hint() {
        assert_eq!(
            shown(&failure(), Format::Plain, 80),
            "\
error: inventory/sites.yml:12:5: unknown key `adress`
  12 |     adress: 10.0.0.1
     |     ^
  hint: did you mean `address`?
error: no
  published: 1
  yours: 2
2 problems
"
        );
    }

    #[test]
    fn the_caret_stays_in_view_on_a_narrow_screen() {
        let at = Position { file: "f.yml".into(), line: 7, column: 90 };
        let text = format!("{}HERE{}", "a".repeat(89), "b".repeat(50));
        let lines = excerpt_lines(&at, &text, 40);
        let column = lines[1].text().chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[0].text().chars().nth(column), Some('H'));
        assert!(lines.iter().all(|line| line.width() <= 40));
    }

    #[test]
    fn a_long_line_is_cut_between_words_and_shows_that_it_is_cut() {
        let line =
            "  globex.example: { address: 203.0.113.28, groups: [react, froms, eu], tags: {} }";
        let shown = |column: usize, columns| {
            let column = u32::try_from(column).unwrap();
            let at = Position { file: "a.yml".into(), line: 3, column };
            excerpt_lines(&at, line, columns).map(|line| line.text())
        };
        let froms = line.find("froms").unwrap() + 1;
        assert_eq!(
            shown(froms, 60),
            ["  3 | … groups: [react, froms, eu], tags: {} }", "    |                   ^",]
        );
        assert_eq!(shown(3, 40)[0], "  3 |   globex.example: { address: …");
        // The caret is under its word, and nothing is wider than the screen, wherever it is.
        for (column, columns) in (1..=line.len()).flat_map(|at| [(at, 30), (at, 44), (at, 79)]) {
            let [text, caret] = shown(column, columns);
            assert!(text.chars().count() <= columns, "{text}");
            let under = text.chars().nth(caret.chars().count() - 1);
            assert_eq!(under, line.chars().nth(column - 1), "{text}\n{caret}");
        }
    }

    #[test]
    fn github_gets_an_annotation_that_stays_one_line() {
        let shown = shown(&failure(), Format::Github, 80);
        let wanted = "::error file=inventory/sites.yml,line=12,col=5::unknown key `adress`%0Ahint: did you mean `address`?\n";
        assert!(shown.contains(wanted), "{shown}");
        assert!(shown.contains("::error::no%0A  published: 1%0A  yours: 2\n"), "{shown}");
    }

    #[test]
    fn machines_get_every_field() {
        let json = to_json(&failure());
        assert_eq!(json["failure"]["problems"][0]["line"], 12);
        assert_eq!(json["failure"]["code"], 3);
        assert!(json["failure"]["problems"][1]["file"].is_null());
    }
}
