//! The blocks of a tar before an entry's content.

use std::io;

use tar::{EntryType, Header};

use crate::archive::ManifestEntry;

/// What a name field of a tar header takes.
const NAME_FIELD: usize = 100;
/// What its size field takes as octal digits.
const SIZE_FIELD: u64 = 1 << 33;

/// The header block of an entry, with a pax header before it for what does not fit.
pub(super) fn headers(entry: &ManifestEntry, created: u64) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    if entry.name.len() > NAME_FIELD {
        records.extend(pax_record("path", &entry.name));
    }
    if entry.bytes >= SIZE_FIELD {
        records.extend(pax_record("size", &entry.bytes.to_string()));
    }
    let mut blocks = Vec::new();
    if !records.is_empty() {
        blocks.extend_from_slice(header("pax", records.len() as u64, EntryType::XHeader, created)?.as_bytes());
        blocks.append(&mut records);
        blocks.resize(blocks.len().next_multiple_of(512), 0);
    }
    let short = entry.name.get(..NAME_FIELD).unwrap_or(&entry.name);
    blocks.extend_from_slice(header(short, entry.bytes, EntryType::Regular, created)?.as_bytes());
    Ok(blocks)
}

fn header(name: &str, size: u64, kind: EntryType, created: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header.set_mtime(created);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

/// `<length> <key>=<value>\n`, the length counting its own digits.
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn sizes_beyond_the_octal_field_are_kept() {
        for bytes in [0, SIZE_FIELD - 1, SIZE_FIELD, 9 << 30] {
            let entry = ManifestEntry {
                name: "n".to_owned(),
                documents: 1,
                bytes,
                sha256: String::new(),
            };
            let blocks = headers(&entry, 0).unwrap();
            let mut archive = tar::Archive::new(&blocks[..]);
            let read = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(read.size(), bytes);
            assert_eq!(blocks.len(), if bytes < SIZE_FIELD { 512 } else { 3 * 512 });
        }
    }

    #[test]
    fn a_pax_record_counts_its_own_length() {
        for length in [1, 3, 90, 91, 92, 93, 94, 989, 990, 991] {
            let record = pax_record("path", &"x".repeat(length));
            let text = String::from_utf8(record).unwrap();
            assert_eq!(text.split(' ').next().unwrap().parse::<usize>().unwrap(), text.len());
        }
    }
}
