//! Many texts looked for at once in another, in time that is linear in the other, whatever the texts are.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The texts stay with their owner, who is asked, but those of which only the beginning is indexed.
#[derive(Default)]
pub(super) struct SubstringIndex {
    beginnings: PrefixIndex,
    /// Texts of which only the beginning is indexed, by it, in order.
    longer: HashMap<Box<str>, Vec<Long>>,
}

/// A long text, and the longest other one of the same beginning that it starts with.
type Long = (Arc<str>, Option<usize>);

/// A needle found in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SubstringMatch<'a> {
    /// What of the text is of the needle: all of it, or of a long one at least its beginning.
    pub(super) range: Range<usize>,
    pub(super) needle: &'a str,
}

impl SubstringIndex {
    /// Of these texts; one that is too short is never found.
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let mut index = Self::default();
        for text in texts {
            let beginning = index.beginnings.add(text);
            if beginning.len() < text.len() {
                let longer = index.longer.entry(beginning.into()).or_default();
                longer.push((Arc::clone(text), None));
            }
        }
        for longer in index.longer.values_mut() {
            longer.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            // Those that the one before starts with, itself included.
            let mut prefixes: Vec<usize> = Vec::new();
            for number in 0..longer.len() {
                while prefixes
                    .pop_if(|prefix| !longer[number].0.starts_with(&*longer[*prefix].0))
                    .is_some()
                {}
                longer[number].1 = prefixes.last().copied();
                prefixes.push(number);
            }
        }
        index
    }

    /// The first needle, of those that have at most `MAX_BYTES` bytes one for which `known` holds; of several that begin
    /// there the longest that is there as a whole.
    pub(super) fn find<'a>(&'a self, text: &'a str, known: &dyn Fn(&str) -> bool) -> Option<SubstringMatch<'a>> {
        for at in 0..text.len() {
            for length in self.beginnings.lengths(&text.as_bytes()[at..]) {
                let range = at..at + length;
                let Some(needle) = text.get(range.clone()) else {
                    continue;
                };
                let longer = self.longer.get(needle).and_then(|longer| longest(longer, text, at));
                let whole = known(needle).then_some(SubstringMatch { range, needle });
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
fn longest<'a>(longer: &'a [Long], text: &str, at: usize) -> Option<SubstringMatch<'a>> {
    let rest = &text[at..];
    let after = longer.partition_point(|(needle, _)| **needle <= *rest);
    let found = |number: usize| {
        let (needle, _) = longer.get(number)?;
        let range = at..at + common_bytes(needle, rest);
        Some(SubstringMatch { range, needle })
    };
    let before = after.checked_sub(1);
    let longest_before = before.and_then(found);
    let common = longest_before.as_ref().map_or(0, |found| found.range.len());
    // Whatever is there as a whole, the needle before starts with it.
    let mut whole = before;
    while let Some(number) = whole {
        let (needle, prefix) = &longer[number];
        if needle.len() <= common {
            let range = at..at + needle.len();
            return Some(SubstringMatch { range, needle });
        }
        whole = *prefix;
    }
    longest_before
        .into_iter()
        .chain(found(after))
        .max_by_key(|found| found.range.len())
}

/// How many bytes, of whole characters, two texts begin with in common.
fn common_bytes(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    char_boundary(a, same)
}

/// Bytes that every text has: shorter ones would be found everywhere.
pub(crate) const MIN_BYTES: usize = 6;
/// Bytes of a text that count. The bound keeps the time for each place constant, whatever the texts are.
const MAX_BYTES: usize = 64;
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
            let (word, bit) = filter_bit(*first);
            self.filter[word] |= bit;
        }
        beginning
    }

    /// The lengths of beginnings that start with the first bytes of a text, the longest first.
    pub(crate) fn lengths(&self, text: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let first = text.first_chunk().filter(|first| {
            let (word, bit) = filter_bit(**first);
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

fn filter_bit(first: [u8; MIN_BYTES]) -> (usize, u64) {
    let [a, b, c, d, e, f] = first;
    let number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    // Of `FILTER_BITS` bits, which every `usize` holds.
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The last boundary between characters that is not behind so many bytes.
fn char_boundary(text: &str, bytes: usize) -> usize {
    let most = bytes.min(text.len());
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn substrings<'a>(texts: impl IntoIterator<Item = &'a str>) -> (SubstringIndex, HashSet<&'a str>) {
        let known: HashSet<&str> = texts.into_iter().collect();
        let texts: Vec<Arc<str>> = known.iter().copied().map(Arc::from).collect();
        (SubstringIndex::new(texts.iter()), known)
    }

    #[test]
    fn leftmost_longest_match_is_found() {
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
        let beginning = "x".repeat(MAX_BYTES);
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
