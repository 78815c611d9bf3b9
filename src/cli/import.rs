//! `esml-state import` as typed.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use crate::archive::Limits;
use crate::cli::connection::Connection;
use crate::cli::values;
use crate::cluster::BulkOptions;
use crate::commands::import::{ImportOptions, Skip};
use crate::error::{Error, Result};
use crate::job::{IndexName, IndexPattern, JobId};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  Look at the plan, then import:
    esml-state import web-latency_state.tar.gz --url https://test.example:9200 --username elastic --dry-run
    esml-state import web-latency_state.tar.gz --url https://test.example:9200 --username elastic
  A second copy beside the job, with less memory:
    esml-state import web-latency_state.tar.gz --as web-latency-copy --model-memory-limit 512mb
  Inputs that are in the cluster already:
    esml-state import web-latency_state.tar.gz --skip-inputs --datafeed-index weblogs-2024.05";

/// Create a job from an archive, all or nothing
///
/// The archive is verified before anything is written; a failed import is rolled back. The job is not opened
/// and its datafeed not started. Imports are meant for reproducing issues and for test clusters. The job's
/// id is printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ImportArgs {
    /// The archive, a file
    #[arg(
        value_name = "ARCHIVE",
        required_unless_present = "archive_path",
        conflicts_with = "archive_path"
    )]
    archive: Option<PathBuf>,
    /// The archive, as an option
    #[arg(long, alias = "archive_path", value_name = "ARCHIVE")]
    archive_path: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What to import")]
struct What {
    /// The archive's job; another id is an error, see --as
    #[arg(long, alias = "job_id", value_name = "JOB")]
    job_id: Option<JobId>,
    /// Import under another id: a clone with its state
    #[arg(long = "as", value_name = "NEW")]
    rename: Option<JobId>,
    /// Replace an existing job and its imported inputs
    ///
    /// Once everything else has been checked. Of indices, only the one that an earlier import made for this
    /// job is replaced.
    #[arg(long)]
    replace: bool,
    /// Index for the inputs [default: JOB-input]
    #[arg(long, value_name = "NAME")]
    input_index: Option<IndexName>,
    /// Let the datafeed read this index instead; repeatable
    ///
    /// A name, a pattern (`weblogs-*`), date math or an index of another cluster
    /// (`europe:weblogs`). The archive's inputs are then left out.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    datafeed_index: Vec<IndexPattern>,
    /// Leave out the inputs
    #[arg(long, conflicts_with = "input_index")]
    skip_inputs: bool,
    /// Leave out the annotations
    #[arg(long)]
    skip_annotations: bool,
    /// Leave out the notifications
    #[arg(long)]
    skip_notifications: bool,
    /// Leave out the datafeed
    #[arg(long, conflicts_with = "datafeed_index")]
    skip_datafeed: bool,
    /// Leave out the filters
    #[arg(long)]
    skip_filters: bool,
    /// Leave out the calendars
    #[arg(long)]
    skip_calendars: bool,
    /// The job's memory limit, for a smaller cluster
    #[arg(long, value_name = "SIZE", value_parser = values::memory_limit)]
    model_memory_limit: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Writing")]
struct Writing {
    /// Size of a bulk request
    #[arg(long, value_name = "SIZE", default_value = "2mb", value_parser = values::bulk_size)]
    bulk_size: usize,
    /// How many bulk requests are sent at once
    #[arg(long, value_name = "N", default_value = "3", value_parser = |text: &str| values::within(text, 1, 64))]
    bulk_concurrency: usize,
    /// Refuse larger entries
    ///
    /// An archive is refused where one of its entries decompresses to more.
    #[arg(long, value_name = "SIZE", default_value = "10gb", value_parser = values::size)]
    max_entry_size: u64,
    /// Verify, look at the cluster, print the plan and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer the question with yes
    #[arg(short, long)]
    yes: bool,
    /// Print the result as one JSON document
    #[arg(long)]
    json: bool,
}

impl ImportArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        self.writing.json
    }

    /// The plain options.
    ///
    /// # Errors
    /// [`Error::Usage`] for what contradicts itself or cannot work here.
    pub(in crate::cli) fn resolve(self, matches: &ArgMatches, terminal: &Terminal) -> Result<ImportOptions> {
        let Self {
            archive,
            archive_path,
            connection,
            what,
            writing,
        } = self;
        let archive = archive.or(archive_path).unwrap_or_default();
        if archive == Path::new("-") || archive.as_os_str().is_empty() {
            return Err(Error::Usage {
                message: "an import needs a file: the archive is read more than once".to_owned(),
                hint: Some("write it to a file first".to_owned()),
            });
        }
        Ok(ImportOptions {
            connect: connection.resolve(matches, terminal)?,
            archive,
            job: what.job_id,
            rename: what.rename,
            replace: what.replace,
            input_index: what.input_index,
            datafeed_indices: what.datafeed_index,
            skip: Skip {
                inputs: what.skip_inputs,
                annotations: what.skip_annotations,
                notifications: what.skip_notifications,
                datafeed: what.skip_datafeed,
                filters: what.skip_filters,
                calendars: what.skip_calendars,
            },
            model_memory_limit: what.model_memory_limit,
            bulk: BulkOptions {
                size: writing.bulk_size,
                concurrency: writing.bulk_concurrency,
            },
            limits: Limits {
                entry: writing.max_entry_size,
                ..Limits::default()
            },
            dry_run: writing.dry_run,
            yes: writing.yes,
            json: writing.json,
        })
    }
}
