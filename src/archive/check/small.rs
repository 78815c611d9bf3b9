//! Entries that are one JSON text each: kept whole, read as far as a rule needs.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::archive::{Contents, EntryKind};
use crate::job::{CalendarId, FilterId, JobConfig, SnapshotId};

/// What the rules need of a snapshot document.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotHead {
    pub(super) job_id: String,
    snapshot_id: SnapshotId,
    #[serde(default)]
    pub(super) snapshot_doc_count: Option<u64>,
    #[serde(default)]
    pub(super) quantiles: Option<Owned>,
    #[serde(default)]
    pub(super) model_size_stats: Option<Owned>,
}

/// A nested object that names its job.
#[derive(Debug, Deserialize)]
pub(super) struct Owned {
    #[serde(default)]
    pub(super) job_id: Option<String>,
}

/// Bytes that an entry of this kind may have.
pub(super) fn limit(kind: EntryKind) -> u64 {
    match kind {
        // Quantiles grow with the number of partitions; the manifest with the number of entries.
        EntryKind::Snapshot | EntryKind::Manifest => 64 << 20,
        _ => 16 << 20,
    }
}

/// Reads an entry into `contents`; the head where it is the snapshot document.
pub(super) fn read(kind: EntryKind, text: Vec<u8>, contents: &mut Contents) -> Result<Option<SnapshotHead>, String> {
    match kind {
        EntryKind::Config => {
            contents.config = Some(JobConfig::parse(&text).map_err(|cause| cause.to_string())?);
        }
        EntryKind::Manifest => contents.manifest = Some(parse(&text)?),
        EntryKind::Snapshot => {
            let document = object(text)?;
            let head: SnapshotHead = parse(document.get().as_bytes())?;
            contents.snapshot_id = Some(head.snapshot_id.clone());
            contents.snapshot = Some(document);
            return Ok(Some(head));
        }
        EntryKind::DataCounts => contents.data_counts = Some(object(text)?),
        EntryKind::InputMapping => contents.input_mapping = Some(object(text)?),
        EntryKind::Filters => contents.filters = Some(array_of::<FilterId>(text, "filter_id")?),
        EntryKind::Calendars => contents.calendars = Some(array_of::<CalendarId>(text, "calendar_id")?),
        _ => {}
    }
    Ok(None)
}

/// The `job_id` of a document that must have one.
pub(super) fn job_id(document: &RawValue) -> Option<String> {
    parse::<Owned>(document.get().as_bytes())
        .ok()
        .and_then(|owned| owned.job_id)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|cause| format!("cannot be read: {cause}"))
}

fn raw(text: Vec<u8>) -> Result<Box<RawValue>, String> {
    let text = String::from_utf8(text).map_err(|cause| format!("not UTF-8: {cause}"))?;
    RawValue::from_string(text).map_err(|cause| format!("not JSON: {cause}"))
}

fn object(text: Vec<u8>) -> Result<Box<RawValue>, String> {
    let value = raw(text)?;
    if value.get().starts_with('{') {
        Ok(value)
    } else {
        Err("not a JSON object".to_owned())
    }
}

/// An array of objects, each with a valid id in `member`.
fn array_of<Id: TryFrom<String>>(text: Vec<u8>, member: &str) -> Result<Box<RawValue>, String>
where
    Id::Error: std::fmt::Display,
{
    let value = raw(text)?;
    let elements: Vec<serde_json::Map<String, Value>> = parse(value.get().as_bytes())?;
    for element in &elements {
        let id = element
            .get(member)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("one has no `{member}`"))?;
        Id::try_from(id.to_owned()).map_err(|cause| cause.to_string())?;
    }
    Ok(value)
}
