//! The options of `import`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;

use crate::archive::{Archive, Limits};
use crate::cluster::{BulkOptions, Cluster};
use crate::commands::options::{max_entry_size, number, size};
use crate::error::{Error, Result};
use crate::job::{IndexName, IndexPattern, JobId};
use crate::util::secret::Secret;
use crate::util::timestamp::EpochMillis;

const PARTS: &str = "Parts to skip";
const PERFORMANCE: &str = "Performance and limits";

/// Create jobs from archives
///
/// The archives and the cluster are checked before anything is written, and a failed import is rolled back. A job is
/// opened, and its datafeed started, only on request. An import writes to internal indices of machine learning, which Elastic does not
/// support as an interface. The job IDs are printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = include_str!("help.txt").trim_end())]
pub struct ImportArguments {
    /// Archives to import, or directories of archives
    ///
    /// In a directory, these are the files whose names end with `.tar.gz`. All archives are checked and planned before anything
    /// is written; then each job is imported, or rolled back on its own.
    #[arg(
        value_name = "ARCHIVE",
        required_unless_present = "archive_path",
        conflicts_with = "archive_path"
    )]
    archives: Vec<PathBuf>,
    /// Fail if the archive contains a different job
    ///
    /// To import under another ID, use --as.
    #[arg(long = "job-id", alias = "job_id", value_name = "JOB")]
    job: Option<JobId>,
    /// Same as ARCHIVE
    #[arg(long, alias = "archive_path", value_name = "ARCHIVE", hide_short_help = true)]
    archive_path: Option<PathBuf>,
    /// Copy the input documents from a cluster
    ///
    /// A profile or a URL. The target reads the documents of the datafeed from SOURCE with `_reindex`, before the job is
    /// created, so that they do not pass through the archive or this machine. The target receives the source's credential. An
    /// interrupted copy is kept, and the same command continues it.
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["inputs", "datafeed_indices"])]
    pub(crate) inputs_from: Option<Secret>,
    #[command(flatten)]
    pub(crate) options: ImportOptions,
}

/// What is created on the cluster, and how. `copy` has the same options.
#[derive(Clone, Debug, Args)]
pub struct ImportOptions {
    /// Import under another job ID
    #[arg(long = "as", value_name = "NEW")]
    pub rename: Option<JobId>,
    /// Add text to the start of each job ID
    #[arg(long, value_name = "TEXT", conflicts_with = "rename")]
    as_prefix: Option<String>,
    /// Add text to the end of each job ID
    #[arg(long, value_name = "TEXT", conflicts_with = "rename")]
    as_suffix: Option<String>,
    /// Replace the job if it exists
    ///
    /// The existing job is deleted after everything else was checked. It is not restored if the import fails. An existing
    /// input index is replaced only if an import created it for this job.
    #[arg(long)]
    pub replace: bool,
    /// Memory limit of the job, such as 512mb
    ///
    /// SIZE is a number with a unit (`kb`, `mb` or `gb`, in powers of 1024), as in Elasticsearch.
    #[arg(long, value_name = "SIZE", value_parser = memory_limit)]
    pub model_memory_limit: Option<String>,
    /// Name of the input index [default: JOB-input]
    ///
    /// The import creates this index for the input documents of the archive.
    #[arg(long, value_name = "NAME")]
    pub input_index: Option<IndexName>,
    /// Index for the datafeed; can be repeated
    ///
    /// The datafeed reads this index, and the input documents of the archive are not imported. NAME can be a pattern
    /// (`weblogs-*`), date math, or an index of a remote cluster (`europe:weblogs`).
    #[arg(long = "datafeed-index", value_name = "NAME", allow_hyphen_values = true)]
    pub datafeed_indices: Vec<IndexPattern>,
    /// Open the job after the import
    ///
    /// The import is not rolled back if this fails.
    #[arg(long)]
    pub open: bool,
    /// Start the datafeed after the import
    ///
    /// It continues from the end of the snapshot. The import is not rolled back if this fails.
    #[arg(long, requires = "open", conflicts_with = "datafeed")]
    pub start_datafeed: bool,
    /// Start of the datafeed, if it is later than the end of the snapshot
    #[arg(long, value_name = "DATE", requires = "start_datafeed", hide_short_help = true)]
    pub datafeed_start: Option<EpochMillis>,
    /// Show the plan, and write nothing
    ///
    /// The archive and the cluster are checked as in an import.
    #[arg(long)]
    pub dry_run: bool,
    /// Answer yes to all questions
    ///
    /// Required without a terminal.
    #[arg(short, long)]
    pub yes: bool,
    /// Print the result as a JSON document
    #[arg(long)]
    pub json: bool,
    /// The only job that may be imported.
    #[arg(skip)]
    pub job: Option<JobId>,
    /// The cluster from which Elasticsearch copies the input documents.
    #[arg(skip)]
    pub inputs_from: Option<Arc<OnceLock<Cluster>>>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap does not support documentation of a flattened field")]
    pub skip: Skip,
    /// Size of bulk requests
    ///
    /// From 1kb to 100mb. A document that is larger than SIZE is sent in its own request.
    #[arg(help_heading = PERFORMANCE, long, value_name = "SIZE", default_value = "2mb", value_parser = bulk_size)]
    bulk_size: usize,
    /// Number of concurrent bulk requests
    #[arg(help_heading = PERFORMANCE, long, value_name = "N", default_value = "3", value_parser = number(1_usize, 64))]
    bulk_concurrency: usize,
    /// Number of concurrent `_reindex` requests
    ///
    /// For --inputs-from and --reindex-inputs.
    #[arg(help_heading = PERFORMANCE, long, value_name = "N", default_value = "2", value_parser = number(1_usize, 64))]
    #[arg(hide_short_help = true)]
    pub reindex_concurrency: usize,
    /// Limit of each `_reindex` request, in documents per second [default: unlimited]
    #[arg(help_heading = PERFORMANCE, long, value_name = "N", value_parser = number(1_u32, u32::MAX))]
    #[arg(hide_short_help = true)]
    pub reindex_requests_per_second: Option<u32>,
    /// Maximum size of an entry
    ///
    /// An archive is refused if the decompressed size of an entry is larger. SIZE has a unit, such as `512mb`.
    #[arg(help_heading = PERFORMANCE, long, value_name = "SIZE", default_value = "10gb", value_parser = max_entry_size)]
    pub max_entry_size: Limits,
}

