//! Tar headers, read strictly and written in one way (POSIX.1-1988 ustar, POSIX.1-2001 pax).
//!
//! Only what an artifact can hold is understood: files, directories, symbolic links and the
//! two ways of giving a long name. Everything else has a reason for its refusal, because a
//! member that is skipped in silence is a deploy that lacks a file.

use thiserror::Error;

/// Tar archives are made of blocks of this many bytes.
pub const BLOCK: usize = 512;

/// What a header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Pax records for the next member.
    Pax,
    /// Pax records for all members that follow.
    PaxGlobal,
    /// The next member's name, in GNU's way.
    GnuName,
    /// The next member's link target, in GNU's way.
    GnuTarget,
}

/// A header, with the fields an artifact cares for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name's bytes.
    pub name: Vec<u8>,
    /// The link target's bytes.
    pub target: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of content that follow, before padding.
    pub size: u64,
    /// Whether the owner may execute it.
    pub executable: bool,
}

/// Why a member cannot be part of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MemberProblem {
    /// The header's checksum is wrong: it was damaged, or this is not a tar archive.
    #[error("its header has a wrong checksum (damaged, or not a tar archive)")]
    Checksum,
    /// A number is not octal digits.
    #[error("its {0} is not an octal number")]
    Number(&'static str),
    /// A kind of member that artifacts do not hold.
    #[error("it is {0}; an artifact holds files, directories and symbolic links only")]
    Kind(&'static str),
    /// A directory or link with content.
    #[error("it is {0} and yet has content")]
    Content(&'static str),
    /// Pax records that are malformed.
    #[error("its extended header is malformed")]
    PaxForm,
    /// A pax record with a meaning that would be lost.
    #[error("its extended header has `{0}`, which an artifact cannot keep; pack it without")]
    PaxKey(String),
    /// A name given twice, or for no member.
    #[error("it is named by two extended headers")]
    NamedTwice,
}

/// The field at `start`, up to its first NUL.
fn text(block: &[u8; BLOCK], start: usize, length: usize) -> &[u8] {
    let field = block.get(start..start + length).unwrap_or_default();
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn octal(field: &[u8], what: &'static str) -> Result<u64, MemberProblem> {
    let digits = field.trim_ascii();
    if digits.is_empty() || !digits.iter().all(|byte| (b'0'..=b'7').contains(byte)) {
        return Err(MemberProblem::Number(what));
    }
    Ok(digits.iter().fold(0, |sum, digit| sum * 8 + u64::from(digit - b'0')))
}

/// The sum of all bytes with the checksum's own field read as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let all: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let own: u64 = block.iter().skip(148).take(8).map(|byte| u64::from(*byte)).sum();
    all - own + 8 * u64::from(b' ')
}

impl Header {
    /// Reads a header; `None` for a block of zeros, which ends an archive.
    pub fn parse(block: &[u8; BLOCK]) -> Result<Option<Self>, MemberProblem> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let stated = octal(text(block, 148, 8), "checksum").map_err(|_| MemberProblem::Checksum)?;
        if stated != checksum(block) {
            return Err(MemberProblem::Checksum);
        }
        let mode = octal(text(block, 100, 8), "mode")?;
        let size = octal(text(block, 124, 12), "size")?;
        let kind = match block.get(156).copied().unwrap_or_default() {
            b'0' | 0 => Kind::File,
            b'5' => Kind::Directory,
            b'2' => Kind::Link,
            b'x' => Kind::Pax,
            b'g' => Kind::PaxGlobal,
            b'L' => Kind::GnuName,
            b'K' => Kind::GnuTarget,
            b'1' => return Err(MemberProblem::Kind("a hard link")),
            b'3' => return Err(MemberProblem::Kind("a character device")),
            b'4' => return Err(MemberProblem::Kind("a block device")),
            b'6' => return Err(MemberProblem::Kind("a fifo")),
            b'S' => return Err(MemberProblem::Kind("a sparse file")),
            _ => return Err(MemberProblem::Kind("of an unknown kind")),
        };
        match kind {
            Kind::Directory if size > 0 => return Err(MemberProblem::Content("a directory")),
            Kind::Link if size > 0 => return Err(MemberProblem::Content("a link")),
            _ => {}
        }
        let mut name = text(block, 0, 100).to_vec();
        // Only POSIX's own magic has a prefix there; GNU keeps times in the same bytes.
        let prefix = text(block, 345, 155);
        if block.get(257..263) == Some(b"ustar\0") && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let target = text(block, 157, 100).to_vec();
        Ok(Some(Self { name, target, kind, size, executable: mode & 0o100 != 0 }))
    }

    /// The blocks that announce this member: its header, after pax records where a name does
    /// not fit. Owner, group and time are zero: they are no part of an artifact.
    pub fn to_blocks(&self) -> Vec<u8> {
        let mut blocks = Vec::new();
        let records = [(&b"path"[..], &self.name), (b"linkpath", &self.target)]
            .into_iter()
            .filter(|(_, value)| value.len() > 100)
            .flat_map(|(key, value)| pax_record(key, value))
            .collect::<Vec<u8>>();
        if !records.is_empty() {
            let size = records.len() as u64;
            blocks.extend(block(b"pax", b"", b'x', size, false));
            blocks.extend(&records);
            blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
        }
        let flag = match self.kind {
            Kind::Directory => b'5',
            Kind::Link => b'2',
            _ => b'0',
        };
        let executable = self.executable || self.kind != Kind::File;
        blocks.extend(block(&self.name, &self.target, flag, self.size, executable));
        blocks
    }
}

fn block(name: &[u8], target: &[u8], flag: u8, size: u64, executable: bool) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |start: usize, bytes: &[u8], most: usize| {
        for (slot, byte) in block.iter_mut().skip(start).take(most).zip(bytes) {
            *slot = *byte;
        }
    };
    put(0, name, 100);
    put(100, if executable { b"0000755" } else { b"0000644" }, 8);
    put(108, b"0000000\x000000000", 16);
    put(124, format!("{size:011o}").as_bytes(), 12);
    put(136, b"00000000000", 12);
    put(156, &[flag], 1);
    put(157, target, 100);
    put(257, b"ustar\x0000", 8);
    let sum = format!("{:06o}\0 ", checksum(&block));
    for (slot, byte) in block.iter_mut().skip(148).zip(sum.bytes()) {
        *slot = byte;
    }
    block
}

