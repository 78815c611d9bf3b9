//! Many texts looked for at once in another, in time that is linear in the other, whatever the texts are.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that every needle has: shorter ones would be found everywhere.
pub(super) const MIN_BYTES: usize = 6;
/// Bytes of a needle that are looked up at each place. Of a longer one the rest is only compared where these are found.
const MAX_INDEXED_BYTES: usize = 64;
/// Bits of the filter before the map.
const FILTER_BITS: u32 = 22;

/// Which texts may begin at a place: by their first bytes, their lengths. The texts themselves stay with their owner,
/// who is asked.
#[derive(Default)]
pub(super) struct SubstringIndex {
    /// Bit `n` stands for `n + 1` bytes.
    lengths: HashMap<u64, u64>,
    filter: Vec<u64>,
    /// Texts of more than [`MAX_INDEXED_BYTES`] bytes by their beginning, in order once [`sort`](Self::sort)ed.
    longer: HashMap<Box<str>, Vec<Long>>,
}

struct Long {
    text: Arc<str>,
    /// The longest other one of the same beginning that it starts with.
    prefix: Option<usize>,
}

/// A needle found in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// What of the text is of the needle: all of it, or of a long one at least its beginning.
    pub(super) range: Range<usize>,
    pub(super) needle: &'a str,
}

impl SubstringIndex {
    /// Adds a text; one that is too short is never found.
    pub(super) fn add(&mut self, text: &Arc<str>) {
        let Some(begin) = begin(text.as_bytes()) else { return };
        if self.filter.is_empty() {
            self.filter = vec![0; 1 << (FILTER_BITS - 6)];
        }
        let (word, bit) = place(begin);
        self.filter[word] |= bit;
        let beginning = &text[..char_boundary(text, MAX_INDEXED_BYTES)];
        *self.lengths.entry(begin).or_default() |= 1 << (beginning.len() - 1);
        if beginning.len() < text.len() {
            let long = Long {
                text: Arc::clone(text),
                prefix: None,
            };
            self.longer.entry(beginning.into()).or_default().push(long);
        }
    }

    /// Makes what was added ready to be found.
    pub(super) fn sort(&mut self) {
        for substrings in self.longer.values_mut() {
            substrings.sort_unstable_by(|a, b| a.text.cmp(&b.text));
            // Those that the one before starts with, itself included.
            let mut prefixes: Vec<usize> = Vec::new();
            for number in 0..substrings.len() {
                while let Some(prefix) = prefixes.last()
                    && !substrings[number].text.starts_with(&*substrings[*prefix].text)
                {
                    prefixes.pop();
                }
                substrings[number].prefix = prefixes.last().copied();
                prefixes.push(number);
            }
        }
    }

    /// The first needle, of those that have at most [`MAX_INDEXED_BYTES`] bytes one for which `known` holds; of several that begin
    /// there the longest that is there as a whole.
    pub(super) fn find<'a>(&'a self, text: &'a str, known: &dyn Fn(&str) -> bool) -> Option<Found<'a>> {
        if self.filter.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        for at in 0..bytes.len().saturating_sub(MIN_BYTES - 1) {
            let Some(begin) = begin(&bytes[at..]) else { break };
            let (word, bit) = place(begin);
            if self.filter[word] & bit == 0 {
                continue;
            }
            let mut lengths = self.lengths.get(&begin).copied().unwrap_or(0);
            while lengths != 0 {
                let length = 64 - lengths.leading_zeros() as usize;
                lengths &= !(1 << (length - 1));
                let Some(part) = text.get(at..at + length) else {
                    continue;
                };
                let whole = known(part).then(|| Found {
                    range: at..at + length,
                    needle: part,
                });
                let longer = self
                    .longer
                    .get(part)
                    .and_then(|substrings| longest(substrings, text, at));
                match (longer, whole) {
                    (Some(longer), Some(whole)) if longer.range.len() < longer.needle.len() => return Some(whole),
                    (Some(found), _) | (None, Some(found)) => return Some(found),
                    (None, None) => {}
                }
            }
        }
        None
    }
}

/// The longest needle that is there from this place on or, where none is as a whole, the one that has the most in common
/// with the text. What is compared is found, and not looked at again for the next one.
fn longest<'a>(substrings: &'a [Long], text: &str, at: usize) -> Option<Found<'a>> {
    let rest = &text[at..];
    let after = substrings.partition_point(|needle| *needle.text <= *rest);
    let found = |bytes: usize, needle: &'a Long| Found {
        range: at..at + bytes,
        needle: &needle.text,
    };
    let before = after.checked_sub(1);
    let common = before.map_or(0, |number| common_bytes(&substrings[number].text, rest));
    // Whatever is there as a whole, the needle before starts with it.
    let mut whole = before;
    while let Some(number) = whole {
        let needle = &substrings[number];
        if needle.text.len() <= common {
            return Some(found(needle.text.len(), needle));
        }
        whole = needle.prefix;
    }
    let before = before.map(|number| found(common, &substrings[number]));
    let after = substrings
        .get(after)
        .map(|needle| found(common_bytes(&needle.text, rest), needle));
    before.into_iter().chain(after).max_by_key(|found| found.range.len())
}

