//! A table of sites (RFC 4180): a header of column names, then one line for each site.

use std::sync::Arc;

use super::{Found, Imported, allowed};
use crate::{
    inventory::word,
    model::{Position, Problem, Problems, SiteName},
};

const COLUMNS: [&str; 9] =
    ["name", "address", "port", "user", "url", "docroot", "platform", "groups", "tags"];

/// Reads a table. `groups` are separated by `;`, `tags` are `key=value` separated by `;`.
///
/// # Errors
/// Unknown columns, lines of another length than the header, and every bad word.
pub fn from_csv(file: &str, text: &str) -> Result<Imported, Problems> {
    let mut problems = Problems::default();
    let mut imported = Imported::default();
    // Spreadsheets like to begin with a byte order mark.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Rows { file: Arc::from(file), rest: body, line: 1, column: 1 };
    let columns = rows.next_row(&mut problems).map(|row| header(&row, &mut problems));
    if columns.is_none() && problems.0.is_empty() {
        problems.push(Problem::new(format!("{file}: the table is empty")));
    }
    let columns = columns.flatten().unwrap_or_default();
    while let Some(row) = rows.next_row(&mut problems) {
        if columns.is_empty() || matches!(row.as_slice(), [only] if only.text.is_empty()) {
            continue;
        }
        let Some(first) = row.first() else { continue };
        if row.len() != columns.len() {
            let message = format!("{} fields, but the header has {}", row.len(), columns.len());
            problems.push(
                Problem::at(&first.at, message).hint("put fields with commas in double quotes"),
            );
            continue;
        }
        if let Some(site) = site(&columns, &row, &mut problems) {
            imported.add(&first.at, site, &mut problems);
        }
    }
    problems.with_excerpts(file, body).or(imported)
}

fn header(row: &[Field], problems: &mut Problems) -> Option<Vec<&'static str>> {
    let mut columns = Vec::new();
    for Field { at, text } in row {
        let word = text.trim().to_ascii_lowercase();
        match COLUMNS.into_iter().find(|column| *column == word) {
            Some(column) if columns.contains(&column) => {
                problems.push(Problem::at(at, format!("the column `{column}` is here twice")));
            }
            Some(column) => columns.push(column),
            None => {
                let problem = Problem::at(at, format!("there is no column `{word}`"));
                let near = problem.suggest(&word, COLUMNS);
                problems.push(match near.hint {
                    Some(_) => near,
                    None => near.hint(format!("columns are {}", COLUMNS.join(", "))),
                });
            }
        }
    }
    if let (false, Some(first)) = (columns.contains(&"name"), row.first()) {
        problems.push(Problem::at(&first.at, "the header has no column `name`"));
    }
    (columns.len() == row.len() && columns.contains(&"name")).then_some(columns)
}

