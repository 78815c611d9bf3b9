//! Files that are truncated, or have data after their end.

use super::Case;
use super::valid::{JOB, exported, valid};
use crate::import_safety::archive_of;
use crate::support::archive::{TarMember, gzip};
use crate::support::fixtures::from_python;

pub fn cases() -> Vec<Case> {
    let rule = "truncated files";
    let whole = std::fs::read(&**archive_of(JOB)).unwrap();
    let tar = valid().blocks();
    let mut cases: Vec<Case> = (0..8)
        .map(|part| {
            let cut = &whole[..whole.len() * part / 8];
            Case::new(rule, format!("file truncated at {part}/8"), cut)
        })
        .collect();
    cases.push(Case::new(rule, "its last byte missing", &whole[..whole.len() - 1]));
    cases.extend((1..8).map(|part| {
        let cut = &tar[..tar.len() * part / 8];
        Case::new(rule, format!("tar truncated at {part}/8, complete gzip"), gzip(cut))
    }));
    let ended = &tar[..tar.len() - 1024];
    cases.push(Case::new(rule, "without the end marker", gzip(ended)));
    let half = &tar[..tar.len() - 512];
    cases.push(Case::new(rule, "with half an end marker", gzip(half)));

    let rule = "data after the end";
    cases.push(Case::new(rule, "bytes", [valid().pack(), b"x".to_vec()].concat()));
    cases.push(Case::new(
        rule,
        "a gzip member",
        [valid().pack(), gzip(b"more")].concat(),
    ));
    let second = [valid().pack(), valid().pack()].concat();
    cases.push(Case::new(rule, "another archive", second));
    let mut lone = tar.clone();
    lone.splice(..0, [0; 512]);
    cases.push(Case::new(rule, "a single block of zeros at the start", gzip(&lone)));

    let rule = "not an archive";
    cases.push(Case::new(rule, "empty file", Vec::new()));
    cases.push(Case::new(rule, "plain text", b"no archive\n".to_vec()));
    cases.push(Case::new(rule, "a tar that is not compressed", tar));
    cases.push(Case::new(rule, "empty gzip", gzip(b"")));
    cases.push(Case::new(rule, "zeros", vec![0; 4096]));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    cases.push(Case::new("a wrong checksum", "a flipped bit in the middle", flipped));

    let rule = "incomplete";
    for (name, part) in [
        ("no configuration", "_config.json"),
        ("no snapshot document", "snapshot_doc_"),
        ("no state", "_snapshot_docs.ndjson"),
    ] {
        cases.push(Case::new(rule, name, valid().without(part).pack()));
    }
    cases.push(Case::new(rule, "no entries", super::valid::Entries(Vec::new()).pack()));
    for name in ["without-snapshot-document", "empty"] {
        let bytes = std::fs::read(from_python(name)).unwrap();
        cases.push(Case::new(rule, format!("`{name}` of the Python scripts"), bytes));
    }
    let mut unknown = exported();
    unknown.0 = vec![TarMember::file("notes.txt", "x")];
    cases.push(Case::new(rule, "only unknown entries", unknown.pack()));
    cases
}
