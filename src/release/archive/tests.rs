use std::time::{Duration, Instant};

use super::*;

/// A member written by hand, so that each part can be wrong.
struct Raw {
    name: Vec<u8>,
    target: Vec<u8>,
    flag: u8,
    /// What the header says; the content's length unless set.
    size: Option<&'static [u8]>,
    mode: &'static [u8],
    magic: &'static [u8],
    prefix: &'static [u8],
    content: Vec<u8>,
}

fn member(flag: u8, name: &[u8], rest: &[u8]) -> Raw {
    let links = matches!(flag, b'1' | b'2');
    Raw {
        name: name.into(),
        target: if links { rest.into() } else { Vec::new() },
        flag,
        size: None,
        mode: b"0000644\0",
        magic: b"ustar\x0000",
        prefix: b"",
        content: if links { Vec::new() } else { rest.into() },
    }
}

fn file(name: &str, content: &str) -> Vec<u8> {
    member(b'0', name.as_bytes(), content.as_bytes()).bytes()
}

fn link(name: &str, target: &str) -> Vec<u8> {
    member(b'2', name.as_bytes(), target.as_bytes()).bytes()
}

fn directory(name: &str) -> Vec<u8> {
    member(b'5', name.as_bytes(), b"").bytes()
}

fn pax(records: &[u8]) -> Vec<u8> {
    member(b'x', b"pax", records).bytes()
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let mut length = key.len() + value.len() + 4;
    loop {
        let text = [format!("{length} {key}=").as_bytes(), value, b"\n"].concat();
        if text.len() == length {
            return text;
        }
        length = text.len();
    }
}

