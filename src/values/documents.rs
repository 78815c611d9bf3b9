//! The contents of each member in the documents of an archive, used to report values and to replace them.

use std::collections::{BTreeMap, BTreeSet};

use self::Content::{
    FreeText, Kept, KeptText, Message, MessageWords, Number, OtherValue, Pattern, ValueList, ValueOfNamedField,
};
use super::location::ArchivePart;
use crate::job::GENERATED;
use crate::json::{Kind, Leaf, for_each_leaf, is_within};

/// The user that autodetect writes annotations as. No other user can have this name.
pub(crate) const JOB_USER: &str = "_xpack";
pub(super) const ANNOTATIONS_OF_PEOPLE: &str = "user annotations";

/// The content at a path of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// IDs, names of fields, times, metrics and options of Elasticsearch: no values.
    Kept,
    /// A number, which stays. A text instead of it is unknown.
    Number,
    /// A text that something reads, or that Elasticsearch wrote. It stays, except for values in it.
    KeptText,
    /// A value of this field.
    Value(&'a str),
    /// A part of an object that is a value of this field.
    PartOfValue(&'a str),
    /// A value of the field that another member names: see [`NamedFields`].
    ValueOfNamedField,
    /// A value that belongs to no field: an address, or the name of a user, node or cluster.
    OtherValue,
    /// Values separated by commas.
    ValueList,
    /// A categorized message.
    Message,
    /// Words of such messages, separated by spaces.
    MessageWords,
    /// A regular expression that consists of such words.
    Pattern,
    /// A text of an input document.
    Text,
    /// A text of a type that cannot hold a token.
    Untokenized,
    /// A text written by a user, or by Elasticsearch about the job.
    FreeText,
}

/// A kind of document and the contents of its members. Paths are separated by spaces.
#[derive(Debug)]
pub(crate) struct DocumentKind {
    pub(crate) part: ArchivePart,
    /// Members with [`Content::Kept`].
    pub(super) kept: &'static str,
    /// Other members: content, label in reports (empty if they are not reported) and paths.
    pub(super) members: &'static [(Content<'static>, &'static str, &'static str)],
    /// The content of unknown members.
    others: Content<'static>,
}

const DETECTOR_DESCRIPTION: &str = "analysis_config.detectors.detector_description";
const CATEGORIZATION_FILTERS: &str = "analysis_config.categorization_filters";
const CATEGORIZATION_ANALYZER: &str = "analysis_config.categorization_analyzer";
/// The values of a detector's fields.
const FIELD_VALUES: &str = "by_field_value over_field_value partition_field_value";
/// Values of fields only in results.
const OTHER_FIELD_VALUES: &str = "correlated_by_field_value influencer_field_value causes.by_field_value \
    causes.over_field_value causes.partition_field_value causes.correlated_by_field_value \
    influencers.influencer_field_values partition_scores.partition_field_value";
/// Coordinates, which are metrics.
const COORDINATES: &str = "geo_results.typical_point geo_results.actual_point causes.geo_results.typical_point \
    causes.geo_results.actual_point";

pub(crate) static CONFIGURATION: DocumentKind = DocumentKind {
    part: ArchivePart::Configuration,
    kept: "job_id results_index_name background_persist_interval analysis_limits data_description \
           analysis_config.bucket_span analysis_config.latency analysis_config.period \
           analysis_config.model_prune_window analysis_config.summary_count_field_name \
           analysis_config.categorization_field_name analysis_config.influencers \
           analysis_config.per_partition_categorization analysis_config.detectors.function \
           analysis_config.detectors.field_name analysis_config.detectors.by_field_name \
           analysis_config.detectors.over_field_name analysis_config.detectors.partition_field_name \
           analysis_config.detectors.exclude_frequent analysis_config.detectors.custom_rules \
           datafeed_config.datafeed_id datafeed_config.job_id datafeed_config.query_delay datafeed_config.frequency \
           datafeed_config.chunking_config datafeed_config.indices_options datafeed_config.scroll_size \
           datafeed_config.delayed_data_check_config datafeed_config.aggs",
    members: &[
        (FreeText, "job description", "description"),
        (Kept, "job groups", "groups"),
        (FreeText, "custom settings", "custom_settings"),
        (FreeText, "detector descriptions", DETECTOR_DESCRIPTION),
        (KeptText, "categorization filters", CATEGORIZATION_FILTERS),
        (KeptText, "categorization analyzer", CATEGORIZATION_ANALYZER),
        (ValueList, "model plot terms", "model_plot_config.terms"),
        (OtherValue, "datafeed authorization", "datafeed_config.authorization"),
        (Kept, "index names", "datafeed_config.indices datafeed_config.indexes"),
        // These are not changed, or are not written at all.
        (Kept, "datafeed query", "datafeed_config.query"),
        (Kept, "datafeed aggregations", "datafeed_config.aggregations"),
        (Kept, "datafeed scripts", "datafeed_config.runtime_mappings"),
        (Kept, "datafeed scripts", "datafeed_config.script_fields"),
    ],
    others: KeptText,
};

