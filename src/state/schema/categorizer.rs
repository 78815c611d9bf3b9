//! The form of a categorizer's state: one group of elements for each value of the partition field, or one.

use super::ValueKind;
use super::level::CategoryMember::{BaseLength, CommonToken, LongestLength};
use super::level::Leaf::{Category, Constant, Numbers as Number, Text};
use super::level::Rule::{Leaf, Numbers};
use super::level::{Level, Role, Rule};

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
