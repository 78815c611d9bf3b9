//! What a command can fail with, and the one place where each failure gets its exit code.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::util::atomic_file::{PublishError, file_hint};
use crate::util::process::Cancelled;
use crate::util::process::StopSignal;
use crate::{archive, cluster, job, state};

/// The exit codes that the command line promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All of it done and verified.
    Done = 0,
    /// Failed: cluster unreachable, refused by the cluster, disk full …
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Refused for safety; the message says which option permits it.
    Refused = 3,
    /// The archive is damaged, incomplete or hostile; nothing was written.
    Damaged = 4,
    /// The cluster rejected documents or holds something else than was sent; rolled back.
    Rejected = 5,
    /// Failed, and rolling back could not undo everything.
    Remains = 6,
    /// SIGHUP: the terminal was closed.
    HungUp = 129,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl From<StopSignal> for ExitCode {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::HangUp => Self::HungUp,
            StopSignal::Interrupt => Self::Interrupted,
            StopSignal::Terminate => Self::Terminated,
        }
    }
}

/// A failed command: message (`Display`), causes (`source`), [`hint`](Error::hint), [`exit`](Error::exit).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// The cluster did not do what was asked.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The archive cannot be written or read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// Something in a job's configuration is not as Elasticsearch makes it.
    #[error(transparent)]
    Job(#[from] job::Error),
    /// Model state is not as autodetect writes it.
    #[error(transparent)]
    State(#[from] state::Error),
    /// What a command finds itself: that the command line asks for something impossible, that something is not done for
    /// safety, is not there, or is not what was sent. Or a signal ended it.
    #[error("{message}")]
    Stated {
        exit: ExitCode,
        message: String,
        hint: Option<String>,
    },
    /// A file other than the archive cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// An import failed and was undone; without anything in the lists nothing had been written.
    #[error("{cause}")]
    RolledBack {
        /// Why it failed.
        #[source]
        cause: Box<Error>,
        /// What was undone, a line each.
        undone: Vec<String>,
        /// What was not undone and need not be or cannot be, a line each.
        kept: Vec<String>,
        /// What could not be undone.
        remains: Vec<Remaining>,
    },
    /// A failure that the result on stdout (`--json`) tells already: its text goes to stderr, and no
    /// second document to stdout.
    #[error(transparent)]
    Reported(Box<Error>),
}

/// Something that an import left on the cluster.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Remaining {
    /// What it is.
    pub what: String,
    /// The request that removes it, `DELETE /…`.
    pub remove: String,
}

impl Error {
    fn stated(exit: ExitCode, message: impl Into<String>, hint: Option<String>) -> Self {
        let message = message.into();
        Self::Stated { exit, message, hint }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::stated(ExitCode::Usage, message, Some(hint.into()))
    }

    pub(crate) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::stated(ExitCode::Refused, message, Some(hint.into()))
    }

    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::stated(ExitCode::Failed, message, Some(hint.into()))
    }

    /// A failure for which nobody can be told what to do.
    pub(crate) fn without_hint(message: impl Into<String>) -> Self {
        Self::stated(ExitCode::Failed, message, None)
    }

    /// The cluster holds something else than was sent.
    pub(crate) fn mismatch(message: impl Into<String>) -> Self {
        let hint =
            "somebody else changed it meanwhile, or the cluster lost it: see `GET /_cluster/health`, and import again";
        Self::stated(ExitCode::Rejected, message, Some(hint.to_owned()))
    }

    /// A signal ended the run.
    pub(crate) fn stopped(signal: ExitCode) -> Self {
        let message = match signal {
            ExitCode::Terminated => "terminated",
            ExitCode::HungUp => "the terminal was closed",
            _ => "interrupted",
        };
        Self::stated(signal, message, None)
    }

    /// Of a task that ended without its result.
    pub(crate) fn panicked(cause: tokio::task::JoinError) -> Self {
        Self::without_hint(cause.to_string())
    }

    pub(crate) fn file(path: impl Into<PathBuf>, cause: std::io::Error) -> Self {
        Self::File {
            path: path.into(),
            cause,
        }
    }

    pub(crate) fn stdout(cause: std::io::Error) -> Self {
        Self::file("standard output", cause)
    }

    /// The exit code.
    pub fn exit(&self) -> ExitCode {
        match self {
            Self::Stated { exit, .. } => *exit,
            Self::Archive(archive::Error::Publish(PublishError::Exists { .. } | PublishError::NotAFile { .. })) => {
                ExitCode::Refused
            }
            Self::Archive(error) if error.is_damage() => ExitCode::Damaged,
            Self::State(error) if error.is_damage() => ExitCode::Damaged,
            Self::Cluster(cluster::Error::ItemRejected { .. }) => ExitCode::Rejected,
            Self::RolledBack { remains, .. } if !remains.is_empty() => ExitCode::Remains,
            Self::RolledBack { cause, .. } | Self::Reported(cause) => cause.exit(),
            _ => ExitCode::Failed,
        }
    }

    /// The document that a command prints with `--json` when it fails.
    pub(crate) fn to_json(&self) -> Value {
        let mut document = json!({
            "error": self.to_string(),
            "hint": self.hint(),
            "exit": self.exit() as u8,
        });
        if let Self::RolledBack {
            undone, kept, remains, ..
        } = self
        {
            document["undone"] = json!(undone);
            document["kept"] = json!(kept);
            if !remains.is_empty() {
                document["remains"] = json!(remains);
            }
        }
        document
    }

    /// What to do next, where something can be done.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stated { hint, .. } => hint.clone(),
            Self::Cluster(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::State(error) => error.hint().map(str::to_owned),
            Self::File { cause, .. } => file_hint(cause).map(str::to_owned),
            Self::RolledBack { cause, .. } | Self::Reported(cause) => cause.hint(),
            _ => None,
        }
    }
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::stopped(ExitCode::Interrupted)
    }
}

/// What commands return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
