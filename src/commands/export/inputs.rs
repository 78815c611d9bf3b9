//! The input documents: their indices and mappings, the fields that the job needs, and their entries.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::numbered::{NumberedEntries, require_all, size_of};
use super::options::InputOptions;
use super::plan::Export;
use crate::archive::{self, ArchiveWriter, EntryKind, MAX_ENTRIES, MAX_INDICES, PART_DOCUMENTS};
use crate::cluster::{Hit, Pages, Search, Sort, time_range};
use crate::error::{Error, Result};
use crate::job::{
    Datafeed, FieldReader, InputMappings, NeededFields, fields_read_by, is_remote, names_with_parents, needed_fields,
    parents_of_multi_fields, query_reads_runtime_fields, without_query,
};
use crate::util::format::count;
use crate::util::process::lock;
use crate::util::similar::did_you_mean;

/// Documents from which the size of the others is estimated.
const SAMPLE: usize = 100;

/// The input documents and the mappings of their indices.
pub(super) struct Inputs<'a> {
    export: &'a Export<'a>,
    pub(super) options: &'a InputOptions,
    pub(super) search: Search,
    pub(super) documents: u64,
    /// The estimated size of the documents in bytes.
    pub(super) bytes: u64,
    /// The mappings of the exported fields in all indices that the datafeed reads.
    mappings: InputMappings,
    /// The indices of the exported documents: only their mappings are exported.
    indices: BTreeSet<Arc<str>>,
    /// The size of the exported mappings in bytes.
    mapping_bytes: u64,
}

impl<'a> Inputs<'a> {
    /// Reads the mappings of the datafeed's indices and counts the documents; `None` without `--include-inputs`.
    pub(super) async fn find(export: &'a Export<'a>) -> Result<Option<Self>> {
        note_index_dependent_clauses(export);
        let Some(options) = export.options.source.inputs() else {
            return Ok(None);
        };
        let (job, cluster) = (&export.job, export.cluster());
        let without_datafeed = || cannot_include(&format!("job {} does not have a datafeed", job.id()));
        let datafeed = job.datafeed().ok_or_else(without_datafeed)?;
        let local = export.input_indices();
        let mut remote = datafeed.indices.clone();
        remote.retain(|index| is_remote(index));
        if !remote.is_empty() {
            export.warn(&format!(
                "some fields may be missing from the archive: the mappings of remote indices cannot be read ({}), so field \
                 aliases are not resolved; to export all fields: --all-fields",
                remote.join(", ")
            ));
        }
        let whole = match local.is_empty() {
            true => InputMappings::default(),
            false => cluster.input_mappings(&local).await?,
        };
        require_source(&whole)?;
        let time_field = job.time_field();
        let sort = match !remote.is_empty() || whole.differ_in_resolution(time_field) {
            true => Sort::AscendingMillis(time_field.to_owned()),
            false => Sort::Ascending(time_field.to_owned()),
        };
        if remote.is_empty() {
            warn_of_unknown_fields(export, options, &whole);
        }
        let (mut fields, mut mappings) = (None, whole);
        if !options.all_fields {
            let needed = needed(export, options, &mappings)?;
            for warning in &needed.warnings {
                export.warn(&format!("{warning}; to export all fields: --all-fields"));
            }
            mappings = prune(export, &mappings, &needed);
            let mut names: Vec<String> = needed.fields.iter().cloned().collect();
            if !remote.is_empty() {
                let with_parents = names_with_parents(&needed.fields);
                let types = cluster.field_types(&remote, &with_parents).await?;
                names.extend(parents_of_multi_fields(&needed.fields, &types));
            }
            fields = Some(names);
        }
        let search = Search {
            indices: datafeed.indices.clone(),
            lenient: false,
            indices_options: datafeed.indices_parameters(),
            query: query(options, datafeed, time_field),
            runtime_mappings: runtime_mappings(datafeed, time_field),
            fields,
            sort,
            page_size: export.options.source.page_size,
            slices: 1,
            pagination: export.options.source.pagination,
            incomplete_clusters: options.allow_partial.then(Arc::default),
        };
        let mut inputs = Self {
            export,
            options,
            search,
            documents: 0,
            bytes: 0,
            mappings,
            indices: BTreeSet::new(),
            mapping_bytes: 0,
        };
        inputs.refuse_too_large_mappings().await?;
        inputs.count().await?;
        Ok(Some(inputs))
    }

