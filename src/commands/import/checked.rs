//! The archive, read and checked from end to end: from here on nothing in it is optional that an import needs.

use serde_json::Value;
use serde_json::value::RawValue;

use super::options::ImportOptions;
use crate::archive::{self, Archive, Contents, Document, DocumentVisitor, Finding, Part, Severity};
use crate::error::{Error, Result};
use crate::job::{
    Calendar, FilterId, InputMappings, JobConfig, JobId, SnapshotId, TargetIndex, guess_time_format, target_document_id,
};
use crate::terminal::{Terminal, Unit};
use crate::util::format::amount;
use crate::util::timestamp::EpochMillis;

/// An archive that can be imported.
#[derive(Debug)]
pub(super) struct Checked {
    /// The open file.
    pub(super) archive: Archive,
    /// What the pass found.
    pub(super) contents: Contents,
    /// The job.
    pub(super) config: JobConfig,
    /// The stored snapshot document.
    pub(super) snapshot: Box<RawValue>,
    /// What of it matters here.
    pub(super) facts: SnapshotFacts,
    /// The snapshot's id.
    pub(super) snapshot_id: SnapshotId,
    /// The filters, each with its id.
    pub(super) filters: Vec<(FilterId, Box<RawValue>)>,
    /// The calendars with their events.
    pub(super) calendars: Vec<Calendar>,
    /// Mappings of the inputs.
    pub(super) mappings: InputMappings,
    /// The date format that the inputs' time values are in, where no mapping tells.
    pub(super) time_format: &'static str,
}

/// What of the snapshot document the import acts on.
#[derive(Clone, Debug)]
pub(super) struct SnapshotFacts {
    /// The oldest version that can read the state.
    pub(super) min_version: Option<String>,
    /// When the last record came, epoch milliseconds: a datafeed goes on there.
    pub(super) latest_record_time_stamp: Option<i64>,
}

/// Keeps the first inputs' time values: they tell the format where no mapping does.
#[derive(Default)]
struct FirstTimes {
    field: Option<String>,
    looked_at: usize,
    values: Vec<Value>,
}

/// Inputs that are looked at.
const FIRST: usize = 20;
/// Larger ones are not: they are taken apart, which takes many times their bytes.
const LOOKED_AT: usize = 256 << 10;

impl DocumentVisitor for FirstTimes {
    fn config(&mut self, config: &JobConfig) {
        self.field = Some(config.time_field().to_owned());
    }

    fn document(&mut self, part: Part, _: Option<&str>, _: Option<&str>, source: &[u8]) {
        if part != Part::Inputs || self.looked_at >= FIRST {
            return;
        }
        self.looked_at += 1;
        let Some(field) = self.field.as_deref().filter(|_| source.len() <= LOOKED_AT) else {
            return;
        };
        self.values.extend(time_value(source, field));
    }
}

/// Opens and checks; damage ends here, before the cluster is spoken to.
pub(super) async fn check(archive: Archive, options: &ImportOptions, terminal: &Terminal) -> Result<Checked> {
    let stage = terminal.stage("Checking the archive", Unit::Bytes, Some(archive.len()));
    let (reader, limits, bar) = (archive.clone(), options.limits, stage.clone());
    let pass = tokio::task::spawn_blocking(move || {
        let mut times = FirstTimes::default();
        let contents = reader.check(limits, &mut times, &|bytes| bar.inc(bytes))?;
        Ok::<_, archive::Error>((contents, times))
    });
    let (contents, times) = pass.await.map_err(|error| Error::Failed {
        message: error.to_string(),
        hint: None,
    })??;
    refuse_damage(options, &contents)?;
    for finding in &contents.findings {
        match finding.place.is_empty() {
            true => terminal.warn(&finding.what),
            false => terminal.warn(&format!("{}: {}", finding.place, finding.what)),
        }
    }
    let checked = parts(archive, contents, &times)?;
    stage.done(&format!(
        "Checked the archive: {}, all whole",
        amount(checked.contents.entries.len() as u64, "entry", "entries")
    ));
    refuse_another_job(options, &checked.config)?;
    Ok(checked)
}

fn refuse_damage(options: &ImportOptions, contents: &Contents) -> Result<()> {
    let fatal = |finding: &&Finding| finding.severity == Severity::Fatal;
    let Some(finding) = contents.findings.iter().find(fatal) else {
        return Ok(());
    };
    let place = match finding.place.is_empty() {
        true => options.archive().display().to_string(),
        false => finding.place.clone(),
    };
    let why = finding.what.clone();
    Err(archive::Error::Damaged { place, why }.into())
}

fn refuse_another_job(options: &ImportOptions, config: &JobConfig) -> Result<()> {
    match &options.job {
        Some(job) if job != config.id() => Err(Error::Usage {
            message: format!("the archive holds job `{}`, not `{job}`", config.id()),
            hint: Some(format!("import it under another id with --as {job}")),
        }),
        _ => Ok(()),
    }
}

/// The archive's parts as the check parsed them: an import parses nothing of its own.
fn parts(archive: Archive, mut contents: Contents, times: &FirstTimes) -> Result<Checked> {
    let missing = |what: &str| archive::Error::Damaged {
        place: "archive".into(),
        why: format!("{what} is missing"),
    };
    let config = contents
        .config
        .clone()
        .ok_or_else(|| missing("the job's configuration"))?;
    let snapshot = contents
        .snapshot
        .clone()
        .ok_or_else(|| missing("the snapshot document"))?;
    let parsed = std::mem::take(&mut contents.parsed);
    let facts = parsed.snapshot.ok_or_else(|| missing("the snapshot document"))?;
    Ok(Checked {
        archive,
        config,
        snapshot,
        snapshot_id: facts.snapshot_id,
        facts: SnapshotFacts {
            min_version: facts.min_version,
            latest_record_time_stamp: facts.latest_record_time_stamp.map(|EpochMillis(time)| time),
        },
        filters: parsed.filters,
        calendars: parsed.calendars,
        mappings: parsed.mappings,
        time_format: guess_time_format(&times.values),
        contents,
    })
}

fn time_value(source: &[u8], field: &str) -> Option<Value> {
    let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1").replace('.', "/"));
    let source: Value = serde_json::from_slice(source).ok()?;
    source.get(field).or_else(|| source.pointer(&pointer)).cloned()
}

impl Checked {
    /// The ID of an input document in its target index. Where the archive has an ID twice, the document's place is a part
    /// of every ID: Elasticsearch keeps documents of different routing apart, an import has no routing.
    pub(super) fn input_id(&self, target: &TargetIndex, document: &Document) -> String {
        let place = self.contents.repeated_inputs.then_some(document.line);
        target_document_id(target, document.source_index(), document.own_id(), place)
    }

    /// Where the archive comes from, in words.
    pub(super) fn source(&self) -> String {
        match (&self.contents.manifest, self.config.job_version()) {
            (Some(manifest), _) => format!("Elasticsearch {}", manifest.source.cluster_version),
            (None, Some(version)) => format!("a cluster with job version {version}"),
            (None, None) => "a cluster of unknown version".to_owned(),
        }
    }

    /// The id in the archive.
    pub(super) fn job(&self) -> &JobId {
        self.config.id()
    }
}
