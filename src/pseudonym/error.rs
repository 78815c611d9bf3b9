//! Why there are no tokens.

use std::path::PathBuf;

use crate::util::atomic_file::file_hint;

/// One enum for the layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// The operating system gives no random bytes.
    #[error("no key could be made: {why}")]
    NoKey { why: String },
    /// The key file is not one.
    #[error("{}: not a key file: {why}", path.display())]
    NotAKeyFile { path: PathBuf, why: String },
    /// The file system says no.
    #[error("{}: {cause}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// More distinct values than are told apart.
    #[error("there are more than {most} distinct values to replace")]
    TooMany { most: usize },
    /// No token is left for a value of this kind.
    #[error("there is no token left for one more {kind}")]
    NoToken { kind: &'static str },
    /// A value that was not heard of before.
    #[error("a value stands where none was met before: the archive changed while it was read")]
    UnknownValue,
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAKeyFile { .. } => {
                Some("the file that stands beside the archive is meant, its name ends with .key.json")
            }
            Self::TooMany { .. } => Some("leave fields out with --fields, or take fewer inputs along"),
            Self::Io { cause, .. } => file_hint(cause),
            _ => None,
        }
    }
}
