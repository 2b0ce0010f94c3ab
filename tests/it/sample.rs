//! The sample fleet: what people read first must be true, and its features must work.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use fleetctl::{
    feature::{self, Lock, Origin},
    inventory::Inventory,
    model::Platform,
    pipeline, playbook,
    project::{Project, Surroundings},
    registry::read_source,
};

use crate::support::lab::{Lab, Spec};

fn project() -> Project {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Project::open(Some(root), &Surroundings::default()).unwrap()
}

fn inventory() -> Inventory {
    let project = project();
    project.inventory(project.settings.environment(None).unwrap()).unwrap()
}

#[test]
fn the_fleet_is_a_hundred_sites_in_the_groups_that_are_told() {
    let inventory = inventory();
    let count = |group: &str| inventory.members(group).count();
    assert_eq!(inventory.sites().len(), 100);
    assert_eq!(inventory.hosts().len(), 99, "two sites share a host");
    assert_eq!((count("wordpress"), count("static"), count("react")), (56, 26, 18));
    assert_eq!((count("forms"), count("promo")), (60, 36));
    assert_eq!(count("eu") + count("na"), 100);
    assert_eq!(count("eu"), count("eu-west") + count("eu-north"));
    assert!(inventory.sites().iter().all(|site| site.settings.platform.is_some()));
    let canaries =
        |site: &&fleetctl::inventory::Site| site.tags.values().any(|tag| tag == "canary");
    assert_eq!(inventory.sites().iter().filter(canaries).count(), 3);
    let both =
        inventory.members("forms").filter(|site| site.groups.iter().any(|g| g.as_str() == "promo"));
    assert!(both.count() > 20, "the groups overlap");
}

#[test]
fn the_playbook_is_a_playbook() {
    let text = project().playbook("deploy").unwrap().expect("playbooks/deploy.yml");
    let plays = playbook::parse(&text.file, &text.text).unwrap();
    assert_eq!(plays.len(), 1);
    assert_eq!(plays[0].rollout.canary.values().collect::<Vec<_>>(), ["canary"]);
}

/// The sample fleet in another directory, with a secret that is to be had there.
fn copy() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    copy.current_dir(env!("CARGO_MANIFEST_DIR")).arg("-r");
    copy.args(["fleet.yml", "fleet.lock", "inventory", "playbooks", "features", "registry"]);
    assert!(copy.arg(directory.path()).status().unwrap().success());
    let key = directory.path().join("key");
    fs::write(&key, "open sesame").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let forms = directory.path().join("inventory/group_vars/forms.yml");
    let text = fs::read_to_string(&forms).unwrap();
    fs::write(&forms, text.replace("from_env: CONTACT_FORM_KEY", "from_file: key")).unwrap();
    directory
}

#[tokio::test]
async fn what_sites_share_is_what_each_would_have_alone() {
    let directory = copy();
    let project = Project::open(Some(directory.path()), &Surroundings::default()).unwrap();
    let fleet = pipeline::load(project, None, &[]).unwrap();
    let names: Vec<_> = fleet.inventory.sites().iter().map(|site| site.name.clone()).collect();
    let choice = fleet.resolve(&names).unwrap().choice();
    let together = fleet.prepare(&names, choice.clone()).await.unwrap();
    let wanted: Vec<_> = names.iter().map(|name| together.wanted(name).unwrap()).collect();
    for (name, wanted) in names.iter().zip(&wanted) {
        let alone = fleet.prepare(std::slice::from_ref(name), choice.clone()).await.unwrap();
        let alone = alone.wanted(name).unwrap();
        assert_eq!(wanted.manifest, alone.manifest, "{name}");
        assert_eq!(wanted.manifest.body(), alone.manifest.body(), "{name}");
        for path in alone.manifest.entries.keys() {
            assert_eq!(wanted.sources.get(path), alone.sources.get(path), "{name}: {path}");
        }
    }
    let trees: BTreeSet<_> =
        wanted.iter().map(|wanted| &raw const *wanted.manifest.entries).collect();
    // Some sites of the forms have a configuration of their own.
    assert!(trees.len() > 3 && trees.len() < names.len() / 2, "{}", trees.len());
}

#[test]
fn what_is_published_is_whole_and_the_sources_are_its_newest_versions() {
    let project = project();
    let registry = pipeline::registry(&project).expect("a registry");
    let catalog = registry.catalog().unwrap();
    let versions = |name: &str| -> Vec<String> {
        let (_, versions) = catalog.iter().find(|(known, _)| known.as_str() == name).unwrap();
        versions.keys().map(ToString::to_string).collect()
    };
    assert_eq!(versions("contact-form"), ["2.0.3", "2.1.4", "2.2.0"]);
    assert_eq!(versions("popup"), ["1.0.2"]);
    for (name, directory) in project.features().unwrap() {
        let source = read_source(&directory, name.as_str()).unwrap();
        let (version, published) = catalog[&name].last_key_value().unwrap();
        assert_eq!(
            (version, published.digest),
            (&source.feature.version, source.manifest.digest())
        );
    }
    for (name, versions) in &catalog {
        for (version, published) in versions {
            registry.open(name, version, Some(&published.digest)).unwrap();
        }
    }
}

