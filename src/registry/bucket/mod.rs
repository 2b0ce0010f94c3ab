//! A registry in S3-compatible storage.
//!
//! ```text
//! <prefix>/<feature>/<version>/<digest>/{artifact.tar.gz,feature.yml}
//! <prefix>/<feature>/<version>/manifest          written last, and only if there is none
//! <prefix>/<feature>/<version>/yanked
//! ```
//!
//! A version is there when its manifest is. What is said to be in it was written before, below
//! its identity, so that of publishers at the same time none can write into another's version;
//! and the one conditional write decides between them. Why it is so: `docs/design/009-registry.md`.

mod fault;
mod line;
mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use line::Line;
pub use names::Names;
use semver::Version;

use super::{
    At as _, FeatureSource, Publication, PublishedVersion, RegistryError,
    cache::Cache,
    directory,
    version::{
        ARCHIVE, DEFINITION, MANIFEST, MOST_TEXT, Name, YANKED, as_expected, define,
        never_published, one_line, same_as_published,
    },
};
use crate::{
    feature::{Catalog, Published},
    model::{BucketUrl, Digest, FeatureName},
    release::ArtifactManifest,
};

/// Bytes: more than an archive of the largest artifact that is accepted.
const MOST_ARCHIVE: u64 = 3 << 30;

/// How long requests may take, and how often they are made.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One request, its answer included; and how long it is tried again.
    pub request: Duration,
    /// Reaching the server.
    pub connect: Duration,
    /// How often a request is made again that failed.
    pub retries: usize,
    /// Bytes that one request moves at most. S3 takes no parts below 5 MiB.
    pub part: usize,
}

impl Default for Patience {
    /// For lines from 90 kB/s on.
    fn default() -> Self {
        Self {
            request: Duration::from_mins(1),
            connect: Duration::from_secs(10),
            retries: 3,
            part: 5 << 20,
        }
    }
}

/// A registry in a bucket. Clones share the line and what is known.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    url: BucketUrl,
    names: Names,
    patience: Patience,
    cache: Cache,
    line: OnceLock<Line>,
    /// Identities that this process was given or has read: they never change.
    known: Mutex<BTreeMap<(FeatureName, Version), Digest>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.0.url).finish_non_exhaustive()
    }
}

impl Bucket {
    /// The registry at `url`, reached as `names` say, with its cache in the directory `cache`.
    /// Nothing is asked of the network before it must be.
    #[must_use]
    pub fn new(url: BucketUrl, names: Names, patience: Patience, cache: PathBuf) -> Self {
        let (cache, line) = (Cache::new(cache), OnceLock::new());
        let known = Mutex::new(BTreeMap::new());
        Self(Arc::new(Inner { url, names, patience, cache, line, known }))
    }

    fn line(&self) -> Result<&Line, RegistryError> {
        let inner = &self.0;
        if let Some(line) = inner.line.get() {
            return Ok(line);
        }
        let line = Line::new(&inner.url, &inner.names, inner.patience)?;
        Ok(inner.line.get_or_init(|| line))
    }

    pub(super) fn publish(&self, source: &FeatureSource) -> Result<Publication, RegistryError> {
        let name = (&source.feature.name, &source.feature.version);
        if let Some(found) = self.manifest(name)? {
            return same_as_published(source, found.digest()).map(Publication::Known);
        }
        let (draft, _lock) = self.0.cache.draft()?;
        directory::write(source, draft.path())?;
        let digest = source.manifest.digest();
        let line = self.line()?;
        let text = |file: &str| {
            let path = draft.path().join(file);
            fs::read(&path).map(Bytes::from).at(&path)
        };
        line.upload(&self.part(name, &digest, ARCHIVE), &draft.path().join(ARCHIVE))?;
        line.put(&self.part(name, &digest, DEFINITION), text(DEFINITION)?)?;
        let publication = match line.create(&self.file(name, MANIFEST), text(MANIFEST)?) {
            Ok(true) => Publication::Fresh(digest),
            // Somebody was faster, or an answer was lost on the way: what is there tells.
            unsure => match (self.manifest(name), unsure) {
                (Ok(Some(found)), unsure) => {
                    if found.digest() != digest {
                        self.sweep(name, &found.digest());
                    }
                    let digest = same_as_published(source, found.digest())?;
                    match unsure {
                        Ok(_) => Publication::Known(digest),
                        Err(_) => Publication::Fresh(digest),
                    }
                }
                (_, Err(error)) | (Err(error), _) => return Err(error),
                (Ok(None), Ok(_)) => return Err(self.undecided(name)),
            },
        };
        self.sweep(name, &digest);
        self.remember(name, digest);
        // Published it is, whatever the disk says of the copy.
        let _ = self.0.cache.keep(name, draft, source.manifest.clone(), &self.url(name));
        Ok(publication)
    }

