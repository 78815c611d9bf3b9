//! The form of the state: the elements of each level, and their permitted contents.

use self::Rule::{
    BaseLength, Category, CommonToken, Constant, Deferred, Detector, Entry, FieldName, InfluencerNumber, Level, Number,
    Numbers, OneInfluencer, Text,
};
use super::value::{self, ModelKind, ValueKind};

/// The elements of a level, in any order and number. Elements with the same rule share a line; `#` at the end of a name
/// matches a number of dimensions.
pub(super) type Elements = &'static [(&'static str, Rule)];

/// The permitted content of an element.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// A nested level.
    Level(Elements),
    /// A level that starts a detector.
    Detector(Elements),
    /// A category, whose lengths depend on its message.
    Category(Elements),
    /// A level for one influencer. Siblings with the same name are for the next influencers.
    OneInfluencer(Elements),
    /// An entry of a level that starts with their number. It is dropped if its key is dropped.
    Entry(Elements),
    /// One text of numbers, or a nested level.
    NumbersOr(Elements),
    /// Numbers and levels that contain only numbers, or a list of rule checksums for this kind of model.
    Checksums(ModelKind),
    /// Numbers and levels that contain only numbers.
    Numbers,
    /// One text of numbers.
    Number,
    /// This exact text.
    Constant(&'static str),
    /// The cue of a normalizer.
    Cue,
    /// The function of a detector.
    Function,
    /// Names of fields and a function: the description of a normalizer.
    FieldNames,
    /// The name of a field in a detector's key, with the setter that stores it.
    FieldName(fn(&mut value::Detector, String)),
    /// The number of the influencer that the following items belong to.
    InfluencerNumber,
    /// A number that depends on what follows in this level: the number of entries, or the length of a category's
    /// longest message.
    Deferred,
    /// A text that is passed to the visitor.
    Text(ValueKind),
    /// The name of a person.
    Person,
    /// The name of an attribute.
    Attribute,
    /// The length of the first message of a category.
    BaseLength,
    /// A token that all messages of a category contain.
    CommonToken,
}

impl Rule {
    /// The elements of the nested level, if there is one for every kind of detector.
    pub(super) fn elements(self) -> Option<Elements> {
        match self {
            Level(elements) | Detector(elements) | Category(elements) | OneInfluencer(elements) => Some(elements),
            Entry(elements) | Self::NumbersOr(elements) => Some(elements),
            _ => None,
        }
    }
}

/// Returns the rule for the element with this name.
pub(super) fn rule(elements: Elements, name: &str) -> Option<Rule> {
    let is_named = |known: &str| match known.strip_suffix('#') {
        None => known == name,
        Some(letter) => name
            .strip_prefix(letter)
            .is_some_and(|digits| digits.parse::<u8>().is_ok_and(|number| number.to_string() == digits)),
    };
    let found = elements.iter().find(|(names, _)| names.split(' ').any(is_named));
    found.map(|(_, rule)| *rule)
}

pub(super) const MODEL: Rule = Level(&[
    ("a h j k l", Numbers),
    ("b", Constant("34")),
    ("detector", DETECTOR),
    // Score quantiles by level. Their keys are hashes of field names only.
    ("aggregator", Level(&[("a b c d e f", Numbers)])),
]);

const DETECTOR: Rule = Detector(&[
    ("c", Level(&[("d", KEY)])),
    ("d", Level(&[("c", Text(ValueKind::Partition))])),
    ("e", Level(&[("b", MODELED), ("f", Numbers)])),
]);

const KEY: Rule = Level(&[
    ("a", Rule::Function),
    ("b g i", Number),
    ("c", FieldName(|detector, name| detector.field = name)),
    ("d", FieldName(|detector, name| detector.by = name)),
    ("e", FieldName(|detector, name| detector.over = name)),
    ("f", FieldName(|detector, name| detector.partition = name)),
    ("h", FieldName(|detector, name| detector.influencers.push(name))),
]);

const MODELED: Rule = Level(&[("a", GATHERED), ("b", Level(&[("d", MATHEMATICAL_MODEL)]))]);

