//! What came along.

use std::collections::BTreeMap;

use serde::Serialize;

/// A part of the archive.
#[derive(Clone, Debug, Serialize)]
pub struct PartFacts {
    /// `state`, `categories`, `annotations`, `notifications`, `inputs`.
    pub part: &'static str,
    /// Entries it is spread over.
    pub entries: u64,
    /// Documents.
    pub documents: u64,
    /// Bytes, uncompressed, action lines included.
    pub bytes: u64,
    /// First moment, RFC 3339.
    pub first: Option<String>,
    /// Last moment, RFC 3339.
    pub last: Option<String>,
    /// Documents whose moment could not be read.
    pub undated: u64,
}

/// The inputs in detail.
#[derive(Clone, Debug, Serialize)]
pub struct InputFacts {
    /// Documents by source index.
    pub indices: BTreeMap<String, u64>,
    /// Whether their mapping came along.
    pub mapping: bool,
    /// Over time; `None` where no moment could be read.
    pub histogram: Option<HistogramFacts>,
}

/// Counts over time.
#[derive(Clone, Debug, Serialize)]
pub struct HistogramFacts {
    /// Where the first column begins, RFC 3339.
    pub from: String,
    /// Width of a column in milliseconds.
    pub column_millis: u64,
    /// Documents in each.
    pub counts: Vec<u64>,
}

/// Who annotations are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnnotationFacts {
    /// Written by the job itself.
    pub by_job: u64,
    /// Written by people.
    pub by_people: u64,
}

/// A calendar.
#[derive(Clone, Debug, Serialize)]
pub struct CalendarFacts {
    /// `calendar_id`.
    pub id: String,
    /// Its events.
    pub events: u64,
}

/// An entry.
#[derive(Clone, Debug, Serialize)]
pub struct EntryFacts {
    /// Its path in the archive.
    pub name: String,
    /// Documents.
    pub documents: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}