#[test]
fn the_lock_is_what_the_inventory_and_the_registry_make_of_it() {
    // A day before the end of the hold in it, whatever today is.
    let day = jiff::civil::date(2026, 1, 1);
    let mut fleet = pipeline::load(project(), None, &[]).unwrap();
    fleet.today = day;
    let resolution = fleet.relock(&[], &fleet.registry.catalog().unwrap()).unwrap();
    let text = fs::read_to_string(project().root.join("fleet.lock")).unwrap();
    assert_eq!(Lock::of(&resolution).to_string(), text, "run: fleetctl lock");
    let sites: usize = resolution.sets.iter().map(|solved| solved.asked.sites.len()).sum();
    assert_eq!(sites, 72, "the others want nothing");
}

/// Lays a feature out on a host as a release would, with configurations as rendered by hand.
fn lay(lab: &Lab, host: &str, platform: Platform, name: &str, configurations: &[(&str, &str)]) {
    let directory = project().root.join("features").join(name);
    let source = read_source(&directory, name).unwrap();
    let tree = source.manifest.entries().keys().map(|path| (path.clone(), feature::Item::File));
    let release = PathBuf::from(format!("/proc/{}/root/srv/release", lab.host(host).pid));
    for (place, origin) in feature::layout(&source.feature, &tree.collect(), platform).unwrap() {
        let to = release.join(place.in_release(&source.feature.name));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        match origin {
            Origin::File(from) => drop(fs::copy(directory.join(from.as_str()), to).unwrap()),
            Origin::Link { .. } => panic!("the samples have no links"),
            Origin::Template(_) => {
                let known = |(file, _): &&(&str, &str)| to.ends_with(file);
                fs::write(&to, configurations.iter().find(known).expect("a known template").1)
                    .unwrap();
            }
        }
    }
}

const CONFIG: (&str, &str) = (
    "private/contact-form/config.php",
    "<?php return ['recipient' => 'desk@box.example', 'heading' => 'Say <hello>', 'thanks' => 'Merci.', 'key' => 'k'];",
);

fn ticket_in(text: &str) -> String {
    let digits = |word: &&str| word.len() > 70 && word.starts_with(|c: char| c.is_ascii_digit());
    text.split('"').find(digits).expect("a ticket").to_owned()
}

#[test]
fn the_contact_form_takes_letters_on_a_static_site() {
    let lab = Lab::start(&Spec::new().host("box", "static=box.example"));
    lay(&lab, "box", Platform::Static, "contact-form", &[CONFIG, ("config.js", "export {};")]);
    lab.exec("box", "ln -s /srv/release/public /var/www/box.example/_features");
    assert_eq!(lab.get("box.example", "/_features/contact-form/contact-form.js").status, 200);
    assert_eq!(lab.get("box.example", "/_features/contact-form/config.php").status, 404);
    let submit = "/_features/contact-form/submit.php";
    let ticket = ticket_in(&lab.get("box.example", submit).body);
    let letter = |fields: &str| lab.post("box.example", submit, fields);

    let good = format!("ticket={ticket}&name=Ada&email=ada%40x.example&message=Good+day");
    let answer = letter(&good);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mail = lab.exec("box", "cat /var/mail/outbox");
    assert!(mail.contains("To: desk@box.example") && mail.contains("Good day"), "{mail}");
    assert!(mail.contains("Reply-To: ada@x.example"), "{mail}");

    letter(&format!("{good}&website=spam"));
    letter(&good.replace("ada%40x.example", "no-address"));
    letter(&good.replace(&ticket, "1700000000.00"));
    letter(&good.replace("name=Ada", "name[]=Ada"));
    assert_eq!(lab.exec("box", "cat /var/mail/outbox"), mail, "one letter and no more");
}

#[test]
fn wordpress_pages_carry_the_form_and_the_announcement() {
    let lab = Lab::start(&Spec::new().host("box", "wordpress=box.example"));
    let before = lab.get("box.example", "/");
    assert!(before.status == 200 && !before.body.contains("contact-form"));
    lay(&lab, "box", Platform::Wordpress, "contact-form", &[CONFIG]);
    lay(&lab, "box", Platform::Wordpress, "popup", &[("config.js", "export {};")]);
    lab.exec(
        "box",
        r#"cd /var/www/box.example && ln -s /srv/release/public _features && mkdir wp-content/mu-plugins &&
        for feature in contact-form popup; do
            echo "<?php require '/srv/release/private/$feature/$feature.php';"
        done | sed '2s/<?php//' > wp-content/mu-plugins/features.php"#,
    );
    let page = lab.get("box.example", "/");
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("<h2>Say &lt;hello&gt;</h2>"), "{}", page.body);
    assert!(page.body.contains(r#"data-version="2.2.0""#), "{}", page.body);
    assert!(page.body.contains("/_features/popup/popup.js?ver=1.0.2"), "{}", page.body);
    let ticket = ticket_in(&page.body);
    let letter = format!("ticket={ticket}&name=Ada&email=ada%40x.example&message=Good+day");
    assert_eq!(lab.post("box.example", "/_features/contact-form/submit.php", &letter).status, 303);
    assert!(lab.exec("box", "cat /var/mail/outbox").contains("Good day"));
    assert!(lab.get("box.example", "/?contact=sent").body.contains("Merci."));
}
