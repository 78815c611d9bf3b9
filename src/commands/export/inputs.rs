//! The input documents: where they are, how they are mapped, which of their fields the job needs, and how they are written
//! in parts, each compressed while more are read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::options::InputOptions;
use super::target::ExportContext;
use crate::archive::{
    self, ArchiveWriter, EntryBuilder, EntryKind, EntryName, MAX_ENTRIES, MAX_INDICES, PART_DOCUMENTS, SealedEntry,
};
use crate::cluster::{Hit, IndexMappings, Pages, Search, Sort, SourceFields};
use crate::error::{Error, Result};
use crate::job::{
    Datafeed, FieldReader, InputMappings, fields_read_by, is_remote, names_with_parents, needed_fields,
    parents_of_multi_fields, query_reads_runtime_fields, without_query,
};
use crate::terminal::Stage;
use crate::util::timestamp::EpochMillis;

/// Parts that are not in the archive yet, the one being filled included.
const IN_FLIGHT: usize = 2;
/// Pages that wait to be compressed.
const WAITING: usize = 1;

/// What is known of the input documents before the first is read.
#[derive(Debug)]
pub(super) struct InputSource {
    /// The datafeed's indices on this cluster.
    pub(super) local: Vec<String>,
    pub(super) search: Search,
    /// The mappings of the exported fields.
    pub(super) mappings: InputMappings,
    /// The UUIDs of the indices whose mappings these are.
    uuids: BTreeMap<String, String>,
}

impl InputSource {
    /// Reads the mappings of the datafeed's indices; `None` without `--include-inputs`.
    pub(super) async fn find(export: ExportContext<'_>) -> Result<Option<Self>> {
        note_index_dependent_clauses(export);
        let (cluster, options, target) = (export.cluster(), export.options, export.target);
        let Some(inputs) = options.inputs() else {
            return Ok(None);
        };
        let job = target.job.id();
        let datafeed = target.job.datafeed().ok_or_else(|| {
            Error::failed(
                format!("job {job} has no datafeed: where its inputs are is not known"),
                "export without --include-inputs",
            )
        })?;
        let (remote, local): (Vec<_>, Vec<_>) = datafeed.indices.iter().cloned().partition(|index| is_remote(index));
        if !remote.is_empty() {
            export.warn(&format!(
                "mappings of remote indices cannot be read: {}; fields that are aliases there may be missing, \
                 --all-fields exports every field",
                remote.join(", ")
            ));
        }
        let IndexMappings { mappings: whole, uuids } = match local.is_empty() {
            true => IndexMappings::default(),
            false => cluster.input_mappings(&local).await?,
        };
        require_source(&whole)?;
        let time_field = target.job.time_field();
        let sort = match !remote.is_empty() || whole.differ_in_resolution(time_field) {
            true => Sort::AscendingMillis(time_field.to_owned()),
            false => Sort::Ascending(time_field.to_owned()),
        };
        let (mut fields, mappings) = select_fields(export, inputs, whole)?;
        if let SourceFields::Only(fields) = &mut fields
            && !remote.is_empty()
        {
            let names = fields.iter().cloned().collect();
            let types = cluster.field_types(&remote, &names_with_parents(&names)).await?;
            fields.extend(parents_of_multi_fields(&names, &types));
        }
        let search = Search {
            indices: datafeed.indices.clone(),
            lenient: false,
            indices_options: indices_options(datafeed),
            query: query(inputs, datafeed, time_field),
            runtime_mappings: runtime_mappings(datafeed, time_field),
            fields,
            sort,
            page_size: options.page_size,
            slices: options.slices,
            pagination: options.pagination,
            allow_partial: inputs.allow_partial,
        };
        Ok(Some(Self {
            local,
            search,
            mappings,
            uuids,
        }))
    }