    /// Fails if the mappings exceed the limit of an import, before documents are read. The indices that contain input
    /// documents are only requested if all mappings together are too large.
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
                "the archive will not contain input documents: no index matches {indices}"
            ));
        } else if self.mappings.is_empty() && !self.export.input_indices().is_empty() {
            let local = self.export.input_indices().join(", ");
            self.export.warn(&format!(
                "field types may change: mappings of {local} were not found, so an import derives the types from the data"
            ));
        }
        if counted == Some(0) {
            self.warn_of_no_documents().await?;
        }
        self.documents = documents;
        self.bytes = size_of(&first) * documents / (first.len() as u64).max(1);
        Ok(())
    }

    /// Reports that no document matches, with the time range of the documents that the datafeed reads.
    async fn warn_of_no_documents(&self) -> Result<()> {
        let export = self.export;
        let mut all = self.search.clone();
        all.query = all.query["bool"]["filter"][0].take();
        let why = match export.cluster().time_extent(&all).await? {
            Some((first, last)) => {
                format!("none are in the date range; the datafeed reads documents from {first} to {last}")
            }
            None => format!("none in {} match the query of the datafeed", all.indices.join(", ")),
        };
        export.warn(&format!("the archive will not contain input documents: {why}"));
        Ok(())
    }

    /// Starts to read; readers pause after a few pages. Once the search is open, and its documents are fixed, checks that no
    /// index was replaced since its mapping was read.
    pub(super) async fn open(&self, readers: usize) -> Result<Pages> {
        let cluster = self.export.cluster();
        let search = Search {
            slices: readers,
            ..self.search.clone()
        };
        let pages = cluster.pages(search).await?;
        let mut uuids = self.mappings.uuids().peekable();
        if uuids.peek().is_none() {
            return Ok(pages);
        }
        let current = cluster.index_uuids(&self.export.input_indices()).await?;
        let current_uuid = |index: &str| current.get(index)?.pointer("/settings/index/uuid")?.as_str();
        let replaced = |(index, uuid): &(&str, &str)| current_uuid(index).is_some_and(|current| current != *uuid);
        match uuids.find(replaced) {
            None => Ok(pages),
            Some((index, _)) => Err(changed(index, "deleted and created again during the export")),
        }
    }

    /// Appends the entries with the documents, then the entry with the mappings. Returns the remote clusters whose documents
    /// are missing.
    pub(super) async fn write(mut self, mut pages: Pages, writer: &mut ArchiveWriter) -> Result<BTreeSet<String>> {
        let (export, session) = (self.export, self.export.session);
        let stage = session.stage("Reading input documents", Some(self.documents));
        let mut read = 0;
        let mut entries = NumberedEntries::new(export, EntryKind::Inputs { number: 1 });
        while let Some(hits) = pages.next().await? {
            read += hits.len() as u64;
            stage.inc_with_size(hits.len() as u64, size_of(&hits));
            self.add_indices_of(&hits).await?;
            entries.add(hits, writer).await?;
        }
        entries.append_until(0, writer).await?;
        require_all("input documents", read, self.documents)?;
        let allowed = self.search.incomplete_clusters;
        let incomplete = allowed.map(|names| lock(&names).clone()).unwrap_or_default();
        if !incomplete.is_empty() {
            let names: Vec<&str> = incomplete.iter().map(String::as_str).collect();
            export.warn(&format!(
                "input documents from remote clusters are missing from the archive (--allow-partial): {}",
                names.join(", ")
            ));
        }
        stage.done(&format!("Input documents: {}", count(read)));
        write_mappings(export, &self.mappings.of(|index| self.indices.contains(index)), writer)?;
        Ok(incomplete)
    }

    /// Adds the indices of these documents. Fails at the first document that exceeds the limits of an import for the number
    /// of indices or the size of mappings.
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

    /// Reads the mapping of an index that was created, or added to an alias, after the others were read.
    async fn add_mapping(&mut self, index: &str) -> Result<()> {
        let export = self.export;
        let added = |what: &str| changed(index, &format!("added during the export{what}"));
        let mut new = export.cluster().input_mappings(&[index.to_owned()]).await?;
        // If no mapping was found at all, there was a warning.
        if new.is_empty() && !self.mappings.is_empty() {
            return Err(added(" and then deleted: its mapping cannot be read"));
        }
        require_source(&new)?;
        let all = self.mappings.clone().and(new.clone());
        let in_milliseconds = matches!(self.search.sort, Sort::AscendingMillis(_));
        if !in_milliseconds && all.differ_in_resolution(export.job.time_field()) {
            return Err(added(", and its time field has a different resolution"));
        }
        if let Some(fetched) = &self.search.fields {
            let needed = needed(export, self.options, &new)?;
            let mut missing: Vec<&str> = needed.fields.iter().map(String::as_str).collect();
            missing.retain(|field| new.knows(field) && !fetched.iter().any(|fetched| fetched == field));
            if !missing.is_empty() {
                let missing = missing.join(", ");
                return Err(added(&format!(", and some of its fields are not included: {missing}")));
            }
            new = prune(export, &new, &needed);
        }
        self.mappings = std::mem::take(&mut self.mappings).and(new);
        Ok(())
    }
}

