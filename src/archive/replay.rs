//! Documents of a checked archive, read on a thread of their own and handed over in bounded batches.

use bytes::Bytes;

use crate::archive::Result;

/// One document of a part.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its number in the part, from 0 (annotations and notifications get ids made of it).
    pub line: u64,
    /// `_index` of its action line.
    pub index: Option<String>,
    /// `_id` of its action line.
    pub id: Option<String>,
    /// The document.
    pub source: Bytes,
}

/// The documents of a part.
#[derive(Debug)]
pub struct Replay {}

impl Replay {
    /// The next batch (at most some MiB), `None` at the end; an error where the file is not what was checked.
    pub async fn next(&mut self) -> Result<Option<Vec<Document>>> {
        todo!()
    }
}