    /// The mapping of an index that appeared under the datafeed's pattern after its documents began to be read.
    pub(super) async fn mapping_of_new_index(&self, export: ExportContext<'_>, index: &str) -> Result<InputMappings> {
        let export_again =
            |message: String| Error::failed(message, "export again: the index is then read like the others");
        let whole = export.cluster().input_mappings(&[index.to_owned()]).await?.mappings;
        // Where no mapping could be read at all, a warning said so.
        if whole.is_empty() && !self.mappings.is_empty() {
            return Err(export_again(format!(
                "{index} appeared during the export and is gone again: its mapping cannot be read"
            )));
        }
        require_source(&whole)?;
        let Some(inputs) = export.options.inputs() else {
            return Ok(whole);
        };
        let all = self.mappings.clone().and(whole.clone());
        let in_milliseconds = matches!(self.search.sort, Sort::AscendingMillis(_));
        if !in_milliseconds && all.differ_in_resolution(export.target.job.time_field()) {
            return Err(export_again(format!(
                "{index} appeared during the export and maps the time field in another resolution"
            )));
        }
        let SourceFields::Only(fetched) = &self.search.fields else {
            return Ok(whole);
        };
        let needed = needed_fields(&export.target.job, &whole, &inputs.fields);
        let mut missing: Vec<&str> = needed.fields.iter().map(String::as_str).collect();
        missing.retain(|field| whole.knows(field) && !fetched.iter().any(|fetched| fetched == field));
        if !missing.is_empty() {
            return Err(export_again(format!(
                "{index} appeared during the export, and fields of it are not read: {}",
                missing.join(", ")
            )));
        }
        for (index, field) in whole.left_out_of_source(&needed.fields) {
            warn_left_out(export, index, field);
        }
        Ok(whole.pruned(&needed.fields, &needed.runtime))
    }

    /// Refuses an index that is not the one whose mapping was read. Checked once the search is open, which fixes the
    /// documents that it returns.
    pub(super) async fn refuse_replaced_indices(&self, export: ExportContext<'_>) -> Result<()> {
        if self.uuids.is_empty() {
            return Ok(());
        }
        let current = export.cluster().index_uuids(&self.local).await?;
        let current_uuid = |index: &str| current.get(index)?.pointer("/settings/index/uuid")?.as_str();
        let replaced = |(index, uuid): &(&String, &String)| current_uuid(index).is_some_and(|current| current != *uuid);
        match self.uuids.iter().find(replaced) {
            None => Ok(()),
            Some((index, _)) => Err(Error::failed(
                format!("index {index} was deleted and created again while it was exported"),
                "export again",
            )),
        }
    }
}

fn require_source(mappings: &InputMappings) -> Result<()> {
    match mappings.without_source().first() {
        None => Ok(()),
        Some(index) => Err(Error::failed(
            format!("{index} keeps no _source: its documents cannot be read back"),
            "export without --include-inputs",
        )),
    }
}

fn warn_left_out(export: ExportContext<'_>, index: &str, field: &str) {
    export.warn(&format!("{index} leaves {field} out of _source: it cannot be carried"));
}

/// Reports what an import does about clauses that select other documents in a copy of the index. A pseudonymized archive
/// has a report of its own about its query.
fn note_index_dependent_clauses(export: ExportContext<'_>) {
    let ExportContext { options, target, .. } = export;
    let Some(datafeed) = target.job.datafeed().filter(|_| options.tokens().is_none()) else {
        return;
    };
    let runtime = datafeed.runtime_mappings.as_ref();
    let query = FieldReader::Query(&datafeed.query);
    let clauses = fields_read_by(query, runtime, &InputMappings::default()).index_dependent;
    if clauses.is_empty() {
        return;
    }
    let clauses = clauses.into_iter().collect::<Vec<_>>().join(", ");
    export.session.terminal.print(&match options.inputs() {
        Some(_) => format!(
            "note: the query of the datafeed has clauses on {clauses}: an import replaces it with `match_all`, since the \
             archived input documents match it already; the archive keeps the query"
        ),
        None => format!(
            "note: the query of the datafeed has clauses on {clauses}: a datafeed that is imported without input documents \
             keeps its query, and may select other documents there; --include-inputs exports those that it selects here"
        ),
    });
}