/// Data that a detector has gathered in open buckets.
const GATHERED: Rule = Level(&[
    ("a", Number),
    ("b", Level(&[("a", Rule::Person), ("b c", Numbers)])),
    ("c", Level(&[("a", Rule::Attribute), ("b c", Numbers)])),
    ("d", Numbers),
    ("e", Level(&[("a", EVENTS), ("b", METRICS)])),
]);

const INFLUENCER: Rule = Text(ValueKind::Influencer);
const VALUE_HASH: Rule = Text(ValueKind::ValueHash);

const BUCKETS: Rule = Level(&[
    ("b", Number),
    ("k m", Numbers),
    ("l", Level(&[("a", INFLUENCER_COUNTS), ("b", Number)])),
]);

const INFLUENCER_COUNTS: Rule = Level(&[("a", INFLUENCER_COUNT), ("b", InfluencerNumber)]);
const INFLUENCER_COUNT: Rule = Level(&[("a b c", Number), ("d", INFLUENCER), ("e", Constant(""))]);

const EVENTS: Rule = Level(&[
    ("a", BUCKETS),
    ("b d", Numbers),
    ("c", Level(&[("a", UNIQUE_VALUES), ("b", Number)])),
]);

const UNIQUE_VALUES: Rule = Level(&[("a b", Number), ("h", WORDS)]);

const WORDS: Rule = Level(&[
    ("a", OneInfluencer(&[("a", INFLUENCER), ("b", VALUE_HASH)])),
    ("b", Level(&[("a", VALUE_HASH), ("b", Text(ValueKind::Counted))])),
]);

const METRICS: Rule = Level(&[
    ("a", BUCKETS),
    ("b", Constant("1")),
    ("e f g l m i# j# k#", Level(&[("a", SAMPLED_ATTRIBUTE)])),
    ("h", Level(&[("a", SUMMED_ATTRIBUTE)])),
]);

const SAMPLED_ATTRIBUTE: Rule = Level(&[("a", Number), ("c", Level(&[("b", SAMPLES), ("c", Number)]))]);

const SAMPLES: Rule = Level(&[
    ("a b c e", Numbers),
    ("d", OneInfluencer(&[("a", INFLUENCER_SAMPLES), ("b", Number)])),
]);

const INFLUENCER_SAMPLES: Rule = Level(&[("a", INFLUENCER), ("b", Numbers)]);

const SUMMED_ATTRIBUTE: Rule = Level(&[("a", Number), ("c", Level(&[("b", SUMS), ("c", Number)]))]);

const SUMS: Rule = Level(&[
    ("a c", Numbers),
    ("e", OneInfluencer(&[("a", INFLUENCER_SUM), ("b", Number)])),
]);

const INFLUENCER_SUM: Rule = Level(&[("b", INFLUENCER), ("c", Number)]);

/// Several kinds of models use the same letters; all of them contain numbers.
const MATHEMATICAL_MODEL: Rule = Level(&[
    ("a", Rule::NumbersOr(BASE_MODEL)),
    ("b c e f", Numbers),
    ("d", Rule::Checksums(ModelKind::Counting)),
]);

const BASE_MODEL: Elements = &[
    ("a b c d e f g i j", Numbers),
    ("h", Rule::Checksums(ModelKind::Population)),
    ("k", Rule::Checksums(ModelKind::Individual)),
];

/// The rules that were applied, with checksum and time.
pub(super) const CHECKSUMS: Elements = &[("a", Numbers), ("d", Text(ValueKind::RuleChecksums))];

/// One group of elements for each value of the partition field, or a single group.
pub(super) const CATEGORIZER: Rule = Level(&[
    ("a", Constant("1")),
    ("b", CATEGORIES),
    ("c", Level(&[("a", EXAMPLES)])),
    // The numbers of the categories, if there are partitions.
    ("d", Numbers),
    ("e", Level(&[("a", Text(ValueKind::Partition)), ("d", Number)])),
    ("f g", Number),
]);

const CATEGORIES: Rule = Level(&[("a", Text(ValueKind::CategoryToken)), ("b d", Number), ("c", CATEGORY)]);

