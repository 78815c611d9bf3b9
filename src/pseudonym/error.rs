//! Errors if values cannot be replaced.

use std::fmt::Display;
use std::io;
use std::path::Path;

use crate::archive;
pub(super) use crate::error::{Error, Result};

const EXPORT_WITHOUT_FIELD: &str = "exclude the field with --fields, or export without --include-inputs";
const REPORT: &str = "this is a bug in esml-state: please report it";

impl Error {
    pub(super) fn not_a_key_file(path: &Path, why: impl Display) -> Self {
        let message = format!("{}: not a key file: {why}", path.display());
        let hint = "pass the key file: it is next to the archive, and by default, its name ends with .key.json";
        Self::failed(message, hint)
    }

    pub(super) fn too_many_values(most: u32) -> Self {
        let message = format!("there are more than {most} distinct values to replace");
        Self::failed(message, "exclude fields with --fields, or export fewer input documents")
    }

    /// A value that was not found when values were collected.
    pub(super) fn unknown_value() -> Self {
        Self::without_hint("the archive was changed while it was being read: it contains a new value")
    }

    /// A filter whose items cannot be replaced.
    pub(super) fn filter(message: String) -> Self {
        Self::refused(message, "exclude the field that the filter applies to with --fields")
    }

    pub(super) fn irreplaceable_field(field: &str, why: &str) -> Self {
        let message = format!("the values of {field} in the input documents cannot be replaced: {why}");
        Self::refused(message, EXPORT_WITHOUT_FIELD)
    }

    pub(super) fn normalizer_contains_value(index: &str) -> Self {
        let message = format!("a normalizer in the archived settings of index {index} contains a replaced value");
        let hint = "select other fields with --fields, or export without --include-inputs";
        Self::refused(message, hint)
    }

    pub(super) fn datafeed_reads_values(problems: &[String]) -> Self {
        let problems = problems.join("; ");
        Self::refused(
            format!("the datafeed reads replaced values, so its results would be different with tokens: {problems}"),
            "skip the datafeed with --skip-datafeed, select other fields with --fields, or change the datafeed and \
             export again",
        )
    }

    pub(super) fn names_contain_values(names: &[&str]) -> Self {
        let names = names.join(", ");
        Self::refused(
            format!("names that are not replaced contain replaced values: {names}"),
            "the names of the job, its fields, aggregations, indices, filters and calendars are not replaced: accept this with \
             --accept-names, or rename them and export again",
        )
    }

    /// The message does not contain the value, since users may share it.
    pub(super) fn leak(place: &str) -> Self {
        Self::failed(
            format!("a replaced value is still in the new archive, in {place}: the archive was deleted"),
            "exclude the field of the value with --fields, or report it: this is a bug in esml-state, unless the \
             value is also a term that Elasticsearch uses",
        )
    }

    pub(super) fn not_searchable(place: &str, why: &str) -> Self {
        let message = format!("{place} of the new archive cannot be searched for values: {why}");
        Self::failed(message, REPORT)
    }

    pub(super) fn not_importable(finding: &archive::Finding) -> Self {
        let archive::Finding { place, what, .. } = finding;
        let message = format!("the pseudonymized archive cannot be imported: {place}: {what}");
        Self::failed(message, REPORT)
    }

    /// Converts an error of editing a document. Errors of this program are the source of an `io::Error`.
    pub(super) fn of_edit(cause: io::Error) -> Self {
        cause.downcast::<Self>().unwrap_or_else(|cause| {
            let message = format!("a document cannot be read: {cause}");
            Self::failed(message, "list all findings with `esml-state inspect --verify ARCHIVE`")
        })
    }
}
