//! One entry of an archive that is read only once, such as from a pipe.

use std::io::{Read, Write};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use crate::archive::{Error, Result};

/// Names kept for the message about an entry that is not there; a hostile archive may have any number.
const NAMES: usize = 1000;

/// Copies the first entry of that name to `to`, and reads no further. Where there is none, returns the
/// names of those that are there.
///
/// # Errors
/// The reader or `to` fails, or the archive is damaged before the entry's end.
pub fn show(reader: impl Read, name: &str, to: &mut dyn Write) -> Result<Option<Vec<String>>> {
    let mut tar = tar::Archive::new(MultiGzDecoder::new(reader));
    let mut names = Vec::new();
    for entry in tar.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let found = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if found != name || !entry.header().entry_type().is_file() {
            if names.len() < NAMES {
                names.push(found);
            }
            continue;
        }
        return copy(&mut entry, to, name).map(|()| None);
    }
    Ok(Some(names))
}

fn copy(from: &mut impl Read, to: &mut dyn Write, name: &str) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = from.read(&mut buffer).map_err(|cause| damaged(name, &cause))?;
        let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else {
            return Ok(());
        };
        to.write_all(read).map_err(|cause| Error::Io {
            path: PathBuf::from("standard output"),
            cause,
        })?;
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    damaged("the archive", &cause)
}

fn damaged(place: &str, cause: &std::io::Error) -> Error {
    Error::Damaged {
        place: place.to_owned(),
        why: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn archive() -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, content) in [("a.json", "{}"), ("b.ndjson", "[1]\n[2]\n")] {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn an_entry_is_copied_as_it_is() {
        let mut to = Vec::new();
        assert_eq!(show(&archive()[..], "b.ndjson", &mut to).unwrap(), None);
        assert_eq!(to, b"[1]\n[2]\n");
    }

    #[test]
    fn an_unknown_name_tells_those_that_are_there() {
        let mut to = Vec::new();
        let names = show(&archive()[..], "c", &mut to).unwrap().unwrap();
        assert_eq!(
            (names, to),
            (vec!["a.json".to_owned(), "b.ndjson".to_owned()], Vec::new())
        );
    }

    #[test]
    fn a_cut_archive_is_damaged() {
        let archive = archive();
        let error = show(&archive[..40], "b.ndjson", &mut Vec::new()).unwrap_err();
        assert!(error.is_damage(), "{error}");
    }
}
