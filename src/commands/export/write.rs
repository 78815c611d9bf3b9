//! Writes archives: the entries in the order of the archive format, and with `--pseudonymize` a copy with tokens.

use std::collections::BTreeSet;

use super::counted::Counted;
use super::documents;
use super::inputs;
use super::options::{ExportOptions, TEMPORARY_LEVEL};
use super::outcome;
use super::plan::Export;
use crate::archive::{
    self, ArchiveWriter, EntryKind, Limits, Manifest, ManifestSource, SealedEntry, Target, UnpublishedArchive,
};
use crate::commands::interrupt::Cleanup;
use crate::commands::pseudonymize::{self, PseudonymizeOptions, TokenOptions};
use crate::commands::session::Session;
use crate::commands::summary::Report;
use crate::error::Result;
use crate::job::JobId;
use crate::json::raw;
use crate::util::timestamp::EpochMillis;

/// What a signal starts while archives are written.
pub(in crate::commands) fn cleanup(archives: &str, restarts: bool) -> Cleanup {
    let (restarting, and) = match restarts {
        true => (", restarting what was closed", " and jobs closed"),
        false => ("", ""),
    };
    Cleanup {
        action: format!("closing searches and removing the partial {archives}{restarting}"),
        risk: format!("leaves searches open until they expire{and}"),
    }
}

/// Exports a job to a temporary archive, which is removed when it is dropped.
pub(in crate::commands) async fn export_to_temporary(
    session: &Session,
    options: &ExportOptions,
    job: &JobId,
) -> Result<UnpublishedArchive> {
    let export = Export::plan(session, options, job).await?;
    write(Counted::of(&export).await?, ArchiveWriter::temporary(TEMPORARY_LEVEL)?).await
}

/// Writes and publishes the archive.
pub(super) async fn save(counted: Counted<'_>) -> Result<Report> {
    let export = counted.export;
    let (options, session) = (export.options, export.session);
    let Some(tokens) = options.tokens() else {
        let target = Target::new(&options.path(export.job.id()), options.overwrite);
        let archive = write(counted, ArchiveWriter::create(&target, options.compression_level)?).await?;
        let _saving = session.stage("Saving the archive", None);
        let summary = tokio::task::block_in_place(|| archive.publish())?;
        return Ok(outcome::report(export, &summary, None));
    };
    // An archive that contains values to be replaced is an unnamed temporary file.
    let archive = write(counted, ArchiveWriter::temporary(TEMPORARY_LEVEL)?).await?;
    let outcome = pseudonymize(export, &archive, tokens).await?;
    let summary = outcome.written.clone().unwrap_or_default();
    Ok(outcome::report(export, &summary, Some(&outcome)))
}

/// Writes the entries in the order that the archive format defines. If dropped before the end, no file remains.
async fn write(counted: Counted<'_>, mut writer: ArchiveWriter) -> Result<UnpublishedArchive> {
    let (export, readers) = (counted.export, counted.readers);
    let (options, cluster) = (export.options, export.cluster());
    let [annotations, notifications, categories] = counted.searched;
    // The search for input documents starts early if the entries before them are small. Otherwise its point in time could
    // expire.
    let page = options.source.page_size as u64;
    let is_short = export.snapshot.state_documents <= 1 && annotations.count <= page && notifications.count <= page;
    let opened_early = match &counted.inputs {
        Some(inputs) if is_short && options.source.slices > 1 => Some(inputs.open(readers).await?),
        _ => None,
    };
    writer.append(export.json_entry(EntryKind::Snapshot, &export.snapshot_document.source)?)?;
    writer.append(export.json_entry(EntryKind::Config, export.job.text.get().as_bytes())?)?;
    documents::write_state(export, &mut writer).await?;
    annotations.write(export, &mut writer).await?;
    notifications.write(export, &mut writer).await?;
    let reading = export.session.stage("Reading filters and calendars", None);
    // Read before the input documents, which may take hours, so that entries that are too large fail early.
    let data_counts = cluster.data_counts_document(export.job.id()).await?;
    if data_counts.is_none() {
        let detail = "the job does not have a data counts document";
        export.session.terminal.detail(detail);
    }
    let filters = filters(export).await?;
    let calendars = cluster.calendars_of(export.job.id(), &export.job.groups).await?;
    let calendars = export.json_entry(EntryKind::Calendars, raw(&calendars).get().as_bytes())?;
    let ml_info = cluster.ml_info().await?;
    drop(reading);
    inputs::write_mappings(export, &counted.mappings, &mut writer)?;
    let mut incomplete_clusters = BTreeSet::new();
    if let Some(inputs) = counted.inputs {
        let pages = match opened_early {
            Some(pages) => pages,
            None => inputs.open(readers).await?,
        };
        incomplete_clusters = inputs.write(pages, &mut writer).await?;
    }
    if let Some(counts) = data_counts {
        writer.append(export.json_entry(EntryKind::DataCounts, &counts.source)?)?;
    }
    categories.write(export, &mut writer).await?;
    if let Some(results) = counted.results {
        Box::pin(results.write(readers, &mut writer)).await?;
    }
    writer.append(filters)?;
    writer.append(calendars)?;
    export.refuse_replaced_job().await?;
    let manifest = Manifest {
        format_version: archive::FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        created: EpochMillis::now().to_string(),
        source: ManifestSource {
            cluster_version: cluster.identity.version.to_string(),
            cluster_name: cluster.identity.name.clone(),
            cluster_uuid: cluster.identity.uuid.clone(),
            default_categorization_analyzer: ml_info.and_then(|info| info.default_categorization_analyzer),
        },
        job_id: export.job.id().to_string(),
        snapshot_id: export.snapshot.id.to_string(),
        fingerprint: counted.fingerprint,
        incomplete_clusters,
        options: options.source.for_manifest(),
        entries: Vec::new(),
    };
    Ok(tokio::task::block_in_place(|| writer.close(manifest))?)
}

/// The filters that the job's rules refer to.
async fn filters(export: &Export<'_>) -> Result<SealedEntry> {
    let mut filters = Vec::new();
    for id in export.job.filters() {
        match export.cluster().filter(id).await? {
            Some(filter) => filters.push(filter),
            None => export.warn(&format!(
                "filter {id} is missing from the archive: it does not exist, but a rule refers to it"
            )),
        }
    }
    export.json_entry(EntryKind::Filters, raw(&filters).get().as_bytes())
}

/// Copies the archive, with tokens instead of values.
async fn pseudonymize(
    export: &Export<'_>,
    unpublished: &UnpublishedArchive,
    tokens: &TokenOptions,
) -> Result<pseudonymize::Outcome> {
    let options = PseudonymizeOptions {
        output: export.options.path(export.job.id()),
        overwrite: export.options.overwrite,
        tokens: tokens.clone(),
        compression_level: export.options.compression_level,
        limits: Limits {
            entry: u64::MAX,
            total: u64::MAX,
            state: u64::MAX,
        },
        ..PseudonymizeOptions::default()
    };
    pseudonymize::pseudonymize(&unpublished.archive()?, &options, &export.session.terminal).await
}
