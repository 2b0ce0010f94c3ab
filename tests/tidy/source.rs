//! Reads the sources as the tidy tests need them: comments and literals blanked, tests cut off,
//! and the names in what remains. No parser: what it takes for code must look like formatted code.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// A source file, with comments and the contents of literals blanked out of `code`.
pub struct Source {
    pub path: String,
    pub room: String,
    pub text: String,
    pub code: String,
    /// Compiled for tests alone: neither its length nor its arrows concern the product.
    pub is_test: bool,
}

impl Source {
    /// What counts as code: neither blank, nor comment, nor test.
    pub fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn files_below(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
}

pub fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files_below(&src, "rs", &mut paths);
    assert!(paths.len() > 10, "the sources are not where they should be");
    let texts: Vec<(PathBuf, String)> = paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    let only_tests: BTreeSet<PathBuf> =
        texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    texts
        .into_iter()
        .map(|(path, text)| {
            let inside = path.strip_prefix(&src).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
            let blanked = blank(&text);
            let is_test = only_tests
                .iter()
                .any(|test| path.starts_with(test) || path == test.with_extension("rs"));
            Source {
                path: format!("src/{}", inside.display()),
                room: first.trim_end_matches(".rs").to_owned(),
                code: without_tests(&blanked).to_owned(),
                text,
                is_test,
            }
        })
        .collect()
}

/// The places (without `.rs`) of modules that a file declares for tests alone.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let home = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => path.parent().unwrap().to_path_buf(),
        _ => path.with_extension(""),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[0] == "#[cfg(test)]")
        .filter_map(|pair| pair[1].strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| home.join(name))
        .collect()
}

/// What stands before the tests at the foot of a file.
fn without_tests(code: &str) -> &str {
    let foot = code.match_indices("#[cfg(test)]").find(|(at, mark)| {
        let after = code[at + mark.len()..].trim_start();
        after.starts_with("mod ") && after.lines().next().is_some_and(|line| line.ends_with('{'))
    });
    foot.map_or(code, |(at, _)| &code[..at])
}

/// Replaces comments and the contents of text literals by spaces; lines stay where they are.
pub fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => {
                (rest.find("*/").map_or(rest.len(), |at| at + 2), false)
            }
            '"' => (quoted(rest), false),
            'r' if !ends_in_word(&out) && raw(rest).is_some() => (raw(rest).unwrap(), false),
            // A character literal; a lifetime has no closing quote so near.
            '\'' if rest.starts_with("'\\") => (rest[3..].find('\'').map_or(1, |at| at + 4), false),
            '\'' => match rest.char_indices().nth(2) {
                Some((at, '\'')) => (at + 1, false),
                _ => (1, true),
            },
            _ => (first.len_utf8(), true),
        };
        let (piece, remaining) = rest.split_at(length);
        if keep {
            out.push_str(piece);
        } else {
            out.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = remaining;
    }
    out
}

pub fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The length of a quoted literal at the start of `text`.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw literal at the start of `text`, if there is one.
fn raw(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let body = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(2 + hashes + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

/// Whether `name` stands in `code` as a name of its own.
pub fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let starts = !name.starts_with(word) || !code[..at].ends_with(word);
        let ends = !name.ends_with(word) || !code[at + name.len()..].starts_with(word);
        starts && ends
    })
}

/// The rooms that `code` reaches through `crate::…`, groups in braces included.
pub fn rooms_named(code: &str, from: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices(from) {
        let rest = code[at + from.len()..].trim_start();
        if !rest.starts_with('{') {
            rooms.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            continue;
        }
        let (mut depth, mut at_start, mut name) = (0, false, String::new());
        for c in rest.chars() {
            match c {
                '{' => {
                    depth += 1;
                    at_start = depth == 1;
                }
                '}' => depth -= 1,
                ',' if depth == 1 => at_start = true,
                c if depth == 1 && at_start && (c.is_alphanumeric() || c == '_') => name.push(c),
                c if c.is_whitespace() && name.is_empty() => {}
                _ => at_start = false,
            }
            if !name.is_empty() && !(at_start && (c.is_alphanumeric() || c == '_')) {
                rooms.insert(std::mem::take(&mut name));
                at_start = c == ',';
            }
            if depth == 0 {
                break;
            }
        }
    }
    rooms
}

pub fn declared(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for keyword in ["struct ", "enum ", "trait ", "mod ", "fn ", "type "] {
        for (at, _) in code.match_indices(keyword) {
            if !ends_in_word(&code[..at]) {
                let rest = &code[at + keyword.len()..];
                found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    found
}

/// `parse_host` and `ParseHost` are both made of `parse` and `host`; plurals count as singular.
pub fn words_of(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            write!(spaced, " {}", c.to_lowercase()).unwrap();
        } else {
            spaced.push(if c == '_' { ' ' } else { c });
        }
    }
    spaced.split_whitespace().map(|word| word.trim_end_matches('s').to_owned()).collect()
}

#[test]
fn the_reader_of_sources_is_not_fooled() {
    let blanked = blank(
        "a(\"// \\\" crate::x\"); // crate::y\nlet c = '\"'; /* crate::z */ let r = r#\"\"crate::\"#; f::<'a>(b)",
    );
    assert!(!blanked.contains("crate"), "{blanked}");
    assert!(
        blanked.contains("let c =")
            && blanked.contains("let r =")
            && blanked.contains("f::<'a>(b)")
    );
    let named = rooms_named(
        "use crate::{event::{self, Event}, model, plan as p}; crate::shell::x()",
        "crate::",
    );
    assert_eq!(
        named.iter().map(String::as_str).collect::<Vec<_>>(),
        ["event", "model", "plan", "shell"]
    );
    assert!(names("use std::fs;", "std::fs") && !names("use std::fsx;", "std::fs"));
    assert!(names("x.expose()", ".expose(") && !names("my_println!()", "println!"));
    assert_eq!(
        without_tests("a\n#[cfg(test)]\nmod cases;\nb\n#[cfg(test)]\nmod tests {\n}\n"),
        "a\n#[cfg(test)]\nmod cases;\nb\n"
    );
    assert_eq!(words_of("parse_JobsOf"), ["parse", "job", "of"]);
    assert_eq!(declared("pub struct Ab<T> {} fn cd() {}"), ["Ab", "cd"]);
}
