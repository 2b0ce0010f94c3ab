//! `wordpress_sites.yml` of Roots Trellis: `WordPress` sites by name, with their hosts.
//!
//! Trellis keeps sites in `/srv/www/<name>/current/web` (its documentation, "`WordPress` sites")
//! and machines in an inventory of Ansible's, which is read as it is. Taken over are the name,
//! the canonical host as `url`, the docroot and the platform; the rest is told in notes.

use super::{Found, Imported, allowed};
use crate::{
    inventory::word,
    model::{
        Platform, Problem, Problems, SiteName,
        yaml::{Key, Node, Yaml, parse_as_ansible},
    },
};

/// What Trellis alone needs, and nobody misses here.
const ITS_OWN: [&str; 14] = [
    "local_path",
    "admin_email",
    "repo",
    "repo_subtree_path",
    "branch",
    "deploy_keep_releases",
    "env",
    "cache",
    "cron",
    "db_create",
    "db_import",
    "initial_permalink_structure",
    "xmlrpc",
    "sync",
];

/// Reads the sites.
///
/// # Errors
/// What is not in Trellis' form, and every name, host or URL that cannot be used.
pub fn from_trellis(file: &str, text: &str) -> Result<Imported, Problems> {
    let root = parse_as_ansible(file, text)?;
    let mut problems = Problems::default();
    let mut imported = Imported::default();
    if let Some(mut fields) = root.fields(&mut problems) {
        let sites = fields.required("wordpress_sites", &mut problems);
        for (key, node) in sites.and_then(|node| node.map(&mut problems)).unwrap_or_default() {
            read_site(key, node, &mut imported, &mut problems);
        }
    }
    problems.with_excerpts(file, text).or(imported)
}

fn read_site(key: &Key, node: &Node, imported: &mut Imported, problems: &mut Problems) {
    let (name, entries) = (key.parsed::<SiteName>(problems), node.map(problems));
    let (Some(name), Some(entries)) = (name, entries) else { return };
    let get = |word: &str| entries.iter().find(|(key, _)| key.text == word).map(|(_, node)| node);
    let mut site = Found::new(name);
    let is_secure = get("ssl").is_some_and(is_enabled);
    let hosts = get("site_hosts").map(Node::one_or_many).unwrap_or_default();
    if hosts.is_empty() {
        problems.push(key.problem(format!("`{}` has no site_hosts", key.text)));
    }
    for (host, place) in hosts.iter().zip(0..) {
        let canonical = match &host.value {
            Yaml::Map(words) => words.iter().find(|(key, _)| key.text == "canonical").map(|w| &w.1),
            _ => Some(host),
        };
        let Some(canonical) = canonical else {
            problems.push(host.problem("`canonical` is missing"));
            continue;
        };
        let Some(text) = canonical.text(problems) else { continue };
        if place > 0 {
            let what = format!("{}: `{text}` is another host of the site", site.name);
            imported
                .notes
                .push(Problem::at(&canonical.at, what).hint("one url is kept, the first"));
            continue;
        }
        let url = format!("{}://{text}", if is_secure { "https" } else { "http" });
        let url = allowed(&canonical.at, &url, word::url, problems);
        site.words.extend(url.map(|url| ("url", url)));
        if matches!(&host.value, Yaml::Map(words) if words.iter().any(|(key, _)| key.text == "redirects"))
        {
            let what = format!("{}: redirects stay with the web server", site.name);
            imported.notes.push(Problem::at(&host.at, what));
        }
    }
    let docroot = format!("/srv/www/{}/current/web", site.name);
    site.words.push(("docroot", docroot));
    site.platform = Some(Platform::Wordpress);
    if get("multisite").is_some_and(is_enabled) {
        let what = format!("{}: a multisite is deployed as one site", site.name);
        imported.notes.push(Problem::at(&key.at, what));
    }
    for (key, _) in entries {
        let known = ["site_hosts", "ssl", "multisite"];
        if !known.contains(&key.text.as_str()) && !ITS_OWN.contains(&key.text.as_str()) {
            let what = format!("{}: `{}` was not taken over", site.name, key.text);
            imported.notes.push(key.problem(what));
        }
    }
    imported.add(&key.at, site, problems);
}

/// `{ enabled: true, … }`
fn is_enabled(node: &Node) -> bool {
    let Yaml::Map(entries) = &node.value else { return false };
    entries.iter().any(|(key, node)| key.text == "enabled" && node.value == Yaml::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Sources, Text, read};

    #[test]
    fn sites_of_trellis_become_an_inventory() {
        let imported = from_trellis(
            "wordpress_sites.yml",
            "# Documentation: …\nwordpress_sites:\n  acme.example:\n    site_hosts:\n      - canonical: www.acme.example\n        \
             redirects:\n          - acme.example\n      - canonical: shop.acme.example\n    local_path: ../site\n    \
             repo: git@example.com:acme/site.git\n    branch: main\n    multisite:\n      enabled: no\n    \
             ssl:\n      enabled: yes\n      provider: letsencrypt\n    strange: 1\n  b.example:\n    \
             site_hosts: [{ canonical: b.example }]\n    ssl: { enabled: false }\n",
        )
        .expect("good sites");
        assert_eq!(
            imported.to_yaml(),
            "sites:\n  acme.example: { url: \"https://www.acme.example\", docroot: \"/srv/www/acme.example/current/web\", platform: wordpress }\n  \
             b.example: { url: \"http://b.example\", docroot: \"/srv/www/b.example/current/web\", platform: wordpress }\n"
        );
        let notes: Vec<String> = imported.notes.iter().map(|note| note.message.clone()).collect();
        assert_eq!(
            notes,
            [
                "acme.example: redirects stay with the web server",
                "acme.example: `shop.acme.example` is another host of the site",
                "acme.example: `strange` was not taken over",
            ]
        );
        let files = vec![Text { file: "sites.yml".into(), text: imported.to_yaml() }];
        assert_eq!(read(&Sources { files, ..Sources::default() }).expect("good").sites().len(), 2);
    }

    #[test]
    fn what_is_not_trellis_is_told() {
        for (text, expected) in [
            ("sites: {}\n", "`wordpress_sites` is missing"),
            ("wordpress_sites: [a]\n", "expected a mapping"),
            ("wordpress_sites: { a.example: {} }\n", "has no site_hosts"),
            ("wordpress_sites: { a b: { site_hosts: [{ canonical: x }] } }\n", "may hold only"),
            (
                "wordpress_sites: { a: { site_hosts: [{ redirects: [x] }] } }\n",
                "`canonical` is missing",
            ),
            ("wordpress_sites: { a: { site_hosts: [{ canonical: 'x y' }] } }\n", "no URL has"),
        ] {
            let problems = from_trellis("t.yml", text).expect_err(text).to_string();
            assert!(problems.contains(expected), "{problems}");
        }
    }
}
