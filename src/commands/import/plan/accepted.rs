//! Whether the cluster accepts the configuration of the job and its datafeed, asked without creating anything.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::{self, Cluster};
use crate::commands::import::checked::Checked;
use crate::error::{Error, Result};
use crate::job::{JobId, PortableJob, unfit_interval};
use crate::util::format::duration;

/// Unknown options that are looked for; each takes a request.
const MOST: usize = 50;

/// Asks `_validate` with the members of the requests that create the job and its datafeed. Elasticsearch names one
/// unknown option at a time: they are removed from a copy until it names no more. It does not compare the interval of
/// aggregations with the bucket span.
pub(super) async fn require(cluster: &Cluster, checked: &Checked, job: &JobId, portable: &PortableJob) -> Result<()> {
    if portable.datafeed.is_some()
        && let Some((interval, span)) = unfit_interval(&checked.archive.config)
    {
        return Err(Error::failed(
            format!(
                "the cluster does not accept the datafeed: the bucket span of its job ({}) is not a multiple of the interval \
                 of its aggregations ({})",
                duration(span),
                duration(interval)
            ),
            "leave the datafeed out with --skip-datafeed",
        ));
    }
    let body = match cluster.version().at_least(7, 15) {
        true => portable.with_datafeed(job)?,
        false => portable.job.clone(),
    };
    let Some(refused) = refusal(cluster, &body).await? else {
        return Ok(());
    };
    let whose = match portable.datafeed.is_some() && refusal(cluster, &portable.job).await?.is_none() {
        true => "the datafeed",
        false => "the job",
    };
    let unknown = unknown_options(cluster, &body).await?;
    let message = match unknown.as_slice() {
        [] => format!("the cluster does not accept the configuration of {whose}: {refused}"),
        names => format!(
            "Elasticsearch {} does not know options of {whose}: {}",
            cluster.version(),
            names.join(", ")
        ),
    };
    let mut hint = format!(
        "the archive comes from {}: import it into that version or a later one",
        checked.source()
    );
    if whose == "the datafeed" {
        hint.push_str(", or leave the datafeed out with --skip-datafeed");
    }
    Err(Error::failed(message, hint))
}

/// Why a configuration is not accepted; `None` where it is.
async fn refusal(cluster: &Cluster, body: &RawValue) -> Result<Option<cluster::Error>> {
    match cluster.validate_job(body.get().to_owned()).await {
        Ok(()) => Ok(None),
        Err(error) if error.status() == Some(400) => Ok(Some(error)),
        Err(error) => Err(error.into()),
    }
}

async fn unknown_options(cluster: &Cluster, body: &RawValue) -> Result<Vec<String>> {
    #[allow(clippy::expect_used, reason = "no unknown option would be named")]
    let mut copy: Value = serde_json::from_str(body.get()).expect("raw JSON is JSON");
    let mut unknown = Vec::new();
    while unknown.len() < MOST {
        // A line for each member, so that the line in the answer tells which one it is.
        let text = format!("{copy:#}");
        let refusal = match cluster.validate_job(text).await {
            Err(cluster::Error::Refused { refusal, .. }) if refusal.status == 400 => refusal,
            Err(error) => return Err(error.into()),
            Ok(()) => break,
        };
        let Some(option) = UnknownOption::parse(&refusal.reason) else {
            break;
        };
        let Some(path) = option.remove_from(&mut copy) else {
            break;
        };
        unknown.push(path);
    }
    Ok(unknown)
}

/// Of `… [3:5] [analysis_config] unknown field [model_prune_window]`, with suggestions after it.
#[derive(Debug, PartialEq, Eq)]
struct UnknownOption<'a> {
    line: usize,
    name: &'a str,
}

impl<'a> UnknownOption<'a> {
    fn parse(reason: &'a str) -> Option<Self> {
        let (before, after) = reason.rsplit_once("] unknown field [")?;
        let (name, _) = after.split_once(']')?;
        let (position, _) = before.rsplit_once("] [")?;
        let (_, position) = position.rsplit_once('[')?;
        let (line, _) = position.split_once(':')?;
        Some(Self {
            line: line.parse().ok()?,
            name,
        })
    }

    /// Removes the member of that name in that line of the indented text, and answers with its path.
    fn remove_from(&self, body: &mut Value) -> Option<String> {
        let mut path = String::new();
        remove(body, self, &mut 1, &mut path).then_some(path)
    }
}

/// Walks in the order of the indented text; `line` is the one in which the value begins, and at the end the one in
/// which it ends.
fn remove(value: &mut Value, option: &UnknownOption<'_>, line: &mut usize, path: &mut String) -> bool {
    let above = path.len();
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members.iter_mut() {
                *line += 1;
                path.push_str(if above == 0 { "" } else { "." });
                path.push_str(name);
                if *line == option.line && name == option.name {
                    break;
                }
                if remove(member, option, line, path) {
                    return true;
                }
                path.truncate(above);
            }
            if path.len() > above {
                members.shift_remove(option.name);
                return true;
            }
            *line += 1;
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter_mut().enumerate() {
                *line += 1;
                path.push_str(&format!("[{number}]"));
                if remove(item, option, line, path) {
                    return true;
                }
                path.truncate(above);
            }
            *line += 1;
        }
        _ => {}
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_option_is_read_from_what_elasticsearch_says() {
        let option = |line, name| Some(UnknownOption { line, name });
        for (reason, expected) in [
            ("[1:258] [job_details] unknown field [later]", option(1, "later")),
            (
                "[12:3] [job_details] failed to parse field [analysis_config]: [14:9] [analysis_config] unknown field \
                 [window] did you mean [bucket_span]?",
                option(14, "window"),
            ),
            ("No detectors configured", None),
            ("[job_details] unknown field [later]", None),
        ] {
            assert_eq!(UnknownOption::parse(reason), expected, "{reason}");
        }
    }

    #[test]
    fn the_member_in_that_line_is_removed_and_no_other() {
        let body = json!({"a": {"x": 1, "empty": {}, "list": [1, {"x": [], "y": 2}]}, "x": {"x": 1}});
        let text = format!("{body:#}");
        for (number, path) in [
            ("\"x\": 1,", "a.x"),
            ("\"x\": [],", "a.list[1].x"),
            ("\"x\": {", "x"),
            ("\"x\": 1\n", "x.x"),
        ] {
            let at = text.find(number).expect("there");
            let line = text[..at].matches('\n').count() + 1;
            let mut copy = body.clone();
            let option = UnknownOption { line, name: "x" };
            assert_eq!(option.remove_from(&mut copy).as_deref(), Some(path), "{text}");
            let left = text.matches("\"x\"").count() - format!("{copy:#}").matches("\"x\"").count();
            assert_eq!(left, if path == "x" { 2 } else { 1 });
        }
        let elsewhere = UnknownOption { line: 3, name: "y" };
        assert_eq!(elsewhere.remove_from(&mut body.clone()), None);
    }
}
