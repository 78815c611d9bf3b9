//! What the engine says where values cannot be replaced.

use std::fmt::Display;
use std::io;
use std::path::Path;

use crate::archive;
pub(super) use crate::error::{Error, Result};

const EXPORT_WITHOUT_FIELD: &str = "leave the field out with --fields, or export without --include-inputs";
const REPORT: &str = "this is a defect of esml-state: please report it";

impl Error {
    pub(super) fn not_a_key_file(path: &Path, why: impl Display) -> Self {
        let message = format!("{}: not a key file: {why}", path.display());
        Self::failed(
            message,
            "name the file beside the archive whose name ends with .key.json",
        )
    }

    pub(super) fn too_many_values(most: usize) -> Self {
        let message = format!("there are more than {most} distinct values to replace");
        Self::failed(
            message,
            "leave fields out with --fields, or export fewer input documents",
        )
    }

    /// Of a value that was not there when values were collected.
    pub(super) fn unknown_value() -> Self {
        Self::without_hint("a value was found that was not there before: the archive changed while it was read")
    }

    /// Of a filter whose items cannot be replaced.
    pub(super) fn filter(message: String) -> Self {
        Self::refused(message, "leave the field that it is applied to out with --fields")
    }

    pub(super) fn irreplaceable_field(field: &str, why: &str) -> Self {
        let message = format!("the values of {field} in the input documents cannot be replaced: {why}");
        Self::refused(message, EXPORT_WITHOUT_FIELD)
    }

    pub(super) fn unsupported_normalizer(fields: &[&str]) -> Self {
        let message = format!(
            "the normalizers of {} are not supported, only `lowercase` is: the job would take their tokens for other values \
             than those that it knows",
            fields.join(", ")
        );
        Self::refused(message, EXPORT_WITHOUT_FIELD)
    }

    pub(super) fn normalizer_contains_value(index: &str) -> Self {
        let message = format!("a normalizer in the archived settings of index {index} contains a replaced value");
        let hint = "replace the values of other fields only with --fields, or export without --include-inputs";
        Self::refused(message, hint)
    }

    pub(super) fn datafeed_reads_values(problems: &[String]) -> Self {
        let problems = problems.join("; ");
        Self::refused(
            format!("the datafeed reads replaced values, and its results would differ with tokens: {problems}"),
            "leave the datafeed out with --skip-datafeed, or replace the values of other fields only with --fields, or \
             change the datafeed and export again",
        )
    }

    pub(super) fn names_contain_values(names: &[&str]) -> Self {
        let names = names.join(", ");
        Self::refused(
            format!("names that stay hold values that are replaced elsewhere: {names}"),
            "names of the job, its fields, aggregations, indices, filters and calendars are not replaced: accept that with \
             --accept-names, or rename them and export again",
        )
    }

    /// The value itself is not printed: the message may be passed on.
    pub(super) fn leak(place: &str) -> Self {
        Self::failed(
            format!("a value that was replaced is still in the new archive, in {place}: it was deleted"),
            "leave the field of the value out with --fields, or report it: this is a defect of esml-state, unless the \
             value is also a word of Elasticsearch",
        )
    }

    pub(super) fn not_searchable(place: &str, why: &str) -> Self {
        let message = format!("{place} of the new archive cannot be searched for values: {why}");
        Self::failed(message, REPORT)
    }

    pub(super) fn not_importable(finding: &archive::Finding) -> Self {
        let archive::Finding { place, what, .. } = finding;
        Self::failed(
            format!("the pseudonymized archive cannot be imported: {place}: {what}"),
            REPORT,
        )
    }

    /// Of an edit of a document: this program's errors travel through it as the source of an `io::Error`.
    pub(super) fn of_edit(cause: io::Error) -> Self {
        cause.downcast::<Self>().unwrap_or_else(|cause| {
            Self::failed(
                format!("a document cannot be read: {cause}"),
                "`esml-state inspect --verify` lists all that is wrong with the archive",
            )
        })
    }

    /// Of an edit of what the check of the archive has parsed: where it is no JSON, the file has changed.
    pub(super) fn of_checked_edit(cause: io::Error) -> Self {
        cause.downcast::<Self>().unwrap_or_else(|_| Self::unknown_value())
    }
}
