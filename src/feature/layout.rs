//! Which file of an artifact goes where in a release, on each platform.
//!
//! `files/common/…` goes everywhere, `files/<platform>/…` to that platform and over the common
//! ones, templates to where they say. Below that, the first directory is `public` or `private`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Feature, Place, Side};
use crate::model::{ArtifactPath, Platform, Problem, Problems, did_you_mean};

/// What an artifact holds, by path.
pub type Tree = BTreeMap<ArtifactPath, Item>;

/// One thing in an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A symbolic link and its target, relative to its own directory.
    Link(String),
}

/// What a feature puts into a release, by place. Directories are those of the places.
pub type Layout = BTreeMap<Place, Origin>;

/// Where something in a release comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From this file of the artifact, as it is.
    File(ArtifactPath),
    /// From this link of the artifact; the target leads to another place of the same side.
    Link {
        /// The link.
        from: ArtifactPath,
        /// As written.
        target: String,
    },
    /// Rendered from this template: its position in [`Feature::templates`].
    Template(usize),
}

const COMMON: &str = "common";
const SIDES: [Side; 2] = [Side::Public, Side::Private];

/// Checks that an artifact holds what its definition says, on every platform.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_tree(feature: &Feature, tree: &Tree) -> Result<(), Problems> {
    let mut problems = Problems::default();
    check_places(feature, tree, &mut problems);
    let mut seen = BTreeSet::new();
    for platform in &feature.platforms {
        let found = layout(feature, tree, *platform);
        if let Err(found) = found {
            // What is wrong with the common files is wrong on each platform: once is enough.
            problems.0.extend(found.0.into_iter().filter(|problem| seen.insert(problem.clone())));
        }
    }
    problems.or(())
}

/// Files that would silently go nowhere.
fn check_places(feature: &Feature, tree: &Tree, problems: &mut Problems) {
    let mut told = BTreeSet::new();
    for (path, item) in tree {
        let mut names = path.as_str().split('/');
        if names.next() != Some("files") || *item == Item::Directory {
            continue;
        }
        let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let platform = first.parse::<Platform>().ok();
        let is_deep = names.next().is_some();
        if !told.insert((first, second.to_owned())) {
            continue;
        }
        if first != COMMON && platform.is_none() {
            let message = format!("{path}: `files/{first}` is neither `common` nor a platform");
            let known = Platform::ALL.map(Platform::as_str).into_iter().chain([COMMON]);
            problems.push(match did_you_mean(first, known) {
                Some(near) => Problem::new(message).hint(format!("did you mean `files/{near}`?")),
                None => Problem::new(message)
                    .hint("known are files/common, files/wordpress, files/static and files/react"),
            });
        } else if platform.is_some_and(|platform| !feature.platforms.contains(&platform)) {
            let message = format!("{path}: `{first}` is not among the feature's `platforms`");
            problems.push(Problem::new(message).hint("add it there, or remove the directory"));
        } else if !is_deep || !SIDES.iter().any(|side| side.as_str() == second) {
            let message = format!("{path}: is neither `public` nor `private`");
            problems.push(Problem::new(message).hint(format!(
                "move it to files/{first}/public/ (served to everybody) or files/{first}/private/"
            )));
        }
    }
}

/// What `feature` puts into the release of a site on `platform`.
///
/// # Errors
/// When two things want one place, or something named is not there.
pub fn layout(feature: &Feature, tree: &Tree, platform: Platform) -> Result<Layout, Problems> {
    let mut problems = Problems::default();
    let mut layout = Layout::new();
    for origin in [COMMON, platform.as_str()] {
        for (path, item) in tree {
            let Some(place) = place_of(path, origin) else { continue };
            let from = path.clone();
            match item {
                Item::Directory => continue,
                Item::File => layout.insert(place, Origin::File(from)),
                Item::Link(target) => {
                    layout.insert(place, Origin::Link { from, target: target.clone() })
                }
            };
        }
    }
    for (index, template) in feature.templates.iter().enumerate() {
        if tree.get(&template.from) != Some(&Item::File) {
            let message = format!("there is no file {} in the feature", template.from);
            let files = tree.keys().map(ArtifactPath::as_str);
            problems
                .push(Problem::at(&template.at, message).suggest(template.from.as_str(), files));
        }
        if !template.platforms.contains(&platform) {
            continue;
        }
        if layout.insert(template.to.clone(), Origin::Template(index)).is_some() {
            let message = format!("something else goes to {} as well, on {platform}", template.to);
            let hint = "remove the file or the other template, or limit it by `platforms`";
            problems.push(Problem::at(&template.at, message).hint(hint));
        }
    }
    check_layout(feature, &layout, platform, &mut problems);
    problems.or(layout)
}

fn place_of(path: &ArtifactPath, origin: &str) -> Option<Place> {
    let rest = path.below("files")?.below(origin)?;
    SIDES.into_iter().find_map(|side| Some(Place { side, path: rest.below(side.as_str())? }))
}

