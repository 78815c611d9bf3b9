//! The input documents: where they are, how they are mapped, which of their fields the job needs, and how they are written
//! in parts, each compressed while more are read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::options::InputOptions;
use super::plan::Export;
use crate::archive::{self, ArchiveWriter, EntryKind, MAX_ENTRIES, MAX_INDICES, PART_DOCUMENTS, SealedEntry};
use crate::cluster::{Hit, IndexMappings, Pages, Search, Sort, SourceFields};
use crate::error::{Error, Result};
use crate::job::{
    Datafeed, FieldReader, InputMappings, NeededFields, fields_read_by, is_remote, names_with_parents, needed_fields,
    parents_of_multi_fields, query_reads_runtime_fields, without_query,
};
use crate::util::format::count;
use crate::util::timestamp::EpochMillis;

/// Parts that are not in the archive yet, the one being filled included.
const IN_FLIGHT: usize = 2;
/// Pages that wait to be compressed.
const WAITING: usize = 1;
/// Enough documents to estimate the size of the others by.
const SAMPLE: usize = 100;

/// The input documents and the mappings of their indices.
pub(super) struct Inputs<'a> {
    export: &'a Export<'a>,
    pub(super) options: &'a InputOptions,
    /// The datafeed's indices on this cluster.
    local: Vec<String>,
    pub(super) search: Search,
    pub(super) documents: u64,
    /// Bytes of the documents, an estimate from the first ones.
    pub(super) bytes: u64,
    /// The mappings of the exported fields in all indices that the datafeed reads.
    mappings: InputMappings,
    /// The UUIDs of the indices whose mappings these are.
    uuids: BTreeMap<String, String>,
    /// The indices that exported documents come from: only their mappings are exported.
    indices: BTreeSet<Arc<str>>,
    /// Bytes of the exported mappings.
    mapping_bytes: u64,
}

impl<'a> Inputs<'a> {
    /// Reads the mappings of the datafeed's indices and counts the documents; `None` without `--include-inputs`.
    pub(super) async fn find(export: &'a Export<'a>) -> Result<Option<Self>> {
        note_index_dependent_clauses(export);
        let Some(options) = export.options.inputs() else {
            return Ok(None);
        };
        let (job, cluster) = (&export.job, export.cluster());
        let datafeed = job.datafeed().ok_or_else(|| {
            Error::failed(
                format!("job {} has no datafeed: where its inputs are is not known", job.id()),
                "export without --include-inputs",
            )
        })?;
        let local = export.input_indices();
        let remote: Vec<String> = datafeed
            .indices
            .iter()
            .filter(|index| is_remote(index))
            .cloned()
            .collect();
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
        let time_field = job.time_field();
        let sort = match !remote.is_empty() || whole.differ_in_resolution(time_field) {
            true => Sort::AscendingMillis(time_field.to_owned()),
            false => Sort::Ascending(time_field.to_owned()),
        };
        let (mut fields, mut mappings) = (SourceFields::All, whole);
        if !options.all_fields {
            let needed = needed(export, options, &mappings)?;
            for warning in &needed.warnings {
                export.warn(&format!("{warning}; --all-fields carries every field"));
            }
            mappings = prune(export, &mappings, &needed);
            let mut names: Vec<String> = needed.fields.iter().cloned().collect();
            if !remote.is_empty() {
                let types = cluster
                    .field_types(&remote, &names_with_parents(&needed.fields))
                    .await?;
                names.extend(parents_of_multi_fields(&needed.fields, &types));
            }
            fields = SourceFields::Only(names);
        }
        let search = Search {
            indices: datafeed.indices.clone(),
            lenient: false,
            indices_options: indices_options(datafeed),
            query: query(options, datafeed, time_field),
            runtime_mappings: runtime_mappings(datafeed, time_field),
            fields,
            sort,
            page_size: export.options.page_size,
            slices: export.options.slices,
            pagination: export.options.pagination,
            allow_partial: options.allow_partial,
        };
        let mut inputs = Self {
            export,
            options,
            local,
            search,
            documents: 0,
            bytes: 0,
            mappings,
            uuids,
            indices: BTreeSet::new(),
            mapping_bytes: 0,
        };
        inputs.refuse_too_large_mappings().await?;
        inputs.count().await?;
        Ok(Some(inputs))
    }

    /// Refuses mappings that no import takes, before anything is read. The cluster is asked which indices have inputs
    /// only where all of the mappings are too large.
    async fn refuse_too_large_mappings(&self) -> Result<()> {
        let entry = self.export.name(EntryKind::InputMapping);
        let all: u64 = self.mappings.indices().map(|index| self.mappings.bytes_of(index)).sum();
        if entry.refuse_too_large(all).is_ok() {
            return Ok(());
        }
        let mut bytes = 0;
        for index in self.export.cluster().indices_of(&self.search, MAX_INDICES).await? {
            bytes += self.mappings.bytes_of(&index);
            entry.refuse_too_large(bytes)?;
        }
        Ok(())
    }

