//! An import, and the documents of its archive in the form in which they are written and compared after the import.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::journal::{Journal, WrittenDocuments, derived_id};
use super::options::ImportOptions;
use super::plan::Plan;
use crate::archive::{Action, BatchBuilder, CheckedArchive, Document, Part};
use crate::cluster::{self, BulkBodies, BulkBody, Cluster};
use crate::commands::session::Session;
use crate::error::Result;
use crate::job::{JobId, Renamer, SnapshotId, TargetIndex, target_document_id};
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

/// Converts documents of the archive to those on the cluster. Every import of the archive uses the same IDs.
#[derive(Debug)]
pub(super) struct Converter {
    pub(super) part: Part,
    renamer: Renamer,
    archived_job: JobId,
    snapshot_id: SnapshotId,
    /// The index of input documents.
    target: Option<TargetIndex>,
    repeated_inputs: bool,
}

/// The ID and source of a document on the cluster.
type Converted<'a> = (Cow<'a, str>, Cow<'a, [u8]>);

/// Builds bulk requests on the thread that reads the archive.
#[derive(Debug)]
pub(super) struct BulkBuilder {
    pub(super) converter: Converter,
    pub(super) bodies: BulkBodies,
    /// The documents to write; all if `None`.
    pub(super) selected: Option<Arc<WrittenDocuments>>,
}

impl Converter {
    /// Returns ID and source; `None` for an input document of another index.
    pub(super) fn convert<'a>(&self, line: u64, action: &'a Action, source: &'a [u8]) -> Result<Option<Converted<'a>>> {
        let id = match self.part {
            Part::Inputs => return Ok(self.input_id(line, action).map(|id| (id, Cow::Borrowed(source)))),
            Part::State => StateDocId::parse(action.own_id(), &self.archived_job, &self.snapshot_id)
                .ok_or_else(|| state::Cause::ForeignId.of(action.own_id()))?
                .format(&self.renamer.to, &self.snapshot_id),
            Part::Categories | Part::Results => self.renamer.document_id(action.own_id()),
            part => derived_id(&self.renamer.to, part, line, source),
        };
        // State documents name their job only in their IDs.
        let source = match self.part {
            Part::State => Cow::Borrowed(source),
            _ => self.renamer.document(source)?,
        };
        Ok(Some((id.into(), source)))
    }

    /// Converts a document to compare it.
    pub(super) fn document(&self, document: &Document) -> Result<Option<BulkDocument>> {
        let converted = self.convert(document.line, &document.action, &document.source)?;
        Ok(converted.map(|(id, source)| BulkDocument {
            id: id.into_owned(),
            source: match source {
                Cow::Borrowed(_) => document.source.clone(),
                Cow::Owned(source) => source.into(),
            },
        }))
    }

    /// The ID of an input document; `None` if it belongs to another index. If the archive has duplicate IDs, every ID
    /// includes the document's position: on the source cluster, documents with different routing may share an ID, and an
    /// import uses no routing.
    pub(super) fn input_id<'a>(&self, line: u64, action: &'a Action) -> Option<Cow<'a, str>> {
        let source = action.source_index();
        let target = self.target.as_ref().filter(|target| target.sources.contains(source))?;
        let position = self.repeated_inputs.then_some(line);
        Some(target_document_id(target, source, action.own_id(), position))
    }
}

impl BatchBuilder for BulkBuilder {
    type Batch = Result<BulkBody>;

    fn add(&mut self, line: u64, action: &Action, source: &mut Vec<u8>) -> Option<Result<BulkBody>> {
        match self.converter.convert(line, action, source) {
            Ok(document) => {
                let selected = |id: &str| self.selected.as_ref().is_none_or(|selected| selected.contains(id));
                let (id, source) = document.filter(|(id, _)| selected(id))?;
                self.bodies.add(&id, &source).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn finish(&mut self) -> Option<Result<BulkBody>> {
        self.bodies.finish().map(Ok)
    }
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

    /// Converts the documents of a part other than the input documents.
    pub(super) fn converter(&self, part: Part) -> Converter {
        Converter {
            part,
            renamer: self.plan.renamer.clone(),
            archived_job: self.archive.job().clone(),
            snapshot_id: self.plan.snapshot_id.clone(),
            target: None,
            repeated_inputs: self.archive.contents.repeated_inputs,
        }
    }

    /// Converts the input documents of an index.
    pub(super) fn input_converter(&self, target: &TargetIndex) -> Converter {
        let target = Some(target.clone());
        Converter {
            target,
            ..self.converter(Part::Inputs)
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
