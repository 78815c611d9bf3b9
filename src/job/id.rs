//! Ids with rules, parsed once: what a value of these types holds can stand in a path.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::job::error::Error;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(id: String) -> Result<Self, Error> {
                match $check(&id) {
                    Ok(()) => Ok(Self(id)),
                    Err(why) => Err(Error::InvalidId { what: $what, id, why }),
                }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(id: &str) -> Result<Self, Error> {
                Self::try_from(id.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id_type!(
    /// An anomaly detection job's id: `[a-z0-9](?:[a-z0-9_\-.]*[a-z0-9])?`, at most 64 characters.
    JobId,
    "job id",
    ml_id
);
id_type!(
    /// A datafeed's id, by the rule of job ids.
    DatafeedId,
    "datafeed id",
    ml_id
);
id_type!(
    /// A filter's id, by the rule of job ids.
    FilterId,
    "filter id",
    ml_id
);
id_type!(
    /// A calendar's id, by the rule of job ids.
    CalendarId,
    "calendar id",
    ml_id
);
id_type!(
    /// A model snapshot's id. Elasticsearch makes them of digits; letters, `_`, `-` and `.` are let through.
    SnapshotId,
    "snapshot id",
    snapshot_id
);
id_type!(
    /// The name of one index, by Elasticsearch's rules for creating indices.
    IndexName,
    "index name",
    index_name
);

impl JobId {
    /// The id with every character outside `[A-Za-z0-9_-]` replaced by `_`, as file names use it.
    pub fn safe(&self) -> String {
        self.0
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                    c
                } else {
                    '_'
                }
            })
            .collect()
    }

    /// Id of the document of one of its snapshots.
    pub fn snapshot_document_id(&self, snapshot: &SnapshotId) -> String {
        format!("{self}_model_snapshot_{snapshot}")
    }

    /// Id of its data counts document.
    pub fn data_counts_document_id(&self) -> String {
        format!("{self}_data_counts")
    }

    /// Id of its quantiles document.
    pub fn quantiles_document_id(&self) -> String {
        format!("{self}_quantiles")
    }

    /// The alias that reads its results.
    pub fn results_alias(&self) -> String {
        format!(".ml-anomalies-{self}")
    }

    /// The alias that writes its results.
    pub fn results_write_alias(&self) -> String {
        format!(".ml-anomalies-.write-{self}")
    }
}

/// What the index patterns of Elasticsearch's own templates begin with (`logs-*-*`, `metrics-apm.*-*`, `traces-*-*` …):
/// most of them create data streams only.
const BUILT_IN: [&str; 14] = [
    "apm-",
    "behavioral_analytics-",
    "elastic-connectors",
    "entities-",
    "ilm-history-",
    "logs-",
    "metrics-",
    "profiling-",
    "search-acl-filter-",
    "security_solution-",
    "slm-history-",
    "synthetics-",
    "traces-",
    "watch-history-",
];

impl IndexName {
    /// Where an import puts a job's input documents by default: a name that no built-in index template of Elasticsearch
    /// matches. Dots stay: `a.b` and `a_b` must not share one.
    pub fn inputs_of(job: &JobId) -> Self {
        match BUILT_IN.iter().any(|start| job.as_str().starts_with(start)) {
            true => Self(format!("esml-{job}-input")),
            false => Self(format!("{job}-input")),
        }
    }

    /// The same with `-<n>` behind it.
    ///
    /// # Errors
    /// A name that becomes too long.
    pub fn numbered(&self, n: usize) -> Result<Self, Error> {
        format!("{self}-{n}").parse()
    }
}

fn ml_id(id: &str) -> Result<(), &'static str> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if id.len() > 64 {
        return Err("it has more than 64 characters");
    }
    if !edge(id.chars().next()) || !edge(id.chars().last()) {
        return Err("it must begin and end with a-z or 0-9");
    }
    if !id.chars().all(|c| edge(Some(c)) || matches!(c, '_' | '-' | '.')) {
        return Err("only a-z, 0-9, `_`, `-` and `.` may stand in it");
    }
    Ok(())
}

fn snapshot_id(id: &str) -> Result<(), &'static str> {
    if id.is_empty() || id.len() > 256 {
        return Err("it must have 1 to 256 characters");
    }
    if id == "."
        || id == ".."
        || !id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    {
        return Err("only letters, digits, `_`, `-` and `.` may stand in it");
    }
    Ok(())
}

fn index_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 255 || name == "." || name == ".." {
        return Err("it must have 1 to 255 bytes and not be `.` or `..`");
    }
    if name.starts_with(['-', '_', '+']) {
        return Err("it must not begin with `-`, `_` or `+`");
    }
    if name.chars().any(|c| c.is_uppercase() || c.is_control()) {
        return Err("it must be lower case, without control characters");
    }
    if name.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':']) {
        return Err("none of \\ / * ? \" < > | , # : and no space may stand in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_what_elasticsearch_takes() {
        for good in ["a", "web-latency", "app.log_categories-2", &"a".repeat(64)] {
            assert!(good.parse::<JobId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "A",
            "a/b",
            "a%2fb",
            "..",
            "a*",
            "a,b",
            "-a",
            "a-",
            ".a",
            "ä",
            "a b",
            "a\n",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<JobId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_index_name_is_concrete() {
        for good in ["a", "web-latency-input", "weblogs-2024.01", ".hidden"] {
            assert!(good.parse::<IndexName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "_all", "a*", "a,b", "A", "-a", "remote:a", "<a-{now}>"] {
            assert!(bad.parse::<IndexName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_built_in_template_matches_the_default_name_of_an_input_index() {
        // Index patterns of the templates that Elasticsearch 7.17 to 9.x creates by itself.
        let built_in = [
            "logs-*-*",
            "metrics-*-*",
            "synthetics-*-*",
            "traces-*-*",
            "logs-apm.app.*-*",
            "metrics-apm.internal-*",
            "logs-*.otel-*",
            "profiling-events-*",
            "profiling-hosts*",
            "ilm-history-7*",
            "behavioral_analytics-events-*",
            "apm-source-map*",
            "search-acl-filter-*",
            "elastic-connectors-*",
            "entities-*",
            "watch-history-*",
        ];
        for pattern in built_in {
            let start = pattern.split('*').next().expect("a first part");
            let id: JobId = format!("{start}web-errors").parse().expect("valid");
            let name = IndexName::inputs_of(&id);
            assert!(
                !crate::job::matches_wildcard(pattern, name.as_str()),
                "{name} {pattern}"
            );
            assert!(name.as_str().ends_with(&format!("{id}-input")));
        }
        let usual: JobId = "log-categories".parse().expect("valid");
        assert_eq!(IndexName::inputs_of(&usual).as_str(), "log-categories-input");
    }

    #[test]
    fn a_safe_id_has_no_dots() {
        let id: JobId = "app.log_categories-2".parse().expect("valid");
        assert_eq!(id.safe(), "app_log_categories-2");
    }
}
