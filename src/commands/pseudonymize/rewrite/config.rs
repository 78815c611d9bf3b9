//! The configuration of the job and its datafeed.

use std::io;

use super::{Rewriter, replaced};
use crate::job::{GENERATED, JobConfig};
use crate::json::{Edit, Leaf, edit_leaves};

/// What is a name, a number or a choice, beside what Elasticsearch generates; everything below them too.
const STAYS: [&str; 32] = [
    "job_id",
    "results_index_name",
    "groups",
    "background_persist_interval",
    "analysis_config.bucket_span",
    "analysis_config.latency",
    "analysis_config.period",
    "analysis_config.model_prune_window",
    "analysis_config.summary_count_field_name",
    "analysis_config.categorization_field_name",
    "analysis_config.influencers",
    "analysis_config.per_partition_categorization",
    "analysis_config.detectors.function",
    "analysis_config.detectors.field_name",
    "analysis_config.detectors.by_field_name",
    "analysis_config.detectors.over_field_name",
    "analysis_config.detectors.partition_field_name",
    "analysis_config.detectors.exclude_frequent",
    "analysis_config.detectors.custom_rules",
    "analysis_limits",
    "data_description",
    "custom_settings.created_by",
    "datafeed_config.datafeed_id",
    "datafeed_config.job_id",
    "datafeed_config.query_delay",
    "datafeed_config.frequency",
    "datafeed_config.indices",
    "datafeed_config.indexes",
    "datafeed_config.chunking_config",
    "datafeed_config.indices_options",
    "datafeed_config.delayed_data_check_config",
    "datafeed_config.scroll_size",
];
/// Members of queries that hold a choice, or the name of a field.
const CHOICES: [&str; 13] = [
    "boost",
    "operator",
    "default_operator",
    "rewrite",
    "minimum_should_match",
    "analyzer",
    "format",
    "relation",
    "time_zone",
    "field",
    "fields",
    "default_field",
    "type",
];

/// Whether a member of the configuration says nothing of the data.
pub(in super::super) fn configuration_stays(path: &str) -> bool {
    let below = |stays: &str| {
        let rest = path.strip_prefix(stays);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let name = path.rsplit('.').next().unwrap_or_default();
    STAYS.into_iter().chain(GENERATED).any(below)
        || (path.starts_with("datafeed_config.") && CHOICES.contains(&name))
        || (path.starts_with("analysis_config.categorization_analyzer") && matches!(name, "type" | "tokenizer"))
}

impl Rewriter {
    /// The configuration.
    pub(in super::super) fn configuration(&mut self, config: &JobConfig) -> io::Result<Vec<u8>> {
        edit_leaves(config.text().get().as_bytes(), &mut |leaf| {
            self.configured(leaf, config)
        })
    }

    fn configured(&mut self, leaf: &Leaf<'_>, config: &JobConfig) -> io::Result<Edit> {
        let (path, text) = (leaf.path, &*leaf.text);
        if let Some(query) = path.strip_prefix("datafeed_config.query.") {
            return self.query(query, leaf);
        }
        if !leaf.quoted || configuration_stays(path) {
            return Ok(Edit::Keep);
        }
        let script = path.ends_with(".source") && path.starts_with("datafeed_config.");
        let reads = |place: &str| text.contains(&format!("'{place}'")) || text.contains(&format!("\"{place}\""));
        if script && self.fields.places().any(|(place, _)| reads(place)) {
            self.note("a script of the datafeed reads a replaced field: it finds tokens where it looks for values");
        }
        match path {
            "analysis_config.detectors.detector_description" if is_made_of_names(text, config) => Ok(Edit::Keep),
            "description" | "analysis_config.detectors.detector_description" => replaced(leaf, self.free(text)),
            "model_plot_config.terms" => replaced(leaf, self.terms(text)),
            _ if path.starts_with("custom_settings.") => replaced(leaf, self.free(text)),
            _ if path.starts_with("datafeed_config.authorization.") => replaced(leaf, self.named(text)),
            _ => replaced(leaf, Ok(self.scrubbed(text))),
        }
    }

    /// Values of partition and by fields, commas between them.
    fn terms(&mut self, text: &str) -> Result<String, crate::pseudonym::Error> {
        let terms: Result<Vec<String>, _> = text.split(',').map(|term| self.named(term.trim())).collect();
        Ok(terms?.join(","))
    }

    /// What a query compares with: values where it names a field whose values are replaced.
    fn query(&mut self, path: &str, leaf: &Leaf<'_>) -> io::Result<Edit> {
        let name = path.rsplit('.').next().unwrap_or_default();
        let truth = !leaf.quoted && matches!(&*leaf.text, "null" | "true" | "false");
        if CHOICES.contains(&name) || truth {
            return Ok(Edit::Keep);
        }
        let ids = ["ids.values", "term._id", "term._id.value", "terms._id"];
        if ids.iter().any(|ids| path.ends_with(ids)) {
            // Ids of inputs may be made of values.
            return Ok(Edit::Text(self.book.key().unrecorded(&leaf.text)));
        }
        if let Some(field) = self.compared(path) {
            if ["wildcard.", "prefix.", "regexp.", "range.", "fuzzy."]
                .iter()
                .any(|kind| path.contains(kind))
            {
                self.note("the datafeed's query compares a replaced field by pattern or range: it matches no token");
            }
            let token = self.sent(&field, &leaf.text).map_err(io::Error::other)?;
            return Ok(match leaf.quoted || token.bytes().any(|byte| !byte.is_ascii_digit()) {
                _ if token == leaf.text => Edit::Keep,
                true => Edit::Text(token),
                false => Edit::Json(token),
            });
        }
        if path.contains("query_string") && leaf.quoted {
            self.note("the datafeed's query is a query string: what it compares with may not be what inputs hold now");
        }
        match leaf.quoted {
            true => replaced(leaf, Ok(self.scrubbed(&leaf.text))),
            false => Ok(Edit::Keep),
        }
    }

    /// The field, of those whose values are replaced, that a place in a query names.
    fn compared(&self, path: &str) -> Option<String> {
        let named = |place: &str| {
            let at = path.find(&format!(".{place}"))? + 1 + place.len();
            let rest = &path[at..];
            let rest = rest.strip_prefix(".keyword").unwrap_or(rest);
            (rest.is_empty() || rest.starts_with('.')).then_some(())
        };
        let places = self.fields.places();
        let mut found: Vec<(&str, &str)> = places.filter(|(place, _)| named(place).is_some()).collect();
        found.sort_by_key(|(place, _)| place.len());
        found.last().map(|(_, field)| (*field).to_owned())
    }
}

/// Whether a description is but the function with the names of its fields.
fn is_made_of_names(text: &str, config: &JobConfig) -> bool {
    const WORDS: [&str; 7] = [
        "by",
        "over",
        "partitionfield",
        "excludefrequent",
        "usenull",
        "true",
        "false",
    ];
    let detectors = config.detectors();
    let known = |word: &str| {
        let of = |detector: &crate::job::Detector| {
            detector.function == word || detector.fields.iter().any(|field| field == word)
        };
        WORDS.contains(&word) || detectors.iter().any(of)
    };
    let words = text.split(|c: char| c.is_whitespace() || "()=,\"".contains(c));
    words.filter(|word| !word.is_empty()).all(known)
}
