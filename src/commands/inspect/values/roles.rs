//! What the job uses a field for.

use std::collections::BTreeMap;

use crate::job::{Detector, JobConfig};

/// What a field is to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::commands::inspect) enum Role {
    Partition,
    Over,
    By,
    Influencer,
    Categorization,
    /// What a function is applied to; `distinct_count` keeps its values.
    Metric,
}

impl Role {
    /// In the words of reports.
    pub(in crate::commands::inspect) fn name(self) -> &'static str {
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

/// Roles by field name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::commands::inspect) struct Roles(BTreeMap<String, Vec<Role>>);

impl Roles {
    /// Those of a job.
    pub(super) fn of(config: &JobConfig) -> Self {
        let mut roles = Self::default();
        for detector in config.detectors() {
            roles.add(detector.partition.as_deref(), Role::Partition);
            roles.add(detector.over.as_deref(), Role::Over);
            roles.add(detector.by.as_deref(), Role::By);
        }
        for influencer in config.influencers() {
            roles.add(Some(influencer), Role::Influencer);
        }
        roles.add(config.categorization_field(), Role::Categorization);
        for field in config.detectors().flat_map(Detector::fields) {
            if !roles.0.contains_key(field) {
                roles.add(Some(field), Role::Metric);
            }
        }
        roles
    }

    fn add(&mut self, field: Option<&str>, role: Role) {
        let Some(field) = field else { return };
        let roles = self.0.entry(field.to_owned()).or_default();
        if !roles.contains(&role) {
            roles.push(role);
        }
    }

    /// What a field is used for.
    pub(in crate::commands::inspect) fn roles(&self, field: &str) -> &[Role] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// The fields that are used for this.
    pub(super) fn with(&self, role: Role) -> impl Iterator<Item = &str> {
        let with = self.0.iter().filter(move |(_, roles)| roles.contains(&role));
        with.map(|(field, _)| field.as_str())
    }

    /// The fields that are used for something.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
