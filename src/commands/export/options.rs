//! The options of `export`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Map, Value, json};

use crate::archive::Target;
use crate::cluster::Pagination;
use crate::cluster::ml::SnapshotSummary;
use crate::commands::options::{number, target};
use crate::commands::pseudonymize::{PSEUDONYMIZATION, TokenOptions};
use crate::commands::selection::JobSelection;
use crate::error::{Error, Result};
use crate::job::{JobId, SnapshotId};
use crate::terminal::Terminal;
use crate::util::format::first_names;
use crate::util::timestamp::EpochMillis;

const DATE: &str = "DATE";
const DOCUMENTS: &str = "Input documents and results";
const PERFORMANCE: &str = "Performance";
/// The compression level of a temporary archive, which is read once.
pub(super) const TEMPORARY_LEVEL: u32 = 1;

/// Export jobs and their learned models, one archive per job
///
/// An archive contains the job's configuration, a model snapshot with its state, annotations, notifications and, on
/// request, input documents and results. It is written only if the export of the job succeeds. The path of each archive is printed
/// to stdout.
#[derive(Clone, Debug, Default, Args)]
#[command(after_long_help = include_str!("help.txt").trim_end())]
pub struct ExportOptions {
    #[command(flatten)]
    pub(crate) source: SourceOptions,
    /// The option that closes open jobs.
    #[arg(skip = "--close-job")]
    pub(super) close_option: &'static str,
    /// Close open jobs, export them and open them again
    ///
    /// Closing a job writes a snapshot of everything that it has learned. The datafeed is stopped first and started
    /// again afterward, even if the export fails or is interrupted. On a terminal, the export of one job offers this.
    #[arg(long, conflicts_with_all = ["snapshot_id", "before_date", "snapshot_before_date"])]
    pub(super) close_job: bool,
    /// Archive, `-` for stdout [default: JOB_state.tar.gz]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Directory for one archive per job
    ///
    /// Required for several jobs. A failure does not stop the export of the other jobs. The directory is created if it does
    /// not exist.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(super) output_dir: Option<PathBuf>,
    /// Skip jobs whose archive in DIR is up to date
    ///
    /// For backups: the archive of an earlier run is replaced if its job has changed, even without --overwrite. Any other
    /// existing file is refused. The same command completes an interrupted run.
    #[arg(long, requires = "output_dir", conflicts_with = "pseudonymize")]
    pub(super) skip_unchanged: bool,
    /// Replace an existing file
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Show what would be exported, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Answer yes to all questions
    ///
    /// Required without a terminal: an archive can contain personal data, since the model itself contains values of the
    /// data.
    #[arg(short, long)]
    pub yes: bool,
    /// Print the result as a JSON document
    #[arg(long)]
    pub json: bool,
    /// Replace values with tokens, and write a key file
    ///
    /// The key file maps tokens to values. The result is the same as that of `esml-state pseudonymize`, but no archive with
    /// the original values is written.
    #[arg(long, help_heading = PSEUDONYMIZATION)]
    pseudonymize: bool,
    #[command(flatten)]
    token_options: TokenOptions,
    /// gzip level from 0 to 9
    ///
    /// 0 does not compress, 9 writes the smallest archive.
    #[arg(help_heading = PERFORMANCE, long, value_name = "LEVEL", default_value = "4", value_parser = number(0_u32, 9))]
    pub compression_level: u32,
    /// Number of jobs that are exported at the same time
    ///
    /// Together, they use the memory of one export, and at most as many connections as --slices. Jobs
    /// are exported one at a time if their model needs more than 32 MiB of memory or has several state documents, if they
    /// have more documents of one kind than --page-size, or if --close-job closes them.
    #[arg(help_heading = PERFORMANCE, long, value_name = "N", default_value = "1", value_parser = number(1_usize, 8))]
    #[arg(hide_short_help = true)]
    pub(super) parallel: usize,
}

