//! Documents with known members: the configuration, the snapshot, calendars, annotations, notifications and categories.

use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rewriter::{Rewriter, replaced};
use crate::archive::Part;
use crate::job::JobConfig;
use crate::json::{Edit, Kind, Leaf, edit_leaves, edit_members, for_each_leaf, replace_lone_surrogates};
use crate::pseudonym::error::{Error, Result};
use crate::state::SNAPSHOT_DESCRIPTIONS;
use crate::state::hash::{VALUES_IN_ID, values_id};
use crate::state::schema::scaled;
use crate::util::format::is_among;
use crate::values::{
    ANNOTATION, CALENDAR, CATEGORY, CONFIGURATION, Content, DocumentKind, JOB_USER, NOTIFICATION, NamedFields, RESULT,
    SNAPSHOT,
};

/// Names of members that Kibana adds to custom settings.
const CUSTOM_SETTINGS: &str =
    "created_by custom_urls job_tags managed security_app_display_name time_range url_name url_value";
/// Values of `created_by` for jobs that Kibana created.
const KIBANA_WIZARDS: &str = "single-metric-wizard multi-metric-wizard population-wizard advanced-wizard \
                              categorization-wizard rare-wizard geo-wizard";
/// Words between the names of functions and fields in the description of a detector.
const DETECTOR_WORDS: &str = "by over partitionfield excludefrequent usenull true false";

impl Rewriter {
    /// Rewrites the configuration of the job and its datafeed.
    pub(crate) fn configuration(&mut self, config: &JobConfig) -> Result<Vec<u8>> {
        let edited = edit_members(config.text.get().as_bytes(), &mut |leaf| match leaf.kind {
            Kind::Name => {
                let is_own = leaf.path.starts_with("custom_settings.") && !is_among(CUSTOM_SETTINGS, &leaf.text);
                Ok(self.edit_name(leaf, is_own))
            }
            _ => self.configuration_value(leaf, config),
        });
        edited.map_err(Error::of_edit)
    }

    fn configuration_value(&mut self, leaf: &Leaf<'_>, config: &JobConfig) -> io::Result<Edit> {
        let (path, text) = (leaf.path, &*leaf.text);
        let name = path.rsplit('.').next().unwrap_or_default();
        let is_analyzer = path.starts_with("analysis_config.categorization_analyzer");
        let content = match name {
            _ if path.starts_with("custom_settings.") => match (name, text) {
                (_, "null" | "true" | "false") => Content::KeptText,
                ("created_by", _) if is_among(KIBANA_WIZARDS, text) => Content::Kept,
                ("time_range", _) if is_duration(text) => Content::Kept,
                // Numbers are replaced too.
                _ => return replaced(leaf, self.text(Content::FreeText, text)),
            },
            _ if path == "analysis_config.detectors.detector_description" && consists_of_names(text, config) => {
                Content::Kept
            }
            "type" | "tokenizer" if is_analyzer => Content::Kept,
            _ => CONFIGURATION.content(path),
        };
        self.edit(content, leaf)
    }

    /// Rewrites a snapshot document, and sets its number of state documents.
    pub(crate) fn snapshot(&mut self, json: &RawValue, documents: Option<u64>, max_bytes: u64) -> Result<Vec<u8>> {
        let edited = edit_leaves(json.get().as_bytes(), &mut |leaf| match leaf.path {
            "snapshot_doc_count" => Ok(documents.map_or(Edit::Keep, |documents| Edit::Json(documents.to_string()))),
            "quantiles.quantile_state" if leaf.kind == Kind::Text && !leaf.text.is_empty() => {
                let quantiles = self.quantiles(&leaf.text, max_bytes).map_err(Error::from);
                quantiles.map(Edit::Text).map_err(io::Error::other)
            }
            "description" if SNAPSHOT_DESCRIPTIONS.iter().any(|begin| leaf.text.starts_with(begin)) => Ok(Edit::Keep),
            path => self.edit(SNAPSHOT.content(path), leaf),
        });
        edited.map_err(Error::of_edit)
    }

    /// Rewrites calendars with their events. Other jobs are removed from them.
    pub(crate) fn calendars(&mut self, calendars: &RawValue, config: &JobConfig) -> Result<Vec<u8>> {
        let is_of_job = |name: &str| {
            name == config.id().as_str() || name == "_all" || config.groups.iter().any(|group| group == name)
        };
        let edited = edit_leaves(calendars.get().as_bytes(), &mut |leaf| match leaf.path {
            "job_ids" if is_of_job(&leaf.text) => Ok(Edit::Keep),
            "job_ids" => Ok(Edit::LeaveOut),
            path if path.ends_with("_time") => Ok(Edit::Keep),
            path => self.edit(CALENDAR.content(path), leaf),
        });
        edited.map_err(Error::of_edit)
    }

    /// Rewrites a document of a part other than the state.
    pub(crate) fn document(&mut self, part: Part, source: &[u8]) -> Result<Vec<u8>> {
        let edited = match part {
            Part::Annotations => self.known_document(part, &ANNOTATION, source),
            Part::Notifications => self.known_document(part, &NOTIFICATION, source),
            Part::Categories => self.known_document(part, &CATEGORY, source),
            Part::Results => self.known_document(part, &RESULT, source),
            Part::Inputs => self.input(source),
            Part::State => Ok(Vec::new()),
        };
        edited.map_err(Error::of_edit)
    }

