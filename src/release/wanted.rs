//! The release that a site should have, and where its contents come from.

use std::{collections::BTreeMap, sync::Arc};

use semver::Version;

use super::manifest::{Manifest, TreePath};
use crate::{
    model::{Content, FeatureName, SiteName},
    resource::HostPath,
};

/// Where the content of a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A published artifact, the same for every site.
    Artifact {
        /// The feature.
        feature: FeatureName,
        /// Its version.
        version: Version,
        /// The path inside the artifact.
        path: String,
    },
    /// Rendered for this site.
    Rendered(Content),
}

/// Where contents come from, by path: those of artifacts, which many sites share, and a site's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    shared: Vec<Arc<BTreeMap<TreePath, Source>>>,
    own: BTreeMap<TreePath, Source>,
}

impl Sources {
    /// Where the content of `path` comes from.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Source> {
        self.own.get(path).or_else(|| self.shared.iter().find_map(|shared| shared.get(path)))
    }

    /// Adds a source of the site's own.
    pub fn insert(&mut self, path: TreePath, source: Source) {
        self.own.insert(path, source);
    }

    /// Adds sources that other sites have too.
    pub fn share(&mut self, sources: &Arc<BTreeMap<TreePath, Source>>) {
        self.shared.push(Arc::clone(sources));
    }

    /// All of them; one that stands before another with the same path is the one that counts.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Source)> {
        self.own.iter().chain(self.shared.iter().flat_map(|shared| shared.iter()))
    }
}

impl From<BTreeMap<TreePath, Source>> for Sources {
    fn from(own: BTreeMap<TreePath, Source>) -> Self {
        Self { shared: Vec::new(), own }
    }
}

/// A link outside the release that a site should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLink {
    /// What it points to.
    pub target: String,
    /// Whether something foreign in its place may be moved to undo material.
    pub adopt: bool,
    /// Whether a missing parent directory is made.
    pub make_parent: bool,
}

/// The release that a site should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The site.
    pub site: SiteName,
    /// Its root on the host.
    pub root: HostPath,
    /// Who owns releases there; `None` for the user who logs in.
    pub owner: Option<String>,
    /// Their group, which the web server's user is in; `None` for the owner's own.
    pub group: Option<String>,
    /// What the release holds; its `links` are those of [`Wanted::links`].
    pub manifest: Manifest,
    /// Where the contents of its files come from. A file that is kept from the release on the
    /// host may be missing here.
    pub sources: Sources,
    /// Links outside the release, by place.
    pub links: BTreeMap<HostPath, WantedLink>,
    /// Whether unchanged files are hard links to those of the release before.
    pub hard_links: bool,
    /// How many confirmed releases are kept.
    pub keep: usize,
}

impl Wanted {
    /// The same site with a release that it had before: every link of it is wanted again.
    #[must_use]
    pub fn become_again(mut self, manifest: &Manifest) -> Self {
        let link = |(at, target): (&HostPath, &String)| {
            let wanted = WantedLink { target: target.clone(), adopt: true, make_parent: true };
            (at.clone(), wanted)
        };
        self.links = manifest.links.iter().map(link).collect();
        self.manifest = manifest.clone();
        self
    }
}
