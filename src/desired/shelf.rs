//! The part of a feature that all sites of a platform have alike: laid out once for all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::Ingredient;
use crate::{
    feature::{Origin, Side, layout},
    model::{Platform, Problems},
    release::{Entry, Source, TreePath},
};

/// What a feature puts into a release at every site of one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Files of the artifact, and links.
    pub entries: BTreeMap<TreePath, Entry>,
    /// Where the contents of the files come from.
    pub sources: Arc<BTreeMap<TreePath, Source>>,
    /// Where templates go: the side, and the position in the feature's templates.
    pub templates: BTreeMap<TreePath, (Side, usize)>,
}

/// The shelves of a version by platform, each laid out when it is first asked for.
#[derive(Debug, Clone, Default)]
pub struct Shelves([OnceLock<Result<Arc<Shelf>, Problems>>; Platform::ALL.len()]);

impl Ingredient {
    /// What sites of `platform` have alike of this version.
    ///
    /// # Errors
    /// When two things in it want one place, or something named is not there.
    pub(super) fn shelf(&self, platform: Platform) -> Result<Arc<Shelf>, Problems> {
        let fill = || self.fill_shelf(platform).map(Arc::new);
        let known = Platform::ALL.into_iter().zip(&self.shelves.0);
        let place = known.into_iter().find(|(known, _)| *known == platform);
        place.map_or_else(fill, |(_, shelf)| shelf.get_or_init(fill).clone())
    }

    fn fill_shelf(&self, platform: Platform) -> Result<Shelf, Problems> {
        let (feature, mut filled) = (&self.feature, Shelf::default());
        let mut sources = BTreeMap::new();
        for (place, origin) in layout(feature, &self.tree, platform)? {
            let path = place.in_release(&feature.name);
            match origin {
                Origin::File(from) => {
                    let Some(entry) = self.files.get(from.as_str()) else { continue };
                    filled.entries.insert(path.clone(), entry.clone());
                    let source = Source::Artifact {
                        feature: feature.name.clone(),
                        version: feature.version.clone(),
                        path: from.as_str().to_owned(),
                    };
                    sources.insert(path, source);
                }
                Origin::Link { target, .. } => {
                    filled.entries.insert(path, Entry::Link { target });
                }
                Origin::Template(index) => {
                    filled.templates.insert(path, (place.side, index));
                }
            }
        }
        filled.sources = Arc::new(sources);
        Ok(filled)
    }
}
