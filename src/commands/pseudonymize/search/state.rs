//! The decoded state.

use std::cell::Cell;
use std::io;

use super::super::read::Source;
use super::{Class, Search, leaked};
use crate::archive::Part;
use crate::error::Result;
use crate::state::places::{Change, Place, Subject, Texts, What};
use crate::state::{ChunkDecoder, StateDocId, StateKind};
use crate::terminal::Stage;

impl Search<'_> {
    pub(super) fn leaks(&self, place: &Place<'_>, text: &str) -> bool {
        match place.what {
            What::FieldName | What::FieldNames => false,
            What::Word | What::ScopeKey => !text.parse().is_ok_and(|hash| self.hashes.contains(&hash)),
            What::CategoryToken | What::CategoryMessage | What::CategoryExample => {
                let messages = self.rewriter.fields.replaces_messages();
                self.holds(text, if messages { Class::Values } else { Class::Texts })
            }
            What::Partition => self.holds(text, self.of(place.field.or(self.rewriter.fields.partition()))),
            _ => self.holds(text, self.of(place.field)),
        }
    }

    pub(super) async fn state(&self, source: &Source<'_>, stage: &Stage) -> Result<()> {
        for kind in [StateKind::Model, StateKind::Categorizer] {
            let subject = match kind {
                StateKind::Model => Subject::Model,
                StateKind::Categorizer => Subject::Categorizer,
            };
            let found = Cell::new(None);
            let visitor = |place: &Place<'_>, text: &str| {
                if found.get().is_none() && self.leaks(place, text) {
                    found.set(Some(place.what));
                }
                Change::Keep
            };
            let texts = Texts::new(subject, visitor, io::sink());
            let mut decoder = ChunkDecoder::new(texts, source.state_limits());
            let mut documents = 0;
            source
                .each(Part::State, stage, &mut |document| {
                    let id = document.id.as_deref().unwrap_or_default();
                    let ours = StateDocId::parse(id, source.job(), source.snapshot()?);
                    if ours.is_some_and(|id| id.kind == kind) {
                        documents += 1;
                        decoder.document(id, &document.source)?;
                    }
                    Ok(())
                })
                .await?;
            if documents > 0 {
                let (_, texts) = decoder.finish()?;
                let ended = texts.finish();
                let _ = ended.map_err(|cause| crate::state::Error::of_sink("state", cause))?;
            }
            if let Some(what) = found.get() {
                return Err(leaked(&format!("state, {what:?}")));
            }
        }
        Ok(())
    }
}
