//! What texts of the state are: their kinds, their fields, and the detectors that they belong to.

use super::category::Lengths;

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