fn select_fields(
    export: ExportContext<'_>,
    inputs: &InputOptions,
    whole: InputMappings,
) -> Result<(SourceFields, InputMappings)> {
    if inputs.all_fields {
        return Ok((SourceFields::All, whole));
    }
    // A pseudonymized archive has no fields that only the query reads.
    let job = match export.options.tokens() {
        Some(_) => without_query(&export.target.job)?,
        None => export.target.job.clone(),
    };
    let needed = needed_fields(&job, &whole, &inputs.fields);
    for warning in &needed.warnings {
        export.warn(&format!("{warning}; --all-fields carries every field"));
    }
    for (index, field) in whole.left_out_of_source(&needed.fields) {
        warn_left_out(export, index, field);
    }
    let mappings = whole.pruned(&needed.fields, &needed.runtime);
    Ok((SourceFields::Only(needed.fields.into_iter().collect()), mappings))
}

/// What the datafeed would read, within the range of the options.
fn query(inputs: &InputOptions, datafeed: &Datafeed, time_field: &str) -> Value {
    let range = time_range(time_field, inputs.after, inputs.before);
    let time = range.unwrap_or_else(|| json!({"exists": {"field": time_field}}));
    json!({"bool": {"filter": [datafeed.query, time]}})
}

/// A query for the documents of a range of time; `None` without bounds.
pub(super) fn time_range(field: &str, after: Option<EpochMillis>, before: Option<EpochMillis>) -> Option<Value> {
    let bounds = [("gte", after), ("lt", before)].into_iter();
    let bounds = bounds.filter_map(|(name, bound)| Some((name.to_owned(), bound?.0.into())));
    let mut bounds: Map<String, Value> = bounds.collect();
    if bounds.is_empty() {
        return None;
    }
    bounds.insert("format".into(), "epoch_millis".into());
    Some(json!({"range": {field: bounds}}))
}

/// How the datafeed resolves its indices: hidden ones, for example, or whether a missing one is an error.
fn indices_options(datafeed: &Datafeed) -> Vec<(&'static str, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(kinds) => Some(kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        _ => None,
    };
    let options = datafeed.indices_options.as_ref();
    let given = |name: &'static str| Some((name, text(options?.get(name)?)?));
    let names = ["expand_wildcards", "ignore_unavailable", "allow_no_indices"];
    names.into_iter().filter_map(given).collect()
}

/// Only where the query reads one of them: a script costs time, and may fail.
fn runtime_mappings(datafeed: &Datafeed, time_field: &str) -> Option<Value> {
    let mappings = datafeed.runtime_mappings.as_ref()?;
    query_reads_runtime_fields(datafeed, time_field).then(|| mappings.clone())
}

/// Refuses more inputs than an archive has entries for, before hours are spent on them.
pub(super) fn refuse_too_many(documents: u64) -> Result<()> {
    let parts = documents.div_ceil(PART_DOCUMENTS);
    if parts >= MAX_ENTRIES as u64 {
        return Err(archive::Error::TooManyEntries.into());
    }
    Ok(())
}

/// The mappings that are exported: those of the indices that input documents come from, whatever else the datafeed
/// reads.
pub(super) struct ExportedMappings<'a> {
    export: ExportContext<'a>,
    source: &'a InputSource,
    mappings: InputMappings,
    entry: EntryName,
    indices: BTreeSet<Arc<str>>,
    last: Option<Arc<str>>,
    bytes: u64,
}

impl<'a> ExportedMappings<'a> {
    pub(super) fn new(export: ExportContext<'a>, source: &'a InputSource) -> Self {
        Self {
            export,
            source,
            mappings: source.mappings.clone(),
            entry: export.target.entry_name(EntryKind::InputMapping),
            indices: BTreeSet::new(),
            last: None,
            bytes: 0,
        }
    }

