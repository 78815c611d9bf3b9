//! An import, and the documents of its archive in the form in which they are written and compared after the import.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;

use super::journal::{Journal, derived_id};
use super::options::ImportOptions;
use super::plan::Plan;
use crate::archive::{CheckedArchive, Document, Part};
use crate::cluster::{self, Cluster};
use crate::commands::session::Session;
use crate::error::Result;
use crate::job::{JobId, TargetIndex, target_document_id};
use crate::state::{self, StateDocId};
use crate::terminal::Stage;

/// The state that all steps of an import share.
pub(in crate::commands) struct Import {
    pub(super) session: Session,
    pub(super) options: ImportOptions,
    pub(super) archive: CheckedArchive,
    pub(super) plan: Plan,
    pub(super) journal: Journal,
}

/// A document as it is sent in a bulk request.
pub(super) struct BulkDocument {
    pub(super) id: String,
    pub(super) source: Bytes,
}

/// Those of these IDs that no document in the indices has.
pub(super) async fn missing_ids(
    cluster: &Cluster,
    indices: &[&str],
    ids: Vec<String>,
) -> cluster::Result<impl Iterator<Item = String>> {
    let found = cluster.locate(indices, &ids).await?;
    let found: HashSet<String> = found.iter().map(|hit| hit.id.to_string()).collect();
    Ok(ids.into_iter().filter(move |id| !found.contains(id)))
}

impl Import {
    pub(super) fn cluster(&self) -> &Cluster {
        &self.session.cluster
    }

    pub(super) fn print(&self, text: &str) {
        self.session.terminal.print(text);
    }

    /// Starts a stage that counts documents or requests.
    pub(super) fn stage(&self, title: &str, total: Option<u64>) -> Stage {
        self.session.stage(title, total)
    }

    /// The ID of the job on the cluster.
    pub(super) fn job(&self) -> &JobId {
        self.plan.job()
    }

    /// A document of the archive under its ID on the cluster. Every import of the archive uses the same ID.
    pub(super) fn document(&self, part: Part, document: &Document) -> Result<BulkDocument> {
        let (plan, mut source) = (&self.plan, document.source.clone());
        let id = match part {
            Part::State => StateDocId::parse(document.own_id(), self.archive.job(), &plan.snapshot_id)
                .ok_or_else(|| state::Cause::ForeignId.of(document.own_id()))?
                .format(self.job(), &plan.snapshot_id),
            Part::Categories | Part::Results => plan.renamer.document_id(document.own_id()),
            _ => derived_id(self.job(), part, document),
        };
        // State documents name their job only in their IDs.
        if part != Part::State
            && let Cow::Owned(renamed) = plan.renamer.document(&document.source)?
        {
            source = renamed.into();
        }
        Ok(BulkDocument { id, source })
    }

    /// An input document. If the archive has duplicate IDs, every ID includes the document's position: on the source
    /// cluster, documents with different routing may share an ID, and an import uses no routing.
    pub(super) fn input_document(&self, target: &TargetIndex, document: &Document) -> BulkDocument {
        let position = self.archive.contents.repeated_inputs.then_some(document.line);
        BulkDocument {
            id: target_document_id(target, document.source_index(), document.own_id(), position),
            source: document.source.clone(),
        }
    }

    /// The snapshot document and the data counts. The latest record of the data counts becomes that of the snapshot: the
    /// model does not contain later ones.
    pub(super) fn snapshot_and_data_counts(&self) -> Result<[BulkDocument; 2]> {
        let (job, renamer) = (self.job(), &self.plan.renamer);
        let snapshot = renamer.document(self.archive.snapshot.text.get().as_bytes())?;
        let counts = self.archive.contents.data_counts.clone().unwrap_or_default();
        let latest = self.archive.snapshot.latest_record_time_stamp;
        let counts = counts.imported(job, latest);
        // Bulk requests are delimited by newlines: line breaks between JSON tokens become spaces.
        let line = |&byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        let snapshot = snapshot.iter().map(line).collect();
        let counts = Bytes::from(counts.get().to_owned());
        let documents = [
            (job.snapshot_document_id(&self.plan.snapshot_id), snapshot),
            (job.data_counts_document_id(), counts),
        ];
        Ok(documents.map(|(id, source)| BulkDocument { id, source }))
    }
}
