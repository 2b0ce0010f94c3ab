//! Manifests of releases that this control machine has seen, by identity: so that a host need
//! not send the one it has. Only a cache: losing it costs a few kilobytes.
//!
//! Sites with equal trees share one, on the disk as in memory: `trees/<digest>` holds it, and
//! `manifests/<site>/<identity>.<digest>` the rest of a manifest, which is small.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::host::random_hex;
use crate::{
    model::{Digest, SiteName},
    release::{Manifest, Texts, Tree},
};

/// How many manifests of a site are announced to its host.
const ANNOUNCED: usize = 8;
/// How many trees are kept in memory: those that other sites of the run are likely to have.
const TREES: usize = 8;

/// The cache, in a directory that only its owner can read.
#[derive(Debug)]
pub struct Cache {
    directory: Option<PathBuf>,
    trees: Mutex<Trees>,
}

/// What a run knows of trees, the last one used first.
#[derive(Debug, Default)]
struct Trees {
    used: Vec<(Digest, Tree)>,
    pruned: bool,
}

impl Trees {
    /// The one tree for all who have this digest.
    fn share(&mut self, digest: Digest, fresh: impl FnOnce() -> Option<Tree>) -> Option<Tree> {
        let known = self.used.iter().position(|(known, _)| *known == digest);
        let tree = match known {
            Some(index) => self.used.remove(index).1,
            None => fresh()?,
        };
        self.used.insert(0, (digest, tree.clone()));
        self.used.truncate(TREES);
        Some(tree)
    }
}

impl Cache {
    /// A cache in `directory`; `None` for none but in memory.
    #[must_use]
    pub fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, trees: Mutex::default() }
    }

    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn manifests(&self, site: &SiteName) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join("manifests").join(site.as_str()))
    }

    fn tree_at(&self, digest: Digest) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join("trees").join(digest.to_string()))
    }

    /// The beginnings (12 digits) of the identities that are known for a site.
    #[must_use]
    pub fn known(&self, site: &SiteName) -> Vec<String> {
        let Some(place) = self.manifests(site) else { return Vec::new() };
        let is_there = |tree| self.tree_at(tree).is_some_and(|at| at.exists());
        let whole = names(&place).into_iter().filter(|(_, tree)| is_there(*tree));
        let mut known: Vec<String> = whole.map(|(id, _)| id.short()).collect();
        known.sort_unstable();
        known.dedup();
        known.truncate(ANNOUNCED);
        known
    }

    /// The manifest with identity `id`, if it is known and its body digest is `body`. What turns
    /// out to be torn (by a power failure) is removed, so that the next run asks the host.
    #[must_use]
    pub fn load(&self, site: &SiteName, id: Digest, body: Digest) -> Option<Manifest> {
        let place = self.manifests(site)?;
        let (_, tree) = names(&place).into_iter().find(|(known, _)| *known == id)?;
        let tree_at = self.tree_at(tree)?;
        let Some(entries) = self.trees().share(tree, || read(&tree_at, tree)) else {
            let _ = fs::remove_file(tree_at);
            return None;
        };
        let about_at = place.join(name_of(id, tree));
        let about = fs::read_to_string(&about_at).unwrap_or_default();
        let about = Manifest::read_about(&about).unwrap_or_default();
        let manifest = Manifest { entries, ..about };
        if manifest.body() != body {
            let _ = fs::remove_file(about_at);
            return None;
        }
        Some(manifest)
    }

    /// Keeps a manifest, and gives it back with the tree that other sites share. A cache that
    /// cannot be written is no reason to stop.
    pub fn store(&self, site: &SiteName, id: Digest, manifest: &Manifest) -> Manifest {
        let digest = manifest.entries.digest();
        let mut trees = self.trees();
        let fresh = || {
            // Else it is there and whole: a run reads or writes what it comes to know, once.
            let _ = self.write_tree(digest, &manifest.entries);
            Some(manifest.entries.clone())
        };
        let entries = trees.share(digest, fresh).unwrap_or_default();
        let pruned = std::mem::replace(&mut trees.pruned, true);
        drop(trees);
        let shared = Manifest { entries, ..manifest.clone() };
        if self.write_manifest(site, id, digest, &shared).is_ok() && !pruned {
            let _ = self.prune_trees(digest);
        }
        shared
    }

    fn write_tree(&self, digest: Digest, tree: &Tree) -> io::Result<()> {
        // One that is there may be torn.
        let Some(place) = self.tree_at(digest).filter(|place| read(place, digest).is_none()) else {
            return Ok(());
        };
        let [tree, sums] = tree.texts();
        let texts = Texts { tree, sums, about: String::new() };
        // Many sites need it; what is a site's own heals when it is read.
        write(&place, &serde_json::to_vec(&texts)?, true)
    }

    fn write_manifest(
        &self,
        site: &SiteName,
        id: Digest,
        tree: Digest,
        manifest: &Manifest,
    ) -> io::Result<()> {
        let Some(place) = self.manifests(site) else { return Ok(()) };
        fs::create_dir_all(&place)?;
        prune(&place)?;
        write(&place.join(name_of(id, tree)), manifest.about_text().as_bytes(), false)
    }

    /// Removes trees that no manifest needs any more, but not `fresh`. One that another run is
    /// about to need is sent by its host again.
    fn prune_trees(&self, fresh: Digest) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let mut needed = BTreeSet::from([fresh]);
        for site in fs::read_dir(directory.join("manifests"))? {
            needed.extend(names(&site?.path()).into_iter().map(|(_, tree)| tree));
        }
        for tree in fs::read_dir(directory.join("trees"))? {
            let tree = tree?;
            let digest = tree.file_name().to_str().and_then(|name| name.parse().ok());
            if digest.is_none_or(|digest| !needed.contains(&digest)) {
                fs::remove_file(tree.path())?;
            }
        }
        Ok(())
    }
}

