//! `artifact.tar.gz`: how an artifact travels. Written in one way, read with suspicion.
//!
//! Every member is judged before its content is used, and the whole must be one consistent
//! tree: nothing is skipped in silence, nothing is read without a bound. Hosts never see an
//! archive that others made; they get what was rebuilt from a validated one.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use flate2::{Compression, GzBuilder, bufread::GzDecoder};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{
    ArtifactManifest,
    artifact::{Entry, ManifestError},
    tar::{BLOCK, Extended, Header, Kind, MemberProblem},
};
use crate::model::{ArtifactPath, Digest, PathError};

/// How much an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members, extended headers included.
    pub members: u64,
    /// Bytes of all contents together, unpacked.
    pub bytes: u64,
    /// Bytes of all names and extended headers together.
    pub names: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members: 100_000, bytes: 2 << 30, names: 16 << 20 }
    }
}

/// More zeros than this behind the end are not padding.
const MAX_PADDING: u64 = 1 << 20;

/// Why an archive is refused, or could not be written.
#[derive(Debug, Error)]
pub enum ArchiveProblem {
    /// It could not be read or written.
    #[error("{0}")]
    Io(io::Error),
    /// The compressed stream is damaged or is none.
    #[error("not a sound gzip stream: {0}")]
    Gzip(String),
    /// It ends too early.
    #[error("it is cut off, or no archive")]
    CutOff,
    /// Something follows its end.
    #[error("something follows the end of the archive")]
    Trailing,
    /// A member cannot be part of an artifact.
    #[error("member {number} ({name}): {why}")]
    Member {
        /// Counted from 1, extended headers included.
        number: u64,
        /// Its name, made safe to show.
        name: String,
        /// Why.
        why: MemberProblem,
    },
    /// A member's name is not allowed.
    #[error("member {number}: the name {name:?} {why}")]
    Name {
        /// Counted from 1, extended headers included.
        number: u64,
        /// As found.
        name: String,
        /// Why.
        why: PathError,
    },
    /// It holds more than allowed.
    #[error("it holds more than {0} {1}")]
    TooMuch(u64, &'static str),
    /// The members do not make a tree.
    #[error(transparent)]
    Tree(#[from] ManifestError),
    /// A file is not what the manifest says.
    #[error("{0}: the content is not what the manifest says; did the file change meanwhile?")]
    NotAsListed(ArtifactPath),
}

impl From<io::Error> for ArchiveProblem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Gzip(error.to_string())
            }
            _ => Self::Io(error),
        }
    }
}

/// Takes the contents of an archive's files, one after the other.
pub trait Sink {
    /// Takes the content of the file at `path`; it need not be read to its end. The archive as
    /// a whole has not been validated yet when this is called.
    ///
    /// # Errors
    /// What the sink runs into; it ends the reading.
    fn file(&mut self, path: &ArtifactPath, size: u64, content: &mut dyn Read) -> io::Result<()>;
}

struct Nowhere;

