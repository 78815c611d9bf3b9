//! Entries that are one JSON text each: kept whole, read as far as a rule needs.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, de::DeserializeOwned};
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

/// Filters, or calendars; a job has a handful.
const MOST_ELEMENTS: usize = 10_000;

/// What the rules need of a filter.
#[derive(Debug, Deserialize)]
struct FilterHead {
    filter_id: FilterId,
}

/// What the rules need of a calendar.
#[derive(Debug, Deserialize)]
struct CalendarHead {
    calendar_id: CalendarId,
}

/// Something that has an id of its own.
trait Head: DeserializeOwned {
    fn id(&self) -> &str;
}

impl Head for FilterHead {
    fn id(&self) -> &str {
        self.filter_id.as_str()
    }
}

impl Head for CalendarHead {
    fn id(&self) -> &str {
        self.calendar_id.as_str()
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
        EntryKind::Filters => contents.filters = Some(array_of::<FilterHead>(text)?),
        EntryKind::Calendars => contents.calendars = Some(array_of::<CalendarHead>(text)?),
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

/// An array of objects, each with a valid id of its own.
fn array_of<T: Head>(text: Vec<u8>) -> Result<Box<RawValue>, String> {
    let value = raw(text)?;
    serde_json::Deserializer::from_str(value.get())
        .deserialize_seq(Heads(PhantomData::<T>))
        .map_err(|cause| format!("cannot be read: {cause}"))?;
    Ok(value)
}

/// Looks at one element after the other and keeps the ids alone.
struct Heads<T>(PhantomData<T>);

impl<'de, T: Head> Visitor<'de> for Heads<T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut ids = BTreeSet::new();
        while let Some(element) = elements.next_element::<&RawValue>()? {
            // serde takes an array for a struct too.
            if !element.get().starts_with('{') {
                return Err(A::Error::custom("an element is not an object"));
            }
            let head: T = serde_json::from_str(element.get()).map_err(A::Error::custom)?;
            if ids.len() >= MOST_ELEMENTS {
                return Err(A::Error::custom(format!("more than {MOST_ELEMENTS} elements")));
            }
            if !ids.insert(head.id().to_owned()) {
                return Err(A::Error::custom(format!("`{}` is there twice", head.id())));
            }
        }
        Ok(())
    }
}
