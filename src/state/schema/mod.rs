//! Where values stand in the decoded state, and what each of them is.
//!
//! [`StateRewriter`] reads a decoded state as it streams by, knows for every element whether it can hold a text, and asks a
//! [`Visitor`] about each one: to look at it, to replace it, or to leave it out. What it writes is the state, byte for
//! byte, but for what the visitor changed. What it does not know is an error: a state of another form could hold values
//! in places that nobody looks at.
//!
//! The form is that of Elastic's ml-cpp, the same from 7.9 to 9.5 (state version 34, categorizer 1, quantiles 3); the
//! tables in `model`, `categorizer` and `quantiles` name every element above the mathematical models, and demand
//! numbers, and nothing else, within these.

mod categorizer;
mod category;
mod detector;
mod forms;
mod level;
mod model;
mod quantiles;
mod rewriter;
mod value;

pub use category::Lengths;
pub use detector::Detector;
pub use quantiles::{read_quantiles, rewrite_quantiles};
pub(crate) use rewriter::Unknown;
pub use rewriter::{StateRewriter, StateStream};
pub use value::{Change, ValueKind, ValueLocation, Visitor};

#[cfg(test)]
mod tests;
