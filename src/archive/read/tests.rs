#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::Map;

use crate::archive::{
    Archive, ArchiveWriter, CheckedArchive, Document, EntryBuilder, EntryKind, EntryName, Error, Limits, Manifest,
    ManifestSource, Part, Result, Target, check,
};
use crate::util::atomic_file::FileError;

const CONFIG: &str = r#"{"job_id":"a.b","analysis_config":{"bucket_span":"5m","detectors":[{"function":"count"}]},"data_description":{"time_field":"t"}}"#;
const SNAPSHOT: &str = r#"{"job_id":"a.b","snapshot_id":"17","timestamp":1,"snapshot_doc_count":1,"quantiles":{"job_id":"a.b","timestamp":1,"quantile_state":""}}"#;
const STATE: &str = r#"{"compressed" : [ "H4sIAAAAAAAA/wMAAAAAAAAAAAA="],"eos":true}"#;

fn manifest() -> Manifest {
    let text = String::new;
    let source = ManifestSource {
        cluster_version: text(),
        cluster_name: text(),
        cluster_uuid: text(),
        default_categorization_analyzer: None,
    };
    Manifest {
        format_version: 1,
        tool_version: text(),
        created: text(),
        source,
        job_id: "a.b".to_owned(),
        snapshot_id: "17".to_owned(),
        fingerprint: None,
        incomplete_clusters: Default::default(),
        options: Map::new(),
        entries: Vec::new(),
    }
}

fn entry(kind: EntryKind, level: u32) -> EntryBuilder {
    EntryBuilder::new(
        EntryName::of(kind, &"a.b".parse().unwrap(), &"17".parse().unwrap()),
        level,
    )
}

/// Writes an archive with these annotations and input documents.
fn write(path: &Path, level: u32, annotations: &[String], inputs: &[String]) {
    let target = Target::File {
        path: path.to_owned(),
        overwrite: false,
    };
    let mut writer = ArchiveWriter::create(&target, level).unwrap();
    for (kind, text) in [(EntryKind::Snapshot, SNAPSHOT), (EntryKind::Config, CONFIG)] {
        let mut builder = entry(kind, level);
        builder.json(text.as_bytes()).unwrap();
        writer.append(builder.seal().unwrap()).unwrap();
    }
    let mut builder = entry(EntryKind::State, level);
    builder
        .action_and_line(None, "a.b_model_state_17#1", STATE.as_bytes())
        .unwrap();
    writer.append(builder.seal().unwrap()).unwrap();
    let mut builder = entry(EntryKind::Annotations, level);
    annotations
        .iter()
        .for_each(|document| builder.line(document.as_bytes()).unwrap());
    writer.append(builder.seal().unwrap()).unwrap();
    for (n, chunk) in inputs.chunks(3).enumerate() {
        let mut builder = entry(EntryKind::Inputs { number: n as u64 + 1 }, level);
        for (id, document) in chunk.iter().enumerate() {
            builder
                .action_and_line(Some("i\""), &format!("{n}-{id}"), document.as_bytes())
                .unwrap();
        }
        writer.append(builder.seal().unwrap()).unwrap();
    }
    writer.close(manifest()).unwrap().publish().unwrap();
}

fn replayed(archive: &CheckedArchive, part: Part) -> Result<Vec<Document>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut stream, mut documents) = (archive.documents(part), Vec::new());
        while let Some(batch) = stream.next().await? {
            documents.extend(batch);
        }
        Ok(documents)
    })
}

fn checked(path: &Path) -> CheckedArchive {
    let archive = Archive::open(path).unwrap();
    archive.require_importable(Limits::default(), &mut (), &|_| {}).unwrap()
}

fn sources(documents: &[Document]) -> Vec<String> {
    documents
        .iter()
        .map(|document| String::from_utf8(document.source.to_vec()).unwrap())
        .collect()
}