    /// Removes what others left behind who wanted to be this version. They cannot become it any
    /// more. Best effort: it is in nobody's way.
    fn sweep(&self, name: Name<'_>, winner: &Digest) {
        let Ok(line) = self.line() else { return };
        let home = format!("{}/", self.file(name, &winner.to_string()));
        let above = self.above(name);
        for key in line.list(&above).unwrap_or_default() {
            let below = key.strip_prefix(&above).unwrap_or_default();
            if below.matches('/').count() == 2 && !key.starts_with(&home) {
                let _ = line.delete(&key);
            }
        }
    }

    pub(super) fn catalog(&self) -> Result<Catalog, RegistryError> {
        let line = self.line()?;
        let mut catalog = Catalog::new();
        let (versions, yanked) = self.versions()?;
        let keys =
            |file: &str| versions.iter().map(|(f, v)| self.file((f, v), file)).collect::<Vec<_>>();
        let mut manifests = Vec::new();
        for (key, text) in keys(MANIFEST).iter().zip(line.get_all(&keys(MANIFEST), MOST_TEXT)?) {
            manifests.push(self.parse(key, text)?);
        }
        let places: Vec<String> = versions
            .iter()
            .zip(&manifests)
            .map(|((f, v), manifest)| self.part((f, v), &manifest.digest(), DEFINITION))
            .collect();
        let definitions = line.get_all(&places, MOST_TEXT)?;
        let mut reasons = self.reasons(&yanked)?;
        let all = versions.into_iter().zip(manifests).zip(places.iter().zip(definitions));
        for (((name, version), manifest), (place, definition)) in all {
            let definition = self.text(place, definition)?;
            let place = format!("s3://{}/{place}", self.0.url.bucket());
            let (_, feature) = define((&name, &version), &manifest, definition, &place)?;
            let digest = manifest.digest();
            self.remember((&name, &version), digest);
            let why = reasons.remove(&(name.clone(), version.clone()));
            let versions = catalog.entry(name).or_default();
            versions.insert(version, Published::new(&feature, digest, why));
        }
        Ok(catalog)
    }

    pub(super) fn open(
        &self,
        feature: &FeatureName,
        version: &Version,
        expected: Option<&Digest>,
    ) -> Result<PublishedVersion, RegistryError> {
        let name = (feature, version);
        if let Some(digest) = expected.copied().or_else(|| self.known(name))
            && let Some(found) = self.0.cache.open(name, &digest)
        {
            self.remember(name, digest);
            return Ok(found);
        }
        let Some(manifest) = self.manifest(name)? else { return Err(self.missing(name)) };
        let digest = manifest.digest();
        as_expected(name, digest, expected)?;
        let found = match self.0.cache.open(name, &digest) {
            Some(found) => found,
            None => self.fetch(name, manifest)?,
        };
        self.remember(name, digest);
        Ok(found)
    }

    /// Fetches a version into the cache.
    fn fetch(
        &self,
        name: Name<'_>,
        manifest: ArtifactManifest,
    ) -> Result<PublishedVersion, RegistryError> {
        let line = self.line()?;
        let digest = manifest.digest();
        let (draft, _lock) = self.0.cache.draft()?;
        let key = self.part(name, &digest, DEFINITION);
        let definition = self.text(&key, line.get(&key, MOST_TEXT)?)?;
        for (file, text) in [(DEFINITION, definition), (MANIFEST, manifest.to_text())] {
            let path = draft.path().join(file);
            fs::write(&path, text).at(&path)?;
        }
        let key = self.part(name, &digest, ARCHIVE);
        if !line.download(&key, &draft.path().join(ARCHIVE), MOST_ARCHIVE)? {
            return Err(self.damaged(&key, "it is not there"));
        }
        self.0.cache.keep(name, draft, manifest, &self.url(name))
    }

    pub(super) fn yank(
        &self,
        feature: &FeatureName,
        version: &Version,
        why: &str,
    ) -> Result<(), RegistryError> {
        let name = (feature, version);
        if self.manifest(name)?.is_none() {
            return Err(self.missing(name));
        }
        self.line()?.put(&self.file(name, YANKED), (one_line(why) + "\n").into())
    }

    pub(super) fn unyank(
        &self,
        feature: &FeatureName,
        version: &Version,
    ) -> Result<bool, RegistryError> {
        let name = (feature, version);
        if self.manifest(name)?.is_none() {
            return Err(self.missing(name));
        }
        let (line, key) = (self.line()?, self.file(name, YANKED));
        let was_there = line.get(&key, MOST_TEXT)?.is_some();
        if was_there {
            line.delete(&key)?;
        }
        Ok(was_there)
    }

