//! Values in the entries that are one JSON text each: filters, calendars, the snapshot, the manifest.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::ValueGatherer;
use super::other::Other;
use super::part::Part;
use super::store::Field;
use crate::archive::Contents;
use crate::job::JobConfig;

#[derive(Deserialize)]
struct Filter {
    filter_id: String,
    description: Option<String>,
    #[serde(default)]
    items: Vec<String>,
}

#[derive(Deserialize)]
struct Calendar {
    description: Option<String>,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    description: Option<String>,
}

#[derive(Deserialize)]
struct Snapshot {
    description: Option<String>,
}

/// Reads them all.
pub(super) fn values(contents: &Contents, to: &mut ValueGatherer) {
    let filtered = contents.config.iter().flat_map(JobConfig::filtered_fields);
    let scopes: BTreeMap<&str, &str> = filtered.collect();
    for filter in listed::<Filter>(contents.filters.as_deref()) {
        let field = match scopes.get(filter.filter_id.as_str()) {
            Some(field) => Field::Data((*field).to_owned()),
            None => Field::Filter(filter.filter_id),
        };
        for item in &filter.items {
            to.add(&field, Part::Filters, item);
        }
        if let Some(description) = &filter.description {
            to.other(Other::FilterDescriptions, Part::Filters, description);
        }
    }
    for calendar in listed::<Calendar>(contents.calendars.as_deref()) {
        if let Some(description) = &calendar.description {
            to.other(Other::CalendarDescriptions, Part::Calendars, description);
        }
        for description in calendar.events.iter().filter_map(|event| event.description.as_deref()) {
            to.other(Other::CalendarEvents, Part::Calendars, description);
        }
    }
    let snapshot = contents.snapshot.as_deref();
    let snapshot = snapshot.and_then(|text| serde_json::from_str::<Snapshot>(text.get()).ok());
    if let Some(description) = snapshot.and_then(|snapshot| snapshot.description) {
        to.other(Other::SnapshotDescription, Part::Configuration, &description);
    }
    if let Some(manifest) = &contents.manifest {
        to.other(Other::ClusterName, Part::Configuration, &manifest.source.cluster_name);
    }
}

/// An array's elements; none where it is absent. Whether it is an array is the archive's check.
fn listed<'a, T: Deserialize<'a>>(array: Option<&'a RawValue>) -> Vec<T> {
    array
        .and_then(|array| serde_json::from_str(array.get()).ok())
        .unwrap_or_default()
}
