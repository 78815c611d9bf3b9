//! Identifiers that are checked when they are parsed: IDs, names and patterns of indices, versions. An ID or a name can
//! be used in a path.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::job::error::Error;
use crate::job::mapping::matches_wildcard;

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident = $what:literal, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the ID as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(id: String) -> Result<Self, Error> {
                match $check(&id) {
                    Ok(()) => Ok(Self(id)),
                    Err(why) => {
                        let why = lowercase_hint($what, &id, $check).unwrap_or_else(|| why.to_owned());
                        Err(Error::InvalidId { what: $what, id, why })
                    }
                }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(id: &str) -> Result<Self, Error> {
                Self::try_from(id.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

id_types! {
    /// The ID of an anomaly detection job: `[a-z0-9](?:[a-z0-9_\-.]*[a-z0-9])?`, at most 64 characters.
    JobId = "job ID", ml_id;
    /// The ID of a job, a pattern of IDs with `*`, or the name of a group. The rules are those of job IDs.
    JobPattern = "job ID", job_pattern;
    /// The ID of a datafeed. The rules are those of job IDs.
    DatafeedId = "datafeed ID", ml_id;
    /// The ID of a filter. The rules are those of job IDs.
    FilterId = "filter ID", ml_id;
    /// The ID of a calendar. The rules are those of job IDs.
    CalendarId = "calendar ID", ml_id;
    /// The ID of a model snapshot. Elasticsearch uses digits; letters, `_`, `-` and `.` are accepted too.
    SnapshotId = "snapshot ID", snapshot_id;
    /// The name of an index, by Elasticsearch's rules for creating indices.
    IndexName = "index name", index_name;
    /// An index expression in a datafeed's `indices`: an index, a pattern, an exclusion, date math, or an index of a
    /// remote cluster.
    IndexPattern = "index pattern", index_pattern;
}

impl JobId {
    /// Returns the ID with every character outside `[A-Za-z0-9_-]` replaced by `_`, for file names.
    pub fn safe(&self) -> String {
        let is_unsafe = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        self.0.replace(is_unsafe, "_")
    }

    /// Returns the ID of a snapshot document of this job.
    pub fn snapshot_document_id(&self, snapshot: &SnapshotId) -> String {
        format!("{self}_model_snapshot_{snapshot}")
    }

    /// Returns the ID of the data counts document.
    pub fn data_counts_document_id(&self) -> String {
        format!("{self}_data_counts")
    }

    /// Returns the ID of the quantiles document.
    pub fn quantiles_document_id(&self) -> String {
        format!("{self}_quantiles")
    }

    /// Returns the alias for reading results.
    pub fn results_alias(&self) -> String {
        format!(".ml-anomalies-{self}")
    }

    /// Returns the alias for writing results.
    pub fn results_write_alias(&self) -> String {
        format!(".ml-anomalies-.write-{self}")
    }
}

impl JobPattern {
    /// Whether it is a pattern, and not a name.
    pub fn has_wildcard(&self) -> bool {
        self.0.contains('*')
    }

    /// Whether it selects a job with this ID and these groups.
    pub fn selects(&self, job: &str, groups: &[String]) -> bool {
        let mut names = std::iter::once(job).chain(groups.iter().map(String::as_str));
        names.any(|name| matches_wildcard(&self.0, name))
    }
}

/// Prefixes of the index patterns in Elasticsearch's own templates (`logs-*-*`, `metrics-apm.*-*`, `traces-*-*` …).
/// Most of these templates only create data streams.
const BUILT_IN: &str = "apm- behavioral_analytics- elastic-connectors entities- ilm-history- logs- metrics- profiling- \
    search-acl-filter- security_solution- slm-history- synthetics- traces- watch-history-";

impl IndexName {
    /// Returns the default name of a job's input index, which no built-in index template matches. Dots are kept, so
    /// that `a.b` and `a_b` do not share an index.
    pub fn inputs_of(job: &JobId) -> Self {
        let is_built_in = BUILT_IN.split(' ').any(|start| job.0.starts_with(start));
        let prefix = if is_built_in { "esml-" } else { "" };
        Self(format!("{prefix}{job}-input"))
    }

    /// Returns the name with `-<n>` appended.
    ///
    /// # Errors
    /// The name is too long.
    pub fn numbered(&self, n: usize) -> Result<Self, Error> {
        format!("{self}-{n}").parse()
    }
}

/// Whether an expression refers to indices of a remote cluster: `europe:logs-*`, but not `<logs-{now{HH:mm}}>` or
/// `logs::failures`.
pub fn is_remote(expression: &str) -> bool {
    remote(expression.strip_prefix('-').unwrap_or(expression)).is_some()
}

/// Splits an expression into cluster and index.
fn remote(expression: &str) -> Option<(&str, &str)> {
    let split = expression.split_once(':').filter(|_| !expression.starts_with('<'));
    split.filter(|(_, index)| !index.starts_with(':'))
}

/// Suggests the lowercase spelling of an ID if that is valid.
fn lowercase_hint(what: &str, id: &str, check: fn(&str) -> Result<(), &'static str>) -> Option<String> {
    let lowercase = id.to_lowercase();
    let is_valid = lowercase != id && check(&lowercase).is_ok();
    is_valid.then(|| format!("{what}s are lowercase (did you mean `{lowercase}`?)"))
}

fn ml_id(id: &str) -> Result<(), &'static str> {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if id.len() > 64 {
        Err("it must not be longer than 64 characters")
    } else if !id.starts_with(edge) || !id.ends_with(edge) {
        Err("it must begin and end with a lowercase letter (a-z) or digit")
    } else if !id.chars().all(|c| edge(c) || "_-.".contains(c)) {
        Err("only lowercase letters (a-z), digits, `_`, `-` and `.` are allowed")
    } else {
        Ok(())
    }
}

fn job_pattern(text: &str) -> Result<(), &'static str> {
    ml_id(&text.replace('*', "x"))
}

