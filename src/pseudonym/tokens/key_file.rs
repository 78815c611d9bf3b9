//! The key file: the key, and the value of each token.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::pseudonym::error::Error;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::format::hex;

/// The only version.
const VERSION: u32 = 1;

/// A key file.
#[derive(Clone)]
pub struct KeyFile {
    /// The key.
    pub key: Key,
    /// Values by token.
    pub tokens: BTreeMap<String, String>,
}

/// The form of the file.
#[derive(Serialize, Deserialize)]
struct KeyFileDocument<Tokens> {
    esml_key_file: u32,
    key: String,
    tokens: Tokens,
}

impl KeyFile {
    /// Creates a key file with a new key and without tokens.
    ///
    /// # Errors
    /// The operating system cannot provide random bytes.
    pub fn new() -> Result<Self, Error> {
        let (key, tokens) = (Key::random()?, BTreeMap::new());
        Ok(Self { key, tokens })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// The file cannot be read, or is not a key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |cause| Error::read(path, cause);
        let bad = |why: &dyn fmt::Display| Error::not_a_key_file(path, why);
        let file = File::open(path).map_err(io)?;
        let read = serde_json::from_reader(BufReader::new(file));
        // The message of serde would quote values.
        let read = read.map_err(|cause| match (cause.line(), cause.column()) {
            _ if cause.is_io() => io(cause.into()),
            (1, 0) => bad(&"the file is empty"),
            (line, column) => bad(&format!("invalid JSON at line {line}, column {column}")),
        });
        let document: KeyFileDocument<_> = read?;
        if document.esml_key_file != VERSION {
            return Err(bad(&format!("unknown version {}", document.esml_key_file)));
        }
        let key = Key::parse(&document.key).ok_or_else(|| bad(&"the key does not consist of 64 hexadecimal digits"))?;
        let tokens = document.tokens;
        Ok(Self { key, tokens })
    }

    /// Writes the file under a temporary name, readable only by its owner.
    ///
    /// # Errors
    /// The file exists and may not be replaced, or it cannot be written.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<AtomicFile, FileError> {
        let file = AtomicFile::create(path, overwrite)?;
        let written = KeyFileDocument {
            esml_key_file: VERSION,
            key: hex(&self.key.0),
            tokens: &self.tokens,
        };
        let mut out = BufWriter::new(file.file.as_file());
        let done = serde_json::to_writer_pretty(&mut out, &written)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        drop(out);
        done.map_err(|cause| FileError::Write(file.target.clone(), cause))?;
        Ok(file)
    }
}

/// An existing key file that no other run extends while this value exists.
///
/// The token of a value depends on the tokens in use, so a run holds the lock from reading the file until it is
/// replaced.
#[derive(Debug)]
pub struct KeyFileLock(File);

impl KeyFileLock {
    /// Locks the file at this path; `None` if another run holds the lock.
    ///
    /// # Errors
    /// The file cannot be locked.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, Error> {
        let io = |cause| Error::read(path, cause);
        loop {
            let file = File::open(path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(cause)) => return Err(io(cause)),
            }
            // The previous holder of the lock may have replaced the file. The lock is then for a file without a name,
            // and protects nothing.
            if is_still_at(&file, path).map_err(io)? {
                return Ok(Some(Self(file)));
            }
        }
    }

    /// Replaces the key file, then releases the lock.
    ///
    /// # Errors
    /// The file cannot be replaced.
    pub fn publish(self, new: AtomicFile) -> Result<(), FileError> {
        // Windows cannot replace an open file, so there the lock ends first.
        let _until_published = (!cfg!(windows)).then_some(self.0);
        new.publish()
    }
}

#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (new, named) = (file.metadata()?, path.metadata()?);
    Ok((new.dev(), new.ino()) == (named.dev(), named.ino()))
}

/// On this system, a locked file cannot be replaced.
#[cfg(not(unix))]
fn is_still_at(_: &File, _: &Path) -> std::io::Result<bool> {
    Ok(true)
}

/// A key of 32 bytes, which stays with the user.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Creates a random key.
    ///
    /// # Errors
    /// The operating system cannot provide random bytes.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|why| Error::without_hint(format!("the key cannot be created: {why}")))?;
        Ok(Self(bytes))
    }

    /// Parses 64 hexadecimal digits; `None` for anything else.
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

    /// Computes the HMAC-SHA256 of a text; `attempt` starts with 0 and increases if the previous result could not be
    /// used.
    pub(super) fn digest(&self, text: &str, attempt: u32) -> [u8; 32] {
        #[allow(clippy::expect_used, reason = "all texts would have the same default")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC accepts keys of any length");
        mac.update(&attempt.to_be_bytes());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Returns a token that cannot be resolved, for example for document IDs: 32 hexadecimal digits.
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
    fn key_file_is_read_as_written() {
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
        assert!(error.contains("unknown version 2"), "{error}");
        std::fs::write(&path, "{\"secret\": 1").unwrap();
        let error = KeyFile::read(&path).err().unwrap().to_string();
        assert!(error.contains("not a key file") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn key_is_read_as_written() {
        let key = Key::random().unwrap();
        assert_eq!(Key::parse(&hex(&key.0)), Some(key.clone()));
        assert_ne!(Key::random().unwrap(), key);
        for bad in ["", "00", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(Key::parse(bad), None);
        }
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // RFC 4231 does not have a test with a key of 32 bytes; this result is from another implementation.
        let key = Key([7; 32]);
        assert_eq!(hex(&key.digest("value", 0)), EXPECTED);
        assert_ne!(key.digest("value", 0), key.digest("value", 1));
    }

    const EXPECTED: &str = "256d3a7ba2631f10ff2b78a7c79707c2585da9dcd838ddeefcb7bbff7ed4ca7b";
}
