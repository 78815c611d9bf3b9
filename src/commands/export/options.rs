//! The options of `export`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use serde_json::{Map, Value, json};

use crate::archive::Target;
use crate::cluster::Pagination;
use crate::cluster::ml::SnapshotSummary;
use crate::commands::options::{compression_level, concurrency, target};
use crate::commands::pseudonymize::TokenOptions;
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

const OUTPUT: &str = "Output and reading";
const DATE: &str = "DATE";

/// Write a job, with everything it has learned, to an archive
///
/// Reads the job's configuration, a model snapshot with its state, annotations, notifications and, on
/// request, the input data, and writes one .tar.gz file that appears whole or not at all. The archive's path
/// is printed to stdout.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES, next_help_heading = "What to export")]
pub struct ExportOptions {
    /// The job; on a terminal a list is offered where it is left out
    #[arg(long = "job-id", alias = "job_id", value_name = "JOB")]
    pub job: Option<JobId>,
    /// This model snapshot, instead of the one that the job uses
    #[arg(long, alias = "snapshot_id", value_name = "ID", conflicts_with_all = ["before_date", "snapshot_before_date"])]
    pub(super) snapshot_id: Option<SnapshotId>,
    /// The latest snapshot before this date
    ///
    /// Later annotations and notifications are left out.
    #[arg(long, alias = "before_date", value_name = DATE, allow_hyphen_values = true)]
    #[arg(conflicts_with = "snapshot_before_date")]
    before_date: Option<EpochMillis>,
    /// The same as --before-date
    #[arg(long, alias = "snapshot_before_date", value_name = DATE, allow_hyphen_values = true)]
    snapshot_before_date: Option<EpochMillis>,
    /// Only inputs, annotations and notifications from this date on
    ///
    /// --annotations-after-date and --inputs-after-date win over it for their part.
    #[arg(long, alias = "after_date", value_name = DATE, allow_hyphen_values = true)]
    after_date: Option<EpochMillis>,
    /// Only annotations and notifications from this date on
    #[arg(long = "annotations-after-date", alias = "annotations_after_date", value_name = DATE, allow_hyphen_values = true)]
    pub annotations_after: Option<EpochMillis>,
    #[command(flatten)]
    input_options: InputOptions,
    /// Where to write; `-` is stdout [default: JOB_state.tar.gz]
    #[arg(help_heading = OUTPUT, short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(help_heading = OUTPUT, long)]
    pub(super) overwrite: bool,
    /// 0 stores, 9 is smallest and slowest
    #[arg(help_heading = OUTPUT, long, value_name = "LEVEL", default_value = "4", value_parser = compression_level())]
    pub compression_level: u32,
    /// How many readers share a point in time
    #[arg(help_heading = OUTPUT, long, value_name = "N", default_value = "4", value_parser = concurrency())]
    pub slices: usize,
    /// Documents in one answer
    #[arg(help_heading = OUTPUT, long, value_name = "N", default_value = "10000", value_parser = page_size())]
    pub page_size: usize,
    /// How to page
    ///
    /// auto: point in time on Elasticsearch 7.12 and later, otherwise scroll. pit is refused before 7.12.
    #[arg(help_heading = OUTPUT, long, value_name = "HOW", default_value = "auto", value_parser = pagination())]
    pub pagination: Pagination,
    /// Say what the archive would hold and write nothing
    #[arg(help_heading = OUTPUT, long)]
    pub dry_run: bool,
    /// Answer the question about personal data with yes
    #[arg(help_heading = OUTPUT, short, long)]
    pub yes: bool,
    /// Print the result as one JSON document
    #[arg(help_heading = OUTPUT, long)]
    pub json: bool,
    /// Replace values with tokens, and write a key file that maps them back
    ///
    /// As `esml-state pseudonymize` does, without an archive with values on the way.
    #[arg(long, help_heading = "Tokens")]
    pseudonymize: bool,
    #[command(flatten)]
    token_options: TokenOptions,
}

