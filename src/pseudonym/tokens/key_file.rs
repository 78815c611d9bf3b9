//! The key file: the key, and which value each token stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::pseudonym::error::Error;
use crate::util::atomic_file::{AtomicFile, PublishError};
use crate::util::format::hex;

/// The only version there is.
const VERSION: u32 = 1;

/// A key file.
#[derive(Clone)]
pub struct KeyFile {
    /// The key.
    pub key: Key,
    /// Values by token.
    pub tokens: BTreeMap<String, String>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct KeyFileDocument<Tokens> {
    esml_key_file: u32,
    key: String,
    tokens: Tokens,
}

impl KeyFile {
    /// A new key, no tokens.
    ///
    /// # Errors
    /// It has no random bytes.
    pub fn new() -> Result<Self, Error> {
        let (key, tokens) = (Key::random()?, BTreeMap::new());
        Ok(Self { key, tokens })
    }

    /// Reads one.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |cause| Error::file(path, cause);
        let bad = |why: &dyn fmt::Display| Error::not_a_key_file(path, why);
        let file = File::open(path).map_err(io)?;
        let read = serde_json::from_reader(BufReader::new(file));
        // What serde says of text would quote it.
        let read = read.map_err(|cause| bad(&format!("line {}, column {}", cause.line(), cause.column())));
        let document: KeyFileDocument<_> = read?;
        if document.esml_key_file != VERSION {
            return Err(bad(&format!("its version {} is not known", document.esml_key_file)));
        }
        let key = Key::parse(&document.key).ok_or_else(|| bad(&"its key is not 64 hexadecimal digits"))?;
        let tokens = document.tokens;
        Ok(Self { key, tokens })
    }

    /// Writes it under a temporary name, readable by its owner only.
    ///
    /// # Errors
    /// The file exists and may not be replaced, or the file system refuses.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<AtomicFile, PublishError> {
        let file = AtomicFile::create(path, overwrite)?;
        let written = KeyFileDocument {
            esml_key_file: VERSION,
            key: self.key.to_hex(),
            tokens: &self.tokens,
        };
        let mut out = BufWriter::new(file.file.as_file());
        let done = serde_json::to_writer_pretty(&mut out, &written)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        drop(out);
        let path = file.target.clone();
        done.map(|()| file).map_err(|cause| PublishError::Io { path, cause })
    }
}

/// An existing key file that no other run extends while this value is alive.
///
/// Which token a value gets depends on the tokens that are taken, so a run holds the lock from reading the file to
/// replacing it.
#[derive(Debug)]
pub struct KeyFileLock {
    file: File,
}

impl KeyFileLock {
    /// Locks the file at this path; `None` while another run holds the lock.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, Error> {
        let io = |cause| Error::file(path, cause);
        loop {
            let file = File::open(path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(cause)) => return Err(io(cause)),
            }
            // The run that held the lock before may have replaced the file: then this is the lock of a file without a
            // name, and protects nothing.
            if is_still_at(&file, path).map_err(io)? {
                return Ok(Some(Self { file }));
            }
        }
    }

    /// Replaces the key file, then releases it.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn publish(self, new: AtomicFile) -> Result<(), PublishError> {
        // Windows does not replace a file that is open: there the lock ends before.
        let _until_published = (!cfg!(windows)).then_some(self.file);
        new.publish()
    }
}

#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (new, named) = (file.metadata()?, path.metadata()?);
    Ok((new.dev(), new.ino()) == (named.dev(), named.ino()))
}

/// A locked file cannot be replaced there.
#[cfg(not(unix))]
fn is_still_at(_: &File, _: &Path) -> std::io::Result<bool> {
    Ok(true)
}

/// 32 bytes that stay with the user.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// A new one, from the operating system.
    ///
    /// # Errors
    /// It has no random bytes.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|why| Error::without_hint(format!("no key could be made: {why}")))?;
        Ok(Self(bytes))
    }

    /// From hexadecimal digits; `None` for anything else than 64 of them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// As hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// HMAC-SHA256 of a text; `attempt` counts from 0 where the one before could not be used.
    pub(super) fn digest(&self, text: &str, attempt: u32) -> [u8; 32] {
        #[allow(clippy::expect_used, reason = "all texts would have the same default")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC accepts keys of any length");
        mac.update(&attempt.to_be_bytes());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A token for what nobody asks about again, such as the id of a document: 32 hexadecimal digits.
    pub fn unrecorded_token(&self, text: &str) -> String {
        hex(&self.digest(text, u32::MAX)[..16])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_file_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key.json");
        let mut file = KeyFile::new().unwrap();
        file.tokens.insert("t_1".to_owned(), "ä\n\"".to_owned());
        file.write(&path, false).unwrap().publish().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let read = KeyFile::read(&path).unwrap();
        assert_eq!((read.key, read.tokens), (file.key.clone(), file.tokens.clone()));
        assert!(file.write(&path, false).is_err());
        file.tokens.insert("240.1.2.3".to_owned(), "10.0.0.1".to_owned());
        let later = std::fs::read_to_string(&path)
            .unwrap()
            .replace("file\": 1", "file\": 2");
        std::fs::write(&path, later).unwrap();
        let error = KeyFile::read(&path).err().unwrap().to_string();
        assert!(error.contains("version 2 is not known"), "{error}");
        std::fs::write(&path, "{\"secret\": 1").unwrap();
        let error = KeyFile::read(&path).err().unwrap().to_string();
        assert!(error.contains("not a key file") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_key_reads_as_it_was_written() {
        let key = Key::random().unwrap();
        assert_eq!(Key::parse(&key.to_hex()), Some(key.clone()));
        assert_ne!(Key::random().unwrap(), key);
        for bad in ["", "00", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(Key::parse(bad), None);
        }
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // RFC 4231 has no key of 32 bytes; this one is from another implementation.
        let key = Key([7; 32]);
        assert_eq!(hex(&key.digest("value", 0)), EXPECTED);
        assert_ne!(key.digest("value", 0), key.digest("value", 1));
    }

    const EXPECTED: &str = "256d3a7ba2631f10ff2b78a7c79707c2585da9dcd838ddeefcb7bbff7ed4ca7b";
}
