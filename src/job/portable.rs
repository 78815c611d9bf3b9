//! Prepares a job for another cluster, optionally under another ID: its configuration, without a list of known fields,
//! and its documents.

use std::borrow::Cow;
use std::mem;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::config::{DATAFEED, GENERATED, JobConfig};
use super::error::{Error, members};
use super::id::{DatafeedId, JobId};
use crate::json::{Edit, Kind, RawObject, edit_members, raw};

/// Members that belong to other requests: the path contains the job ID, and the datafeed is created separately.
const ELSEWHERE: &str = "job_id datafeed_config";
const OF_DATAFEED: &str = "authorization job_id datafeed_id";

/// Options for creating the job.
#[derive(Clone, Debug)]
pub struct PortableOptions<'a> {
    /// The new ID. If it differs, job and datafeed are renamed: `datafeed-<old>`, or any other datafeed ID, becomes
    /// `datafeed-<new>`.
    pub id: &'a JobId,
    /// The indices that the datafeed reads; `None` keeps the configured ones.
    pub datafeed_indices: Option<&'a [&'a str]>,
    /// Replaces `analysis_limits.model_memory_limit`.
    pub model_memory_limit: Option<&'a str>,
    /// The `analysis_config.categorization_analyzer` for a job that does not set one.
    pub categorization_analyzer: Option<&'a Value>,
}

/// The bodies of the requests that create the job.
#[derive(Clone, Debug)]
pub struct PortableJob {
    /// The body of `PUT /_ml/anomaly_detectors/<job>`.
    pub job: Box<RawValue>,
    /// The ID and the body of `PUT /_ml/datafeeds/<id>`, including `job_id`.
    pub datafeed: Option<(DatafeedId, Box<RawValue>)>,
}

impl PortableJob {
    /// Returns the requests that create the job on another cluster. Generated fields are dropped; everything else is
    /// kept as written, including options of later versions.
    ///
    /// # Errors
    /// Parts are not objects, or `categorization_filters` are combined with an analyzer that is only named, not
    /// defined.
    pub fn of(config: &JobConfig, options: &PortableOptions<'_>) -> Result<Self, Error> {
        let mut job = members("job configuration", config.text.get())?;
        let datafeed = match (config.datafeed(), job.get(DATAFEED)) {
            (Some(feed), Some(text)) => {
                let id = match options.id == config.id() {
                    true => feed.id.clone(),
                    false => datafeed_id(options.id)?,
                };
                Some((id, datafeed_body(text, options)?))
            }
            _ => None,
        };
        job.remove(ELSEWHERE);
        job.remove(GENERATED);
        let results_index = config.results_index_name.as_deref();
        if results_index.is_some_and(is_default_results_index) {
            job.remove("results_index_name");
        }
        if let Some(limit) = options.model_memory_limit {
            let mut limits = section(&job, "analysis_limits")?;
            limits.set("model_memory_limit", limit);
            job.set("analysis_limits", &limits);
        }
        if let Some(analyzer) = options.categorization_analyzer
            && config.categorization_field().is_some()
            && config.analysis.categorization_analyzer.is_none()
        {
            let mut analysis = section(&job, "analysis_config")?;
            set_analyzer(&mut analysis, &config.analysis.categorization_filters, analyzer.clone())?;
            job.set("analysis_config", &analysis);
        }
        let job = raw(&job);
        Ok(Self { job, datafeed })
    }

    /// Returns the job including its datafeed, since one request can check both (since 7.15).
    ///
    /// # Errors
    /// The configuration is not an object.
    pub fn with_datafeed(&self, job: &JobId) -> Result<Box<RawValue>, Error> {
        let Some((_, datafeed)) = &self.datafeed else {
            return Ok(self.job.clone());
        };
        let mut members = members("job configuration", self.job.get())?;
        // The datafeed contains the job ID, and both IDs must be equal.
        members.set("job_id", job.as_str());
        members.set(DATAFEED, datafeed);
        Ok(raw(&members))
    }
}

/// Returns an object in the job; empty if it is missing or `null`.
fn section(job: &RawObject, name: &str) -> Result<RawObject, Error> {
    match job.get(name) {
        Some(json) if json.get() != "null" => members(name, json.get()),
        _ => Ok(RawObject::default()),
    }
}

/// Whether the name is `shared`, as every version prints it, or includes the number of an index after a rollover.
fn is_default_results_index(name: &str) -> bool {
    let is_number = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    name == "shared" || name.strip_prefix("shared-").is_some_and(is_number)
}

