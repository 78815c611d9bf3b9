//! What stops a pass: damage in the archive, or a reader that fails for reasons of its own.

use std::fmt;
use std::io;
use std::path::Path;

use crate::archive::Error;

/// The reasons are kept apart because damage is a finding and a failing disk is not.
#[derive(Debug)]
pub(super) enum Fault {
    /// The reader failed.
    Reader(io::Error),
    /// The bytes are not as they must be.
    Damage(String),
}

/// Marks an error of the reader on its way through the decoders.
#[derive(Debug)]
pub(super) struct ReaderFailed(pub(super) io::Error);

/// Marks damage found below an `io::Read`.
#[derive(Debug)]
pub(super) struct Damage(pub(super) String);

impl fmt::Display for ReaderFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReaderFailed {}
impl std::error::Error for Damage {}

impl Damage {
    pub(super) fn error(why: impl Into<String>) -> io::Error {
        io::Error::other(Self(why.into()))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<ReaderFailed>()) {
            let cause = error
                .into_inner()
                .and_then(|inner| inner.downcast::<ReaderFailed>().ok());
            return Self::Reader(cause.map_or_else(|| io::ErrorKind::Other.into(), |failed| failed.0));
        }
        Self::Damage(match error.kind() {
            io::ErrorKind::UnexpectedEof => "the file ends here: it is cut short".to_owned(),
            _ if error.get_ref().is_some_and(|inner| inner.is::<Damage>()) => error.to_string(),
            _ => format!("the compressed data is damaged: {error}"),
        })
    }
}

impl Fault {
    /// For a reading that had been checked before: damage means that the file was changed.
    pub(super) fn since_checked(self, path: &Path) -> Error {
        match self {
            Self::Reader(cause) => Error::Io {
                path: path.to_owned(),
                cause,
            },
            Self::Damage(_) => Error::Changed { path: path.to_owned() },
        }
    }
}
