//! What values are of: the parts of an archive, the fields of a job, and texts with a label.

use std::collections::BTreeMap;

use crate::job::{Detector, JobConfig};

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

impl ArchivePart {
    /// Every part in the order of reports, with its name in JSON documents.
    pub(crate) const NAMES: [(Self, &'static str); 9] = [
        (Self::ModelState, "model_state"),
        (Self::CategorizerState, "categorizer_state"),
        (Self::Categories, "categories"),
        (Self::Inputs, "inputs"),
        (Self::Annotations, "annotations"),
        (Self::Notifications, "notifications"),
        (Self::Calendars, "calendars"),
        (Self::Filters, "filters"),
        (Self::Configuration, "configuration"),
    ];

    pub(crate) fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(part, _)| *part == self);
        named.map_or("", |(_, name)| name)
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
        ["partition", "over", "by", "influencer", "categorization", "metric"][self as usize]
    }
}

/// The fields that a job uses, with their roles.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldRoles(BTreeMap<String, Vec<FieldRole>>);

impl FieldRoles {
    pub(crate) fn of_job(config: &JobConfig) -> Self {
        let mut roles: BTreeMap<String, Vec<FieldRole>> = BTreeMap::new();
        let mut add = |field: Option<&str>, role| {
            let roles = field.map(|field| roles.entry(field.to_owned()).or_default());
            if let Some(roles) = roles.filter(|roles| !roles.contains(&role)) {
                roles.push(role);
            }
        };
        let analysis = &config.analysis;
        for detector in &analysis.detectors {
            add(detector.partition.as_deref(), FieldRole::Partition);
            add(detector.over.as_deref(), FieldRole::Over);
            add(detector.by.as_deref(), FieldRole::By);
        }
        for influencer in &analysis.influencers {
            add(Some(influencer), FieldRole::Influencer);
        }
        add(config.categorization_field(), FieldRole::Categorization);
        for field in analysis.detectors.iter().flat_map(Detector::fields) {
            let known = roles.entry(field.to_owned());
            known.or_insert_with(|| vec![FieldRole::Metric]);
        }
        Self(roles)
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