fn some(n: usize) -> Vec<String> {
    (0..n).map(|n| format!(r#"{{"n":{n},"job_id":"a.b"}}"#)).collect()
}

#[test]
fn written_archive_is_readable_by_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    write(&path, 6, &some(2), &some(4));
    let mut names = Vec::new();
    let file = std::fs::File::open(&path).unwrap();
    for entry in tar::Archive::new(flate2::read::MultiGzDecoder::new(file))
        .entries()
        .unwrap()
    {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        std::io::copy(&mut entry, &mut std::io::sink()).unwrap();
    }
    assert_eq!(names[0], "ml-anomalies-snapshot_doc_a_b_model_snapshot_17.json");
    assert_eq!(names.last().map(String::as_str), Some("esml_manifest.json"));
    let python = "import sys,tarfile\nfor m in tarfile.open(sys.argv[1]):\n print(m.name)";
    for (program, arguments) in [
        ("tar", vec!["tzf"]),
        ("python3", vec!["-c", python]),
        ("gzip", vec!["-t"]),
    ] {
        let command = Command::new(program)
            .args(arguments)
            .arg(&path)
            .stderr(Stdio::inherit())
            .output();
        let Ok(output) = command else { continue };
        assert!(output.status.success(), "{program}");
        if program != "gzip" {
            let listed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(listed.lines().collect::<Vec<_>>(), names, "{program}");
        }
    }
}

#[test]
fn long_entry_names_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    let mut writer = ArchiveWriter::create(
        &Target::File {
            path: path.clone(),
            overwrite: false,
        },
        1,
    )
    .unwrap();
    let name = EntryName::of(
        EntryKind::Snapshot,
        &"j".repeat(64).parse().unwrap(),
        &"1795432817".parse().unwrap(),
    );
    let mut builder = EntryBuilder::new(name.clone(), 1);
    builder.json(b"{}").unwrap();
    writer.append(builder.seal().unwrap()).unwrap();
    writer.close(manifest()).unwrap().publish().unwrap();
    let archive = Archive::open(&path).unwrap();
    let contents = archive.check(Limits::default(), &mut (), &|_| {}).unwrap();
    assert!(name.as_str().len() > 100);
    assert_eq!(contents.entries[0].name, name.as_str());
    if let Ok(output) = Command::new("tar").arg("tzf").arg(&path).output() {
        assert!(String::from_utf8(output.stdout).unwrap().starts_with(name.as_str()));
    }
}

#[test]
fn target_file_is_published_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let target = |overwrite| Target::File {
        path: path.clone(),
        overwrite,
    };
    let writer = ArchiveWriter::create(&target(false), 1).unwrap();
    assert!(files() == 1 && !path.exists());
    drop(writer);
    assert_eq!(files(), 0);
    std::fs::write(&path, "there").unwrap();
    assert!(matches!(
        ArchiveWriter::create(&target(false), 1),
        Err(Error::File(FileError::Exists(_)))
    ));
    assert_eq!(files(), 1);
    ArchiveWriter::create(&target(true), 1)
        .unwrap()
        .close(manifest())
        .unwrap()
        .publish()
        .unwrap();
    assert_ne!(std::fs::read(&path).unwrap(), b"there");
}

#[test]
fn dropping_a_stream_ends_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    write(&path, 1, &some(20_000), &[]);
    let archive = checked(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut stream = archive.documents(Part::Annotations);
        assert_eq!(stream.next().await.unwrap().unwrap().len(), 1000);
    });
    // Dropping the runtime waits for the reader.
    drop(runtime);
}