fn snapshot_id(id: &str) -> Result<(), &'static str> {
    let known = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if id.is_empty() || id.len() > 256 {
        Err("it must have 1 to 256 characters")
    } else if id == "." || id == ".." || !id.chars().all(known) {
        Err("only letters, digits, `_`, `-` and `.` are allowed")
    } else {
        Ok(())
    }
}

fn index_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 255 || name == "." || name == ".." {
        Err("it must have 1 to 255 bytes, and must not be `.` or `..`")
    } else if name.starts_with(['-', '_', '+']) {
        Err("it must not begin with `-`, `_` or `+`")
    } else if name.chars().any(|c| c.is_uppercase() || c.is_control()) {
        Err("it must be lowercase, without control characters")
    } else if name.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':']) {
        Err("spaces and the characters \\ / * ? \" < > | , # : are not allowed")
    } else {
        Ok(())
    }
}

fn index_pattern(text: &str) -> Result<(), &'static str> {
    let mut index = text.strip_prefix('-').unwrap_or(text);
    if let Some((cluster, rest)) = remote(index) {
        let known = |c: char| c.is_ascii_alphanumeric() || "_-.*".contains(c);
        if cluster.is_empty() || !cluster.chars().all(known) {
            return Err("the text before `:` is not the name of a cluster");
        }
        index = rest;
    }
    if let Some(inner) = index.strip_prefix('<') {
        return date_math(inner);
    }
    if let Some((name, selector)) = index.split_once("::") {
        if !matches!(selector, "data" | "failures") {
            return Err("only `data` or `failures` may follow `::`");
        }
        index = name;
    }
    // A pattern is a name that contains `*`.
    if index == "_all" {
        Ok(())
    } else {
        index_name(&index.replace('*', "x"))
    }
}

/// Checks date math such as `logs-{now/d{yyyy.MM.dd|+12:00}}>`.
fn date_math(text: &str) -> Result<(), &'static str> {
    let Some(inner) = text.strip_suffix('>') else {
        return Err("date math must end with `>`");
    };
    if inner.contains([',', ' ', '<', '>', '"', '?', '#']) {
        return Err("the date math contains a character that index names cannot contain");
    }
    let depth = inner.chars().try_fold(0_usize, |depth, c| match c {
        '{' => Some(depth + 1),
        '}' => depth.checked_sub(1),
        _ => Some(depth),
    });
    match depth {
        Some(0) if inner.contains('{') => Ok(()),
        Some(0) => Err("the date math does not contain an expression such as `{now/d}`"),
        _ => Err("the braces of the date math do not match"),
    }
}

/// The `version.number` in the response to `GET /`, without suffixes such as `-SNAPSHOT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number before the first dot.
    pub major: u32,
    /// The number between the dots.
    pub minor: u32,
    /// The number after the second dot.
    pub patch: u32,
}

