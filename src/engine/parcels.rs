//! Contents on their way to hosts: what many sites need is read, checked and compressed once,
//! and shared by all connections. Large parcels wait in a temporary file, not in memory.
//!
//! A stream is made of three kinds of parcels: files of artifacts; the rest of a difference between
//! two trees, which sites with equal trees share; and what is a site's own.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, BufWriter, Read, Seek as _, Write},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use semver::Version;
use tempfile::NamedTempFile;
use tokio::sync::{Mutex, OnceCell};

use super::scripts::library;
use crate::{
    model::{ArtifactPath, Digest, FeatureName},
    release::{Coding, Deliver, Difference, Entry, Piece, Source, TreePath, Wanted, archive::Sink},
    transport::Blob,
};

/// Bytes of artifacts (uncompressed) that parcels of a run may hold in memory, all together; what
/// is more waits in files. One copy in memory costs less than a buffer for each connection.
const IN_MEMORY: u64 = 16 << 20;

/// Hands every file of a published version to a sink, and compares the whole with what was
/// published.
pub type Pour =
    Arc<dyn Fn(&FeatureName, &Version, &mut dyn Sink) -> Result<(), String> + Send + Sync>;

/// Files of one artifact: where they are in it, and where they go.
type List = BTreeMap<String, (TreePath, Entry)>;
type OfArtifact = Arc<OnceCell<Result<Parcel, String>>>;
type OfTrees = OnceCell<Vec<Parcel>>;

#[derive(Clone)]
struct Parcel {
    blob: Blob,
    /// Removed when the last user of the parcel is gone.
    _file: Option<Arc<NamedTempFile>>,
}

/// All parcels of a run.
pub struct Parcels {
    pour: Pour,
    room: Arc<AtomicU64>,
    gzip: Packed,
    zstd: Packed,
}

/// What is packed in one coding.
#[derive(Default)]
struct Packed {
    /// Files of artifacts; what could not be had is not asked for again.
    artifacts: Mutex<HashMap<Digest, OfArtifact>>,
    /// All that goes to sites with equal trees, as long as it is on its way to one.
    trees: Mutex<HashMap<Digest, Weak<OfTrees>>>,
    library: OnceCell<Bytes>,
}

/// The stream for one site.
pub struct Stream {
    /// Its parts, in order.
    pub blobs: Vec<Blob>,
    _shared: Arc<OfTrees>,
}

impl Parcels {
    /// Parcels filled by `pour`.
    #[must_use]
    pub fn new(pour: Pour) -> Self {
        Self {
            pour,
            room: Arc::new(AtomicU64::new(IN_MEMORY)),
            gzip: Packed::default(),
            zstd: Packed::default(),
        }
    }

    const fn packed(&self, coding: Coding) -> &Packed {
        match coding {
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        }
    }

    /// Everything that must be sent to a site.
    ///
    /// # Errors
    /// In words, when a content cannot be had or is not what it should be.
    pub async fn stream(&self, wanted: &Wanted, deliver: &Deliver<'_>) -> Result<Stream, String> {
        let Deliver { difference, coding, .. } = *deliver;
        let shared = self.packed(coding).place_of(difference).await;
        let parcels = shared.get_or_try_init(|| self.of_trees(wanted, difference, coding)).await?;
        let mut blobs: Vec<Blob> = parcels.iter().map(|parcel| parcel.blob.clone()).collect();
        let text = |why: io::Error| why.to_string();
        if deliver.library {
            let packed = async || packed(coding, |piece| piece.library(&library().text));
            let packed = self.packed(coding).library.get_or_try_init(packed).await.map_err(text)?;
            blobs.push(Blob::Shared(packed.clone()));
        }
        let mut own = Piece::new(Vec::new(), coding).map_err(text)?;
        let end = own.site(deliver).and_then(|()| own.end()).map_err(text)?;
        blobs.push(Blob::Shared(end.into()));
        Ok(Stream { blobs, _shared: shared })
    }