#[test]
fn changed_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("a.tar.gz"), folder.path().join("b.tar.gz"));
    let with_last = |n: usize| {
        let mut annotations = some(2);
        annotations.push(format!(r#"{{"n":{n},"job_id":"a.b"}}"#));
        annotations
    };
    write(&path, 0, &with_last(2), &[]);
    write(&other, 0, &with_last(7), &[]);
    let archive = checked(&path);
    // The same file, which stays open.
    std::fs::copy(&other, &path).unwrap();
    let error = replayed(&archive, Part::Annotations).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(replayed(&archive, Part::State).unwrap().len(), 1);
}

#[test]
fn action_line_without_id_or_index_is_refused_before_its_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    write(&path, 0, &[], &some(1));
    let archive = checked(&path);
    assert_eq!(replayed(&archive, Part::Inputs).unwrap()[0].action.own_id(), "0-0");
    let bytes = std::fs::read(&path).unwrap();
    let mut inflated = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut inflated).unwrap();
    let usual = br#"{"index":{"_index":"i\"","_id":"0-0"}}"#;
    let at = inflated
        .windows(usual.len())
        .position(|window| window == usual)
        .unwrap();
    for lost in [
        &br#"{"index":{"_index":"ii\"ii_id:0-0i"}}"#[..],
        br#"{"index":{"_id":"0-0", "_index":""  }}"#,
        br#"{"index":{"_id":"0-000000000000000"}}"#,
    ] {
        let lost = [lost, &b" ".repeat(usual.len() - lost.len())].concat();
        inflated[at..at + usual.len()].copy_from_slice(&lost);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&inflated).unwrap();
        std::fs::write(&path, gzip.finish().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let first = runtime.block_on(async { archive.documents(Part::Inputs).next().await });
        assert!(matches!(first, Err(Error::Changed { .. })), "{first:?}");
    }
}

#[test]
fn changed_entry_is_detected_by_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    write(&path, 0, &some(3), &[]);
    let mut inflated = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap());
    std::io::Read::read_to_end(&mut decoder, &mut inflated).unwrap();
    let at = inflated.windows(7).position(|window| window == br#"{"n":1,"#).unwrap();
    inflated[at + 5] = b'9';
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&inflated).unwrap();
    let contents = check(&gzip.finish().unwrap()[..], Limits::default(), &mut (), &|_| {}).unwrap();
    assert!(
        contents.findings.iter().any(|finding| finding.what.contains("SHA-256")),
        "{:?}",
        contents.findings
    );
}

#[test]
fn archives_of_the_python_scripts_can_be_read_twice() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/from-python");
    for name in [
        "complete",
        "dotted-job-id",
        "readme-2025-04-layout",
        "without-categorizer",
    ] {
        let path = folder.join(format!("{name}.tar.gz"));
        let (archive, file) = (checked(&path), Archive::open(&path).unwrap());
        let contents = &archive.contents;
        for part in [Part::State, Part::Annotations, Part::Notifications, Part::Inputs] {
            let documents = replayed(&archive, part).unwrap();
            assert_eq!(documents.len() as u64, contents.count(part), "{name} {part:?}");
        }
        let mut shown = Vec::new();
        assert_eq!(
            file.entries().show(&contents.entries[1].name, &mut shown).unwrap(),
            None
        );
        assert_eq!(shown.len() as u64, contents.entries[1].bytes);
        let names = contents.entries.iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(file.entries().show("nothing", &mut shown).unwrap(), Some(names));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn documents_of_a_written_archive_are_read_unchanged(
        texts in proptest::collection::vec("[^\\x00-\\x1f\"\\\\]{0,40}", 0..12),
        breaks in "[ \r\n]{0,3}",
        level in 0u32..=9,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar.gz");
        let documents: Vec<_> = texts.iter().map(|text| format!("{{{breaks}\"job_id\":\"a.b\",\"x\":\"{text}\"{breaks}}}")).collect();
        let lines: Vec<_> = documents.iter().map(|document| document.replace(['\r', '\n'], " ")).collect();
        write(&path, level, &documents, &documents);
        let archive = checked(&path);
        prop_assert_eq!(&archive.contents.findings, &[]);
        prop_assert!(archive.contents.entries.iter().all(|entry| entry.start.is_some()));
        prop_assert_eq!(sources(&replayed(&archive, Part::Annotations).unwrap()), &lines[..]);
        let inputs = replayed(&archive, Part::Inputs).unwrap();
        prop_assert_eq!(sources(&inputs), &lines[..]);
        for (n, document) in inputs.iter().enumerate() {
            prop_assert_eq!(document.line, n as u64);
            prop_assert_eq!(document.action.index.as_deref(), Some("i\""));
            prop_assert_eq!(document.action.id.clone(), Some(format!("{}-{}", n / 3, n % 3)));
        }
    }
}

