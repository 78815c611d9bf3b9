//! `esml-state export` as typed.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, ValueEnum};

use crate::archive::Target;
use crate::cli::connection::Connection;
use crate::cli::pseudonymize::TokenArgs;
use crate::cli::values;
use crate::cluster::Pagination;
use crate::cluster::ml::SnapshotChoice;
use crate::commands::export::{ExportOptions, InputOptions};
use crate::error::{Error, Result};
use crate::job::{JobId, SnapshotId};
use crate::terminal::Terminal;
use crate::util::timestamp::EpochMillis;

const EXAMPLES: &str = "\
Examples:
  Choose a job from a list:
    esml-state export --url https://es.example:9200 --username elastic
  The job as it was before an incident, with the inputs of that week:
    esml-state export --job-id web-latency --before-date 2024-05-08T00:00:00 \\
      --include-inputs --inputs-after-date 2024-05-01 --inputs-before-date 2024-05-08
  See what an archive would hold:
    esml-state export --job-id web-latency --include-inputs --dry-run

Dates are YYYY-MM-DDTHH:MM:SS (UTC unless an offset follows), YYYY-MM-DD, RFC 3339 or epoch milliseconds.";

/// Write a job, with everything it has learned, to an archive
///
/// Reads the job's configuration, a model snapshot with its state, annotations, notifications and, on
/// request, the input data, and writes one .tar.gz file that appears whole or not at all. The archive's path
/// is printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    output: Output,
    /// Replace values with tokens, and write a key file that maps them back
    ///
    /// As `esml-state pseudonymize` does, without an archive with values on the way.
    #[arg(long, help_heading = "Tokens")]
    pseudonymize: bool,
    #[command(flatten)]
    tokens: TokenArgs,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What to export")]
struct What {
    /// The job; on a terminal a list is offered where it is left out
    #[arg(long, alias = "job_id", value_name = "JOB")]
    job_id: Option<JobId>,
    /// This model snapshot, instead of the one that the job uses
    #[arg(long, alias = "snapshot_id", value_name = "ID", conflicts_with_all = ["before_date", "snapshot_before_date"])]
    snapshot_id: Option<SnapshotId>,
    /// The latest snapshot before this date
    ///
    /// Later annotations and notifications are left out.
    #[arg(
        long,
        alias = "before_date",
        value_name = "DATE",
        conflicts_with = "snapshot_before_date",
        allow_hyphen_values = true
    )]
    before_date: Option<EpochMillis>,
    /// The same as --before-date
    #[arg(
        long,
        alias = "snapshot_before_date",
        value_name = "DATE",
        allow_hyphen_values = true
    )]
    snapshot_before_date: Option<EpochMillis>,
    /// Only inputs, annotations and notifications from this date on
    ///
    /// --annotations-after-date and --inputs-after-date win over it for their part.
    #[arg(long, alias = "after_date", value_name = "DATE", allow_hyphen_values = true)]
    after_date: Option<EpochMillis>,
    /// Only annotations and notifications from this date on
    #[arg(
        long,
        alias = "annotations_after_date",
        value_name = "DATE",
        allow_hyphen_values = true
    )]
    annotations_after_date: Option<EpochMillis>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input data")]
struct Inputs {
    /// Export the input data too
    ///
    /// With a range that is open on either side it asks once more, after saying how much that is.
    #[arg(long, alias = "include_inputs")]
    include_inputs: bool,
    /// Only inputs from this date on, by the job's time field
    #[arg(long, alias = "inputs_after_date", value_name = "DATE", allow_hyphen_values = true)]
    inputs_after_date: Option<EpochMillis>,
    /// Only inputs before this date
    #[arg(long, alias = "inputs_before_date", value_name = "DATE", allow_hyphen_values = true)]
    inputs_before_date: Option<EpochMillis>,
    /// Whole input documents, instead of the fields that the job needs
    #[arg(long, requires = "include_inputs", conflicts_with = "input_field")]
    all_fields: bool,
    /// A field besides those that the job needs; repeatable
    #[arg(long, value_name = "NAME", requires = "include_inputs")]
    input_field: Vec<String>,
    /// Export without the inputs of remote clusters that do not answer
    ///
    /// Otherwise the export fails and names them. The manifest of the archive lists what is missing.
    #[arg(long, requires = "include_inputs")]
    allow_partial: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output and reading")]
struct Output {
    /// Where to write; `-` is stdout [default: JOB_state.tar.gz]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long)]
    overwrite: bool,
    /// 0 stores, 9 is smallest and slowest
    #[arg(long, value_name = "LEVEL", default_value = "4", value_parser = clap::value_parser!(u32).range(0..=9))]
    compression_level: u32,
    /// How many readers share a point in time
    #[arg(long, value_name = "N", default_value = "4", value_parser = |text: &str| values::within(text, 1, 64))]
    slices: usize,
    /// Documents in one answer
    #[arg(long, value_name = "N", default_value = "10000", value_parser = |text: &str| values::within(text, 1, 10_000))]
    page_size: usize,
    /// How to page
    ///
    /// auto: point in time on Elasticsearch 7.12 and later, otherwise scroll. pit is refused before 7.12.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pagination: PaginationArg,
    /// Say what the archive would hold and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer the question about personal data with yes
    #[arg(short, long)]
    yes: bool,
    /// Print the result as one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PaginationArg {
    Auto,
    Pit,
    Scroll,
}

impl ExportArgs {
    /// Whether stdout carries a document; not where it carries the archive.
    pub(in crate::cli) fn json(&self) -> bool {
        self.output.json && (self.output.dry_run || self.output.output.as_deref() != Some(Path::new("-")))
    }