    /// Refuses mappings that no import takes, before anything is read. The cluster is asked which indices have inputs
    /// only where all of the mappings are too large.
    pub(super) async fn refuse_too_large(mut self) -> Result<()> {
        let mappings = &self.source.mappings;
        let all: u64 = mappings.indices().map(|index| mappings.bytes_of(index)).sum();
        if self.entry.refuse_too_large(all).is_ok() {
            return Ok(());
        }
        let cluster = self.export.cluster();
        for index in cluster.indices_of(&self.source.search, MAX_INDICES).await? {
            self.add(&index.into())?;
        }
        Ok(())
    }

    /// Notes where these documents come from, and reads the mappings of indices that were created, or that an alias was
    /// switched to, after the others were read.
    async fn add_indices_of(&mut self, hits: &[Hit]) -> Result<()> {
        for hits in hits.chunk_by(|one, next| one.index == next.index) {
            let index = &hits[0].index;
            if self.indices.contains(index) || self.mappings.has(index) || is_remote(index) {
                continue;
            }
            let new = self.source.mapping_of_new_index(self.export, index).await?;
            self.mappings = std::mem::take(&mut self.mappings).and(new);
        }
        Ok(hits.iter().try_for_each(|hit| self.add(&hit.index))?)
    }

    /// Fails at the first document that makes it more indices, or larger mappings, than an import takes.
    fn add(&mut self, index: &Arc<str>) -> archive::Result<()> {
        // Consecutive documents share the name.
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, index)) {
            return Ok(());
        }
        self.last = Some(Arc::clone(index));
        if !self.indices.insert(Arc::clone(index)) {
            return Ok(());
        }
        if self.indices.len() > MAX_INDICES {
            return Err(archive::Error::TooManyIndices);
        }
        self.bytes += self.mappings.bytes_of(index);
        self.entry.refuse_too_large(self.bytes)
    }

    pub(super) fn mappings(&self) -> InputMappings {
        self.mappings.of(|index| self.indices.contains(index))
    }
}

/// Documents on their way from pages to parts.
struct Parts<'a> {
    export: ExportContext<'a>,
    begun: u64,
    open: Option<OpenPart>,
    /// In order; the open one is the last.
    building: VecDeque<JoinHandle<archive::Result<SealedEntry>>>,
}

/// The part that is being filled.
struct OpenPart {
    documents: u64,
    bytes: u64,
    hits: mpsc::Sender<Vec<Hit>>,
}

/// Reads all inputs and appends their entries; returns how many documents there were.
pub(super) async fn append(
    mut pages: Pages,
    mappings: &mut ExportedMappings<'_>,
    writer: &mut ArchiveWriter,
    stage: &Stage,
) -> Result<u64> {
    let mut parts = Parts {
        export: mappings.export,
        begun: 0,
        open: None,
        building: VecDeque::new(),
    };
    let mut documents = 0;
    while let Some(hits) = pages.next().await? {
        stage.inc(hits.len() as u64);
        documents += hits.len() as u64;
        mappings.add_indices_of(&hits).await?;
        parts.push(hits).await;
        parts.append_finished(writer, IN_FLIGHT).await?;
    }
    parts.open = None;
    parts.append_finished(writer, 0).await?;
    Ok(documents)
}

