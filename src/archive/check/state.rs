//! Rules on the state documents of an archive: numbered without gap, decoded to their end, of one job and snapshot.

use std::io::Write;

use super::contents::{Findings, StateSummary};
use crate::archive::error::Result;
use crate::archive::layout::MAX_STATE_DOCUMENTS;
use crate::archive::read::{DocumentOrder, Position};
use crate::job::{JobId, SnapshotId};
use crate::state::{ChunkDecoder, StateDocId, StateKind, StateLimits, split_number};

/// Distinct IDs before `#` that are kept.
const MAX_BASES: usize = 8;

/// Both kinds. Which job and snapshot they must belong to may be known only at the end, so what is before `#` is kept,
/// once each.
pub(super) struct StateChecker {
    model: KindChecker,
    categorizer: KindChecker,
    /// Documents of both kinds.
    documents: usize,
}

struct KindChecker {
    kind: StateKind,
    /// What is before `#`, with the first place of each.
    bases: Vec<(String, String)>,
    order: DocumentOrder,
    /// `None` once a document could not be decoded: what follows from that is not reported.
    decoder: Option<ChunkDecoder<Box<dyn Write>>>,
}

impl StateChecker {
    /// `decoded` returns where the state of a kind goes.
    pub(super) fn new(limit: u64, decoded: &mut dyn FnMut(StateKind) -> Box<dyn Write>) -> Self {
        let mut kind = |kind| KindChecker {
            kind,
            bases: Vec::new(),
            order: DocumentOrder::default(),
            decoder: Some(ChunkDecoder::new(decoded(kind), StateLimits { decoded: limit })),
        };
        Self {
            model: kind(StateKind::Model),
            categorizer: kind(StateKind::Categorizer),
            documents: 0,
        }
    }

    /// Checks a document; `place` is entry and line.
    pub(super) fn check(&mut self, id: &str, source: &[u8], place: &str, findings: &mut Findings) -> Result<()> {
        self.documents += 1;
        if self.documents > MAX_STATE_DOCUMENTS {
            findings.fatal(place, format!("more than {MAX_STATE_DOCUMENTS} state documents"));
            return Ok(());
        }
        let kind = match split_number(id) {
            Some((base, _)) if base.ends_with("_categorizer_state") => &mut self.categorizer,
            Some((base, _)) if base.contains("_model_state_") => &mut self.model,
            _ => {
                findings.fatal(place, format!("`{id}` is not the id of a state document"));
                return Ok(());
            }
        };
        kind.check(id, source, place, findings)
    }

    /// Everything belongs to this job and snapshot.
    pub(super) fn require_owner(&self, job: &JobId, snapshot: &SnapshotId, findings: &mut Findings) {
        for checker in [&self.model, &self.categorizer] {
            for (base, place) in &checker.bases {
                let id = StateDocId::parse(&format!("{base}#1"), job, snapshot);
                if id.is_none_or(|id| id.kind != checker.kind) {
                    let what = format!("`{base}` is not state of job `{job}` and its snapshot `{snapshot}`");
                    findings.fatal(place, what);
                }
            }
        }
    }

    /// Gaps, `eos`, the end of base64 and gzip.
    pub(super) fn finish(self, place: &str, findings: &mut Findings) -> StateSummary {
        let (model_documents, model_bytes) = self.model.finish(place, findings);
        let (categorizer_documents, categorizer_bytes) = self.categorizer.finish(place, findings);
        StateSummary {
            model_documents,
            categorizer_documents,
            model_bytes,
            categorizer_bytes,
        }
    }
}

impl KindChecker {
    fn check(&mut self, id: &str, source: &[u8], place: &str, findings: &mut Findings) -> Result<()> {
        let Some((base, number)) = split_number(id) else {
            return Ok(());
        };
        if !self.bases.iter().any(|(known, _)| known == base) && self.bases.len() < MAX_BASES {
            self.bases.push((base.to_owned(), place.to_owned()));
        }
        if self.bases.first().is_some_and(|(first, _)| first != base) {
            let what = format!("`{id}` belongs to another job or snapshot than the state before it");
            findings.fatal(place, what);
            return Ok(());
        }
        match self.order.position(number - 1) {
            Position::Next => {
                self.decode(id, source, place, findings);
                while let Some((id, source)) = self.order.next_kept()? {
                    self.decode(&id, &source, place, findings);
                }
            }
            Position::Early => self.order.keep(number - 1, id, source)?,
            Position::Duplicate => findings.fatal(place, format!("`{id}` is there twice")),
        }
        Ok(())
    }

    fn decode(&mut self, id: &str, source: &[u8], place: &str, findings: &mut Findings) {
        if let Some(decoder) = &mut self.decoder
            && let Err(error) = decoder.document(id, source)
        {
            findings.fatal(place, error.to_string());
            self.decoder = None;
        }
    }

    /// Documents and decoded bytes.
    fn finish(self, place: &str, findings: &mut Findings) -> (u64, u64) {
        let documents = self.order.next;
        if let Some(missing) = self.order.gap() {
            let base = self.bases.first().map_or("", |(base, _)| base);
            let what = format!(
                "`{base}#{}` is missing: a model restored without it crashes or hangs",
                missing + 1
            );
            findings.fatal(place, what);
            return (documents, 0);
        }
        let decoded = match self.decoder.filter(|_| documents > 0).map(ChunkDecoder::finish) {
            None => 0,
            Some(Ok((bytes, _))) => bytes,
            Some(Err(error)) => {
                findings.fatal(place, error.to_string());
                0
            }
        };
        (documents, decoded)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_documents_of_both_kinds_are_bounded_together() {
        let mut checker = StateChecker::new(1 << 20, &mut |_| Box::new(std::io::sink()));
        let mut findings = Findings::default();
        let max = MAX_STATE_DOCUMENTS as u64;
        // In an import the categorizer's wait for the last of the model.
        let ids = (1..=max / 2).map(|n| format!("j_categorizer_state#{n}"));
        let ids = ids.chain((2..=max / 2 + 1).map(|n| format!("j_model_state_1#{n}")));
        for id in ids {
            checker
                .check(&id, b"{\"compressed\":[]}", "state", &mut findings)
                .unwrap();
        }
        let refused = |findings: &mut Findings| {
            let list = std::mem::take(findings).into_list();
            list.iter().any(|finding| finding.what.contains("more than"))
        };
        assert!(!refused(&mut findings));
        checker
            .check("j_model_state_1#1", b"{\"compressed\":[]}", "state", &mut findings)
            .unwrap();
        assert!(refused(&mut findings));
    }
}
