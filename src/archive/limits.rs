//! Bounds on what an archive may decompress to.

/// Entries of one archive, the manifest included: what an archive holds beside its inputs, and a thousand million inputs.
/// A reader keeps a line about each.
pub const MOST_ENTRIES: usize = 100_000;

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