/// `<length> <key>=<value>\n`, where the length counts its own digits.
fn pax_record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// What extended headers said about the member that follows them.
#[derive(Debug, Default)]
pub struct Extended {
    /// Its name.
    pub name: Option<Vec<u8>>,
    /// Its link target.
    pub target: Option<Vec<u8>>,
    /// Whether pax records have been read for it.
    pax: bool,
}

impl Extended {
    /// Whether anything was said.
    pub const fn is_some(&self) -> bool {
        self.name.is_some() || self.target.is_some() || self.pax
    }

    /// Takes in the content of an extended header.
    pub fn read(&mut self, kind: Kind, content: &[u8]) -> Result<(), MemberProblem> {
        let until_nul = || content.strip_suffix(b"\0").unwrap_or(content).to_vec();
        match kind {
            Kind::GnuName => once(&mut self.name, until_nul()),
            Kind::GnuTarget => once(&mut self.target, until_nul()),
            Kind::Pax if self.pax => Err(MemberProblem::NamedTwice),
            Kind::Pax => {
                self.pax = true;
                self.records(content, false)
            }
            // `git archive` puts the commit there; what would change later members is refused.
            _ => self.records(content, true),
        }
    }

    fn records(&mut self, mut rest: &[u8], global: bool) -> Result<(), MemberProblem> {
        while !rest.is_empty() {
            let (record, after) = next_record(rest).ok_or(MemberProblem::PaxForm)?;
            rest = after;
            let split = record.iter().position(|byte| *byte == b'=');
            let (key, value) =
                split.and_then(|at| record.split_at_checked(at)).ok_or(MemberProblem::PaxForm)?;
            let value = value.get(1..).unwrap_or_default().to_vec();
            match key {
                b"path" if !global => once(&mut self.name, value)?,
                b"linkpath" if !global => once(&mut self.target, value)?,
                // No part of an artifact, whatever they say.
                b"comment"
                | b"mtime"
                | b"atime"
                | b"ctime"
                | b"uid"
                | b"gid"
                | b"uname"
                | b"gname"
                | b"LIBARCHIVE.creationtime" => {}
                other => {
                    let name: String = String::from_utf8_lossy(other).chars().take(60).collect();
                    return Err(MemberProblem::PaxKey(name.escape_debug().to_string()));
                }
            }
        }
        Ok(())
    }
}

