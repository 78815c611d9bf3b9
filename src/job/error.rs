//! Errors for IDs, configurations and documents of a job.

use std::fmt::Display;

use serde::Deserialize;

use crate::json::{Object, RawObject, without_value};

/// An invalid ID, configuration or document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// An ID that Elasticsearch would refuse.
    #[error("invalid {what} `{id}`: {why}")]
    InvalidId {
        what: &'static str,
        id: String,
        why: String,
    },
    /// A configuration with a missing or invalid member.
    #[error("{what}: {why}")]
    InvalidConfig { what: String, why: String },
    /// A stored document that Elasticsearch could not read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Error {
    pub(super) fn config(what: &str, why: impl Display) -> Self {
        let (what, why) = (what.to_owned(), why.to_string());
        Self::InvalidConfig { what, why }
    }
}

/// A stored document, or a part of it, could not be parsed.
impl From<serde_json::Error> for Error {
    fn from(cause: serde_json::Error) -> Self {
        Self::Unreadable(without_value(&cause))
    }
}

/// Parses an object; `what` is its name in the error.
pub(super) fn parse_object<'a, T: Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, Error> {
    let parsed = serde_json::from_str(json).map(|Object(value)| value);
    parsed.map_err(|cause| Error::config(what, without_value(&cause)))
}

/// Parses the members of an object; `what` is its name in the error.
pub(super) fn members(what: &str, json: &str) -> Result<RawObject, Error> {
    RawObject::parse(json).map_err(|cause| Error::config(what, cause))
}
