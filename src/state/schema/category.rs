//! The lengths of a category.
//!
//! Autodetect accepts a message into a category without comparing it further only if the message is not longer than the
//! category allows. It counts bytes of UTF-8 of the message before `categorization_filters` are applied, while the
//! category keeps the message as the filters left it. Source: `CTokenListCategory` and `CFieldDataCategorizer` in ml-cpp.

/// The lengths of a category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Bytes of the message that it began with. A state from before 7.9 has none.
    pub base: Option<u64>,
    /// Bytes of its longest message.
    pub longest: u64,
    /// Number of distinct tokens that all its messages have.
    pub common_tokens: u64,
}

impl Lengths {
    /// The `max_matching_length` of the category's definition: `CTokenListCategory::maxMatchingStringLen`.
    pub fn max_matching(&self) -> u64 {
        let base = self.base.unwrap_or(self.longest).min(self.longest);
        // Autodetect computes it with a double, and cuts the fraction off.
        let by_tokens = base as f64 * (self.common_tokens as f64 / 1.5).max(2.0);
        let extended = (self.longest.saturating_mul(11) / 10).min(by_tokens as u64);
        self.longest.max(extended)
    }
}

/// A category while its members are read.
#[derive(Debug, Default)]
pub(super) struct OpenCategory {
    /// Bytes of the message that it keeps, before and after it was replaced.
    pub(super) message: (u64, u64),
    /// Bytes of the message that it began with, before and after.
    base: Option<(u64, u64)>,
    pub(super) common_tokens: u64,
}

impl OpenCategory {
    /// Takes the length of the message that it began with; returns the length that it has from now on.
    pub(super) fn take_base(&mut self, before: u64) -> u64 {
        let (old, new) = self.message;
        // Where filters were applied, what they removed grows as the rest does.
        let after = if before == old { new } else { scaled(before, new, old) };
        self.base = Some((before, after));
        after
    }

    /// What the lengths were, and what they are; the length of the longest message grows as that of the first.
    pub(super) fn lengths(&self, longest: u64) -> [Lengths; 2] {
        let (old, new) = self.base.unwrap_or(self.message);
        let lengths = |base, longest| Lengths {
            base,
            longest,
            common_tokens: self.common_tokens,
        };
        [
            lengths(self.base.map(|(before, _)| before), longest),
            lengths(self.base.map(|(_, after)| after), scaled(longest, new, old)),
        ]
    }
}

/// `length * new / old`, rounded up.
fn scaled(length: u64, new: u64, old: u64) -> u64 {
    if old == 0 || new == old {
        return length;
    }
    let scaled = (u128::from(length) * u128::from(new)).div_ceil(u128::from(old));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(message: (u64, u64), longest: &str, base: Option<&str>, common_tokens: u64) -> [Lengths; 2] {
        let mut category = OpenCategory {
            message,
            common_tokens,
            base: None,
        };
        base.map(|base| category.take_base(base.parse().unwrap()));
        category.lengths(longest.parse().unwrap())
    }

    #[test]
    fn lengths_follow_the_message() {
        for (message, longest, base, wanted) in [
            ((72, 181), "76", Some("72"), (Some(181), 192)),
            ((72, 72), "76", Some("72"), (Some(72), 76)),
            // The filters removed 28 bytes of 100.
            ((72, 144), "150", Some("100"), (Some(200), 300)),
            // No length of the first message before 7.9.
            ((72, 181), "76", None, (None, 192)),
            ((0, 0), "76", Some("40"), (Some(40), 76)),
            ((1, 18), "18446744073709551615", Some("1"), (Some(18), u64::MAX)),
        ] {
            let [_, after] = category(message, longest, base, 0);
            assert_eq!((after.base, after.longest), wanted, "{message:?} {longest} {base:?}");
        }
    }

    #[test]
    fn the_longest_match_is_that_of_autodetect() {
        for (base, longest, tokens, wanted) in [
            (Some("72"), "72", 9, 79),
            (Some("10"), "40", 2, 40),
            (Some("30"), "58", 1, 60),
            (Some("30"), "50", 1, 55),
            (None, "100", 0, 110),
        ] {
            let [before, _] = category((1, 1), longest, base, tokens);
            assert_eq!(before.max_matching(), wanted, "{base:?} {longest} {tokens}");
        }
    }
}