fn once(slot: &mut Option<Vec<u8>>, value: Vec<u8>) -> Result<(), MemberProblem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(MemberProblem::NamedTwice),
    }
}

/// The first record's `key=value`, and what follows the record.
fn next_record(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = rest.iter().take(20).position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(rest.get(..space)?).ok()?;
    let length: usize =
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    let (record, after) = rest.split_at_checked(length)?;
    Some((record.get(space + 1..)?.strip_suffix(b"\n")?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, target: &str, kind: Kind) -> Header {
        Header { name: name.into(), target: target.into(), kind, size: 0, executable: false }
    }

    #[test]
    fn a_header_reads_back_as_written() {
        let mut file = header("files/common/public/form.js", "", Kind::File);
        file.size = 0o7_777_777;
        let block: [u8; BLOCK] = file.to_blocks().try_into().unwrap();
        assert_eq!(Header::parse(&block), Ok(Some(file)));
        assert_eq!(Header::parse(&[0; BLOCK]), Ok(None));
    }

    #[test]
    fn one_damaged_byte_of_a_header_is_noticed() {
        let block: [u8; BLOCK] = header("a", "", Kind::File).to_blocks().try_into().unwrap();
        for at in 0..BLOCK {
            // The bytes behind the checksum's digits carry nothing.
            if (154..156).contains(&at) {
                continue;
            }
            let mut bad = block;
            bad[at] ^= 0x41;
            assert_ne!(Header::parse(&bad), Header::parse(&block), "byte {at}");
        }
    }

    #[test]
    fn a_pax_record_counts_its_own_digits() {
        for length in [1, 85, 86, 87, 88, 89, 90, 984, 985, 986, 987, 1024] {
            let record = pax_record(b"path", &vec![b'x'; length]);
            let (found, after) = next_record(&record).unwrap();
            assert_eq!(found.len(), length + 5);
            assert!(after.is_empty());
        }
    }

    #[test]
    fn records_that_would_change_meaning_are_refused() {
        let read = |bytes: &[u8]| Extended::default().read(Kind::Pax, bytes);
        for key in ["size", "GNU.sparse.major", "SCHILY.xattr.user.x", "hdrcharset"] {
            let record = pax_record(key.as_bytes(), b"1");
            assert!(matches!(read(&record), Err(MemberProblem::PaxKey(_))), "{key}");
        }
        for bad in [&b"5 a=b\n"[..], b"99 a=b\n", b"x a=b\n", b"6 ab\n\n", b"-6 a=b\n", b"7 a=bc"] {
            assert!(read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(read(&pax_record(b"mtime", b"1.5")), Ok(()));
        let twice = [pax_record(b"path", b"a"), pax_record(b"path", b"b")].concat();
        assert_eq!(read(&twice), Err(MemberProblem::NamedTwice));
        let global = Extended::default().read(Kind::PaxGlobal, &pax_record(b"path", b"a"));
        assert!(global.is_err());
    }
}
