//! Documents with tokens in the place of values. The same code notes the values first and replaces them later, so that
//! exactly what was noted is replaced.

mod documents;
mod filters;
mod inputs;
mod mapping;
mod rewriter;
mod state;

pub(crate) use rewriter::Rewriter;
