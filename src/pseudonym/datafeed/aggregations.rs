//! Finds aggregations whose result is different with tokens.

use serde_json::{Map, Value, json};

use super::texts::{self, ValueMatcher};
use crate::job::{FieldReader, JobConfig};
use crate::pseudonym::rewrite::Rewriter;
use crate::util::format::is_among;

/// Kinds whose buckets or counts are the same with tokens, on any field.
const KEY_AGGREGATIONS: &str = "terms multi_terms rare_terms cardinality value_count missing";
/// Kinds that stay if they read no replaced field.
const FIELD_AGGREGATIONS: &str = "auto_date_histogram avg avg_bucket boxplot bucket_script bucket_selector bucket_sort \
    cumulative_cardinality cumulative_sum date_histogram date_range derivative extended_stats extended_stats_bucket \
    geo_bounds geo_centroid geo_line geohash_grid geohex_grid geotile_grid global histogram ip_prefix ip_range max \
    max_bucket median_absolute_deviation min min_bucket moving_fn moving_percentiles nested normalize percentile_ranks \
    percentiles percentiles_bucket random_sampler range rate reverse_nested sampler scripted_metric serial_diff stats \
    stats_bucket string_stats sum sum_bucket top_metrics weighted_avg";
/// Options that select or add values in an aggregation by key.
const VALUE_OPTIONS: [&str; 3] = ["include", "exclude", "missing"];
/// The default size of a `terms` aggregation.
const DEFAULT_TERMS_SIZE: u64 = 10;

/// Returns why the aggregations cannot stay.
pub(super) fn problems(config: &JobConfig, rewriter: &Rewriter) -> Vec<String> {
    let mut check = Check {
        rewriter,
        runtime: config.datafeed().and_then(|feed| feed.runtime_mappings.as_ref()),
        problems: Vec::new(),
    };
    if let Some(aggregations) = config.datafeed().and_then(|feed| feed.aggregations.as_ref()) {
        let matcher = ValueMatcher::new(&rewriter.tokens, &texts::names(config));
        let problem = matcher.problem_in(aggregations);
        check
            .problems
            .extend(problem.map(|why| format!("its aggregations: {why}")));
        check.all(aggregations);
    }
    check.problems
}

struct Check<'a> {
    rewriter: &'a Rewriter,
    runtime: Option<&'a Value>,
    problems: Vec<String>,
}

impl Check<'_> {
    /// Checks aggregations by name.
    fn all(&mut self, aggregations: &Value) {
        for (name, aggregation) in aggregations.as_object().into_iter().flatten() {
            for (kind, body) in aggregation.as_object().into_iter().flatten() {
                match kind.as_str() {
                    "aggs" | "aggregations" => self.all(body),
                    "meta" => {}
                    "filter" => self.query(kind, name, body),
                    "filters" | "adjacency_matrix" => self.filters(kind, name, body),
                    "composite" => self.composite(name, body),
                    _ if is_among(KEY_AGGREGATIONS, kind) => self.by_key(kind, name, body),
                    _ if is_among(FIELD_AGGREGATIONS, kind) => {
                        let aggregation = json!({name: {kind: body}});
                        self.reads(FieldReader::Aggregations(&aggregation), kind, name);
                    }
                    _ => self.problem(kind, name, "it is unknown whether its result is the same with tokens"),
                }
            }
        }
    }

    fn problem(&mut self, kind: &str, name: &str, why: &str) {
        self.problems.push(format!("aggregation `{name}` (`{kind}`): {why}"));
    }

    /// Reports an aggregation that reads a replaced field.
    fn reads(&mut self, reader: FieldReader<'_>, kind: &str, name: &str) {
        if let Some(why) = self.rewriter.fields.replaced_by(reader, self.runtime) {
            self.problem(kind, name, &why);
        }
    }

    fn query(&mut self, kind: &str, name: &str, query: &Value) {
        self.reads(FieldReader::Query(query), kind, name);
        if texts::mentions_ids(query) {
            self.problem(kind, name, "it contains document IDs");
        }
    }

    fn filters(&mut self, kind: &str, name: &str, body: &Value) {
        if self.rewriter.fields.is_derived_from_replaced(name) {
            self.problem(kind, name, "its keys are replaced values");
        }
        match body.get("filters") {
            Some(Value::Object(filters)) => filters.values().for_each(|query| self.query(kind, name, query)),
            Some(list) => self.query(kind, name, list),
            None => {}
        }
    }

    fn composite(&mut self, name: &str, body: &Value) {
        if body.get("after").is_some() {
            self.problem("composite", name, "its `after` contains values");
        }
        match body.get("sources") {
            Some(Value::Array(sources)) => sources.iter().for_each(|source| self.all(source)),
            Some(source) => self.all(source),
            None => {}
        }
    }

    fn by_key(&mut self, kind: &str, name: &str, body: &Value) {
        let Some(members) = body.as_object() else { return };
        if let Some(sources) = members.get("terms").and_then(Value::as_array) {
            sources.iter().for_each(|source| self.by_key(kind, name, source));
        }
        if let Some(script) = members.get("script") {
            if self.rewriter.fields.is_derived_from_replaced(name) {
                self.problem(kind, name, "its script computes values that are replaced");
            }
            self.reads(FieldReader::Script(script), kind, name);
        }
        let Some(field) = members.get("field").and_then(Value::as_str) else {
            return;
        };
        let reader = FieldReader::Name(field);
        let Some(why) = self.rewriter.fields.replaced_by(reader, self.runtime) else {
            return;
        };
        if let Some(choice) = VALUE_OPTIONS.iter().find(|choice| members.contains_key(**choice)) {
            self.problem(kind, name, &format!("{why} with `{choice}`"));
        }
        if self.is_cut_by_key(members, field) {
            let why = format!("{why}, and the order of values decides which buckets it returns");
            self.problem(kind, name, &why);
        }
    }

    /// Whether the order of a field's values determines which buckets are returned.
    fn is_cut_by_key(&self, members: &Map<String, Value>, field: &str) -> bool {
        let size = members.get("size").and_then(Value::as_u64);
        let order = members.get("order").map(Value::to_string).unwrap_or_default();
        let by_key = order.contains("\"_key\"") || order.contains("\"_term\"");
        // After the count, the key only orders buckets with equal counts, which is the default.
        let by_count = order.trim_start_matches(['[', '{']).starts_with("\"_count\"");
        by_key && !by_count && size.unwrap_or(DEFAULT_TERMS_SIZE) < self.rewriter.count_values(field)
    }
}
