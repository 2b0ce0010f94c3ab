//! Ranges in site names: `shop[01:20].example`, `[a:f]`, `[1:9:2]`, several to a name.
//!
//! They mean what Ansible makes of them (`ansible/plugins/inventory/__init__.py`): both ends
//! belong to the range, a leading zero in the first pads all, and `[:5]` begins at 0. Stricter
//! here: an empty range, ends of unequal case and a step of 0 are mistakes.

/// How many sites one entry may stand for.
const MOST: usize = 100_000;

/// All names that `text` stands for, in order; itself when it has no range.
///
/// # Errors
/// A fragment that says why the range cannot be read.
pub(super) fn expand(text: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('[') {
        let Some((range, after)) = tail.split_once(']') else {
            return Err(format!("`[{tail}` has no closing bracket"));
        };
        let values = values(range).map_err(|why| format!("the range `[{range}]` {why}"))?;
        if names.len().saturating_mul(values.len()) > MOST {
            return Err(format!("stands for more than {MOST} sites"));
        }
        names = names
            .iter()
            .flat_map(|name| values.iter().map(move |value| format!("{name}{before}{value}")))
            .collect();
        rest = after;
    }
    if rest.contains(']') {
        return Err("has a closing bracket without an opening one".to_owned());
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

fn values(range: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match *parts.as_slice() {
        [first, last] => (first, last, "1"),
        [first, last, step] => (first, last, step),
        _ => return Err("has the form [first:last] or [first:last:step]".to_owned()),
    };
    let step: usize = match step.parse() {
        Ok(step) if step > 0 && step <= MOST => step,
        _ => return Err(format!("has the step `{step}`; a step is a number from 1")),
    };
    let first = if first.is_empty() { "0" } else { first };
    if last.is_empty() {
        return Err("has no end".to_owned());
    }
    if let (Some(first), Some(last)) = (letter(first), letter(last)) {
        return letters(first, last, step);
    }
    numbers(first, last, step)
}

fn letter(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
}

fn letters(first: char, last: char, step: usize) -> Result<Vec<String>, String> {
    if first.is_ascii_lowercase() != last.is_ascii_lowercase() {
        return Err("mixes lower and upper case".to_owned());
    }
    if first > last {
        return Err(format!("runs backwards: write [{last}:{first}]"));
    }
    Ok((first..=last).step_by(step).map(String::from).collect())
}

fn numbers(first: &str, last: &str, step: usize) -> Result<Vec<String>, String> {
    let number = |text: &str| {
        let is_number = text.chars().all(|c| c.is_ascii_digit());
        is_number.then(|| text.parse::<usize>().ok()).flatten()
    };
    let (Some(low), Some(high)) = (number(first), number(last)) else {
        return Err("needs two numbers, or two letters".to_owned());
    };
    if low > high {
        return Err(format!("runs backwards: write [{last}:{first}]"));
    }
    let is_padded = first.len() > 1 && first.starts_with('0');
    if is_padded && first.len() != last.len() {
        return Err(format!(
            "is padded with zeros, so `{first}` and `{last}` must be equally long"
        ));
    }
    if (high - low) / step >= MOST {
        return Err(format!("stands for more than {MOST} sites"));
    }
    let width = if is_padded { first.len() } else { 0 };
    Ok((low..=high).step_by(step).map(|value| format!("{value:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(expand(text).expect("a good range"), expected);
    }

    #[test]
    fn ranges_become_names() {
        check("acme.example", &["acme.example"]);
        check("shop[01:03].x", &["shop01.x", "shop02.x", "shop03.x"]);
        check("shop[8:11]", &["shop8", "shop9", "shop10", "shop11"]);
        check("s[1:9:4]", &["s1", "s5", "s9"]);
        check("s[a:e:2]", &["sa", "sc", "se"]);
        check("s[:2]", &["s0", "s1", "s2"]);
        check("[a:b][1:2]x", &["a1x", "a2x", "b1x", "b2x"]);
        check("s[007:008]", &["s007", "s008"]);
        check("s[5:5]", &["s5"]);
    }

    #[test]
    fn broken_ranges_say_what_is_broken() {
        for (text, why) in [
            ("s[1:2", "no closing bracket"),
            ("s1:2]", "without an opening one"),
            ("s[1]", "has the form"),
            ("s[1:2:3:4]", "has the form"),
            ("s[]", "has the form"),
            ("s[1:]", "has no end"),
            ("s[:]", "has no end"),
            ("s[5:1]", "runs backwards: write [1:5]"),
            ("s[f:a]", "runs backwards: write [a:f]"),
            ("s[a:F]", "mixes lower and upper case"),
            ("s[a:3]", "two numbers, or two letters"),
            ("s[1:x]", "two numbers, or two letters"),
            ("s[-1:3]", "two numbers, or two letters"),
            ("s[1:9:0]", "has the step `0`"),
            ("s[1:9:-1]", "has the step `-1`"),
            ("s[01:100]", "must be equally long"),
            ("s[1:9999999]", "more than 100000"),
            ("s[1:1000][1:1000]", "more than 100000"),
            ("s[1:99999999999999999999999]", "two numbers, or two letters"),
        ] {
            let error = expand(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_range_has_both_ends_no_repeats_and_one_width(
            low in 0_usize..500, more in 0_usize..300, step in 1_usize..20, width in 0_usize..6
        ) {
            let high = low + more;
            let width = if width > 0 { width.max(high.to_string().len()) } else { 0 };
            let text = format!("a[{low:0width$}:{high:0width$}:{step}].b");
            let names = expand(&text).expect("a good range");
            prop_assert_eq!(names.len(), more / step + 1);
            prop_assert_eq!(&names[0], &format!("a{low:0width$}.b"));
            let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
            let is_padded = format!("{low:0width$}").starts_with('0') && width > 1;
            if is_padded {
                prop_assert!(names.iter().all(|name| name.len() == names[0].len()));
            }
        }

        #[test]
        fn no_name_makes_the_reader_panic(text in "[a-z0-9:\\[\\].-]{0,24}") {
            if let Ok(names) = expand(&text) {
                prop_assert!(!names.is_empty() && names.len() <= MOST);
            }
        }
    }
}
