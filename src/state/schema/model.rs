//! The form of a model's state: detectors, what they gather, and the numbers that they have learned; and that of
//! quantiles, an array of normalizers.

use super::level::Leaf::{Constant, Cue, Influencer, Key, Name, Numbers as Number, Size, Text};
use super::level::Rule::{Checksums, Leaf, Numbers};
use super::level::{Level, Named, Role, Rule};
use super::value::{KeyMember, ModelKind, ValueKind};

pub(super) static STATE: Level = Level::new(&[
    ("a", Numbers),
    ("b", Leaf(Constant("34"))),
    ("h", Numbers),
    ("j", Numbers),
    ("k", Numbers),
    ("l", Numbers),
    ("detector", Rule::Level(&DETECTOR)),
    ("aggregator", Rule::Level(&AGGREGATOR)),
]);

/// Score quantiles by level; their keys are hashes of field names only.
static AGGREGATOR: Level = Level::new(&[
    ("a", Numbers),
    ("b", Numbers),
    ("c", Numbers),
    ("d", Numbers),
    ("e", Numbers),
    ("f", Numbers),
]);

static DETECTOR: Level = Level::new(&[
    ("c", Rule::Level(&Level::new(&[("d", Rule::Level(&KEY))]))),
    (
        "d",
        Rule::Level(&Level::new(&[("c", Leaf(Text(ValueKind::Partition)))])),
    ),
    ("e", Rule::Level(&MODELLED)),
])
.with(Role::Detector);

static KEY: Level = Level::new(&[
    ("a", Leaf(Key(KeyMember::Function))),
    ("b", Leaf(Number)),
    ("c", Leaf(Key(KeyMember::Field))),
    ("d", Leaf(Key(KeyMember::By))),
    ("e", Leaf(Key(KeyMember::Over))),
    ("f", Leaf(Key(KeyMember::Partition))),
    ("g", Leaf(Number)),
    ("h", Leaf(Key(KeyMember::Influencer))),
    ("i", Leaf(Number)),
]);

static MODELLED: Level = Level::new(&[
    (
        "b",
        Rule::Level(&Level::new(&[
            ("a", Rule::Level(&GATHERED)),
            ("b", Rule::Level(&MODELS)),
        ])),
    ),
    // Counters and the state of the random number generator.
    ("f", Numbers),
]);

static GATHERED: Level = Level::new(&[
    ("a", Leaf(Number)),
    ("b", Rule::Level(&PEOPLE)),
    ("c", Rule::Level(&ATTRIBUTES)),
    ("d", Numbers),
    (
        "e",
        Rule::Level(&Level::new(&[
            ("a", Rule::Level(&EVENTS)),
            ("b", Rule::Level(&METRICS)),
        ])),
    ),
]);

static PEOPLE: Level = Level::new(&[("a", Leaf(Name(Named::Person))), ("b", Numbers), ("c", Numbers)]);

static ATTRIBUTES: Level = Level::new(&[("a", Leaf(Name(Named::Attribute))), ("b", Numbers), ("c", Numbers)]);

/// What every detector counts in the buckets that are open.
static BUCKETS: Level = Level::new(&[
    ("b", Leaf(Number)),
    ("k", Numbers),
    (
        "l",
        Rule::Level(&Level::new(&[
            ("a", Rule::Level(&INFLUENCER_COUNTS)),
            ("b", Leaf(Number)),
        ])),
    ),
    ("m", Numbers),
]);

static INFLUENCER_COUNTS: Level = Level::new(&[("a", Rule::Level(&INFLUENCER_COUNT)), ("b", Leaf(Influencer))]);

static INFLUENCER_COUNT: Level = Level::new(&[
    ("a", Leaf(Number)),
    ("b", Leaf(Number)),
    ("c", Leaf(Number)),
    ("d", Leaf(Text(ValueKind::Influencer))),
    ("e", Leaf(Constant(""))),
]);

static EVENTS: Level = Level::new(&[
    ("a", Rule::Level(&BUCKETS)),
    ("b", Numbers),
    (
        "c",
        Rule::Level(&Level::new(&[("a", Rule::Level(&UNIQUE_VALUES)), ("b", Leaf(Number))])),
    ),
    ("d", Numbers),
]);

static UNIQUE_VALUES: Level = Level::new(&[
    ("a", Leaf(Number)),
    ("b", Leaf(Number)),
    (
        "h",
        Rule::Level(&Level::new(&[
            ("a", Rule::Level(&INFLUENCED_WORDS)),
            ("b", Rule::Level(&WORDS)),
        ])),
    ),
]);

static WORDS: Level = Level::new(&[
    ("a", Leaf(Text(ValueKind::ValueHash))),
    ("b", Leaf(Text(ValueKind::Counted))),
]);

