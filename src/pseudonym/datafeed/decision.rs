//! What becomes of the datafeed: kept, with `match_all` as its query, left out, or a reason to refuse the run.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::texts::{self, ValueMatcher};
use crate::archive::{ArchivedQuery, Manifest};
use crate::job::{Datafeed, FieldReader, JobConfig, reads_made_field, without_made_field, without_query};
use crate::pseudonym::error::{Error, Result};
use crate::pseudonym::fields::Fields;
use crate::pseudonym::rewrite::Rewriter;

/// What became of the datafeed, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum DatafeedOutcome {
    /// The job has none, or it was not wanted.
    #[default]
    Absent,
    /// Its query is what it was.
    Kept,
    /// Its query is `match_all`.
    MatchAll(String),
    /// It is not in the archive.
    LeftOut(String),
}

/// The configuration that is written.
#[derive(Clone, Debug)]
pub(crate) struct DatafeedDecision {
    pub(crate) config: JobConfig,
    pub(crate) outcome: DatafeedOutcome,
    /// Names of scripted fields that were removed from the datafeed.
    pub(crate) left_out: Vec<String>,
    /// Names that the datafeed uses.
    pub(crate) names: BTreeSet<String>,
}

/// What a decision is made from.
pub(crate) struct DatafeedContext<'a> {
    pub(crate) config: &'a JobConfig,
    pub(crate) fields: &'a Fields,
    /// Whether the archive has input documents.
    pub(crate) has_inputs: bool,
    /// All values, once they are known.
    pub(crate) rewriter: Option<&'a Rewriter>,
}

/// Decides about the datafeed.
///
/// # Errors
/// [`Error::Refused`] for aggregations and scripts that read replaced values.
pub(crate) fn decide(context: &DatafeedContext<'_>) -> Result<DatafeedDecision> {
    let Some(feed) = context.config.datafeed() else {
        return Ok(DatafeedDecision::of(context.config.clone(), DatafeedOutcome::Absent));
    };
    let (mut config, outcome) = match context.against_query(feed) {
        None => (context.config.clone(), DatafeedOutcome::Kept),
        Some(why) if context.has_inputs => (without_query(context.config)?, DatafeedOutcome::MatchAll(why)),
        Some(why) => {
            let config = context.config.without_datafeed()?;
            return Ok(DatafeedDecision::of(config, DatafeedOutcome::LeftOut(why)));
        }
    };
    let mut left_out = Vec::new();
    let mut problems = Vec::new();
    // A field that is left out may be the only one that reads another.
    while let Some((name, why)) = context.against_scripts(&config).into_iter().find(|(name, why)| {
        let unread = why.as_ref().is_some_and(|_| !reads_made_field(&config, name));
        unread && !left_out.contains(name)
    }) {
        drop(why);
        config = without_made_field(&config, &name)?;
        left_out.push(name);
    }
    let scripts = context.against_scripts(&config).into_iter();
    problems.extend(scripts.filter_map(|(name, why)| Some(format!("the script of `{name}`: {}", why?))));
    problems.extend(context.against_mapped_scripts(&config));
    problems.extend(context.against_aggregations(&config));
    if !problems.is_empty() {
        return Err(Error::datafeed_reads_values(&problems));
    }
    Ok(DatafeedDecision {
        left_out,
        ..DatafeedDecision::of(texts::without_comments(&config)?, outcome)
    })
}

impl DatafeedOutcome {
    /// As the result of `--json` names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Kept => "kept",
            Self::MatchAll(_) => "match_all",
            Self::LeftOut(_) => "left_out",
        }
    }

    /// What became of it and why, for programs.
    pub(crate) fn document(&self) -> Value {
        match self {
            Self::Absent | Self::Kept => json!({"result": self.name()}),
            Self::MatchAll(why) | Self::LeftOut(why) => json!({"result": self.name(), "reason": why}),
        }
    }

    /// The same for people.
    pub(crate) fn sentence(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Kept => Some("Datafeed: its query stays, since it reads and contains no replaced value".to_owned()),
            Self::MatchAll(why) => Some(format!(
                "Datafeed: `match_all` replaces its query ({why}); the archived input documents already match it"
            )),
            Self::LeftOut(why) => Some(format!(
                "Datafeed: left out, since its query cannot stay ({why}) and the archive has no input documents that \
                 match it"
            )),
        }
    }
}

impl DatafeedDecision {
    fn of(config: JobConfig, outcome: DatafeedOutcome) -> Self {
        let names = texts::names(&config);
        Self {
            config,
            outcome,
            left_out: Vec::new(),
            names,
        }
    }
}

