//! The origin of values: parts of an archive, fields of a job, and labeled texts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::job::{Detector, JobConfig};

/// A part of an archive that contains values, in the order of reports and with its name in JSON documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ArchivePart {
    ModelState,
    CategorizerState,
    Quantiles,
    Categories,
    Results,
    Inputs,
    Annotations,
    Notifications,
    Calendars,
    Filters,
    Configuration,
}

/// The source of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueSource<'a> {
    /// A field of the data.
    Field(&'a str),
    /// A filter, by its ID, if no rule determines the field of its items.
    Filter(&'a str),
    /// A text with a label, such as the description of the job.
    Text(&'static str),
}

impl ValueSource<'_> {
    /// Tokens of the categorizer's state and terms of categories.
    pub(crate) const CATEGORY_TOKENS: &'static str = "category tokens";
    /// The label for the messages of a categorizer whose field is unknown.
    pub(crate) const CATEGORIZED_MESSAGES: &'static str = "categorized messages";
    /// The label for the partition values of such a categorizer.
    pub(crate) const CATEGORIZED_PARTITIONS: &'static str = "categorized partitions";
}

/// How a job uses a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FieldRole {
    Partition,
    Over,
    By,
    Influencer,
    Categorization,
    /// The argument of a function. `distinct_count` stores its values.
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

    /// Returns the roles of a field.
    pub(crate) fn of(&self, field: &str) -> &[FieldRole] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// Returns the fields with a role.
    pub(crate) fn with(&self, role: FieldRole) -> impl Iterator<Item = &str> {
        let with = self.0.iter().filter(move |(_, roles)| roles.contains(&role));
        with.map(|(field, _)| field.as_str())
    }

    /// Returns the fields with any role.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
