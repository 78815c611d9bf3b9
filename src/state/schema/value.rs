//! The texts in the state: their kinds, their fields, and the detectors and categories that they belong to.

/// The kind of a text in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// A value of the partition field.
    Partition,
    /// A value of the by field.
    By,
    /// A value of the over field.
    Over,
    /// A value of an influencer field.
    Influencer,
    /// A value that `distinct_count` or `info_content` counted in an open bucket.
    Counted,
    /// The hash of such a value: a decimal number, the [`value_hash`](crate::state::hash::value_hash) of the value. It
    /// is followed by the value, or is alone in the data of an influencer.
    ValueHash,
    /// A token of a category.
    CategoryToken,
    /// The first message of a category.
    CategoryMessage,
    /// An example of a category.
    CategoryExample,
    /// The hash of names and values that identifies the largest score of a normalizer: a decimal number, a
    /// [`scope_hash`](crate::state::hash::scope_hash).
    ScopeHash,
    /// The number of rules that a detector has permanently applied. They are identified by checksums that include the
    /// contents of filters. Visited only if it is not 0.
    RuleChecksums,
}

/// The location of a text.
#[derive(Clone, Copy, Debug)]
pub struct ValueLocation<'a> {
    /// The kind of the text.
    pub kind: ValueKind,
    /// The field of the value, if the state contains its name.
    pub field: Option<&'a str>,
    /// The detector that the text belongs to. `None` in quantiles and in the state of a categorizer.
    pub detector: Option<&'a Detector>,
}

/// What to do with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep it.
    Keep,
    /// Replace it with this text.
    Replace(String),
    /// Drop it: a single word, or a scope hash with its score.
    Drop,
    /// Refuse the state for this reason.
    Refuse(&'static str),
}

/// Receives every text.
pub trait Visitor {
    /// Called for each text in the order of the state. The empty text is a value too.
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change;

    /// Called at the end of each category, in the order of the state, with the `max_matching_length` of its definition
    /// before and after its message was replaced.
    fn category(&mut self, _max_matching_lengths: [u64; 2]) {}
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
    /// `field_name`. This name and the following ones are empty if the detector does not have such a field.
    pub field: String,
    /// `by_field_name`.
    pub by: String,
    /// `over_field_name`.
    pub over: String,
    /// `partition_field_name`.
    pub partition: String,
    /// The job's influencers.
    pub influencers: Vec<String>,
    /// The value of the partition field.
    pub partition_value: String,
}

/// The kind of model that a function uses. It determines where rule checksums are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelKind {
    Counting,
    Individual,
    Population,
}

impl Detector {
    /// Sets the function by its number. Returns false if the number is unknown.
    pub(super) fn set_function(&mut self, number: Option<u64>) -> bool {
        self.function = number.filter(|number| matches!(number, 0..=16 | 100..=122 | 200..=214 | 300..=319));
        self.function.is_some()
    }

    /// `None` until the function is known.
    pub(super) fn model(&self) -> Option<ModelKind> {
        Some(match self.function? {
            0 if self.by == "count" => ModelKind::Counting,
            0..200 => ModelKind::Individual,
            _ => ModelKind::Population,
        })
    }

    /// Whether this is the job's own counter of all records, which has no values.
    pub fn is_counter(&self) -> bool {
        self.model() == Some(ModelKind::Counting)
    }
}

/// A category whose members are being read.
#[derive(Debug, Default)]
pub(super) struct OpenCategory {
    /// The length of the stored message in bytes, before and after it was replaced.
    pub(super) message: (u64, u64),
    /// The length of the first message in bytes, before and after.
    base: Option<(u64, u64)>,
    pub(super) common_tokens: u64,
}

impl OpenCategory {
    /// Receives the length of the first message and returns its new length.
    pub(super) fn take_base(&mut self, before: u64) -> u64 {
        let (old, new) = self.message;
        // If filters removed a part of the message, that part is assumed to grow in proportion.
        let after = if before == old { new } else { scaled(before, new, old) };
        self.base = Some((before, after));
        after
    }

    /// Returns the new length of the longest message, which grows in proportion to the first one, and the
    /// `max_matching_length` of the category's definition before and after.
    pub(super) fn lengths(&self, longest: u64) -> (u64, [u64; 2]) {
        let (old, new) = self.base.unwrap_or(self.message);
        let new_longest = scaled(longest, new, old);
        // State from before 7.9 does not contain the length of the first message.
        let (base, new_base) = self.base.unwrap_or((longest, new_longest));
        let max_matching = [(base, longest), (new_base, new_longest)];
        (
            new_longest,
            max_matching.map(|(base, longest)| self.max_matching(base, longest)),
        )
    }

    /// Computes `max_matching_length` like `CTokenListCategory::maxMatchingStringLen`.
    fn max_matching(&self, base: u64, longest: u64) -> u64 {
        // Autodetect computes it as a double and truncates it.
        let by_tokens = base.min(longest) as f64 * (self.common_tokens as f64 / 1.5).max(2.0);
        let extended = (longest.saturating_mul(11) / 10).min(by_tokens as u64);
        longest.max(extended)
    }
}

/// Returns `length * new / old`, rounded up.
pub fn scaled(length: u64, new: u64, old: u64) -> u64 {
    if old == 0 || new == old {
        return length;
    }
    let scaled = (u128::from(length) * u128::from(new)).div_ceil(u128::from(old));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(message: (u64, u64), base: Option<u64>, common_tokens: u64) -> OpenCategory {
        let mut category = OpenCategory {
            message,
            common_tokens,
            base: None,
        };
        base.map(|base| category.take_base(base));
        category
    }

    #[test]
    fn category_lengths_match_the_message() {
        for (message, longest, base, wanted) in [
            ((72, 181), 76, Some(72), (Some(181), 192)),
            ((72, 72), 76, Some(72), (Some(72), 76)),
            // The filters removed 28 of 100 bytes.
            ((72, 144), 150, Some(100), (Some(200), 300)),
            // State from before 7.9 does not contain the length of the first message.
            ((72, 181), 76, None, (None, 192)),
            ((0, 0), 76, Some(40), (Some(40), 76)),
            ((1, 18), u64::MAX, Some(1), (Some(18), u64::MAX)),
        ] {
            let category = category(message, base, 0);
            let after = (category.base.map(|(_, after)| after), category.lengths(longest).0);
            assert_eq!(after, wanted, "{message:?} {longest} {base:?}");
        }
    }

    #[test]
    fn max_matching_length_equals_that_of_autodetect() {
        for (base, longest, tokens, wanted) in [
            (Some(72), 72, 9, 79),
            (Some(10), 40, 2, 40),
            (Some(30), 58, 1, 60),
            (Some(30), 50, 1, 55),
            (None, 100, 0, 110),
        ] {
            let (_, [before, _]) = category((1, 1), base, tokens).lengths(longest);
            assert_eq!(before, wanted, "{base:?} {longest} {tokens}");
        }
    }
}