/// What is read from the cluster, and how. `copy` has the same options.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceOptions {
    #[command(flatten)]
    pub(in crate::commands) selection: JobSelection,
    /// Snapshot to export [default: the one in use]
    #[arg(long, alias = "snapshot_id", value_name = "ID", conflicts_with_all = ["before_date", "snapshot_before_date"])]
    pub(super) snapshot_id: Option<SnapshotId>,
    /// Export the latest snapshot created before DATE
    ///
    /// Annotations, notifications and results created at or after DATE are not exported.
    #[arg(long, alias = "before_date", value_name = DATE, allow_hyphen_values = true)]
    #[arg(conflicts_with = "snapshot_before_date")]
    before_date: Option<EpochMillis>,
    /// Same as --before-date
    #[arg(long, alias = "snapshot_before_date", value_name = DATE, allow_hyphen_values = true, hide_short_help = true)]
    snapshot_before_date: Option<EpochMillis>,
    /// Exclude documents before DATE
    ///
    /// Applies to input documents, results, annotations and notifications. --inputs-after-date, --results-after-date and
    /// --annotations-after-date take precedence.
    #[arg(long, alias = "after_date", value_name = DATE, allow_hyphen_values = true)]
    after_date: Option<EpochMillis>,
    /// Exclude annotations and notifications before DATE
    #[arg(long = "annotations-after-date", alias = "annotations_after_date", value_name = DATE, allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    pub annotations_after: Option<EpochMillis>,
    #[command(flatten)]
    input_options: InputOptions,
    #[command(flatten)]
    result_options: ResultOptions,
    /// Number of time ranges that are read in parallel
    ///
    /// Applies to points in time; a scroll is read sequentially.
    #[arg(help_heading = PERFORMANCE, long, value_name = "N", default_value = "4", value_parser = number(1_usize, 64))]
    #[arg(hide_short_help = true)]
    pub slices: usize,
    /// Documents per search response
    #[arg(help_heading = PERFORMANCE, long, value_name = "N", default_value = "10000", value_parser = number(1_usize, 10_000))]
    #[arg(hide_short_help = true)]
    pub page_size: usize,
    /// How to page through documents
    ///
    /// auto uses a point in time on Elasticsearch 7.12 and later, otherwise a scroll. pit requires 7.12.
    #[arg(help_heading = PERFORMANCE, long, value_name = "HOW", default_value = "auto", value_parser = pagination())]
    #[arg(hide_short_help = true)]
    pub pagination: Pagination,
}

/// Which input documents are exported.
#[derive(Clone, Debug, Default, Args)]
pub struct InputOptions {
    /// Include input documents
    ///
    /// If the date range is open at either end, the question before an export states the amount of data.
    #[arg(help_heading = DOCUMENTS, long, alias = "include_inputs")]
    include_inputs: bool,
    /// Exclude input documents before DATE
    ///
    /// The job's time field determines the time of a document.
    #[arg(long = "inputs-after-date", alias = "inputs_after_date", value_name = DATE, allow_hyphen_values = true)]
    #[arg(help_heading = DOCUMENTS, requires = "include_inputs")]
    pub after: Option<EpochMillis>,
    /// Exclude input documents at or after DATE
    #[arg(long = "inputs-before-date", alias = "inputs_before_date", value_name = DATE, allow_hyphen_values = true)]
    #[arg(help_heading = DOCUMENTS, requires = "include_inputs")]
    pub before: Option<EpochMillis>,
    /// Include all fields of the documents
    ///
    /// By default, only the fields that the job requires are included.
    #[arg(help_heading = DOCUMENTS, long, requires = "include_inputs", conflicts_with = "input_field")]
    pub all_fields: bool,
    /// Include an additional field; can be repeated
    ///
    /// The fields that the job requires are always included.
    #[arg(
        help_heading = DOCUMENTS,
        id = "input_field",
        long = "input-field",
        value_name = "NAME",
        requires = "include_inputs"
    )]
    pub fields: Vec<String>,
    /// Export without the input documents of unavailable remote clusters
    ///
    /// Otherwise, the export fails and names these clusters. The manifest lists what is missing.
    #[arg(help_heading = DOCUMENTS, long, requires = "include_inputs", hide_short_help = true)]
    pub allow_partial: bool,
}

/// Which results are exported.
#[derive(Clone, Debug, Default, Args)]
pub struct ResultOptions {
    /// Include results, such as anomalies
    ///
    /// Buckets, records, influencers, model plot, sizes of the model and statistics of categorization are included up to the
    /// latest result of the snapshot, forecasts if they were created before the snapshot.
    #[arg(help_heading = DOCUMENTS, long)]
    include_results: bool,
    /// Exclude results before DATE
    ///
    /// For forecasts, this is the time of their creation.
    #[arg(id = "results_after", long = "results-after-date", value_name = DATE, allow_hyphen_values = true)]
    #[arg(help_heading = DOCUMENTS, requires = "include_results", hide_short_help = true)]
    pub after: Option<EpochMillis>,
    /// Include results that are later than the snapshot
    ///
    /// An imported job writes these results again if its datafeed continues at the end of the snapshot.
    #[arg(help_heading = DOCUMENTS, long, requires = "include_results", hide_short_help = true)]
    pub all_results: bool,
}

