//! A configuration as another cluster takes it, by a deny-list: what is not known stays.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{JobConfig, PortableJob, PortableOptions};
use crate::job::raw::{Members, boxed, invalid, quoted};
use crate::job::{DatafeedId, Error, JobId};

/// `job_id` stands in the path, the datafeed is created by itself.
const ELSEWHERE: [&str; 2] = ["job_id", "datafeed_config"];
/// Members of a job that Elasticsearch writes by itself.
pub const GENERATED: [&str; 9] = [
    "job_type",
    "job_version",
    "create_time",
    "finished_time",
    "model_snapshot_id",
    "model_snapshot_min_version",
    "deleting",
    "blocked",
    "established_model_memory",
];
const OF_DATAFEED: [&str; 3] = ["authorization", "job_id", "datafeed_id"];
const JOB: &str = "job configuration";
const DATAFEED: &str = "datafeed configuration";

pub(super) fn with_datafeed(job: &RawValue, datafeed: Option<&RawValue>) -> Result<Box<RawValue>, Error> {
    let text = job.get();
    let members = Members::parse(JOB, text)?;
    let Some(datafeed) = datafeed else {
        return Ok(job.to_owned());
    };
    let json = match members.get("datafeed_config") {
        Some(old) => {
            // The value is a slice of the text: their distance is its position.
            let start = old.as_ptr() as usize - text.as_ptr() as usize;
            format!("{}{}{}", &text[..start], datafeed.get(), &text[start + old.len()..])
        }
        None => {
            let body = text.trim_end().strip_suffix('}').unwrap_or(text);
            let comma = if members.is_empty() { "" } else { "," };
            format!("{body}{comma}\"datafeed_config\":{}}}", datafeed.get())
        }
    };
    boxed(JOB, json)
}

/// The job's text with what `edit` makes of the datafeed's members, by name; those that it makes nothing of stay as
/// they are written.
pub(super) fn edit_datafeed(
    job: &RawValue,
    edit: &mut dyn FnMut(&str, &str) -> Option<String>,
) -> Result<Box<RawValue>, Error> {
    let members = Members::parse(JOB, job.get())?;
    let Some(feed) = members.get("datafeed_config") else {
        return Ok(job.to_owned());
    };
    let mut feed = Members::parse("datafeed", feed)?;
    match feed.edit(edit) {
        true => with_datafeed(job, Some(&boxed("datafeed", feed.to_json())?)),
        false => Ok(job.to_owned()),
    }
}

/// The job's text without its datafeed.
pub(super) fn without_datafeed(job: &RawValue) -> Result<Box<RawValue>, Error> {
    let mut members = Members::parse(JOB, job.get())?;
    members.remove(&["datafeed_config"]);
    boxed(JOB, members.to_json())
}

impl PortableJob {
    /// The job with its datafeed inside, as one request can check both (since 7.15).
    ///
    /// # Errors
    /// A configuration that is not an object.
    pub fn with_datafeed(&self, job: &JobId) -> Result<Box<RawValue>, Error> {
        let Some((_, datafeed)) = &self.datafeed else {
            return Ok(self.job.clone());
        };
        let mut members = Members::parse(JOB, self.job.get())?;
        // The datafeed names the job, and both IDs must be equal.
        members.set("job_id", quoted(job.as_str()));
        members.set("datafeed_config", datafeed.get().to_owned());
        boxed(JOB, members.to_json())
    }
}

pub(super) fn portable(config: &JobConfig, options: &PortableOptions<'_>) -> Result<PortableJob, Error> {
    let mut job = Members::parse(JOB, config.text.get())?;
    let datafeed = match (config.datafeed(), job.get("datafeed_config")) {
        (Some(feed), Some(text)) => {
            let id = if options.id == config.id() {
                feed.id.clone()
            } else {
                datafeed_of(options.id)?
            };
            Some((id, datafeed_body(text, options)?))
        }
        _ => None,
    };
    job.remove(&ELSEWHERE);
    job.remove(&GENERATED);
    if config.results_index_name().is_some_and(is_default_results_index) {
        job.remove(&["results_index_name"]);
    }
    if let Some(limit) = options.model_memory_limit {
        let mut limits = Members::parse("analysis_limits", object_or_empty(job.get("analysis_limits")))?;
        limits.set("model_memory_limit", quoted(limit));
        let limits = limits.to_json();
        job.set("analysis_limits", limits);
    }
    if let Some(analyzer) = options.categorization_analyzer
        && config.categorization_field().is_some()
        && !config.has_categorization_analyzer()
    {
        let analysis = with_analyzer(object_or_empty(job.get("analysis_config")), analyzer)?;
        job.set("analysis_config", analysis);
    }
    Ok(PortableJob {
        job: boxed(JOB, job.to_json())?,
        datafeed,
    })
}

fn object_or_empty(text: Option<&str>) -> &str {
    text.filter(|text| *text != "null").unwrap_or("{}")
}

/// `shared`, as every version shows it, or with the number of a rolled over index.
fn is_default_results_index(name: &str) -> bool {
    match name.strip_prefix("shared") {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('-')
            .is_some_and(|n| n.len() == 6 && n.bytes().all(|b| b.is_ascii_digit())),
        None => false,
    }
}

/// The usual name; a job id too long for it stands for itself, as Elasticsearch's own default does.
fn datafeed_of(job: &JobId) -> Result<DatafeedId, Error> {
    format!("datafeed-{job}").parse().or_else(|_| job.as_str().parse())
}

fn datafeed_body(text: &str, options: &PortableOptions<'_>) -> Result<Box<RawValue>, Error> {
    let mut feed = Members::parse(DATAFEED, text)?;
    feed.remove(&OF_DATAFEED);
    feed.set("job_id", quoted(options.id.as_str()));
    if let Some(indices) = options.datafeed_indices {
        let names: Vec<&str> = indices.iter().map(|name| name.as_str()).collect();
        feed.remove(&["indexes"]);
        feed.set("indices", json!(names).to_string());
    }
    boxed(DATAFEED, feed.to_json())
}

/// Elasticsearch refuses filters beside an analyzer. It turns them into `pattern_replace` char filters behind
/// the analyzer's own by itself where it writes an analyzer into a job: the same is done here.
fn with_analyzer(analysis: &str, analyzer: &Value) -> Result<String, Error> {
    let what = "analysis_config.categorization_analyzer";
    let mut members = Members::parse("analysis_config", analysis)?;
    let filters: Option<Vec<String>> = match members.get("categorization_filters") {
        Some(text) => serde_json::from_str(text).map_err(|e| invalid("analysis_config.categorization_filters", &e))?,
        None => None,
    };
    let filters = filters.unwrap_or_default();
    let mut analyzer = analyzer.clone();
    if !filters.is_empty() {
        let object = analyzer.as_object_mut();
        let object = object.ok_or_else(|| invalid(what, &"a named analyzer cannot take the job's filters in"))?;
        let chars = object.entry("char_filter").or_insert_with(|| json!([]));
        let chars = chars
            .as_array_mut()
            .ok_or_else(|| invalid(what, &"its `char_filter` is no list"))?;
        chars.extend(
            filters
                .iter()
                .map(|pattern| json!({"type": "pattern_replace", "pattern": pattern})),
        );
    }
    members.remove(&["categorization_filters"]);
    members.set("categorization_analyzer", analyzer.to_string());
    Ok(members.to_json())
}
