//! The archive, entry by entry, in the order of the archive contract.

use std::path::PathBuf;

use serde_json::value::RawValue;

use super::documents::{DocumentCounts, SearchedDocuments, require_all};
use super::inputs::{self, ExportedMappings, InputSource};
use super::state;
use super::target::ExportContext;
use crate::archive::{
    self, ArchiveSummary, ArchiveWriter, EntryBuilder, EntryKind, Limits, Manifest, ManifestSource, Target,
    UnpublishedArchive,
};
use crate::cluster::MlInfo;
use crate::cluster::{Hit, Pages};
use crate::commands::pseudonymize::{self, PseudonymizeOptions, TokenOptions};
use crate::error::{Error, Result};
use crate::util::format::{amount, count};
use crate::util::timestamp::EpochMillis;

/// How an archive is compressed that is read once more and then deleted.
const TEMPORARY_LEVEL: u32 = 1;

/// A written archive.
#[derive(Debug)]
pub(super) struct ExportedArchive {
    pub(super) target: Target,
    pub(super) summary: ArchiveSummary,
    /// What was replaced, where values were.
    pub(super) pseudonymized: Option<(PseudonymizeOptions, pseudonymize::Outcome)>,
}

/// Writes the archive; dropped before its end it leaves nothing behind.
pub(super) async fn archive(
    export: ExportContext<'_>,
    source: Option<&InputSource>,
    counts: &DocumentCounts,
) -> Result<ExportedArchive> {
    let ExportContext {
        session,
        options,
        target,
    } = export;
    let output = options.target(target.job.id());
    // With values it has no name on the disk.
    let writer = match options.tokens() {
        None => ArchiveWriter::create(&output, options.compression_level)?,
        Some(_) => ArchiveWriter::temporary(TEMPORARY_LEVEL)?,
    };
    let mut writer = EntryWriter { export, writer };
    // The first inputs are fetched while short entries are written. Long ones could outlast their point in time.
    let page = options.page_size as u64;
    let long = target.snapshot.state_documents > 1 || counts.timestamped.iter().any(|found| found.count > page);
    let early = if long { None } else { writer.open_inputs(source).await? };
    writer.json(EntryKind::Snapshot, &target.document.source)?;
    writer.json(EntryKind::Config, target.config.get().as_bytes())?;
    writer.state().await?;
    for documents in &counts.timestamped {
        writer.documents(documents).await?;
    }
    let pages = if long { writer.open_inputs(source).await? } else { early };
    let resources = Resources::read(export).await?;
    if let (Some(source), Some(pages), Some(inputs)) = (source, pages, counts.inputs) {
        let mut mappings = ExportedMappings::new(export, source);
        writer.inputs(pages, inputs.documents, &mut mappings).await?;
        let mappings = mappings.mappings();
        if !mappings.is_empty() {
            writer.json(EntryKind::InputMapping, mappings.to_json().to_string().as_bytes())?;
        }
    }
    if let Some(counts) = &resources.data_counts {
        writer.json(EntryKind::DataCounts, &counts.source)?;
    }
    writer.documents(&counts.categories).await?;
    writer.json(EntryKind::Filters, resources.filters.as_bytes())?;
    writer.json(EntryKind::Calendars, resources.calendars.as_bytes())?;
    target.refuse_replaced(&session.cluster).await?;
    let unpublished = writer.finish(resources.info)?;
    if let Some(tokens) = options.tokens() {
        session.leave_stage();
        return pseudonymize(export, unpublished, output, tokens).await;
    }
    Ok(ExportedArchive {
        target: output,
        summary: tokio::task::block_in_place(|| unpublished.publish())?,
        pseudonymized: None,
    })
}

/// The archive again, with tokens in place of values.
async fn pseudonymize(
    export: ExportContext<'_>,
    unpublished: UnpublishedArchive,
    target: Target,
    tokens: &TokenOptions,
) -> Result<ExportedArchive> {
    let options = PseudonymizeOptions {
        archive: PathBuf::new(),
        output: match &target {
            Target::File { path, .. } => path.clone(),
            Target::Stdout => PathBuf::from("-"),
        },
        overwrite: export.options.overwrite,
        tokens: tokens.clone(),
        compression_level: export.options.compression_level,
        limits: Limits {
            entry: u64::MAX,
            total: u64::MAX,
            state: u64::MAX,
        },
        dry_run: false,
        json: export.options.json,
    };
    let archive = unpublished.archive()?.ok_or_else(|| {
        Error::failed(
            "the archive went to standard output at once",
            "this is a bug; please report it",
        )
    })?;
    let outcome = pseudonymize::pseudonymize(&archive, &options, &export.session.terminal).await?;
    let summary = outcome.finished.clone();
    Ok(ExportedArchive {
        target,
        summary: summary.unwrap_or_else(|| unpublished.summary.clone()),
        pseudonymized: Some((options, outcome)),
    })
}

/// What belongs to a job and is requested by name, small enough to be kept in memory.
struct Resources {
    data_counts: Option<Hit>,
    /// The filters that rules name.
    filters: String,
    calendars: String,
    info: Option<MlInfo>,
}

