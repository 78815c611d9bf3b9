//! What differs between two archives: configuration, snapshot, model, parts, and values with `--values`.

mod comparison;
mod diff;
mod page;

pub(super) use comparison::compare;
pub(super) use page::page;

#[cfg(test)]
mod tests;