pub(crate) static SNAPSHOT: DocumentKind = DocumentKind {
    part: ArchivePart::Configuration,
    kept: "job_id min_version snapshot_id result_type quantiles.job_id model_size_stats.job_id \
           model_size_stats.result_type model_size_stats.memory_status model_size_stats.categorization_status \
           model_size_stats.assignment_memory_basis",
    members: &[(FreeText, "snapshot description", "description")],
    others: KeptText,
};

pub(crate) static ANNOTATION: DocumentKind = DocumentKind {
    part: ArchivePart::Annotations,
    kept: "job_id type event timestamp end_timestamp create_time modified_time partition_field_name over_field_name \
           by_field_name",
    members: &[
        (FreeText, ANNOTATIONS_OF_PEOPLE, "annotation"),
        (OtherValue, "annotation authors", "create_username modified_username"),
        (ValueOfNamedField, "", FIELD_VALUES),
        (Number, "", "detector_index"),
    ],
    others: FreeText,
};

pub(crate) static NOTIFICATION: DocumentKind = DocumentKind {
    part: ArchivePart::Notifications,
    kept: "job_id job_type level timestamp",
    members: &[
        (FreeText, "notifications", "message"),
        (OtherValue, "node names", "node_name"),
    ],
    others: FreeText,
};

pub(crate) static CATEGORY: DocumentKind = DocumentKind {
    part: ArchivePart::Categories,
    kept: "job_id partition_field_name mlcategory result_type",
    members: &[
        (MessageWords, "category tokens", "terms"),
        (Message, "categorized messages", "examples"),
        (Pattern, "", "regex grok_pattern"),
        (ValueOfNamedField, "", "partition_field_value"),
        (
            Number,
            "",
            "category_id max_matching_length num_matches preferred_to_categories",
        ),
    ],
    others: OtherValue,
};

/// Results of all types. A record and an influencer also contain their values under the names of the fields.
pub(crate) static RESULT: DocumentKind = DocumentKind {
    part: ArchivePart::Results,
    kept: "job_id result_type timestamp bucket_span log_time is_interim probability detector_index processing_time_ms \
           by_field_name over_field_name partition_field_name influencer_field_name field_name function \
           function_description typical actual multi_bucket_impact record_score initial_record_score \
           influencer_score initial_influencer_score anomaly_score initial_anomaly_score raw_anomaly_score event_count \
           anomaly_score_explanation.anomaly_type anomaly_score_explanation.anomaly_length \
           anomaly_score_explanation.single_bucket_impact anomaly_score_explanation.multi_bucket_impact \
           anomaly_score_explanation.anomaly_characteristics_impact anomaly_score_explanation.lower_confidence_bound \
           anomaly_score_explanation.typical_value anomaly_score_explanation.upper_confidence_bound \
           anomaly_score_explanation.high_variance_penalty anomaly_score_explanation.incomplete_bucket_penalty \
           anomaly_score_explanation.multimodal_distribution anomaly_score_explanation.by_field_relative_rarity \
           anomaly_score_explanation.by_field_first_occurrence \
           causes.probability causes.by_field_name causes.over_field_name causes.partition_field_name causes.field_name \
           causes.function causes.function_description causes.typical causes.actual influencers.influencer_field_name \
           bucket_influencers.job_id bucket_influencers.result_type bucket_influencers.influencer_field_name \
           bucket_influencers.initial_anomaly_score bucket_influencers.anomaly_score \
           bucket_influencers.raw_anomaly_score bucket_influencers.probability bucket_influencers.timestamp \
           bucket_influencers.bucket_span bucket_influencers.is_interim partition_scores.partition_field_name \
           partition_scores.record_score partition_scores.initial_record_score partition_scores.probability \
           model_lower model_upper model_median forecast_id forecast_lower forecast_upper forecast_prediction \
           forecast_start_timestamp forecast_end_timestamp forecast_create_timestamp forecast_expiry_timestamp \
           forecast_progress forecast_memory_bytes forecast_status processed_record_count model_bytes peak_model_bytes \
           model_bytes_exceeded model_bytes_memory_limit total_by_field_count total_over_field_count \
           total_partition_field_count bucket_allocation_failures_count memory_status assignment_memory_basis \
           categorized_doc_count total_category_count frequent_category_count rare_category_count dead_category_count \
           failed_category_count categorization_status output_memory_allocator_bytes",
    members: &[
        (ValueOfNamedField, "", FIELD_VALUES),
        (ValueOfNamedField, "", OTHER_FIELD_VALUES),
        (FreeText, "calendar events", "scheduled_events"),
        (KeptText, "forecast messages", "forecast_messages"),
        (KeptText, "", "model_feature"),
        (KeptText, "", COORDINATES),
    ],
    others: OtherValue,
};

