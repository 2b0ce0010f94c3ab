//! The tree of a release, from the features of a site.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Placed, entry_for};
use crate::{
    feature::Side,
    model::{Digest, FeatureName},
    release::{Entry, Tree, TreePath, ancestors},
};

/// Tells what a tree is grown from: where two sites have the same, their trees are equal. `None`
/// where that cannot be said.
#[must_use]
pub fn recipe(context: &Context<'_>, placed: &BTreeMap<FeatureName, Placed>) -> Option<Digest> {
    let mut text = format!("{:?}\0", context.platform);
    for (name, placed) in placed {
        let Placed { part, fresh: true, rendered, .. } = placed else { return None };
        text.push_str(&format!("{name}\0{}\0{:?}\0", part.digest, part.entry));
        for (path, content) in rendered {
            text.push_str(&format!("{path}\0{:?}\0", entry_for(content)));
        }
    }
    Some(Digest::of(text.as_bytes()))
}

/// All files of a release, and the directories above them.
pub(super) fn grow(
    placed: &BTreeMap<FeatureName, Placed>,
    loader: Option<(TreePath, Entry)>,
) -> Tree {
    let mut entries: BTreeMap<TreePath, Entry> = BTreeMap::new();
    for placed in placed.values() {
        entries.extend(placed.shelf.entries.clone());
        let rendered = placed.rendered.iter();
        entries.extend(rendered.map(|(path, content)| (path.clone(), entry_for(content))));
    }
    entries.extend(loader);
    let sides = [Side::Public, Side::Private].map(|side| side.as_str().to_owned());
    let above: BTreeSet<TreePath> =
        entries.keys().flat_map(|path| ancestors(path)).map(str::to_owned).collect();
    for path in above.into_iter().chain(sides) {
        entries.insert(path, Entry::Directory { mode: 0o755 });
    }
    entries.into()
}
