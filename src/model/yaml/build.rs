//! From parser events to nodes, within limits.
//!
//! Limits are counted while building, before anything is copied: a file of a few hundred bytes
//! whose aliases expand to billions of nodes is refused at the alias that goes too far.

use std::{collections::BTreeMap, sync::Arc};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Key, Node, Yaml, open_map::OpenMap, scalar};
use crate::model::{Position, Problem, Problems};

/// How deep lists and mappings may nest.
const DEPTH: usize = 64;
/// How many nodes a file may have.
const NODES: usize = 2_000_000;
/// How many of them aliases may add.
const ALIASED: usize = 100_000;
/// How large a file may be, in bytes.
const BYTES: usize = 32 << 20;

/// Reads one YAML document; an empty text is [`Yaml::Null`].
///
/// `file` is the name that positions carry.
///
/// # Errors
/// All duplicate keys at once, or the first thing that makes the rest unreadable.
pub fn parse(file: &str, text: &str) -> Result<Node, Problems> {
    let start = Position { file: Arc::from(file), line: 1, column: 1 };
    let read = check_bytes(&start, text).and_then(|()| build(&start, text));
    match read {
        Ok((node, problems)) => problems.with_excerpts(file, text).or(node),
        Err(problem) => Err(Problems::from(problem).with_excerpts(file, text)),
    }
}

fn check_bytes(start: &Position, text: &str) -> Result<(), Problem> {
    if text.len() > BYTES {
        return Err(Problem::at(start, format!("the file is larger than {} MiB", BYTES >> 20)));
    }
    if text.starts_with('\u{feff}') {
        return Err(Problem::at(start, "the file begins with a byte order mark")
            .hint("save it as UTF-8 without a byte order mark"));
    }
    Ok(())
}

fn build(start: &Position, text: &str) -> Result<(Node, Problems), Problem> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        block_nesting_limit: DEPTH,
        flow_nesting_limit: DEPTH,
    };
    let mut builder = Builder::new(start.clone());
    for step in Parser::new_from_str_with_options(text, options) {
        let (event, span) = step.map_err(|error| syntax_problem(start, text, &error))?;
        builder.take(event, &span)?;
    }
    let root = builder.root.unwrap_or(Node { at: start.clone(), value: Yaml::Null });
    Ok((root, builder.problems))
}

fn syntax_problem(start: &Position, text: &str, error: &granit_parser::ScanError) -> Problem {
    let marker = error.marker();
    let at = position(start, marker.line(), marker.col());
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if let Some(column) = indent.chars().position(|c| c == '\t') {
        let at = position(start, marker.line(), column);
        return Problem::at(&at, "a tab is used for indentation").hint("indent with spaces");
    }
    let why = error.info();
    let problem = Problem::at(&at, format!("this is not YAML: {why}"));
    if why.contains("limit") {
        return Problem::at(&at, format!("nested too deeply: more than {DEPTH} levels"));
    }
    if line.trim_start().starts_with(['@', '`', '%', '*', '&', '!']) || line.contains(": *") {
        return problem.hint("put text that begins with a special character in quotes");
    }
    problem
}

fn position(start: &Position, line: usize, column: usize) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position {
        file: Arc::clone(&start.file),
        line: number(line).max(1),
        column: number(column).saturating_add(1),
    }
}

/// A list or mapping that is still open.
struct Frame {
    at: Position,
    anchor: usize,
    kind: Open,
}

enum Open {
    List(Vec<Node>),
    Map(OpenMap),
}

struct Builder {
    start: Position,
    stack: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    /// Finished anchored nodes with their size and depth.
    anchors: BTreeMap<usize, (Node, Extent)>,
    nodes: usize,
    aliased: usize,
    problems: Problems,
}

#[derive(Clone, Copy)]
struct Extent {
    nodes: usize,
    depth: usize,
}