/// Parts of the archive that are not imported.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = PARTS)]
pub struct Skip {
    /// Skip the input documents
    #[arg(long = "skip-inputs", conflicts_with = "input_index")]
    pub inputs: bool,
    /// Skip the annotations
    #[arg(long = "skip-annotations")]
    pub annotations: bool,
    /// Skip the notifications
    #[arg(long = "skip-notifications")]
    pub notifications: bool,
    /// Skip the results
    #[arg(long = "skip-results")]
    pub results: bool,
    /// Skip the datafeed
    #[arg(long = "skip-datafeed", conflicts_with = "datafeed_indices")]
    pub datafeed: bool,
    /// Skip the filters
    #[arg(long = "skip-filters")]
    pub filters: bool,
    /// Skip the calendars
    #[arg(long = "skip-calendars")]
    pub calendars: bool,
}

impl ImportArguments {
    /// Checks the options.
    pub fn validated(mut self) -> Result<Self> {
        let unreadable = |path: &&Path| *path == Path::new("-") || path.as_os_str().is_empty();
        if self.paths().any(|path| unreadable(&path)) {
            return Err(Error::usage(
                "ARCHIVE must be a file, because it is read more than once",
                "save the archive to a file, and import that file",
            ));
        }
        self.options.job = self.job.take();
        Ok(self)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.archives.iter().chain(&self.archive_path).map(PathBuf::as_path)
    }

    /// The paths of the archives, in the given order, and in a directory sorted by name.
    pub fn archives(&self) -> Result<Vec<PathBuf>> {
        let mut archives = Vec::new();
        for path in self.paths() {
            match path.is_dir() {
                true => archives.extend(Archive::paths_in(path)?),
                false => archives.push(path.to_owned()),
            }
        }
        self.options.require_single("archive", archives.len())?;
        Ok(archives)
    }
}

impl ImportOptions {
    /// Refuses options for a single `item` if there are several.
    pub(in crate::commands) fn require_single(&self, item: &str, number: usize) -> Result<()> {
        let given = [
            ("--as", self.rename.is_some()),
            ("--job-id", self.job.is_some()),
            ("--input-index", self.input_index.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((option, _)) if number != 1 => Err(Error::usage(
                format!("{option} requires exactly one {item}, but there are {number}"),
                format!("for several {item}s, use --as-prefix or --as-suffix"),
            )),
            _ => Ok(()),
        }
    }

    /// Whether jobs are imported under another ID.
    pub(in crate::commands) fn renames(&self) -> bool {
        self.rename.is_some() || self.as_prefix.is_some() || self.as_suffix.is_some()
    }

    /// The ID under which a job of an archive is imported.
    pub(in crate::commands) fn target_job(&self, job: &JobId) -> Result<JobId> {
        if let Some(renamed) = &self.rename {
            return Ok(renamed.clone());
        }
        let added = |text: &Option<String>| text.clone().unwrap_or_default();
        let renamed = format!("{}{job}{}", added(&self.as_prefix), added(&self.as_suffix));
        let invalid = |why| Error::usage(format!("{why}"), "choose another --as-prefix or --as-suffix");
        renamed.parse().map_err(invalid)
    }

    /// Whether the archive's input documents are left out, which is also the case if the datafeed reads other indices, or if
    /// Elasticsearch copies the documents.
    pub(super) fn skips_inputs(&self) -> bool {
        self.skip.inputs || !self.datafeed_indices.is_empty() || self.inputs_from.is_some()
    }

    /// Size and concurrency of bulk requests.
    pub fn bulk(&self) -> BulkOptions {
        BulkOptions {
            size: self.bulk_size,
            concurrency: self.bulk_concurrency,
        }
    }
}

/// Checks a memory limit, which is sent as typed. Elasticsearch requires a unit and at least 1 MiB.
fn memory_limit(text: &str) -> std::result::Result<String, String> {
    match size(text)? {
        0..0x10_0000 => Err("expected at least 1mb".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Parses the size of bulk requests. Elasticsearch accepts at most 100 MiB by default (`http.max_content_length`).
fn bulk_size(text: &str) -> std::result::Result<usize, String> {
    let bytes = size(text)?;
    match (1 << 10..=100 << 20).contains(&bytes) {
        true => Ok(bytes as usize),
        false => Err("expected 1kb to 100mb, the limit of Elasticsearch for a request".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_limit_is_kept_as_typed() {
        assert_eq!(memory_limit("512MB"), Ok("512MB".to_owned()));
        for text in ["512", "512kb", "0mb", "lots"] {
            assert!(memory_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bulk_requests_have_at_least_1_kib_and_do_not_exceed_the_limit_of_elasticsearch() {
        assert_eq!(bulk_size("5mb"), Ok(5 << 20));
        assert_eq!(bulk_size("100mb"), Ok(100 << 20));
        assert_eq!(bulk_size("1kb"), Ok(1 << 10));
        for text in ["101mb", "2b", "1023b", "2"] {
            assert!(bulk_size(text).is_err(), "{text}");
        }
    }
}
