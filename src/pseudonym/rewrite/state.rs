//! Replaces the texts of a decoded state and of quantiles.

use std::sync::Arc;

use super::rewriter::Rewriter;
use crate::pseudonym::tokens::TokenUse;
use crate::state;
use crate::state::hash::value_hash;
use crate::state::schema::{Change, ValueKind, ValueLocation, Visitor, read_quantiles, rewrite_quantiles};
use crate::util::process;
use crate::values::Content;

const RULES_WITH_FILTERS: &str =
    "checksums of permanently applied rules: they include the items of filters and cannot be computed for tokens";

impl Visitor for &mut Rewriter {
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change {
        if process::fail_if_cancelled().is_err() {
            return Change::Refuse("a value that was not collected because the run was interrupted");
        }
        if text.is_empty() {
            return Change::Keep;
        }
        let fields = Arc::clone(&self.fields);
        let content = match (location.kind, location.field) {
            (ValueKind::RuleChecksums, _) => {
                return match self.time_shifts.have_no_scope(location.detector, text) {
                    true => Change::Keep,
                    false => Change::Refuse(RULES_WITH_FILTERS),
                };
            }
            (ValueKind::ScopeHash | ValueKind::ValueHash, _) => return self.hash(location.kind, text),
            // The hash precedes the value.
            (ValueKind::Counted, _) if self.last_value_hash != Some(value_hash(text)) => {
                return Change::Refuse("a counted value whose hash does not match");
            }
            (ValueKind::CategoryToken | ValueKind::CategoryMessage | ValueKind::CategoryExample, _) => Content::Message,
            (ValueKind::Partition, None) => fields.partition.as_deref().map_or(Content::FreeText, Content::Value),
            (_, Some(field)) => Content::Value(field),
            (_, None) => Content::FreeText,
        };
        let new = self.text(content, text);
        if !self.writing && location.field.is_some() && matches!(content, Content::Value(_)) {
            self.note_relations(location, text);
        }
        match new {
            Ok(new) if new == text => Change::Keep,
            Ok(new) => Change::Replace(new),
            // Both are limits on the number of values. The error for the input documents states which one it is.
            Err(_) => Change::Refuse("a value without a token, since there are too many values"),
        }
    }

    fn category(&mut self, max_matching_lengths: [u64; 2]) {
        if self.writing {
            self.category_lengths.push(max_matching_lengths);
        }
    }
}

impl Rewriter {
    /// Rewrites a `quantile_state` with the hashes of tokens.
    pub(super) fn quantiles(&mut self, text: &str, max_bytes: u64) -> Result<String, state::Error> {
        match self.writing {
            true => rewrite_quantiles(text, max_bytes, self),
            false => read_quantiles(text, max_bytes, self).map(|_| text.to_owned()),
        }
    }

    fn hash(&mut self, kind: ValueKind, text: &str) -> Change {
        let hash = text.parse().ok();
        if kind == ValueKind::ValueHash {
            self.last_value_hash = hash;
        }
        if self.writing {
            return self.hashes.change(hash);
        }
        match kind {
            ValueKind::ValueHash => self.hashes.value_hashes.extend(hash),
            _ => self.hashes.scope_hashes.extend(hash),
        }
        Change::Keep
    }

    /// Records which values are found together, and which were counted, since there are hashes of them.
    fn note_relations(&mut self, location: &ValueLocation<'_>, text: &str) {
        let mut number = |text: &str| self.tokens.note(text, TokenUse::HashCandidate).ok();
        let Some(id) = number(text) else { return };
        if location.kind == ValueKind::Counted {
            let is_replaced = location.field.is_some_and(|field| self.fields.names.contains(field));
            self.hashes.counted.insert(value_hash(text), (id, is_replaced));
        }
        let partition = location.detector.map(|detector| detector.partition_value.as_str());
        if matches!(location.kind, ValueKind::By | ValueKind::Over)
            && let Some(partition) = partition.filter(|partition| !partition.is_empty())
            && let Some(partition) = number(partition)
        {
            self.hashes.pairs.insert((partition, id));
        }
    }
}
