//! Decides what happens to the datafeed. Nothing in it is rewritten. Its query stays, or is replaced by `match_all`,
//! since the archived input documents already match it, or the datafeed is removed. If its scripts or aggregations
//! cannot stay, the run is refused.

mod aggregations;
mod texts;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use self::texts::ValueMatcher;
use crate::archive::{ArchivedQuery, Manifest};
use crate::job::{Datafeed, FieldReader, JobConfig, reads_scripted_field, without_query, without_scripted_field};
use crate::pseudonym::error::{Error, Result};
use crate::pseudonym::rewrite::Rewriter;

/// What happens to the datafeed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", content = "reason", rename_all = "snake_case")]
pub(crate) enum DatafeedOutcome {
    /// The job has no datafeed, or it is skipped.
    Absent,
    /// Its query is unchanged.
    Kept,
    /// Its query is `match_all`.
    MatchAll(String),
    /// It is removed.
    Removed(String),
}

/// The configuration to write.
#[derive(Clone, Debug)]
pub(crate) struct DatafeedDecision {
    pub(crate) config: JobConfig,
    pub(crate) outcome: DatafeedOutcome,
    /// Names of scripted fields that are removed from the datafeed.
    pub(crate) removed_fields: Vec<String>,
    /// Names that the datafeed uses.
    pub(crate) names: BTreeSet<String>,
}

/// Decides about the datafeed of a job after all values are known.
///
/// # Errors
/// Aggregations or scripts read replaced values.
pub(crate) fn decide(config: &JobConfig, rewriter: &Rewriter, has_inputs: bool) -> Result<DatafeedDecision> {
    let Some(feed) = config.datafeed() else {
        return Ok(DatafeedDecision::new(config.clone(), DatafeedOutcome::Absent));
    };
    let (mut decided, outcome) = match query_problem(feed, rewriter) {
        None => (config.clone(), DatafeedOutcome::Kept),
        Some(why) if has_inputs => (without_query(config)?, DatafeedOutcome::MatchAll(why)),
        Some(why) => {
            let config = config.without_datafeed()?;
            return Ok(DatafeedDecision::new(config, DatafeedOutcome::Removed(why)));
        }
    };
    let mut removed_fields = Vec::new();
    // Removing a field may leave another one unused.
    let scripts = loop {
        let scripts = script_problems(&decided, rewriter);
        let is_unread =
            |(name, _): &&(String, String)| !reads_scripted_field(&decided, name) && !removed_fields.contains(name);
        let Some((name, _)) = scripts.iter().find(is_unread) else {
            break scripts;
        };
        decided = without_scripted_field(&decided, name)?;
        removed_fields.push(name.clone());
    };
    let describe = |(name, why): &(String, String)| format!("the script of `{name}`: {why}");
    let mut problems: Vec<String> = scripts.iter().map(describe).collect();
    problems.extend(mapped_script_problems(&decided, rewriter));
    problems.extend(aggregations::problems(&decided, rewriter));
    if !problems.is_empty() {
        return Err(Error::datafeed_reads_values(&problems));
    }
    Ok(DatafeedDecision {
        removed_fields,
        ..DatafeedDecision::new(texts::without_comments(&decided)?, outcome)
    })
}

impl DatafeedOutcome {
    /// Returns what happens to the datafeed, and why, as a sentence.
    pub(crate) fn sentence(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Kept => Some("Datafeed: kept with its query, which does not use replaced values".to_owned()),
            Self::MatchAll(why) => Some(format!(
                "Datafeed: its query is replaced by `match_all` ({why}); the archived input documents already match the query"
            )),
            Self::Removed(why) => Some(format!(
                "Datafeed: removed, since its query cannot be kept ({why}) and the archive does not contain input documents that \
                 match it"
            )),
        }
    }
}

impl DatafeedDecision {
    fn new(config: JobConfig, outcome: DatafeedOutcome) -> Self {
        Self {
            names: texts::names(&config),
            config,
            outcome,
            removed_fields: Vec::new(),
        }
    }

    /// Records what an import needs to know. `leaves_out_fields` means that input documents are missing fields that the
    /// query reads.
    pub(crate) fn record(&self, manifest: &mut Manifest, leaves_out_fields: bool) {
        let query = match self.outcome {
            DatafeedOutcome::MatchAll(_) => ArchivedQuery::Replaced,
            // The archive may have been pseudonymized before.
            DatafeedOutcome::Kept if manifest.datafeed_query() != ArchivedQuery::Original => return,
            DatafeedOutcome::Kept if leaves_out_fields => ArchivedQuery::WithoutFields,
            _ => ArchivedQuery::Original,
        };
        manifest.set_datafeed_query(query);
    }
}

/// Returns why the query cannot stay.
fn query_problem(feed: &Datafeed, rewriter: &Rewriter) -> Option<String> {
    let reader = FieldReader::Query(&feed.query);
    let replaced = rewriter.fields.replaced_by(reader, feed.runtime_mappings.as_ref());
    // IDs of input documents are replaced.
    let ids = || texts::mentions_ids(&feed.query).then(|| "it contains document IDs".to_owned());
    let matcher = ValueMatcher::new(&rewriter.tokens, &BTreeSet::new());
    let value = || {
        matcher
            .is_in_query(&feed.query)
            .then(|| texts::CONTAINS_VALUE.to_owned())
    };
    replaced.or_else(ids).or_else(value)
}

/// Returns the fields defined by the datafeed's scripts that cannot stay, each with the reason.
fn script_problems(config: &JobConfig, rewriter: &Rewriter) -> Vec<(String, String)> {
    let Some(feed) = config.datafeed() else {
        return Vec::new();
    };
    let matcher = ValueMatcher::new(&rewriter.tokens, &texts::names(config));
    let runtime = feed.runtime_mappings.as_ref();
    let problem = |name: &str, field: &Value| match (field.get("target_index"), field.get("script")) {
        (Some(_), _) => {
            let input = field.get("input_field").and_then(Value::as_str).unwrap_or_default();
            rewriter.fields.replaced_by(FieldReader::Name(input), runtime)
        }
        (None, None) => None,
        (None, script) => rewriter.fields.replaced_by_script(name, script, runtime),
    };
    let sections = [&feed.runtime_mappings, &feed.script_fields].into_iter().flatten();
    let fields = sections.filter_map(Value::as_object).flatten();
    let problems = fields.filter_map(|(name, field)| {
        let why = problem(name, field).or_else(|| matcher.problem_in(field))?;
        Some((name.clone(), why))
    });
    problems.collect()
}

/// Returns the same for runtime fields of the archived mapping that the datafeed or the job reads, as sentences.
fn mapped_script_problems(config: &JobConfig, rewriter: &Rewriter) -> Vec<String> {
    let matcher = ValueMatcher::new(&rewriter.tokens, &texts::names(config));
    let mapping = rewriter.fields.mappings.to_json();
    let sources = mapping.as_object().into_iter().flat_map(Map::values);
    let runtime = sources.filter_map(|source| source.pointer("/mappings/runtime")?.as_object());
    let problems = runtime.flatten().filter_map(|(name, field)| {
        let script = field.get("script").filter(|_| reads_scripted_field(config, name))?;
        let why = rewriter.fields.replaced_by_script(name, Some(script), None);
        let why = why.or_else(|| matcher.problem_in(field))?;
        Some(format!("the script of `{name}` in the mapping: {why}"))
    });
    problems.collect()
}