/// Appends the entry with the mappings, unless there are none.
pub(super) fn write_mappings(export: &Export<'_>, mappings: &InputMappings, writer: &mut ArchiveWriter) -> Result<()> {
    if !mappings.is_empty() {
        let text = mappings.to_json().to_string();
        writer.append(export.json_entry(EntryKind::InputMapping, text.as_bytes())?)?;
    }
    Ok(())
}

/// The mappings of the datafeed's indices for an archive without input documents, so that an import can have Elasticsearch copy
/// the documents. Empty if they are included, the archive is pseudonymized, or the mappings cannot be read.
pub(super) async fn mappings_without_documents(export: &Export<'_>) -> InputMappings {
    let none = InputMappings::default();
    let without_documents = export.options.source.inputs().is_none() && export.options.tokens().is_none();
    let is_local = |datafeed: &&Datafeed| !datafeed.indices.iter().any(|index| is_remote(index));
    let Some(datafeed) = export.job.datafeed().filter(is_local).filter(|_| without_documents) else {
        return none;
    };
    let Ok(whole) = export.cluster().input_mappings(&datafeed.indices).await else {
        return none;
    };
    let mappings = prune(export, &whole, &needed_fields(&export.job, &whole, &[]));
    let bytes: u64 = mappings.indices().map(|index| mappings.bytes_of(index)).sum();
    let fits = export.name(EntryKind::InputMapping).refuse_too_large(bytes).is_ok();
    if fits { mappings } else { none }
}

/// The fields that the archive needs from indices with these mappings.
fn needed(export: &Export<'_>, options: &InputOptions, whole: &InputMappings) -> Result<NeededFields> {
    // A pseudonymized archive does not contain fields that only the query reads.
    Ok(match export.options.tokens() {
        Some(_) => needed_fields(&without_query(&export.job)?, whole, &options.fields),
        None => needed_fields(&export.job, whole, &options.fields),
    })
}

/// The mappings of these fields.
fn prune(export: &Export<'_>, whole: &InputMappings, needed: &NeededFields) -> InputMappings {
    for (index, field) in whole.left_out_of_source(&needed.fields) {
        export.warn(&format!(
            "field {field} of index {index} is missing from the archive: _source does not contain it"
        ));
    }
    whole.pruned(&needed.fields, &needed.runtime)
}

