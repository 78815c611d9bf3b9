//! The archive, read and checked from end to end: from here on nothing in it is optional that an import needs.

use serde_json::Value;

use super::options::ImportOptions;
use crate::archive::{self, Archive, CheckedArchive, Document, DocumentVisitor, Part};
use crate::error::{Error, Result};
use crate::job::{JobConfig, JobId, TargetIndex, guess_time_format, target_document_id};
use crate::terminal::{Terminal, Unit};
use crate::util::format::amount;
use crate::util::timestamp::EpochMillis;

/// An archive that can be imported.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) archive: CheckedArchive,
    /// The date format that the inputs' time values are in, where no mapping tells.
    pub(super) time_format: &'static str,
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
    let (limits, bar) = (options.limits, stage.clone());
    let pass = tokio::task::spawn_blocking(move || {
        let mut times = FirstTimes::default();
        let checked = archive.require_importable(limits, &mut times, &|bytes| bar.inc(bytes))?;
        Ok::<_, archive::Error>((checked, times))
    });
    let (archive, times) = pass.await.map_err(|error| Error::Failed {
        message: error.to_string(),
        hint: None,
    })??;
    for finding in &archive.contents.findings {
        match finding.place.is_empty() {
            true => terminal.warn(&finding.what),
            false => terminal.warn(&format!("{}: {}", finding.place, finding.what)),
        }
    }
    stage.done(&format!(
        "Checked the archive: {}, all whole",
        amount(archive.contents.entries.len() as u64, "entry", "entries")
    ));
    refuse_another_job(options, &archive.config)?;
    Ok(Checked {
        archive,
        time_format: guess_time_format(&times.values),
    })
}

fn refuse_another_job(options: &ImportOptions, config: &JobConfig) -> Result<()> {
    match &options.job {
        Some(job) if job != config.id() => Err(Error::usage(
            format!("the archive holds job `{}`, not `{job}`", config.id()),
            format!("import it under another id with --as {job}"),
        )),
        _ => Ok(()),
    }
}

fn time_value(source: &[u8], field: &str) -> Option<Value> {
    let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1").replace('.', "/"));
    let source: Value = serde_json::from_slice(source).ok()?;
    source.get(field).or_else(|| source.pointer(&pointer)).cloned()
}

impl Checked {
    /// The time of the last record that the model has seen, in epoch milliseconds: a datafeed continues from there.
    pub(super) fn latest_record(&self) -> Option<i64> {
        self.archive
            .snapshot
            .latest_record_time_stamp
            .map(|EpochMillis(time)| time)
    }

    /// The ID of an input document in its target index. Where the archive has an ID twice, the document's place is a part
    /// of every ID: Elasticsearch keeps documents of different routing apart, an import has no routing.
    pub(super) fn input_id(&self, target: &TargetIndex, document: &Document) -> String {
        let place = self.archive.contents.repeated_inputs.then_some(document.line);
        target_document_id(target, document.source_index(), document.own_id(), place)
    }

    /// Where the archive comes from, in words.
    pub(super) fn source(&self) -> String {
        match (&self.archive.contents.manifest, self.archive.config.job_version()) {
            (Some(manifest), _) => format!("Elasticsearch {}", manifest.source.cluster_version),
            (None, Some(version)) => format!("a cluster with job version {version}"),
            (None, None) => "a cluster of unknown version".to_owned(),
        }
    }

    /// The id in the archive.
    pub(super) fn job(&self) -> &JobId {
        self.archive.job()
    }
}
