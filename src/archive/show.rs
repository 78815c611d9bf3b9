//! One entry of an archive that is read only once, such as from a pipe.

use std::io::{BufRead, Read, Write};
use std::path::PathBuf;

use super::fault::Fault;
use super::inflate::{Inflate, Source};
use super::tarball::Tarball;
use crate::archive::{Error, Result};

/// Names kept for the message about an entry that is not there; a hostile archive may have any number.
const NAMES: usize = 1000;

/// Copies the first entry of that name to `to`, and reads no further. Where there is none, returns the
/// names of those that are there.
///
/// # Errors
/// [`Error::Damaged`] before the entry's end, or [`Error::Io`] from the reader (its path is `-`) or from `to`.
pub fn show(reader: impl Read, name: &str, to: &mut dyn Write) -> Result<Option<Vec<String>>> {
    let mut tar = Tarball::new(Inflate::new(Source::new(reader, 0, &|_| {}), u64::MAX));
    let mut names = Vec::new();
    while let Some(entry) = tar.next().map_err(failed)? {
        if entry.path == name {
            return copy(&mut tar, to).map(|()| None);
        }
        if names.len() < NAMES {
            names.push(entry.path);
        }
    }
    Ok(Some(names))
}

fn copy(from: &mut impl BufRead, to: &mut dyn Write) -> Result<()> {
    loop {
        let bytes = from.fill_buf().map_err(|cause| failed(cause.into()))?;
        if bytes.is_empty() {
            return Ok(());
        }
        let n = bytes.len();
        to.write_all(bytes).map_err(|cause| Error::Io {
            path: PathBuf::from("standard output"),
            cause,
        })?;
        from.consume(n);
    }
}

fn failed(fault: Fault) -> Error {
    match fault {
        Fault::Reader(cause) => Error::Io {
            path: PathBuf::from("-"),
            cause,
        },
        Fault::Damage(why) => Error::Damaged {
            place: "-".to_owned(),
            why,
        },
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
