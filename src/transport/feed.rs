//! Standard input in slices: memory is shared, files are read while they are sent.
//!
//! Never holds more than one reading of a file, and never copies what is in memory.
//! Called by the transports that have a real standard input to fill.

use std::{io, path::Path, vec};

use bytes::{Bytes, BytesMut};
use tokio::{fs::File, io::AsyncReadExt as _};

use super::Blob;

/// How much is handed over at once. A connection joins up to some sixteen slices that are ready into
/// one write, and keeps the buffer of its largest one for as long as it lives. Smaller slices cost
/// CPU for each packet.
const SLICE: usize = 32 * 1024;
/// How much of a file is read at once.
const READ: usize = 128 * 1024;

/// The slices of a list of blobs, in order.
pub struct Feed {
    blobs: vec::IntoIter<Blob>,
    memory: Bytes,
    file: Option<Reading>,
}

struct Reading {
    file: File,
    name: String,
    left: u64,
}

impl Feed {
    /// The slices of `blobs`.
    pub fn new(blobs: Vec<Blob>) -> Self {
        Self { blobs: blobs.into_iter(), memory: Bytes::new(), file: None }
    }

    /// The next slice, never empty; nothing after the last.
    ///
    /// # Errors
    /// When a file cannot be read, or has not the length it was said to have.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if !self.memory.is_empty() {
                let slice = self.memory.split_to(SLICE.min(self.memory.len()));
                return Ok(Some(slice));
            }
            if let Some(mut reading) = self.file.take()
                && let Some(slice) = reading.slice().await?
            {
                self.file = Some(reading);
                self.memory = slice;
                continue;
            }
            match self.blobs.next() {
                None => return Ok(None),
                Some(Blob::Shared(bytes)) => self.memory = bytes,
                Some(Blob::Secret(secret)) => {
                    self.memory = Bytes::copy_from_slice(secret.expose().as_bytes());
                }
                Some(Blob::File { path, len }) => {
                    self.file = Some(Reading::open(&path, len).await?);
                }
            }
        }
    }
}

impl Reading {
    async fn open(path: &Path, left: u64) -> io::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).await.map_err(|why| named(&name, &why))?;
        Ok(Self { file, name, left })
    }

    async fn slice(&mut self) -> io::Result<Option<Bytes>> {
        let want = usize::try_from(self.left).unwrap_or(READ).min(READ);
        let mut slice = BytesMut::with_capacity(want.max(1));
        // One byte more than is left is asked for at the end: a file that grew is not the
        // file whose digest was promised.
        let read = (&mut self.file).take(want.max(1) as u64).read_buf(&mut slice).await;
        let read = read.map_err(|why| named(&self.name, &why))?;
        match (self.left, read) {
            (0, 0) => Ok(None),
            (0, _) => Err(io::Error::other(format!("{} grew while it was sent", self.name))),
            (_, 0) => Err(io::Error::other(format!("{} shrank while it was sent", self.name))),
            _ => {
                self.left -= read as u64;
                Ok(Some(slice.freeze()))
            }
        }
    }
}

fn named(name: &str, why: &io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("cannot read {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    async fn all(blobs: Vec<Blob>) -> io::Result<Vec<u8>> {
        let mut feed = Feed::new(blobs);
        let mut all = Vec::new();
        while let Some(slice) = feed.next().await? {
            assert!(!slice.is_empty() && slice.len() <= SLICE);
            all.extend_from_slice(&slice);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn blobs_arrive_in_order_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("blob");
        let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        std::fs::write(&path, &body).unwrap();
        let got = all(vec![
            Blob::Secret(Secret::new("pw\n".into())),
            Blob::Shared(Bytes::new()),
            Blob::File { path, len: 300_000 },
            Blob::Shared(Bytes::from(body.clone())),
        ])
        .await
        .unwrap();
        assert_eq!(got, [&b"pw\n"[..], &body, &body].concat());
    }

    #[tokio::test]
    async fn a_file_of_another_length_or_no_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("blob");
        std::fs::write(&path, "12345").unwrap();
        for (len, word) in [(4, "grew"), (6, "shrank")] {
            let why = all(vec![Blob::File { path: path.clone(), len }]).await.unwrap_err();
            assert!(why.to_string().contains(word), "{why}");
        }
        let gone = Blob::File { path: dir.path().join("gone"), len: 1 };
        assert!(all(vec![gone]).await.unwrap_err().to_string().contains("gone"));
    }
}
