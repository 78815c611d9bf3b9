//! Reads the entries of an archive using only the tar and gzip libraries.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use serde_json::Value;

use super::binary::Binary;

/// Returns the text of every entry by name.
pub fn entries(path: &Path) -> BTreeMap<String, String> {
    let file = std::fs::File::open(path).expect("the archive");
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(file));
    tar.entries()
        .expect("a tar")
        .map(|entry| {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            (name, text)
        })
        .collect()
}

/// Returns the entry whose name has this ending.
#[track_caller]
pub fn entry<'a>(entries: &'a BTreeMap<String, String>, ending: &str) -> &'a str {
    let found: Vec<&String> = entries
        .iter()
        .filter(|(name, _)| name.ends_with(ending))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(found.len(), 1, "{ending} in {:?}", entries.keys());
    found[0]
}

/// Returns documents by the ID in their action line.
pub fn by_id(text: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .chunks(2)
        .map(|pair| {
            let action: Value = serde_json::from_str(pair[0]).expect("an action line");
            let at = &action["index"];
            let index = at["_index"].as_str().unwrap_or_default();
            (
                format!("{index}/{}", at["_id"].as_str().expect("an id")),
                pair[1].to_owned(),
            )
        })
        .collect()
}

/// An entry that can be changed: name, content and type.
#[derive(Clone, Debug)]
pub struct TarMember {
    pub name: String,
    pub content: Vec<u8>,
    pub kind: tar::EntryType,
}

impl TarMember {
    pub fn file(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            content: content.into(),
            kind: tar::EntryType::Regular,
        }
    }
}

/// Returns the entries in order.
pub fn members(path: &Path) -> Vec<TarMember> {
    let file = std::fs::File::open(path).expect("the archive");
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(file));
    let member = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.expect("an entry");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its content");
        TarMember {
            name: entry.path().expect("a path").display().to_string(),
            content,
            kind: entry.header().entry_type(),
        }
    };
    tar.entries().expect("a tar").map(member).collect()
}

/// Returns the tar blocks of these entries, with any names.
pub fn blocks(members: &[TarMember]) -> Vec<u8> {
    let mut tar = Vec::new();
    for member in members {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..member.name.len()].copy_from_slice(member.name.as_bytes());
        header.set_size(member.content.len() as u64);
        header.set_entry_type(member.kind);
        header.set_mode(0o600);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(&member.content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// Writes a copy of an archive with another ID of its job, without a manifest.
pub fn write_renamed(archive: &Path, [from, to]: [&str; 2], path: &Path) {
    let mut all = members(archive);
    all.retain(|member| !member.name.ends_with("manifest.json"));
    for member in &mut all {
        member.name = member.name.replace(from, to);
        let content = String::from_utf8(std::mem::take(&mut member.content)).expect("text");
        member.content = content.replace(from, to).into_bytes();
    }
    std::fs::write(path, gzip(&blocks(&all))).expect("the archive");
}

/// Compresses bytes as one gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("memory");
    gzip.finish().expect("memory")
}

/// An archive that tests share. Its bytes are kept in memory, and its file exists while a test uses it.
pub struct SharedArchive {
    bytes: OnceLock<Vec<u8>>,
    file: Mutex<Weak<ArchiveFile>>,
}

/// A file that is removed when it is dropped. A static would never be dropped.
pub struct ArchiveFile {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl SharedArchive {
    pub const fn new() -> Self {
        Self {
            bytes: OnceLock::new(),
            file: Mutex::new(Weak::new()),
        }
    }

    /// `export` writes the archive once.
    pub fn file(&self, export: impl FnOnce(&Binary) -> PathBuf) -> Arc<ArchiveFile> {
        let bytes = self.bytes.get_or_init(|| {
            let binary = Binary::new();
            std::fs::read(export(&binary)).expect("the archive")
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.upgrade().unwrap_or_else(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let path = directory.path().join("exported.tar.gz");
            std::fs::write(&path, bytes).expect("the archive");
            let shared = Arc::new(ArchiveFile {
                path,
                _directory: directory,
            });
            *file = Arc::downgrade(&shared);
            shared
        })
    }
}

impl Deref for ArchiveFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
