//! A published version as releases are made of it. Reads the registry's copy, and nothing else;
//! called while everything for a run is gathered, before any connection.

use std::collections::{BTreeMap, BTreeSet};

use super::LoadError;
use crate::{
    desired::{Ingredient, Shelves},
    registry::PublishedVersion,
    release::{Entry, artifact},
};

/// What releases are made of from a published version: its files, and the texts of its templates.
pub(super) fn ingredient(published: &PublishedVersion) -> Result<Ingredient, LoadError> {
    let files = published.manifest.entries().iter().filter_map(|(path, entry)| match entry {
        artifact::Entry::File { executable, size, digest } => {
            let mode = if *executable { 0o755 } else { 0o644 };
            let entry = Entry::File { mode, size: *size, digest: *digest };
            Some((path.as_str().to_owned(), entry))
        }
        _ => None,
    });
    let wanted: BTreeSet<_> =
        published.feature.templates.iter().map(|template| template.from.clone()).collect();
    let contents = if wanted.is_empty() { BTreeMap::new() } else { published.contents(&wanted)? };
    let texts = published.feature.templates.iter().map(|template| {
        let bytes = contents.get(&template.from).map(AsRef::as_ref).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    });
    Ok(Ingredient {
        feature: published.feature.clone(),
        digest: published.digest,
        tree: published.tree(),
        files: files.collect(),
        templates: texts.collect(),
        shelves: Shelves::default(),
    })
}
