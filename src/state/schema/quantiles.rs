//! The form of quantiles: an array of normalizers.

use super::level::Leaf::{Constant, Cue, Numbers as Number, Size, Text};
use super::level::Rule::{Leaf, Numbers};
use super::level::{Level, Role, Rule};
use super::value::ValueKind;

pub(super) static STATE: Level = Level::new(&[
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
