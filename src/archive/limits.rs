//! Bounds on what an archive may hold and decompress to. A reader refuses what is beyond them, so a writer does not write
//! it.

use crate::archive::{EntryKind, Part};

/// Entries of one archive, the manifest included: what an archive holds beside its inputs, and a thousand million inputs.
/// A reader keeps a line about each.
pub const MAX_ENTRIES: usize = 100_000;

/// Documents of an entry of inputs, at most (archive contract).
pub const PART_DOCUMENTS: u64 = 10_000;
/// Its bytes, about: a few entries are in memory at once while they are compressed, beside the pages of all readers.
const PART_BYTES: u64 = 3 << 20;

/// State documents of both kinds: a bound on the memory for those that come before their turn, far above what a snapshot
/// has.
pub(super) const MOST_STATE_DOCUMENTS: usize = 100_000;

/// Source indices of inputs that are told apart.
pub const MAX_INDICES: usize = 10_000;

/// Bytes of an action line: 512 of an id and 255 of an index name, each perhaps written as `\u0000`, with room.
pub(super) const LONGEST_ACTION: u64 = 16 << 10;

/// Decompressed to compressed, once past [`RATIO_FROM`].
pub(super) const RATIO: u64 = 200;
/// Below this many decompressed bytes no ratio is suspicious.
pub(super) const RATIO_FROM: u64 = 64 << 20;

/// Bytes that a document of a part may have.
pub(super) fn longest_document(part: Part) -> u64 {
    match part {
        // What Elasticsearch takes in one request unless told otherwise. State documents have some 17 million.
        Part::State | Part::Inputs => 100 << 20,
        Part::Annotations | Part::Notifications | Part::Categories => 4 << 20,
    }
}

/// Bytes that an entry of one JSON text may have.
pub(super) fn largest_text(kind: EntryKind) -> u64 {
    match kind {
        // Quantiles grow with the number of partitions, the manifest with the number of entries. Configuration and
        // calendars are taken apart, which takes many times their bytes.
        EntryKind::Snapshot => 64 << 20,
        EntryKind::Manifest => 32 << 20,
        EntryKind::Config | EntryKind::Calendars => 4 << 20,
        _ => 16 << 20,
    }
}

/// Whether an entry of inputs takes no further document of so many bytes. It takes a first one of any size.
pub fn is_full(documents: u64, bytes: u64, coming: usize) -> bool {
    documents > 0 && (documents == PART_DOCUMENTS || bytes + coming as u64 > PART_BYTES)
}

/// Archive contract, rule 6.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one entry, decompressed (`--max-entry-size`).
    pub entry: u64,
    /// Decompressed to compressed, once past 64 MiB.
    pub ratio: u64,
    /// Bytes of decoded model state.
    pub state: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entry: 10 << 30,
            ratio: RATIO,
            state: 64 << 30,
        }
    }
}
