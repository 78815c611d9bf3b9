//! Searches for many texts in another one. The time is linear in the length of the searched text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Stores the texts of which only the beginning is indexed. The owner has all others and is asked about them.
#[derive(Default)]
pub(super) struct SubstringIndex {
    beginnings: PrefixIndex,
    /// Texts of which only the beginning is indexed, in order.
    longer: Vec<LongText>,
}

/// A text, and other texts that are prefixes of it, by index.
struct LongText {
    text: Arc<str>,
    /// The longest one.
    prefix: Option<usize>,
    /// A shorter one, so that the number of steps to a prefix of any length is logarithmic (a jump pointer).
    jump: Option<usize>,
    /// The number of texts that are prefixes of this one.
    depth: usize,
}

/// A text that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SubstringMatch<'a> {
    /// The range in the searched text: the complete text or, for a long one, at least its beginning.
    pub(super) range: Range<usize>,
    pub(super) needle: &'a str,
}

impl<'a> SubstringMatch<'a> {
    /// Returns a shorter complete match instead of a beginning, unless many compared bytes would be compared again.
    fn unless_better(self, whole: SubstringMatch<'a>) -> SubstringMatch<'a> {
        let is_beginning = self.range.len() < self.needle.len();
        let is_long = self.range.len() > whole.range.len() + MAX_COMPARED_AGAIN;
        if is_beginning && !is_long { whole } else { self }
    }
}

impl SubstringIndex {
    /// Indexes these texts. A text that is too short is never found.
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let mut index = Self::default();
        let longer = texts.filter(|text| index.beginnings.add(text).len() < text.len());
        let mut longer: Vec<&Arc<str>> = longer.collect();
        longer.sort_unstable();
        // The texts that are prefixes of the previous one, including itself.
        let mut prefixes: Vec<usize> = Vec::new();
        for (number, text) in longer.iter().enumerate() {
            let is_different = |prefix: &mut usize| !text.starts_with(&**longer[*prefix]);
            while prefixes.pop_if(is_different).is_some() {}
            index.add_longer(text, prefixes.last().copied());
            prefixes.push(number);
        }
        index
    }

    fn add_longer(&mut self, text: &Arc<str>, prefix: Option<usize>) {
        let jump_of = |number: Option<usize>| number.and_then(|number| self.longer[number].jump);
        let depth_of = |number: Option<usize>| number.map_or(0, |number| self.longer[number].depth + 1);
        let (first, second) = (jump_of(prefix), jump_of(jump_of(prefix)));
        // Two jumps of equal length become one that is twice as long.
        let is_equal = first.is_some() && depth_of(prefix) - depth_of(first) == depth_of(first) - depth_of(second);
        self.longer.push(LongText {
            text: Arc::clone(text),
            prefix,
            jump: if is_equal { second } else { prefix },
            depth: depth_of(prefix),
        });
    }

    /// Returns the first match. Texts of at most `MAX_BYTES` bytes only count if `known` returns true. Of several
    /// matches at the same position, the longest complete one is returned.
    pub(super) fn find<'a>(&'a self, text: &'a str, known: &dyn Fn(&str) -> bool) -> Option<SubstringMatch<'a>> {
        for at in 0..text.len() {
            for length in self.beginnings.lengths(&text.as_bytes()[at..]) {
                let range = at..at + length;
                let Some(needle) = text.get(range.clone()) else {
                    continue;
                };
                let is_beginning = length > MAX_BYTES - MAX_CHAR_BYTES;
                let longer = is_beginning.then(|| self.longest(text, at)).flatten();
                let whole = known(needle).then_some(SubstringMatch { range, needle });
                match (longer, whole) {
                    (Some(longer), Some(whole)) => return Some(longer.unless_better(whole)),
                    (Some(found), _) | (None, Some(found)) => return Some(found),
                    (None, None) => {}
                }
            }
        }
        None
    }

