//! Where the inputs are, how they are mapped, and which of their fields the job needs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::options::{ExportOptions, InputOptions};
use super::subject::Subject;
use crate::cluster::{Cluster, Search, Sort, SourceFields};
use crate::error::{Error, Result};
use crate::job::{Datafeed, InputMappings, needed_fields};
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
}

/// Looks at the datafeed's indices. Without `--include-inputs` nothing is looked at.
pub(super) async fn look(
    cluster: &Cluster,
    options: &ExportOptions,
    subject: &Subject,
    terminal: &Terminal,
) -> Result<Sources> {
    let Some(wanted) = &options.inputs else {
        return Ok(Sources::default());
    };
    let Some(datafeed) = subject.job.datafeed() else {
        return Err(Error::Failed {
            message: format!(
                "job {} has no datafeed: where its inputs are is not known",
                subject.job.id()
            ),
            hint: Some("export without --include-inputs".into()),
        });
    };
    let (remote, local): (Vec<String>, Vec<String>) =
        datafeed.indices.iter().cloned().partition(|index| index.contains(':'));
    if !remote.is_empty() {
        terminal.warn(&format!(
            "mappings of remote indices cannot be read: {}",
            remote.join(", ")
        ));
    }
    let definitions = match local.is_empty() {
        true => serde_json::Map::new(),
        false => cluster.index_definitions(&local).await?,
    };
    let whole = InputMappings::from_definitions(&definitions);
    let (fields, mappings) = fields(wanted, subject, whole, terminal);
    let search = Search {
        indices: datafeed.indices.clone(),
        lenient: false,
        indices_options: indices_options(datafeed),
        query: query(wanted, datafeed, subject.job.time_field()),
        runtime_mappings: runtime_mappings(datafeed),
        fields,
        sort: Sort::Ascending(subject.job.time_field().to_owned()),
        page_size: options.page_size,
        slices: options.slices,
        pagination: options.pagination,
    };
    Ok(Sources {
        local,
        search: Some(search),
        mappings,
    })
}

fn fields(
    wanted: &InputOptions,
    subject: &Subject,
    whole: InputMappings,
    terminal: &Terminal,
) -> (SourceFields, InputMappings) {
    if wanted.all_fields {
        return (SourceFields::All, whole);
    }
    let needed = needed_fields(&subject.job, &whole);
    for doubt in &needed.doubts {
        terminal.warn(&format!("{doubt}; --all-fields carries every field"));
    }
    let fields: BTreeSet<String> = needed.fields.into_iter().chain(wanted.fields.iter().cloned()).collect();
    let mappings = whole.pruned(&fields);
    (SourceFields::Only(fields.into_iter().collect()), mappings)
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

/// Only those that the query reads: a script that is not needed costs, and may fail.
fn runtime_mappings(datafeed: &Datafeed) -> Option<Value> {
    let query = datafeed.query.to_string();
    let Some(Value::Object(mappings)) = &datafeed.runtime_mappings else {
        return None;
    };
    let needed = mappings
        .keys()
        .any(|name| query.contains(&Value::from(name.as_str()).to_string()));
    needed.then(|| Value::Object(mappings.clone()))
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
        assert_eq!(runtime_mappings(&datafeed(json!({"match_all": {}}))), None);
        assert!(runtime_mappings(&datafeed(json!({"term": {"is_error": true}}))).is_some());
        assert!(runtime_mappings(&datafeed(json!({"exists": {"field": "is_error"}}))).is_some());
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