const EXAMPLES: Rule = Level(&[("b", Number), ("c", Text(ValueKind::CategoryExample))]);

const CATEGORY: Rule = Category(&[
    ("a", Text(ValueKind::CategoryMessage)),
    ("b c e g h i j", Number),
    ("d", Deferred),
    ("f", CommonToken),
    ("k", BaseLength),
]);

/// An array of normalizers.
pub(super) const QUANTILES: Rule = Level(&[
    ("mlcue", Rule::Cue),
    ("mlkey", Constant("api")),
    ("mlquantilesdescription", Rule::FieldNames),
    ("mlversion", Constant("3")),
    ("time", Number),
    ("a", NORMALIZER),
]);

const NORMALIZER: Rule = Level(&[("a b c f h i j", Number), ("d e", Numbers), ("g", LARGEST_SCORES)]);

const LARGEST_SCORES: Rule = Level(&[
    ("a", Entry(&[("a", Text(ValueKind::ScopeHash)), ("b", Numbers)])),
    ("d", Deferred),
]);

/// Whether a text consists of numbers and the separators that autodetect uses.
pub(super) fn is_numbers(text: &str) -> bool {
    text.split([':', ';', ',', '_', ' ']).all(is_number)
}

/// Whether a text is empty, a Boolean or a number as autodetect prints it.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_finite = || unsigned.starts_with(|c: char| c.is_ascii_digit()) && unsigned.parse::<f64>().is_ok();
    matches!(text, "" | "true" | "false") || matches!(unsigned, "inf" | "nan") || is_finite()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses a 64-bit decimal number.
pub(super) fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| is_digits(text))
}

/// Whether a name is one that mathematical models use: one or two letters, optionally followed by a dimension, the
/// number of a part or a version.
pub(super) fn is_tag(name: &str) -> bool {
    if let Some(number) = name.strip_prefix("t_") {
        return is_digits(number);
    }
    if let Some((major, minor)) = name.split_once('.') {
        return is_digits(major) && is_digits(minor) && name.len() <= 5;
    }
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(letters.len(), 1 | 2) && letters.bytes().all(|byte| byte.is_ascii_lowercase()) && name.len() <= 5
}

/// Whether a text is the cue of a normalizer: its level and the hash of its field names.
pub(super) fn is_cue(text: &str) -> bool {
    let levels = ["leaf", "per", "part", "inflb", "infl"];
    text == "sysChange"
        || levels
            .iter()
            .any(|level| text.strip_prefix(level).and_then(number).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinguished_from_texts() {
        for numbers in [
            "",
            " ",
            "0",
            "-4611686018427387904",
            "2.047784727403589e-6",
            "1.7976931348623147e308",
            "1e+5",
            "95,0,0",
            "0:2999.45288:-7839.6",
            "1;1:1;0",
            "413007_1301868182",
            "true",
            "inf:-inf:nan",
        ] {
            assert!(is_numbers(numbers), "{numbers}");
        }
        for text in [
            "a", "10.1.2.3", "1-2", "e5", "1e", ".5", "0x1", "1.2.3", "-", "web-01", "1/2", "٣",
        ] {
            assert!(!is_numbers(text), "{text}");
        }
    }

    #[test]
    fn short_tags_are_recognized() {
        for tag in ["a", "h", "7.11", "6.3", "i2", "aa", "t_0", "c12"] {
            assert!(is_tag(tag), "{tag}");
        }
        for name in ["", "host", "A", "7.", "web1", "1", "abc", "a.b", "t_", "t_x", "ä"] {
            assert!(!is_tag(name), "{name}");
        }
    }

    #[test]
    fn level_cues_are_recognized() {
        for cue in [
            "sysChange",
            "leaf5121724583878076921",
            "infl1",
            "inflb1",
            "per0",
            "part7",
        ] {
            assert!(is_cue(cue), "{cue}");
        }
        for text in ["", "leaf", "leafhost", "infl", "x1", "per99999999999999999999"] {
            assert!(!is_cue(text), "{text}");
        }
    }
}