/// Returns the usual name, or the job ID if it is too long for that, as Elasticsearch does.
fn datafeed_id(job: &JobId) -> Result<DatafeedId, Error> {
    format!("datafeed-{job}").parse().or_else(|_| job.as_str().parse())
}

fn datafeed_body(json: &RawValue, options: &PortableOptions<'_>) -> Result<Box<RawValue>, Error> {
    let mut datafeed = members("datafeed configuration", json.get())?;
    datafeed.remove(OF_DATAFEED);
    datafeed.set("job_id", options.id.as_str());
    if let Some(indices) = options.datafeed_indices {
        datafeed.remove("indexes");
        datafeed.set("indices", indices);
    }
    Ok(raw(&datafeed))
}

/// Elasticsearch refuses filters together with an analyzer. When it adds an analyzer to a job, it appends the filters
/// to the analyzer's character filters as `pattern_replace`, as done here.
fn set_analyzer(analysis: &mut RawObject, filters: &[String], mut analyzer: Value) -> Result<(), Error> {
    let refused = |why| Error::config("analysis_config.categorization_analyzer", why);
    if !filters.is_empty() {
        let object = analyzer.as_object_mut();
        let object = object.ok_or_else(|| refused("categorization filters cannot be added to a named analyzer"))?;
        let chars = object.entry("char_filter").or_insert_with(|| json!([])).as_array_mut();
        let chars = chars.ok_or_else(|| refused("its `char_filter` is not a list"))?;
        let replace = |pattern| json!({"type": "pattern_replace", "pattern": pattern});
        chars.extend(filters.iter().map(replace));
    }
    analysis.remove("categorization_filters");
    analysis.set("categorization_analyzer", &analyzer);
    Ok(())
}

/// Replaces the ID of a job by another one. If both are equal, nothing changes.
#[derive(Clone, Debug)]
pub struct Renamer {
    from: JobId,
    /// The new ID.
    pub(crate) to: JobId,
}

impl Renamer {
    /// Creates a renamer.
    pub fn new(from: JobId, to: JobId) -> Self {
        Self { from, to }
    }