impl DatafeedDecision {
    /// Records what an import must know.
    pub(crate) fn for_manifest(&self, fields: &Fields, manifest: &mut Manifest) {
        let query = match self.outcome {
            DatafeedOutcome::MatchAll(_) => ArchivedQuery::Replaced,
            // The archive may have been pseudonymized before.
            DatafeedOutcome::Kept if manifest.datafeed_query() != ArchivedQuery::Original => return,
            DatafeedOutcome::Kept if !fields.only_queried.is_empty() => ArchivedQuery::WithoutFields,
            DatafeedOutcome::Kept | DatafeedOutcome::Absent | DatafeedOutcome::LeftOut(_) => ArchivedQuery::Original,
        };
        manifest.set_datafeed_query(query);
    }
}

impl DatafeedContext<'_> {
    pub(super) fn texts<'n>(&'n self, names: &'n BTreeSet<String>) -> ValueMatcher<'n> {
        ValueMatcher::new(self.rewriter.map(|rewriter| &rewriter.tokens), names)
    }

    /// Why the query cannot stay.
    fn against_query(&self, feed: &Datafeed) -> Option<String> {
        let reader = FieldReader::Query(&feed.query);
        let replaced = self.fields.replaced_by(reader, feed.runtime_mappings.as_ref());
        if let Some(why) = replaced {
            return Some(why);
        }
        // IDs of input documents are replaced.
        if texts::mentions_ids(&feed.query) {
            return Some("it names IDs of documents".to_owned());
        }
        let none = BTreeSet::new();
        let value = self.texts(&none).in_query(&feed.query);
        value.then(|| "it contains a replaced value".to_owned())
    }

    /// Fields that the datafeed's scripts make, each with why it cannot stay.
    fn against_scripts(&self, config: &JobConfig) -> Vec<(String, Option<String>)> {
        let Some(feed) = config.datafeed() else {
            return Vec::new();
        };
        let names = texts::names(config);
        let texts = self.texts(&names);
        let sections = [&feed.runtime_mappings, &feed.script_fields].into_iter().flatten();
        let fields = sections.filter_map(Value::as_object).flat_map(Map::iter);
        let against = |(name, field): (&String, &Value)| {
            let why = self.against_script(name, field, feed.runtime_mappings.as_ref());
            let why = why.or_else(|| texts.in_texts(field).then(|| CONTAINS_VALUE.to_owned()));
            (name.clone(), why)
        };
        fields.map(against).collect()
    }

    /// Runtime fields of the archived mapping that the datafeed or the job reads, and that are not in the new archive.
    fn against_mapped_scripts(&self, config: &JobConfig) -> Vec<String> {
        let names = texts::names(config);
        let texts = self.texts(&names);
        let read = mapped_scripts(&self.fields.mapping).filter(|(name, _)| reads_made_field(config, name));
        let against = |(name, field): (&String, &Value)| {
            let why = self.fields.against_mapped_script(name, field);
            let why = why.or_else(|| texts.in_texts(field).then(|| CONTAINS_VALUE.to_owned()));
            why.map(|why| format!("the script of `{name}` in the mapping: {why}"))
        };
        read.filter_map(against).collect()
    }

    fn against_script(&self, name: &str, field: &Value, runtime: Option<&Value>) -> Option<String> {
        if field.get("target_index").is_some() {
            let input = field.get("input_field").and_then(Value::as_str).unwrap_or_default();
            return self.fields.replaced_by(FieldReader::Name(input), runtime);
        }
        let script = field.get("script")?;
        if self.fields.is_made_of_replaced(name) {
            return Some("it makes values that are replaced".to_owned());
        }
        self.fields.replaced_by(FieldReader::Script(script), runtime)
    }
}

/// Why a text of the datafeed cannot stay.
pub(super) const CONTAINS_VALUE: &str = "it contains a replaced value";

/// Scripted runtime fields of all source mappings.
pub(crate) fn mapped_scripts(mapping: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let sources = mapping.as_object().into_iter().flat_map(Map::values);
    let runtime = sources.filter_map(|source| source.pointer("/mappings/runtime")?.as_object());
    runtime.flatten().filter(|(_, field)| field.get("script").is_some())
}

impl Fields {
    /// Why a part of the datafeed cannot stay as it is: the replaced field that it reads.
    pub(crate) fn replaced_by(&self, reader: FieldReader<'_>, runtime: Option<&Value>) -> Option<String> {
        let read = crate::job::fields_read_by(reader, runtime, &self.mappings);
        if let Some(doubt) = read.warnings.first() {
            return Some(format!("the fields that it reads are not known ({doubt})"));
        }
        let mut all = read.names.iter().chain(&read.fields);
        let replaced = all.find(|path| self.is_replaced(path))?;
        Some(format!("it reads {replaced}"))
    }

    /// The same of a runtime field of the archived mapping.
    pub(crate) fn against_mapped_script(&self, name: &str, field: &Value) -> Option<String> {
        if self.is_made_of_replaced(name) {
            return Some("it makes values that are replaced".to_owned());
        }
        self.replaced_by(FieldReader::Script(field.get("script")?), None)
    }
}
