//! `artifact verify`: for people and for programs, whatever is wrong.

use std::process::Command;

use serde_json::json;

use super::Stage;

fn tar(stage: &Stage, arguments: &[&str]) {
    let done = Command::new("tar").args(arguments).current_dir(stage.path("")).status().unwrap();
    assert!(done.success());
}

#[test]
fn archives_are_accepted_or_refused_with_the_reason_and_nothing_is_unpacked() {
    let stage = Stage::new(&[("a/x.js", "one"), ("a/deep/y.js", "two!"), ("bad.tar.gz", "text")]);
    tar(&stage, &["-cf", "good.tar", "-C", "a", "."]);
    tar(&stage, &["-czf", "good.tar.gz", "-C", "a", "."]);
    tar(&stage, &["-cPf", "away.tar", "--transform", "s,a/x.js,../x.js,", "a/x.js"]);

    let good = stage.run(&["artifact", "verify", "good.tar", "good.tar.gz", "-o", "json"]);
    let good = good.expect(0).json();
    assert_eq!(good[0]["file"], "good.tar");
    for verdict in [&good[0], &good[1]] {
        assert_eq!(verdict["verdict"], "accepted");
        assert_eq!((&verdict["members"], &verdict["bytes"]), (&json!(3), &json!(7)));
        assert_eq!(verdict["digest"], good[0]["digest"], "compression is no part of identity");
    }
    let files = ["good.tar", "away.tar", "bad.tar.gz", "none.tar"];
    let words: Vec<&str> = ["artifact", "verify"].into_iter().chain(files).collect();
    let ran = stage.run(&words).expect(3);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("good.tar: accepted, 3 members, 7 B, "), "{}", ran.out);
    assert_eq!(
        lines[1..],
        [
            "away.tar: refused: member 1: the name \"../x.js\" leaves the artifact through `..`",
            "bad.tar.gz: refused: it is cut off, or no archive",
            "none.tar: refused: there is no such file",
        ]
    );
    let all = stage.run(&[&words[..], &["-o", "json"]].concat()).expect(3).json();
    let verdicts: Vec<&str> =
        all.as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["accepted", "refused", "refused", "refused"]);
    assert!(!stage.path("deep").exists() && !stage.path("x.js").exists());
}