impl Raw {
    fn bytes(self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        let size = format!("{:011o}\0", self.content.len());
        for (at, part) in [
            (0, self.name.as_slice()),
            (100, self.mode),
            (124, self.size.unwrap_or(size.as_bytes())),
            (156, &[self.flag]),
            (157, &self.target),
            (257, self.magic),
            (345, self.prefix),
        ] {
            block[at..at + part.len()].copy_from_slice(part);
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend(&self.content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }
}

/// An archive of `parts` with its end.
fn tar(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 2 * BLOCK]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzBuilder::new().write(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

const SMALL: Limits = Limits { members: 500, bytes: 1 << 20, names: 128 << 10 };

fn verdict(archive: &[u8]) -> Result<ArtifactManifest, String> {
    let began = Instant::now();
    let verdict = validate(archive, &SMALL).map_err(|problem| problem.to_string());
    assert!(began.elapsed() < Duration::from_secs(5), "slow: {verdict:?}");
    verdict
}

/// Archives that must be refused: what they are, their members, and a part of the reason.
#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile_members() -> Vec<(&'static str, Vec<Vec<u8>>, &'static str)> {
    let raw = |change: fn(&mut Raw)| {
        let mut one = member(b'0', b"a", b"x");
        change(&mut one);
        vec![one.bytes()]
    };
    let named = |name: &[u8]| vec![member(b'0', name, b"x").bytes()];
    let long = "n".repeat(256);
    let deep = vec!["d"; 2_000].join("/");
    vec![
        ("an absolute name", named(b"/etc/passwd"), "absolute"),
        ("an absolute directory", vec![directory("/")], "empty"),
        ("two slashes in front", named(b"//etc/passwd"), "absolute"),
        ("a dot and two slashes", named(b".//etc/passwd"), "absolute"),
        ("a parent", named(b"../x"), "`..`"),
        ("a parent inside", named(b"a/../../x"), "`..`"),
        ("a parent at the end", vec![directory("a/..")], "`..`"),
        ("a parent behind a dot", named(b"./../x"), "`..`"),
        ("a dot inside", named(b"a/./b"), "shortest"),
        ("two dots in front", named(b"././a"), "shortest"),
        ("no name", named(b""), "is empty"),
        ("a file with a slash at the end", named(b"a/"), "shortest"),
        ("a file that is the top", named(b"."), "shortest"),
        ("a newline", named(b"a\nb"), "control"),
        ("a tab", named(b"a\tb"), "control"),
        ("an escape sequence", named(b"a\x1b]0;owned\x07"), "control"),
        ("a backslash", named(b"..\\..\\x"), "backslash"),
        ("an arrow", named(b"a -> b"), "` -> `"),
        ("a C1 control", named("a\u{9b}31m".as_bytes()), "control"),
        ("a direction mark", named("a\u{202e}txt.exe".as_bytes()), "direction"),
        ("latin-1", named(b"caf\xe9"), "UTF-8"),
        ("an overlong slash", named(b"a\xc0\xafb"), "UTF-8"),
        ("a hard link", vec![file("b", "x"), member(b'1', b"a", b"b").bytes()], "a hard link"),
        ("a hard link out", vec![member(b'1', b"a", b"/etc/shadow").bytes()], "a hard link"),
        ("a character device", vec![member(b'3', b"a", b"").bytes()], "character device"),
        ("a block device", vec![member(b'4', b"a", b"").bytes()], "block device"),
        ("a fifo", vec![member(b'6', b"a", b"").bytes()], "a fifo"),
        ("a contiguous file", vec![member(b'7', b"a", b"").bytes()], "unknown kind"),
        ("a sparse file", vec![member(b'S', b"a", b"").bytes()], "sparse"),
        ("a multi-volume part", vec![member(b'M', b"a", b"").bytes()], "unknown kind"),
        ("a dump directory", vec![member(b'D', b"a", b"").bytes()], "unknown kind"),
        ("a volume label", vec![member(b'V', b"a", b"").bytes()], "unknown kind"),
        ("an unknown kind", vec![member(b'Z', b"a", b"").bytes()], "unknown kind"),
        (
            "a sparse file by pax",
            vec![pax(&record("GNU.sparse.major", b"1")), file("a", "")],
            "GNU.sparse",
        ),
        (
            "an extended attribute",
            vec![pax(&record("SCHILY.xattr.security.capability", b"x"))],
            "SCHILY",
        ),
        ("an access list", vec![pax(&record("SCHILY.acl.access", b"u::rwx"))], "SCHILY"),
        ("a size by pax", vec![pax(&record("size", b"99999999999")), file("a", "")], "`size`"),
        ("a charset by pax", vec![pax(&record("hdrcharset", b"BINARY"))], "hdrcharset"),
        ("an escape in a pax key", vec![pax(&record("\x1b[2J", b"1"))], "\\u{1b}"),
        ("a global name", vec![member(b'g', b"g", &record("path", b"a")).bytes()], "`path`"),
        ("a pax length too long", vec![pax(b"99 path=a\n"), file("a", "")], "malformed"),
        ("a pax length too short", vec![pax(b"5 path=a\n"), file("a", "")], "malformed"),
        (
            "a pax length of 30 digits",
            vec![pax(b"999999999999999999999999999999 path=a\n")],
            "malformed",
        ),
        ("a pax length below zero", vec![pax(b"-1 path=a\n")], "malformed"),
        ("a pax record without =", vec![pax(b"8 path a\n")], "malformed"),
        ("a pax record without end", vec![pax(b"9 path=ab")], "malformed"),
        ("an empty pax name", vec![pax(&record("path", b"")), file("a", "")], "is empty"),
        ("a parent by pax", vec![pax(&record("path", b"../x")), file("a", "")], "`..`"),
        ("a NUL by pax", vec![pax(&record("path", b"a\0b")), file("a", "")], "control"),
        (
            "a name by pax twice",
            vec![pax(&record("path", b"a")), pax(&record("path", b"b"))],
            "two extended",
        ),
        (
            "a name by pax and GNU",
            vec![pax(&record("path", b"a")), member(b'L', b"l", b"b\0").bytes()],
            "two extended",
        ),
        (
            "a parent by GNU name",
            vec![member(b'L', b"l", b"../x\0").bytes(), file("a", "")],
            "`..`",
        ),
        (
            "a NUL by GNU name",
            vec![member(b'L', b"l", b"a\0b\0").bytes(), file("a", "")],
            "control",
        ),
        (
            "an escape by GNU link",
            vec![member(b'K', b"l", b"../x\0").bytes(), link("a", "b"), file("b", "")],
            "leads out",
        ),
        (
            "a long-name bomb",
            vec![member(b'L', b"l", &vec![b'x'; 200_000]).bytes()],
            "bytes of names",
        ),
        (
            "a pax bomb",
            vec![pax(&record("comment", &vec![b'x'; 200_000])), file("a", "")],
            "bytes of names",
        ),
        (
            "many small pax headers",
            vec![member(b'g', b"g", &record("comment", b"x")).bytes(); 501],
            "500 members",
        ),
        ("an extended header for nothing", vec![pax(&record("path", b"a"))], "cut off"),
        ("too many members", (0..501).map(|n| file(&format!("f{n}"), "")).collect(), "500 members"),
        (
            "too many bytes",
            vec![file("a", &"x".repeat(600_000)), file("b", &"x".repeat(600_000))],
            "bytes, unpacked",
        ),
        (
            "a name of 256 bytes",
            vec![pax(&record("path", long.as_bytes())), file("a", "")],
            "255 bytes",
        ),
        ("2,000 levels", vec![pax(&record("path", deep.as_bytes())), file("a", "")], "1024 bytes"),
        (
            "65 levels",
            vec![pax(&record("path", vec!["d"; 65].join("/").as_bytes())), file("a", "")],
            "64 levels",
        ),
        ("a link out", vec![link("a", "../x")], "leads out"),
        ("an absolute link", vec![link("a", "/etc/passwd")], "leads out"),
        ("a link with a hidden parent", vec![file("b/c", ""), link("a", "b/../../x")], "leads out"),
        (
            "a link through a link",
            vec![directory("d/e"), link("l", "d/e"), link("m", "l/x")],
            "not in the artifact",
        ),
        ("a link to nothing", vec![link("a", "b")], "not in the artifact"),
        ("a link without target", vec![link("a", "")], "leads out"),
        ("a link to itself", vec![link("a", "a")], "circle"),
        ("a circle of links", vec![link("a", "b"), link("b", "c"), link("c", "a")], "circle"),
        ("a link with a newline", vec![link("a", "b\nc")], "leads out"),
        ("a link that is no text", vec![member(b'2', b"a", b"\xff\xfe").bytes()], "UTF-8"),
        (
            "a link with content",
            raw(|one| {
                one.flag = b'2';
            }),
            "has content",
        ),
        (
            "a directory with content",
            raw(|one| {
                one.flag = b'5';
            }),
            "has content",
        ),
        (
            "a member through a link",
            vec![directory("d"), link("a", "d"), file("a/x", "")],
            "a link",
        ),
        (
            "a member through a later link",
            vec![file("a/x", ""), directory("d"), link("a", "d")],
            "a link",
        ),
        ("a file over a directory", vec![file("a/x", ""), file("a", "")], "a file"),
        ("a directory over a file", vec![file("a", ""), file("a/x/y", "")], "a file"),
        ("a file twice", vec![file("a", "1"), file("a", "2")], "twice"),
        ("a file twice, differently spelled", vec![file("a", "1"), file("./a", "2")], "twice"),
        ("a directory twice", vec![directory("a"), directory("a/")], "twice"),
        ("a link over a file", vec![file("a", ""), file("b", ""), link("a", "b")], "twice"),
        ("a size that is no number", raw(|one| one.size = Some(b"00000000009\0")), "size"),
        ("a size below zero", raw(|one| one.size = Some(b"-0000000001\0")), "size"),
        ("a base-256 size", raw(|one| one.size = Some(b"\x80\0\0\0\0\0\0\0\0\0\0\x01")), "size"),
        ("no size", raw(|one| one.size = Some(b"\0\0\0\0\0\0\0\0\0\0\0\0")), "size"),
        ("a size bomb", raw(|one| one.size = Some(b"777777777777")), "bytes, unpacked"),
        ("a size beyond the end", raw(|one| one.size = Some(b"00000010000\0")), "cut off"),
        ("a mode that is no number", raw(|one| one.mode = b"rw-r--r-"), "mode"),
        ("a prefix that leaves", raw(|one| one.prefix = b"../.."), "`..`"),
        ("an absolute prefix", raw(|one| one.prefix = b"/etc"), "absolute"),
        ("not a tar archive", vec![vec![b'x'; BLOCK]], "checksum"),
        ("something behind one block of zeros", vec![vec![0; BLOCK], file("a", "")], "follows"),
        (
            "a member behind the end",
            vec![file("a", ""), vec![0; 2 * BLOCK], file("b", "")],
            "follows",
        ),
    ]
}

#[test]
fn every_hostile_archive_is_refused_with_its_reason() {
    let all = hostile_members();
    assert!(all.len() >= 60, "{}", all.len());
    for (what, parts, reason) in all {
        match verdict(&gzip(&tar(&parts))) {
            Ok(manifest) => panic!("{what}: accepted as {manifest:?}"),
            Err(why) => {
                assert!(why.contains(reason), "{what}: refused, but because {why}");
                assert!(!why.contains('\u{1b}') && !why.contains('\n'), "{what}: {why:?}");
            }
        }
    }
}

#[test]
fn what_ordinary_tools_write_is_read() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let mut old = member(b'0', b"old", b"x");
    (old.magic, old.flag) = (b"", 0);
    let mut gnu = member(b'0', b"gnu", b"x");
    (gnu.magic, gnu.prefix) = (b"ustar  \0", b"13371337123\0");
    let mut prefixed = member(b'0', b"name", b"x");
    prefixed.prefix = b"some/prefix";
    let mut setuid = member(b'0', b"setuid", b"x");
    setuid.mode = b"0006755\0";
    let manifest = verdict(&gzip(&tar(&[
        member(b'g', b"pax_global_header", &record("comment", b"0123abc")).bytes(),
        directory("./"),
        directory("./empty/"),
        file("./files/a", "hello"),
        link("./files/b", "a"),
        [member(b'L', b"././@LongLink", format!("{long}\0").as_bytes()).bytes(), file("x", "y")]
            .concat(),
        [
            pax(&[record("path", "ü/ñ".as_bytes()), record("mtime", b"1.5")].concat()),
            file("x", "y"),
        ]
        .concat(),
        old.bytes(),
        gnu.bytes(),
        prefixed.bytes(),
        setuid.bytes(),
    ])))
    .unwrap();
    let paths: Vec<_> = manifest.entries().keys().map(ArtifactPath::as_str).collect();
    let directory = "d".repeat(120);
    assert_eq!(
        paths,
        [
            &directory,
            &long,
            "empty",
            "files",
            "files/a",
            "files/b",
            "gnu",
            "old",
            "setuid",
            "some",
            "some/prefix",
            "some/prefix/name",
            "ü",
            "ü/ñ"
        ]
    );
    let Some(Entry::File { executable: true, .. }) = manifest.get("setuid") else { panic!() };
}

fn sample() -> (ArtifactManifest, Vec<u8>) {
    let contents = [("files/a.js", "let a = 1;\n"), ("files/run", "#!/bin/sh\n"), ("empty", "")];
    let mut list: Vec<_> = contents
        .map(|(path, text)| {
            let size = text.len() as u64;
            let executable = path == "files/run";
            let digest = Digest::of(text.as_bytes());
            (ArtifactPath::new(path).unwrap(), Entry::File { executable, size, digest })
        })
        .into();
    let long = format!("files/{}", "l".repeat(200));
    list.push((ArtifactPath::new(&long).unwrap(), Entry::Link { target: "a.js".into() }));
    let manifest = ArtifactManifest::new(list).unwrap();
    let mut out = Vec::new();
    pack(&mut out, &manifest, &mut |path| {
        let (_, text) = contents.iter().find(|(name, _)| *name == path.as_str()).unwrap();
        Ok(Box::new(text.as_bytes()))
    })
    .unwrap();
    (manifest, out)
}

#[test]
fn what_is_packed_is_read_back_and_packed_again_to_the_same_bytes() {
    let (manifest, archive) = sample();
    assert_eq!(validate(&archive[..], &Limits::default()).unwrap(), manifest);
    assert_eq!(sample().1, archive);
}

#[test]
fn a_file_that_changed_since_it_was_listed_is_not_packed() {
    let digest = Digest::of(b"before");
    let entry = Entry::File { executable: false, size: 6, digest };
    let manifest = ArtifactManifest::new([(ArtifactPath::new("a").unwrap(), entry)]).unwrap();
    for now in ["befor", "beforf", "before!", ""] {
        let mut open =
            |_: &ArtifactPath| -> io::Result<Box<dyn Read>> { Ok(Box::new(now.as_bytes())) };
        let result = pack(io::sink(), &manifest, &mut open);
        assert!(matches!(result, Err(ArchiveProblem::NotAsListed(_))), "{now}: {result:?}");
    }
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let (_, archive) = sample();
    for end in 0..archive.len() {
        assert!(verdict(&archive[..end]).is_err(), "cut at {end} of {}", archive.len());
    }
    let plain = tar(&[file("a", "x"), file("b", "y")]);
    for end in 0..plain.len() {
        assert!(verdict(&gzip(&plain[..end])).is_err(), "cut at {end} of {}", plain.len());
    }
}

#[test]
fn an_archive_is_judged_alike_compressed_or_not() {
    let plain = tar(&[file("a", "x"), directory("d"), link("d/l", "../a")]);
    let examined = |bytes: &[u8]| examine(bytes, &SMALL).map_err(|problem| problem.to_string());
    assert_eq!(examined(&plain), verdict(&gzip(&plain)));
    assert!(examined(&plain).is_ok());
    for end in 0..plain.len() {
        assert!(examined(&plain[..end]).is_err(), "cut at {end} of {}", plain.len());
    }
    assert!(examined(&[&plain[..], b"x"].concat()).unwrap_err().contains("follows the end"));
    for (what, members, why) in hostile_members() {
        let refused = examined(&tar(&members)).unwrap_err();
        assert!(refused.contains(why), "{what}: {refused}");
    }
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let (manifest, archive) = sample();
    for bit in 0..archive.len() * 8 {
        let mut bad = archive.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        // Time, system and level of the gzip header (RFC 1952) are no part of the content.
        if let Ok(found) = verdict(&bad) {
            assert_eq!(found, manifest, "bit {bit}");
        }
    }
}

#[test]
fn ten_thousand_bits_flipped_behind_the_checksum_are_refused_or_change_the_digest() {
    let (manifest, archive) = sample();
    let mut plain = Vec::new();
    GzDecoder::new(&*archive).read_to_end(&mut plain).unwrap();
    let is_content = |at: usize| {
        let texts = ["let a = 1;\n", "#!/bin/sh\n"];
        texts.iter().any(|text| {
            let begins = plain.windows(text.len()).position(|window| window == text.as_bytes());
            (begins.unwrap()..begins.unwrap() + text.len()).contains(&at)
        })
    };
    let (mut flipped, mut harmless) = (0, 0);
    for bit in 0..plain.len() * 8 {
        // Padding is the larger part, and some of it is enough.
        if plain[bit / 8] == 0 && !bit.is_multiple_of(4) {
            continue;
        }
        let mut bad = plain.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        flipped += 1;
        // What stands behind a content up to the end of its block is read by nobody.
        if verdict(&gzip(&bad)).is_ok_and(|found| found == manifest) {
            harmless += 1;
            assert!(!is_content(bit / 8), "bit {bit}");
        }
    }
    println!("{flipped} bits flipped, {harmless} without a meaning");
    assert!(flipped >= 10_000 && harmless < flipped / 4, "{flipped}, {harmless}");
}

#[test]
fn what_follows_the_end_is_refused() {
    let (_, archive) = sample();
    let one = gzip(&tar(&[file("a", "")]));
    for tail in [&b"x"[..], &[0], &one] {
        assert!(verdict(&[&archive[..], tail].concat()).unwrap_err().contains("follows"));
    }
    let padded = [tar(&[file("a", "")]), vec![0; 9 * 1024]].concat();
    assert!(verdict(&gzip(&padded)).is_ok());
    let bomb = [tar(&[file("a", "")]), vec![0; 8 << 20]].concat();
    assert!(verdict(&gzip(&bomb)).unwrap_err().contains("follows"));
}

#[test]
fn a_bomb_of_zeros_stops_at_the_limit() {
    let mut one = member(b'0', b"a", b"");
    one.size = Some(b"00004000001\0");
    let archive = [one.bytes(), vec![0; 64 << 20]].concat();
    assert!(verdict(&gzip(&archive)).unwrap_err().contains("1048576 bytes"));
}

#[test]
fn not_gzip_at_all_is_said_so() {
    for bad in [&b""[..], b"PK\x03\x04", &tar(&[file("a", "")])] {
        assert!(verdict(bad).is_err());
    }
    assert!(verdict(b"this is not an archive").unwrap_err().contains("gzip"));
}

struct Half(Vec<(String, Vec<u8>)>);

impl Sink for Half {
    fn file(&mut self, path: &ArtifactPath, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut half = vec![0; usize::try_from(size).unwrap() / 2];
        content.read_exact(&mut half)?;
        self.0.push((path.to_string(), half));
        Ok(())
    }
}

#[test]
fn a_sink_need_not_read_to_the_end() {
    let (manifest, archive) = sample();
    let mut sink = Half(Vec::new());
    assert_eq!(unpack(&archive[..], &SMALL, &mut sink).unwrap(), manifest);
    assert_eq!(sink.0[1], ("files/a.js".to_owned(), b"let a".to_vec()));
}

proptest::proptest! {
    /// Whatever becomes of the bytes inside, the reader ends, and what it accepts is a tree.
    #[test]
    fn no_bytes_make_the_reader_panic_or_accept_nonsense(
        changes in proptest::collection::vec((0..6 * BLOCK, proptest::prelude::any::<u8>()), 1..6),
        fix_checksums in proptest::prelude::any::<bool>(),
    ) {
        let mut bytes = tar(&[file("files/a", "hello"), link("files/b", "a"), directory("c")]);
        let length = bytes.len();
        for (at, byte) in changes {
            bytes[at % length] = byte;
        }
        if fix_checksums {
            for header in [0, 2, 3] {
                let block = &mut bytes[header * BLOCK..(header + 1) * BLOCK];
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        if let Ok(manifest) = validate(&gzip(&bytes)[..], &SMALL) {
            let text = manifest.to_text();
            proptest::prop_assert_eq!(ArtifactManifest::parse(&text).unwrap(), manifest);
        }
    }
}