    async fn count(&mut self) -> Result<()> {
        let cluster = self.export.cluster();
        let counting = cluster.count_in_indices(&self.search);
        let (counted, first) = tokio::try_join!(counting, cluster.sample(&self.search, SAMPLE))?;
        let documents = counted.unwrap_or(0);
        refuse_too_many(documents)?;
        if counted.is_none() {
            let indices = self.search.indices.join(", ");
            self.export.warn(&format!(
                "the archive will have no input documents: no index matches {indices}"
            ));
        } else if self.mappings.is_empty() && !self.local.is_empty() {
            let local = self.local.join(", ");
            self.export.warn(&format!(
                "no mappings are found of {local}: an import infers the types of fields from the data"
            ));
        }
        let bytes: u64 = first.iter().map(|hit| hit.source.len() as u64).sum();
        self.documents = documents;
        self.bytes = bytes * documents / (first.len() as u64).max(1);
        Ok(())
    }

    /// Begins to read; readers wait when a few pages are fetched. An index that is not the one whose mapping was read is
    /// refused once the search is open, which fixes the documents that it returns.
    pub(super) async fn open(&self) -> Result<Pages> {
        let cluster = self.export.cluster();
        let pages = cluster.pages(self.search.clone()).await?;
        if self.uuids.is_empty() {
            return Ok(pages);
        }
        let current = cluster.index_uuids(&self.local).await?;
        let current_uuid = |index: &str| current.get(index)?.pointer("/settings/index/uuid")?.as_str();
        let replaced = |(index, uuid): &(&String, &String)| current_uuid(index).is_some_and(|current| current != *uuid);
        match self.uuids.iter().find(replaced) {
            None => Ok(pages),
            Some((index, _)) => Err(Error::failed(
                format!("index {index} was deleted and created again while it was exported"),
                "export again",
            )),
        }
    }

    /// Appends the entries of all documents, then that of the mappings.
    pub(super) async fn write(mut self, mut pages: Pages, writer: &mut ArchiveWriter) -> Result<()> {
        let (export, session) = (self.export, self.export.session);
        let stage = session.stage("Reading inputs", Some(self.documents));
        let (mut read, mut begun) = (0, 0);
        let mut parts: VecDeque<Part> = VecDeque::new();
        while let Some(mut hits) = pages.next().await? {
            read += hits.len() as u64;
            stage.inc(hits.len() as u64);
            self.add_indices_of(&hits).await?;
            while !hits.is_empty() {
                if let Some(part) = parts.back_mut() {
                    hits = part.fill(hits).await;
                }
                if !hits.is_empty() {
                    begun += 1;
                    parts.push_back(Part::begin(export, begun));
                }
            }
            while parts.len() > IN_FLIGHT
                && let Some(part) = parts.pop_front()
            {
                writer.append(part.seal().await?)?;
            }
        }
        for part in parts {
            writer.append(part.seal().await?)?;
        }
        require_all("inputs", read, self.documents)?;
        let incomplete: Vec<String> = session.cluster.incomplete_clusters().into_iter().collect();
        if !incomplete.is_empty() {
            export.warn(&format!(
                "input documents of remote clusters are missing from the archive (--allow-partial): {}",
                incomplete.join(", ")
            ));
        }
        session.done(stage, &format!("Inputs: {}", count(read)));
        let mappings = self.mappings.of(|index| self.indices.contains(index));
        if !mappings.is_empty() {
            let text = mappings.to_json().to_string();
            writer.append(export.json_entry(EntryKind::InputMapping, text.as_bytes())?)?;
        }
        Ok(())
    }

    /// Notes where these documents come from. Fails at the first document that makes it more indices, or larger mappings,
    /// than an import takes.
    async fn add_indices_of(&mut self, hits: &[Hit]) -> Result<()> {
        for hits in hits.chunk_by(|one, next| one.index == next.index) {
            let index = &hits[0].index;
            if self.indices.contains(index) {
                continue;
            }
            if !self.mappings.has(index) && !is_remote(index) {
                self.add_mapping(index).await?;
            }
            if self.indices.len() == MAX_INDICES {
                return Err(archive::Error::TooManyIndices.into());
            }
            self.indices.insert(Arc::clone(index));
            self.mapping_bytes += self.mappings.bytes_of(index);
            let entry = self.export.name(EntryKind::InputMapping);
            entry.refuse_too_large(self.mapping_bytes)?;
        }
        Ok(())
    }