fn pagination() -> impl TypedValueParser<Value = Pagination> {
    PossibleValuesParser::new(["auto", "pit", "scroll"]).map(|name| match name.as_str() {
        "pit" => Pagination::PointInTime,
        "scroll" => Pagination::Scroll,
        _ => Pagination::Auto,
    })
}

impl SourceOptions {
    /// Checks the date ranges, and applies --after-date to the options that override it.
    ///
    /// # Errors
    /// If a range is empty.
    pub(in crate::commands) fn validated(mut self) -> Result<Self> {
        let finer = |option, date: Option<EpochMillis>| match date {
            Some(_) => (option, date),
            None => ("--after-date", self.after_date),
        };
        let annotations_after = finer("--annotations-after-date", self.annotations_after);
        let inputs_after = finer("--inputs-after-date", self.input_options.after);
        let results_after = finer("--results-after-date", self.result_options.after);
        let before = match self.before_date {
            Some(_) => "--before-date",
            None => "--snapshot-before-date",
        };
        check_range(annotations_after, (before, self.before()))?;
        check_range(results_after, (before, self.before()))?;
        check_range(inputs_after, ("--inputs-before-date", self.input_options.before))?;
        let inputs = &mut self.input_options;
        (inputs.after, self.annotations_after) = (inputs_after.1, annotations_after.1);
        self.result_options.after = results_after.1;
        Ok(self)
    }

    /// Whether the options select this snapshot: by its ID, by its time, or because the job uses it.
    pub(super) fn chooses(&self, snapshot: &SnapshotSummary, used: Option<&SnapshotId>) -> bool {
        match (&self.snapshot_id, self.before()) {
            (Some(id), _) => snapshot.id == *id,
            (None, Some(before)) => snapshot.timestamp < before,
            (None, None) => Some(&snapshot.id) == used,
        }
    }

    /// The job that was given, if it is the only one and not a wildcard. It may also be a group.
    pub fn only_job(&self) -> Option<JobId> {
        self.selection.only()
    }

    /// Whether the snapshot that the job uses is exported.
    pub(super) fn exports_snapshot_in_use(&self) -> bool {
        self.snapshot_id.is_none() && self.before().is_none()
    }

    /// The upper bound for the snapshot, annotations, notifications and results.
    pub fn before(&self) -> Option<EpochMillis> {
        self.before_date.or(self.snapshot_before_date)
    }

    /// Which input documents are exported, if any.
    pub fn inputs(&self) -> Option<&InputOptions> {
        self.input_options.include_inputs.then_some(&self.input_options)
    }

    /// Which results are exported, if any.
    pub fn results(&self) -> Option<&ResultOptions> {
        self.result_options.include_results.then_some(&self.result_options)
    }

