//! From a site, its chosen features and its variables to the release it should have.
//!
//! Pure: what was read from disk comes in, a [`Wanted`] goes out. The shape of a release is
//! decided here: `public/<feature>/` is what browsers may fetch, `private/<feature>/` what only
//! the host reads, and one generated loader is how the platform finds the features.

mod grow;
mod loader;
mod shelf;

use std::{collections::BTreeMap, sync::Arc};

use semver::Version;

use grow::grow;
pub use grow::recipe;
use shelf::Shelf;
pub use shelf::Shelves;

use crate::{
    feature::{Feature, Side},
    model::{Content, Digest, FeatureName, Platform, Position, Problem, Problems, SiteName},
    release::{Entry, Manifest, Part, Source, Sources, Tree, TreePath, Wanted, WantedLink},
    resource::HostPath,
    template::{Templates, Variables},
};

/// A published version, as far as a release needs it.
#[derive(Debug, Clone)]
pub struct Ingredient {
    /// Its definition.
    pub feature: Feature,
    /// Its identity.
    pub digest: Digest,
    /// What its artifact holds.
    pub tree: crate::feature::Tree,
    /// Size, digest and executable bit of each file, by path in the artifact.
    pub files: BTreeMap<String, Entry>,
    /// The texts of its templates, in the order of [`Feature::templates`].
    pub templates: Vec<String>,
    /// What of it is the same at all sites of a platform.
    pub shelves: Shelves,
}

/// A site, as far as its release depends on it.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Its name.
    pub site: &'a SiteName,
    /// Where it is declared, for messages.
    pub at: &'a Position,
    /// What it is built with.
    pub platform: Option<Platform>,
    /// What the web server serves.
    pub docroot: Option<&'a str>,
    /// Where releases are.
    pub root: &'a str,
    /// Who owns them, if not the user who logs in.
    pub owner: Option<&'a str>,
    /// Their group.
    pub group: Option<&'a str>,
    /// Whether unchanged files are linked.
    pub hard_links: bool,
    /// How many confirmed releases stay.
    pub keep: usize,
    /// Whether what stands in the place of a link is kept as undo material.
    pub adopt: bool,
    /// Its variables, without the features' own defaults.
    pub variables: &'a Variables,
}

/// What one feature adds to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    part: Part,
    shelf: Arc<Shelf>,
    /// Whether its files are those of its artifact, so that equal versions have equal files.
    fresh: bool,
    rendered: BTreeMap<TreePath, Content>,
    links: BTreeMap<HostPath, WantedLink>,
    tainted: bool,
}

/// Places a published feature at a site.
///
/// # Errors
/// Everything in it that does not fit the site.
pub fn place(
    ingredient: &Ingredient,
    context: &Context<'_>,
    templates: &Templates,
) -> Result<Placed, Problems> {
    let feature = &ingredient.feature;
    let platform = context.platform.ok_or_else(|| {
        let message = format!("{} gets {}, but has no platform", context.site, feature.name);
        Problem::at(context.at, message).hint("set `platform` to wordpress, static or react")
    })?;
    if !feature.platforms.contains(&platform) {
        let message = format!(
            "{} gets {} {}, which does not support {platform}",
            context.site, feature.name, feature.version
        );
        let hint = format!("opt out with `features: {{ {}: false }}`", feature.name);
        return Err(Problem::at(context.at, message).hint(hint).into());
    }
    let shelf = ingredient.shelf(platform)?;
    let (placed, problems) = fill(ingredient, context, templates, platform, shelf);
    problems.or(placed)
}

/// Places what fits of a feature, and says what did not: for repairs, where half is better than
/// nothing.
#[must_use]
pub fn place_what_fits(
    ingredient: &Ingredient,
    context: &Context<'_>,
    templates: &Templates,
) -> (Placed, Problems) {
    let platform = context.platform.unwrap_or(Platform::Static);
    let shelf = ingredient.shelf(platform).unwrap_or_default();
    fill(ingredient, context, templates, platform, shelf)
}

fn fill(
    ingredient: &Ingredient,
    context: &Context<'_>,
    templates: &Templates,
    platform: Platform,
    shelf: Arc<Shelf>,
) -> (Placed, Problems) {
    let feature = &ingredient.feature;
    let mut variables = context.variables.clone();
    for (name, spec) in &feature.schema {
        if let Some(default) = &spec.default {
            let default = crate::template::Variable::Plain(default.clone());
            variables.entry(name.clone()).or_insert(default);
        }
    }
    let problems = Problems::default();
    let mut placing = Placing { ingredient, context, templates, variables, problems };
    let mut placed = Placed {
        part: Part {
            version: feature.version.clone(),
            digest: ingredient.digest,
            entry: entry_of(feature, platform),
        },
        shelf,
        fresh: true,
        rendered: BTreeMap::new(),
        links: BTreeMap::new(),
        tainted: false,
    };
    placing.templates(&mut placed);
    placing.links(platform, &mut placed);
    (placed, placing.problems)
}

