//! The archive with tokens, entry by entry.

use std::cell::RefCell;
use std::io;

use super::datafeed::DatafeedDecision;
use super::read::SourceArchive;
use super::rewrite::Rewriter;
use crate::archive::{
    self, ArchiveWriter, EntryBuilder, EntryKind, EntryName, Manifest, ManifestSource, Part, Progress, Target,
    UnpublishedArchive,
};
use crate::pseudonym::error::{Error, Result};
use crate::state::{ChunkEncoder, StateDocId, StateKind};
use crate::util::timestamp::EpochMillis;

/// State documents bring no index along; the Python scripts and this tool find theirs themselves.
const STATE_INDEX: &str = ".ml-state";

/// How the archive is written.
pub(crate) struct WriteOptions {
    pub(crate) target: Target,
    pub(crate) compression_level: u32,
    /// What the manifest records of the command's options.
    pub(crate) manifest_options: serde_json::Map<String, serde_json::Value>,
}

/// Writes all of it, with no name yet.
pub(crate) async fn archive(
    source: &SourceArchive<'_>,
    rewriter: Rewriter,
    decision: &DatafeedDecision,
    options: &WriteOptions,
    progress: Progress<'_>,
) -> Result<(Rewriter, UnpublishedArchive)> {
    let writer = match &options.target {
        Target::Stdout => ArchiveWriter::temporary(options.compression_level)?,
        target => ArchiveWriter::create(target, options.compression_level)?,
    };
    let mut rewrite = ArchiveRewrite {
        source,
        options,
        writer,
        progress,
    };
    // The snapshot has the number of documents of the state, and comes first.
    let (mut rewriter, state, documents) = rewrite.state(rewriter).await?;
    let limits = source.state_limits();
    let contents = source.contents;
    let snapshot = &source.archive.snapshot_document;
    let text = rewriter.snapshot(snapshot, Some(documents), limits)?;
    rewrite.json(EntryKind::Snapshot, &text)?;
    let config = rewriter.configuration(source.config)?;
    rewrite.json(EntryKind::Config, &config)?;
    let state = tokio::task::block_in_place(|| state.seal())?;
    rewrite.writer.append(state)?;
    for (part, kind) in [
        (Part::Annotations, EntryKind::Annotations),
        (Part::Notifications, EntryKind::Notifications),
    ] {
        rewrite.documents(&mut rewriter, part, kind).await?;
    }
    rewrite.inputs(&mut rewriter).await?;
    if let Some(mapping) = &contents.input_mapping {
        let text = rewriter.mapping(mapping)?;
        rewrite.json(EntryKind::InputMapping, &text)?;
    }
    if let Some(counts) = &contents.data_counts {
        rewrite.json(EntryKind::DataCounts, counts.get().as_bytes())?;
    }
    rewrite
        .documents(&mut rewriter, Part::Categories, EntryKind::Categories)
        .await?;
    if let Some(filters) = &contents.filters {
        let text = rewriter.filters(filters, source.config)?;
        rewrite.json(EntryKind::Filters, &text)?;
    }
    if let Some(calendars) = &contents.calendars {
        let text = rewriter.calendars(calendars, source.config).map_err(Error::of_edit)?;
        rewrite.json(EntryKind::Calendars, &text)?;
    }
    let manifest = rewrite.manifest(&mut rewriter, decision)?;
    let unnamed = tokio::task::block_in_place(|| rewrite.writer.close(manifest))?;
    Ok((rewriter, unnamed))
}

struct ArchiveRewrite<'a> {
    source: &'a SourceArchive<'a>,
    options: &'a WriteOptions,
    writer: ArchiveWriter,
    progress: Progress<'a>,
}

