//! The texts of a decoded state and of quantiles.

use super::super::hashes::{HashAction, Hashes};
use super::rewriter::Rewriter;
use crate::pseudonym::tokens::TokenUse;
use crate::state::hash::word;
use crate::state::schema::{Change, Lengths, ValueKind, ValueLocation, Visitor, read_quantiles, rewrite_quantiles};
use crate::state::{self, StateLimits};
use crate::util::cancellation;

impl Visitor for Rewriter {
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change {
        if cancellation::check().is_err() {
            return Change::Refuse("a value that was not read: the run was interrupted");
        }
        // A place of the register that was given up is called `-`.
        if text.is_empty() || (location.registered && text == "-") {
            return Change::Keep;
        }
        let new = match (location.kind, location.field) {
            (ValueKind::FieldName | ValueKind::FieldNames, _) => return Change::Keep,
            (ValueKind::RuleChecksums, _) if self.fields.time_shifts.have_no_scope(location.detector, text) => {
                return Change::Keep;
            }
            (ValueKind::RuleChecksums, _) => {
                return Change::Refuse(
                    "checksums of rules that were applied for good: they cover the items of filters, and none can be \
                     made for tokens",
                );
            }
            (ValueKind::ScopeHash, _) => {
                self.note_hash(|hashes| hashes.note_scope_hash(text));
                return self.hash_change(text);
            }
            (ValueKind::ValueHash, _) => {
                self.note_hash(|hashes| hashes.note_value_hash(text));
                self.last_value_hash = text.parse().ok();
                return self.hash_change(text);
            }
            // Its hash comes before it.
            (ValueKind::Counted, _) if self.last_value_hash != Some(word(text)) => {
                return Change::Refuse("a counted value whose hash is that of another text");
            }
            (ValueKind::CategoryToken | ValueKind::CategoryMessage | ValueKind::CategoryExample, _) => {
                self.message(text)
            }
            (ValueKind::Partition, None) => match self.fields.partition().map(str::to_owned) {
                Some(field) => self.value(&field, text),
                None => self.free_text(text),
            },
            (_, Some(field)) => self.value(field, text).inspect(|_| self.note_relations(location, text)),
            (_, None) => self.free_text(text),
        };
        match new {
            Ok(new) if new == text => Change::Keep,
            Ok(new) => Change::Replace(new),
            // Both are bounds on what is told apart; which one, whoever reads the inputs will be told.
            Err(_) => Change::Refuse("a value for which there is no token: there are too many"),
        }
    }

    fn category(&mut self, before: &Lengths, after: &Lengths) {
        if self.writing {
            self.categories.push([before.max_matching(), after.max_matching()]);
        }
    }
}

impl Rewriter {
    /// Notes the hashes of a `quantile_state`.
    pub(crate) fn read_quantile_values(&mut self, text: &str, limits: StateLimits) -> Result<(), state::Error> {
        read_quantiles(text, limits, |location: &ValueLocation<'_>, text: &str| {
            self.found(location, text)
        })
        .map(|_| ())
    }

    /// A `quantile_state` with the hashes of tokens.
    pub(crate) fn quantiles(&mut self, text: &str, limits: StateLimits) -> Result<String, state::Error> {
        rewrite_quantiles(text, limits, |location: &ValueLocation<'_>, text: &str| {
            self.found(location, text)
        })
    }

    fn note_hash(&mut self, note: impl FnOnce(&mut Hashes)) {
        if !self.writing {
            note(&mut self.hashes);
        }
    }

    fn hash_change(&self, text: &str) -> Change {
        if !self.writing {
            return Change::Keep;
        }
        match self.hashes.action(text) {
            HashAction::Keep => Change::Keep,
            HashAction::Replace(hash) => Change::Replace(hash.to_string()),
            HashAction::Drop => Change::Drop,
        }
    }

    /// Remembers which values stand together, and which were counted: hashes are of them.
    fn note_relations(&mut self, location: &ValueLocation<'_>, text: &str) {
        if self.writing {
            return;
        }
        let mut number = |text: &str| self.tokens.note(text, TokenUse::HashCandidate).ok();
        let Some(id) = number(text) else { return };
        if location.kind == ValueKind::Counted {
            let chosen = location.field.is_some_and(|field| self.fields.is_chosen(field));
            self.hashes.note_counted_value(text, id, chosen);
        }
        let partition = location
            .detector
            .map_or("", |detector| detector.partition_value.as_str());
        if matches!(location.kind, ValueKind::By | ValueKind::Over)
            && !partition.is_empty()
            && let Some(partition) = number(partition)
        {
            self.hashes.note_pair(partition, id);
        }
    }
}
