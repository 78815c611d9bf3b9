//! The labels of all texts, and the tables that contain them.

use std::collections::BTreeSet;

use super::documents::{
    ANNOTATION, CALENDAR, CATEGORY, CONFIGURATION, Content, DocumentKind, FILTER, NOTIFICATION, RESULT, SNAPSHOT,
};
use super::location::ValueSource;
use super::reader;

const DOCUMENTS: [&DocumentKind; 8] = [
    &CONFIGURATION,
    &SNAPSHOT,
    &ANNOTATION,
    &NOTIFICATION,
    &CATEGORY,
    &RESULT,
    &CALENDAR,
    &FILTER,
];

/// All labels of texts.
pub(crate) fn text_labels() -> impl Iterator<Item = &'static str> {
    let members = DOCUMENTS.into_iter().flat_map(|document| document.members);
    let labels = members.map(|(_, label, _)| *label).filter(|label| !label.is_empty());
    labels.chain([
        reader::ANNOTATIONS_OF_THE_JOB,
        reader::CLUSTER_NAME,
        reader::UNKNOWN,
        ValueSource::CATEGORIZED_PARTITIONS,
    ])
}

#[test]
fn every_path_has_one_kind_of_content() {
    for document in DOCUMENTS {
        let mut known = BTreeSet::new();
        let members = document.members.iter().map(|(_, _, paths)| *paths);
        for path in members.chain([document.kept]).flat_map(|paths| paths.split(' ')) {
            assert!(!path.is_empty() && known.insert(path), "{path}");
            assert!(document.has(path), "{path}");
        }
    }
}

#[test]
fn nested_configuration_members_have_the_content_of_their_parent() {
    assert_eq!(
        CONFIGURATION.content("analysis_limits.model_memory_limit"),
        Content::Kept
    );
    assert_eq!(CONFIGURATION.content("blocked.reason"), Content::Kept);
    assert_eq!(CONFIGURATION.content("descriptions"), Content::KeptText);
    assert_eq!(ANNOTATION.content("event.kind"), Content::FreeText);
    assert!(ANNOTATION.has("detector_index"));
    assert_eq!(ANNOTATION.content("detector_index"), Content::FreeText);
}