/// Reports requested fields that no index has; documents may contain fields that are not in the mapping.
fn warn_of_unknown_fields(export: &Export<'_>, options: &InputOptions, mappings: &InputMappings) {
    for name in options.fields.iter().filter(|_| !mappings.is_empty()) {
        if !mappings.knows(name) && mappings.names_like(name).is_empty() {
            let similar = did_you_mean(name, mappings.types().into_keys());
            export.warn(&format!(
                "field {name} may be missing from the archive: it is not in the mapping of the input documents{similar}"
            ));
        }
    }
}

fn require_source(mappings: &InputMappings) -> Result<()> {
    match mappings.without_source().first() {
        None => Ok(()),
        Some(index) => Err(cannot_include(&format!("index {index} does not store _source"))),
    }
}

fn cannot_include(why: &str) -> Error {
    Error::failed(
        format!("cannot include input documents: {why}"),
        "export without --include-inputs",
    )
}

fn changed(index: &str, how: &str) -> Error {
    Error::failed(format!("index {index} was {how}"), "export again")
}

/// Reports how an import handles clauses that select different documents in a copy of the index. For a pseudonymized archive,
/// the summary of the pseudonymization reports on the query.
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
    export.session.terminal.print(&match options.source.inputs() {
        Some(_) => format!(
            "note: an import will replace the query of the datafeed with `match_all`, because its clauses on {clauses} \
             depend on the index; the input documents in the archive already match it, and the archive keeps the query"
        ),
        None => format!(
            "note: the datafeed may select different documents after an import: the clauses on {clauses} in its query \
             depend on the index; to include the documents that it selects on this cluster: --include-inputs"
        ),
    });
}

/// The query for the documents that the datafeed reads, within the date range of the options.
fn query(inputs: &InputOptions, datafeed: &Datafeed, time_field: &str) -> Value {
    let range = time_range(time_field, inputs.after, inputs.before);
    let time = range.unwrap_or_else(|| json!({"exists": {"field": time_field}}));
    json!({"bool": {"filter": [datafeed.query, time]}})
}

/// The runtime mappings, if the query reads one of the fields: scripts take time and may fail.
fn runtime_mappings(datafeed: &Datafeed, time_field: &str) -> Option<Value> {
    let mappings = datafeed.runtime_mappings.as_ref()?;
    query_reads_runtime_fields(datafeed, time_field).then(|| mappings.clone())
}

/// Fails early if the documents need more entries than an archive may have.
fn refuse_too_many(documents: u64) -> Result<()> {
    match documents.div_ceil(PART_DOCUMENTS) < MAX_ENTRIES as u64 {
        true => Ok(()),
        false => Err(archive::Error::TooManyEntries.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::timestamp::EpochMillis;

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
    fn runtime_mappings_are_sent_only_if_the_query_reads_them() {
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
    fn open_range_requires_the_time_field() {
        let query = query(&InputOptions::default(), &datafeed(json!({"match_all": {}})), "time");
        assert_eq!(query["bool"]["filter"][1], json!({"exists": {"field": "time"}}));
    }

    #[test]
    fn indices_options_of_the_datafeed_are_sent() {
        let mut feed = datafeed(json!({"match_all": {}}));
        assert!(feed.indices_parameters().is_empty());
        feed.indices_options = Some(
            json!({"expand_wildcards": ["open", "hidden"], "ignore_unavailable": true,
            "ignore_throttled": true}),
        );
        let expected = [("expand_wildcards", "open,hidden"), ("ignore_unavailable", "true")];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(feed.indices_parameters(), expected);
    }

    #[test]
    fn range_without_bounds_adds_no_filter() {
        assert_eq!(time_range("timestamp", None, None), None);
        assert_eq!(
            time_range("timestamp", Some(EpochMillis(1)), None),
            Some(json!({"range": {"timestamp": {"gte": 1, "format": "epoch_millis"}}}))
        );
    }

    #[test]
    fn too_many_input_documents_are_refused_before_reading() {
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
