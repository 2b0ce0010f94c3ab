//! Contents on their way to hosts: what many sites need is read, checked and compressed once,
//! and shared by all connections. Large parcels wait in a temporary file, not in memory.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, BufWriter, Read, Seek as _, Write},
    sync::Arc,
};

use semver::Version;
use tempfile::NamedTempFile;
use tokio::sync::{Mutex, OnceCell};

use crate::{
    model::{ArtifactPath, Digest, FeatureName},
    release::{Coding, Deliver, Entry, Piece, Source, TreePath, Wanted, archive::Sink},
    transport::Blob,
};

/// From this size on (uncompressed), a parcel waits in a file.
const IN_MEMORY: u64 = 1 << 20;

/// Hands every file of a published version to a sink, and compares the whole with what was
/// published.
pub type Pour =
    Arc<dyn Fn(&FeatureName, &Version, &mut dyn Sink) -> Result<(), String> + Send + Sync>;

/// Files of one artifact: where they are in it, and where they go.
type List = BTreeMap<String, (TreePath, Entry)>;
type Made = Arc<OnceCell<Result<Parcel, String>>>;

#[derive(Clone)]
struct Parcel {
    blob: Blob,
    /// Removed when the last user of the parcel is gone.
    _file: Option<Arc<NamedTempFile>>,
}

/// All parcels of a run.
pub struct Parcels {
    pour: Pour,
    made: Mutex<HashMap<Digest, Made>>,
}

/// The stream for one site.
pub struct Stream {
    /// Its parts, in order.
    pub blobs: Vec<Blob>,
}

impl Parcels {
    /// Parcels filled by `pour`.
    #[must_use]
    pub fn new(pour: Pour) -> Self {
        Self { pour, made: Mutex::new(HashMap::new()) }
    }

    /// Everything that must be sent to a site.
    ///
    /// # Errors
    /// In words, when a content cannot be had or is not what it should be.
    pub async fn stream(&self, wanted: &Wanted, deliver: &Deliver<'_>) -> Result<Stream, String> {
        let mut lists: BTreeMap<(&FeatureName, &Version), List> = BTreeMap::new();
        let mut own = Piece::new(Vec::new(), deliver.coding).map_err(|why| why.to_string())?;
        for (path, entry) in &deliver.difference.send {
            let added = match (entry, wanted.sources.get(path)) {
                (Entry::File { .. }, Some(Source::Artifact { feature, version, path: from })) => {
                    let list = lists.entry((feature, version)).or_default();
                    list.insert(from.clone(), (path.clone(), entry.clone()));
                    Ok(())
                }
                (Entry::File { .. }, Some(Source::Rendered(content))) => {
                    own.entry(path, entry, content.bytes().as_ref())
                }
                (Entry::File { .. }, None) => {
                    return Err(format!(
                        "{path} must be sent, but its content is in no published version and cannot be rendered again"
                    ));
                }
                _ => own.entry(path, entry, io::empty()),
            };
            added.map_err(|why| format!("{path}: {why}"))?;
        }
        let mut blobs = Vec::new();
        for ((feature, version), list) in lists {
            blobs.push(self.shared(feature, version, list, deliver.coding).await?.blob);
        }
        let end = own.meta(deliver).and_then(|()| own.end()).map_err(|why| why.to_string())?;
        blobs.push(Blob::Shared(end.into()));
        Ok(Stream { blobs })
    }

    async fn shared(
        &self,
        feature: &FeatureName,
        version: &Version,
        list: List,
        coding: Coding,
    ) -> Result<Parcel, String> {
        let key = key_of(feature, version, &list, coding);
        let made = Arc::clone(self.made.lock().await.entry(key).or_default());
        let parcel = made.get_or_init(|| async {
            let pour = Arc::clone(&self.pour);
            let (feature, version) = (feature.clone(), version.clone());
            let packed = tokio::task::spawn_blocking(move || {
                pack(list, coding, &mut |sink| pour(&feature, &version, sink))
                    .map_err(|why| format!("{feature} {version}: {why}"))
            });
            packed.await.unwrap_or_else(|why| Err(why.to_string()))
        });
        parcel.await.clone()
    }
}

fn key_of(feature: &FeatureName, version: &Version, list: &List, coding: Coding) -> Digest {
    let mut text = format!("{feature} {version} {coding:?}\n");
    for (from, (to, entry)) in list {
        text.push_str(&format!("{from}\t{to}\t{entry:?}\n"));
    }
    Digest::of(text.as_bytes())
}

type PourThis<'a> = dyn FnMut(&mut dyn Sink) -> Result<(), String> + 'a;

fn pack(list: List, coding: Coding, pour: &mut PourThis<'_>) -> Result<Parcel, String> {
    let size: u64 = list.values().map(|(_, entry)| entry.size()).sum();
    let text = |why: io::Error| why.to_string();
    if size < IN_MEMORY {
        let bytes = fill(list, coding, pour, Vec::new())?;
        return Ok(Parcel { blob: Blob::Shared(bytes.into()), _file: None });
    }
    let file = NamedTempFile::new().map_err(text)?;
    let out = BufWriter::new(file.reopen().map_err(text)?);
    let mut out: File =
        fill(list, coding, pour, out)?.into_inner().map_err(|why| why.to_string())?;
    let len = out.stream_position().map_err(text)?;
    let blob = Blob::File { path: file.path().to_owned(), len };
    Ok(Parcel { blob, _file: Some(Arc::new(file)) })
}

fn fill<W: Write>(
    list: List,
    coding: Coding,
    pour: &mut PourThis<'_>,
    out: W,
) -> Result<W, String> {
    let piece = Piece::new(out, coding).map_err(|why| why.to_string())?;
    let mut filling = Filling { list, piece };
    pour(&mut filling)?;
    if let Some(missing) = filling.list.keys().next() {
        return Err(format!("the archive has no {missing}"));
    }
    filling.piece.go_on().map_err(|why| why.to_string())
}

struct Filling<W: Write> {
    list: List,
    piece: Piece<W>,
}

impl<W: Write> Sink for Filling<W> {
    fn file(&mut self, path: &ArtifactPath, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let Some((to, entry)) = self.list.remove(path.as_str()) else { return Ok(()) };
        if entry.size() != size {
            return Err(io::Error::other(format!("{path} has {size} bytes, not {}", entry.size())));
        }
        self.piece.entry(&to, &entry, content)
    }
}