    /// Replaces the old ID in every member `job_id` of a JSON document, including nested ones. All other bytes stay the same.
    /// Borrowed if nothing changes.
    ///
    /// # Errors
    /// The bytes are not JSON and contain an escape; without one, they are not parsed.
    pub fn document<'a>(&self, source: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        if self.from == self.to {
            return Ok(Cow::Borrowed(source));
        }
        // Parsing takes ten times as long. Without escapes, every quotation mark begins or ends a string.
        match str::from_utf8(source) {
            Ok(text) if !text.contains('\\') => Ok(self.without_escapes(text)),
            _ => self.parsed(source),
        }
    }

    fn without_escapes<'a>(&self, text: &'a str) -> Cow<'a, [u8]> {
        let (old, mut renamed, mut copied) = (format!("\"{}\"", self.from), Vec::new(), 0);
        for (at, name) in text.match_indices("\"job_id\"") {
            let value = text[at + name.len()..].trim_start().strip_prefix(':');
            if let Some(rest) = value.and_then(|value| value.trim_start().strip_prefix(&old)) {
                let end = text.len() - rest.len();
                renamed.extend_from_slice(&text.as_bytes()[copied..end - old.len()]);
                renamed.extend_from_slice(format!("\"{}\"", self.to).as_bytes());
                copied = end;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text.as_bytes());
        }
        renamed.extend_from_slice(&text.as_bytes()[copied..]);
        Cow::Owned(renamed)
    }

    fn parsed<'a>(&self, source: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        // Whether the value belongs to a member `job_id`.
        let (mut named, mut renamed) = (false, false);
        let edited = edit_members(source, &mut |leaf| {
            let follows = mem::replace(&mut named, leaf.kind == Kind::Name && leaf.text == "job_id");
            if !follows || leaf.kind != Kind::Text || leaf.text != self.from.as_str() {
                return Ok(Edit::Keep);
            }
            renamed = true;
            Ok(Edit::Text(self.to.to_string()))
        });
        match edited.map_err(|cause| Error::config("document", cause))? {
            edited if renamed => Ok(Cow::Owned(edited)),
            _ => Ok(Cow::Borrowed(source)),
        }
    }

    /// Replaces the job in a document ID that begins with `<old>_` (categories, results, snapshots …) or
    /// `annotation_for_<old>_`. Any other ID is returned unchanged. The caller must know that the document belongs to
    /// this job: `a_b_…` could belong to job `a_b` or job `a`.
    pub fn document_id(&self, id: &str) -> String {
        const ANNOTATION: &str = "annotation_for_";
        let renamed = |id: &str| {
            let tail = id.strip_prefix(self.from.as_str())?;
            tail.starts_with('_').then(|| format!("{}{tail}", self.to))
        };
        match id.strip_prefix(ANNOTATION).and_then(renamed) {
            Some(annotated) => format!("{ANNOTATION}{annotated}"),
            None => renamed(id).unwrap_or_else(|| id.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::json::quoted;

    const JOB: &str = r#"{"job_id":"a","job_version":"8.0.0","create_time":1,"groups":["g"],"later":{"z":1.10,"b":[1e3, "\u0061"]},"analysis_config":{"detectors":[{"function":"count","detector_index":0,"custom_rules":[{"scope":{"h":{"filter_id":"f"}}}]}],"categorization_field_name":"m","categorization_filters":["x+"]},"results_index_name":"shared-000001","datafeed_config":{"datafeed_id":"feed","job_id":"a","indices":["i"],"authorization":{},"later":2.50}}"#;

    fn options(id: &JobId) -> PortableOptions<'_> {
        PortableOptions {
            id,
            datafeed_indices: None,
            model_memory_limit: None,
            categorization_analyzer: None,
        }
    }

    #[test]
    fn only_generated_options_are_dropped() {
        let job = JobConfig::parse(JOB.as_bytes()).unwrap();
        let out = PortableJob::of(&job, &options(job.id())).unwrap();
        let wanted = r#"{"groups":["g"],"later":{"z":1.10,"b":[1e3, "\u0061"]},"analysis_config":{"detectors":[{"function":"count","detector_index":0,"custom_rules":[{"scope":{"h":{"filter_id":"f"}}}]}],"categorization_field_name":"m","categorization_filters":["x+"]}}"#;
        assert_eq!(out.job.get(), wanted);
        let (id, feed) = out.datafeed.unwrap();
        assert_eq!(
            (id.as_str(), feed.get()),
            ("feed", r#"{"indices":["i"],"later":2.50,"job_id":"a"}"#)
        );
        assert_eq!(job.filters(), [&"f".parse().unwrap()].into());
    }

    #[test]
    fn datafeed_gets_the_new_job_id_and_indices() {
        let job = JobConfig::parse(JOB.as_bytes()).unwrap();
        let id = "new".parse().unwrap();
        let indices = ["new-input"];
        let out = PortableJob::of(
            &job,
            &PortableOptions {
                datafeed_indices: Some(&indices),
                ..options(&id)
            },
        )
        .unwrap();
        let (id, feed) = out.datafeed.unwrap();
        let wanted = r#"{"indices":["new-input"],"later":2.50,"job_id":"new"}"#;
        assert_eq!((id.as_str(), feed.get()), ("datafeed-new", wanted));
    }

    #[test]
    fn new_indices_replace_the_deprecated_member() {
        let job = JobConfig::parse(JOB.replace("\"indices\"", "\"indexes\"").as_bytes()).unwrap();
        let indices = ["new-input"];
        let out = PortableJob::of(
            &job,
            &PortableOptions {
                datafeed_indices: Some(&indices),
                ..options(job.id())
            },
        )
        .unwrap();
        let (_, feed) = out.datafeed.unwrap();
        let feed: Value = serde_json::from_str(feed.get()).unwrap();
        assert_eq!((&feed["indices"], feed.get("indexes")), (&json!(["new-input"]), None));
    }

    #[test]
    fn categorization_filters_become_part_of_the_analyzer() {
        let job = JobConfig::parse(JOB.as_bytes()).unwrap();
        let analyzer = json!({"tokenizer": "ml_classic"});
        let out = PortableJob::of(
            &job,
            &PortableOptions {
                categorization_analyzer: Some(&analyzer),
                ..options(job.id())
            },
        )
        .unwrap();
        let out: Value = serde_json::from_str(out.job.get()).unwrap();
        assert_eq!(out["analysis_config"].get("categorization_filters"), None);
        let wanted = json!({"tokenizer": "ml_classic", "char_filter": [{"type": "pattern_replace", "pattern": "x+"}]});
        assert_eq!(out["analysis_config"]["categorization_analyzer"], wanted);
    }

    #[test]
    fn datafeed_members_are_edited_in_place() {
        let config = JobConfig::parse(JOB.as_bytes()).unwrap();
        let same = config.edit_datafeed(&mut |_, _| None).unwrap();
        assert_eq!(same.text.get(), JOB);
        let edited = config.edit_datafeed(&mut |name, value| (name == "later").then(|| json!([value])));
        assert_eq!(edited.unwrap().text.get(), JOB.replace("2.50", "[2.5]"));
        let without = config.without_datafeed().unwrap();
        assert!(without.datafeed().is_none() && without.text.get().contains("\"later\":{\"z\":1.10"));
    }

    #[test]
    fn separate_datafeed_is_added_to_the_job() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let datafeed = "{\"datafeed_id\":\"d\",\"x\": 2.0}";
        let rest = r#""job_id":"a","x":1.10,"analysis_config":{"detectors":[{"function":"count"}]}"#;
        for (job, wanted) in [
            (
                format!("{{{rest} }}"),
                format!("{{{rest},\"datafeed_config\":{datafeed}}}"),
            ),
            (
                format!("{{\"datafeed_config\":{{}},{rest}}}"),
                format!("{{\"datafeed_config\":{datafeed},{rest}}}"),
            ),
        ] {
            let whole = JobConfig::of(&raw(&job), Some(&raw(datafeed)));
            assert_eq!(whole.unwrap().text.get(), wanted);
        }
    }

    proptest! {
        #[test]
        fn unknown_options_are_kept_byte_for_byte(name in "later_[a-z]{1,8}", whole in any::<u32>(), text in "\\PC{0,12}") {
            let value = format!("{{ \"n\":{whole}.10 , \"s\" : {}}}", Value::from(text));
            let json = JOB.replacen("\"later\":2.50", &format!("\"{name}\":{value}"), 1).replacen("\"groups\"", &format!("\"{name}\":{value},\"groups\""), 1);
            let job = JobConfig::parse(json.as_bytes()).unwrap();
            let out = PortableJob::of(&job, &options(job.id())).unwrap();
            let member = format!("\"{name}\":{value}");
            prop_assert!(out.job.get().contains(&member));
            prop_assert!(out.datafeed.unwrap().1.get().contains(&member));
        }
    }

    fn renamer(from: &str, to: &str) -> Renamer {
        Renamer::new(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn only_values_of_job_id_change() {
        let text = br#"{ "job_id" : "a","n":1.10, "s":"\"job_id\":\"a\"","d":[{"job\u005fid":"\u0061","job_id2":"a"}],"x":{"job_id":"a_b"}}"#;
        let out = renamer("a", "new").document(text).unwrap();
        let wanted: &[u8] = br#"{ "job_id" : "new","n":1.10, "s":"\"job_id\":\"a\"","d":[{"job\u005fid":"new","job_id2":"a"}],"x":{"job_id":"a_b"}}"#;
        assert_eq!(out.as_ref(), wanted);
    }

    #[test]
    fn document_with_an_escape_that_is_not_json_is_refused() {
        assert!(renamer("a", "b").document(b"{\"job_id\":\"a\",\"x\":\"\\n\"").is_err());
    }

    #[test]
    fn document_ids_contain_the_new_job_id() {
        let r = renamer("a", "z");
        for (old, new) in [
            ("a_model_snapshot_1", "z_model_snapshot_1"),
            ("annotation_for_a_model_snapshot_1", "annotation_for_z_model_snapshot_1"),
            ("ab_x", "ab_x"),
            ("a", "a"),
            ("free", "free"),
        ] {
            assert_eq!(r.document_id(old), new);
        }
        assert_eq!(renamer("annotation", "z").document_id("annotation_for_a"), "z_for_a");
    }

    proptest! {
        #[test]
        fn renaming_and_renaming_back_is_lossless(key in "job_id|\\PC{0,6}", value in "old|\\PC{0,8}", n in any::<i64>()) {
            let (key, value) = (quoted(&key), quoted(&value));
            let text = format!("{{ {key} :\t{value}, \"n\":{n}.10, \"deep\":[{{{key}:{value}}}, {value}]}}").into_bytes();
            let there = renamer("old", "brand-new").document(&text).unwrap().into_owned();
            let back = renamer("brand-new", "old").document(&there).unwrap().into_owned();
            prop_assert_eq!(back, text.as_slice());
            let renamer = renamer("old", "brand-new");
            if !text.contains(&b'\\') {
                prop_assert_eq!(renamer.document(&text).unwrap(), renamer.parsed(&text).unwrap());
            }
        }
    }
}