impl Resources {
    async fn read(export: ExportContext<'_>) -> Result<Self> {
        let (cluster, terminal) = (export.cluster(), &export.session.terminal);
        let target = export.target;
        let data_counts = cluster.data_counts_document(target.job.id()).await?;
        if data_counts.is_none() {
            terminal.detail("the job has no data counts document");
        }
        let mut filters: Vec<Box<RawValue>> = Vec::new();
        for id in target.job.filters() {
            match cluster.filter(id).await? {
                Some(filter) => filters.push(filter),
                None => terminal.warn(&format!("a rule of the job names filter `{id}`, which does not exist")),
            }
        }
        let calendars = cluster.calendars_of(target.job.id(), &target.job.groups).await?;
        let bug = |error| {
            Error::failed(
                format!("filters and calendars: {error}"),
                "this is a bug; please report it",
            )
        };
        let filters = serde_json::to_string(&filters).map_err(bug)?;
        let calendars = serde_json::to_string(&calendars).map_err(bug)?;
        // Hours of inputs may follow before these are written.
        target.refuse_too_large(EntryKind::Filters, filters.len())?;
        target.refuse_too_large(EntryKind::Calendars, calendars.len())?;
        Ok(Self {
            data_counts,
            filters,
            calendars,
            info: cluster.ml_info().await?,
        })
    }
}

struct EntryWriter<'a> {
    export: ExportContext<'a>,
    writer: ArchiveWriter,
}

impl EntryWriter<'_> {
    fn entry(&self, kind: EntryKind) -> EntryBuilder {
        EntryBuilder::new(
            self.export.target.entry_name(kind),
            self.export.options.compression_level,
        )
    }

    fn json(&mut self, kind: EntryKind, text: &[u8]) -> Result<()> {
        let mut entry = self.entry(kind);
        entry.json(text)?;
        Ok(self.writer.append(entry.seal()?)?)
    }

    async fn state(&mut self) -> Result<()> {
        let ExportContext { session, target, .. } = self.export;
        let snapshot = &target.snapshot;
        let stage = session.stage("Reading model state", Some(snapshot.state_documents));
        let mut entry = self.entry(EntryKind::State);
        let read = state::append(self.export, &mut entry, &stage).await?;
        if read.categorizer == 0 && target.job.categorization_field().is_some() {
            state::refuse_deleted(self.export).await?;
            session
                .terminal
                .warn("the job has no categorizer state: where it is imported its categories start anew");
        }
        let sealed = tokio::task::block_in_place(|| entry.seal())?;
        self.writer.append(sealed)?;
        let mut line = format!("Model state: {}", amount(read.model, "document", "documents"));
        if read.categorizer > 0 {
            line += &format!(", {} of the categorizer", count(read.categorizer));
        }
        session.done(stage, &format!("{line} (snapshot {})", snapshot.id));
        Ok(())
    }

    async fn documents(&mut self, documents: &SearchedDocuments) -> Result<()> {
        let (session, title) = (self.export.session, documents.title);
        let stage = session.stage(&format!("Reading {title}"), Some(documents.count));
        let mut entry = self.entry(documents.entry);
        documents.read(self.export, &mut entry, &stage).await?;
        let read = entry.documents;
        self.writer.append(entry.seal()?)?;
        session.done(
            stage,
            &format!("{}{}: {}", title[..1].to_uppercase(), &title[1..], count(read)),
        );
        Ok(())
    }

    /// Readers begin at once, and wait when a few pages are fetched.
    async fn open_inputs(&self, source: Option<&InputSource>) -> Result<Option<Pages>> {
        let Some(source) = source else { return Ok(None) };
        let pages = self.export.cluster().pages(source.search.clone()).await?;
        source.refuse_replaced_indices(self.export).await?;
        Ok(Some(pages))
    }

    async fn inputs(&mut self, pages: Pages, expected: u64, mappings: &mut ExportedMappings<'_>) -> Result<()> {
        let session = self.export.session;
        let stage = session.stage("Reading inputs", Some(expected));
        let read = inputs::append(pages, mappings, &mut self.writer, &stage).await?;
        require_all("inputs", read, expected)?;
        let incomplete: Vec<String> = session.cluster.incomplete_clusters().into_iter().collect();
        if !incomplete.is_empty() {
            session.terminal.warn(&format!(
                "input documents of remote clusters are missing from the archive (--allow-partial): {}",
                incomplete.join(", ")
            ));
        }
        session.done(stage, &format!("Inputs: {}", count(read)));
        Ok(())
    }

    fn finish(self, info: Option<MlInfo>) -> Result<UnpublishedArchive> {
        let ExportContext {
            session,
            options,
            target,
        } = self.export;
        let cluster = &session.cluster;
        let manifest = Manifest {
            format_version: archive::FORMAT_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: EpochMillis::now().to_string(),
            source: ManifestSource {
                cluster_version: cluster.identity.version.to_string(),
                cluster_name: cluster.identity.name.clone(),
                cluster_uuid: cluster.identity.uuid.clone(),
                default_categorization_analyzer: info.and_then(|info| info.default_categorization_analyzer),
            },
            job_id: target.job.id().to_string(),
            snapshot_id: target.snapshot.id.to_string(),
            incomplete_clusters: cluster.incomplete_clusters(),
            options: options.for_manifest(),
            entries: Vec::new(),
        };
        Ok(tokio::task::block_in_place(|| self.writer.close(manifest))?)
    }
}