/// The manifest of a file with these bytes, as JSON.
fn manifest_of(bytes: &[u8]) -> Option<serde_json::Value> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let manifest = Archive::open(file.path()).unwrap().manifest().unwrap();
    manifest.map(|manifest| serde_json::to_value(manifest).unwrap())
}

/// A small archive and its manifest.
fn small(level: u32) -> (Vec<u8>, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    write(&path, level, &some(2), &some(4));
    let manifest = checked(&path).contents.manifest.clone().unwrap();
    (std::fs::read(&path).unwrap(), serde_json::to_value(manifest).unwrap())
}

#[test]
fn the_manifest_is_found_from_the_end_at_every_compression_level() {
    for level in 0..=9 {
        let (bytes, manifest) = small(level);
        assert_eq!(manifest_of(&bytes), Some(manifest), "{level}");
    }
}

#[test]
fn a_manifest_of_several_pieces_is_found_from_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    write(&path, 0, &[], &some(3000));
    let found = Archive::open(&path).unwrap().manifest().unwrap().unwrap();
    assert_eq!(found.entries.len(), 1004);
    assert_eq!(found.entries, checked(&path).contents.manifest.clone().unwrap().entries);
}

#[test]
fn the_manifest_is_read_without_the_entries_before_it() {
    let (mut bytes, manifest) = small(4);
    let before = bytes.len() / 2;
    bytes[..before].fill(b'x');
    assert_eq!(manifest_of(&bytes), Some(manifest));
}

#[test]
fn a_truncated_archive_has_no_manifest_at_its_end() {
    for level in [0, 4] {
        let (bytes, _) = small(level);
        for length in 0..bytes.len() {
            assert_eq!(manifest_of(&bytes[..length]), None, "{length}");
        }
    }
}

#[test]
fn a_changed_byte_never_changes_the_manifest() {
    let (bytes, manifest) = small(4);
    let mut found = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        match manifest_of(&changed) {
            // An entry that is not read, or the name of a system in the header of a member.
            Some(other) => assert_eq!(other, manifest, "{at}"),
            None => found += 1,
        }
    }
    assert!(found > 300, "{found}");
}

#[test]
fn only_the_last_entry_of_an_archive_of_ours_is_its_manifest() {
    let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/from-python/complete.tar.gz");
    assert_eq!(manifest_of(&std::fs::read(python).unwrap()), None);
    let (bytes, manifest) = small(4);
    let mut inflated = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut inflated).unwrap();
    let member = |content: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    };
    // Compressed again by another program, as a single member.
    assert_eq!(manifest_of(&member(&inflated)), None);
    let at = inflated.windows(13).rposition(|window| window == b"esml_manifest");
    let (before, own) = inflated.split_at(at.unwrap());
    let (content, end) = own.split_at(own.len() - 1024);
    let join = |members: &[&[u8]]| members.iter().flat_map(|content| member(content)).collect::<Vec<u8>>();
    let (header, content) = content.split_at(512);
    assert_eq!(manifest_of(&join(&[before, header, content, end])), Some(manifest));
    let without_end = join(&[header, content, &end[..512]]);
    let another_entry = join(&[before, header, content, header, content, end, end]);
    let large = join(&[before, header, content, &vec![0; 1 << 20]]);
    let mut renamed = header.to_vec();
    renamed[0] = b'E';
    let renamed = join(&[before, &renamed, content, end]);
    for other in [
        without_end,
        another_entry,
        large,
        renamed,
        join(&[b"", b"", b""]),
        vec![0; 1 << 20],
    ] {
        assert_eq!(manifest_of(&other), None);
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Archive::open(folder.path()), Err(Error::File(_))));
}

proptest! {
    #[test]
    fn a_random_end_never_panics(
        length in 0usize..2000,
        tail in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                Just(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
                Just(small(4).0),
            ],
            0..8,
        ),
    ) {
        let (mut bytes, manifest) = small(4);
        bytes.truncate(length);
        bytes.extend(tail.concat());
        let found = manifest_of(&bytes);
        prop_assert!(found.is_none() || found == Some(manifest));
    }
}
