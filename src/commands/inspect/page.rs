//! The report as a page that is read at a glance.

mod parts;

use crate::commands::inspect::report::{JobFacts, Report, SnapshotFacts};
use crate::terminal::{Table, amount, bytes, escape};

/// What stdout can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageStyle {
    /// Block characters; ASCII otherwise.
    pub unicode: bool,
}

/// The page. Everything from the archive is made harmless for a terminal.
pub fn page(report: &Report, style: PageStyle) -> String {
    let sections = [
        archive(report),
        report
            .job
            .as_ref()
            .map_or_else(|| "Job\n  not known: no readable configuration\n".to_owned(), job),
        datafeed(report),
        report
            .snapshot
            .as_ref()
            .map_or_else(|| "Snapshot\n  none\n".to_owned(), snapshot),
        parts::parts(report),
        parts::inputs(report, style),
        checks(report),
        lacks(report),
        reminder(report),
    ];
    let text: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    escape(&text.join("\n")).into_owned()
}

/// Lines of a label and what it says; a value that is not there has no line.
struct Facts(Table);

impl Facts {
    fn new() -> Self {
        Self(Table::new(&[]))
    }

    fn add(mut self, label: &str, value: Option<impl AsRef<str>>) -> Self {
        let lines = value.as_ref().map_or("", |value| value.as_ref());
        for (number, line) in lines.lines().enumerate() {
            // Tabs would tear the columns.
            self.0
                .row([if number == 0 { label } else { "" }, &line.replace('\t', " ")]);
        }
        self
    }

    fn under(self, title: &str) -> String {
        format!("{}\n{}", one_line(title), self.0.render(2))
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\t'], " ")
}

fn listed(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.iter().map(|item| one_line(item)).collect::<Vec<_>>().join(", "))
}

/// In the binary units of Elasticsearch's `512mb`, so that size and limit compare.
fn memory(bytes: u64) -> String {
    let (unit, name) = if bytes >= 1 << 30 {
        (1 << 30, "GiB")
    } else {
        (1 << 20, "MiB")
    };
    let text = format!("{:.1}", bytes as f64 / f64::from(unit));
    format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text))
}

fn archive(report: &Report) -> String {
    let archive = &report.archive;
    let title = if archive.path == "-" {
        "standard input"
    } else {
        &archive.path
    };
    let written = archive.written.as_ref();
    let by = match written {
        Some(written) => format!("esml-state {}, {}", written.tool_version, written.at),
        None => "the Python scripts, or cut short (no manifest)".to_owned(),
    };
    let from = written.map(|from| {
        format!(
            "cluster {} (Elasticsearch {}, {})",
            from.cluster_name, from.cluster_version, from.cluster_uuid
        )
    });
    let options = written.and_then(|written| {
        let options: Vec<String> = written
            .options
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) => format!("{name} {text}"),
                None => format!("{name} {value}"),
            })
            .collect();
        listed(&options)
    });
    Facts::new()
        .add(
            "size",
            Some(format!(
                "{} in {}",
                bytes(archive.bytes),
                amount(report.entries.len() as u64, "entry", "entries")
            )),
        )
        .add("written by", Some(by))
        .add("from", from)
        .add("options", options)
        .under(title)
}

fn job(job: &JobFacts) -> String {
    let detectors: Vec<String> = job
        .detectors
        .iter()
        .map(|detector| one_line(&detector.description))
        .collect();
    let span = job.bucket_span.as_deref().unwrap_or("of the default length");
    Facts::new()
        .add("description", job.description.as_deref().map(one_line))
        .add("groups", listed(&job.groups))
        .add(
            "bucket span",
            Some(format!("{span}, by the time in {}", job.time_field)),
        )
        .add("job version", job.job_version.as_deref())
        .add("memory limit", job.model_memory_limit.map(memory))
        .add("detectors", Some(detectors.join("\n")))
        .add("influencers", listed(&job.influencers))
        .add("categorizes", job.categorization_field.as_deref())
        .add("counts by", job.summary_count_field.as_deref())
        .under(&format!("Job {}", job.id))
}

fn datafeed(report: &Report) -> String {
    let Some(datafeed) = &report.datafeed else {
        return String::new();
    };
    let with: Vec<String> = [
        (datafeed.query, "a query"),
        (datafeed.runtime_mappings, "runtime mappings"),
        (datafeed.script_fields, "script fields"),
        (datafeed.aggregations, "aggregations"),
    ]
    .into_iter()
    .filter(|(there, _)| *there)
    .map(|(_, name)| name.to_owned())
    .collect();
    Facts::new()
        .add("reads", listed(&datafeed.indices))
        .add(
            "with",
            listed(&with).or_else(|| Some("every document (no query)".to_owned())),
        )
        .add(
            "remote",
            datafeed
                .remote
                .then_some("reads another cluster: that one must be connected where it runs"),
        )
        .under(&format!("Datafeed {}", datafeed.id))
}

fn snapshot(snapshot: &SnapshotFacts) -> String {
    let memory = snapshot.model_bytes.map(|size| {
        let status = snapshot.memory_status.as_deref().unwrap_or("not known");
        format!("{}, status {status}", memory(size))
    });
    Facts::new()
        .add("created", snapshot.created.as_deref())
        .add("description", snapshot.description.as_deref().map(one_line))
        .add(
            "opens from",
            snapshot
                .min_version
                .as_deref()
                .map(|version| format!("Elasticsearch {version} or later")),
        )
        .add(
            "consists of",
            snapshot
                .state_documents
                .map(|n| amount(n, "model state document", "model state documents")),
        )
        .add("model memory", memory)
        .add("latest record", snapshot.latest_record.as_deref())
        .add("latest result", snapshot.latest_result.as_deref())
        .under(&format!("Snapshot {}", snapshot.id))
}

fn checks(report: &Report) -> String {
    let mut table = Table::new(&[]);
    for check in &report.checks {
        table.row([if check.held { "ok" } else { "FAILED" }, &check.what]);
    }
    let mut text = format!("Checks\n{}", table.render(2));
    for finding in &report.findings {
        let place = if finding.place.is_empty() {
            String::new()
        } else {
            format!("{}: ", one_line(&finding.place))
        };
        text.push_str(&format!("  {}: {place}{}\n", finding.severity, one_line(&finding.what)));
    }
    let verdict = if report.importable {
        "can be imported"
    } else {
        "CANNOT be imported"
    };
    text.push_str(&format!("  this archive {verdict}\n"));
    text
}

fn lacks(report: &Report) -> String {
    if report.lacks.is_empty() || !report.importable {
        return String::new();
    }
    let lines: Vec<String> = report
        .lacks
        .iter()
        .map(|lack| format!("  {}\n", one_line(&lack.consequence)))
        .collect();
    format!("An import will find\n{}", lines.concat())
}

fn reminder(report: &Report) -> String {
    if report.parts.iter().all(|part| part.documents == 0) {
        return String::new();
    }
    "The learned state itself holds values of the data (hosts, users, messages), with or without inputs:\n\
     treat this file as you would the data.\n"
        .to_owned()
}
