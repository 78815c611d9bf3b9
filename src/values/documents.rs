//! The contents of each member in the documents of an archive, used to report values and to replace them.

use self::Content::{
    FreeText, Kept, KeptText, Message, MessageWords, Number, OtherValue, Pattern, ValueList, ValueOfNamedField,
};
use super::location::ArchivePart;
use crate::job::GENERATED;
use crate::json::is_within;

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
    /// A value of the field that is named by the member with `_name` instead of `_value`.
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
    pub(super) part: ArchivePart,
    /// Members with [`Content::Kept`].
    pub(super) kept: &'static str,
    /// Other members: content, label in reports (empty if they are not reported) and paths.
    pub(super) members: &'static [(Content<'static>, &'static str, &'static str)],
    /// The content of unknown members.
    others: Content<'static>,
}

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
        (
            FreeText,
            "detector descriptions",
            "analysis_config.detectors.detector_description",
        ),
        (
            KeptText,
            "categorization filters",
            "analysis_config.categorization_filters",
        ),
        (
            KeptText,
            "categorization analyzer",
            "analysis_config.categorization_analyzer",
        ),
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
        (ValueOfNamedField, "", "partition_field_value"),
        (ValueOfNamedField, "", "over_field_value by_field_value"),
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
        (Number, "", "category_id max_matching_length"),
        (Number, "", "num_matches preferred_to_categories"),
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
            None if std::ptr::eq(self, &CONFIGURATION) && GENERATED.iter().any(|name| self.covers(name, path)) => Kept,
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