impl Builder {
    fn new(start: Position) -> Self {
        Self {
            start,
            stack: Vec::new(),
            root: None,
            documents: 0,
            anchors: BTreeMap::new(),
            nodes: 0,
            aliased: 0,
            problems: Problems::default(),
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Problem> {
        let at = position(&self.start, span.start.line(), span.start.col());
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::at(&at, "a second YAML document begins here")
                        .hint("one file holds one document: remove the `---` line"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_string = check_tag(&at, tag.as_deref())?;
                self.count(&at, 1)?;
                if self.wants_key() {
                    return self.put_key(at, &text, style);
                }
                let value = match style {
                    ScalarStyle::Plain if !is_string => scalar::plain(&text),
                    _ => Yaml::Text(text.into_owned()),
                };
                self.put_node(Node { at, value }, anchor)?;
            }
            Event::Alias(id) => self.put_alias(&at, id)?,
            Event::UnresolvedAlias(name) => {
                return Err(Problem::at(&at, format!("there is no anchor `&{name}` above"))
                    .hint("put text that begins with `*` in quotes"));
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(&at, tag.as_deref())?;
                self.open(at, anchor, Open::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(&at, tag.as_deref())?;
                self.open(at, anchor, Open::Map(OpenMap::default()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, at: &Position, nodes: usize) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > NODES {
            return Err(Problem::at(at, format!("the file holds more than {NODES} values")));
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { kind: Open::Map(map), .. }) if map.wants_key())
    }

    fn open(&mut self, at: Position, anchor: usize, kind: Open) -> Result<(), Problem> {
        self.count(&at, 1)?;
        if self.wants_key() {
            return Err(Problem::at(&at, "a key must be text, not a list or a mapping")
                .hint("put text that begins with `[`, `{` or `?` in quotes"));
        }
        self.check_depth(&at, 1)?;
        self.stack.push(Frame { at, anchor, kind });
        Ok(())
    }

    fn check_depth(&self, at: &Position, more: usize) -> Result<(), Problem> {
        if self.stack.len() + more > DEPTH {
            return Err(Problem::at(at, format!("nested too deeply: more than {DEPTH} levels")));
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.kind {
            Open::List(items) => Yaml::List(items),
            Open::Map(map) => map.finish(&mut self.problems),
        };
        self.put_node(Node { at: frame.at, value }, frame.anchor)
    }

    fn put_key(&mut self, at: Position, text: &str, style: ScalarStyle) -> Result<(), Problem> {
        if text.is_empty() {
            return Err(Problem::at(&at, "a key is empty"));
        }
        if let Some(Frame { kind: Open::Map(map), .. }) = self.stack.last_mut() {
            let is_plain = style == ScalarStyle::Plain;
            let is_number =
                is_plain && matches!(scalar::plain(text), Yaml::Int(_) | Yaml::Float(_));
            let key = Key { at, text: text.to_owned(), is_number };
            map.put_key(key, is_plain, &mut self.problems);
        }
        Ok(())
    }

    fn put_alias(&mut self, at: &Position, id: usize) -> Result<(), Problem> {
        let Some((node, extent)) = self.anchors.get(&id) else {
            return Err(Problem::at(at, "this alias stands inside the value that it repeats"));
        };
        let extent = *extent;
        self.aliased += extent.nodes;
        if self.aliased > ALIASED {
            let message = format!("aliases repeat more than {ALIASED} values");
            return Err(Problem::at(at, message).hint("write fewer `*aliases`, or use groups"));
        }
        self.check_depth(at, extent.depth)?;
        if self.wants_key() {
            let Yaml::Text(text) = &node.value else {
                return Err(Problem::at(at, "a key must be text"));
            };
            let text = text.clone();
            return self.put_key(at.clone(), &text, ScalarStyle::DoubleQuoted);
        }
        let node = node.clone();
        self.count(at, extent.nodes)?;
        self.put_node(node, 0)
    }

    fn put_node(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            let extent = measure(&node);
            self.count(&node.at, extent.nodes)?;
            self.anchors.insert(anchor, (node.clone(), extent));
        }
        match self.stack.last_mut().map(|frame| &mut frame.kind) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(map)) => map.put_value(node),
        }
        Ok(())
    }
}

fn measure(node: &Node) -> Extent {
    let around = |children: &mut dyn Iterator<Item = &Node>| {
        children.map(measure).fold(Extent { nodes: 1, depth: 1 }, |sum, child| Extent {
            nodes: sum.nodes + child.nodes,
            depth: sum.depth.max(child.depth + 1),
        })
    };
    match &node.value {
        Yaml::List(items) => around(&mut items.iter()),
        Yaml::Map(entries) => around(&mut entries.iter().map(|(_, node)| node)),
        _ => Extent { nodes: 1, depth: 0 },
    }
}

/// Whether the tag says "this is text". Any tag but `!!str` and its kin is refused.
fn check_tag(at: &Position, tag: Option<&Tag>) -> Result<bool, Problem> {
    let Some(tag) = tag else { return Ok(false) };
    match tag.core_suffix() {
        Some("str") => Ok(true),
        Some("map" | "seq") => Ok(false),
        _ => {
            let shown = tag.original();
            let problem = Problem::at(at, format!("the tag `{shown}` is not supported"));
            Err(if shown == "!vault" {
                problem.hint("take the secret from_env, from_file or from_command instead")
            } else {
                problem.hint("remove the tag; quotes make text of a value")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn shown(node: &Node) -> String {
        match &node.value {
            Yaml::Null => "~".into(),
            Yaml::Bool(value) => value.to_string(),
            Yaml::Int(value) => value.to_string(),
            Yaml::Float(value) => format!("{value:?}"),
            Yaml::Text(text) => format!("{text:?}"),
            Yaml::Unclear(text) => format!("?{text}"),
            Yaml::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(","))
            }
            Yaml::Map(entries) => {
                let entries =
                    entries.iter().map(|(key, node)| format!("{}={}", key.text, shown(node)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(&parse("t.yml", text).expect("good YAML")), expected);
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let problems = parse("t.yml", text).expect_err("bad YAML").to_string();
        assert!(problems.contains(expected), "{problems}");
    }

    #[test]
    fn values_have_the_types_they_look_like() {
        check("", "~");
        check("a: 1\nb: [x, 'y', \"22\", 1.5, true, ~]\n", r#"{a=1,b=["x","y","22",1.5,true,~]}"#);
        check("a: no\nb: 0644\n", "{a=?no,b=?0644}");
        check("a: |\n  x\n  y\n", r#"{a="x\ny\n"}"#);
        check("on: 1\n22: 2\n~: 3\n", "{on=1,22=2,~=3}");
        check("a: !!str 22\n", r#"{a="22"}"#);
        check("---\na: 1\n...\n", "{a=1}");
        check("a: 1\r\nb: 2\r\n", "{a=1,b=2}");
    }

    #[test]
    fn merge_keys_bring_what_is_not_written_out() {
        check("x: &d { p: 1, q: 2 }\ny: { <<: *d, q: 3 }\n", "{x={p=1,q=2},y={q=3,p=1}}");
        check(
            "x: &d {p: 1}\ne: &e {p: 2, r: 3}\ny: {<<: [*d, *e]}\n",
            "{x={p=1},e={p=2,r=3},y={p=1,r=3}}",
        );
        check("'<<': 1\n", "{<<=1}");
        refused("<<: 5\n", "t.yml:1:5: `<<` merges a mapping");
        refused("x: &d {p: 1}\ny:\n  <<: *d\n  <<: *d\n", "t.yml:4:3: `<<` is here twice");
    }

    #[test]
    fn every_duplicate_is_told_with_the_line_of_the_first() {
        let problems = parse("t.yml", "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").expect_err("duplicates");
        assert_eq!(problems.0.len(), 2);
        let text = problems.to_string();
        assert!(text.contains("t.yml:4:3: `c` is here twice: it is already in line 3"), "{text}");
        assert!(text.contains("t.yml:5:1: `a` is here twice: it is already in line 1"), "{text}");
        assert!(text.contains("  5 | a: 3\n    | ^"), "{text}");
    }

    #[test]
    fn a_key_among_many_is_found_again() {
        let mut text = String::new();
        for n in 0..40 {
            let _ = writeln!(text, "k{n}: {n}");
        }
        text.push_str("k3: 1\nk39: 1\n<<: { k7: x, new: 1 }\n");
        let problems = parse("t.yml", &text).expect_err("duplicates").to_string();
        assert!(
            problems.contains("t.yml:41:1: `k3` is here twice: it is already in line 4"),
            "{problems}"
        );
        assert!(
            problems.contains("t.yml:42:1: `k39` is here twice: it is already in line 40"),
            "{problems}"
        );
        assert_eq!(problems.matches("twice").count(), 2);
    }

    #[test]
    fn what_is_not_one_clean_document_is_refused() {
        refused("\u{feff}a: 1\n", "byte order mark");
        refused("a: 1\n---\nb: 2\n", "t.yml:2:1: a second YAML document");
        refused("a:\n\tb: 1\n", "t.yml:2:1: a tab is used for indentation");
        refused("a: [1, 2\nb: 3\n", "not YAML");
        refused("a: *x\n", "t.yml:1:4: there is no anchor `&x` above");
        refused("a: &x [*x]\n", "stands inside the value");
        refused("a: !vault |\n  x\n", "the tag `!vault` is not supported");
        refused("? [a]\n: 1\n", "a key must be text");
        refused("'': 1\n", "a key is empty");
        refused("a: \"x\n", "not YAML");
        refused("a: @x\n", "not YAML");
    }

    #[test]
    fn depth_is_bounded_in_both_styles_and_through_aliases() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse("t.yml", &deep(DEPTH)).is_ok());
        refused(&deep(DEPTH + 1), "nested too deeply");
        refused(&deep(100_000), "nested too deeply");
        let mut block = String::new();
        for level in 0..=DEPTH {
            let _ = writeln!(block, "{}a:", " ".repeat(level));
        }
        refused(&block, "nested too deeply");
        let mut chain = "a0: &a0 [x]\n".to_owned();
        for level in 1..=DEPTH {
            let _ = writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1);
        }
        refused(&chain, "nested too deeply");
    }

    #[test]
    fn a_billion_laughs_are_refused_at_once() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let again = vec![format!("*a{}", level - 1); 10].join(", ");
            let _ = writeln!(text, "a{level}: &a{level} [{again}]");
        }
        refused(&text, "aliases repeat more than");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
            let _ = parse("t.yml", &text);
        }

        #[test]
        fn no_yaml_like_text_makes_the_parser_panic(
            text in "([ \t]{0,4}(- |\\? |[a-c]: |<<: |&x |\\*x |!t |[\\[\\]{},'\"|>#%@]|---|\n|é|0x|[0-9]){0,6}\n?){0,20}"
        ) {
            let _ = parse("t.yml", &text);
        }
    }
}
