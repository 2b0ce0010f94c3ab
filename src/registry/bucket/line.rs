//! The line to the storage: requests made one after another or side by side, each with a
//! deadline, on a thread of its own, while the caller waits.
//!
//! The callers of a registry are not async, and must not care who drives the network for them:
//! a runtime of theirs may be there or not.

use std::{
    fs::File,
    future::Future,
    io::{Read as _, Write as _},
    path::Path,
    pin::Pin,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode,
    PutPayload, aws::AmazonS3, path::Path as Key,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{
    Names, Patience,
    fault::{fault, is_missing},
};
use crate::{
    model::BucketUrl,
    registry::{At as _, RegistryError},
};

/// Requests at the same time.
const SIDE_BY_SIDE: usize = 16;

type Errand = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The line to one bucket.
pub(super) struct Line {
    store: Arc<AmazonS3>,
    errands: UnboundedSender<Errand>,
    url: BucketUrl,
    names: Names,
    patience: Patience,
}

impl Line {
    pub(super) fn new(
        url: &BucketUrl,
        names: &Names,
        patience: Patience,
    ) -> Result<Self, RegistryError> {
        let store = Arc::new(names.connect(url, &patience)?);
        let (errands, mut queue) = unbounded_channel::<Errand>();
        let lost = |why: std::io::Error| RegistryError::Unreachable {
            url: url.to_string(),
            why: format!("no thread for the network: {why}"),
            hint: "look at the limits of this machine".to_owned(),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(lost)?;
        let drive = move || {
            runtime.block_on(async {
                while let Some(errand) = queue.recv().await {
                    tokio::spawn(errand);
                }
            });
            // A name lookup that hangs holds up nobody.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("registry".to_owned()).spawn(drive).map_err(lost)?;
        Ok(Self { store, errands, url: url.clone(), names: names.clone(), patience })
    }

    /// The object at `key`, of at most `most` bytes; `None` when there is none.
    pub(super) fn get(&self, key: &str, most: u64) -> Result<Option<Bytes>, RegistryError> {
        let found = self.get_all(&[key.to_owned()], most)?;
        Ok(found.into_iter().next().flatten())
    }

    /// The objects at these keys, in their order.
    pub(super) fn get_all(
        &self,
        keys: &[String],
        most: u64,
    ) -> Result<Vec<Option<Bytes>>, RegistryError> {
        let places = keys.iter().map(|key| self.key(key)).collect::<Result<Vec<_>, _>>()?;
        let store = Arc::clone(&self.store);
        let limit = self.limit();
        let found = self.wait(async move {
            let each = places.into_iter().map(|place| {
                let store = Arc::clone(&store);
                async move { within(limit, fetch(&store, &place, most)).await }
            });
            futures::stream::iter(each).buffered(SIDE_BY_SIDE).collect::<Vec<_>>().await
        })?;
        let answers = keys.iter().zip(found).map(|(key, answer)| match answer {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.fault(key, &error)),
        });
        answers.collect()
    }

    /// Writes an object, whatever was there.
    pub(super) fn put(&self, key: &str, bytes: Bytes) -> Result<(), RegistryError> {
        self.write(key, bytes, PutMode::Overwrite).map_err(|error| self.fault(key, &error))
    }

    /// Writes an object if there is none; says whether it did.
    pub(super) fn create(&self, key: &str, bytes: Bytes) -> Result<bool, RegistryError> {
        match self.write(key, bytes, PutMode::Create) {
            Ok(()) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.fault(key, &error)),
        }
    }

    fn write(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<(), Error> {
        let (store, limit) = (Arc::clone(&self.store), self.limit());
        let place = Key::parse(key)?;
        self.wait(async move {
            within(limit, store.put_opts(&place, PutPayload::from(bytes), mode.into())).await
        })
        .map_err(|_| gone())??;
        Ok(())
    }

    /// Removes an object, if it is there.
    pub(super) fn delete(&self, key: &str) -> Result<(), RegistryError> {
        let (store, place, limit) = (Arc::clone(&self.store), self.key(key)?, self.limit());
        let done = self.wait(async move { within(limit, store.delete(&place)).await })?;
        match done {
            Err(error) if !is_missing(&error) => Err(self.fault(key, &error)),
            _ => Ok(()),
        }
    }

    /// All keys below `prefix`, sorted.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let (store, limit) = (Arc::clone(&self.store), self.limit());
        let place = if prefix.is_empty() { None } else { Some(self.key(prefix)?) };
        let found = self.wait(async move {
            let mut objects = store.list(place.as_ref());
            let mut keys = Vec::new();
            while let Some(object) = within(limit, objects.try_next()).await? {
                keys.push(object.location.to_string());
            }
            keys.sort_unstable();
            Ok(keys)
        })?;
        found.map_err(|error| self.fault(prefix, &error))
    }

    /// Writes a file into an object, in parts; nothing is there before the last one is.
    pub(super) fn upload(&self, key: &str, path: &Path) -> Result<(), RegistryError> {
        let mut file = File::open(path).at(path)?;
        let size = file.metadata().at(path)?.len();
        let part = self.patience.part;
        if size <= part as u64 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).at(path)?;
            return self.put(key, bytes.into());
        }
        let (store, place, limit) = (Arc::clone(&self.store), self.key(key)?, self.limit());
        let done = self.wait(async move {
            let mut upload = within(limit, store.put_multipart(&place)).await?;
            let sent = send(&mut *upload, file, part, limit).await;
            if sent.is_err() {
                // What remains of it is paid for and not visible.
                let _ = within(limit, upload.abort()).await;
            }
            sent
        })?;
        done.map_err(|error| self.fault(key, &error))
    }

    /// Reads an object of at most `most` bytes into a file, in parts; says whether it is there.
    pub(super) fn download(
        &self,
        key: &str,
        path: &Path,
        most: u64,
    ) -> Result<bool, RegistryError> {
        let file = File::create_new(path).at(path)?;
        let (store, place, limit) = (Arc::clone(&self.store), self.key(key)?, self.limit());
        let part = self.patience.part as u64;
        let done = self.wait(receive(store, place, file, part, most, limit))?;
        match done {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(self.fault(key, &error)),
        }
    }

    /// The longest that one request can take with everything that is tried again.
    fn limit(&self) -> Duration {
        self.patience.request * 3
    }

    fn key(&self, key: &str) -> Result<Key, RegistryError> {
        Key::parse(key).map_err(|why| self.fault(key, &why.into()))
    }

    fn fault(&self, key: &str, error: &Error) -> RegistryError {
        let url = format!("s3://{}/{key}", self.url.bucket());
        fault(error, url, &self.names, &self.patience)
    }

    /// Sends a future to the thread of the line, and waits for what it gives.
    fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (told, answer) = mpsc::sync_channel(1);
        let errand = async move {
            let _ = told.send(future.await);
        };
        let sent = self.errands.send(Box::pin(errand));
        sent.ok().and_then(|()| answer.recv().ok()).ok_or_else(|| self.fault("", &gone()))
    }
}

