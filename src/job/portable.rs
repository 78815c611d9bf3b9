//! A job as another cluster takes it, perhaps under another ID: its configuration, by a deny-list (what is not known stays),
//! and its documents.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::config::{DATAFEED, GENERATED, JobConfig};
use super::error::{Error, members};
use super::id::{DatafeedId, IndexPattern, JobId};
use crate::json::{Edit, ObjectMember, RawObject, edit_members};

/// Members that another request has: the path names the job, and the datafeed is created by itself.
const ELSEWHERE: [&str; 2] = ["job_id", DATAFEED];
const OF_DATAFEED: [&str; 3] = ["authorization", "job_id", "datafeed_id"];

/// How the job is to be created.
#[derive(Clone, Debug)]
pub struct PortableOptions<'a> {
    /// The id it gets; another than its own renames job and datafeed (`datafeed-<old>` becomes
    /// `datafeed-<new>`; any other datafeed id becomes `datafeed-<new>` too).
    pub id: &'a JobId,
    /// The indices that the datafeed reads; `None` keeps its own.
    pub datafeed_indices: Option<&'a [IndexPattern]>,
    /// Another `analysis_limits.model_memory_limit`.
    pub model_memory_limit: Option<&'a str>,
    /// Put as `analysis_config.categorization_analyzer` where the job has none.
    pub categorization_analyzer: Option<&'a Value>,
}

/// Bodies for `PUT`.
#[derive(Clone, Debug)]
pub struct PortableJob {
    /// Of `PUT _ml/anomaly_detectors/<job>`.
    pub job: Box<RawValue>,
    /// Of `PUT _ml/datafeeds/<id>`, `job_id` included, with its id.
    pub datafeed: Option<(DatafeedId, Box<RawValue>)>,
}

impl PortableJob {
    /// What to send to create the job elsewhere: generated fields dropped, everything else kept as it is written, later
    /// versions' options included.
    ///
    /// # Errors
    /// Parts that are no objects, or `categorization_filters` beside a named (not spelled out) analyzer.
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
        job.remove(&ELSEWHERE);
        job.remove(&GENERATED);
        let results_index = config.results_index_name.as_deref();
        if results_index.is_some_and(is_default_results_index) {
            job.remove(&["results_index_name"]);
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
        let job = job.to_json();
        Ok(Self { job, datafeed })
    }

    /// The job with its datafeed inside, as one request can check both (since 7.15).
    ///
    /// # Errors
    /// A configuration that is not an object.
    pub fn with_datafeed(&self, job: &JobId) -> Result<Box<RawValue>, Error> {
        let Some((_, datafeed)) = &self.datafeed else {
            return Ok(self.job.clone());
        };
        let mut members = members("job configuration", self.job.get())?;
        // The datafeed names the job, and both IDs must be equal.
        members.set("job_id", job.as_str());
        members.set(DATAFEED, datafeed);
        Ok(members.to_json())
    }
}

/// An object in the job; empty where it is missing or `null`.
fn section(job: &RawObject, name: &str) -> Result<RawObject, Error> {
    match job.get(name) {
        Some(json) if json.get() != "null" => members(name, json.get()),
        _ => Ok(RawObject::default()),
    }
}

/// `shared`, as every version shows it, or with the number of a rolled over index.
fn is_default_results_index(name: &str) -> bool {
    let is_number = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    name == "shared" || name.strip_prefix("shared-").is_some_and(is_number)
}

/// The usual name; where the job's ID is too long for it, that ID, as Elasticsearch's own default is.
fn datafeed_id(job: &JobId) -> Result<DatafeedId, Error> {
    format!("datafeed-{job}").parse().or_else(|_| job.as_str().parse())
}

fn datafeed_body(json: &RawValue, options: &PortableOptions<'_>) -> Result<Box<RawValue>, Error> {
    let mut datafeed = members("datafeed configuration", json.get())?;
    datafeed.remove(&OF_DATAFEED);
    datafeed.set("job_id", options.id.as_str());
    if let Some(indices) = options.datafeed_indices {
        datafeed.remove(&["indexes"]);
        datafeed.set("indices", indices);
    }
    Ok(datafeed.to_json())
}

/// Elasticsearch refuses filters beside an analyzer. Where it writes an analyzer into a job itself, it appends them to
/// the analyzer's own char filters as `pattern_replace`: the same is done here.
fn set_analyzer(analysis: &mut RawObject, filters: &[String], mut analyzer: Value) -> Result<(), Error> {
    let refused = |why| Error::config("analysis_config.categorization_analyzer", why);
    if !filters.is_empty() {
        let object = analyzer.as_object_mut();
        let object = object.ok_or_else(|| refused("a named analyzer cannot take the job's filters in"))?;
        let chars = object.entry("char_filter").or_insert_with(|| json!([])).as_array_mut();
        let chars = chars.ok_or_else(|| refused("its `char_filter` is no list"))?;
        let replace = |pattern| json!({"type": "pattern_replace", "pattern": pattern});
        chars.extend(filters.iter().map(replace));
    }
    analysis.remove(&["categorization_filters"]);
    analysis.set("categorization_analyzer", &analyzer);
    Ok(())
}

