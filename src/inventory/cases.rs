//! Bad inventories as data: `tests/cases/inventory/*.yml`, one list of cases to a file.
//!
//! A case has the texts (`sites`, `group_vars`, `host_vars`) and, in `expect`, exactly the
//! problems that they have: `line:column: message`, the file's name only where it is not the
//! inventory itself.

use std::{fmt::Write as _, fs, path::Path};

use super::{Sources, Text, VarsFile, read};
use crate::model::{
    Problems,
    yaml::{Node, parse},
};

struct Case {
    name: String,
    sources: Sources,
    expect: Vec<String>,
}

fn text_of(node: &Node) -> String {
    node.to_value(&mut Problems::default())
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_else(|| panic!("{}: a text is wanted", node.at))
}

fn files(node: Option<&Node>, directory: &str) -> Vec<VarsFile> {
    let entries = node.and_then(|node| node.map(&mut Problems::default())).unwrap_or_default();
    let file = |name: &str| format!("{directory}/{name}.yml");
    entries
        .iter()
        .map(|(key, node)| VarsFile {
            name: key.text.clone(),
            source: 0,
            rank: 1,
            text: Text { file: file(&key.text), text: text_of(node) },
        })
        .collect()
}

fn case(node: &Node) -> Case {
    let mut problems = Problems::default();
    let mut fields = node.fields(&mut problems).expect("a case is a mapping");
    let name = fields.required("name", &mut problems).map(text_of).expect("a name");
    let inventory = fields.required("sites", &mut problems).map(text_of).expect("an inventory");
    let expect = fields.required("expect", &mut problems).expect("expectations");
    let sources = Sources {
        environment: "production".into(),
        files: vec![Text { file: "sites.yml".into(), text: inventory }],
        group_vars: files(fields.optional("group_vars"), "group_vars"),
        host_vars: files(fields.optional("host_vars"), "host_vars"),
        ..Sources::default()
    };
    fields.finish("a case", &mut problems);
    assert_eq!(problems.0, [], "{name}");
    Case { name, sources, expect: expect.one_or_many().iter().map(text_of).collect() }
}

fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/inventory");
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the directory of cases")
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).expect("a file of cases");
        let root = parse(&path.display().to_string(), &text).unwrap_or_else(|why| panic!("{why}"));
        root.one_or_many().iter().map(case).collect::<Vec<_>>()
    };
    files.iter().flat_map(read).collect()
}

/// A problem in one line, as the cases write it.
fn told(problem: &crate::model::Problem) -> String {
    let place = problem.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    let place = place.strip_prefix("sites.yml:").unwrap_or(&place).to_owned();
    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{place}{}{hint}", problem.message)
}

#[test]
fn every_bad_inventory_is_refused_with_its_problems_and_no_others() {
    let cases = cases();
    let mut report = String::new();
    for case in &cases {
        let found = match read(&case.sources) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.0.iter().map(told).collect::<Vec<_>>(),
        };
        if found.is_empty() || found != case.expect {
            let _ = writeln!(
                report,
                "{}\n  found {found:#?}\n  expected {:#?}",
                case.name, case.expect
            );
        }
    }
    assert!(report.is_empty(), "\n{report}");
    assert!(cases.len() >= 120, "only {} cases were found", cases.len());
}

#[test]
fn every_problem_in_a_file_shows_its_line() {
    for case in cases() {
        let Err(problems) = read(&case.sources) else { continue };
        for problem in problems.0 {
            let at = problem.at.clone().expect("a place");
            let is_there = problem.excerpt.is_some() || problem.is_private;
            let past_the_end = case.sources.files[0].text.lines().count() < at.line as usize;
            let is_elsewhere = &*at.file != "sites.yml";
            assert!(is_there || past_the_end || is_elsewhere, "{}: {problem:?}", case.name);
        }
    }
}
