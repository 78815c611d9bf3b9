//! The options of `import`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::archive::Limits;
use crate::cluster::BulkOptions;
use crate::commands::options::{concurrency, max_entry_size, size};
use crate::error::{Error, Result};
use crate::job::{IndexName, IndexPattern, JobId};

const EXAMPLES: &str = "\
Examples:
  Look at the plan, then import:
    esml-state import web-latency_state.tar.gz --url https://test.example:9200 --username elastic --dry-run
    esml-state import web-latency_state.tar.gz --url https://test.example:9200 --username elastic
  A second copy beside the job, with less memory:
    esml-state import web-latency_state.tar.gz --as web-latency-copy --model-memory-limit 512mb
  Inputs that are in the cluster already:
    esml-state import web-latency_state.tar.gz --skip-inputs --datafeed-index weblogs-2024.05";

const WHAT: &str = "What to import";
const WRITING: &str = "Writing";

/// Create a job from an archive, all or nothing
///
/// The archive is verified before anything is written; a failed import is rolled back. The job is not opened
/// and its datafeed not started. Imports are meant for reproducing issues and for test clusters. The job's
/// id is printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct ImportOptions {
    /// The archive, a file
    #[arg(
        value_name = "ARCHIVE",
        required_unless_present = "archive_path",
        conflicts_with = "archive_path"
    )]
    archive: Option<PathBuf>,
    /// The archive, as an option
    #[arg(long, alias = "archive_path", value_name = "ARCHIVE", display_order = 0)]
    archive_path: Option<PathBuf>,
    /// The archive's job; another id is an error, see --as
    #[arg(help_heading = WHAT, long = "job-id", alias = "job_id", value_name = "JOB")]
    pub job: Option<JobId>,
    /// Import under another id: a clone with its state
    #[arg(help_heading = WHAT, long = "as", value_name = "NEW")]
    pub rename: Option<JobId>,
    /// Replace an existing job and its imported inputs
    ///
    /// Once everything else has been checked. Of indices, only the one that an earlier import made for this
    /// job is replaced.
    #[arg(help_heading = WHAT, long)]
    pub replace: bool,
    /// Index for the inputs [default: JOB-input]
    #[arg(help_heading = WHAT, long, value_name = "NAME")]
    pub input_index: Option<IndexName>,
    /// Let the datafeed read this index instead; repeatable
    ///
    /// A name, a pattern (`weblogs-*`), date math or an index of another cluster
    /// (`europe:weblogs`). The archive's inputs are then left out.
    #[arg(help_heading = WHAT, long = "datafeed-index", value_name = "NAME", allow_hyphen_values = true)]
    pub datafeed_indices: Vec<IndexPattern>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap takes no documentation of a flattened field")]
    pub skip: Skip,
    /// The job's memory limit, for a smaller cluster
    #[arg(help_heading = WHAT, long, value_name = "SIZE", value_parser = memory_limit)]
    pub model_memory_limit: Option<String>,
    /// Size of a bulk request
    #[arg(help_heading = WRITING, long, value_name = "SIZE", default_value = "2mb", value_parser = bulk_size)]
    bulk_size: usize,
    /// How many bulk requests are sent at once
    #[arg(help_heading = WRITING, long, value_name = "N", default_value = "3", value_parser = concurrency())]
    bulk_concurrency: usize,
    /// Refuse larger entries
    ///
    /// An archive is refused where one of its entries decompresses to more.
    #[arg(help_heading = WRITING, long, value_name = "SIZE", default_value = "10gb", value_parser = max_entry_size)]
    pub max_entry_size: Limits,
    /// Verify, look at the cluster, print the plan and write nothing
    #[arg(help_heading = WRITING, long)]
    pub dry_run: bool,
    /// Answer the question with yes
    #[arg(help_heading = WRITING, short, long)]
    pub yes: bool,
    /// Print the result as one JSON document
    #[arg(help_heading = WRITING, long)]
    pub json: bool,
}

/// Parts to leave out.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = WHAT)]
pub struct Skip {
    /// Leave out the inputs
    #[arg(long = "skip-inputs", conflicts_with = "input_index")]
    pub inputs: bool,
    /// Leave out the annotations
    #[arg(long = "skip-annotations")]
    pub annotations: bool,
    /// Leave out the notifications
    #[arg(long = "skip-notifications")]
    pub notifications: bool,
    /// Leave out the datafeed
    #[arg(long = "skip-datafeed", conflicts_with = "datafeed_indices")]
    pub datafeed: bool,
    /// Leave out the filters
    #[arg(long = "skip-filters")]
    pub filters: bool,
    /// Leave out the calendars
    #[arg(long = "skip-calendars")]
    pub calendars: bool,
}

impl ImportOptions {
    /// Refuses what cannot work.
    pub fn validated(self) -> Result<Self> {
        let archive = self.archive();
        if archive == Path::new("-") || archive.as_os_str().is_empty() {
            return Err(Error::usage(
                "an import needs a file: the archive is read more than once",
                "write it to a file first",
            ));
        }
        Ok(self)
    }

    /// The file.
    pub fn archive(&self) -> &Path {
        let archive = self.archive.as_ref().or(self.archive_path.as_ref());
        archive.map_or(Path::new(""), PathBuf::as_path)
    }

    /// Whether inputs are left out, as they are where the datafeed is to read other indices.
    pub(super) fn skips_inputs(&self) -> bool {
        self.skip.inputs || !self.datafeed_indices.is_empty()
    }

    /// How documents are sent.
    pub fn bulk(&self) -> BulkOptions {
        BulkOptions {
            size: self.bulk_size,
            concurrency: self.bulk_concurrency,
        }
    }
}

/// Checks a size that is sent as typed, which Elasticsearch takes from 1 MB and with a unit.
fn memory_limit(text: &str) -> std::result::Result<String, String> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("expected a size with its unit, such as 512mb or 2gb".to_owned());
    }
    match size(text)? {
        0..0x10_0000 => Err("a job needs at least 1mb".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Elasticsearch takes at most 100 MB in one request unless told otherwise (`http.max_content_length`).
fn bulk_size(text: &str) -> std::result::Result<usize, String> {
    let bytes = usize::try_from(size(text)?).unwrap_or(usize::MAX);
    match bytes > 100 << 20 {
        true => Err("Elasticsearch takes at most 100mb in one request".to_owned()),
        false => Ok(bytes),
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
    fn a_bulk_request_stays_below_what_elasticsearch_takes() {
        assert_eq!(bulk_size("5mb"), Ok(5 << 20));
        assert_eq!(bulk_size("100mb"), Ok(100 << 20));
        assert!(bulk_size("101mb").is_err());
    }
}