    /// Reads the mapping of an index that was created, or that an alias was switched to, after the others were read.
    async fn add_mapping(&mut self, index: &str) -> Result<()> {
        let export = self.export;
        let export_again = |what: &str| {
            Error::failed(
                format!("{index} appeared during the export{what}"),
                "export again: the index is then read like the others",
            )
        };
        let mut new = export.cluster().input_mappings(&[index.to_owned()]).await?.mappings;
        // Where no mapping could be read at all, a warning said so.
        if new.is_empty() && !self.mappings.is_empty() {
            return Err(export_again(" and is gone again: its mapping cannot be read"));
        }
        require_source(&new)?;
        let all = self.mappings.clone().and(new.clone());
        let in_milliseconds = matches!(self.search.sort, Sort::AscendingMillis(_));
        if !in_milliseconds && all.differ_in_resolution(export.job.time_field()) {
            return Err(export_again(" and maps the time field in another resolution"));
        }
        if let SourceFields::Only(fetched) = &self.search.fields {
            let needed = needed(export, self.options, &new)?;
            let mut missing: Vec<&str> = needed.fields.iter().map(String::as_str).collect();
            missing.retain(|field| new.knows(field) && !fetched.iter().any(|fetched| fetched == field));
            if !missing.is_empty() {
                let missing = missing.join(", ");
                return Err(export_again(&format!(", and fields of it are not read: {missing}")));
            }
            new = prune(export, &new, &needed);
        }
        self.mappings = std::mem::take(&mut self.mappings).and(new);
        Ok(())
    }
}

/// The fields that the archive needs of indices with these mappings.
fn needed(export: &Export<'_>, options: &InputOptions, whole: &InputMappings) -> Result<NeededFields> {
    // A pseudonymized archive has no fields that only the query reads.
    Ok(match export.options.tokens() {
        Some(_) => needed_fields(&without_query(&export.job)?, whole, &options.fields),
        None => needed_fields(&export.job, whole, &options.fields),
    })
}

/// The mappings of these fields.
fn prune(export: &Export<'_>, whole: &InputMappings, needed: &NeededFields) -> InputMappings {
    for (index, field) in whole.left_out_of_source(&needed.fields) {
        export.warn(&format!("{index} leaves {field} out of _source: it cannot be carried"));
    }
    whole.pruned(&needed.fields, &needed.runtime)
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

/// Reports what an import does about clauses that select other documents in a copy of the index. A pseudonymized archive
/// has a report of its own about its query.
fn note_index_dependent_clauses(export: &Export<'_>) {
    let options = export.options;
    let Some(datafeed) = export.job.datafeed().filter(|_| options.tokens().is_none()) else {
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
fn refuse_too_many(documents: u64) -> Result<()> {
    let parts = documents.div_ceil(PART_DOCUMENTS);
    if parts >= MAX_ENTRIES as u64 {
        return Err(archive::Error::TooManyEntries.into());
    }
    Ok(())
}

/// A search that finds fewer documents than were counted a moment before has lost some.
pub(super) fn require_all(what: &str, read: u64, counted: u64) -> Result<()> {
    if read >= counted {
        return Ok(());
    }
    Err(Error::failed(
        format!("{what}: {counted} documents were counted, {read} could be read"),
        "documents were deleted meanwhile, or shards went away: try again",
    ))
}

/// An entry of inputs that is being filled.
struct Part {
    documents: u64,
    bytes: u64,
    hits: mpsc::Sender<Vec<Hit>>,
    sealed: JoinHandle<archive::Result<SealedEntry>>,
}

impl Part {
    /// Begins a part. It compresses its documents as they come, on a thread of its own, until no more are sent.
    fn begin(export: &Export<'_>, number: u64) -> Self {
        let mut entry = export.entry(EntryKind::Inputs { number });
        let (hits, mut received) = mpsc::channel::<Vec<Hit>>(WAITING);
        let sealed = tokio::task::spawn_blocking(move || {
            while let Some(hits) = received.blocking_recv() {
                for hit in hits {
                    let put = entry.action_and_line(Some(&hit.index), &hit.id, &hit.source);
                    put.map_err(|error| error.of_document(&hit.index, &hit.id))?;
                }
            }
            entry.seal()
        });
        Self {
            documents: 0,
            bytes: 0,
            hits,
            sealed,
        }
    }

    /// Takes as many of the documents as it has room for; returns the others.
    async fn fill(&mut self, mut hits: Vec<Hit>) -> Vec<Hit> {
        let takes = |hit: &&Hit| {
            let has_room = !archive::is_full(self.documents, self.bytes, hit.source.len());
            if has_room {
                self.documents += 1;
                self.bytes += hit.source.len() as u64;
            }
            has_room
        };
        let taken = hits.iter().take_while(takes).count();
        let others = hits.split_off(taken);
        // A part that receives no more has failed: sealing it returns the error.
        let _ = self.hits.send(hits).await;
        others
    }

    async fn seal(self) -> Result<SealedEntry> {
        drop(self.hits);
        Ok(self.sealed.await.map_err(Error::panicked)??)
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
