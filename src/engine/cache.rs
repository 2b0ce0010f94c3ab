//! Manifests of releases that this control machine has seen, by identity: so that a host need
//! not send the one it has. Only a cache: losing it costs a few kilobytes.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use crate::{
    model::{Digest, SiteName},
    release::{Manifest, Texts},
};

/// How many manifests of a site are announced to its host.
const ANNOUNCED: usize = 8;

/// The cache, in a directory that only its owner can read.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    /// A cache in `directory`; `None` for none at all.
    #[must_use]
    pub const fn new(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    fn place(&self, site: &SiteName) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join("manifests").join(site.as_str()))
    }

    /// The beginnings (12 digits) of the identities that are known for a site.
    #[must_use]
    pub fn known(&self, site: &SiteName) -> Vec<String> {
        let entries = self.place(site).and_then(|place| fs::read_dir(place).ok());
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.get(..12).map(str::to_owned))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(ANNOUNCED);
        names
    }

    /// The manifest with identity `id`, if it is known and its body digest is `body`.
    #[must_use]
    pub fn load(&self, site: &SiteName, id: Digest, body: Digest) -> Option<Manifest> {
        let text = fs::read_to_string(self.place(site)?.join(id.to_string())).ok()?;
        let texts: Texts = serde_json::from_str(&text).ok()?;
        (texts.body() == body).then(|| Manifest::read(&texts).ok())?
    }

    /// Keeps a manifest. A cache that cannot be written is no reason to stop.
    pub fn store(&self, site: &SiteName, id: Digest, texts: &Texts) {
        let Some(place) = self.place(site) else { return };
        let Ok(json) = serde_json::to_vec(texts) else { return };
        let kept = || -> std::io::Result<()> {
            fs::create_dir_all(&place)?;
            prune(&place)?;
            let fresh = place.join(format!("{id}.new"));
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(&json)?;
            fs::rename(fresh, place.join(id.to_string()))
        };
        let _ = kept();
    }
}

/// Keeps the newest few: more are never announced.
fn prune(place: &std::path::Path) -> std::io::Result<()> {
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

    #[test]
    fn what_is_stored_is_loaded_and_what_does_not_fit_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(directory.path().to_owned()));
        let site = SiteName::new("a.example").unwrap();
        let texts = Manifest::default().texts();
        let (id, body) = (Digest::of(b"id"), texts.body());
        assert_eq!(cache.load(&site, id, body), None);
        cache.store(&site, id, &texts);
        assert_eq!(cache.load(&site, id, body), Some(Manifest::default()));
        assert_eq!(cache.load(&site, id, Digest::of(b"other")), None);
        assert_eq!(cache.known(&site), [id.short()]);
        for n in 0..20_u8 {
            cache.store(&site, Digest::of(&[n]), &texts);
        }
        assert_eq!(cache.known(&site).len(), ANNOUNCED);
    }
}
