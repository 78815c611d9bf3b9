//! Why model state is not as autodetect writes it.

use std::io;

use crate::json;

/// What is wrong with a state document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{id}: {cause}")]
pub struct Error {
    /// The document's ID.
    pub id: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What can be wrong with state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The ID is not `<job>_model_state_<snapshot>#n` or `<job>_categorizer_state#n`.
    #[error("not a state document's id of this job and snapshot")]
    ForeignId,
    /// The document is not `{"compressed": [...], "eos": …}` in that order.
    #[error("{0}")]
    Malformed(String),
    /// The chunks are not base64, or not gzip to the end.
    #[error("the state does not decode: {0}")]
    Undecodable(String),
    /// It decompresses to more bytes than the limit.
    #[error("the state decompresses to more than {0} bytes")]
    TooLarge(u64),
    /// Its form is not known: where it contains values cannot be determined.
    #[error("the state has a form that is not known: {0}")]
    Unknown(UnknownForm),
    /// What was decoded could not be written.
    #[error("what it decodes to cannot be written: {why}")]
    Sink {
        /// Of the sink's error.
        kind: io::ErrorKind,
        /// The sink's message.
        why: String,
    },
}

/// A form of state that is not known: it may contain values where they are not looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {place}: {why}")]
pub struct UnknownForm {
    /// Names of the elements around it, dots between them.
    pub place: String,
    /// What is not known.
    pub why: String,
}

impl Error {
    /// Whether the state itself is at fault (exit 4).
    pub fn is_damage(&self) -> bool {
        !matches!(self.cause, Cause::Unknown(_) | Cause::Sink { .. })
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        match self.cause {
            Cause::Unknown(_) => Some(
                "the state of Elasticsearch 7.9 to 9.5 is known; a newer esml-state may know this one. Where values \
                 stand is not guessed, since a wrong guess would give them away",
            ),
            _ => None,
        }
    }
}

impl Cause {
    pub(crate) fn of(self, id: &str) -> Error {
        Error {
            id: id.to_owned(),
            cause: self,
        }
    }
}

/// From a sink that decoded state is written to, or from its decoder.
impl From<io::Error> for Cause {
    fn from(cause: io::Error) -> Self {
        let known = cause.downcast::<Self>();
        let known = known.or_else(|cause| cause.downcast().map(Self::Unknown));
        let known = known.or_else(|cause| {
            cause
                .downcast()
                .map(|error: json::Error| Self::Undecodable(error.to_string()))
        });
        known.unwrap_or_else(|cause| Self::Sink {
            kind: cause.kind(),
            why: cause.to_string(),
        })
    }
}
