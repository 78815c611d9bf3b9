//! The errors of commands, and their exit codes.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::util::atomic_file::FileError;
use crate::util::process::Cancelled;
pub use crate::util::process::ExitCode;
use crate::{archive, cluster, job, state};

fn describe(signal: ExitCode) -> &'static str {
    match signal {
        ExitCode::Terminated => "terminated",
        ExitCode::HungUp => "the terminal was closed",
        _ => "interrupted",
    }
}

/// Why a command failed: the message (`Display`), its causes (`source`), [`hint`](Error::hint) and [`exit`](Error::exit).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// A request to the cluster failed.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The archive cannot be written or read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// A job's configuration is not valid.
    #[error(transparent)]
    Job(#[from] job::Error),
    /// Model state does not have the format that autodetect writes.
    #[error(transparent)]
    State(#[from] state::Error),
    /// An error that a command found itself, or a signal that ended it.
    #[error("{message}")]
    Stated {
        exit: ExitCode,
        message: String,
        hint: Option<String>,
    },
    /// What prevents an import, at least one.
    #[error("{}", all(.0, |conflict| &conflict.message))]
    Conflicts(Vec<Conflict>),
    /// The user answered no.
    #[error("nothing was written")]
    Declined,
    /// A file other than the archive cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An import failed and was rolled back. If all lists are empty, nothing was written.
    #[error("{cause}")]
    RolledBack {
        /// Why it failed.
        #[source]
        cause: Box<Error>,
        /// What was removed.
        undone: Vec<String>,
        /// What was left in place, because others use it or it cannot be restored.
        kept: Vec<String>,
        /// What should have been removed and was not.
        remains: Vec<Remaining>,
    },
    /// A failure that the result document on stdout (`--json`) already contains. Only its text is printed, to stderr.
    #[error(transparent)]
    Reported(Box<Error>),
}

/// A reason why an import is refused: something would be overwritten, or would not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What prevents the import.
    pub message: String,
    /// The next step.
    pub hint: String,
}

/// A text of all conflicts.
fn all(conflicts: &[Conflict], text: fn(&Conflict) -> &str) -> String {
    conflicts.iter().map(text).collect::<Vec<_>>().join("; ")
}

/// Something that a failed import left on the cluster.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Remaining {
    /// What it is, for example `job web-latency`.
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

    /// A failure without a next step.
    pub(crate) fn without_hint(message: impl Into<String>) -> Self {
        Self::stated(ExitCode::Failed, message, None)
    }

    /// What was read back differs from what was written.
    pub(crate) fn mismatch(message: impl Into<String>) -> Self {
        let hint = "another client changed it, or the cluster lost it: check `GET /_cluster/health`, and import again";
        Self::stated(ExitCode::Rejected, message, Some(hint.to_owned()))
    }

    /// A signal ended the run.
    pub(crate) fn stopped(signal: ExitCode) -> Self {
        Self::stated(signal, describe(signal), None)
    }

    /// A second signal ended the cleanup, such as `the rollback`.
    pub(crate) fn stopped_during(cleanup: &str, signal: ExitCode, hint: Option<&str>) -> Self {
        let message = format!("{} during {cleanup}", describe(signal));
        Self::stated(signal, message, hint.map(str::to_owned))
    }

    /// A task panicked.
    pub(crate) fn panicked(cause: tokio::task::JoinError) -> Self {
        Self::without_hint(cause.to_string())
    }

    pub(crate) fn read(path: impl Into<PathBuf>, cause: std::io::Error) -> Self {
        Self::File(FileError::Read(path.into(), cause))
    }

    pub(crate) fn stdout(cause: std::io::Error) -> Self {
        Self::File(FileError::stdout(cause))
    }

    /// The exit code.
    pub fn exit(&self) -> ExitCode {
        match self {
            Self::Stated { exit, .. } => *exit,
            Self::Declined | Self::Conflicts(_) => ExitCode::Refused,
            Self::Archive(archive::Error::File(error)) | Self::File(error) if error.is_refusal() => ExitCode::Refused,
            Self::Archive(error) if error.is_damage() => ExitCode::Damaged,
            Self::State(error) if error.is_damage() => ExitCode::Damaged,
            Self::Cluster(cluster::Error::ItemRejected { .. }) => ExitCode::Rejected,
            Self::RolledBack { remains, .. } if !remains.is_empty() => ExitCode::Remains,
            Self::RolledBack { cause, .. } | Self::Reported(cause) => cause.exit(),
            _ => ExitCode::Failed,
        }
    }

    /// The document that is printed with `--json`.
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

    /// The next step, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stated { hint, .. } => hint.clone(),
            Self::Conflicts(conflicts) => Some(all(conflicts, |conflict| &conflict.hint)),
            Self::Cluster(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::State(error) => error.hint().map(str::to_owned),
            Self::File(error) => error.hint(),
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

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;