impl Version {
    /// Parses `8.19.0` or `9.3.0-SNAPSHOT`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.split(['-', '+']).next()?;
        let parts: Option<Vec<u32>> = number.split('.').map(|part| part.parse().ok()).collect();
        match parts?[..] {
            [major, minor, patch] => Some(Self { major, minor, patch }),
            _ => None,
        }
    }

    /// Whether this version can be used.
    pub fn is_supported(self) -> bool {
        self.at_least(7, 10) && self.major <= 9
    }

    /// Whether this version is tested: 7.17, 8.x and 9.x.
    pub fn is_tested(self) -> bool {
        self.at_least(7, 17)
    }

    /// Whether this is `major.minor` or later.
    pub fn at_least(self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn job_ids_follow_the_rules_of_elasticsearch() {
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
    fn lowercase_spelling_is_suggested() {
        let message = |id: &str| id.parse::<JobId>().unwrap_err().to_string();
        assert_eq!(
            message("Web-Latency"),
            "invalid job ID `Web-Latency`: job IDs are lowercase (did you mean `web-latency`?)"
        );
        assert!(!message("Web Latency").contains("did you mean"));
        let error = "Logs".parse::<IndexName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid index name `Logs`: index names are lowercase (did you mean `logs`?)"
        );
    }

    #[test]
    fn index_names_have_no_wildcards() {
        for good in ["a", "web-latency-input", "weblogs-2024.01", ".hidden"] {
            assert!(good.parse::<IndexName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "_all", "a*", "a,b", "A", "-a", "remote:a", "<a-{now}>"] {
            assert!(bad.parse::<IndexName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_built_in_template_matches_the_default_name_of_an_input_index() {
        // Index patterns of the templates that Elasticsearch 7.17 to 9.x creates.
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
    fn safe_ids_have_no_dots() {
        let id: JobId = "app.log_categories-2".parse().expect("valid");
        assert_eq!(id.safe(), "app_log_categories-2");
    }

    #[test]
    fn index_patterns_of_datafeeds_are_accepted() {
        for good in [
            "logs",
            "logs-*",
            "*",
            "_all",
            "-logs-old",
            "-logs-*-old",
            ".ds-logs-2024.01.01-000001",
            "europe:logs-*",
            "*:logs",
            "-europe:*",
            "logs::failures",
            "<logs-{now/d}>",
            "<logs-{now/d{yyyy.MM.dd|+12:00}}-*>",
            "europe:<logs-{now/M}>",
        ] {
            assert!(good.parse::<IndexPattern>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-",
            "a,b",
            "a b",
            "Logs",
            "a/b",
            "a?",
            "_x",
            "..",
            ":a",
            "a:",
            "a b:c",
            "a:b:c",
            "logs::x",
            "<logs>",
            "<logs-{now>",
            "<logs-{now}",
            "<{now}},a>",
            "a#",
            "\"a\"",
            "a\n",
        ] {
            assert!(bad.parse::<IndexPattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn remote_index_names_are_recognized() {
        for remote in ["europe:logs", "*:logs-*", "-europe:*", "europe:<logs-{now}>"] {
            assert!(is_remote(remote), "{remote}");
        }
        for local in ["logs", "-logs", "<logs-{now/d{HH:mm|+12:00}}>", "logs::failures"] {
            assert!(!is_remote(local), "{local}");
        }
    }

    #[test]
    fn version_suffixes_are_ignored_and_other_text_is_refused() {
        let version = Version::parse("9.3.0-SNAPSHOT").unwrap();
        assert_eq!(
            version,
            Version {
                major: 9,
                minor: 3,
                patch: 0
            }
        );
        let supported = |text: &str| Version::parse(text).map(|version| (version.is_supported(), version.is_tested()));
        assert_eq!(supported("7.9.3"), Some((false, false)));
        assert_eq!(supported("7.10.0"), Some((true, false)));
        assert_eq!(supported("7.16.3"), Some((true, false)));
        assert_eq!(supported("7.17.0"), Some((true, true)));
        assert!(supported("10.0.0").is_some_and(|(supported, _)| !supported));
        assert!(version.at_least(7, 15) && !version.at_least(9, 4));
        for bad in ["", "8", "8.1", "8.1.x", "8.1.2.3", "v8.1.0"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
