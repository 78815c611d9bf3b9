//! What a comparison found, as data: the `--json` document of two archives.

use serde::Serialize;
use serde_json::Value;

use crate::commands::inspect::report::Failure;

/// Version of the document's form; grows when a member changes its meaning or goes.
pub const COMPARISON_VERSION: u32 = 1;

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`COMPARISON_VERSION`].
    pub version: u32,
    /// Nothing differs of what is compared.
    pub same: bool,
    /// The two, as given.
    pub archives: [Side; 2],
    /// What differs, values of fields excepted.
    pub differences: Vec<Difference>,
    /// By field, where values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<FieldDifference>>,
    /// Why the command fails, where it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One of the archives.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// The file's name, `-` for standard input.
    pub path: String,
    /// Compressed bytes.
    pub bytes: u64,
    /// No fatal finding.
    pub importable: bool,
    /// The job.
    pub job_id: Option<String>,
    /// The snapshot.
    pub snapshot_id: Option<String>,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about: `job`, `generated`, `datafeed`, `snapshot` …
    pub section: &'static str,
    /// Where: names joined by dots.
    pub what: String,
    /// In the first archive; `null` where it is not there. Of lists whose order has no meaning: what only the first has.
    pub first: Value,
    /// In the second.
    pub second: Value,
}

/// Values of a field that one archive has and the other has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// The field's name, or what it is.
    pub field: String,
    /// `data`, `other`, `filter`.
    pub kind: &'static str,
    /// Whether all values are known of both.
    pub exact: bool,
    /// By part.
    pub parts: Vec<PartDifference>,
    /// Values that only the second has.
    pub came: Came,
    /// Values that only the first has.
    pub gone: Came,
}

/// Values, wherever they stand.
pub type Came = Vec<String>;

/// How many values of a field stand in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PartDifference {
    /// The part.
    pub part: &'static str,
    /// Distinct values of the first.
    pub first: u64,
    /// Distinct values of the second.
    pub second: u64,
    /// Values that only the second has there.
    pub came: u64,
    /// Values that only the first has there.
    pub gone: u64,
}

impl FieldDifference {
    /// Whether nothing came and nothing went.
    pub(in crate::commands::inspect) fn is_none(&self) -> bool {
        self.parts.iter().all(|part| part.came == 0 && part.gone == 0)
    }
}