fn site(columns: &[&'static str], row: &[Field], problems: &mut Problems) -> Option<Found> {
    let mut site: Option<Found> = None;
    let fields =
        || columns.iter().zip(row).map(|(column, field)| (*column, &field.at, field.text.trim()));
    for (_, at, text) in fields().filter(|(column, ..)| *column == "name") {
        match SiteName::new(text) {
            Ok(name) => site = Some(Found::new(name)),
            Err(why) => problems.push(Problem::at(at, why.to_string())),
        }
    }
    // Words of a nameless line are checked all the same: all problems are told at once.
    let mut found = match &site {
        Some(site) => site.clone(),
        None => Found::new(SiteName::new("nameless").ok()?),
    };
    for (column, at, text) in fields().filter(|(_, _, text)| !text.is_empty()) {
        let mut word = |key, check| {
            let word = allowed(at, text, check, problems);
            found.words.extend(word.map(|word| (key, word)));
        };
        match column {
            "address" => word("address", word::address),
            "user" => word("user", word::user),
            "url" => word("url", word::url),
            "docroot" => word("docroot", word::host_path),
            "port" => match text.parse::<u16>() {
                Ok(port) if port > 0 => found.port = Some(port),
                _ => {
                    let message = format!("`{text}` is no port: a number from 1 to 65535");
                    problems.push(Problem::at(at, message));
                }
            },
            "platform" => match text.parse() {
                Ok(platform) => found.platform = Some(platform),
                Err(why) => problems.push(Problem::at(at, format!("{why}"))),
            },
            "groups" => groups(at, text, &mut found, problems),
            "tags" => tags(at, text, &mut found, problems),
            _ => {}
        }
    }
    site.map(|_| found)
}

fn groups(at: &Position, text: &str, found: &mut Found, problems: &mut Problems) {
    for word in text.split(';').map(str::trim).filter(|word| !word.is_empty()) {
        match word.parse() {
            Ok(name) if !["all", "ungrouped"].contains(&word) => {
                if !found.groups.contains(&name) {
                    found.groups.push(name);
                }
            }
            Ok(_) => {}
            Err(why) => problems.push(Problem::at(at, format!("{why}"))),
        }
    }
}

fn tags(at: &Position, text: &str, found: &mut Found, problems: &mut Problems) {
    for word in text.split(';').map(str::trim).filter(|word| !word.is_empty()) {
        let Some((key, value)) = word.split_once('=') else {
            problems.push(
                Problem::at(at, format!("`{word}` is no tag")).hint("as in tier=canary;region=eu"),
            );
            continue;
        };
        let key =
            key.trim().parse().map_err(|why| problems.push(Problem::at(at, format!("{why}"))));
        let value = allowed(at, value.trim(), word::tag_value, problems);
        if let (Ok(key), Some(value)) = (key, value) {
            if found.tags.iter().any(|(known, _)| *known == key) {
                problems.push(Problem::at(at, format!("the tag `{key}` is here twice")));
            } else {
                found.tags.push((key, value));
            }
        }
    }
}

struct Field {
    at: Position,
    text: String,
}

struct Rows<'a> {
    file: Arc<str>,
    rest: &'a str,
    line: u32,
    column: u32,
}

