//! Many texts looked for at once in another.

use std::collections::HashMap;

/// Bytes that every needle has: shorter ones would be found everywhere.
pub(super) const SHORTEST: usize = 6;
/// Bits of the filter before the map.
const BITS: u32 = 22;

/// Which texts may begin at a place: by their first bytes, their lengths. The texts themselves stay with their owner,
/// who is asked.
#[derive(Default)]
pub(super) struct Needles {
    lengths: HashMap<u64, Vec<u32>>,
    filter: Vec<u64>,
}

impl Needles {
    /// Adds a text; one that is too short is never found.
    pub(super) fn add(&mut self, text: &str) {
        let Some(begin) = begin(text.as_bytes()) else { return };
        if self.filter.is_empty() {
            self.filter = vec![0; 1 << (BITS - 6)];
        }
        let (word, bit) = place(begin);
        self.filter[word] |= bit;
        let lengths = self.lengths.entry(begin).or_default();
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if let Err(at) = lengths.binary_search(&length) {
            lengths.insert(at, length);
        }
    }

    /// The first text of those for which `known` holds, with its place; of two that begin there the longer.
    pub(super) fn find(&self, text: &str, known: &dyn Fn(&str) -> bool) -> Option<std::ops::Range<usize>> {
        if self.filter.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        for at in 0..bytes.len().saturating_sub(SHORTEST - 1) {
            let Some(begin) = begin(&bytes[at..]) else { break };
            let (word, bit) = place(begin);
            if self.filter[word] & bit == 0 {
                continue;
            }
            let Some(lengths) = self.lengths.get(&begin) else {
                continue;
            };
            for length in lengths.iter().rev() {
                let end = at + *length as usize;
                if text.get(at..end).is_some_and(known) {
                    return Some(at..end);
                }
            }
        }
        None
    }
}

fn begin(bytes: &[u8]) -> Option<u64> {
    let [a, b, c, d, e, f, ..] = *bytes else { return None };
    Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

fn place(begin: u64) -> (usize, u64) {
    let hash = begin.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS);
    // Of `BITS` bits, which every `usize` holds.
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_that_begins_first_is_found() {
        let texts = ["alice.muster", "alice.muster.x", "muster.x", "short", "ünïcöde"];
        let mut needles = Needles::default();
        texts.iter().for_each(|text| needles.add(text));
        let find = |text: &str| {
            let found = needles.find(text, &|found| texts.contains(&found));
            found.map(|range| text[range].to_owned())
        };
        assert_eq!(find("by alice.muster"), Some("alice.muster".to_owned()));
        assert_eq!(find("by alice.muster.xyz"), Some("alice.muster.x".to_owned()));
        assert_eq!(find("a muster.x b"), Some("muster.x".to_owned()));
        assert_eq!(find("ääünïcödeä"), Some("ünïcöde".to_owned()));
        for none in ["", "short", "alice.muste", "ünïcöd"] {
            assert_eq!(find(none), None);
        }
        assert_eq!(Needles::default().find("alice.muster", &|_| true), None);
    }
}
