//! What texts of the state are: their kinds, their fields, and the detectors and categories that they belong to.

/// What a text in the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// The name of one field.
    FieldName,
    /// Names of fields and a function, blanks between them: how a normaliser describes itself.
    FieldNames,
    /// A value of the partition field.
    Partition,
    /// A value of the by field.
    By,
    /// A value of the over field.
    Over,
    /// A value of an influencer field.
    Influencer,
    /// A value that `distinct_count` or `info_content` has met in a bucket that is still open.
    Counted,
    /// The hash of such a value: a decimal number, the [`value_hash`](crate::state::hash::value_hash) of the value. Before
    /// the value itself, or alone where it stands for an influencer's share.
    ValueHash,
    /// A token of a category.
    CategoryToken,
    /// The message that began a category.
    CategoryMessage,
    /// An example of a category.
    CategoryExample,
    /// The hash of names and values that a normaliser knows its largest score by: a decimal number, a
    /// [`scope_hash`](crate::state::hash::scope_hash).
    ScopeHash,
    /// The number of rules that a detector has applied for good, known by checksums that cover the contents of filters.
    /// Asked about only where it is not 0.
    RuleChecksums,
}

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub struct ValueLocation<'a> {
    /// What it is.
    pub kind: ValueKind,
    /// The field that it is a value of, where the state tells.
    pub field: Option<&'a str>,
    /// The detector that it belongs to; none in a categorizer's state and in quantiles.
    pub detector: Option<&'a Detector>,
    /// It stands in a register of names, where `-` is the name of a place that was given up.
    pub registered: bool,
}

/// What becomes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays.
    Keep,
    /// This stands in its place.
    Replace(String),
    /// It goes: a word alone, a scope key with its score.
    Drop,
    /// It must not be there: the state is refused for this reason.
    Refuse(&'static str),
}

/// Hears of every text.
pub trait Visitor {
    /// A text, in the order of the state. The empty text is a value too.
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change;

    /// A category has ended: its lengths before and after its message was replaced, in the order of the state.
    fn category(&mut self, _before: &Lengths, _after: &Lengths) {}
}

impl<F: FnMut(&ValueLocation<'_>, &str) -> Change> Visitor for F {
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change {
        self(location, text)
    }
}

/// A detector for one value of its partition field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detector {
    function: Option<u64>,
    /// `field_name`; empty where it has none, as all of these.
    pub field: String,
    /// `by_field_name`.
    pub by: String,
    /// `over_field_name`.
    pub over: String,
    /// `partition_field_name`.
    pub partition: String,
    /// The job's influencers.
    pub influencers: Vec<String>,
    /// Its value of the partition field.
    pub partition_value: String,
}

/// Which model a function has: they persist their rule checksums in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelKind {
    Counting,
    Individual,
    Population,
}

impl Detector {
    /// Takes the number of its function; false where it is not known.
    pub(super) fn set_function(&mut self, number: Option<u64>) -> bool {
        self.function = number.filter(|number| matches!(number, 0..=16 | 100..=122 | 200..=214 | 300..=319));
        self.function.is_some()
    }

    /// None before its function is known.
    pub(super) fn model(&self) -> Option<ModelKind> {
        Some(match self.function? {
            0 if self.by == "count" => ModelKind::Counting,
            0..200 => ModelKind::Individual,
            _ => ModelKind::Population,
        })
    }

    /// Whether it is the job's own counter of all records, which has no values.
    pub fn is_counter(&self) -> bool {
        self.model() == Some(ModelKind::Counting)
    }
}

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
    fn max_matching_length_equals_that_of_autodetect() {
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
