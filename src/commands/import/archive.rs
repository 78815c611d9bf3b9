//! Reading and checking the whole archive before the first request to the cluster.

use serde_json::Value;

use super::options::ImportOptions;
use super::privileges::{imports_inputs, input_privileges, input_targets};
use crate::archive::{self, Archive, ArchivedQuery, CheckedArchive, DocumentVisitor, Part, UnloadedArchive};
use crate::cluster::IndexPrivileges;
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId, guess_time_format};
use crate::terminal::Terminal;
use crate::util::format::{amount, bytes};

/// Number of input documents whose time values are sampled.
const SAMPLES: usize = 20;
/// Larger input documents are not sampled: parsing needs many times their size in memory.
const MAX_SAMPLED_BYTES: usize = 256 << 10;

/// The time values of the first input documents.
#[derive(Default)]
struct TimestampSample {
    field: Option<String>,
    documents: usize,
    values: Vec<Value>,
}

impl DocumentVisitor for TimestampSample {
    fn config(&mut self, config: &JobConfig) {
        self.field = Some(config.time_field().to_owned());
    }

    fn document(&mut self, part: Part, _: Option<&str>, _: Option<&str>, source: &[u8]) {
        if part != Part::Inputs || self.documents >= SAMPLES {
            return;
        }
        self.documents += 1;
        if let Some(field) = self.field.as_deref().filter(|_| source.len() <= MAX_SAMPLED_BYTES) {
            self.values.extend(time_value(source, field));
        }
    }
}

fn time_value(source: &[u8], field: &str) -> Option<Value> {
    let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1").replace('.', "/"));
    let source: Value = serde_json::from_slice(source).ok()?;
    source.get(field).or_else(|| source.pointer(&pointer)).cloned()
}

/// A checked archive that waits for its import.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) archive: UnloadedArchive,
    /// The ID of the job on the cluster.
    pub(super) job: JobId,
    /// The date format of the time values, which is needed if no mapping has one.
    pub(super) time_format: &'static str,
    pub(super) input_privileges: Vec<IndexPrivileges>,
}

/// Checks the archive.
pub(super) async fn check(archive: Archive, options: &ImportOptions, terminal: &Terminal) -> Result<Source> {
    let stage = terminal.stage("Checking the archive", bytes, Some(archive.len()));
    let (limits, bar) = (options.max_entry_size, stage.clone());
    let check = tokio::task::spawn_blocking(move || {
        let mut times = TimestampSample::default();
        let checked = archive.require_importable(limits, &mut times, &|bytes| bar.inc(bytes))?;
        Ok::<_, archive::Error>((checked, guess_time_format(&times.values)))
    });
    let (archive, time_format) = check.await.map_err(Error::panicked)??;
    for finding in &archive.contents.findings {
        terminal.warn(&finding.to_string());
    }
    stage.done(&format!(
        "Checked the archive: {}, all intact",
        amount(archive.contents.entries.len() as u64, "entry", "entries")
    ));
    if let Some(job) = options.job.as_ref().filter(|job| *job != archive.job()) {
        return Err(Error::usage(
            format!("the archive contains job `{}`, not `{job}`", archive.job()),
            format!("remove --job-id; to import the job under the ID `{job}`, use --as {job} instead"),
        ));
    }
    let job = options.target_job(archive.job())?;
    refuse_replaced_query(options, &archive)?;
    let targets = input_targets(options, &archive, &job, time_format)?;
    let input_privileges = input_privileges(options, &archive, &targets);
    Ok(Source {
        archive: archive.unload(),
        job,
        time_format,
        input_privileges,
    })
}

/// Refuses a datafeed whose query was replaced if it would read other documents than the archived ones.
fn refuse_replaced_query(options: &ImportOptions, archive: &CheckedArchive) -> Result<()> {
    let replaced = archived_query(archive) == ArchivedQuery::Replaced;
    let has_datafeed = archive.config.datafeed().is_some();
    if !replaced || options.skip.datafeed || !has_datafeed || imports_inputs(options, archive) {
        return Ok(());
    }
    Err(Error::refused(
        "the datafeed of this pseudonymized archive has `match_all` instead of its query, which is only correct with the \
         archived input documents",
        "import without --skip-inputs and --datafeed-index, or skip the datafeed with --skip-datafeed",
    ))
}

/// What the datafeed of the archive has instead of its query.
pub(super) fn archived_query(archive: &CheckedArchive) -> ArchivedQuery {
    let manifest = archive.contents.manifest.as_ref();
    manifest.map(|manifest| manifest.datafeed_query()).unwrap_or_default()
}

/// The version that the archive comes from, for error messages.
pub(super) fn origin(archive: &CheckedArchive) -> String {
    match (&archive.contents.manifest, archive.config.job_version.as_deref()) {
        (Some(manifest), _) => format!("Elasticsearch {}", manifest.source.cluster_version),
        (None, Some(version)) => format!("a cluster with job version {version}"),
        (None, None) => "a cluster of unknown version".to_owned(),
    }
}