fn entry_of(feature: &Feature, platform: Platform) -> Option<TreePath> {
    let mount = feature.mount.get(&platform)?;
    mount.place.as_ref().map(|place| place.in_release(&feature.name))
}

struct Placing<'a> {
    ingredient: &'a Ingredient,
    context: &'a Context<'a>,
    templates: &'a Templates,
    variables: Variables,
    problems: Problems,
}

impl Placing<'_> {
    fn templates(&mut self, placed: &mut Placed) {
        let common = Arc::clone(&placed.shelf);
        for (path, (side, index)) in &common.templates {
            if let Some(content) = self.render(*index, *side) {
                placed.tainted |= content.is_tainted();
                placed.rendered.insert(path.clone(), content);
            }
        }
    }

    fn render(&mut self, index: usize, side: Side) -> Option<Content> {
        let feature = &self.ingredient.feature;
        let spec = feature.templates.get(index)?;
        let text = self.ingredient.templates.get(index)?;
        let file = format!("{} {}: {}", feature.name, feature.version, spec.from);
        match self.templates.render(&file, text, &self.variables) {
            Ok(content) if content.is_tainted() && side == Side::Public => {
                let message =
                    format!("{file} shows a secret, and {} is served to everybody", spec.to);
                let problem = Problem::at(&spec.at, message).hint("let it go to `private/`");
                self.problems.push(problem);
                None
            }
            Ok(content) => Some(content),
            Err(mut problem) => {
                problem.message = format!("{} (for {})", problem.message, self.context.site);
                self.problems.push(problem);
                None
            }
        }
    }

    fn links(&mut self, platform: Platform, placed: &mut Placed) {
        let feature = &self.ingredient.feature;
        for spec in feature.links.iter().filter(|spec| spec.platforms.contains(&platform)) {
            match self.templates.render_line(&spec.at, &spec.path, &self.variables) {
                Ok(at) if at.starts_with('/') && !at.split('/').any(|part| part == "..") => {
                    let target = format!(
                        "{}/current/{}",
                        self.context.root,
                        spec.to.in_release(&feature.name)
                    );
                    let link = WantedLink {
                        target,
                        adopt: spec.adopt || self.context.adopt,
                        make_parent: false,
                    };
                    placed.links.insert(at, link);
                }
                Ok(at) => {
                    let message = format!("the link's place {at:?} is not an absolute path");
                    self.problems.push(Problem::at(&spec.at, message));
                }
                Err(problem) => self.problems.push(problem),
            }
        }
    }
}

/// What a rendered file is in a tree: readable for the web server's group alone when secret.
fn entry_for(content: &Content) -> Entry {
    let mode = if content.is_tainted() { 0o640 } else { 0o644 };
    Entry::File { mode, size: content.bytes().len() as u64, digest: content.digest() }
}

/// What a feature is on the host now, kept as it is: for deploys that change other features.
#[must_use]
pub fn keep(name: &FeatureName, base: &Manifest, root: &str, adopt: bool) -> Option<Placed> {
    let part = base.features.get(name)?.clone();
    let prefixes = [Side::Public, Side::Private].map(|side| format!("{}/{name}/", side.as_str()));
    let ours = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()));
    let entries: BTreeMap<TreePath, Entry> = base
        .entries
        .iter()
        .filter(|(path, _)| ours(path))
        .map(|(path, entry)| (path.clone(), entry.clone()))
        .collect();
    let current = format!("{root}/current/");
    let links =
        base.links.iter().filter(|(_, target)| target.strip_prefix(&current).is_some_and(ours));
    let link = |(at, target): (&HostPath, &String)| {
        let link = WantedLink { target: target.clone(), adopt, make_parent: false };
        (at.clone(), link)
    };
    // A kept file that carries a secret can be told by its mode: only we write such files.
    let tainted = entries.values().any(|entry| matches!(entry, Entry::File { mode: 0o640, .. }));
    Some(Placed {
        part,
        links: links.map(link).collect(),
        shelf: Arc::new(Shelf { entries, ..Shelf::default() }),
        fresh: false,
        rendered: BTreeMap::new(),
        tainted,
    })
}

