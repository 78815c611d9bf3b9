//! `list`: the jobs of a cluster, or the model snapshots of a job.

use clap::Args;
use console::truncate_str;
use serde_json::{Map, Value, json};

use crate::cluster::ml::JobSummary;
use crate::cluster::{Cluster, ConnectOptions, RequiredPrivileges};
use crate::commands::interrupt::Signals;
use crate::commands::session::{RunContext, Session};
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId};
use crate::terminal::Terminal;
use crate::util::format::{NO_VALUE, Table, bytes, count, escape, escape_json};
use crate::util::similar::suggest;

/// Columns: members of the objects in the JSON document, and their titles in a table.
type Columns = [(&'static str, &'static str)];

const JOB_COLUMNS: &Columns = &[
    ("job_id", "Job"),
    ("state", "State"),
    ("snapshot_created", "Snapshot created"),
    ("processed_documents", "Processed"),
    ("model_bytes", "Memory"),
    ("groups", "Groups"),
];
const SNAPSHOT_COLUMNS: &Columns = &[
    ("snapshot_id", "ID"),
    ("created", "Created"),
    ("latest_record", "Latest record"),
    ("state_documents", "Docs"),
    ("model_bytes", "Memory"),
    ("in_use", "In use"),
    ("retain", "Retain"),
    ("description", "Description"),
];
/// The right-aligned columns of both tables.
const NUMBERS: [usize; 2] = [3, 4];
/// The number of columns that a table always has.
const ESSENTIAL: usize = 5;
/// The maximum width of a description, so that it fits into 40 columns in a list of facts.
const MAX_DESCRIPTION: usize = 25;

/// List jobs or the model snapshots of a job
///
/// Without JOB, lists all anomaly detection jobs, sorted by ID: state, creation time of the model snapshot in use, processed
/// documents, model memory and groups. With JOB, lists the model snapshots of the job, the latest first.
///
/// If stdout is not a terminal, prints tab-separated values without a heading.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = include_str!("list_help.txt").trim_end())]
pub struct ListOptions {
    /// Job whose model snapshots are listed
    job: Option<JobId>,
    /// Print the list as a JSON document
    #[arg(long)]
    pub json: bool,
}

/// Lists the jobs, or the snapshots of a job.
///
/// # Errors
/// A request fails, a privilege is missing, or the job does not exist.
pub async fn run(
    options: &ListOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    let privileges = RequiredPrivileges {
        cluster: vec!["monitor", "monitor_ml"],
        // Of the snapshots that the jobs use.
        indices: vec![(vec![".ml-anomalies-*".to_owned()], vec!["read"])],
    };
    let listing = signals.or(async {
        let session = Session::connect(&connect, &privileges, context, terminal).await?;
        session.require_privileges(&privileges).await?;
        match &options.job {
            None => list_jobs(&session).await,
            Some(job) => list_snapshots(&session, job).await,
        }
    });
    let listing = listing.await?;
    if listing.rows().is_empty() {
        terminal.print(&match &options.job {
            None => "The cluster has no anomaly detection jobs.".to_owned(),
            Some(job) => format!("Job {job} has no model snapshots."),
        });
    }
    let text = match terminal.stdout_width() {
        _ if options.json => escape_json(&listing.document.to_string()).into_owned(),
        Some(width) if !listing.rows().is_empty() => listing.to_text(width),
        _ => listing.tab_separated(),
    };
    terminal.result(&terminal.redacted(&text)).map_err(Error::stdout)
}

/// All jobs, sorted by ID.
pub(super) async fn list_jobs(session: &Session) -> Result<Listing> {
    let _stage = session.stage("Loading the jobs", None);
    let (document, columns) = (json!({ "jobs": session.cluster.jobs().await? }), JOB_COLUMNS);
    Ok(Listing { document, columns })
}

async fn list_snapshots(session: &Session, job: &JobId) -> Result<Listing> {
    let (cluster, _stage) = (&session.cluster, session.stage("Loading the snapshots", None));
    let Some(config) = cluster.job(job).await? else {
        return Err(unknown_job(cluster, job).await);
    };
    let used = JobConfig::parse(config.get().as_bytes())?.model_snapshot_id;
    let mut snapshots = cluster.snapshots(job).await?;
    for snapshot in &mut snapshots {
        snapshot.in_use = Some(&snapshot.id) == used.as_ref();
    }
    let (document, columns) = (json!({ "job_id": job, "snapshots": snapshots }), SNAPSHOT_COLUMNS);
    Ok(Listing { document, columns })
}

/// The error for a job that does not exist, with similar IDs.
pub(super) async fn unknown_job(cluster: &Cluster, job: &JobId) -> Error {
    // Without a list, no ID is suggested.
    let jobs = cluster.job_groups().await.unwrap_or_default();
    let message = format!("job {job} does not exist on {}", cluster.address());
    Error::failed(message, suggest_job(job.as_str(), &jobs))
}