impl Parts<'_> {
    /// Sends a page to the open part, and what does not fit into it to the next.
    async fn push(&mut self, hits: Vec<Hit>) {
        let mut page = Vec::with_capacity(hits.len());
        for hit in hits {
            let bytes = hit.source.len();
            let full = |open: &OpenPart| archive::is_full(open.documents, open.bytes, bytes);
            if self.open.as_ref().is_none_or(full) {
                self.send(std::mem::take(&mut page)).await;
                self.begin();
            }
            if let Some(open) = &mut self.open {
                open.documents += 1;
                open.bytes += bytes as u64;
            }
            page.push(hit);
        }
        self.send(page).await;
    }

    async fn send(&self, hits: Vec<Hit>) {
        if let Some(open) = &self.open {
            // A part that receives no more has failed: awaiting it returns the error.
            let _ = open.hits.send(hits).await;
        }
    }

    /// Closes the open part and begins another. It compresses its documents as they come, on a thread of its own, until
    /// no more are sent.
    fn begin(&mut self) {
        self.begun += 1;
        let name = self.export.target.entry_name(EntryKind::Inputs { number: self.begun });
        let mut entry = EntryBuilder::new(name, self.export.options.compression_level);
        let (hits, mut received) = mpsc::channel::<Vec<Hit>>(WAITING);
        self.building.push_back(tokio::task::spawn_blocking(move || {
            while let Some(hits) = received.blocking_recv() {
                for hit in hits {
                    let put = entry.action_and_line(Some(&hit.index), &hit.id, &hit.source);
                    put.map_err(|error| error.of_document(&hit.index, &hit.id))?;
                }
            }
            entry.seal()
        }));
        self.open = Some(OpenPart {
            documents: 0,
            bytes: 0,
            hits,
        });
    }

    /// Appends parts in order until at most `left` are not in the archive yet.
    async fn append_finished(&mut self, writer: &mut ArchiveWriter, left: usize) -> Result<()> {
        while self.building.len() > left {
            let Some(part) = self.building.pop_front() else { break };
            writer.append(part.await.map_err(Error::panicked)??)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datafeed(query: Value) -> Datafeed {
        Datafeed {
            id: "datafeed-a".parse().expect("valid"),
            indices: vec!["logs".into()],
            query,
            runtime_mappings: Some(json!({"is_error": {"type": "boolean"}})),
            script_fields: None,
            aggregations: None,
            indices_options: None,
        }
    }

    #[test]
    fn runtime_mappings_go_along_only_where_the_query_reads_them() {
        assert_eq!(runtime_mappings(&datafeed(json!({"match_all": {}})), "time"), None);
        for query in [
            json!({"term": {"is_error": true}}),
            json!({"exists": {"field": "is_error"}}),
            json!({"exists": {"field": "is_*"}}),
            json!({"query_string": {"query": "is_error:true"}}),
            json!({"query_string": {"query": "true"}}),
            json!({"script": {"script": "doc['is_error'].value"}}),
        ] {
            assert!(runtime_mappings(&datafeed(query.clone()), "time").is_some(), "{query}");
        }
        let other = datafeed(json!({"query_string": {"query": "status:is_error"}}));
        assert_eq!(runtime_mappings(&other, "time"), None);
        assert!(runtime_mappings(&other, "is_error").is_some(), "the time itself");
    }

    #[test]
    fn an_open_range_still_asks_for_the_time_field() {
        let query = query(&InputOptions::default(), &datafeed(json!({"match_all": {}})), "time");
        assert_eq!(query["bool"]["filter"][1], json!({"exists": {"field": "time"}}));
    }

    #[test]
    fn names_mean_what_they_mean_to_the_datafeed() {
        let mut feed = datafeed(json!({"match_all": {}}));
        assert!(indices_options(&feed).is_empty());
        feed.indices_options = Some(
            json!({"expand_wildcards": ["open", "hidden"], "ignore_unavailable": true,
            "ignore_throttled": true}),
        );
        let expected = [("expand_wildcards", "open,hidden"), ("ignore_unavailable", "true")];
        assert_eq!(
            indices_options(&feed),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn a_range_without_bounds_is_no_filter() {
        assert_eq!(time_range("timestamp", None, None), None);
        assert_eq!(
            time_range("timestamp", Some(EpochMillis(1)), None),
            Some(json!({"range": {"timestamp": {"gte": 1, "format": "epoch_millis"}}}))
        );
    }

    #[test]
    fn more_inputs_than_entries_hold_are_refused_before_any_is_read() {
        for enough in [0, 1, 3_000_000, 999_000_000] {
            assert!(refuse_too_many(enough).is_ok(), "{enough}");
        }
        for too_many in [1_000_000_000, 5_000_000_000, u64::MAX] {
            let error = refuse_too_many(too_many).expect_err("too many");
            assert!(
                error.hint().is_some_and(|hint| hint.contains("--inputs-after-date")),
                "{error}"
            );
        }
    }
}