/// Takes from `fresh`, the same version placed anew, the sources of files that are the same, so
/// that a damaged kept file can be sent again.
pub fn lend_sources(kept: &mut Placed, fresh: &Placed) {
    if kept.part.digest != fresh.part.digest {
        return;
    }
    let kept = Arc::make_mut(&mut kept.shelf);
    let lent = |path: &TreePath, entry: &Entry, source: &Source| {
        let same = kept.entries.get(path) == Some(entry);
        same.then(|| (path.clone(), source.clone()))
    };
    let shelf = &fresh.shelf;
    let files = shelf
        .sources
        .iter()
        .filter_map(|(path, source)| lent(path, shelf.entries.get(path)?, source));
    let rendered = fresh.rendered.iter().filter_map(|(path, content)| {
        lent(path, &entry_for(content), &Source::Rendered(content.clone()))
    });
    kept.sources = Arc::new(files.chain(rendered).collect());
}

/// Puts the features of a site together, with the loader and the links of its platform. `grown`
/// is a tree from the same [`recipe`].
///
/// # Errors
/// Two features that want one link, or a site without a place for them.
pub fn assemble(
    context: &Context<'_>,
    placed: &BTreeMap<FeatureName, Placed>,
    grown: Option<Tree>,
) -> Result<Wanted, Problems> {
    let mut problems = Problems::default();
    let mut wanted = Wanted {
        site: context.site.clone(),
        root: context.root.to_owned(),
        owner: context.owner.map(str::to_owned),
        group: context.group.map(str::to_owned),
        manifest: Manifest::default(),
        sources: Sources::default(),
        links: BTreeMap::new(),
        hard_links: context.hard_links,
        keep: context.keep,
    };
    for (name, placed) in placed {
        wanted.manifest.features.insert(name.clone(), placed.part.clone());
        wanted.manifest.tainted |= placed.tainted;
        wanted.sources.share(&placed.shelf.sources);
        for (path, content) in &placed.rendered {
            wanted.sources.insert(path.clone(), Source::Rendered(content.clone()));
        }
        for (at, link) in &placed.links {
            let taken = wanted.links.insert(at.clone(), link.clone());
            if taken.is_some_and(|other| other.target != link.target) {
                let message = format!("{}: two features want a link at {at}", context.site);
                problems.push(Problem::at(context.at, message));
            }
        }
    }
    let loader = if placed.is_empty() { None } else { mount(context, &mut wanted, &mut problems) };
    wanted.manifest.entries = grown.unwrap_or_else(|| grow(placed, loader));
    wanted.manifest.links =
        wanted.links.iter().map(|(at, link)| (at.clone(), link.target.clone())).collect();
    problems.or(wanted)
}

fn mount(
    context: &Context<'_>,
    wanted: &mut Wanted,
    problems: &mut Problems,
) -> Option<(TreePath, Entry)> {
    let (Some(platform), Some(docroot)) = (context.platform, context.docroot) else {
        let what = if context.platform.is_none() { "platform" } else { "docroot" };
        let message = format!("{} gets features, but has no {what}", context.site);
        let hint = "features reach a page through links in its docroot";
        problems.push(Problem::at(context.at, message).hint(hint));
        return None;
    };
    let (path, text) = loader::text(platform, &wanted.manifest.features);
    let loader = Content::Plain(text.into_bytes().into());
    let entry = entry_for(&loader);
    wanted.sources.insert(path.to_owned(), Source::Rendered(loader));
    for (at, to, make_parent) in loader::links(platform) {
        let link = WantedLink {
            target: format!("{}/current/{to}", context.root),
            adopt: context.adopt,
            make_parent,
        };
        wanted.links.insert(format!("{docroot}/{at}"), link);
    }
    Some((path.to_owned(), entry))
}

/// All places outside a release at which this site may have links, whatever its features: what a
/// probe must look at before the release is known.
#[must_use]
pub fn mount_points(context: &Context<'_>) -> Vec<HostPath> {
    let (Some(platform), Some(docroot)) = (context.platform, context.docroot) else {
        return Vec::new();
    };
    loader::links(platform).into_iter().map(|(at, _, _)| format!("{docroot}/{at}")).collect()
}

/// The version that a placed feature is.
#[must_use]
pub const fn version_of(placed: &Placed) -> &Version {
    &placed.part.version
}

/// The links that a placed feature wants.
pub fn links_of(placed: &Placed) -> impl Iterator<Item = &HostPath> {
    placed.links.keys()
}