fn check_layout(feature: &Feature, layout: &Layout, platform: Platform, problems: &mut Problems) {
    for (place, origin) in layout {
        for above in place.path.ancestors() {
            let above = Place { side: place.side, path: above };
            if layout.contains_key(&above) {
                let message =
                    format!("{above} would be a file and a directory on {platform} ({place})");
                problems.push(Problem::new(message));
            }
        }
        if let Origin::Link { from, target } = origin {
            let leads = place.path.follow(target).map(|path| Place { side: place.side, path });
            if !leads.is_some_and(|place| holds(layout, &place)) {
                let message = format!(
                    "{from}: the link to {target} would lead to nothing in a release on {platform}"
                );
                let hint = "a link can lead to files of its own side (public or private) only";
                problems.push(Problem::new(message).hint(hint));
            }
        }
    }
    let wanted =
        feature.mount.get(&platform).and_then(|mount| Some((&mount.at, mount.place.as_ref()?)));
    let links = feature.links.iter().filter(|link| link.platforms.contains(&platform));
    for (at, place) in wanted.into_iter().chain(links.map(|link| (&link.at, &link.to))) {
        if !holds(layout, place) {
            let message = format!("there is no {place} on {platform}");
            let near = layout.keys().map(Place::to_string).collect::<Vec<_>>();
            let problem = Problem::at(at, message);
            let near = did_you_mean(&place.to_string(), near.iter().map(String::as_str));
            problems.push(match near {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!(
                    "put it into files/common/{place} or files/{platform}/{place}, or render it there"
                )),
            });
        }
    }
}

/// Whether something is at `place`, a directory included.
fn holds(layout: &Layout, place: &Place) -> bool {
    layout.contains_key(place)
        || layout.keys().any(|found| {
            found.side == place.side && found.path.below(place.path.as_str()).is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str = "\
name: contact-form
version: 2.1.0
platforms: [wordpress, static]
templates:
  - { from: templates/config.php.j2, to: private/config.php, platforms: [wordpress] }
mount: { wordpress: private/contact-form.php, static: public/contact-form.js }
links:
  - { at: \"{{ docroot }}/form.php\", to: private/contact-form.php, platforms: wordpress }
";
    const FILES: [&str; 6] = [
        "feature.yml",
        "templates/config.php.j2",
        "files/common/public/contact-form.js",
        "files/common/public/style.css",
        "files/static/public/style.css",
        "files/wordpress/private/contact-form.php",
    ];

    fn path(text: &str) -> ArtifactPath {
        ArtifactPath::new(text).unwrap()
    }

    fn tree(files: &[&str], links: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|file| (path(file), Item::File));
        let links = links.iter().map(|(at, target)| (path(at), Item::Link((*target).into())));
        files.chain(links).collect()
    }

    fn feature() -> Feature {
        crate::feature::parse("feature.yml", DEFINITION).unwrap()
    }

    #[track_caller]
    fn refused(files: &[&str], links: &[(&str, &str)], why: &str) {
        let problems = check_tree(&feature(), &tree(files, links)).unwrap_err().to_string();
        assert!(problems.contains(why), "{why} is not in\n{problems}");
    }

    #[test]
    fn a_platform_s_files_go_over_the_common_ones() {
        let tree = tree(&FILES, &[("files/common/public/form.js", "contact-form.js")]);
        check_tree(&feature(), &tree).unwrap();
        let show = |platform| -> Vec<String> {
            let layout = layout(&feature(), &tree, platform).unwrap();
            let line = |(place, origin): (&Place, &Origin)| match origin {
                Origin::File(from) => format!("{place} = {from}"),
                Origin::Link { target, .. } => format!("{place} -> {target}"),
                Origin::Template(index) => format!("{place} = template {index}"),
            };
            layout.iter().map(line).collect()
        };
        assert_eq!(
            show(Platform::Static),
            [
                "public/contact-form.js = files/common/public/contact-form.js",
                "public/form.js -> contact-form.js",
                "public/style.css = files/static/public/style.css",
            ]
        );
        assert_eq!(
            show(Platform::Wordpress),
            [
                "public/contact-form.js = files/common/public/contact-form.js",
                "public/form.js -> contact-form.js",
                "public/style.css = files/common/public/style.css",
                "private/config.php = template 0",
                "private/contact-form.php = files/wordpress/private/contact-form.php",
            ]
        );
    }

    #[test]
    fn files_that_would_go_nowhere_are_told() {
        let with = |more: &str| -> Vec<String> {
            FILES.iter().map(|file| (*file).to_owned()).chain([more.to_owned()]).collect()
        };
        for (file, why) in [
            ("files/wordpres/public/x", "did you mean `files/wordpress`?"),
            ("files/shared/public/x", "known are files/common"),
            ("files/react/public/x", "not among the feature's `platforms`"),
            ("files/common/x.js", "files/common/public/ (served"),
            ("files/common/pubic/x.js", "neither `public` nor `private`"),
            ("files/common/public", "neither `public` nor `private`"),
            ("files/x.js", "neither `common` nor a platform"),
            ("files/common/private/config.php", "something else goes to private/config.php"),
            ("files/wordpress/public/style.css/a", "a file and a directory on wordpress"),
        ] {
            let files = with(file);
            refused(&files.iter().map(String::as_str).collect::<Vec<_>>(), &[], why);
        }
    }

    #[test]
    fn what_a_definition_names_must_be_there() {
        let without =
            |gone: &str| -> Vec<&str> { FILES.into_iter().filter(|file| *file != gone).collect() };
        refused(
            &without("templates/config.php.j2"),
            &[],
            "feature.yml:5:5: there is no file templates/config.php.j2",
        );
        refused(
            &without("files/common/public/contact-form.js"),
            &[],
            "feature.yml:6:55: there is no public/contact-form.js on static",
        );
        refused(
            &without("files/wordpress/private/contact-form.php"),
            &[],
            "there is no private/contact-form.php on wordpress",
        );
    }

    #[test]
    fn a_link_stays_on_its_side_and_platform() {
        for target in
            ["../../wordpress/private/contact-form.php", "../private/x", "../../../feature.yml"]
        {
            refused(&FILES, &[("files/common/public/l", target)], "would lead to nothing");
        }
        refused(&FILES, &[("files/static/public/l", "nothing.js")], "on static");
    }
}