    /// Rewrites a document whose members are known.
    fn known_document(&mut self, part: Part, document: &DocumentKind, source: &[u8]) -> io::Result<Vec<u8>> {
        let is_annotation = part == Part::Annotations;
        let (mut named, mut by_job, mut longest) = (NamedFields::of(source), false, None);
        if is_annotation {
            for_each_leaf(source, &mut |leaf| {
                by_job |= leaf.path == "create_username" && leaf.text == JOB_USER;
            });
        }
        if part == Part::Categories {
            longest = self.max_matching_length(source)?;
        }
        edit_members(source, &mut |leaf| {
            if leaf.kind == Kind::Name {
                named.enter(leaf.path);
                return Ok(self.edit_name(leaf, !document.has(leaf.path) && !self.fields.is_known(leaf.path)));
            }
            named.note(leaf);
            let content = match (leaf.path, document.content(leaf.path)) {
                ("create_username" | "modified_username", _) if is_annotation && leaf.text == JOB_USER => Content::Kept,
                // The annotation is about numbers.
                ("annotation", _) if by_job => Content::KeptText,
                (path, Content::ValueOfNamedField) => {
                    let field = named.field_of(path);
                    field.map_or(Content::ValueOfNamedField, Content::Value)
                }
                // The value is also stored under the name of the field.
                (path, _) if named.contains(path) && !document.has(path) => Content::Value(path),
                (_, content) => content,
            };
            match longest {
                Some(length) if leaf.path == "max_matching_length" => Ok(Edit::Json(length.to_string())),
                _ => self.edit(content, leaf),
            }
        })
    }

    /// Returns the ID of a rewritten result, which ends with a hash of its values. Elasticsearch computes the same ID when
    /// it updates a result.
    pub(crate) fn result_id(&self, id: &str, source: &[u8], written: &[u8]) -> String {
        let [old, new] = [source, written].map(values_in_id);
        let hash = id.rmatch_indices('_').nth(1);
        let Some((begin, hash)) = hash.map(|(at, _)| id.split_at(at + 1)).filter(|_| old != new) else {
            return id.to_owned();
        };
        match hash == values_id(&old) {
            true => format!("{begin}{}", values_id(&new)),
            // Earlier versions use another hash, whose values may have several.
            false => format!("{begin}{}", values_id(&self.tokens.file.key.unrecorded_token(id))),
        }
    }

    /// Returns the length of the longest message that matches a category: the new length from the state, or, if the
    /// definition does not belong to that state, the old length increased in proportion to the examples.
    fn max_matching_length(&mut self, source: &[u8]) -> io::Result<Option<u64>> {
        // A definition that autodetect did not write, with members of other types, has no length that must be adjusted.
        let category = serde_json::from_slice(&replace_lone_surrogates(source));
        let category: CategoryDefinition = category.unwrap_or_default();
        let length = category.max_matching_length;
        if !self.writing || length == 0 {
            return Ok(None);
        }
        // If categories belong to partitions, their numbers are not their positions in the state.
        let is_of_state = category.partition_field_name.is_none();
        let place = category.category_id.checked_sub(1).filter(|_| is_of_state);
        match place.and_then(|place| self.category_lengths.get(usize::try_from(place).ok()?)) {
            Some([before, after]) if *before == length => return Ok(Some(*after)),
            _ => {}
        }
        let (mut old, mut new) = (0, 0);
        for example in &category.examples {
            old += example.len() as u64;
            new += self.message(example).map_err(io::Error::other)?.len() as u64;
        }
        Ok((old > 0).then(|| scaled(length, new, old)))
    }
}

/// The members of a category definition that determine the length of its messages.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CategoryDefinition {
    category_id: u64,
    max_matching_length: u64,
    examples: Vec<String>,
    partition_field_name: Option<String>,
}

/// Returns the values of a result that are part of its ID.
fn values_in_id(source: &[u8]) -> String {
    let mut values = vec![String::new(); VALUES_IN_ID.len()];
    for_each_leaf(source, &mut |leaf| {
        if let Some(place) = VALUES_IN_ID.iter().position(|path| *path == leaf.path) {
            values[place] = leaf.text.to_string();
        }
    });
    values.concat()
}

/// Whether a text is `auto` or a duration such as `1h`.
fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    text == "auto" || (!number.is_empty() && text.len() < 8 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a description only consists of the function and the names of its fields.
fn consists_of_names(text: &str, config: &JobConfig) -> bool {
    let known = |word: &str| {
        let mut detectors = config.analysis.detectors.iter();
        is_among(DETECTOR_WORDS, word)
            || detectors.any(|detector| detector.function == word || detector.fields().any(|field| field == word))
    };
    let words = text.split(|c: char| c.is_whitespace() || "()=,\"".contains(c));
    words.filter(|word| !word.is_empty()).all(known)
}