    /// What is sent to each site that goes from one of two trees to the other.
    async fn of_trees(
        &self,
        wanted: &Wanted,
        difference: &Difference,
        coding: Coding,
    ) -> Result<Vec<Parcel>, String> {
        let mut lists: BTreeMap<(&FeatureName, &Version), List> = BTreeMap::new();
        let mut rest: Vec<(&TreePath, &Entry, &[u8])> = Vec::new();
        for (path, entry) in &difference.send {
            match (entry, wanted.sources.get(path)) {
                (Entry::File { .. }, Some(Source::Artifact { feature, version, path: from })) => {
                    let list = lists.entry((feature, version)).or_default();
                    list.insert(from.clone(), (path.clone(), entry.clone()));
                }
                (Entry::File { .. }, Some(Source::Rendered(content))) => {
                    rest.push((path, entry, content.bytes()));
                }
                (Entry::File { .. }, None) => {
                    return Err(format!(
                        "{path} must be sent, but its content is in no published version and cannot be rendered again"
                    ));
                }
                _ => rest.push((path, entry, &[])),
            }
        }
        let mut parcels = Vec::new();
        for ((feature, version), list) in lists {
            let key = key_of(feature, version, &list);
            let artifacts = &self.packed(coding).artifacts;
            let parcel = Arc::clone(artifacts.lock().await.entry(key).or_default());
            let make = || self.of_artifact(feature, version, list, coding);
            parcels.push(parcel.get_or_init(make).await.clone()?);
        }
        // Never in a file: what is rendered may carry a secret.
        let rest = packed(coding, |piece| {
            rest.iter()
                .try_for_each(|(path, entry, content)| piece.entry(path, entry, *content))?;
            piece.tree(difference)
        });
        let blob = Blob::Shared(rest.map_err(|why| why.to_string())?);
        parcels.push(Parcel { blob, _file: None });
        Ok(parcels)
    }

    async fn of_artifact(
        &self,
        feature: &FeatureName,
        version: &Version,
        list: List,
        coding: Coding,
    ) -> Result<Parcel, String> {
        let (pour, room) = (Arc::clone(&self.pour), Arc::clone(&self.room));
        let (feature, version) = (feature.clone(), version.clone());
        let packed = tokio::task::spawn_blocking(move || {
            pack(list, coding, &room, &mut |sink| pour(&feature, &version, sink))
                .map_err(|why| format!("{feature} {version}: {why}"))
        });
        packed.await.unwrap_or_else(|why| Err(why.to_string()))
    }
}

impl Packed {
    /// Where the first who asks puts what is sent to all sites with equal trees.
    async fn place_of(&self, difference: &Difference) -> Arc<OfTrees> {
        let mut trees = self.trees.lock().await;
        let key = difference.digest();
        if let Some(known) = trees.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        trees.retain(|_, known| known.strong_count() > 0);
        let place = Arc::default();
        trees.insert(key, Arc::downgrade(&place));
        place
    }
}

/// A piece in memory that others follow.
fn packed(
    coding: Coding,
    fill: impl FnOnce(&mut Piece<Vec<u8>>) -> io::Result<()>,
) -> io::Result<Bytes> {
    let mut piece = Piece::new(Vec::new(), coding)?;
    fill(&mut piece)?;
    Ok(piece.go_on()?.into())
}

fn key_of(feature: &FeatureName, version: &Version, list: &List) -> Digest {
    let mut text = format!("{feature} {version}\n");
    for (from, (to, entry)) in list {
        text.push_str(&format!("{from}\t{to}\t{entry:?}\n"));
    }
    Digest::of(text.as_bytes())
}

type PourThis<'a> = dyn FnMut(&mut dyn Sink) -> Result<(), String> + 'a;

