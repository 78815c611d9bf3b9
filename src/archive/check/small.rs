//! Entries that are one JSON text each: kept whole, read as far as a rule needs.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::archive::{Contents, EntryKind};
use crate::job::{self, Calendar, DataCounts, Filter, InputMappings, JobConfig, Snapshot};
use crate::json::{check_members, without_value};

/// Filters, or calendars; a job has a handful.
const MOST_ELEMENTS: usize = 10_000;

/// Reads an entry into `contents`.
pub(super) fn read(kind: EntryKind, text: Vec<u8>, contents: &mut Contents) -> Result<(), String> {
    let text = String::from_utf8(text).map_err(|cause| format!("not UTF-8: {cause}"))?;
    check_members(&text).map_err(|cause| format!("cannot be read: {}", without_value(&cause)))?;
    let parsed = &mut contents.parsed;
    match kind {
        EntryKind::Config => {
            contents.config = Some(JobConfig::parse(text.as_bytes()).map_err(|cause| cause.to_string())?);
        }
        EntryKind::Manifest => contents.manifest = Some(parse(&text)?),
        EntryKind::Snapshot => {
            let document = object(text)?;
            let snapshot = Snapshot::parse(document.get()).map_err(|cause| cause.to_string())?;
            contents.snapshot_id = Some(snapshot.snapshot_id.clone());
            contents.snapshot = Some(document);
            parsed.snapshot = Some(snapshot);
        }
        EntryKind::DataCounts => {
            let counts = object(text)?;
            let parsed_counts = DataCounts::parse(counts.get().as_bytes()).map_err(|cause| cause.to_string())?;
            let job = parsed_counts.job_id().ok_or("names no job (`job_id`)")?;
            parsed.counted_job = Some(job.to_owned());
            contents.data_counts = Some(counts);
        }
        EntryKind::InputMapping => {
            let mapping = object(text)?;
            parsed.mappings = InputMappings::parse(mapping.get().as_bytes()).map_err(|cause| cause.to_string())?;
            contents.input_mapping = Some(mapping);
        }
        EntryKind::Filters => {
            let (filters, text) = array_of(text, |json| {
                let id = Filter::parse(json.get())?.filter_id;
                Ok((id.to_string(), (id, json.to_owned())))
            })?;
            (parsed.filters, contents.filters) = (filters, Some(text));
        }
        EntryKind::Calendars => {
            let (calendars, text) = array_of(text, |json| {
                let calendar = Calendar::parse(json.get())?;
                Ok((calendar.calendar_id.to_string(), calendar))
            })?;
            (parsed.calendars, contents.calendars) = (calendars, Some(text));
        }
        _ => {}
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|cause| format!("cannot be read: {}", without_value(&cause)))
}

fn raw(text: String) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text).map_err(|cause| format!("not JSON: {cause}"))
}

fn object(text: String) -> Result<Box<RawValue>, String> {
    let value = raw(text)?;
    if value.get().starts_with('{') {
        Ok(value)
    } else {
        Err("not a JSON object".to_owned())
    }
}

/// An array of elements, each with an ID of its own, and its text.
fn array_of<T>(
    text: String,
    read: impl Fn(&RawValue) -> Result<(String, T), job::Error>,
) -> Result<(Vec<T>, Box<RawValue>), String> {
    let value = raw(text)?;
    let elements: Vec<&RawValue> = parse(value.get())?;
    if elements.len() > MOST_ELEMENTS {
        return Err(format!("cannot be read: more than {MOST_ELEMENTS} elements"));
    }
    let (mut ids, mut list) = (BTreeSet::new(), Vec::with_capacity(elements.len()));
    for element in elements {
        let (id, one) = read(element).map_err(|cause| format!("cannot be read: {cause}"))?;
        if let Some(id) = ids.replace(id) {
            return Err(format!("cannot be read: `{id}` is there twice"));
        }
        list.push(one);
    }
    Ok((list, value))
}
