//! What remains of the datafeed. Nothing in it is rewritten: its query stays, or `match_all` replaces it, since the archived
//! input documents match it already, or the datafeed is left out.

mod aggregations;
mod decision;
mod texts;

pub(crate) use decision::{DatafeedDecision, DatafeedOutcome, decide};
pub(crate) use texts::ValueMatcher;
