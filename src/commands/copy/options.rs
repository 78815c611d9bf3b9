//! The options of `copy`: its own, those of `export` that select what is copied, and those of `import` for the target.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::commands::export::ExportOptions;
use crate::commands::import::ImportOptions;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::is_among;
use crate::util::secret::Secret;

/// The options of `export` that `copy` has too.
const EXPORT: &str = "jobs job_id all snapshot_id before_date snapshot_before_date after_date annotations_after \
                      include_inputs after before all_fields input_field allow_partial include_results \
                      results_after all_results slices page_size pagination";
/// The options of `import` that `copy` has too.
const IMPORT: &str = "rename as_prefix as_suffix replace model_memory_limit input_index datafeed_indices open start_datafeed \
                      datafeed_start dry_run yes json annotations notifications results datafeed filters calendars \
                      bulk_size bulk_concurrency";
/// Those that only the long help contains.
const DETAILS: &str = "model_memory_limit input_index datafeed_indices annotations notifications results datafeed filters \
                       calendars bulk_size bulk_concurrency";

/// Copy jobs and their learned models to another cluster
///
/// Exports each job to a temporary file and imports it from there, with the checks of both commands. Without --cutover, the
/// source cluster is only read. A failed copy is rolled back. A job is opened, and its datafeed started, only on request. The
/// job IDs on the target cluster are printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = include_str!("help.txt").trim_end())]
pub struct CopyOptions {
    /// Source: a profile or a URL
    ///
    /// The URL can contain a credential (`https://user:password@host:9200`); a profile also keeps it out of the process list.
    /// Without --from, the connection options and the environment select the source.
    #[arg(long, value_name = "SOURCE", conflicts_with_all = OF_ONE_CLUSTER)]
    pub from: Option<Secret>,
    /// Target: a profile or a URL [default: the source]
    ///
    /// Within a cluster, the copy needs another ID: --as, --as-prefix or --as-suffix.
    #[arg(long, value_name = "TARGET")]
    pub to: Option<Secret>,
    /// Close the job on the source, and start the copy
    ///
    /// Stops the datafeed and closes the job, which writes a last snapshot. After the copy, the job on the target is opened and
    /// its datafeed is started; the job on the source stays closed. If the copy fails or is interrupted, the job on the source
    /// is started again.
    #[arg(long, conflicts_with_all = ["snapshot_id", "before_date", "snapshot_before_date"])]
    pub(super) cutover: bool,
    #[command(flatten)]
    pub(super) shared: Shared,
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

/// The options of the export and of the import.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) export: ExportOptions,
    pub(super) import: ImportOptions,
}

impl Args for Shared {
    fn augment_args(command: Command) -> Command {
        let export = ExportOptions::augment_args(Command::new("export"));
        let export = export.mut_arg("jobs", |jobs| {
            let help = "Job, wildcard or group to copy";
            jobs.help(help)
                .long_help(format!("{help}\n\nA wildcard contains `*` and must be quoted."))
        });
        let import = ImportOptions::augment_args(Command::new("import"));
        let shared = |command: &Command, ids: &str| -> Vec<_> {
            let shared = command
                .get_arguments()
                .filter(|arg| is_among(ids, arg.get_id().as_str()));
            let in_help = |arg: &Arg| {
                let is_hidden = arg.is_hide_short_help_set() || is_among(DETAILS, arg.get_id().as_str());
                // After the options of this command.
                arg.clone().hide_short_help(is_hidden).display_order(Resettable::Reset)
            };
            shared.map(in_help).collect()
        };
        command.args(shared(&export, EXPORT)).args(shared(&import, IMPORT))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Shared {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            export: parse(matches, EXPORT, &[])?,
            import: parse(matches, IMPORT, &["a temporary file"])?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The options of another command, whose line consists of the given options with these IDs, and of `words`.
fn parse<T: Args>(matches: &ArgMatches, ids: &str, words: &[&str]) -> Result<T, clap::Error> {
    let command = T::augment_args(Command::new("copy").no_binary_name(true));
    let mut line: Vec<OsString> = Vec::new();
    for arg in command
        .get_arguments()
        .filter(|arg| is_among(ids, arg.get_id().as_str()))
    {
        let id = arg.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let option = arg.get_long().map(|long| format!("--{long}"));
        match (option, arg.get_action().takes_values()) {
            (Some(option), false) => line.push(option.into()),
            (option, _) => {
                let option = option.map(|option| format!("{option}=")).unwrap_or_default();
                for value in matches.get_raw(id).into_iter().flatten() {
                    let mut word = OsString::from(&option);
                    word.push(value);
                    line.push(word);
                }
            }
        }
    }
    line.extend(words.iter().map(OsString::from));
    T::from_arg_matches(&command.try_get_matches_from(line)?)
}

impl CopyOptions {
    /// Checks the options.
    ///
    /// # Errors
    /// If options conflict, no job is selected, or a copy within a cluster would have the ID of the job.
    pub fn validated(mut self, terminal: &Terminal) -> Result<Self> {
        let Shared { export, import } = self.shared;
        if export.selection.is_empty() {
            return Err(Error::usage(
                "a job is required",
                "list the jobs with `esml-state list`, and run `esml-state copy JOB`",
            ));
        }
        if self.to.is_none() && !import.renames() {
            return Err(Error::usage(
                "a copy within a cluster requires another job ID",
                "add --as NEW, or select another cluster with --to",
            ));
        }
        let (export, mut import) = (export.validated(terminal)?, import.validated()?);
        import.open |= self.cutover;
        import.start_datafeed |= self.cutover && !import.skip.datafeed;
        self.shared = Shared { export, import };
        Ok(self)
    }

    /// Whether a JSON document is printed.
    pub fn prints_json(&self) -> bool {
        self.shared.import.json
    }
}
