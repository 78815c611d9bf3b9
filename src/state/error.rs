//! Why model state is not as autodetect writes it.

use std::io;

use crate::json;
use crate::state::schema::Unknown;

/// One enum for the layer; `id` is the state document's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Error {
    /// Not `<job>_model_state_<snapshot>#n` or `<job>_categorizer_state#n`.
    #[error("{id}: not a state document's id of this job and snapshot")]
    ForeignId {
        /// The document's id.
        id: String,
    },
    /// The document is not `{"compressed": [...], "eos": …}` in that order.
    #[error("{id}: {why}")]
    Malformed {
        /// The document's id.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// The chunks are not base64, or not gzip to the end.
    #[error("{id}: the state does not decode: {why}")]
    Undecodable {
        /// The document's id.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// Decompresses to more than the limit.
    #[error("{id}: the state decompresses to more than {limit} bytes")]
    TooLarge {
        /// The document's id.
        id: String,
        /// The bound, in bytes.
        limit: u64,
    },
    /// Its form is not known: where values stand in it cannot be told.
    #[error("{id}: the state has a form that is not known: at {place}: {why}")]
    Unknown {
        /// The document's id.
        id: String,
        /// Names of elements, dots between them.
        place: String,
        /// What is not known.
        why: String,
    },
    /// What was decoded could not be taken.
    #[error("{id}: what it decodes to cannot be written: {why}")]
    Sink {
        /// The document's id.
        id: String,
        /// Of the sink's error.
        kind: io::ErrorKind,
        /// The sink's own words.
        why: String,
    },
}

impl Error {
    /// True where the state itself is at fault (exit 4).
    pub fn is_damage(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::Sink { .. })
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { .. } => Some(
                "the state of Elasticsearch 7.9 to 9.5 is known; a newer esml-state may know this one. Where values \
                 stand is not guessed, since a wrong guess would give them away",
            ),
            _ => None,
        }
    }

    /// What a sink says that decoded state goes to.
    pub(crate) fn of_sink(id: &str, cause: io::Error) -> Self {
        let id = id.to_owned();
        if let Some(inner) = cause.get_ref() {
            if let Some(Unknown { place, why }) = inner.downcast_ref() {
                let (place, why) = (place.clone(), why.clone());
                return Self::Unknown { id, place, why };
            }
            if let Some(error) = inner.downcast_ref::<json::Error>() {
                let why = error.to_string();
                return Self::Undecodable { id, why };
            }
        }
        Self::Sink {
            id,
            kind: cause.kind(),
            why: cause.to_string(),
        }
    }
}
