//! Why values cannot be replaced.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::util::atomic_file::file_hint;
use crate::util::cancellation::Cancelled;
use crate::{archive, job, state};

/// What functions of the engine return.
pub(super) type Result<T, E = Error> = std::result::Result<T, E>;

const EXPORT_WITHOUT_FIELD: &str = "leave the field out with --fields, or export without --include-inputs";
const REPORT: &str = "this is a defect of esml-state: please report it";

/// One enum for the layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    #[error(transparent)]
    Archive(#[from] archive::Error),
    #[error(transparent)]
    Job(#[from] job::Error),
    #[error(transparent)]
    State(#[from] state::Error),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The operating system gives no random bytes.
    #[error("no key could be made: {why}")]
    NoKey { why: String },
    #[error("{}: not a key file: {why}", path.display())]
    NotAKeyFile { path: PathBuf, why: String },
    #[error("{}: {cause}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("there are more than {most} distinct values to replace")]
    TooMany { most: usize },
    #[error("there is no token left for one more {kind}")]
    NoToken { kind: &'static str },
    /// A value that was not there when values were read.
    #[error("a value was found that was not there before: the archive changed while it was read")]
    UnknownValue,
    #[error("the job replaces no values of a field `{field}`")]
    UnknownField { field: String, known: Vec<String> },
    /// Tokens would change what the job finds, or a value would remain.
    #[error("{message}")]
    Refused { message: String, hint: String },
    #[error("{message}")]
    Failed { message: String, hint: &'static str },
}

impl Error {
    pub(super) fn io(path: &Path, cause: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            cause,
        }
    }

    pub(super) fn not_a_key_file(path: &Path, why: impl fmt::Display) -> Self {
        Self::NotAKeyFile {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused {
            message: message.into(),
            hint: hint.into(),
        }
    }

    fn failed(message: impl Into<String>, hint: &'static str) -> Self {
        Self::Failed {
            message: message.into(),
            hint,
        }
    }

    /// Of a filter whose items cannot be replaced.
    pub(super) fn filter(message: impl Into<String>) -> Self {
        Self::refused(message, "leave the field that it is applied to out with --fields")
    }

    pub(super) fn irreplaceable_field(field: &str, why: &str) -> Self {
        Self::refused(
            format!("the values of {field} in the input documents cannot be replaced: {why}"),
            EXPORT_WITHOUT_FIELD,
        )
    }

    pub(super) fn unsupported_normalizer(fields: &[&str]) -> Self {
        Self::refused(
            format!(
                "the normalizers of {} are not supported, only `lowercase` is: the job would take their tokens for other \
                 values than those that it knows",
                fields.join(", ")
            ),
            EXPORT_WITHOUT_FIELD,
        )
    }

    pub(super) fn normalizer_contains_value(index: &str) -> Self {
        Self::refused(
            format!("a normalizer in the archived settings of index {index} contains a replaced value"),
            "replace the values of other fields only with --fields, or export without --include-inputs",
        )
    }

    pub(super) fn datafeed_reads_values(problems: &[String]) -> Self {
        Self::refused(
            format!(
                "the datafeed reads replaced values, and its results would differ with tokens: {}",
                problems.join("; ")
            ),
            "leave the datafeed out with --skip-datafeed, or replace the values of other fields only with --fields, or \
             change the datafeed and export again",
        )
    }

    pub(super) fn names_contain_values(names: &[&str]) -> Self {
        Self::refused(
            format!(
                "names that stay hold values that are replaced elsewhere: {}",
                names.join(", ")
            ),
            "names of the job, its fields, aggregations, indices, filters and calendars are not replaced: accept that with \
             --accept-names, or rename them and export again",
        )
    }

    /// The value itself is not printed: the message may be passed on.
    pub(super) fn leak(place: &str) -> Self {
        Self::failed(
            format!("a value that was replaced is still in the new archive, in {place}: it was deleted"),
            "leave the field of the value out with --fields, or report it: this is a defect of esml-state, unless the \
             value is also a word of Elasticsearch",
        )
    }

    pub(super) fn not_searchable(place: &str, why: &str) -> Self {
        Self::failed(
            format!("{place} of the new archive cannot be searched for values: {why}"),
            REPORT,
        )
    }

    pub(super) fn not_importable(finding: &archive::Finding) -> Self {
        Self::failed(
            format!(
                "the pseudonymized archive cannot be imported: {}: {}",
                finding.place, finding.what
            ),
            REPORT,
        )
    }

    /// Of an edit of a document: this layer's errors travel through it as the source of an `io::Error`.
    pub(super) fn of_edit(cause: std::io::Error) -> Self {
        match cause.downcast::<Self>() {
            Ok(error) => error,
            Err(cause) => Self::failed(
                format!("a document cannot be read: {cause}"),
                "`esml-state inspect --verify` lists all that is wrong with the archive",
            ),
        }
    }

    /// Of an edit of what the check of the archive has parsed: where it is no JSON, the file has changed.
    pub(super) fn of_checked_edit(cause: std::io::Error) -> Self {
        cause.downcast::<Self>().unwrap_or(Self::UnknownValue)
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Archive(error) => return error.hint(),
            Self::State(error) => return error.hint().map(str::to_owned),
            Self::UnknownField { known, .. } => return Some(format!("its fields are {}", known.join(", "))),
            Self::Refused { hint, .. } => hint.as_str(),
            Self::Failed { hint, .. } => hint,
            Self::NotAKeyFile { .. } => "name the file beside the archive whose name ends with .key.json",
            Self::TooMany { .. } => "leave fields out with --fields, or export fewer input documents",
            Self::Io { cause, .. } => file_hint(cause)?,
            Self::Job(_) | Self::Cancelled(_) | Self::NoKey { .. } | Self::NoToken { .. } | Self::UnknownValue => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}
