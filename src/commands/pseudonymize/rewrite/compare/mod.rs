//! Which values a pattern, a range or an item takes in.

mod order;
mod pattern;

pub(super) use order::{Bound, between, network, same_number};
pub(in super::super) use pattern::like;
pub(super) use pattern::{begins, equal_in_any_case, item, pattern_of};

/// Whether a value is taken in.
pub(in super::super) type Holds = Box<dyn Fn(&str) -> bool>;

const NUMBERS: [&str; 9] = [
    "long",
    "integer",
    "short",
    "byte",
    "unsigned_long",
    "double",
    "float",
    "half_float",
    "scaled_float",
];

/// What is known of a type that matters to comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Byte by byte.
    Keyword,
    /// IP addresses.
    Address,
    Number,
    Truth,
    /// No mapping tells.
    Unknown,
    /// Texts that are cut into words, dates, and whatever else.
    Other,
}

impl Kind {
    /// Of a type's name.
    pub(in super::super) fn of(name: &str) -> Self {
        match name {
            "keyword" | "wildcard" | "constant_keyword" | "flattened" => Self::Keyword,
            "ip" => Self::Address,
            "boolean" => Self::Truth,
            name if NUMBERS.contains(&name) => Self::Number,
            _ => Self::Other,
        }
    }
}