/// Rewrites one job's id into another's. With equal ids everything passes unchanged.
#[derive(Clone, Debug)]
pub struct Renamer {
    from: JobId,
    /// The new id.
    pub(crate) to: JobId,
}

impl Renamer {
    /// From, to.
    pub fn new(from: JobId, to: JobId) -> Self {
        Self { from, to }
    }

    /// A document with every value of a member `job_id` (nested ones too) that equals the old id
    /// replaced; every other byte as it was. Borrowed where nothing changes.
    ///
    /// # Errors
    /// Bytes that are not JSON.
    pub fn document<'a>(&self, source: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        if self.from == self.to {
            return Ok(Cow::Borrowed(source));
        }
        // Whether the name before a value is `job_id`.
        let (mut named, mut renamed) = (false, false);
        let edited = edit_members(source, &mut |member| {
            Ok(match member {
                ObjectMember::Name { name, .. } => {
                    named = name == "job_id";
                    Edit::Keep
                }
                ObjectMember::Value(leaf) if named && leaf.quoted && leaf.text == self.from.as_str() => {
                    renamed = true;
                    Edit::Text(self.to.to_string())
                }
                ObjectMember::Value(_) => Edit::Keep,
            })
        });
        match edited.map_err(|cause| Error::config("document", cause))? {
            edited if renamed => Ok(Cow::Owned(edited)),
            _ => Ok(Cow::Borrowed(source)),
        }
    }

    /// A document id that begins with `<old>_` (categories, results, snapshot …) under the new id;
    /// also `annotation_for_<old>_…`. Any other id is returned as it is. The caller knows that the
    /// document is this job's: `a_b_…` may as well be one of job `a_b` as of job `a`.
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
    fn another_id_and_other_indices_reach_the_datafeed() {
        let job = JobConfig::parse(JOB.as_bytes()).unwrap();
        let id = "new".parse().unwrap();
        let indices = ["new-input".parse().unwrap()];
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
    fn other_indices_replace_those_of_the_older_name() {
        let job = JobConfig::parse(JOB.replace("\"indices\"", "\"indexes\"").as_bytes()).unwrap();
        let indices = ["new-input".parse().unwrap()];
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
    fn filters_move_into_the_analyzer() {
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
    fn members_of_a_datafeed_are_edited_where_they_stand() {
        let config = JobConfig::parse(JOB.as_bytes()).unwrap();
        let same = config.edit_datafeed(&mut |_, _| None).unwrap();
        assert_eq!(same.text.get(), JOB);
        let edited = config.edit_datafeed(&mut |name, value| (name == "later").then(|| json!([value])));
        assert_eq!(edited.unwrap().text.get(), JOB.replace("2.50", "[2.5]"));
        let without = config.without_datafeed().unwrap();
        assert!(without.datafeed().is_none() && without.text.get().contains("\"later\":{\"z\":1.10"));
    }

    #[test]
    fn a_datafeed_is_put_into_the_job() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        for (job, wanted) in [
            ("{\"a\":1.10 }", "{\"a\":1.10,\"datafeed_config\":{\"x\": 2.0}}"),
            (
                "{\"datafeed_config\":{},\"a\":1.10}",
                "{\"datafeed_config\":{\"x\": 2.0},\"a\":1.10}",
            ),
        ] {
            let whole = JobConfig::with_datafeed(&raw(job), Some(&raw("{\"x\": 2.0}")));
            assert_eq!(whole.unwrap().get(), wanted);
        }
    }

    proptest! {
        #[test]
        fn options_of_later_versions_keep_their_bytes(name in "later_[a-z]{1,8}", whole in any::<u32>(), text in "\\PC{0,12}") {
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
    fn text_that_is_not_json_is_refused() {
        assert!(renamer("a", "b").document(b"{\"job_id\":\"a\"").is_err());
    }

    #[test]
    fn ids_of_documents_follow() {
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
        fn there_and_back_is_the_same(key in "job_id|\\PC{0,6}", value in "old|\\PC{0,8}", n in any::<i64>()) {
            let (key, value) = (quoted(&key), quoted(&value));
            let text = format!("{{ {key} :\t{value}, \"n\":{n}.10, \"deep\":[{{{key}:{value}}}, {value}]}}").into_bytes();
            let there = renamer("old", "brand-new").document(&text).unwrap().into_owned();
            let back = renamer("brand-new", "old").document(&there).unwrap().into_owned();
            prop_assert_eq!(back, text);
        }
    }
}
