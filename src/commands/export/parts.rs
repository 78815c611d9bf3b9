//! The searches behind the parts of an archive that are found by query.

use serde_json::{Value, json};

use super::options::ExportOptions;
use super::subject::Subject;
use crate::archive::EntryKind;
use crate::cluster::{Search, Sort};
use crate::util::timestamp::EpochMillis;

/// A part that one search finds and one entry holds.
#[derive(Debug)]
pub(super) struct Found {
    /// Its entry.
    pub(super) entry: EntryKind,
    /// What finds it.
    pub(super) search: Search,
    /// Whether ids go into the archive.
    pub(super) with_ids: bool,
    /// For people.
    pub(super) title: &'static str,
}

/// Annotations, notifications and categories of the job, in the order of the archive.
pub(super) fn all(options: &ExportOptions, subject: &Subject) -> [Found; 3] {
    let job = subject.job.id();
    let of_job = json!({"term": {"job_id": job.as_str()}});
    let dated = |field: &str| {
        let mut filter = vec![of_job.clone()];
        filter.extend(range(field, options.annotations_after, options.before()));
        json!({"bool": {"filter": filter}})
    };
    let search = |index: &str, query: Value, sort: &str| Search {
        sort: Sort::Ascending(sort.to_owned()),
        page_size: options.page_size,
        pagination: options.pagination,
        ..Search::lenient([index], query)
    };
    [
        Found {
            entry: EntryKind::Annotations,
            search: search(".ml-annotations-read", dated("create_time"), "timestamp"),
            with_ids: false,
            title: "annotations",
        },
        Found {
            entry: EntryKind::Notifications,
            search: search(".ml-notifications-*", dated("timestamp"), "timestamp"),
            with_ids: false,
            title: "notifications",
        },
        Found {
            entry: EntryKind::Categories,
            search: search(
                &job.results_alias(),
                json!({"bool": {"filter": [of_job, {"exists": {"field": "category_id"}}]}}),
                "category_id",
            ),
            with_ids: true,
            title: "categories",
        },
    ]
}

fn range(field: &str, after: Option<EpochMillis>, before: Option<EpochMillis>) -> Option<Value> {
    let mut bounds = serde_json::Map::new();
    if let Some(after) = after {
        bounds.insert("gte".into(), after.0.into());
    }
    if let Some(before) = before {
        bounds.insert("lt".into(), before.0.into());
    }
    if bounds.is_empty() {
        return None;
    }
    bounds.insert("format".into(), "epoch_millis".into());
    Some(json!({"range": {field: bounds}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_bounds_is_no_filter() {
        assert_eq!(range("timestamp", None, None), None);
        assert_eq!(
            range("timestamp", Some(EpochMillis(1)), None),
            Some(json!({"range": {"timestamp": {"gte": 1, "format": "epoch_millis"}}}))
        );
    }
}
