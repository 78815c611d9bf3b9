//! Finds aggregations whose result is different with tokens.

use serde_json::{Value, json};

use super::texts::{self, ValueMatcher};
use crate::job::{FieldReader, JobConfig, one_or_many};
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
        place: String::new(),
    };
    if let Some(aggregations) = config.datafeed().and_then(|feed| feed.aggregations.as_ref()) {
        let matcher = ValueMatcher::new(&rewriter.tokens, &texts::names(config));
        let problem = matcher.problem_in(aggregations);
        let problem = problem.map(|why| format!("its aggregations: {why}"));
        check.problems.extend(problem);
        check.all(aggregations);
    }
    check.problems
}

struct Check<'a> {
    rewriter: &'a Rewriter,
    runtime: Option<&'a Value>,
    problems: Vec<String>,
    /// The name and the kind of the current aggregation.
    place: String,
}

impl Check<'_> {
    /// Checks aggregations by name.
    fn all(&mut self, aggregations: &Value) {
        for (name, aggregation) in aggregations.as_object().into_iter().flatten() {
            for (kind, body) in aggregation.as_object().into_iter().flatten() {
                self.place = format!("aggregation `{name}` (`{kind}`)");
                match kind.as_str() {
                    "aggs" | "aggregations" => self.all(body),
                    "meta" => {}
                    "filter" => self.query(body),
                    "filters" | "adjacency_matrix" => self.filters(name, body),
                    "composite" => self.composite(body),
                    _ if is_among(KEY_AGGREGATIONS, kind) => self.by_key(name, body),
                    _ if is_among(FIELD_AGGREGATIONS, kind) => {
                        self.reads(FieldReader::Aggregations(&json!({name: {kind: body}})));
                    }
                    _ => self.problem("it is unknown whether its result is the same with tokens"),
                }
            }
        }
    }

    fn problem(&mut self, why: &str) {
        self.problems.push(format!("{}: {why}", self.place));
    }

    /// Reports an aggregation that reads a replaced field.
    fn reads(&mut self, reader: FieldReader<'_>) {
        if let Some(why) = self.rewriter.fields.replaced_by(reader, self.runtime) {
            self.problem(&why);
        }
    }

    fn query(&mut self, query: &Value) {
        self.reads(FieldReader::Query(query));
        if texts::mentions_ids(query) {
            self.problem("it contains document IDs");
        }
    }

    fn filters(&mut self, name: &str, body: &Value) {
        if self.rewriter.fields.is_derived_from_replaced(name) {
            self.problem("its keys are replaced values");
        }
        match body.get("filters") {
            Some(Value::Object(filters)) => filters.values().for_each(|query| self.query(query)),
            Some(list) => self.query(list),
            None => {}
        }
    }

    fn composite(&mut self, body: &Value) {
        if body.get("after").is_some() {
            self.problem("its `after` contains values");
        }
        let sources = body.get("sources").into_iter().flat_map(one_or_many);
        sources.for_each(|source| self.all(source));
    }

    fn by_key(&mut self, name: &str, body: &Value) {
        if let Some(sources) = body.get("terms").and_then(Value::as_array) {
            sources.iter().for_each(|source| self.by_key(name, source));
        }
        if let Some(script) = body.get("script") {
            if self.rewriter.fields.is_derived_from_replaced(name) {
                self.problem("its script computes values that are replaced");
            }
            self.reads(FieldReader::Script(script));
        }
        let Some(field) = body.get("field").and_then(Value::as_str) else {
            return;
        };
        let reader = FieldReader::Name(field);
        let Some(why) = self.rewriter.fields.replaced_by(reader, self.runtime) else {
            return;
        };
        if let Some(choice) = VALUE_OPTIONS.iter().find(|choice| body.get(choice).is_some()) {
            self.problem(&format!("{why} with `{choice}`"));
        }
        if self.is_cut_by_key(body, field) {
            self.problem(&format!(
                "{why}, and the order of values decides which buckets it returns"
            ));
        }
    }

    /// Whether the order of a field's values determines which buckets are returned.
    fn is_cut_by_key(&self, body: &Value, field: &str) -> bool {
        let size = body.get("size").and_then(Value::as_u64);
        let order = body.get("order").map(Value::to_string).unwrap_or_default();
        let by_key = order.contains("\"_key\"") || order.contains("\"_term\"");
        // After the count, the key only orders buckets with equal counts, which is the default.
        let by_count = order.trim_start_matches(['[', '{']).starts_with("\"_count\"");
        by_key && !by_count && size.unwrap_or(DEFAULT_TERMS_SIZE) < self.rewriter.count_values(field)
    }
}