fn name_of(id: Digest, tree: Digest) -> String {
    format!("{id}.{tree}")
}

/// The identities of the manifests in a directory, and the digests of their trees.
fn names(place: &Path) -> Vec<(Digest, Digest)> {
    let read = |entry: io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let (id, tree) = name.split_once('.')?;
        Some((id.parse().ok()?, tree.parse().ok()?))
    };
    fs::read_dir(place).into_iter().flatten().filter_map(read).collect()
}

fn read(place: &Path, digest: Digest) -> Option<Tree> {
    let text = fs::read_to_string(place).ok()?;
    let tree = Manifest::read(&serde_json::from_str(&text).ok()?).ok()?.entries;
    (tree.digest() == digest).then_some(tree)
}

/// Puts a whole file in its place in one step, readable for its owner alone.
fn write(place: &Path, bytes: &[u8], durably: bool) -> io::Result<()> {
    if let Some(directory) = place.parent() {
        fs::create_dir_all(directory)?;
    }
    let fresh = place.with_extension(format!("{}.new", random_hex(4)));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    io::Write::write_all(&mut file, bytes)?;
    if durably {
        // Else a power failure could leave the name and not what it stands for.
        file.sync_data()?;
    }
    fs::rename(fresh, place)
}

/// Keeps the newest few: more are never announced.
fn prune(place: &Path) -> io::Result<()> {
    let mut files: Vec<_> = fs::read_dir(place)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    files.sort_unstable();
    let excess = files.len().saturating_sub(ANNOUNCED - 1);
    for (_, path) in files.iter().take(excess) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Entry;

    fn manifest(file: &str, link: &str) -> Manifest {
        let entry = Entry::File { mode: 0o644, size: 1, digest: Digest::of(file.as_bytes()) };
        Manifest {
            entries: [(file.to_owned(), entry)].into(),
            links: [(link.to_owned(), "/srv/current".to_owned())].into(),
            ..Manifest::default()
        }
    }

    #[test]
    fn what_is_stored_is_loaded_and_what_does_not_fit_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let cache = || Cache::new(Some(directory.path().to_owned()));
        let site = SiteName::new("a.example").unwrap();
        let (id, one) = (Digest::of(b"id"), manifest("x", "/a"));
        assert_eq!(cache().load(&site, id, one.body()), None);
        assert_eq!(cache().store(&site, id, &one), one);
        assert_eq!(cache().load(&site, id, one.body()), Some(one));
        assert_eq!(cache().known(&site), [id.short()]);
        assert_eq!(cache().load(&site, id, Digest::of(b"other")), None);
        assert_eq!(cache().known(&site), [""; 0], "what does not fit is asked for again");
        for n in 0..20_u8 {
            cache().store(&site, Digest::of(&[n]), &manifest("x", "/a"));
        }
        assert_eq!(cache().known(&site).len(), ANNOUNCED);
    }

    #[test]
    fn what_a_power_failure_has_torn_heals() {
        let directory = tempfile::tempdir().unwrap();
        let cache = || Cache::new(Some(directory.path().to_owned()));
        let site = SiteName::new("a.example").unwrap();
        let (id, one) = (Digest::of(b"id"), manifest("x", "/a"));
        let tree = directory.path().join("trees").join(one.entries.digest().to_string());
        let about =
            directory.path().join("manifests/a.example").join(name_of(id, one.entries.digest()));
        for torn in ["", "{\"tree\":"] {
            // Found by reading: it is announced no more, and what the host then sends is kept.
            cache().store(&site, id, &one);
            fs::write(&tree, torn).unwrap();
            assert_eq!(cache().known(&site), [id.short()]);
            assert_eq!(cache().load(&site, id, one.body()), None);
            assert_eq!(cache().known(&site), [""; 0]);
            // Not found by reading: it is written anew.
            cache().store(&site, id, &one);
            fs::write(&tree, torn).unwrap();
            cache().store(&site, id, &one);
            assert_eq!(cache().load(&site, id, one.body()).as_ref(), Some(&one));
            fs::write(&about, torn).unwrap();
            assert_eq!(cache().load(&site, id, one.body()), None);
            assert_eq!(cache().known(&site), [""; 0]);
        }
    }

    #[test]
    fn sites_with_equal_trees_share_one_on_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let cache = || Cache::new(Some(directory.path().to_owned()));
        let [a, b] = ["a.example", "b.example"].map(|name| SiteName::new(name).unwrap());
        let trees = || fs::read_dir(directory.path().join("trees")).unwrap().count();
        let id = Digest::of(b"id");
        let (of_a, of_b) = (manifest("x", "/a"), manifest("x", "/b"));
        cache().store(&a, id, &of_a);
        cache().store(&b, id, &of_b);
        assert_eq!(trees(), 1);
        assert_eq!(cache().load(&a, id, of_a.body()), Some(of_a));
        assert_eq!(cache().load(&b, id, of_b.body()), Some(of_b));

        // What is not needed any more goes, and is not announced.
        for n in 0..=ANNOUNCED {
            for site in [&a, &b] {
                cache().store(site, Digest::of(&[u8::try_from(n).unwrap()]), &manifest("y", "/"));
            }
        }
        cache().store(&a, id, &manifest("y", "/"));
        assert_eq!(trees(), 1);
        fs::remove_dir_all(directory.path().join("trees")).unwrap();
        assert_eq!(cache().known(&a), [""; 0]);
    }
}