/// Which inputs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Input data")]
pub struct InputOptions {
    /// Export the input data too
    ///
    /// With a range that is open on either side it asks once more, after saying how much that is.
    #[arg(long, alias = "include_inputs")]
    include_inputs: bool,
    /// Only inputs from this date on, by the job's time field
    #[arg(long = "inputs-after-date", alias = "inputs_after_date", value_name = DATE, allow_hyphen_values = true)]
    pub after: Option<EpochMillis>,
    /// Only inputs before this date
    #[arg(long = "inputs-before-date", alias = "inputs_before_date", value_name = DATE, allow_hyphen_values = true)]
    pub before: Option<EpochMillis>,
    /// Whole input documents, instead of the fields that the job needs
    #[arg(long, requires = "include_inputs", conflicts_with = "input_field")]
    pub all_fields: bool,
    /// A field besides those that the job needs; repeatable
    #[arg(id = "input_field", long = "input-field", value_name = "NAME")]
    #[arg(requires = "include_inputs")]
    pub fields: Vec<String>,
    /// Export without the inputs of remote clusters that do not answer
    ///
    /// Otherwise the export fails and names them. The manifest of the archive lists what is missing.
    #[arg(long, requires = "include_inputs")]
    pub allow_partial: bool,
}

fn page_size() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=10_000)
}

fn pagination() -> impl TypedValueParser<Value = Pagination> {
    PossibleValuesParser::new(["auto", "pit", "scroll"]).map(|name| match name.as_str() {
        "pit" => Pagination::PointInTime,
        "scroll" => Pagination::Scroll,
        _ => Pagination::Auto,
    })
}

impl ExportOptions {
    /// Refuses what contradicts itself or cannot work here, and fills in what follows from other options.
    ///
    /// # Errors
    /// Such a contradiction, and standard output that is no place for the archive.
    pub fn validated(mut self, terminal: &Terminal) -> Result<Self> {
        if !self.pseudonymize && !self.token_options.is_empty() {
            return Err(Error::usage(
                "--key, --fields, --keep-text, --accept-names and --skip-datafeed are about tokens",
                "add --pseudonymize",
            ));
        }
        if self.job.is_none() && !terminal.interactive() {
            return Err(Error::usage(
                "no job is named, and there is no terminal to choose one on",
                "add --job-id JOB",
            ));
        }
        let finer = |option, date: Option<EpochMillis>| match date {
            Some(_) => (option, date),
            None => ("--after-date", self.after_date),
        };
        let annotations_after = finer("--annotations-after-date", self.annotations_after);
        let inputs_after = finer("--inputs-after-date", self.input_options.after);
        let before = match self.before_date {
            Some(_) => "--before-date",
            None => "--snapshot-before-date",
        };
        check_range(annotations_after, (before, self.before()))?;
        check_range(inputs_after, ("--inputs-before-date", self.input_options.before))?;
        let inputs = &mut self.input_options;
        if !inputs.include_inputs && inputs.after.or(inputs.before).is_some() {
            terminal.warn("the range of inputs has no effect without --include-inputs");
        }
        (inputs.after, self.annotations_after) = (inputs_after.1, annotations_after.1);
        let output = self.output.as_ref();
        let target = output.map(|output| target(output, self.overwrite, self.dry_run, terminal));
        let target = target.transpose()?;
        if self.pseudonymize {
            self.token_options.check(target.as_ref())?;
        }
        self.json = self.prints_json();
        Ok(self)
    }

    /// Whether stdout carries a document; not where it carries the archive.
    pub fn prints_json(&self) -> bool {
        self.json && (self.dry_run || self.output.as_deref() != Some(Path::new("-")))
    }

    /// Whether this snapshot of a job is chosen, by its ID, by its time, or because the job uses it.
    pub(super) fn chooses(&self, snapshot: &SnapshotSummary, used: Option<&SnapshotId>) -> bool {
        match (&self.snapshot_id, self.before()) {
            (Some(id), _) => snapshot.id == *id,
            (None, Some(before)) => snapshot.timestamp < before,
            (None, None) => Some(&snapshot.id) == used,
        }
    }

