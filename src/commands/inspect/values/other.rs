//! What holds values beside the fields of the data.

/// Something that holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::commands::inspect) enum Other {
    AnnotationAuthors,
    AnnotationsOfPeople,
    AnnotationsOfTheJob,
    Notifications,
    NodeNames,
    CategoryTokens,
    /// Of a categorizer whose field is not known.
    CategorizedMessages,
    /// Likewise.
    CategorizedPartitions,
    CalendarDescriptions,
    CalendarEvents,
    FilterDescriptions,
    JobDescription,
    JobGroups,
    CustomSettings,
    DetectorDescriptions,
    CategorizationFilters,
    CategorizationAnalyzer,
    ModelPlotTerms,
    IndexNames,
    DatafeedQuery,
    DatafeedScripts,
    DatafeedAggregations,
    DatafeedAuthorization,
    SnapshotDescription,
    ClusterName,
    /// Members that are not known of documents that are, and documents of another form.
    Unknown,
}

impl Other {
    /// In the words of reports.
    pub(in crate::commands::inspect) fn name(self) -> &'static str {
        match self {
            Self::AnnotationAuthors => "annotation authors",
            Self::AnnotationsOfPeople => "annotations of people",
            Self::AnnotationsOfTheJob => "annotations of the job",
            Self::Notifications => "notifications",
            Self::NodeNames => "node names",
            Self::CategoryTokens => "category tokens",
            Self::CategorizedMessages => "categorized messages",
            Self::CategorizedPartitions => "categorized partitions",
            Self::CalendarDescriptions => "calendar descriptions",
            Self::CalendarEvents => "calendar events",
            Self::FilterDescriptions => "filter descriptions",
            Self::JobDescription => "job description",
            Self::JobGroups => "job groups",
            Self::CustomSettings => "custom settings",
            Self::DetectorDescriptions => "detector descriptions",
            Self::CategorizationFilters => "categorization filters",
            Self::CategorizationAnalyzer => "categorization analyzer",
            Self::ModelPlotTerms => "model plot terms",
            Self::IndexNames => "index names",
            Self::DatafeedQuery => "datafeed query",
            Self::DatafeedScripts => "datafeed scripts",
            Self::DatafeedAggregations => "datafeed aggregations",
            Self::DatafeedAuthorization => "datafeed authorization",
            Self::SnapshotDescription => "snapshot description",
            Self::ClusterName => "cluster name",
            Self::Unknown => "other texts",
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_is_documented() {
        let documentation = include_str!("../../../../docs/inspect-json.md");
        let source = include_str!("other.rs");
        let names = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \""));
        let names: Vec<&str> = names.map(|(_, name)| name.trim_end_matches("\",")).collect();
        assert!(names.len() > 20);
        for name in names {
            assert!(documentation.contains(&format!("`{name}`")), "{name}");
        }
    }
}
