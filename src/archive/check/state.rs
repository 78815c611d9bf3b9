//! The state documents of an archive: numbered without gap, decoded to their end, of one job and snapshot.

use std::borrow::Cow;
use std::io::Write;

use crate::archive::limits::MOST_STATE_DOCUMENTS;
use crate::archive::reorder::{Reorder, Taken};
use crate::archive::{Result, StateSummary};
use crate::job::{JobId, SnapshotId};
use crate::state::{self, ChunkDecoder, StateDocId, StateKind, StateLimits, split_number};

use super::findings::Findings;

/// Distinct ids before `#` that are kept to be judged.
const MOST_BASES: usize = 8;

/// Both kinds. Which job and snapshot they must belong to may be known only at the end, so what stands before `#` is
/// kept, once each.
pub(super) struct StateCheck {
    model: KindCheck,
    categorizer: KindCheck,
    /// Documents of both kinds.
    documents: usize,
}

struct KindCheck {
    kind: StateKind,
    bases: Vec<(String, String)>,
    reorder: Reorder,
    decoder: Option<ChunkDecoder<Box<dyn Write>>>,
    /// Damage of one document was told: what follows from it is not told again.
    broken: bool,
}

impl StateCheck {
    /// `decoded` says where the state of a kind goes.
    pub(super) fn new(limit: u64, decoded: &mut dyn FnMut(StateKind) -> Box<dyn Write>) -> Self {
        let mut kind = |kind| KindCheck {
            kind,
            bases: Vec::new(),
            reorder: Reorder::default(),
            decoder: Some(ChunkDecoder::new(decoded(kind), StateLimits { decoded: limit })),
            broken: false,
        };
        Self {
            model: kind(StateKind::Model),
            categorizer: kind(StateKind::Categorizer),
            documents: 0,
        }
    }

    /// Takes a document; `place` is entry and line.
    pub(super) fn document(&mut self, id: &str, source: &[u8], place: &str, findings: &mut Findings) -> Result<()> {
        self.documents += 1;
        if self.documents > MOST_STATE_DOCUMENTS {
            findings.fatal(place, format!("more than {MOST_STATE_DOCUMENTS} state documents"));
            return Ok(());
        }
        match split_number(id) {
            Some((base, number)) if base.ends_with("_categorizer_state") => {
                self.categorizer.document(id, base, number, source, place, findings)
            }
            Some((base, number)) if base.contains("_model_state_") => {
                self.model.document(id, base, number, source, place, findings)
            }
            _ => {
                findings.fatal(place, format!("`{id}` is not the id of a state document"));
                Ok(())
            }
        }
    }

    /// Whether all of it belongs to this job and snapshot.
    pub(super) fn judge_ids(&self, job: &JobId, snapshot: &SnapshotId, findings: &mut Findings) {
        for check in [&self.model, &self.categorizer] {
            for (base, place) in &check.bases {
                let id = StateDocId::parse(&format!("{base}#1"), job, snapshot);
                if id.is_none_or(|id| id.kind != check.kind) {
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

impl KindCheck {
    fn document(
        &mut self,
        id: &str,
        base: &str,
        number: u64,
        source: &[u8],
        place: &str,
        findings: &mut Findings,
    ) -> Result<()> {
        if !self.bases.iter().any(|(known, _)| known == base) && self.bases.len() < MOST_BASES {
            self.bases.push((base.to_owned(), place.to_owned()));
        }
        if self.bases.first().is_some_and(|(first, _)| first != base) {
            findings.fatal(
                place,
                format!("`{id}` belongs to another job or snapshot than the state before it"),
            );
            return Ok(());
        }
        let (decoder, broken) = (&mut self.decoder, &mut self.broken);
        let mut pass = |id: &str, source: Cow<'_, [u8]>| {
            if let Some(Err(error)) = decoder.as_mut().map(|decoder| decoder.document(id, &source)) {
                findings.fatal(place, undecodable(&error));
                (*decoder, *broken) = (None, true);
            }
            Ok(())
        };
        let taken = self.reorder.push(number - 1, id, source.into(), &mut pass)?;
        match taken {
            Taken::Passed | Taken::Kept => {}
            Taken::Duplicate => findings.fatal(place, format!("`{id}` is there twice")),
        }
        Ok(())
    }

    fn finish(self, place: &str, findings: &mut Findings) -> (u64, u64) {
        let documents = self.reorder.passed();
        if let Some(missing) = self.reorder.gap() {
            let base = self.bases.first().map_or("", |(base, _)| base);
            let what = format!(
                "`{base}#{}` is missing: a model restored without it crashes or hangs",
                missing + 1
            );
            findings.fatal(place, what);
            return (documents, 0);
        }
        let decoder = self.decoder.filter(|_| documents > 0 && !self.broken);
        match decoder.map(ChunkDecoder::finish) {
            None => (documents, 0),
            Some(Ok((bytes, _))) => (documents, bytes),
            Some(Err(error)) => {
                findings.fatal(place, undecodable(&error));
                (documents, 0)
            }
        }
    }
}

fn undecodable(error: &state::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_documents_of_both_kinds_are_bounded_together() {
        let mut check = StateCheck::new(1 << 20, &mut |_| Box::new(std::io::sink()));
        let mut findings = Findings::default();
        let most = MOST_STATE_DOCUMENTS as u64;
        // In an import the categorizer's wait for the last of the model.
        let ids = (1..=most / 2).map(|n| format!("j_categorizer_state#{n}"));
        let ids = ids.chain((2..=most / 2 + 1).map(|n| format!("j_model_state_1#{n}")));
        for id in ids {
            check
                .document(&id, b"{\"compressed\":[]}", "state", &mut findings)
                .unwrap();
        }
        let told = |findings: &mut Findings| {
            let list = std::mem::take(findings).into_list();
            list.iter().any(|finding| finding.what.contains("more than"))
        };
        assert!(!told(&mut findings));
        check
            .document("j_model_state_1#1", b"{\"compressed\":[]}", "state", &mut findings)
            .unwrap();
        assert!(told(&mut findings));
    }
}
