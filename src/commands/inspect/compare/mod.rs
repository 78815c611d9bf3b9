//! What differs between two archives: configuration, snapshot, model, parts, and values where they were asked for.

mod diff;
mod documents;
mod page;
mod report;
mod sections;
mod values;

use crate::commands::inspect::examine::Examined;
pub(super) use page::page;
pub use report::{COMPARISON_VERSION, Came, Comparison, Difference, FieldDifference, PartDifference, Side};

/// Compares two archives that were read.
pub(super) fn compare(first: &Examined, second: &Examined) -> Comparison {
    let differences = sections::differences(first, second);
    let values = values::values(&first.report, &second.report);
    let same = differences.is_empty() && values.iter().flatten().all(FieldDifference::is_none);
    Comparison {
        version: COMPARISON_VERSION,
        same,
        archives: [side(first), side(second)],
        differences,
        values,
        failure: first.report.failure.clone().or_else(|| second.report.failure.clone()),
    }
}

fn side(examined: &Examined) -> Side {
    let report = &examined.report;
    Side {
        path: report.archive.path.clone(),
        bytes: report.archive.bytes,
        importable: report.importable,
        job_id: report.job.as_ref().map(|job| job.id.clone()),
        snapshot_id: report.snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
    }
}

#[cfg(test)]
mod tests;