    /// The options that determine the content of the archive, with their names on the command line.
    pub(super) fn for_manifest(&self) -> Map<String, Value> {
        let mut options = vec![
            ("snapshot-id", json!(self.snapshot_id)),
            ("before-date", json!(self.before())),
            ("annotations-after-date", json!(self.annotations_after)),
            ("include-inputs", self.inputs().is_some().into()),
        ];
        if let Some(inputs) = self.inputs() {
            let fields = Some(&inputs.fields).filter(|fields| !fields.is_empty());
            options.extend([
                ("inputs-after-date", json!(inputs.after)),
                ("inputs-before-date", json!(inputs.before)),
                ("allow-partial", json!(inputs.allow_partial.then_some(true))),
                ("all-fields", inputs.all_fields.into()),
                ("input-field", json!(fields)),
            ]);
        }
        if let Some(results) = self.results() {
            options.extend([
                ("include-results", true.into()),
                ("results-after-date", json!(results.after)),
                ("all-results", json!(results.all_results.then_some(true))),
            ]);
        }
        options.retain(|(_, value)| !value.is_null());
        let named = options.into_iter();
        named.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl ExportOptions {
    /// The options of the export to a temporary file that a copy needs.
    pub(in crate::commands) fn of_copy(source: SourceOptions) -> Self {
        Self {
            source,
            compression_level: TEMPORARY_LEVEL,
            close_option: "--cutover",
            ..Self::default()
        }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// If options conflict, or if the archive cannot be written to standard output.
    pub fn validated(mut self, terminal: &Terminal) -> Result<Self> {
        if !self.pseudonymize && !self.token_options.is_empty() {
            return Err(Error::usage(
                "--key, --fields, --keep-text, --accept-names and --skip-datafeed require --pseudonymize",
                "add --pseudonymize",
            ));
        }
        if self.source.selection.is_empty() && !terminal.interactive() {
            return Err(Error::usage(
                "a job is required without a terminal",
                "list the jobs with `esml-state list`, and run `esml-state export JOB`",
            ));
        }
        self.source = self.source.validated()?;
        let output = self.output.as_ref();
        let target = output.map(|output| target(output, self.overwrite, self.dry_run, terminal));
        let target = target.transpose()?;
        if self
            .output_dir
            .as_ref()
            .is_some_and(|directory| directory.as_os_str().is_empty())
        {
            return Err(Error::usage("--output-dir is empty", "add a directory"));
        }
        if self.pseudonymize {
            self.token_options.check(target.as_ref())?;
        }
        self.json = self.prints_json();
        Ok(self)
    }

    /// Whether a JSON document is printed; not if the archive is written to stdout.
    pub fn prints_json(&self) -> bool {
        self.json && (self.dry_run || self.output.as_deref() != Some(Path::new("-")))
    }

    /// How values are replaced, if they are.
    pub fn tokens(&self) -> Option<&TokenOptions> {
        self.pseudonymize.then_some(&self.token_options)
    }

    /// The path of the archive of a job; `-` is standard output.
    pub(super) fn path(&self, job: &JobId) -> PathBuf {
        let name = format!("{}_state.tar.gz", job.safe());
        match (&self.output, &self.output_dir) {
            (Some(output), _) => output.clone(),
            (None, Some(directory)) => directory.join(name),
            (None, None) => name.into(),
        }
    }

    /// The path of the archive of a job; `None` for standard output.
    pub(super) fn file(&self, job: &JobId) -> Option<String> {
        let path = self.path(job).display().to_string();
        Some(path).filter(|path| path != "-")
    }

    /// Refuses jobs that would have the same archive. Without a directory, those are all, and otherwise those whose IDs differ
    /// in characters that their file names do not have.
    pub(super) fn refuse_collisions(&self, jobs: &[JobId]) -> Result<()> {
        if jobs.len() > 1 && self.output_dir.is_none() {
            let names: Vec<String> = jobs.iter().map(ToString::to_string).collect();
            let (number, names) = (jobs.len(), first_names(&names));
            return Err(Error::usage(
                format!("{number} jobs are selected, and each has its own archive: {names}"),
                "add --output-dir DIR, or select one job",
            ));
        }
        let mut by_path = BTreeMap::new();
        for job in jobs {
            if let Some(other) = by_path.insert(self.path(job), job) {
                let path = self.path(job);
                return Err(Error::refused(
                    format!("jobs {other} and {job} would have the same archive: {}", path.display()),
                    format!("export one of them separately: `esml-state export {job} --output FILE`"),
                ));
            }
        }
        Ok(())
    }

    /// Refuses an existing target before anything is read. Without a job, only a path from the command line is checked.
    pub(super) async fn refuse_existing(&self, job: Option<&JobId>) -> Result<()> {
        // The directory is created after the confirmation.
        if self.output_dir.as_ref().is_some_and(|directory| !directory.exists()) {
            return Ok(());
        }
        let path = self.output.clone().or_else(|| job.map(|job| self.path(job)));
        let Some(target) = path.map(|path| Target::new(&path, self.overwrite)) else {
            return Ok(());
        };
        match self.tokens() {
            Some(tokens) => tokens.refuse_existing(&target).await,
            None => Ok(target.check()?),
        }
    }
}

/// Refuses an empty date range; `after` and `before` contain the names of the options.
fn check_range(after: (&str, Option<EpochMillis>), before: (&str, Option<EpochMillis>)) -> Result<()> {
    match (after, before) {
        ((after_name, Some(after)), (before_name, Some(before))) if after >= before => Err(Error::usage(
            format!("empty date range: {after_name} ({after}) is not before {before_name} ({before})"),
            format!("pass the earlier date to {after_name}"),
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
            latest_record: None,
            latest_result: None,
            state_documents: 1,
            model_bytes: None,
            in_use: false,
            retain: false,
            description: String::new(),
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
            assert_eq!(
                options.source.chooses(&snapshot, used.as_ref()),
                chosen,
                "{line} {used:?}"
            );
        }
    }
}