impl Rows<'_> {
    fn at(&self) -> Position {
        Position { file: Arc::clone(&self.file), line: self.line, column: self.column }
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '\n' {
            (self.line, self.column) = (self.line.saturating_add(1), 1);
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(c)
    }

    fn next_row(&mut self, problems: &mut Problems) -> Option<Vec<Field>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut row = Vec::new();
        loop {
            let (field, is_last) = self.next_field(problems);
            row.push(field);
            if is_last {
                return Some(row);
            }
        }
    }

    fn next_field(&mut self, problems: &mut Problems) -> (Field, bool) {
        let at = self.at();
        let mut text = String::new();
        let is_quoted = self.rest.starts_with('"');
        if is_quoted {
            self.take();
            self.quoted(&at, &mut text, problems);
        }
        loop {
            match self.take() {
                Some(',') => return (Field { at, text }, false),
                Some('\n') | None => return (Field { at, text }, true),
                Some('\r') if self.rest.starts_with('\n') => {}
                Some(c) => text.push(c),
            }
        }
    }

    fn quoted(&mut self, at: &Position, text: &mut String, problems: &mut Problems) {
        loop {
            match self.take() {
                Some('"') if self.rest.starts_with('"') => {
                    self.take();
                    text.push('"');
                }
                Some('"') => return,
                Some(c) => text.push(c),
                None => {
                    problems.push(Problem::at(at, "this quote is never closed"));
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::{Inventory, Sources, Text, read};

    pub fn reread(imported: &Imported) -> Inventory {
        let files = vec![Text { file: "sites.yml".into(), text: imported.to_yaml() }];
        let read = read(&Sources { files, ..Sources::default() });
        read.unwrap_or_else(|why| panic!("{why}\n{}", imported.to_yaml()))
    }

    #[test]
    fn a_table_becomes_an_inventory() {
        let imported = from_csv(
            "sites.csv",
            "\u{feff}Name,groups,address,port,user,tags,docroot,platform,url\r\n\
             acme.example,wordpress; forms,203.0.113.10,2222,deploy,tier=canary;note=\"a\" b,\"/var/www/a,b\",wordpress,https://acme.example\r\n\
             \r\n\
             no,all,,,,\"x=say \"\"hi\"\"\",,,\r\n",
        )
        .expect("a good table");
        assert_eq!(
            imported.to_yaml(),
            "groups:\n  \"forms\": {}\n  \"wordpress\": {}\nsites:\n  acme.example: { address: \"203.0.113.10\", user: \"deploy\", \
             docroot: \"/var/www/a,b\", url: \"https://acme.example\", port: 2222, platform: wordpress, \
             groups: [\"wordpress\", \"forms\"], tags: { \"tier\": \"canary\", \"note\": \"\\\"a\\\" b\" } }\n  \
             \"no\": { tags: { \"x\": \"say \\\"hi\\\"\" } }\n"
        );
        let inventory = reread(&imported);
        assert_eq!(inventory.sites().len(), 2);
        assert_eq!(inventory.site("acme.example").expect("acme").settings.port, Some(2222));
    }

    #[test]
    fn every_bad_field_is_told_with_its_place() {
        let text = "name,adress,port\nacme.example,x,22\n";
        let problems = from_csv("s.csv", text).expect_err("a bad header").to_string();
        assert!(problems.starts_with("s.csv:1:6: there is no column `adress`"), "{problems}");
        assert!(problems.contains("did you mean `address`?"), "{problems}");
        let text = "name,address,port,user,groups,tags,platform\n\
            -x,a:1,0,a b,a/b,tier,django\n\
            a.example,,,,,tier=a;tier=b,\n\
            a.example,,,,,,\n\
            b.example\n\
            \"c.example,,,,,,\n";
        let problems = from_csv("s.csv", text).expect_err("bad fields").to_string();
        for expected in [
            "s.csv:2:1: \"-x\" must begin",
            "s.csv:2:4: `a:1` holds a port",
            "s.csv:2:8: `0` is no port",
            "s.csv:2:10: `a b` is no login name",
            "s.csv:2:14: \"a/b\" may hold only",
            "s.csv:2:18: `tier` is no tag",
            "s.csv:2:23: there is no platform `django`",
            "s.csv:3:15: the tag `tier` is here twice",
            "s.csv:4:1: `a.example` is here twice",
            "s.csv:5:1: 1 fields, but the header has 7",
            "s.csv:6:1: this quote is never closed",
        ] {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
        assert!(
            from_csv("s.csv", "").expect_err("empty").to_string().contains("the table is empty")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            rows in proptest::collection::btree_map("[a-z]{1,6}\\.example|yes|[0-9]{1,4}", ("[a-z0-9]{1,8}", 1_u16.., "[^,;=\\x00-\\x1f\\x7f-\\u{9f}]{1,20}"), 0..6)
        ) {
            let mut text = "name,user,port,tags\n".to_owned();
            for (name, (user, port, tag)) in &rows {
                let tag = tag.replace('"', "\"\"");
                text.push_str(&format!("{name},{user},{port},\"t={tag}\"\n"));
            }
            let Ok(imported) = from_csv("s.csv", &text) else {
                // A tag of blanks alone is the one thing generated here that is refused.
                prop_assert!(rows.values().any(|(_, _, tag)| tag.trim().is_empty()));
                return Ok(());
            };
            let inventory = reread(&imported);
            prop_assert_eq!(inventory.sites().len(), rows.len());
            for (name, (user, port, tag)) in &rows {
                let site = inventory.site(name).expect("the site");
                prop_assert_eq!(site.settings.user.as_deref(), Some(user.as_str()));
                prop_assert_eq!(site.settings.port, Some(*port));
                prop_assert_eq!(site.tags["t"].as_str(), tag.trim());
            }
        }

        #[test]
        fn no_table_makes_the_reader_panic(text in "([a-z,\"\n;= ]|name|port|\r){0,60}") {
            let _ = from_csv("s.csv", &format!("name,port,tags\n{text}"));
            let _ = from_csv("s.csv", &text);
        }
    }
}