impl ArchiveRewrite<'_> {
    fn entry(&self, kind: EntryKind) -> Result<EntryBuilder> {
        let name = EntryName::of(kind, self.source.job(), self.source.snapshot());
        Ok(EntryBuilder::new(name, self.options.compression_level))
    }

    fn has(&self, kind: EntryKind) -> bool {
        self.source
            .contents
            .entries
            .iter()
            .any(|entry| entry.kind == Some(kind))
    }

    fn json(&mut self, kind: EntryKind, text: &[u8]) -> Result<()> {
        let mut entry = self.entry(kind)?;
        entry.json(text)?;
        Ok(self.writer.append(entry.seal()?)?)
    }

    /// The entry of the state, and how many documents the model's has.
    async fn state(&self, rewriter: Rewriter) -> Result<(Rewriter, EntryBuilder, u64)> {
        let entry = RefCell::new(self.entry(EntryKind::State)?);
        let failed = RefCell::new(None);
        let (job, snapshot) = (self.source.job(), self.source.snapshot());
        let (entry_of, failed_of) = (&entry, &failed);
        let open = |kind| {
            ChunkEncoder::new(move |number, document: &[u8]| {
                let id = StateDocId { kind, number }.format(job, snapshot);
                let put = entry_of.borrow_mut().action_and_line(Some(STATE_INDEX), &id, document);
                put.map_err(|error| {
                    *failed_of.borrow_mut() = Some(error);
                    io::Error::other("the entry of the state")
                })
            })
        };
        let mut documents = 0;
        let close = |kind, encoder: ChunkEncoder<_>| {
            let written = encoder.finish().map_err(Error::of_edit)?;
            if kind == StateKind::Model {
                documents = written;
            }
            Ok(())
        };
        let walked = self.source.state(rewriter, self.progress, open, close).await;
        // What kept a document from its entry says more than the state that could not be written.
        if let Some(error) = failed.take() {
            return Err(error.into());
        }
        Ok((walked?, entry.into_inner(), documents))
    }

    async fn documents(&mut self, rewriter: &mut Rewriter, part: Part, kind: EntryKind) -> Result<()> {
        if !self.has(kind) {
            return Ok(());
        }
        let mut entry = self.entry(kind)?;
        self.source
            .for_each_document(part, self.progress, &mut |document| {
                let text = rewriter.document(part, &document.source)?;
                let put = match &document.id {
                    Some(id) => entry.action_and_line(document.index.as_deref(), id, &text),
                    None => entry.line(&text),
                };
                Ok(put?)
            })
            .await?;
        Ok(self.writer.append(entry.seal()?)?)
    }

    /// Inputs in their order, cut as an export cuts them; their ids are replaced, since they may be made of values.
    async fn inputs(&mut self, rewriter: &mut Rewriter) -> Result<()> {
        let Self { source, writer, .. } = self;
        let (job, snapshot, level) = (source.job(), source.snapshot(), self.options.compression_level);
        let begin = |number| {
            let name = EntryName::of(EntryKind::Inputs { number }, job, snapshot);
            EntryBuilder::new(name, level)
        };
        let (mut number, mut entry) = (1, begin(1));
        source
            .for_each_document(Part::Inputs, self.progress, &mut |document| {
                let text = rewriter.document(Part::Inputs, &document.source)?;
                if archive::is_full(entry.documents, entry.bytes, text.len()) {
                    number += 1;
                    let sealed = std::mem::replace(&mut entry, begin(number)).seal()?;
                    writer.append(sealed)?;
                }
                let id = rewriter.tokens.key().unrecorded_token(document.own_id());
                Ok(entry.action_and_line(Some(document.source_index()), &id, &text)?)
            })
            .await?;
        if entry.documents > 0 {
            writer.append(entry.seal()?)?;
        }
        Ok(())
    }

    fn manifest(&self, rewriter: &mut Rewriter, decision: &DatafeedDecision) -> Result<Manifest> {
        let known = self.source.contents.manifest.clone();
        let mut manifest = known.unwrap_or_else(|| Manifest {
            format_version: archive::FORMAT_VERSION,
            tool_version: String::new(),
            created: String::new(),
            source: ManifestSource {
                cluster_version: "unknown".to_owned(),
                cluster_name: String::new(),
                cluster_uuid: String::new(),
                default_categorization_analyzer: None,
            },
            job_id: self.source.job().to_string(),
            snapshot_id: String::new(),
            incomplete_clusters: Default::default(),
            options: serde_json::Map::new(),
            entries: Vec::new(),
        });
        rewriter.manifest(&mut manifest)?;
        manifest.tool_version = env!("CARGO_PKG_VERSION").to_owned();
        manifest.created = EpochMillis::now().to_string();
        manifest.snapshot_id = self.source.snapshot().to_string();
        manifest.options.extend(self.options.manifest_options.clone());
        decision.for_manifest(&rewriter.fields, &mut manifest);
        Ok(manifest)
    }
}
