//! The places of an archive where values are.

use std::collections::BTreeMap;

use crate::job::{Detector, JobConfig};

/// The user that autodetect writes annotations as.
pub(crate) const JOB_USER: &str = "_xpack";

/// Labels of texts that are not found by their path alone.
pub(super) const ANNOTATIONS_OF_PEOPLE: &str = "annotations of people";
pub(super) const ANNOTATIONS_OF_THE_JOB: &str = "annotations of the job";
pub(super) const SNAPSHOT_DESCRIPTION: &str = "snapshot description";
pub(super) const CLUSTER_NAME: &str = "cluster name";
/// Members of annotations and notifications that are not known.
pub(super) const UNKNOWN: &str = "other texts";

/// A part of an archive that contains values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ArchivePart {
    ModelState,
    CategorizerState,
    Categories,
    Inputs,
    Annotations,
    Notifications,
    Calendars,
    Filters,
    Configuration,
}

/// What a text is a value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueSource<'a> {
    /// A field of the data.
    Field(&'a str),
    /// The items of a filter, by its ID, where no rule tells which field they are values of.
    Filter(&'a str),
    /// A text with a label, such as the description of the job.
    Text(&'static str),
}

/// Paths of texts, each with its label. Whatever is below a path of the configuration has the same label.
const TEXTS: [(ArchivePart, &str, &str); 22] = [
    (ArchivePart::Configuration, "description", "job description"),
    (ArchivePart::Configuration, "groups", "job groups"),
    (ArchivePart::Configuration, "custom_settings", "custom settings"),
    (
        ArchivePart::Configuration,
        "analysis_config.detectors.detector_description",
        "detector descriptions",
    ),
    (
        ArchivePart::Configuration,
        "analysis_config.categorization_filters",
        "categorization filters",
    ),
    (
        ArchivePart::Configuration,
        "analysis_config.categorization_analyzer",
        "categorization analyzer",
    ),
    (ArchivePart::Configuration, "datafeed_config.indices", "index names"),
    (ArchivePart::Configuration, "datafeed_config.indexes", "index names"),
    (ArchivePart::Configuration, "datafeed_config.query", "datafeed query"),
    (
        ArchivePart::Configuration,
        "datafeed_config.runtime_mappings",
        "datafeed scripts",
    ),
    (
        ArchivePart::Configuration,
        "datafeed_config.script_fields",
        "datafeed scripts",
    ),
    (
        ArchivePart::Configuration,
        "model_plot_config.terms",
        "model plot terms",
    ),
    (
        ArchivePart::Configuration,
        "datafeed_config.aggregations",
        "datafeed aggregations",
    ),
    (
        ArchivePart::Configuration,
        "datafeed_config.authorization",
        "datafeed authorization",
    ),
    (ArchivePart::Annotations, "create_username", "annotation authors"),
    (ArchivePart::Annotations, "modified_username", "annotation authors"),
    (ArchivePart::Notifications, "message", "notifications"),
    (ArchivePart::Notifications, "node_name", "node names"),
    (ArchivePart::Categories, "examples", ValueSource::CATEGORIZED_MESSAGES),
    (ArchivePart::Calendars, "description", "calendar descriptions"),
    (ArchivePart::Calendars, "events.description", "calendar events"),
    (ArchivePart::Filters, "description", "filter descriptions"),
];

/// Members of annotations and notifications that contain no values.
const NO_VALUES: [(ArchivePart, &[&str]); 2] = [
    (
        ArchivePart::Annotations,
        &[
            "create_time",
            "modified_time",
            "timestamp",
            "end_timestamp",
            "job_id",
            "type",
            "event",
            "detector_index",
        ],
    ),
    (
        ArchivePart::Notifications,
        &["job_id", "job_type", "level", "timestamp"],
    ),
];

/// All labels of texts.
#[cfg(test)]
pub(crate) fn text_labels() -> impl Iterator<Item = &'static str> {
    let others = [
        ANNOTATIONS_OF_PEOPLE,
        ANNOTATIONS_OF_THE_JOB,
        ValueSource::CATEGORY_TOKENS,
        ValueSource::CATEGORIZED_PARTITIONS,
        SNAPSHOT_DESCRIPTION,
        CLUSTER_NAME,
        UNKNOWN,
    ];
    TEXTS.iter().map(|(_, _, label)| *label).chain(others)
}

impl ArchivePart {
    pub(crate) const ALL: [Self; 9] = [
        Self::ModelState,
        Self::CategorizerState,
        Self::Categories,
        Self::Inputs,
        Self::Annotations,
        Self::Notifications,
        Self::Calendars,
        Self::Filters,
        Self::Configuration,
    ];

    /// Its name in JSON documents.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ModelState => "model_state",
            Self::CategorizerState => "categorizer_state",
            Self::Categories => "categories",
            Self::Inputs => "inputs",
            Self::Annotations => "annotations",
            Self::Notifications => "notifications",
            Self::Calendars => "calendars",
            Self::Filters => "filters",
            Self::Configuration => "configuration",
        }
    }

    /// The label of the text at a path.
    pub(super) fn text_at(self, path: &str) -> Option<&'static str> {
        let below = |rest: &str| rest.is_empty() || (self == Self::Configuration && rest.starts_with('.'));
        let text = TEXTS
            .iter()
            .find(|(part, start, _)| *part == self && path.strip_prefix(start).is_some_and(below));
        text.map(|(_, _, label)| *label)
    }

    /// Whether a member that is not known may contain values.
    pub(super) fn may_have_value_at(self, path: &str) -> bool {
        let known = NO_VALUES.iter().find(|(part, _)| *part == self);
        known.is_some_and(|(_, members)| !members.contains(&path))
    }
}

