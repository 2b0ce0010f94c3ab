//! The stream that carries a difference to a host: compressed members one after the other, which
//! together are one tar archive (RFC 1952 §2.2 lets gzip members follow each other, RFC 8878 §3
//! frames of zstd).
//!
//! So what many hosts need can be compressed once and shared by all connections, and the part of
//! one site, small, follows it. `t/` holds contents at their place in the tree, `m/`
//! what to drop and how the manifest changes, and `m/end`, last, says that nothing was cut.

use std::io::{self, Read, Write};

use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};

use super::{
    difference::{Difference, LineDifference},
    manifest::Entry,
};
use crate::model::Secret;

/// Where a tar archive ends: two empty blocks (POSIX.1-2017, pax, ustar format).
const TRAILER: usize = 1024;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Coding {
    /// What every host can unpack.
    #[default]
    Gzip,
    /// Smaller, and unpacked in a sixth of the time: for hosts that have it.
    Zstd,
}

impl Coding {
    /// The program that unpacks it on a host, from stdin to stdout.
    #[must_use]
    pub const fn unpack(self) -> &'static str {
        match self {
            Self::Gzip => "gzip -dc",
            Self::Zstd => "zstd -dcq",
        }
    }
}

/// What is delivered to one site.
#[derive(Debug, Clone, Copy)]
pub struct Deliver<'a> {
    /// What must be sent.
    pub difference: &'a Difference,
    /// The salt, for a site that has none yet.
    pub new_salt: Option<&'a Secret>,
    /// Whether the host lacks the functions that are kept for later scripts.
    pub library: bool,
    /// What the host can unpack.
    pub coding: Coding,
}

/// A part of the stream, compressed on its way to `W`.
pub struct Piece<W: Write> {
    tar: Builder<HoldBack<Encoder<W>>>,
}

impl<W: Write> Piece<W> {
    /// A piece that is written to `out`.
    ///
    /// # Errors
    /// When there is no memory for compressing.
    pub fn new(out: W, coding: Coding) -> io::Result<Self> {
        let out = match coding {
            Coding::Gzip => Encoder::Gzip(GzEncoder::new(out, Compression::default())),
            Coding::Zstd => {
                Encoder::Zstd(zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?)
            }
        };
        Ok(Self { tar: Builder::new(HoldBack { out, held: Vec::new() }) })
    }

    /// Adds an entry of the tree. `content` is read for files, and for nothing else.
    ///
    /// # Errors
    /// When the entry cannot be told in tar, or `content` or the output fails.
    pub fn entry(&mut self, path: &str, entry: &Entry, content: impl Read) -> io::Result<()> {
        let path = format!("t/{path}");
        match entry {
            Entry::Directory { mode } => {
                let mut header = header_of(EntryType::Directory, *mode, 0);
                self.tar.append_data(&mut header, path, io::empty())
            }
            Entry::File { mode, size, .. } => {
                let mut header = header_of(EntryType::Regular, *mode, *size);
                self.tar.append_data(&mut header, path, content)
            }
            Entry::Link { target } => {
                let mut header = header_of(EntryType::Symlink, 0o777, 0);
                self.tar.append_link(&mut header, path, target)
            }
        }
    }

    /// Adds what the host must know of the tree beside contents: lines and drops.
    ///
    /// # Errors
    /// When the output fails.
    pub fn tree(&mut self, difference: &Difference) -> io::Result<()> {
        for (part, lines) in ["tree", "sums"].iter().zip(&difference.lines()) {
            self.lines(part, lines)?;
        }
        let drops: String =
            difference.drop.iter().flat_map(|path| ["./", path.as_str(), "\0"]).collect();
        self.note("m/drop", &drops)
    }

    /// Adds functions for later scripts.
    ///
    /// # Errors
    /// When the output fails.
    pub fn library(&mut self, text: &str) -> io::Result<()> {
        self.note("m/library", text)
    }

    /// Adds what is the site's own: origins and links, and the salt where it has none.
    ///
    /// # Errors
    /// When the output fails.
    pub fn site(&mut self, deliver: &Deliver<'_>) -> io::Result<()> {
        self.lines("about", &deliver.difference.about)?;
        match deliver.new_salt {
            Some(salt) => self.note("m/salt", &format!("{}\n", salt.expose())),
            None => Ok(()),
        }
    }

