//! The release that a site should have, and where its contents come from.

use std::collections::BTreeMap;

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
    pub sources: BTreeMap<TreePath, Source>,
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
