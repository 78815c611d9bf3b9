//! Invalid entries.

use tar::EntryType::{self, Block, Char, Directory, Fifo, GNUSparse, Link, Regular, Symlink};

use super::Case;
use super::valid::{JOB, valid};
use crate::support::archive::{TarMember, blocks, gzip};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, entry, kind) in [
        ("symbolic link", "x", Symlink),
        (
            "symbolic link with a known name",
            "log-categories_filters.json",
            Symlink,
        ),
        ("hard link", "log-categories_filters2.json", Link),
        ("directory", "x/", Directory),
        ("file whose name ends with a slash", "x/", Regular),
        ("named pipe", "x", Fifo),
        ("block device", "x", Block),
        ("character device", "x", Char),
        ("sparse file", "x", GNUSparse),
        ("unknown type", "x", EntryType::new(b'Z')),
    ] {
        cases.push(Case::new(
            "an entry that is not a regular file",
            name,
            valid().with_entry(entry, kind).pack(),
        ));
    }
    for (name, path) in [
        ("absolute", "/etc/log-categories_x"),
        ("absolute and known", "/log-categories_filters.json"),
        ("`..`", "../x"),
        ("`..` inside", "a/../../x"),
        ("`..` alone", ".."),
        ("backslash", "..\\x"),
        ("drive", "C:x"),
        ("empty", ""),
    ] {
        cases.push(Case::new(
            "absolute paths, `..`",
            name,
            valid().with_entry(path, Regular).pack(),
        ));
    }
    for (name, path) in [("a pax header", "../y"), ("a pax header, with NUL", "a\0b")] {
        cases.push(Case::new(
            "absolute paths, `..`",
            format!("in {name}"),
            pax("path", path),
        ));
    }
    let long = metadata(EntryType::GNULongName, b"/etc/passwd\0");
    cases.push(Case::new("absolute paths, `..`", "in a GNU long name", long));
    for (name, path) in [
        ("same name", "log-categories_config.json"),
        ("same kind, different name", "other_config.json"),
        ("same kind, in a directory", "x/log-categories_config.json"),
        ("same number of input documents", "other_input_1.ndjson"),
        ("same number of results", "other_results_1.ndjson"),
        ("an unknown name", "log-categories_twice"),
    ] {
        let twice = valid()
            .with_entry("log-categories_twice", Regular)
            .with_entry(path, Regular);
        cases.push(Case::new("duplicate entries", name, twice.pack()));
    }
    headers(&mut cases);
    cases
}

fn headers(cases: &mut Vec<Case>) {
    let rule = "a wrong checksum";
    let mut spoiled = valid().blocks();
    spoiled[20] ^= 1;
    cases.push(Case::new(rule, "of a tar header", gzip(&spoiled)));
    let mut gzipped = valid().pack();
    let crc = gzipped.len() - 8;
    gzipped[crc] ^= 1;
    cases.push(Case::new(rule, "of the gzip member", gzipped));
    let mut gzipped = valid().pack();
    let last = gzipped.len() - 1;
    gzipped[last] ^= 1;
    cases.push(Case::new(rule, "of the gzip member's length", gzipped));

    let rule = "a wrong size";
    cases.push(Case::new(rule, "in a pax header, not a number", pax("size", "many")));
    cases.push(Case::new(
        rule,
        "in a pax header, extremely large",
        pax("size", "18446744073709551615"),
    ));
    cases.push(Case::new(
        rule,
        "in a pax header, slightly too large",
        pax("size", "2000"),
    ));
    for (name, size) in [
        ("negative", [0xff_u8; 12]),
        ("not octal", *b"99999999999\0"),
        ("10 GiB without content", size(10 << 30)),
        ("more than 10 GiB", size((10 << 30) + 1)),
    ] {
        let mut tar = valid().with_entry("log-categories_x", Regular).blocks();
        let at = tar.len() - 1024 - 1024;
        tar[at + 124..at + 136].copy_from_slice(&size);
        checksum(&mut tar[at..at + 512]);
        cases.push(Case::new(rule, name, gzip(&tar)));
    }
    let many: Vec<TarMember> = (0..6).map(|_| header(EntryType::XHeader, b"13 comment=x\n")).collect();
    let all = [many, valid().0].concat();
    cases.push(Case::new(
        "too much metadata",
        "six pax headers in a row",
        gzip(&blocks(&all)),
    ));
    let large = metadata(EntryType::GNULongName, &[b'a'; 70 << 10]);
    cases.push(Case::new("too much metadata", "a long name of 70 KiB", large));
    let long = metadata(EntryType::GNULongName, &[b'a'; 2000]);
    cases.push(Case::new("too much metadata", "a name of 2,000 bytes", long));
}

/// Returns a size in tar's format for large files.
fn size(bytes: u64) -> [u8; 12] {
    let mut field = [0; 12];
    field[0] = 0x80;
    field[4..].copy_from_slice(&bytes.to_be_bytes());
    field
}

fn checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Returns a valid archive with an additional entry that has this pax record.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    metadata(EntryType::XHeader, format!("{length}{rest}").as_bytes())
}

fn metadata(kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut all = valid().0;
    all.push(header(kind, content));
    all.push(TarMember::file(&format!("{JOB}_x"), "{}"));
    gzip(&blocks(&all))
}

fn header(kind: EntryType, content: &[u8]) -> TarMember {
    TarMember {
        kind,
        ..TarMember::file("metadata", content)
    }
}
