//! Entries that are one JSON text each, except for the configuration: the snapshot, calendars, the input mapping with the
//! definitions of its fields, and the manifest.

use std::collections::BTreeSet;
use std::io;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::datafeed::ValueMatcher;
use super::super::fields::Input;
use super::rewriter::{Rewriter, replaced};
use crate::archive::Manifest;
use crate::job::{InputMappings, JobConfig};
use crate::json::{Edit, edit_leaves};
use crate::pseudonym::error::{Error, Result};
use crate::state::StateLimits;

/// How autodetect describes a snapshot.
const SNAPSHOT_DESCRIPTIONS: [&str; 2] = [
    "State persisted due to job close at ",
    "Periodic background persist at ",
];
/// Types of fields that take any token.
const TAKES_TOKENS: [&str; 12] = [
    "keyword",
    "text",
    "wildcard",
    "constant_keyword",
    "match_only_text",
    "flattened",
    "ip",
    "long",
    "integer",
    "unsigned_long",
    "double",
    "alias",
];

/// Whether a member of a snapshot document says nothing of anybody.
fn snapshot_stays(path: &str, text: &str) -> bool {
    let described = || SNAPSHOT_DESCRIPTIONS.iter().any(|begin| text.starts_with(begin));
    match path {
        "description" => described(),
        _ => {
            let path = path.strip_prefix("model_size_stats.").unwrap_or(path);
            matches!(
                path,
                "job_id"
                    | "min_version"
                    | "snapshot_id"
                    | "result_type"
                    | "memory_status"
                    | "categorization_status"
                    | "assignment_memory_basis"
                    | "quantiles.job_id"
            )
        }
    }
}

impl Rewriter {
    /// A snapshot document whose state has that many documents from now on.
    pub(crate) fn snapshot(
        &mut self,
        snapshot: &RawValue,
        documents: Option<u64>,
        limits: StateLimits,
    ) -> Result<Vec<u8>> {
        let mut failed = None;
        let edited = edit_leaves(snapshot.get().as_bytes(), &mut |leaf| match leaf.path {
            "snapshot_doc_count" => Ok(documents.map_or(Edit::Keep, |documents| Edit::Json(documents.to_string()))),
            "quantiles.quantile_state" if leaf.quoted && !leaf.text.is_empty() => {
                let quantiles = match self.writing {
                    true => self.quantiles(&leaf.text, limits),
                    false => self.read_quantile_values(&leaf.text, limits).map(|()| String::new()),
                };
                quantiles.map(Edit::Text).map_err(|error| {
                    failed = Some(error);
                    io::Error::other("quantiles")
                })
            }
            path if !leaf.quoted || snapshot_stays(path, &leaf.text) => Ok(Edit::Keep),
            "description" => replaced(leaf, self.free_text(&leaf.text)),
            _ => replaced(leaf, Ok(self.replace_known_values(&leaf.text))),
        });
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(edited.map_err(Error::of_checked_edit)?),
        }
    }

    /// Calendars with their events, of this job only: they may name other ones.
    pub(crate) fn calendars(&mut self, calendars: &RawValue, config: &JobConfig) -> io::Result<Vec<u8>> {
        let is_of_job = |name: &str| {
            name == config.id().as_str() || name == "_all" || config.groups.iter().any(|group| group == name)
        };
        edit_leaves(calendars.get().as_bytes(), &mut |leaf| {
            if leaf.path == "job_ids" {
                return Ok(match is_of_job(&leaf.text) {
                    true => Edit::Keep,
                    false => Edit::LeaveOut,
                });
            }
            let stays = !leaf.quoted || matches!(leaf.path, "calendar_id" | "events.calendar_id" | "events.event_id");
            match stays || leaf.path.ends_with("_time") {
                true => Ok(Edit::Keep),
                false => replaced(leaf, self.free_text(&leaf.text)),
            }
        })
    }

    /// The mapping of the inputs: fields take tokens, and what it holds of values is replaced.
    pub(crate) fn mapping(&mut self, mapping: &RawValue) -> Result<Vec<u8>> {
        let mapping = InputMappings::parse(mapping.get().as_bytes())?;
        let queried = &self.fields.only_queried;
        let mapping = mapping.without(&|path| queried.contains(path), &queried.runtime);
        let mut mapping = mapping.to_json();
        for source in mapping
            .as_object_mut()
            .into_iter()
            .flat_map(|sources| sources.values_mut())
        {
            without_texts(source);
            if let Some(properties) = source.pointer_mut("/mappings/properties") {
                self.properties(properties, "")?;
            }
            if let Some(mappings) = source.get_mut("mappings") {
                self.leave_out_scripts(mappings);
            }
        }
        self.refuse_in_settings(&mapping)?;
        Ok(mapping.to_string().into_bytes())
    }

    fn properties(&mut self, properties: &mut Value, above: &str) -> Result<()> {
        self.rename_properties(properties, above);
        for (name, definition) in properties.as_object_mut().into_iter().flatten() {
            let path = format!("{above}{name}");
            self.constants(&path, definition)?;
            if let Input::Value(_) = self.fields.input(&path) {
                let kind = definition.get("type").and_then(Value::as_str);
                if kind.is_some_and(|kind| !TAKES_TOKENS.contains(&kind)) && self.writing {
                    let null = definition.get("null_value").cloned();
                    *definition = serde_json::json!({"type": "keyword"});
                    if let Some(null) = null {
                        let text = null.as_str().map_or_else(|| null.to_string(), str::to_owned);
                        definition["null_value"] = text.into();
                    }
                    self.note("a field of a type that takes no tokens is mapped as `keyword`");
                }
            }
            if self.fields.normalizers.is_normalized(&path)
                && let Some(definition) = definition.as_object_mut()
            {
                // Tokens are spelled alike already, and must not be changed.
                definition.shift_remove("normalizer");
            }
            if self.fields.normalizers.is_limited(&path) {
                // Larger than any token, and than what the settings of the index may say instead.
                definition["ignore_above"] = i32::MAX.into();
            }
            for inner in ["properties", "fields"] {
                if let Some(inner) = definition.get_mut(inner) {
                    self.properties(inner, &format!("{path}."))?;
                }
            }
        }
        Ok(())
    }

    /// Leaves the runtime fields out of a source's mapping whose scripts read or contain replaced values.
    fn leave_out_scripts(&mut self, mappings: &mut Value) {
        let Some(runtime) = mappings.get_mut("runtime").and_then(Value::as_object_mut) else {
            return;
        };
        let texts = ValueMatcher::new(self.writing.then_some(&self.tokens), &self.names);
        let before = runtime.len();
        runtime
            .retain(|name, field| self.fields.against_mapped_script(name, field).is_none() && !texts.in_texts(field));
        if runtime.len() < before {
            self.note("a runtime field of the mapping whose script reads or contains replaced values is left out");
        }
    }

    /// The manifest says that there are tokens; names of the cluster are replaced.
    pub(crate) fn manifest(&mut self, manifest: &mut Manifest) -> Result<()> {
        for name in [&mut manifest.source.cluster_name, &mut manifest.source.cluster_uuid] {
            let token = self.other_value(name)?;
            *name = token;
        }
        Ok(())
    }
}

