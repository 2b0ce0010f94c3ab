//! What a site shows to visitors, and how its root stands on the host.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::sixty::lab;
use crate::support::lab::Page;

/// A page; a web server whose php-fpm is just being reloaded is asked again.
pub fn get(site: &str, path: &str) -> Page {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let page = lab().get(site, path);
        if !matches!(page.status, 502..=504) || Instant::now() > patience {
            return page;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The version of the contact form that visitors of a site get; `None` when there is no form.
pub fn form_at(site: &str) -> Option<String> {
    let page = get(site, "/");
    if lab().site(site).1.platform == "wordpress" {
        assert_eq!(page.status, 200, "{site}: {}", page.body);
        let from = page.body.split_once("class=\"contact-form\"")?.1;
        return from
            .split('"')
            .skip_while(|word| !word.contains("data-version"))
            .nth(1)
            .map(str::to_owned);
    }
    assert!(page.body.contains("src=\"/_features/loader.js\""), "{site}: {}", page.body);
    let loader = get(site, "/_features/loader.js");
    if loader.status == 404 || !loader.body.contains("/contact-form.js") {
        return None;
    }
    assert_eq!(get(site, "/_features/contact-form/contact-form.js").status, 200, "{site}");
    assert!(get(site, "/_features/contact-form/config.js").body.contains("Write to us"), "{site}");
    let ticket = get(site, "/_features/contact-form/submit.php");
    let ticket: serde_json::Value = serde_json::from_str(&ticket.body).expect(&ticket.body);
    Some(ticket["version"].as_str().unwrap().to_owned())
}

/// The version of the popup that visitors of a site get.
pub fn popup_at(site: &str) -> Option<String> {
    let loaded = if lab().site(site).1.platform == "wordpress" {
        get(site, "/").body.contains("/_features/popup/popup.js")
    } else {
        let loader = get(site, "/_features/loader.js");
        loader.status == 200 && loader.body.contains("popup/popup.js")
    };
    let script = get(site, "/_features/popup/popup.js");
    assert_eq!(loaded, script.status == 200, "{site}");
    let version = || script.body.strip_prefix("// version ")?.lines().next().map(str::to_owned);
    loaded.then(version).flatten()
}

/// How a site's root stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Where `current` points to; empty for nowhere.
    pub current: String,
    /// The inode of the link `current` itself.
    pub inode: String,
    /// All releases, and whatever else is in their directory.
    pub releases: Vec<String>,
    /// The host lock, as its file reads.
    pub lock: String,
    /// The lines of the site's journal: verb and release.
    pub journal: Vec<String>,
    /// What is wrong with the tree of `current` by its own manifest; empty when it is whole.
    pub damage: String,
    /// Links below the docroot that point into a root of ours.
    pub links: Vec<String>,
}

impl Standing {
    /// The last thing that the journal says of what is current.
    pub fn last_word(&self) -> &str {
        let name = self.current.trim_start_matches("releases/");
        let of_current = |line: &&String| line.ends_with(name);
        self.journal
            .iter()
            .rev()
            .find(of_current)
            .map_or("", |line| line.split(' ').next().unwrap())
    }
}

/// Reads how a site's root stands, as root on its host, with nothing of fleetctl.
pub fn standing(site: &str) -> Standing {
    let (host, _) = lab().site(site);
    let text = lab().exec(
        &host.name,
        &format!(
            r#"s={site}; cd /srv/$s 2>/dev/null || exit 0
            echo "current $(readlink current)"
            [ ! -L current ] || echo "inode $(stat -c %i current)"
            for r in $(ls -A releases); do echo "release $r"; done
            [ ! -e .fleetctl/lock ] || echo "lock $(head -n 1 .fleetctl/lock)"
            [ ! -e .fleetctl/journal ] || cut -f1,2 .fleetctl/journal | tr '\t' ' ' | sed 's/^/journal /'
            if [ -L current ]; then
                short=$(readlink current); short=${{short##*-}}
                m=$(ls .fleetctl/manifests/$short*.sums) || echo "damage no manifest"
                cd current/. && {{
                    [ ! -s "/srv/$s/$m" ] || sha256sum -c "/srv/$s/$m" 2>&1 | grep -v ': OK$' | sed 's/^/damage /'
                    [ "$(find . -type f | wc -l)" = "$(wc -l <"/srv/$s/$m")" ] || echo 'damage the number of files differs'
                }}
            fi
            for l in $(find /var/www/$s -type l); do echo "link $l -> $(readlink $l)"; done"#
        ),
    );
    let mut found = Standing::default();
    for line in text.lines() {
        let Some((what, value)) = line.split_once(' ') else { continue };
        let value = value.to_owned();
        match what {
            "current" => found.current = value,
            "inode" => found.inode = value,
            "release" => found.releases.push(value),
            "lock" => found.lock = value,
            "journal" => found.journal.push(value),
            "damage" => found.damage += &value,
            "link" => found.links.push(value),
            other => panic!("{other}: {line}"),
        }
    }
    found.links.sort();
    found
}

/// A site after a run that ended: nothing half done is left, and what is current is whole.
#[track_caller]
pub fn assert_settled(site: &str) -> Standing {
    let found = standing(site);
    assert_eq!(found.lock, "", "{site} is still locked");
    let partial: Vec<&String> =
        found.releases.iter().filter(|name| name.starts_with('.')).collect();
    assert!(partial.is_empty(), "{site}: {partial:?}");
    assert_eq!(found.damage, "", "{site}: {found:?}");
    if !found.current.is_empty() {
        assert!(
            found.releases.iter().any(|name| found.current == format!("releases/{name}")),
            "{site}: {found:?}"
        );
    }
    found
}

/// The same, and a confirmed release is current: P1 for a site that had or got one.
#[track_caller]
pub fn assert_confirmed(site: &str) -> Standing {
    let found = assert_settled(site);
    assert_eq!(found.last_word(), "confirm", "{site}: {found:?}");
    found
}

/// Does something for many sites, a few at once.
pub fn each<T: Send>(sites: &[String], work: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let width = sites.len().div_ceil(4).max(1);
    let work = &work;
    thread::scope(|scope| {
        let chunks = sites.chunks(width);
        let threads: Vec<_> = chunks
            .map(|chunk| {
                scope.spawn(move || chunk.iter().map(|site| work(site)).collect::<Vec<T>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