/// Suggests jobs with similar IDs.
pub(super) fn suggest_job(name: &str, jobs: &[JobSummary]) -> String {
    let ids = jobs.iter().map(|job| job.id.as_str());
    suggest(name, ids, "list all jobs with `esml-state list`")
}

/// Jobs or snapshots.
pub(super) struct Listing {
    /// The JSON document, in which the only list contains the rows.
    document: Value,
    columns: &'static Columns,
}

impl Listing {
    pub(super) fn rows(&self) -> &[Value] {
        let members = self.document.as_object().map(Map::values);
        let rows = members.and_then(|mut members| members.find_map(Value::as_array));
        rows.map_or(&[], Vec::as_slice)
    }

    /// A table with a heading, without the last columns if it would be too wide. If it still is, lists of facts.
    fn to_text(&self, width: usize) -> String {
        let mut columns = (ESSENTIAL..=self.columns.len()).rev();
        let table = columns.find_map(|columns| self.table(columns).within(Some(width)));
        table.unwrap_or_else(|| self.table(self.columns.len()).lists(0))
    }

    /// The first columns, with a heading.
    fn table(&self, columns: usize) -> Table {
        let columns = &self.columns[..columns];
        let mut table = Table::new(&NUMBERS);
        table.row(columns.iter().map(|(_, title)| *title));
        for row in self.rows() {
            let cells = columns.iter().map(|(member, _)| shown(member, &row[*member]));
            table.row(cells.map(|cell| if cell.is_empty() { NO_VALUE.to_owned() } else { cell }));
        }
        table
    }

    /// One line per row, to choose from.
    pub(super) fn lines(&self) -> Vec<String> {
        let table = self.table(self.columns.len()).render(0);
        table.lines().skip(1).map(str::to_owned).collect()
    }

    fn tab_separated(&self) -> String {
        let line = |row: &Value| {
            let values = self.columns.iter().map(|(member, _)| plain(&row[*member]));
            values.collect::<Vec<_>>().join("\t") + "\n"
        };
        self.rows().iter().map(line).collect()
    }
}

/// A cell of a table. Times do not have seconds, so that tables fit into 80 columns.
fn shown(member: &str, value: &Value) -> String {
    match (member, value.as_u64(), plain(value)) {
        ("model_bytes", Some(size), _) => bytes(size),
        (_, Some(number), _) => count(number),
        ("created" | "snapshot_created" | "latest_record", _, time) if !time.is_empty() => {
            format!("{}Z", time.get(..16).unwrap_or(&time))
        }
        ("description", _, text) => truncate_str(&text, MAX_DESCRIPTION, "…").into_owned(),
        (_, _, text) => text,
    }
}

/// A value on one line, without control characters.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape(&text.replace(['\n', '\r', '\t'], " ")).into_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs() -> Listing {
        let job = |id: &str, groups: &[&str]| {
            json!({ "job_id": id, "state": "closed", "snapshot_created": "2026-11-23T11:32:55Z",
                "processed_documents": 345_600, "model_bytes": 23_408_640, "groups": groups })
        };
        let new = json!({ "job_id": "new", "state": "opened", "processed_documents": 0, "model_bytes": 0 });
        Listing {
            document: json!({ "jobs": [job("log-categories", &["logs", "production"]), new] }),
            columns: JOB_COLUMNS,
        }
    }

    #[test]
    fn a_table_omits_the_last_columns_if_it_would_be_too_wide() {
        let wide = "\
Job             State   Snapshot created   Processed    Memory  Groups
log-categories  closed  2026-11-23T11:32Z    345,600  22.3 MiB  logs, production
new             opened  -                          0       0 B  -
";
        assert_eq!(jobs().to_text(80), wide);
        let narrower = "\
Job             State   Snapshot created   Processed    Memory
log-categories  closed  2026-11-23T11:32Z    345,600  22.3 MiB
new             opened  -                          0       0 B
";
        assert_eq!(jobs().to_text(79), narrower);
    }

    #[test]
    fn rows_that_do_not_fit_are_lists_of_facts() {
        let facts = "\
log-categories
  State: closed
  Snapshot created: 2026-11-23T11:32Z
  Processed: 345,600
  Memory: 22.3 MiB
  Groups: logs, production
new
  State: opened
  Processed: 0
  Memory: 0 B
";
        assert_eq!(jobs().to_text(40), facts);
    }

    #[test]
    fn cells_are_single_lines_without_control_characters() {
        let description = json!("a\tb\nc\u{1b}[2J 更新更新更新更新更新更新");
        assert_eq!(shown("description", &description), r"a b c\u{1b}[2J 更新更新…");
        assert_eq!(plain(&description), r"a b c\u{1b}[2J 更新更新更新更新更新更新");
        assert_eq!(plain(&json!(["a\n", "b"])), "a , b");
        assert_eq!([plain(&json!(true)), plain(&json!(false))], ["yes", ""]);
    }
}
