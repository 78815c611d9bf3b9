//! Where the inputs are, how they are mapped, and which of their fields the job needs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::options::{ExportOptions, InputOptions};
use super::subject::Subject;
use crate::cluster::{Cluster, IndexMappings, Search, Sort, SourceFields};
use crate::error::{Error, Result};
use crate::job::{
    Datafeed, FieldReader, InputMappings, fields_read_by, is_remote, names_with_parents, needed_fields,
    parents_of_multi_fields, query_reads_runtime_fields, without_query,
};
use crate::terminal::Terminal;

/// What is known of the inputs before the first is read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The datafeed's indices on this cluster (those of remote clusters left out); empty without inputs.
    pub(super) local: Vec<String>,
    /// The search that finds the inputs; `None` without `--include-inputs`.
    pub(super) search: Option<Search>,
    /// The mapping of the fields carried.
    pub(super) mappings: InputMappings,
    /// The UUIDs of the indices whose mappings these are.
    pub(super) uuids: BTreeMap<String, String>,
}

/// What it takes to look at an index.
#[derive(Clone, Copy)]
pub(super) struct Indices<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) options: &'a ExportOptions,
    pub(super) subject: &'a Subject,
    pub(super) terminal: &'a Terminal,
}

impl Indices<'_> {
    /// The mapping of an index that appeared under the datafeed's pattern while its documents are read already.
    pub(super) async fn look_at_new(&self, sources: &Sources, index: &str) -> Result<InputMappings> {
        let repeat = |message: String| Error::failed(message, "export again: the index is then read like the others");
        let whole = self.cluster.input_mappings(&[index.to_owned()]).await?.mappings;
        // Where no mapping could be read at all, a warning said so.
        if whole.is_empty() && !sources.mappings.is_empty() {
            return Err(repeat(format!(
                "{index} appeared during the export and is gone again: its mapping cannot be read"
            )));
        }
        if !whole.without_source().is_empty() {
            return Err(without_source(index));
        }
        let (Some(wanted), Some(search)) = (self.options.inputs(), &sources.search) else {
            return Ok(whole);
        };
        let all = sources.mappings.clone().and(whole.clone());
        let sorted = matches!(search.sort, Sort::AscendingMillis(_));
        if !sorted && all.differ_in_resolution(self.subject.job.time_field()) {
            return Err(repeat(format!(
                "{index} appeared during the export and maps the time field in another resolution"
            )));
        }
        let SourceFields::Only(fetched) = &search.fields else {
            return Ok(whole);
        };
        let needed = needed_fields(&self.subject.job, &whole, &wanted.fields);
        let missing = needed
            .fields
            .iter()
            .filter(|field| whole.knows(field) && !fetched.contains(field));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(repeat(format!(
                "{index} appeared during the export, and fields of it are not read: {}",
                missing.join(", ")
            )));
        }
        for (index, field) in whole.left_out_of_source(&needed.fields) {
            self.terminal
                .warn(&format!("{index} leaves {field} out of _source: it cannot be carried"));
        }
        Ok(whole.pruned(&needed.fields, &needed.runtime))
    }
}

fn without_source(index: &str) -> Error {
    Error::failed(
        format!("{index} keeps no _source: its documents cannot be read back"),
        "export without --include-inputs",
    )
}