static INFLUENCED_WORDS: Level = Level::new(&[
    ("a", Leaf(Text(ValueKind::Influencer))),
    ("b", Leaf(Text(ValueKind::ValueHash))),
])
.with(Role::OneInfluencer);

static METRICS: Level = Level::new(&[
    ("a", Rule::Level(&BUCKETS)),
    ("b", Leaf(Constant("1"))),
    ("e", Rule::Level(&SAMPLED)),
    ("f", Rule::Level(&SAMPLED)),
    ("g", Rule::Level(&SAMPLED)),
    ("h", Rule::Level(&SUMMED)),
    ("l", Rule::Level(&SAMPLED)),
    ("m", Rule::Level(&SAMPLED)),
])
.dimensioned(&[
    ("i", Rule::Level(&SAMPLED)),
    ("j", Rule::Level(&SAMPLED)),
    ("k", Rule::Level(&SAMPLED)),
]);

static SAMPLED: Level = Level::new(&[("a", Rule::Level(&SAMPLED_ATTRIBUTE))]);

static SAMPLED_ATTRIBUTE: Level = Level::new(&[
    ("a", Leaf(Number)),
    (
        "c",
        Rule::Level(&Level::new(&[("b", Rule::Level(&SAMPLES)), ("c", Leaf(Number))])),
    ),
]);

static SAMPLES: Level = Level::new(&[
    ("a", Numbers),
    ("b", Numbers),
    ("c", Numbers),
    ("d", Rule::Level(&INFLUENCER_STATISTICS)),
    ("e", Numbers),
]);

static INFLUENCER_STATISTICS: Level = Level::new(&[
    (
        "a",
        Rule::Level(&Level::new(&[("a", Leaf(Text(ValueKind::Influencer))), ("b", Numbers)])),
    ),
    ("b", Leaf(Number)),
])
.with(Role::OneInfluencer);

static SUMMED: Level = Level::new(&[("a", Rule::Level(&SUMMED_ATTRIBUTE))]);

static SUMMED_ATTRIBUTE: Level = Level::new(&[
    ("a", Leaf(Number)),
    (
        "c",
        Rule::Level(&Level::new(&[("b", Rule::Level(&SUMS)), ("c", Leaf(Number))])),
    ),
]);

static SUMS: Level = Level::new(&[("a", Numbers), ("c", Numbers), ("e", Rule::Level(&INFLUENCER_SUMS))]);

static INFLUENCER_SUMS: Level = Level::new(&[
    (
        "a",
        Rule::Level(&Level::new(&[
            ("b", Leaf(Text(ValueKind::Influencer))),
            ("c", Leaf(Number)),
        ])),
    ),
    ("b", Leaf(Number)),
])
.with(Role::OneInfluencer);

static MODELS: Level = Level::new(&[("d", Rule::Level(&MODEL))]);

/// Several kinds of models share these letters; all of them hold numbers.
static MODEL: Level = Level::new(&[
    ("a", Rule::NumbersOr(&BASE_MODEL)),
    ("b", Numbers),
    ("c", Numbers),
    ("d", Checksums(ModelKind::Counting)),
    ("e", Numbers),
    ("f", Numbers),
]);

static BASE_MODEL: Level = Level::new(&[
    ("a", Numbers),
    ("b", Numbers),
    ("c", Numbers),
    ("d", Numbers),
    ("e", Numbers),
    ("f", Numbers),
    ("g", Numbers),
    ("h", Checksums(ModelKind::Population)),
    ("i", Numbers),
    ("j", Numbers),
    ("k", Checksums(ModelKind::Individual)),
]);

/// The rules that were applied, by checksum and time.
pub(super) static CHECKSUMS: Level = Level::new(&[("a", Numbers), ("d", Leaf(Text(ValueKind::RuleChecksums)))]);

pub(super) static QUANTILES: Level = Level::new(&[
    ("mlcue", Leaf(Cue)),
    ("mlkey", Leaf(Constant("api"))),
    ("mlquantilesdescription", Leaf(Text(ValueKind::FieldNames))),
    ("mlversion", Leaf(Constant("3"))),
    ("time", Leaf(Number)),
    ("a", Rule::Level(&NORMALIZER)),
]);

static NORMALIZER: Level = Level::new(&[
    ("a", Leaf(Number)),
    ("b", Leaf(Number)),
    ("c", Leaf(Number)),
    ("d", Numbers),
    ("e", Numbers),
    ("f", Leaf(Number)),
    ("g", Rule::Level(&LARGEST_SCORES)),
    ("h", Leaf(Number)),
    ("i", Leaf(Number)),
    ("j", Leaf(Number)),
]);

static LARGEST_SCORES: Level = Level::new(&[("a", Rule::Level(&LARGEST_SCORE)), ("d", Leaf(Size))]).with(Role::Counted);

static LARGEST_SCORE: Level = Level::new(&[("a", Leaf(Text(ValueKind::ScopeHash))), ("b", Numbers)]).with(Role::Entry);
