//! Tests as data: reads `tests/cases/**`, so that a new case needs no Rust. For tests only.

use std::fmt::Debug;

use crate::model::yaml::{self, Node, Yaml};

/// Checks that `read` refuses every text of `cases`, and says what the case says it says.
/// A case is `{ refused: TEXT, says: [PART, …] }`; a part that begins with `!` must be absent.
#[track_caller]
pub(crate) fn refused<T: Debug>(cases: &str, read: impl Fn(&str) -> Result<T, String>) {
    let node = yaml::parse("cases", cases).expect("the cases are good YAML");
    let Yaml::List(cases) = node.value else { panic!("the cases are a list") };
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for case in &cases {
        let (text, says) = case_parts(case);
        match read(&text) {
            Ok(value) => failures.push(format!("{}: accepted: {text}\n{value:?}", case.at)),
            Err(said) => {
                for part in says {
                    let holds = match part.strip_prefix('!') {
                        Some(absent) => !said.contains(absent),
                        None => said.contains(&part),
                    };
                    if !holds {
                        failures.push(format!("{}: {text}\nnot {part:?} but\n{said}", case.at));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn case_parts(case: &Node) -> (String, Vec<String>) {
    let mut problems = crate::model::Problems::default();
    let mut fields = case.fields(&mut problems).expect("a case is a mapping");
    let text = match &fields.required("refused", &mut problems).expect("`refused`").value {
        Yaml::Text(text) => text.clone(),
        other => panic!("{}: `refused` is a text, not {other:?}", case.at),
    };
    let says = fields.required("says", &mut problems).expect("`says`");
    let says: Vec<String> = says
        .one_or_many()
        .iter()
        .map(|part| part.text(&mut problems).expect("a text").to_owned())
        .collect();
    fields.finish("a case", &mut problems);
    assert!(problems.0.is_empty() && !says.is_empty(), "{}: {problems}", case.at);
    (text, says)
}