    /// Of the texts that are longer than their indexed beginnings, returns the longest one that is completely found at
    /// this position, or, if there is none or its beginning is much longer, the one with the longest common beginning. The compared range is the match,
    /// so that it is not compared again for the next one.
    fn longest<'a>(&'a self, text: &'a str, at: usize) -> Option<SubstringMatch<'a>> {
        let rest = &text[at..];
        let after = self.longer.partition_point(|longer| *longer.text <= *rest);
        let found = |number: usize| {
            let needle = &*self.longer.get(number)?.text;
            let range = at..at + common_bytes(needle, rest);
            Some(SubstringMatch { range, needle })
        };
        let before = after.checked_sub(1);
        let longest_before = before.and_then(found);
        let common = longest_before.as_ref().map_or(0, |found| found.range.len());
        let either = longest_before.into_iter().chain(found(after));
        let longest = either.max_by_key(|found| found.range.len())?;
        // The previous text begins with every text that is completely found.
        let mut whole = before;
        while let Some(number) = whole {
            let LongText { text, prefix, jump, .. } = &self.longer[number];
            if text.len() <= common {
                let range = at..at + text.len();
                return Some(longest.unless_better(SubstringMatch { range, needle: text }));
            }
            whole = match jump {
                Some(jump) if self.longer[*jump].text.len() > common => Some(*jump),
                _ => *prefix,
            };
        }
        Some(longest).filter(|found| found.range.len() >= char_boundary(found.needle, MAX_BYTES))
    }
}

/// Returns the length of the common beginning of two texts in bytes, for complete characters.
fn common_bytes(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    char_boundary(a, same)
}

/// The minimum size of a text in bytes. Shorter texts would be found everywhere.
pub(crate) const MIN_BYTES: usize = 6;
/// The number of bytes of a text that are indexed. The limit keeps the time for each position constant.
const MAX_BYTES: usize = 64;
/// The number of bytes that are compared again after a match. The limit keeps the time linear.
const MAX_COMPARED_AGAIN: usize = 4096;
/// The length of the longest character in UTF-8.
const MAX_CHAR_BYTES: usize = 4;
/// The size of the filter in bits, as a power of two.
const FILTER_BITS: u32 = 22;

/// The lengths of texts by their first bytes. The texts themselves stay with their owner.
#[derive(Default)]
pub(crate) struct PrefixIndex {
    /// Bit `n` represents a length of `n + 1` bytes.
    lengths: HashMap<[u8; MIN_BYTES], u64>,
    /// A bit for each hash of first bytes.
    filter: Vec<u64>,
}

impl PrefixIndex {
    /// Adds a text that is long enough, and returns the beginning that is indexed.
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

    /// Returns the lengths of indexed texts that start with the first bytes of a text, the longest first.
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
    // There are `FILTER_BITS` bits, which fit into a `usize`.
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Returns the last character boundary within this number of bytes.
fn char_boundary(text: &str, bytes: usize) -> usize {
    let most = bytes.min(text.len());
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
    fn long_text_is_found_by_its_existing_prefix() {
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
                .expect("it is found");
            assert_eq!((&text[found.range], found.needle), (part, needle), "{text}");
        }
        assert_eq!(substrings.find(&"ä".repeat(31), &|found| known.contains(found)), None);
    }

    #[test]
    fn complete_match_is_preferred_among_texts_with_a_common_prefix() {
        let beginning = "x".repeat(MAX_BYTES);
        let [short, long] = [&beginning[..], &format!("{beginning}yz")];
        let (substrings, known) = substrings([short, long]);
        for (text, needle) in [(format!("{short}y"), short), (format!("{long}!"), long)] {
            let found = substrings
                .find(&text, &|found| known.contains(found))
                .expect("it is found");
            assert_eq!((found.needle, found.range), (needle, 0..needle.len()));
        }
    }

    /// Takes minutes to hours if each length is looked up, or long texts are compared, at each position.
    #[test]
    fn text_is_searched_in_linear_time() {
        let lengths: Vec<String> = (0..3000).map(|n| format!("aaaaaa{}", "b".repeat(n))).collect();
        let nested: Vec<String> = (70..3000).map(|n| "d".repeat(n)).collect();
        let long = format!("{}x", "c".repeat(1 << 20));
        let prefixes = ["e".repeat(64), "e".repeat(100), format!("{}x", "e".repeat(1 << 22))];
        let texts = lengths.iter().chain(&nested).chain([&long]).chain(&prefixes);
        let (substrings, known) = substrings(texts.map(String::as_str));
        for text in [
            "aaaaaac".repeat(1 << 17),
            "aaaaaabbbd".repeat(1 << 16),
            "c".repeat(1 << 20),
            "e".repeat(1 << 22),
            "dddddde".repeat(1 << 17),
            format!("{}e", "d".repeat(69)).repeat(1 << 13),
        ] {
            let mut rest = text.as_str();
            while let Some(found) = substrings.find(rest, &|found| found.len() > 60 && known.contains(found)) {
                rest = &rest[found.range.end..];
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_is_found_at_its_position(
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
