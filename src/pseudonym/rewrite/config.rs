//! The configuration of the job and its datafeed.

use std::io;

use super::rewriter::{Rewriter, replaced};
use crate::job::{GENERATED, JobConfig};
use crate::json::{Edit, Leaf, Member, edit_members};
use crate::pseudonym::error::{Error, Result};

/// What is a name, a number or a choice, beside what Elasticsearch generates; everything below them too.
const KEPT: [&str; 31] = [
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
/// Whether a member of the configuration says nothing of the data.
fn is_kept(path: &str) -> bool {
    let below = |stays: &str| {
        let rest = path.strip_prefix(stays);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let name = path.rsplit('.').next().unwrap_or_default();
    KEPT.into_iter().chain(GENERATED).any(below)
        || (path.starts_with("analysis_config.categorization_analyzer") && matches!(name, "type" | "tokenizer"))
}

/// What Kibana's wizards call themselves in `created_by`.
const WIZARDS: [&str; 7] = [
    "single-metric-wizard",
    "multi-metric-wizard",
    "population-wizard",
    "advanced-wizard",
    "categorization-wizard",
    "rare-wizard",
    "geo-wizard",
];

/// `auto`, or such as `1h`.
fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    text == "auto" || (!number.is_empty() && text.len() < 8 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Members of a datafeed that stay as they are, or are not written at all.
const DATAFEED_CLAUSES: [&str; 5] = ["query", "aggregations", "aggs", "runtime_mappings", "script_fields"];

/// Whether a member of the configuration is inside a part of the datafeed that is decided as a whole.
fn is_clause(path: &str) -> bool {
    let inside = path.strip_prefix("datafeed_config.");
    inside.is_some_and(|path| DATAFEED_CLAUSES.contains(&path.split('.').next().unwrap_or_default()))
}

impl Rewriter {
    /// The configuration.
    pub(crate) fn configuration(&mut self, config: &JobConfig) -> Result<Vec<u8>> {
        edit_members(config.text.get().as_bytes(), &mut |member| match member {
            Member::Name { path, name } => Ok(self.configuration_name(path, name)),
            Member::Value(leaf) => self.configuration_value(leaf, config),
        })
        .map_err(Error::of_edit)
    }

    fn configuration_value(&mut self, leaf: &Leaf<'_>, config: &JobConfig) -> io::Result<Edit> {
        let (path, text) = (leaf.path, &*leaf.text);
        if path.starts_with("custom_settings.") && !matches!(text, "null" | "true" | "false") {
            return self.custom_setting(leaf);
        }
        if !leaf.quoted || is_clause(path) || is_kept(path) {
            return Ok(Edit::Keep);
        }
        match path {
            "analysis_config.detectors.detector_description" if is_made_of_names(text, config) => Ok(Edit::Keep),
            "description" | "analysis_config.detectors.detector_description" => replaced(leaf, self.free_text(text)),
            "model_plot_config.terms" => replaced(leaf, self.terms(text)),
            _ if path.starts_with("datafeed_config.authorization.") => replaced(leaf, self.other_value(text)),
            _ => replaced(leaf, Ok(self.replace_known_values(text))),
        }
    }

    /// What people, or a wizard of Kibana, wrote beside the job.
    fn custom_setting(&mut self, leaf: &Leaf<'_>) -> io::Result<Edit> {
        let name = leaf.path.rsplit('.').next().unwrap_or_default();
        match name {
            "created_by" if WIZARDS.contains(&&*leaf.text) => return Ok(Edit::Keep),
            "time_range" if is_duration(&leaf.text) => return Ok(Edit::Keep),
            _ => {}
        }
        let written = self.free_text(&leaf.text).map_err(io::Error::other)?;
        Ok(match (written == leaf.text, leaf.quoted) {
            (true, _) => Edit::Keep,
            (false, false) if written.bytes().all(|byte| byte.is_ascii_digit()) => Edit::Json(written),
            (false, _) => Edit::Text(written),
        })
    }

    /// Values of partition and by fields, commas between them.
    fn terms(&mut self, text: &str) -> Result<String> {
        let terms: Result<Vec<String>> = text.split(',').map(|term| self.other_value(term.trim())).collect();
        Ok(terms?.join(","))
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
    let known = |word: &str| {
        let of =
            |detector: &crate::job::Detector| detector.function == word || detector.fields().any(|field| field == word);
        WORDS.contains(&word) || config.analysis.detectors.iter().any(of)
    };
    let words = text.split(|c: char| c.is_whitespace() || "()=,\"".contains(c));
    words.filter(|word| !word.is_empty()).all(known)
}