/// How many bytes, of whole characters, two texts begin with in common.
fn common_bytes(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    char_boundary(a, same)
}

/// The last boundary between characters that is not behind so many bytes.
fn char_boundary(text: &str, bytes: usize) -> usize {
    let most = bytes.min(text.len());
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn begin(bytes: &[u8]) -> Option<u64> {
    let [a, b, c, d, e, f, ..] = *bytes else { return None };
    Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

fn place(begin: u64) -> (usize, u64) {
    let hash = begin.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    // Of `FILTER_BITS` bits, which every `usize` holds.
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use super::*;

    fn substrings<'a>(texts: impl IntoIterator<Item = &'a str>) -> (SubstringIndex, HashSet<&'a str>) {
        let (mut substrings, mut known) = (SubstringIndex::default(), HashSet::new());
        for text in texts {
            substrings.add(&Arc::from(text));
            known.insert(text);
        }
        substrings.sort();
        (substrings, known)
    }

    #[test]
    fn the_longest_that_begins_first_is_found() {
        let (substrings, known) = substrings(["alice.muster", "alice.muster.x", "muster.x", "short", "ünïcöde"]);
        let find = |text: &str| {
            let found = substrings.find(text, &|found| known.contains(found))?;
            assert_eq!(&text[found.range], found.needle);
            Some(found.needle.to_owned())
        };
        assert_eq!(find("by alice.muster"), Some("alice.muster".to_owned()));
        assert_eq!(find("by alice.muster.xyz"), Some("alice.muster.x".to_owned()));
        assert_eq!(find("a muster.x b"), Some("muster.x".to_owned()));
        assert_eq!(find("ääünïcödeä"), Some("ünïcöde".to_owned()));
        for none in ["", "short", "alice.muste", "ünïcöd"] {
            assert_eq!(find(none), None);
        }
        assert_eq!(SubstringIndex::default().find("alice.muster", &|_| true), None);
    }

    #[test]
    fn a_long_needle_is_found_as_far_as_it_is_there() {
        let base = "ä".repeat(40);
        let [first, second] = ["first", "second of two"].map(|end| format!("{base}{end}"));
        let (substrings, known) = substrings([base.as_str(), first.as_str(), second.as_str()]);
        for (text, part, needle) in [
            (format!("x {first}!"), first.as_str(), first.as_str()),
            (format!("{second} "), &second, &second),
            (format!("{base}, "), &base, &base),
            (format!("{first} and x"), &first, &first),
            (format!("{base}sec"), &base, &base),
            (format!("-{}é", "ä".repeat(35)), &"ä".repeat(35), &second),
        ] {
            let found = substrings
                .find(&text, &|found| known.contains(found))
                .expect("it is there");
            assert_eq!((&text[found.range], found.needle), (part, needle), "{text}");
        }
        assert_eq!(substrings.find(&"ä".repeat(31), &|found| known.contains(found)), None);
    }

    #[test]
    fn of_needles_that_begin_alike_one_that_is_there_as_a_whole_is_found() {
        let beginning = "x".repeat(MAX_INDEXED_BYTES);
        let [short, long] = [&beginning[..], &format!("{beginning}yz")];
        let (substrings, known) = substrings([short, long]);
        for (text, needle) in [(format!("{short}y"), short), (format!("{long}!"), long)] {
            let found = substrings
                .find(&text, &|found| known.contains(found))
                .expect("it is there");
            assert_eq!((found.needle, found.range), (needle, 0..needle.len()));
        }
    }

    /// Minutes to hours, where each length of a needle is looked up at each place or a long one is compared at each.
    #[test]
    fn time_is_linear_in_the_text() {
        let lengths: Vec<String> = (0..3000).map(|n| format!("aaaaaa{}", "b".repeat(n))).collect();
        let long = format!("{}x", "c".repeat(1 << 20));
        let (substrings, known) = substrings(lengths.iter().chain([&long]).map(String::as_str));
        let begun = Instant::now();
        for text in [
            "aaaaaac".repeat(1 << 17),
            "aaaaaabbbd".repeat(1 << 16),
            "c".repeat(1 << 20),
        ] {
            let mut rest = text.as_str();
            while let Some(found) = substrings.find(rest, &|found| found.len() > 100 && known.contains(found)) {
                rest = &rest[found.range.end..];
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