pub(crate) static CALENDAR: DocumentKind = DocumentKind {
    part: ArchivePart::Calendars,
    kept: "calendar_id events.calendar_id events.event_id",
    members: &[
        (FreeText, "calendar descriptions", "description"),
        (FreeText, "calendar events", "events.description"),
    ],
    others: FreeText,
};

/// Its items are values of the fields that it applies to.
pub(crate) static FILTER: DocumentKind = DocumentKind {
    part: ArchivePart::Filters,
    kept: "filter_id",
    members: &[(FreeText, "filter descriptions", "description")],
    others: OtherValue,
};

impl DocumentKind {
    /// Returns the content of a member.
    pub(crate) fn content(&self, path: &str) -> Content<'static> {
        match self.member(path) {
            Some((content, _)) if content != Number => content,
            None if self.covers(self.kept, path) => Kept,
            None if std::ptr::eq(self, &CONFIGURATION) && self.covers(GENERATED, path) => Kept,
            _ => self.others,
        }
    }

    /// Whether this kind of document has such a member.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.member(path).is_some() || self.covers(self.kept, path)
    }

    /// Returns the content and the label of a member that is not [`Content::Kept`].
    pub(super) fn member(&self, path: &str) -> Option<(Content<'static>, &'static str)> {
        let mut members = self.members.iter();
        let member = members.find(|(_, _, paths)| self.covers(paths, path));
        member.map(|(content, label, _)| (*content, *label))
    }

    fn covers(&self, known: &str, path: &str) -> bool {
        let is_nested = self.part == ArchivePart::Configuration;
        let mut known = known.split(' ');
        known.any(|known| path == known || (is_nested && is_within(path, known)))
    }
}

/// The fields that a document names, such as in `by_field_name`, by the path of the member.
#[derive(Debug, Default)]
pub(crate) struct NamedFields {
    by_path: BTreeMap<String, String>,
    all: BTreeSet<String>,
    /// The members of the current objects in lists.
    entered: BTreeSet<String>,
}

impl NamedFields {
    /// Reads the names outside of nested objects. [`note`](Self::note) must receive the others.
    pub(crate) fn of(source: &[u8]) -> Self {
        let mut named = Self::default();
        for_each_leaf(source, &mut |leaf| {
            if !leaf.path.contains('.') {
                named.note(leaf);
            }
        });
        named
    }

    /// Receives the members of a document in order. In a list of objects, each object has its own names, before the values.
    pub(crate) fn note(&mut self, leaf: &Leaf<'_>) {
        if leaf.kind == Kind::Text && leaf.path.ends_with("_field_name") {
            self.by_path.insert(leaf.path.to_owned(), leaf.text.to_string());
            self.all.insert(leaf.text.to_string());
        }
    }

    /// Receives the path of a member before its value. If an object in a list already had this member, another one has
    /// begun, which has its own names.
    pub(crate) fn enter(&mut self, path: &str) {
        let Some((list, _)) = path.rsplit_once('.') else { return };
        if !self.entered.insert(path.to_owned()) {
            let is_outside = |other: &String| !is_within(other, list);
            self.entered.retain(is_outside);
            self.by_path.retain(|other, _| is_outside(other));
            self.entered.insert(path.to_owned());
        }
    }

    /// Returns the field whose value is in a member.
    pub(crate) fn field_of(&self, path: &str) -> Option<&str> {
        let value = path.strip_suffix('s').unwrap_or(path);
        let name = value.replace("correlated_", "").replace("_field_value", "_field_name");
        self.by_path.get(&name).map(String::as_str)
    }

    /// Whether the document names this field.
    pub(crate) fn contains(&self, field: &str) -> bool {
        self.all.contains(field)
    }
}