/// Parameters that name analyzers. No archived query needs one, and an analyzer may list words.
const ANALYZERS: [&str; 3] = ["analyzer", "search_analyzer", "search_quote_analyzer"];

/// Leaves out of a source's mapping and settings what people wrote and what only a search for words needs.
fn without_texts(source: &mut Value) {
    if let Some(properties) = source.pointer_mut("/mappings/properties") {
        without_parameters(properties);
    }
    if let Some(mappings) = source.get_mut("mappings").and_then(Value::as_object_mut) {
        mappings.shift_remove("_meta");
    }
    if let Some(index) = source.pointer_mut("/settings/index").and_then(Value::as_object_mut) {
        let normalizers = index.get("analysis").and_then(normalizers);
        match normalizers {
            Some(normalizers) => drop(index.insert("analysis".to_owned(), normalizers)),
            None => drop(index.shift_remove("analysis")),
        }
    }
}

fn without_parameters(properties: &mut Value) {
    for definition in properties.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(definition) = definition.as_object_mut() else {
            continue;
        };
        // Without an analyzer this type is an error.
        let counts = definition.get("type").is_some_and(|kind| kind == "token_count");
        for parameter in ANALYZERS.into_iter().chain(["meta"]) {
            definition.shift_remove(parameter);
        }
        if counts {
            definition.insert("analyzer".to_owned(), "standard".into());
        }
        for inner in ["properties", "fields"] {
            definition.get_mut(inner).into_iter().for_each(without_parameters);
        }
    }
}

/// Normalizers with the filters that they name: keywords need them.
fn normalizers(analysis: &Value) -> Option<Value> {
    let normalizers = analysis.get("normalizer")?.as_object()?;
    let mut kept = Map::new();
    kept.insert("normalizer".to_owned(), normalizers.clone().into());
    for section in ["filter", "char_filter"] {
        let other_value: BTreeSet<&str> = normalizers
            .values()
            .filter_map(|normalizer| normalizer.get(section))
            .flat_map(|names| match names {
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                name => Vec::from_iter(name.as_str()),
            })
            .collect();
        let mut parts = analysis
            .get(section)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        parts.retain(|name, _| other_value.contains(name.as_str()));
        if !parts.is_empty() {
            kept.insert(section.to_owned(), parts.into());
        }
    }
    Some(kept.into())
}

impl Rewriter {
    /// The values in the definition of a field: that of a constant, and what stands for `null`.
    fn constants(&mut self, path: &str, definition: &mut Value) -> Result<()> {
        for name in ["value", "null_value"] {
            let (text, quoted) = match definition.get(name) {
                Some(Value::String(text)) => (text.clone(), true),
                Some(Value::Number(number)) => (number.to_string(), false),
                _ => continue,
            };
            let new = match self.fields.input(path) {
                Input::Value(field) => {
                    let field = field.to_owned();
                    self.document_value(&field, &text)?
                }
                Input::Message if quoted => self.message(&text)?,
                Input::Text if quoted => self.word_by_word(&text)?,
                Input::Address if quoted => self.other_value(&text)?,
                _ if quoted => self.replace_known_values(&text),
                _ => continue,
            };
            definition[name] = match new.parse::<u64>() {
                Ok(number) if !quoted => number.into(),
                _ if new == text => continue,
                _ => new.into(),
            };
        }
        Ok(())
    }

    /// Refuses normalizers that contain values: without them, keywords would be others.
    fn refuse_in_settings(&self, mapping: &Value) -> Result<()> {
        let texts = ValueMatcher::new(self.writing.then_some(&self.tokens), &self.names);
        let sources = mapping.as_object().into_iter().flatten();
        for (index, source) in sources {
            if source
                .pointer("/settings/index/analysis")
                .is_some_and(|analysis| texts.in_texts(analysis))
            {
                return Err(Error::normalizer_contains_value(index));
            }
        }
        Ok(())
    }
}
