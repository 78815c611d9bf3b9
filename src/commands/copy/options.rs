//! The options of `copy`: its own, and those of `export` and `import` that a copy needs.

use clap::{Arg, Args};

use crate::commands::export::SourceOptions;
use crate::commands::import::ImportOptions;
use crate::commands::options::not_empty;
use crate::error::{Error, Result};
use crate::util::format::is_among;
use crate::util::secret::Secret;

/// The options that only the long help contains.
const DETAILS: &str = "model_memory_limit input_index datafeed_indices annotations notifications results datafeed filters \
                       calendars bulk_size bulk_concurrency max_entry_size";

/// Copy jobs and their learned models to another cluster
///
/// Exports each job to a temporary file and imports it from there, with the checks of both commands. Without --cutover, the
/// source cluster is only read. A failed copy is rolled back. A job is opened, and its datafeed started, only on request. The
/// job IDs on the target cluster are printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = include_str!("help.txt").trim_end(), mut_args(for_copy))]
pub struct CopyOptions {
    /// Source: a profile or a URL
    ///
    /// The URL can contain a credential (`https://user:password@host:9200`); a profile also keeps it out of the process list.
    /// Without --from, the connection options and the environment select the source.
    #[arg(long, value_parser = not_empty::<Secret>, value_name = "SOURCE", conflicts_with_all = OF_ONE_CLUSTER)]
    pub from: Option<Secret>,
    /// Target: a profile or a URL [default: the source]
    ///
    /// Within a cluster, the copy needs another ID: --as, --as-prefix or --as-suffix.
    #[arg(long, value_parser = not_empty::<Secret>, value_name = "TARGET")]
    pub to: Option<Secret>,
    /// Close the job on the source, and start the copy
    ///
    /// Stops the datafeed and closes the job, which writes a last snapshot. After the copy, the job on the target is opened and
    /// its datafeed is started; the job on the source stays closed. If the copy fails or is interrupted, the job on the source
    /// is started again.
    #[arg(long, conflicts_with_all = ["snapshot_id", "before_date", "snapshot_before_date"])]
    pub(super) cutover: bool,
    /// Have Elasticsearch copy the input documents
    ///
    /// The target reads the documents of the datafeed from the source with `_reindex`, before the job is created, so that they
    /// do not pass through this machine. The target receives the source's credential. An interrupted copy of input documents is
    /// kept, and the same command continues it.
    #[arg(long, conflicts_with_all = ["include_inputs", "datafeed_indices", "inputs", "cutover"])]
    pub(super) reindex_inputs: bool,
    #[command(flatten)]
    pub(super) source: SourceOptions,
    #[command(flatten)]
    pub(super) import: ImportOptions,
}

/// The connection options of a single cluster. The others are used for both.
const OF_ONE_CLUSTER: [&str; 10] = [
    "url",
    "cloud_id",
    "user",
    "password",
    "password_file",
    "api_key",
    "bearer_token",
    "profile",
    "client_cert",
    "client_key",
];

/// Adapts the help of an option of another command.
fn for_copy(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "jobs" => arg
            .help("Job, wildcard or group to copy")
            .long_help("Job, wildcard or group to copy\n\nA wildcard contains `*` and must be quoted."),
        // Without --include-inputs, none are copied.
        "inputs" => arg.hide(true),
        id if is_among(DETAILS, id) => arg.hide_short_help(true),
        _ => arg,
    }
}

impl CopyOptions {
    /// Checks the options.
    ///
    /// # Errors
    /// If options conflict, no job is selected, or a copy within a cluster would have the ID of the job.
    pub fn validated(mut self) -> Result<Self> {
        if self.source.selection.is_empty() {
            return Err(Error::usage(
                "a job is required",
                "list the jobs with `esml-state list`, and run `esml-state copy JOB`",
            ));
        }
        if self.to.is_none() && !self.import.renames() {
            return Err(Error::usage(
                "a copy within a cluster requires another job ID",
                "add --as NEW, or select another cluster with --to",
            ));
        }
        self.source = self.source.validated()?;
        self.import.open |= self.cutover;
        self.import.start_datafeed |= self.cutover && !self.import.skip.datafeed;
        Ok(self)
    }

    /// Whether a JSON document is printed.
    pub fn prints_json(&self) -> bool {
        self.import.json
    }
}