impl ValueSource<'_> {
    /// Tokens of the categorizer's state and terms of categories.
    pub(crate) const CATEGORY_TOKENS: &'static str = "category tokens";
    /// Of a categorizer whose field is not known.
    pub(crate) const CATEGORIZED_MESSAGES: &'static str = "categorized messages";
    /// Likewise.
    pub(crate) const CATEGORIZED_PARTITIONS: &'static str = "categorized partitions";
}

/// What a job uses a field for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FieldRole {
    Partition,
    Over,
    By,
    Influencer,
    Categorization,
    /// The argument of a function; `distinct_count` keeps its values.
    Metric,
}

impl FieldRole {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Over => "over",
            Self::By => "by",
            Self::Influencer => "influencer",
            Self::Categorization => "categorization",
            Self::Metric => "metric",
        }
    }
}

/// The fields that a job uses, with their roles.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldRoles(BTreeMap<String, Vec<FieldRole>>);

impl FieldRoles {
    pub(crate) fn of_job(config: &JobConfig) -> Self {
        let mut roles = Self::default();
        for detector in &config.analysis.detectors {
            roles.add(detector.partition.as_deref(), FieldRole::Partition);
            roles.add(detector.over.as_deref(), FieldRole::Over);
            roles.add(detector.by.as_deref(), FieldRole::By);
        }
        for influencer in &config.analysis.influencers {
            roles.add(Some(influencer), FieldRole::Influencer);
        }
        roles.add(config.categorization_field(), FieldRole::Categorization);
        for field in config.analysis.detectors.iter().flat_map(Detector::fields) {
            if !roles.0.contains_key(field) {
                roles.add(Some(field), FieldRole::Metric);
            }
        }
        roles
    }

    fn add(&mut self, field: Option<&str>, role: FieldRole) {
        let Some(field) = field else { return };
        let roles = self.0.entry(field.to_owned()).or_default();
        if !roles.contains(&role) {
            roles.push(role);
        }
    }

    /// What a field is used for.
    pub(crate) fn of(&self, field: &str) -> &[FieldRole] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// The fields with a role.
    pub(crate) fn with(&self, role: FieldRole) -> impl Iterator<Item = &str> {
        let with = self.0.iter().filter(move |(_, roles)| roles.contains(&role));
        with.map(|(field, _)| field.as_str())
    }

    /// The fields with any role.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
