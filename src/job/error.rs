//! Why something about a job is not as Elasticsearch makes it.

use crate::json::without_value;

/// One enum for the layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// An id that Elasticsearch would not take.
    #[error("`{id}` is not a valid {what}: {why}")]
    InvalidId {
        what: &'static str,
        id: String,
        why: &'static str,
    },
    /// A configuration without what every job has, or with it in another form.
    #[error("{what}: {why}")]
    InvalidConfig { what: String, why: String },
    /// A stored document that Elasticsearch could not read back.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Error {
    pub(crate) fn config(what: &str, why: &dyn std::fmt::Display) -> Self {
        Self::InvalidConfig {
            what: what.to_owned(),
            why: why.to_string(),
        }
    }

    pub(crate) fn unreadable(cause: &serde_json::Error) -> Self {
        Self::Unreadable(without_value(cause))
    }
}