fn pack(
    list: List,
    coding: Coding,
    room: &AtomicU64,
    pour: &mut PourThis<'_>,
) -> Result<Parcel, String> {
    let size: u64 = list.values().map(|(_, entry)| entry.size()).sum();
    let text = |why: io::Error| why.to_string();
    let take = |left: u64| left.checked_sub(size);
    if room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        let mut bytes = fill(list, coding, pour, Vec::new())?;
        bytes.shrink_to_fit();
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::atomic::AtomicUsize};

    use super::*;
    use crate::{
        model::{Content, SiteName},
        release::{Manifest, Sources},
    };

    const TEXT: &[u8] = b"the same everywhere";

    /// A release with a file of an artifact, one that is rendered, and a link of its own.
    fn wanted(site: &str, rendered: &'static [u8]) -> Wanted {
        let file = |bytes: &[u8]| Entry::File {
            mode: 0o644,
            size: bytes.len() as u64,
            digest: Digest::of(bytes),
        };
        let from = Source::Artifact {
            feature: FeatureName::new("popup").unwrap(),
            version: Version::new(1, 0, 0),
            path: "files/x.js".to_owned(),
        };
        let mut sources = Sources::default();
        sources.insert("x.js".to_owned(), from);
        let content = Content::Plain(Bytes::from_static(rendered));
        sources.insert("y.js".to_owned(), Source::Rendered(content));
        Wanted {
            site: SiteName::new(site).unwrap(),
            root: "/srv/a".to_owned(),
            owner: None,
            group: None,
            manifest: Manifest {
                entries: [("x.js".to_owned(), file(TEXT)), ("y.js".to_owned(), file(rendered))]
                    .into(),
                links: [(format!("/var/www/{site}"), "/srv/a/current".to_owned())].into(),
                ..Manifest::default()
            },
            sources,
            links: BTreeMap::new(),
            hard_links: true,
            keep: 5,
        }
    }

    fn parcels(poured: &Arc<AtomicUsize>) -> Parcels {
        let poured = Arc::clone(poured);
        Parcels::new(Arc::new(move |_, _, sink| {
            poured.fetch_add(1, Ordering::Relaxed);
            let path = ArtifactPath::new("files/x.js").map_err(|why| why.to_string())?;
            sink.file(&path, TEXT.len() as u64, &mut &*TEXT).map_err(|why| why.to_string())
        }))
    }

    async fn stream(parcels: &Parcels, wanted: &Wanted) -> Result<Stream, String> {
        let difference = Difference::between(None, &BTreeSet::new(), &wanted.manifest);
        let coding = Coding::default();
        let deliver = Deliver { difference: &difference, new_salt: None, library: true, coding };
        parcels.stream(wanted, &deliver).await
    }

    fn in_memory(stream: &Stream) -> Vec<&Bytes> {
        let bytes = stream.blobs.iter().map(|blob| match blob {
            Blob::Shared(bytes) => bytes,
            other => panic!("{other:?}"),
        });
        bytes.collect()
    }

    #[tokio::test]
    async fn sites_with_equal_trees_share_all_but_what_is_their_own() {
        let poured = Arc::default();
        let parcels = parcels(&poured);
        let sites = [wanted("a", b"1"), wanted("b", b"1"), wanted("c", b"2")];
        let mut streams = Vec::new();
        for site in &sites {
            streams.push(stream(&parcels, site).await.unwrap());
        }
        let [a, b, c] = [0, 1, 2].map(|index| in_memory(&streams[index]));
        let shared = |one: &[&Bytes], other: &[&Bytes]| {
            let same = one.iter().zip(other).map(|(one, other)| one.as_ptr() == other.as_ptr());
            same.collect::<Vec<_>>()
        };
        // Files of artifacts, the rest of the tree, functions, and the site's own.
        assert_eq!(shared(&a, &b), [true, true, true, false]);
        assert_eq!(shared(&a, &c), [true, false, true, false]);
        assert_eq!(poured.load(Ordering::Relaxed), 1);
        // What is on its way to nobody is not held.
        drop(streams);
        assert!(parcels.gzip.trees.lock().await.values().all(|place| place.upgrade().is_none()));
    }

    #[tokio::test]
    async fn a_site_that_lacks_a_source_spoils_nothing_for_others() {
        let parcels = parcels(&Arc::default());
        let whole = wanted("a", b"1");
        let lacking = Wanted { sources: Sources::default(), ..whole.clone() };
        let why = stream(&parcels, &lacking).await.err().unwrap();
        assert!(why.starts_with("x.js must be sent"), "{why}");
        assert!(stream(&parcels, &whole).await.is_ok());
    }
}
