//! Mappings of source indices, cut down to the fields carried, and the indices an import makes of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::job::{Error, IndexName, JobId};

/// Per source index: `{"mappings": {...}, "settings": {...}}` as carried in `<safe>_input_mapping.json`,
/// an object of that form keyed by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputMappings {}

/// An index that an import creates for inputs.
#[derive(Clone, Debug)]
pub struct TargetIndex {
    /// Its name.
    pub name: IndexName,
    /// Body of `PUT /<index>`: settings (replicas 0, refresh off) and mappings, `_meta` marked as ours.
    pub body: Box<RawValue>,
    /// The source indices whose documents go there.
    pub sources: BTreeSet<String>,
}

impl InputMappings {
    /// From `GET /<indices>` (index to `{aliases, mappings, settings}`).
    pub fn from_definitions(definitions: &serde_json::Map<String, Value>) -> Self {
        todo!()
    }

    /// From the archive's entry.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        todo!()
    }

    /// Only these fields (with what they need: parents, multi-fields, aliases' targets, analyzers).
    pub fn pruned(&self, fields: &BTreeSet<String>) -> Self {
        todo!()
    }

    /// The entry's JSON.
    pub fn to_json(&self) -> Value {
        todo!()
    }

    /// The parent of a multi-field, by the mapping: `service.keyword` → `service`; a field alias to its
    /// path; any other field is itself. Also wildcards are left as they are.
    pub fn source_path(&self, field: &str) -> String {
        todo!()
    }

    /// The source indices.
    pub fn indices(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}

/// The indices to create so that every source's documents keep their types: sources with compatible
/// mappings share one (`base`), others get one of their own (`base-2` …). `sources` are the indices that
/// inputs came from, with their numbers; a source without mapping gets dynamic mapping save for the time field.
pub fn target_indices(
    mappings: &InputMappings,
    sources: &BTreeMap<String, u64>,
    base: &IndexName,
    job: &JobId,
    time_field: &str,
) -> Result<Vec<TargetIndex>, Error> {
    todo!()
}

/// The id of a document in a target index: its own where the target has one source, otherwise made of
/// source and id so that equal ids of different sources stay apart (at most 512 bytes).
pub fn target_document_id(target: &TargetIndex, source: &str, id: &str) -> String {
    todo!()
}