    /// The manifest of a version, if it was published.
    fn manifest(&self, name: Name<'_>) -> Result<Option<ArtifactManifest>, RegistryError> {
        let key = self.file(name, MANIFEST);
        let found = self.line()?.get(&key, MOST_TEXT)?;
        found.map(|text| self.parse(&key, Some(text))).transpose()
    }

    fn parse(&self, key: &str, text: Option<Bytes>) -> Result<ArtifactManifest, RegistryError> {
        let text = self.text(key, text)?;
        ArtifactManifest::parse(&text).map_err(|why| self.damaged(key, &why.to_string()))
    }

    fn text(&self, key: &str, bytes: Option<Bytes>) -> Result<String, RegistryError> {
        let Some(bytes) = bytes else { return Err(self.damaged(key, "it is not there")) };
        String::from_utf8(bytes.into()).map_err(|_| self.damaged(key, "it is no text"))
    }

    /// All versions, and those of them that were yanked.
    fn versions(&self) -> Result<(Versions, Versions), RegistryError> {
        let (mut versions, mut yanked) = (Versions::new(), Versions::new());
        for key in self.line()?.list(self.0.url.prefix())? {
            let below = key.strip_prefix(self.0.url.prefix()).unwrap_or(&key);
            let mut parts = below.trim_start_matches('/').split('/');
            let (Some(feature), Some(version), Some(file), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if feature.starts_with('.') || version.starts_with('.') {
                continue;
            }
            let list = match file {
                MANIFEST => &mut versions,
                YANKED => &mut yanked,
                _ => continue,
            };
            let name =
                FeatureName::new(feature).map_err(|why| self.damaged(&key, &why.to_string()))?;
            let version: Version =
                version.parse().map_err(|_| self.damaged(&key, "its name is no version"))?;
            list.insert((name, version));
        }
        Ok((versions, yanked))
    }

    fn reasons(
        &self,
        yanked: &Versions,
    ) -> Result<BTreeMap<(FeatureName, Version), String>, RegistryError> {
        let keys: Vec<String> = yanked.iter().map(|(f, v)| self.file((f, v), YANKED)).collect();
        let texts = self.line()?.get_all(&keys, MOST_TEXT)?;
        let mut reasons = BTreeMap::new();
        for ((name, key), text) in yanked.iter().zip(&keys).zip(texts) {
            // Somebody may have taken it back meanwhile.
            if text.is_some() {
                reasons.insert(name.clone(), self.text(key, text)?.trim().to_owned());
            }
        }
        Ok(reasons)
    }

    /// What to say of a version that is not there.
    fn missing(&self, name: Name<'_>) -> RegistryError {
        let (all, _) = self.versions().unwrap_or_default();
        let versions = all.iter().filter(|(feature, _)| feature == name.0);
        let versions: Vec<String> = versions.map(|(_, version)| version.to_string()).collect();
        let features: BTreeSet<String> = all.iter().map(|(f, _)| f.to_string()).collect();
        let features: Vec<String> = features.into_iter().collect();
        never_published(name, &self.0.url.to_string(), &versions, &features)
    }

    fn undecided(&self, (feature, version): Name<'_>) -> RegistryError {
        RegistryError::Unreachable {
            url: self.url((feature, version)),
            why: "the storage let nobody publish it, and it is not there".to_owned(),
            hint: "somebody else publishes the same version: try again".to_owned(),
        }
    }

    fn remember(&self, (feature, version): Name<'_>, digest: Digest) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((feature.clone(), version.clone()), digest);
    }

    fn known(&self, (feature, version): Name<'_>) -> Option<Digest> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(feature.clone(), version.clone())).copied()
    }

    fn damaged(&self, key: &str, why: &str) -> RegistryError {
        RegistryError::damaged(format!("s3://{}/{key}", self.0.url.bucket()), why)
    }

    /// The key of everything of a version.
    fn above(&self, (feature, version): Name<'_>) -> String {
        let prefix = self.0.url.prefix();
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}{feature}/{version}")
    }

    fn file(&self, name: Name<'_>, file: &str) -> String {
        format!("{}/{file}", self.above(name))
    }

    fn part(&self, name: Name<'_>, digest: &Digest, file: &str) -> String {
        format!("{}/{digest}/{file}", self.above(name))
    }

    fn url(&self, name: Name<'_>) -> String {
        format!("s3://{}/{}", self.0.url.bucket(), self.above(name))
    }
}

type Versions = BTreeSet<(FeatureName, Version)>;