    /// Upper bound of the snapshot, annotations and notifications.
    pub fn before(&self) -> Option<EpochMillis> {
        self.before_date.or(self.snapshot_before_date)
    }

    /// Which inputs, where any are exported.
    pub fn inputs(&self) -> Option<&InputOptions> {
        self.input_options.include_inputs.then_some(&self.input_options)
    }

    /// How values are replaced, where they are.
    pub fn tokens(&self) -> Option<&TokenOptions> {
        self.pseudonymize.then_some(&self.token_options)
    }

    /// The path of the archive of this job, `-` for standard output.
    pub(super) fn path(&self, job: &JobId) -> PathBuf {
        let default = || PathBuf::from(format!("{}_state.tar.gz", job.safe()));
        self.output.clone().unwrap_or_else(default)
    }

    /// Where the archive of this job goes.
    pub(super) fn target(&self, job: &JobId) -> Target {
        Target::new(&self.path(job), self.overwrite)
    }

    /// Refuses an existing target before anything is read; without a job only where its path is known.
    pub(super) async fn refuse_existing(&self, job: Option<&JobId>) -> Result<()> {
        let path = self.output.clone().or_else(|| job.map(|job| self.path(job)));
        let Some(target) = path.map(|path| Target::new(&path, self.overwrite)) else {
            return Ok(());
        };
        match self.tokens() {
            Some(tokens) => tokens.refuse_existing(&target).await,
            None => Ok(target.check()?),
        }
    }

    /// The options that shaped the archive, as the command line names them.
    pub(super) fn for_manifest(&self) -> Map<String, Value> {
        let date = |date: Option<EpochMillis>| json!(date.map(|date| date.to_string()));
        let mut options = vec![
            ("snapshot-id", json!(self.snapshot_id)),
            ("before-date", date(self.before())),
            ("annotations-after-date", date(self.annotations_after)),
            ("include-inputs", self.inputs().is_some().into()),
        ];
        if let Some(inputs) = self.inputs() {
            let fields = Some(&inputs.fields).filter(|fields| !fields.is_empty());
            options.extend([
                ("inputs-after-date", date(inputs.after)),
                ("inputs-before-date", date(inputs.before)),
                ("allow-partial", json!(inputs.allow_partial.then_some(true))),
                ("all-fields", inputs.all_fields.into()),
                ("input-field", json!(fields)),
            ]);
        }
        options.retain(|(_, value)| !value.is_null());
        options
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// A range whose end is not after its beginning is empty; `after` and `before` name the options.
fn check_range(after: (&str, Option<EpochMillis>), before: (&str, Option<EpochMillis>)) -> Result<()> {
    match (after, before) {
        ((after_name, Some(after)), (before_name, Some(before))) if after >= before => Err(Error::usage(
            format!("{after_name} {after} is not before {before_name} {before}: the range is empty"),
            "give the earlier date to the option that ends in `after-date`",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: ExportOptions,
    }

    #[test]
    fn options_select_the_snapshot() {
        let snapshot = SnapshotSummary {
            id: "2".parse().unwrap(),
            timestamp: EpochMillis(1_704_153_600_000),
            description: String::new(),
            state_documents: 1,
        };
        for (line, used, chosen) in [
            ("", Some("2"), true),
            ("", Some("1"), false),
            ("", None, false),
            ("--before-date=1704153600000", Some("2"), false),
            ("--before-date=1704153600001", Some("1"), true),
            ("--snapshot-before-date=1704153600001", Some("1"), true),
            ("--snapshot-id=1", Some("2"), false),
            ("--snapshot-id=2", None, true),
        ] {
            let arguments = ["export", line].into_iter().filter(|argument| !argument.is_empty());
            let Line { options } = Line::parse_from(arguments);
            let used = used.map(|used| used.parse().unwrap());
            assert_eq!(options.chooses(&snapshot, used.as_ref()), chosen, "{line} {used:?}");
        }
    }
}
