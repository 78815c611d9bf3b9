//! Bounds on what an archive may decompress to.

/// Entries of one archive, the manifest included: what an archive holds beside its inputs, and a thousand million inputs.
/// A reader keeps a line about each.
pub const MOST_ENTRIES: usize = 100_000;

/// Documents of an entry of inputs, at most (archive contract).
pub const PART_DOCUMENTS: u64 = 10_000;
/// Its bytes, about: a few entries are in memory at once while they are compressed, beside the pages of all readers.
const PART_BYTES: u64 = 3 << 20;

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
            ratio: 200,
            state: 64 << 30,
        }
    }
}