fn generic(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "S3", source: why.into() }
}

/// The thread of the line has ended, which only a fault of ours can do.
fn gone() -> Error {
    generic("the line to the storage is gone")
}

async fn within<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, request).await {
        Ok(done) => done,
        Err(_) => Err(generic("it did not come to an end in time")),
    }
}

async fn fetch(store: &AmazonS3, place: &Key, most: u64) -> Result<Bytes, Error> {
    let found = store.get(place).await?;
    if found.meta.size > most {
        return Err(too_large(found.meta.size));
    }
    found.bytes().await
}

fn too_large(size: u64) -> Error {
    generic(format!("it has {size} bytes, more than anything that fleetctl publishes"))
}

async fn send(
    upload: &mut dyn MultipartUpload,
    mut file: File,
    part: usize,
    limit: Duration,
) -> Result<(), Error> {
    loop {
        let mut bytes = Vec::with_capacity(part);
        (&mut file).take(part as u64).read_to_end(&mut bytes).map_err(generic)?;
        if bytes.is_empty() {
            break;
        }
        within(limit, upload.put_part(bytes.into())).await?;
    }
    within(limit, upload.complete()).await.map(|_| ())
}

async fn receive(
    store: Arc<AmazonS3>,
    place: Key,
    mut file: File,
    part: u64,
    most: u64,
    limit: Duration,
) -> Result<(), Error> {
    let (mut at, mut size, mut etag) = (0, u64::MAX, None);
    while at < size {
        let range = Some(GetRange::Bounded(at..at.saturating_add(part)));
        let options = GetOptions { range, if_match: etag.clone(), ..GetOptions::default() };
        let piece = async {
            let found = store.get_opts(&place, options).await?;
            let meta = (found.meta.size, found.meta.e_tag.clone());
            if meta.0 > most { Err(too_large(meta.0)) } else { Ok((meta, found.bytes().await?)) }
        };
        let ((total, tag), bytes) = within(limit, piece).await?;
        if bytes.is_empty() {
            return Err(generic("it ended too early"));
        }
        file.write_all(&bytes).map_err(generic)?;
        at += bytes.len() as u64;
        (size, etag) = (total, tag);
    }
    file.sync_all().map_err(generic)
}