    fn lines(&mut self, part: &str, lines: &LineDifference) -> io::Result<()> {
        for (what, lines) in [("drop", &lines.drop), ("add", &lines.add)] {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            self.note(&format!("m/{part}.{what}"), &text)?;
        }
        Ok(())
    }

    /// Ends the archive: the last piece of a stream. Gives back the output.
    ///
    /// # Errors
    /// When the output fails.
    pub fn end(mut self) -> io::Result<W> {
        self.note("m/end", "")?;
        let HoldBack { mut out, held } = self.tar.into_inner()?;
        out.write_all(&held)?;
        out.finish()
    }

    /// Ends a piece that others follow. Gives back the output.
    ///
    /// # Errors
    /// When the output fails.
    pub fn go_on(self) -> io::Result<W> {
        self.tar.into_inner()?.out.finish()
    }

    fn note(&mut self, path: &str, text: &str) -> io::Result<()> {
        let mut header = header_of(EntryType::Regular, 0o600, text.len() as u64);
        self.tar.append_data(&mut header, path, text.as_bytes())
    }
}

/// One of the compressors.
enum Encoder<W: Write> {
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    fn finish(self) -> io::Result<W> {
        match self {
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(gzip) => gzip.write(bytes),
            Self::Zstd(zstd) => zstd.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.flush(),
            Self::Zstd(zstd) => zstd.flush(),
        }
    }
}

/// Passes on all but the last [`TRAILER`] bytes, because a tar builder ends every archive that
/// it lets go of.
struct HoldBack<W> {
    out: W,
    held: Vec<u8>,
}

impl<W: Write> Write for HoldBack<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        let ready = self.held.len().saturating_sub(TRAILER);
        self.out.write_all(self.held.get(..ready).unwrap_or_default())?;
        self.held.drain(..ready);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A header that tells nothing of this machine: no owner, no time. The host gives new files the
/// time of their arrival, so that HTTP caches see that they changed.
fn header_of(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io::Read as _};

    use flate2::read::MultiGzDecoder;

    use super::*;
    use crate::{model::Digest, release::manifest::Manifest};

    #[test]
    fn pieces_in_a_row_are_one_archive() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            pieces_in_a_row(coding);
        }
    }

    fn pieces_in_a_row(coding: Coding) {
        let long = format!("{}/x.js", "d".repeat(150));
        let file = Entry::File { mode: 0o640, size: 2, digest: Digest::of(b"hi") };
        let mut shared = Piece::new(Vec::new(), coding).unwrap();
        shared.entry(&long, &file, &b"hi"[..]).unwrap();
        let mut own = Piece::new(Vec::new(), coding).unwrap();
        own.entry("up", &Entry::Link { target: "../x".into() }, io::empty()).unwrap();
        let wanted = Manifest { entries: [(long.clone(), file)].into(), ..Manifest::default() };
        let difference = Difference::between(None, &BTreeSet::new(), &wanted);
        let salt = Secret::new("5a17".into());
        let deliver =
            Deliver { difference: &difference, new_salt: Some(&salt), library: true, coding };
        own.tree(&difference).unwrap();
        own.library(":").unwrap();
        own.site(&deliver).unwrap();
        let mut stream = shared.go_on().unwrap();
        stream.extend(own.end().unwrap());

        let mut names = Vec::new();
        let unpacked: Box<dyn io::Read> = match coding {
            Coding::Gzip => Box::new(MultiGzDecoder::new(&stream[..])),
            Coding::Zstd => Box::new(zstd::Decoder::new(&stream[..]).unwrap()),
        };
        let mut archive = tar::Archive::new(unpacked);
        for member in archive.entries().unwrap() {
            let mut member = member.unwrap();
            let name = member.path().unwrap().display().to_string();
            let mut text = String::new();
            member.read_to_string(&mut text).unwrap();
            if name == format!("t/{long}") {
                assert_eq!((text.as_str(), member.header().mode().unwrap()), ("hi", 0o640));
            }
            names.push(name);
        }
        assert_eq!(names.first(), Some(&format!("t/{long}")));
        assert_eq!(names.last().map(String::as_str), Some("m/end"));
        for name in ["m/salt", "m/library", "t/up", "m/tree.add", "m/about.add"] {
            assert!(names.contains(&name.to_owned()), "{name}");
        }
    }
}