impl Sink for Nowhere {
    fn file(&mut self, _: &ArtifactPath, _: u64, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the artifact that `manifest` describes; `open` gives each file's content.
///
/// # Errors
/// When reading or writing fails, or a content is not what the manifest says.
pub fn pack(
    out: impl Write,
    manifest: &ArtifactManifest,
    open: &mut dyn FnMut(&ArtifactPath) -> io::Result<Box<dyn Read>>,
) -> Result<(), ArchiveProblem> {
    // No name, no time, no system: the same bytes wherever it is packed.
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(out, Compression::best());
    for (path, entry) in manifest.entries() {
        let mut header = Header {
            name: path.as_str().into(),
            target: Vec::new(),
            kind: Kind::File,
            size: entry.size(),
            executable: false,
        };
        match entry {
            Entry::Directory => {
                header.kind = Kind::Directory;
                header.name.push(b'/');
            }
            Entry::Link { target } => {
                header.kind = Kind::Link;
                header.target = target.as_str().into();
            }
            Entry::File { executable, .. } => header.executable = *executable,
        }
        gzip.write_all(&header.to_blocks())?;
        if let Entry::File { size, digest, .. } = entry {
            // One byte more than listed is enough to notice that there is more.
            let mut content = Hashed::new(open(path)?.take(size + 1));
            let written = io::copy(&mut content, &mut gzip)?;
            if written != *size || content.digest() != *digest {
                return Err(ArchiveProblem::NotAsListed(path.clone()));
            }
            gzip.write_all(zeros(padding(*size)))?;
        }
    }
    gzip.write_all(&[0; 2 * BLOCK])?;
    gzip.finish()?.flush()?;
    Ok(())
}

/// Reads a whole archive and says what it holds, or why it is refused.
///
/// # Errors
/// See [`ArchiveProblem`]. Memory is bounded by `limits.names`, time by `limits`.
pub fn validate(reader: impl Read, limits: &Limits) -> Result<ArtifactManifest, ArchiveProblem> {
    unpack(reader, limits, &mut Nowhere)
}

/// As [`validate`], and hands the contents to `sink` on the way.
///
/// # Errors
/// As [`validate`], and what the sink runs into.
pub fn unpack(
    reader: impl Read,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<ArtifactManifest, ArchiveProblem> {
    let mut gzip = GzDecoder::new(BufReader::new(reader));
    let manifest = whole(&mut gzip, limits, sink)?;
    match gzip.into_inner().read(&mut [0]) {
        Ok(0) => Ok(manifest),
        Ok(_) => Err(ArchiveProblem::Trailing),
        Err(error) => Err(ArchiveProblem::Io(error)),
    }
}

/// As [`validate`], for an archive that somebody wants judged: compressed or not, which its first
/// two bytes tell (RFC 1952 §2.3.1).
///
/// # Errors
/// As [`validate`].
pub fn examine(reader: impl Read, limits: &Limits) -> Result<ArtifactManifest, ArchiveProblem> {
    let mut reader = BufReader::new(reader);
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return validate(reader, limits);
    }
    whole(&mut reader, limits, &mut Nowhere)
}

/// Members, and nothing behind them but padding.
fn whole(
    input: &mut impl Read,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<ArtifactManifest, ArchiveProblem> {
    let manifest = members(input, limits, sink)?;
    // Reading to the end is also what makes a decoder compare checksum and length.
    let mut rest = Vec::new();
    input.by_ref().take(MAX_PADDING + 1).read_to_end(&mut rest)?;
    if rest.len() as u64 > MAX_PADDING || rest.iter().any(|byte| *byte != 0) {
        return Err(ArchiveProblem::Trailing);
    }
    Ok(manifest)
}

/// Reads members up to the two blocks of zeros.
fn members(
    input: &mut impl Read,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<ArtifactManifest, ArchiveProblem> {
    let mut list = Vec::new();
    let mut said = Extended::default();
    let (mut bytes, mut names) = (0_u64, 0_u64);
    for number in 1.. {
        if number > limits.members {
            return Err(ArchiveProblem::TooMuch(limits.members, "members"));
        }
        let mut block = [0; BLOCK];
        input.read_exact(&mut block)?;
        let refuse = |name: &[u8], why| {
            let name: String = String::from_utf8_lossy(name).chars().take(200).collect();
            ArchiveProblem::Member { number, name: format!("{name:?}"), why }
        };
        let header = match Header::parse(&block) {
            Ok(Some(header)) => header,
            Ok(None) if said.is_some() => return Err(ArchiveProblem::CutOff),
            Ok(None) => {
                input.read_exact(&mut block)?;
                let end = block.iter().all(|byte| *byte == 0);
                return if end {
                    Ok(ArtifactManifest::new(list)?)
                } else {
                    Err(ArchiveProblem::Trailing)
                };
            }
            Err(why) => return Err(refuse(block.get(..100).unwrap_or_default(), why)),
        };
        if matches!(header.kind, Kind::Pax | Kind::PaxGlobal | Kind::GnuName | Kind::GnuTarget) {
            names = names.saturating_add(header.size);
            if names > limits.names {
                return Err(ArchiveProblem::TooMuch(limits.names, "bytes of names"));
            }
            let mut content = Vec::new();
            if input.by_ref().take(header.size).read_to_end(&mut content)? as u64 != header.size {
                return Err(ArchiveProblem::CutOff);
            }
            skip_padding(input, header.size)?;
            said.read(header.kind, &content).map_err(|why| refuse(&header.name, why))?;
            continue;
        }
        let Extended { name, target, .. } = std::mem::take(&mut said);
        let name = name.unwrap_or(header.name);
        let target = target.unwrap_or(header.target);
        names = names.saturating_add((name.len() + target.len()) as u64);
        bytes = bytes.saturating_add(header.size);
        if names > limits.names {
            return Err(ArchiveProblem::TooMuch(limits.names, "bytes of names"));
        }
        if bytes > limits.bytes {
            return Err(ArchiveProblem::TooMuch(limits.bytes, "bytes, unpacked"));
        }
        let Some(path) = member_path(number, &name, header.kind)? else { continue };
        let entry = match header.kind {
            Kind::Directory => Entry::Directory,
            Kind::Link => Entry::Link {
                target: String::from_utf8(target).map_err(|_| ArchiveProblem::Name {
                    number,
                    name: path.to_string(),
                    why: PathError::NotUtf8,
                })?,
            },
            _ => {
                let size = header.size;
                let mut content = Hashed::new(input.by_ref().take(size));
                sink.file(&path, size, &mut content).map_err(ArchiveProblem::Io)?;
                io::copy(&mut content, &mut io::sink())?;
                if content.count != size {
                    return Err(ArchiveProblem::CutOff);
                }
                let digest = content.digest();
                skip_padding(input, size)?;
                Entry::File { executable: header.executable, size, digest }
            }
        };
        list.push((path, entry));
    }
    Err(ArchiveProblem::CutOff)
}

/// The path of a member; `None` for the artifact's own top, which some archives list.
fn member_path(
    number: u64,
    name: &[u8],
    kind: Kind,
) -> Result<Option<ArtifactPath>, ArchiveProblem> {
    let mut plain = name;
    if kind == Kind::Directory {
        if matches!(name, b"." | b"./") {
            return Ok(None);
        }
        plain = plain.strip_suffix(b"/").unwrap_or(plain);
    }
    // `tar -C dir -c .` writes every name with this.
    plain = plain.strip_prefix(b"./").unwrap_or(plain);
    ArtifactPath::from_bytes(plain).map(Some).map_err(|why| ArchiveProblem::Name {
        number,
        name: String::from_utf8_lossy(name).chars().take(200).collect(),
        why,
    })
}

/// The bytes from the end of a content to the end of its last block.
fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    over.next_multiple_of(BLOCK) - over
}

fn zeros(count: usize) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    ZEROS.get(..count).unwrap_or_default()
}

fn skip_padding(input: &mut dyn Read, size: u64) -> io::Result<()> {
    let mut block = [0; BLOCK];
    input.read_exact(block.get_mut(..padding(size)).unwrap_or_default())
}

/// Hashes and counts what is read through it.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
    count: u64,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), count: 0 }
    }

    fn digest(self) -> Digest {
        Digest::from_bytes(self.hash.finalize().into())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..count).unwrap_or_default());
        self.count += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