/// Looks at the datafeed's indices. Without `--include-inputs` nothing is looked at.
pub(super) async fn look(
    cluster: &Cluster,
    options: &ExportOptions,
    subject: &Subject,
    terminal: &Terminal,
) -> Result<Sources> {
    note_metadata(options, subject, terminal);
    let Some(wanted) = options.inputs() else {
        return Ok(Sources::default());
    };
    let Some(datafeed) = subject.job.datafeed() else {
        return Err(Error::failed(
            format!(
                "job {} has no datafeed: where its inputs are is not known",
                subject.job.id()
            ),
            "export without --include-inputs",
        ));
    };
    let (remote, local): (Vec<String>, Vec<String>) =
        datafeed.indices.iter().cloned().partition(|index| is_remote(index));
    if !remote.is_empty() {
        terminal.warn(&format!(
            "mappings of remote indices cannot be read: {}; fields that are aliases there may be missing, --all-fields \
             exports every field",
            remote.join(", ")
        ));
    }
    let IndexMappings { mappings: whole, uuids } = match local.is_empty() {
        true => IndexMappings::default(),
        false => cluster.input_mappings(&local).await?,
    };
    if let Some(index) = whole.without_source().first() {
        return Err(without_source(index));
    }
    let time_field = subject.job.time_field();
    let sort = match !remote.is_empty() || whole.differ_in_resolution(time_field) {
        true => Sort::AscendingMillis(time_field.to_owned()),
        false => Sort::Ascending(time_field.to_owned()),
    };
    let (mut fields, mappings) = fields(wanted, options, subject, whole, terminal)?;
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
        query: query(wanted, datafeed, subject.job.time_field()),
        runtime_mappings: runtime_mappings(datafeed, subject.job.time_field()),
        fields,
        sort,
        page_size: options.page_size,
        slices: options.slices,
        pagination: options.pagination,
        allow_partial: wanted.allow_partial,
    };
    Ok(Sources {
        local,
        search: Some(search),
        mappings,
        uuids,
    })
}

/// Reports what an import does about clauses that select other documents in a copy of the index. A pseudonymized archive
/// has a report of its own about its query.
fn note_metadata(options: &ExportOptions, subject: &Subject, terminal: &Terminal) {
    let Some(datafeed) = subject.job.datafeed().filter(|_| options.tokens().is_none()) else {
        return;
    };
    let runtime = datafeed.runtime_mappings.as_ref();
    let clauses =
        fields_read_by(FieldReader::Query(&datafeed.query), runtime, &InputMappings::default()).index_dependent;
    if clauses.is_empty() {
        return;
    }
    let clauses = clauses.into_iter().collect::<Vec<_>>().join(", ");
    terminal.print(&match options.inputs() {
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

fn fields(
    wanted: &InputOptions,
    options: &ExportOptions,
    subject: &Subject,
    whole: InputMappings,
    terminal: &Terminal,
) -> Result<(SourceFields, InputMappings)> {
    if wanted.all_fields {
        return Ok((SourceFields::All, whole));
    }
    // A pseudonymized archive has no fields that only the query reads.
    let job = match options.tokens() {
        Some(_) => without_query(&subject.job)?,
        None => subject.job.clone(),
    };
    let needed = needed_fields(&job, &whole, &wanted.fields);
    for doubt in &needed.warnings {
        terminal.warn(&format!("{doubt}; --all-fields carries every field"));
    }
    for (index, field) in whole.left_out_of_source(&needed.fields) {
        terminal.warn(&format!("{index} leaves {field} out of _source: it cannot be carried"));
    }
    let mappings = whole.pruned(&needed.fields, &needed.runtime);
    Ok((SourceFields::Only(needed.fields.into_iter().collect()), mappings))
}

/// What the datafeed would read, within the range asked for.
fn query(wanted: &InputOptions, datafeed: &Datafeed, time_field: &str) -> Value {
    let mut range = serde_json::Map::new();
    if let Some(after) = wanted.after {
        range.insert("gte".into(), after.0.into());
    }
    if let Some(before) = wanted.before {
        range.insert("lt".into(), before.0.into());
    }
    let time = if range.is_empty() {
        json!({"exists": {"field": time_field}})
    } else {
        range.insert("format".into(), "epoch_millis".into());
        json!({"range": {time_field: range}})
    };
    json!({"bool": {"filter": [datafeed.query, time]}})
}

/// What the datafeed's names and wildcards mean to itself: hidden indices, say, or that a missing one is no error.
fn indices_options(datafeed: &Datafeed) -> Vec<(&'static str, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(kinds) => Some(kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        _ => None,
    };
    let options = datafeed.indices_options.as_ref();
    let given = |name: &'static str| Some((name, text(options?.get(name)?)?));
    ["expand_wildcards", "ignore_unavailable", "allow_no_indices"]
        .into_iter()
        .filter_map(given)
        .collect()
}

/// Only where the query reads one of them: a script that is not needed costs, and may fail.
fn runtime_mappings(datafeed: &Datafeed, time_field: &str) -> Option<Value> {
    let mappings = datafeed.runtime_mappings.as_ref()?;
    query_reads_runtime_fields(datafeed, time_field).then(|| mappings.clone())
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
}
