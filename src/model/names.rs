//! Many site names in little space: `acme.example, shop[01:20].example (21)`.
//!
//! Ranges are written as inventories and `--site` take them, so they can be pasted back.

use std::collections::BTreeMap;

use super::SiteName;

/// The shortest run of numbers that becomes a range.
const SHORTEST: usize = 3;

/// Names, runs of numbered ones as ranges, in the order of their first names.
pub fn ranges<'a>(sites: impl IntoIterator<Item = &'a SiteName>) -> Vec<String> {
    // Around the last number of the name: before it, after it, and how many digits it has.
    let mut families: BTreeMap<(&str, &str, usize), BTreeMap<u64, &str>> = BTreeMap::new();
    let mut shown: BTreeMap<&str, String> = BTreeMap::new();
    for site in sites {
        let name = site.as_str();
        match numbered(name) {
            Some((before, number, digits, after)) => {
                families.entry((before, after, digits)).or_default().insert(number, name);
            }
            None => {
                shown.insert(name, name.to_owned());
            }
        }
    }
    for ((before, after, digits), numbers) in families {
        let mut numbers = numbers.into_iter().peekable();
        while let Some((first, name)) = numbers.next() {
            let mut run = vec![name];
            let mut last = first;
            while let Some((number, name)) = numbers.next_if(|(number, _)| *number == last + 1) {
                run.push(name);
                last = number;
            }
            if run.len() < SHORTEST {
                shown.extend(run.into_iter().map(|name| (name, name.to_owned())));
            } else {
                let range = format!("{before}[{first:0digits$}:{last:0digits$}]{after}");
                shown.insert(name, range);
            }
        }
    }
    shown.into_values().collect()
}

/// Names in about `columns` columns: as many as fit, and how many there are in all, unless
/// that is plain to see.
pub fn listed<'a>(sites: impl IntoIterator<Item = &'a SiteName>, columns: usize) -> String {
    let sites: Vec<&SiteName> = sites.into_iter().collect();
    let names = ranges(sites.iter().copied());
    let total = format!(" ({})", sites.len());
    let room = columns.saturating_sub(total.len() + " …".len());
    let mut text = String::new();
    let mut fit = 0;
    for name in &names {
        let more = if fit == 0 { 0 } else { 2 } + name.len();
        if fit > 0 && text.len() + more > room {
            break;
        }
        if fit > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        fit += 1;
    }
    if fit < names.len() {
        text.push_str(" …");
    }
    if fit < names.len() || names.len() < sites.len() {
        text.push_str(&total);
    }
    text
}

/// The names that one of [`ranges`] stands for; a name stands for itself.
///
/// # Errors
/// Why it stands for none.
pub fn named(range: &str) -> Result<Vec<SiteName>, String> {
    const MOST: u64 = 100_000;
    let name = |text: &str| text.parse::<SiteName>().map_err(|why| why.to_string());
    let parts = range.split_once('[').and_then(|(before, rest)| {
        let (bounds, after) = rest.split_once(']')?;
        let (first, last) = bounds.split_once(':')?;
        Some((before, first, last, after))
    });
    let Some((before, first, last, after)) = parts else { return Ok(vec![name(range)?]) };
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
    let (from, to, digits) = (number(first)?, number(last)?, first.len());
    if to < from || to - from >= MOST {
        return Err(format!("[{first}:{last}] is no range"));
    }
    (from..=to).map(|number| name(&format!("{before}{number:0digits$}{after}"))).collect()
}

/// The last number in a name, if it can be counted with: its text before, value, digits, and
/// the text after.
fn numbered(name: &str) -> Option<(&str, u64, usize, &str)> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (head, after) = name.split_at_checked(end)?;
    let before = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = head.get(before.len()..)?;
    Some((before, digits.parse().ok()?, digits.len(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(text: &str) -> Vec<SiteName> {
        text.split_whitespace().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn runs_of_numbers_become_ranges() {
        for (names, expected) in [
            ("shop02 shop01 shop03 acme", "acme shop[01:03]"),
            ("shop1 shop2", "shop1 shop2"),
            ("a1.x a2.x a3.x a5.x a7.y", "a[1:3].x a5.x a7.y"),
            ("w8 w9 w10 w11 w12", "w[10:12] w8 w9"),
            ("eu2-web1 eu2-web2 eu2-web3 eu3-web1", "eu2-web[1:3] eu3-web1"),
            ("v99999999999999999999999.x", "v99999999999999999999999.x"),
            ("", ""),
        ] {
            let sites = sites(names);
            assert_eq!(ranges(&sites).join(" "), expected, "{names}");
            let mut back: Vec<SiteName> =
                ranges(&sites).iter().flat_map(|range| named(range).unwrap()).collect();
            back.sort();
            let mut sites = sites;
            sites.sort();
            assert_eq!(back, sites);
        }
        for wrong in ["a[1:3", "a[3:1]", "a[x:y]", "a[1:99999999]", "-x", ""] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_says_how_many_there_are_when_it_does_not_show_all() {
        let few = sites("acme.example globex.example");
        assert_eq!(listed(&few, 60), "acme.example, globex.example");
        assert_eq!(listed(&few, 20), "acme.example … (2)");
        let many: Vec<SiteName> =
            (1..=20).map(|i| format!("shop{i:02}.example").parse().unwrap()).collect();
        assert_eq!(
            listed(few.iter().chain(&many), 80),
            "acme.example, globex.example, shop[01:20].example (22)"
        );
        assert_eq!(listed(few.iter().chain(&many), 40), "acme.example, globex.example … (22)");
        assert_eq!(listed(&[], 40), "");
    }
}