    /// The plain options.
    ///
    /// # Errors
    /// [`Error::Usage`] for what contradicts itself or cannot work here.
    pub(in crate::cli) fn resolve(self, matches: &ArgMatches, terminal: &Terminal) -> Result<ExportOptions> {
        let json = self.json();
        let Self {
            connection,
            what,
            inputs,
            output,
            pseudonymize,
            tokens,
        } = self;
        if !pseudonymize && !tokens.is_empty() {
            return Err(usage(
                "--key, --fields, --keep-text, --accept-names and --skip-datafeed are about tokens",
                "add --pseudonymize",
            ));
        }
        if what.job_id.is_none() && !terminal.interactive() {
            return Err(usage(
                "no job is named, and there is no terminal to choose one on",
                "add --job-id JOB",
            ));
        }
        let before = what.before_date.or(what.snapshot_before_date);
        let annotations_after = what.annotations_after_date.or(what.after_date);
        let inputs_after = inputs.inputs_after_date.or(what.after_date);
        let pick = |finer: Option<EpochMillis>, name| if finer.is_some() { name } else { "--after-date" };
        check_range(
            (
                pick(what.annotations_after_date, "--annotations-after-date"),
                annotations_after,
            ),
            (
                if what.before_date.is_some() {
                    "--before-date"
                } else {
                    "--snapshot-before-date"
                },
                before,
            ),
        )?;
        check_range(
            (pick(inputs.inputs_after_date, "--inputs-after-date"), inputs_after),
            ("--inputs-before-date", inputs.inputs_before_date),
        )?;
        if !inputs.include_inputs && (inputs.inputs_after_date.is_some() || inputs.inputs_before_date.is_some()) {
            terminal.warn("the range of inputs has no effect without --include-inputs");
        }
        let target = target(output.output, output.overwrite, output.dry_run, terminal)?;
        Ok(ExportOptions {
            connect: connection.resolve(matches, terminal)?,
            job: what.job_id,
            snapshot: match (what.snapshot_id, before) {
                (Some(id), _) => SnapshotChoice::Id(id),
                (None, Some(before)) => SnapshotChoice::Before(before),
                (None, None) => SnapshotChoice::Used,
            },
            annotations_after,
            annotations_before: before,
            inputs: inputs.include_inputs.then_some(InputOptions {
                after: inputs_after,
                before: inputs.inputs_before_date,
                all_fields: inputs.all_fields,
                fields: inputs.input_field,
                allow_partial: inputs.allow_partial,
            }),
            tokens: match pseudonymize {
                true => Some(tokens.resolve(target.as_ref())?),
                false => None,
            },
            output: target,
            overwrite: output.overwrite,
            compression_level: output.compression_level,
            slices: output.slices,
            page_size: output.page_size,
            pagination: output.pagination.into(),
            dry_run: output.dry_run,
            yes: output.yes,
            json,
        })
    }
}

impl From<PaginationArg> for Pagination {
    fn from(pagination: PaginationArg) -> Self {
        match pagination {
            PaginationArg::Auto => Self::Auto,
            PaginationArg::Pit => Self::PointInTime,
            PaginationArg::Scroll => Self::Scroll,
        }
    }
}

fn target(output: Option<PathBuf>, overwrite: bool, dry_run: bool, terminal: &Terminal) -> Result<Option<Target>> {
    match output {
        Some(path) if path == Path::new("-") => {
            if terminal.stdout_is_terminal() && !dry_run {
                return Err(usage(
                    "an archive is not written to a terminal",
                    "redirect stdout, or name a file",
                ));
            }
            if terminal.stdout_is_closed() && !dry_run {
                return Err(no_stdout());
            }
            Ok(Some(Target::Stdout))
        }
        Some(path) if path.as_os_str().is_empty() => Err(usage("--output is empty", "name a file")),
        other => Ok(other.map(|path| Target::File { path, overwrite })),
    }
}

/// The archive would be lost, and the run would look like a success.
pub(in crate::cli) fn no_stdout() -> Error {
    Error::Failed {
        message: "standard output is closed, so there is nowhere to write the archive".to_owned(),
        hint: Some("redirect standard output, or name a file with --output".to_owned()),
    }
}

/// A range whose end is not after its beginning holds nothing; `after` and `before` name the options.
fn check_range(after: (&str, Option<EpochMillis>), before: (&str, Option<EpochMillis>)) -> Result<()> {
    match (after, before) {
        ((after_name, Some(after)), (before_name, Some(before))) if after >= before => Err(usage(
            &format!("{after_name} {after} is not before {before_name} {before}: the range is empty"),
            "give the earlier date to the option that ends in `after-date`",
        )),
        _ => Ok(()),
    }
}

fn usage(message: &str, hint: &str) -> Error {
    Error::Usage {
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}
