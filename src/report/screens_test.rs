//! Whole screens: a run of a hundred sites, as it is shown in a log, on a wide terminal, on a
//! narrow one, and when it is replayed.

mod blocks;
mod runs;

use runs::{broken_deploy, hundred};

use super::*;
use crate::{
    event::{Event, Reporter, Staged, Stamped, Step},
    model::SiteName,
    rollout::Rollout,
};

fn plain(events: &[Stamped], detail: Detail) -> String {
    let mut out = Vec::new();
    let mut reporter = Plain::new(&mut out, detail);
    for event in events {
        reporter.event(event).unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn tty(events: &[Stamped], colour: bool, columns: fn() -> usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reporter = Tty::new(&mut out, colour, columns, Detail::Usual);
    for event in events {
        reporter.event(event).unwrap();
    }
    out
}

/// What a terminal of so many columns shows: it understands what we send, and nothing else.
fn terminal(bytes: &[u8], columns: usize) -> Vec<String> {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut lines: Vec<String> = vec![String::new()];
    let mut row = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\x1b[") {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            let number = sequence[..end].parse::<usize>().unwrap_or(1);
            match &sequence[end..=end] {
                "A" => row -= number,
                "J" => lines.truncate(row + 1),
                other => panic!("a terminal is sent {other:?}"),
            }
            if &sequence[end..=end] == "J" {
                lines[row].clear();
            }
            rest = &sequence[end + 1..];
            continue;
        }
        match c {
            '\n' => {
                row += 1;
                if lines.len() <= row {
                    lines.push(String::new());
                }
            }
            '\r' => {}
            c => {
                assert!(!c.is_control(), "a terminal is sent {c:?}");
                lines[row].push(c);
                let wide = Line::of(Tone::Plain, &lines[row]).width();
                assert!(wide <= columns, "wider than the terminal: {}", lines[row]);
            }
        }
        rest = &rest[c.len_utf8()..];
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

const LOG: &str = "\
deploy on 100 sites of production by ana@laptop, run 20261120-190412-7f3a
staging on 100 sites
shop60.example: staging failed: connection refused by 203.0.113.60:22
staged: 97 sites to release, 1 could not be staged
batch 1 of 4: acme.example
acme.example: released, contact-form 2.1.4 → 2.2.0
batch 2 of 4: shop[01:10].example (10)
shop01.example: released, contact-form 2.1.4 → 2.2.0
shop02.example: released, contact-form 2.1.4 → 2.2.0
shop03.example: released, contact-form 2.1.4 → 2.2.0
shop04.example: released, contact-form 2.1.4 → 2.2.0
shop05.example: gate failed: http GET / → 500, 3 attempts in 4 s
shop06.example: released, contact-form 2.1.4 → 2.2.0
shop07.example: released, contact-form 2.1.4 → 2.2.0
shop08.example: released, contact-form 2.1.4 → 2.2.0
shop09.example: released, contact-form 2.1.4 → 2.2.0
shop10.example: released, contact-form 2.1.4 → 2.2.0
aborted: 1 site failed, the budget allows 0; on_abort: rollback_batch
shop05.example: rolled back
shop10.example: rolled back
shop09.example: rolled back
shop08.example: rolled back
shop07.example: rolled back
shop06.example: rolled back
shop04.example: rolled back
shop03.example: rolled back
shop02.example: rolled back
shop01.example: rolled back

shop[01:04].example, shop[06:10].example (9)  rolled_back
shop05.example  rolled_back
  gate: http GET / → 500, 3 attempts in 4 s
  | PHP Fatal error: \\x1b[31mUncaught\\x1b[0m Error in form.php:12
shop60.example  unreachable
  staging: connection refused by 203.0.113.60:22

100 sites: 2 unchanged, 1 changed, 86 not_started, 10 rolled_back, 1 unreachable in 42.1 s, 93.6 KB sent
  contact-form  3 on 2.2.0, 96 on 2.1.4
  not known on 1 site
next: mend the cause and release a new version, or: fleetctl deploy --group forms --retry-rejected
";

#[test]
fn a_log_of_a_broken_deploy() {
    assert_eq!(plain(&broken_deploy(), Detail::Usual), LOG);
}

#[test]
fn a_quiet_log_has_troubles_and_the_recap_and_a_loud_one_every_step() {
    let quiet = plain(&broken_deploy(), Detail::Quiet);
    assert!(quiet.starts_with("shop60.example: staging failed"), "{quiet}");
    assert!(!quiet.contains("released,"), "{quiet}");
    let loud = plain(&broken_deploy(), Detail::Every);
    assert!(loud.contains("acme.example: staging done, 310 ms, 800 B sent\n"), "{loud}");
}

#[test]
fn a_replayed_run_reads_as_it_did_live() {
    let events = broken_deploy();
    let mut json = Vec::new();
    let mut reporter = Json::new(&mut json);
    for event in &events {
        reporter.event(event).unwrap();
    }
    // A journal holds the lines of the JSON stream.
    let lines = std::str::from_utf8(&json).unwrap().lines();
    let replayed: Vec<Stamped> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replayed, events);
    assert_eq!(plain(&replayed, Detail::Usual), LOG);
    assert_eq!(tty(&replayed, true, || 80), tty(&events, true, || 80));
    let rollout = Rollout::replay(replayed.iter().map(|event| &event.event)).unwrap();
    assert!(rollout.is_over());
}

#[test]
fn the_screen_while_a_hundred_sites_are_staged() {
    let events = broken_deploy();
    // All are begun at once, then they end one after the other.
    let begun = events.iter().position(|e| matches!(e.event, Event::RolloutPlanned(_))).unwrap();
    let mut story = events[..=begun].to_vec();
    let mut at = story.last().unwrap().at;
    let mut push = |story: &mut Vec<Stamped>, event: Event| {
        at += 100;
        story.push(Stamped { at, index: story.len() as u64, event });
    };
    for site in hundred() {
        push(&mut story, Event::StepStarted { site, step: Step::Stage, release: None });
    }
    for site in hundred().into_iter().take(40) {
        let done = Event::StepDone {
            site: site.clone(),
            step: Step::Stage,
            took: 9,
            sent: 9,
            detail: None,
        };
        push(&mut story, done);
        push(&mut story, Event::SiteStaged { site, result: Staged::Ready });
    }
    let wide = terminal(&tty(&story, false, || 80), 80);
    let expected = [
        "deploy on 100 sites of production by ana@laptop, run 20261120-190412-7f3a",
        "staging on 100 sites",
        "staging  ━━━━━━━━━━━━━━━━────────────────────────  40/100  0:37",
        "  shop40.example  staging 13.9 s",
        "  shop41.example  staging 13.8 s",
        "  shop42.example  staging 13.7 s",
        "  and 57 more",
    ];
    assert_eq!(wide, expected);
    let narrow = terminal(&tty(&story, false, || 40), 40);
    let expected = [
        "deploy on 100 sites of production by",
        "  ana@laptop, run 20261120-190412-7f3a",
        "staging on 100 sites",
        "staging  ━━━━━━──────────  40/100  0:37",
        "  shop40.example  staging 13.9 s",
        "  shop41.example  staging 13.8 s",
        "  shop42.example  staging 13.7 s",
        "  and 57 more",
    ];
    assert_eq!(narrow, expected);
}

#[test]
fn the_screen_after_a_broken_deploy() {
    let narrow = terminal(&tty(&broken_deploy(), false, || 40), 80);
    let end = narrow.iter().rposition(|line| line.starts_with("shop[01:04]")).unwrap();
    let expected = [
        "shop[01:04].example … (9)  rolled_back",
        "shop05.example  rolled_back",
        "  gate: http GET / → 500, 3 attempts in",
        "    4 s",
        "  | PHP Fatal error: \\x1b[31mUncaught\\x1b[0m Error in form.php:12",
        "shop60.example  unreachable",
        "  staging: connection refused by",
        "    203.0.113.60:22",
        "",
        "100 sites: 2 unchanged, 1 changed, 86",
        "  not_started, 10 rolled_back, 1",
        "  unreachable in 42.1 s, 93.6 KB sent",
        "  contact-form  3 on 2.2.0, 96 on 2.1.4",
        "  not known on 1 site",
        "next: mend the cause and release a new",
        "  version, or: fleetctl deploy --group",
        "  forms --retry-rejected",
    ];
    assert_eq!(narrow[end..], expected);
    // What stays on a wide screen is the log without what the moving part had shown.
    let wide = terminal(&tty(&broken_deploy(), false, || 110), 110);
    let kept: Vec<&str> = LOG.lines().filter(|line| !line.contains(": released,")).collect();
    assert_eq!(wide, kept);
}

#[test]
fn a_screen_in_colour_holds_only_our_own_escapes() {
    let bytes = String::from_utf8(tty(&broken_deploy(), true, || 80)).unwrap();
    let mut left = bytes.replace("\x1b[J", "").replace('\r', "");
    for code in ["0", "1", "2", "31", "32", "33"] {
        left = left.replace(&format!("\x1b[{code}m"), "");
    }
    for rows in 1..=5 {
        left = left.replace(&format!("\x1b[{rows}A"), "");
    }
    assert!(bytes.contains("\x1b[31m") && !left.contains('\x1b'));
    assert!(left.chars().all(|c| !c.is_control() || c == '\n'));
}

#[test]
fn a_question_gets_the_screen_for_itself() {
    let mut out = Vec::new();
    let mut reporter = Tty::new(&mut out, false, || 80, Detail::Usual);
    for event in &broken_deploy()[..40] {
        reporter.event(event).unwrap();
    }
    reporter.tick(9_000_000).unwrap();
    reporter.suspend().unwrap();
    assert_eq!(terminal(&out, 80).len(), 1);
}

/// Puts `text` in the place of every text of an event that is not a name or a word of ours.
fn poison(value: &mut serde_json::Value, text: &str) {
    const FREE: [&str; 12] = [
        "why",
        "message",
        "detail",
        "tail",
        "stdout",
        "stderr",
        "gate",
        "changes",
        "verb",
        "command",
        "person",
        "environment",
    ];
    for (key, value) in value.as_object_mut().unwrap() {
        match value {
            serde_json::Value::String(old) if FREE.contains(&key.as_str()) => *old = text.into(),
            serde_json::Value::Array(list) if FREE.contains(&key.as_str()) => {
                *list = vec![text.into(); 2];
            }
            _ => {}
        }
    }
}

#[test]
fn nothing_a_host_says_reaches_the_terminal_as_more_than_text() {
    let hostile = "x\x1b[2J\x1b]52;c;aGk=\x07\u{9b}1A\rforged: released\nforged: released\u{202e}\u{85}\0\x7f";
    let docs = include_str!("../../docs/events.md");
    let mut events: Vec<serde_json::Value> = docs
        .split("```json\n")
        .skip(1)
        .map(|block| serde_json::from_str(block.lines().next().unwrap()).unwrap())
        .collect();
    // The end comes last, or the screen would be empty before the rest.
    events.sort_by_key(|event| event["event"] == "run_finished");
    for event in &mut events {
        poison(event, hostile);
    }
    let events: Vec<Stamped> =
        events.into_iter().map(|event| serde_json::from_value(event).unwrap()).collect();
    let log = plain(&events, Detail::Every);
    assert!(log.matches("forged").count() > 20, "{log}");
    assert!(log.lines().all(|line| !line.starts_with("forged")), "{log}");
    let strange = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!log.contains(strange), "{log}");
    // This panics at every sequence that is not the reporter's own.
    terminal(&tty(&events, false, || 100), 10_000);
}
