//! Exports a job to an archive.

mod documents;
mod inputs;
mod options;
mod outcome;
mod plan;

use self::documents::SearchedDocuments;
use self::inputs::Inputs;
pub use self::options::{ExportOptions, InputOptions};
use self::plan::Export;
use crate::archive::{
    self, ArchiveWriter, EntryKind, Limits, Manifest, ManifestSource, SealedEntry, UnpublishedArchive,
};
use crate::cluster::ConnectOptions;
use crate::commands::interrupt::{Cleanup, Signals};
use crate::commands::pseudonymize::{self, PseudonymizeOptions, TokenOptions};
use crate::commands::session::{RunContext, Session};
use crate::error::{Error, Result};
use crate::json::raw;
use crate::terminal::Terminal;
use crate::util::timestamp::EpochMillis;

/// The compression level of a temporary archive, which is read once.
const TEMPORARY_LEVEL: u32 = 1;

/// Runs the export and prints its result.
///
/// # Errors
/// Any failure to write a complete archive. No file with the name of the archive is created then.
pub async fn run(
    options: ExportOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    outcome::require_answerable(&options, terminal)?;
    signals.or(options.refuse_existing(options.job.as_ref())).await?;
    let privileges = plan::required_privileges(None);
    let connected = Session::connect(&connect, &privileges, context, terminal);
    let session = signals.or(connected).await?;
    let outcome = signals.or(export(&session, &options, &signals)).await;
    match (outcome, signals.or_second(session.cluster.release()).await) {
        (Err(_), Err(signal)) => {
            let cleanup = "the cleanup: searches that are still open expire by themselves";
            Err(Error::stopped_during(cleanup, signal, None))
        }
        (outcome, _) => outcome,
    }
}

async fn export(session: &Session, options: &ExportOptions, signals: &Signals) -> Result<()> {
    let export = Export::plan(session, options).await?;
    options.refuse_existing(Some(export.job.id())).await?;
    let counting = session.stage("Counting documents", None);
    let privileges = plan::required_privileges(Some(&export));
    session.require_privileges(&privileges).await?;
    let inputs = Inputs::find(&export).await?;
    let searched = documents::find(&export).await?;
    drop(counting);
    if options.dry_run {
        return outcome::print_plan(&export, inputs.as_ref(), &searched);
    }
    outcome::confirm(&export, inputs.as_ref()).await?;
    signals.set_cleanup(Some(Cleanup {
        action: "closing searches and removing the partial archive",
        risk: "leaves searches open until they expire".to_owned(),
    }));
    let archive = write(&export, inputs, &searched).await?;
    match options.tokens() {
        None => {
            let saving = session.stage("Saving the archive", None);
            let summary = tokio::task::block_in_place(|| archive.publish())?;
            drop(saving);
            signals.set_cleanup(None);
            outcome::print(&export, &summary, None)
        }
        Some(tokens) => {
            let outcome = pseudonymize(&export, &archive, tokens).await?;
            signals.set_cleanup(None);
            let summary = outcome.written.clone().unwrap_or_default();
            outcome::print(&export, &summary, Some(&outcome))
        }
    }
}

/// Writes the entries in the order that the archive format defines. If dropped before the end, no file remains.
async fn write(
    export: &Export<'_>,
    inputs: Option<Inputs<'_>>,
    searched: &[SearchedDocuments; 3],
) -> Result<UnpublishedArchive> {
    let (options, cluster) = (export.options, export.cluster());
    let [annotations, notifications, categories] = searched;
    // An archive that contains values to be replaced is an unnamed temporary file.
    let mut writer = match options.tokens() {
        None => ArchiveWriter::create(&options.target(export.job.id()), options.compression_level)?,
        Some(_) => ArchiveWriter::temporary(TEMPORARY_LEVEL)?,
    };
    // The search for input documents starts early if the entries before them are small. Otherwise its point in time could
    // expire.
    let page = options.page_size as u64;
    let is_short = export.snapshot.state_documents <= 1 && annotations.count <= page && notifications.count <= page;
    let opened_early = match &inputs {
        Some(inputs) if is_short => Some(inputs.open().await?),
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
    if let Some(inputs) = inputs {
        let pages = match opened_early {
            Some(pages) => pages,
            None => inputs.open().await?,
        };
        inputs.write(pages, &mut writer).await?;
    }
    if let Some(counts) = data_counts {
        writer.append(export.json_entry(EntryKind::DataCounts, &counts.source)?)?;
    }
    categories.write(export, &mut writer).await?;
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
        incomplete_clusters: cluster.incomplete_clusters(),
        options: options.for_manifest(),
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
