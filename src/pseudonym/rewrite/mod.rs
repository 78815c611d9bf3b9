//! Rewrites documents with tokens instead of values. The same code first collects the values and then replaces them, so
//! that exactly the collected values are replaced.

mod documents;
mod filters;
mod inputs;
mod mapping;
mod rewriter;
mod state;

pub(crate) use rewriter::Rewriter;
