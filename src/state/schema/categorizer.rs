//! The form of a categorizer's state: one group of elements for each value of the partition field, or one; and the
//! lengths of its categories.
//!
//! Autodetect accepts a message into a category without comparing it further only if the message is not longer than the
//! category allows. It counts bytes of UTF-8 of the message before `categorization_filters` are applied, while the
//! category keeps the message as the filters left it. Source: `CTokenListCategory` and `CFieldDataCategorizer` in ml-cpp.

use super::level::CategoryMember::{BaseLength, CommonToken, LongestLength};
use super::level::Leaf::{Category, Constant, Numbers as Number, Text};
use super::level::Rule::{Leaf, Numbers};
use super::level::{CategoryMember, Level, Role, Rule};
use super::value::{Lengths, ValueKind};

pub(super) static STATE: Level = Level::new(&[
    ("a", Leaf(Constant("1"))),
    ("b", Rule::Level(&CATEGORIES)),
    ("c", Rule::Level(&Level::new(&[("a", Rule::Level(&EXAMPLES))]))),
    // Numbers of the categories, where there are partitions.
    ("d", Numbers),
    ("e", Rule::Level(&PARTITIONS)),
    ("f", Leaf(Number)),
    ("g", Leaf(Number)),
]);

static PARTITIONS: Level = Level::new(&[("a", Leaf(Text(ValueKind::Partition))), ("d", Leaf(Number))]);

static CATEGORIES: Level = Level::new(&[
    ("a", Leaf(Text(ValueKind::CategoryToken))),
    ("b", Leaf(Number)),
    ("c", Rule::Level(&CATEGORY)),
    ("d", Leaf(Number)),
]);

static CATEGORY: Level = Level::new(&[
    ("a", Leaf(Text(ValueKind::CategoryMessage))),
    ("b", Leaf(Number)),
    ("c", Leaf(Number)),
    ("d", Leaf(Category(LongestLength))),
    ("e", Leaf(Number)),
    ("f", Leaf(Category(CommonToken))),
    ("g", Leaf(Number)),
    ("h", Leaf(Number)),
    ("i", Leaf(Number)),
    ("j", Leaf(Number)),
    ("k", Leaf(Category(BaseLength))),
])
.with(Role::Category);

static EXAMPLES: Level = Level::new(&[("b", Leaf(Number)), ("c", Leaf(Text(ValueKind::CategoryExample)))]);

/// A category while its members are read.
#[derive(Debug, Default)]
pub(super) struct OpenCategory {
    /// Bytes of the message that it keeps, before and after it was replaced.
    message: (u64, u64),
    /// Before and after.
    base: Option<(u64, u64)>,
    longest: Option<u64>,
    common_tokens: u64,
}

impl OpenCategory {
    pub(super) fn message(&mut self, before: usize, after: usize) {
        self.message = (before as u64, after as u64);
    }

    pub(super) fn has_longest(&self) -> bool {
        self.longest.is_some()
    }

    /// Takes a member; returns the length that it has from now on. That of the longest message is known at the end.
    pub(super) fn take(&mut self, member: CategoryMember, text: &str) -> Option<u64> {
        match member {
            CategoryMember::CommonToken => {
                self.common_tokens += 1;
                None
            }
            CategoryMember::LongestLength => {
                self.longest = text.parse().ok();
                None
            }
            CategoryMember::BaseLength => {
                let before = text.parse().ok()?;
                let (old, new) = self.message;
                let after = match before == old {
                    true => new,
                    // Filters were applied: what they removed grows as the rest does.
                    false => scaled(before, new, old),
                };
                self.base = Some((before, after));
                Some(after)
            }
        }
    }

    /// What the lengths were, and what they are; the length of the longest message grows as that of the first.
    pub(super) fn lengths(&self) -> Option<(Lengths, Lengths)> {
        let longest = self.longest?;
        let (old, new) = self.base.unwrap_or(self.message);
        let of = |base, longest| Lengths {
            base,
            longest,
            common_tokens: self.common_tokens,
        };
        Some((
            of(self.base.map(|(before, _)| before), longest),
            of(self.base.map(|(_, after)| after), scaled(longest, new, old)),
        ))
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

    fn category(message: (usize, usize), longest: &str, base: Option<&str>, tokens: usize) -> (Lengths, Lengths) {
        let mut category = OpenCategory::default();
        category.message(message.0, message.1);
        category.take(CategoryMember::LongestLength, longest);
        for _ in 0..tokens {
            category.take(CategoryMember::CommonToken, "1");
        }
        base.and_then(|base| category.take(CategoryMember::BaseLength, base));
        category.lengths().unwrap_or_default()
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
            let (_, after) = category(message, longest, base, 0);
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
            let (before, _) = category((1, 1), longest, base, tokens);
            assert_eq!(before.max_matching(), wanted, "{base:?} {longest} {tokens}");
        }
    }
}
