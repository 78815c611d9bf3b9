//! Why model state is not as autodetect writes it.

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
}
