//! Which of many texts may begin at a place of another, told by their first bytes in constant time.

use std::collections::HashMap;

/// Bytes that every text has: shorter ones would be found everywhere.
pub(crate) const MIN_BYTES: usize = 6;
/// Bytes of a text that count. The bound keeps the time for each place constant, whatever the texts are.
pub(crate) const MAX_BYTES: usize = 64;
/// Bits of the filter before the map, as a power of two.
const FILTER_BITS: u32 = 22;

/// The lengths of texts by their first bytes. The texts themselves stay with their owner.
#[derive(Default)]
pub(crate) struct PrefixIndex {
    /// Bit `n` stands for `n + 1` bytes.
    lengths: HashMap<[u8; MIN_BYTES], u64>,
    /// A bit for each hash of first bytes.
    filter: Vec<u64>,
}

impl PrefixIndex {
    /// Adds a text that is not too short; returns its beginning that will be found.
    pub(crate) fn add<'a>(&mut self, text: &'a str) -> &'a str {
        let beginning = &text[..char_boundary(text, MAX_BYTES)];
        if let Some(first) = beginning.as_bytes().first_chunk() {
            *self.lengths.entry(*first).or_default() |= 1 << (beginning.len() - 1);
            self.filter.resize(1 << (FILTER_BITS - 6), 0);
            let (word, bit) = place(*first);
            self.filter[word] |= bit;
        }
        beginning
    }

    /// The lengths of beginnings that start with the first bytes of a text, the longest first.
    pub(crate) fn lengths(&self, text: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let first = text.first_chunk().filter(|first| {
            let (word, bit) = place(**first);
            self.filter.get(word).is_some_and(|bits| bits & bit != 0)
        });
        let mut lengths = first.and_then(|first| self.lengths.get(first)).copied().unwrap_or(0);
        std::iter::from_fn(move || {
            let longest = u64::BITS - lengths.leading_zeros();
            lengths &= !(1 << longest.checked_sub(1)?);
            Some(longest as usize)
        })
    }
}

fn place(first: [u8; MIN_BYTES]) -> (usize, u64) {
    let [a, b, c, d, e, f] = first;
    let number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    // Of `FILTER_BITS` bits, which every `usize` holds.
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The last boundary between characters that is not behind so many bytes.
pub(crate) fn char_boundary(text: &str, bytes: usize) -> usize {
    let most = bytes.min(text.len());
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_is_found_at_its_place(
            texts in proptest::collection::vec("[ab]{4,9}|[aä]{60,70}", 0..20),
            before in "[abä]{0,20}",
        ) {
            let mut index = PrefixIndex::default();
            let beginnings: Vec<&str> = texts.iter().map(|text| index.add(text)).collect();
            for text in &texts {
                let whole = format!("{before}{text}");
                let rest = &whole.as_bytes()[before.len()..];
                let found: Vec<usize> = index.lengths(rest).collect();
                let mut wanted: Vec<usize> = beginnings
                    .iter()
                    .filter(|beginning| beginning.len() >= MIN_BYTES && beginning.as_bytes()[..MIN_BYTES] == rest[..MIN_BYTES.min(rest.len())])
                    .map(|beginning| beginning.len())
                    .collect();
                wanted.sort_unstable_by(|a, b| b.cmp(a));
                wanted.dedup();
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
