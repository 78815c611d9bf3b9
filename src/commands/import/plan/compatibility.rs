//! Checks whether the cluster can run the job: deployment, license, memory, versions, configuration.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::planner::Planner;
use crate::cluster::{self, Cluster};
use crate::commands::compatibility::Requirement;
use crate::commands::import::archive::origin;
use crate::error::{Error, Result};
use crate::job::{PortableJob, Version};
use crate::json::value;
use crate::util::format::{bytes, duration, format_size, parse_size};

/// The stop words of the default analyzer before 7.14, in the order of `_ml/info`.
const STOP_WORDS: &str = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Wed Thu Fri Sat Sun January \
                          February March April May June July August September October November December Jan Feb Mar Apr \
                          May Jun Jul Aug Sep Oct Nov Dec GMT UTC";
/// The most unknown options to search for; each requires one request.
const MAX_UNKNOWN: usize = 50;

impl Planner<'_> {
    /// Machine learning is enabled, licensed, not in upgrade mode, and has enough memory.
    pub(super) async fn check_machine_learning(&mut self) -> Result<()> {
        let info = self.cluster.ml_info().await?.ok_or_else(|| {
            let hint = "set xpack.ml.enabled to true in elasticsearch.yml on all nodes, and restart them";
            Error::failed("machine learning is not enabled on the cluster", hint)
        })?;
        if info.upgrade_mode {
            let what = "GET /_ml/info".to_owned();
            return Err(cluster::Error::UpgradeMode { what }.into());
        }
        if let Some(license) = self.cluster.license().await?
            && !license.permits_ml()
        {
            return Err(Error::failed(
                format!(
                    "the license ({}, {}) does not include machine learning",
                    license.kind, license.status
                ),
                "start a trial with `POST /_license/start_trial?acknowledge=true`, or use another cluster",
            ));
        }
        let needed = match &self.options.model_memory_limit {
            Some(limit) => parse_size(limit),
            None => self.archive.config.model_memory_limit(),
        };
        if let Some((limit, model)) = needed.zip(self.archive.snapshot.size("model_bytes"))
            && limit < model
        {
            let (limit, model) = (bytes(limit), bytes(model));
            self.note(format!(
                "the job will not learn new values of by, over or partition fields: its model memory limit of {limit} is \
                 below the size of its model, {model}; set a higher limit with --model-memory-limit"
            ));
        }
        let above = |limit: Option<u64>| {
            let (needed, limit) = needed.zip(limit).filter(|(needed, limit)| needed > limit)?;
            Some((format_size(needed), format_size(limit)))
        };
        if let Some((needed, limit)) = above(info.max_model_memory) {
            self.conflict(
                format!("the job's model memory limit of {needed} exceeds the cluster's maximum of {limit}"),
                "set a lower limit with --model-memory-limit, or raise xpack.ml.max_model_memory_limit",
            );
        } else if let Some((needed, room)) = above(info.room_for_model_memory) {
            self.note(format!(
                "the job may not open: its model memory limit of {needed} exceeds the {room} available on the cluster; \
                 set a lower limit with --model-memory-limit"
            ));
        }
        Ok(())
    }

    /// Reports what does not work, or changes silently, between the two versions.
    pub(super) fn check_versions(&mut self) {
        let here = self.cluster.identity.version;
        self.check_snapshot_version(here);
        if self.archive.config.analysis.model_prune_window.is_none() && here.at_least(8, 1) {
            self.note(
                "the job does not set model_prune_window: from 8.1, models that have not been updated for about 30 days are \
                 pruned",
            );
        }
        if let Some(source) = self.source_version()
            && (source.major, source.minor) > (here.major, here.minor)
        {
            self.note(format!(
                "the job comes from a newer version ({source}): options that Elasticsearch {here} does not support are rejected"
            ));
        }
    }

    /// Refuses a snapshot that the cluster would accept but could not open.
    fn check_snapshot_version(&mut self, here: Version) {
        let snapshot = &self.archive.snapshot.snapshot_id;
        // The check of the archive refuses a text that is not a version.
        let Some(requirement) = Requirement::of(self.archive.snapshot.min_version.as_deref()) else {
            return;
        };
        let hint = if requirement.too_new_for(here) {
            "import into a cluster of that version, or upgrade this cluster first".to_owned()
        } else if requirement.too_old_for(here) {
            format!(
                "Elasticsearch 9 requires a snapshot from 8.3.0 or later: import into 8.19, upgrade the snapshot there with `POST \
                 /_ml/anomaly_detectors/{}/model_snapshots/{snapshot}/_upgrade?wait_for_completion=true`, and export the job again",
                self.archive.job()
            )
        } else {
            return;
        };
        self.conflict(
            format!("cannot open snapshot {snapshot} on Elasticsearch {here}: it requires {requirement}"),
            hint,
        );
    }

    /// Before 7.14, a job without an analyzer used a different default. Setting it explicitly keeps its tokens unchanged.
    pub(super) fn categorization_analyzer(&mut self) -> Option<Value> {
        let config = &self.archive.config;
        if config.categorization_field().is_none() || config.analysis.categorization_analyzer.is_some() {
            return None;
        }
        let source = self.source_version();
        let written_by = config.job_version.as_deref().and_then(Version::parse).or(source);
        // From 8.10, `job_version` is a separate configuration version, starting with 10.0.0.
        let old = |version: &Version| !version.at_least(7, 14);
        if !written_by.as_ref().is_some_and(old) || !self.cluster.identity.version.at_least(7, 14) {
            return None;
        }
        self.note(
            "the job was created before 7.14: the default categorization analyzer of that version is set explicitly",
        );
        let manifest = self.archive.contents.manifest.as_ref();
        let manifest = manifest.filter(|_| source.as_ref().is_some_and(old));
        let default = manifest.and_then(|manifest| manifest.source.default_categorization_analyzer.clone());
        let stop_words: Vec<&str> = STOP_WORDS.split(' ').collect();
        Some(default.unwrap_or_else(
            || json!({"tokenizer": "ml_classic", "filter": [{"type": "stop", "stopwords": stop_words}]}),
        ))
    }

    fn source_version(&self) -> Option<Version> {
        let manifest = self.archive.contents.manifest.as_ref()?;
        Version::parse(&manifest.source.cluster_version)
    }

    /// Sends the configuration of the job and its datafeed to `_validate`. Elasticsearch reports one unknown option at a
    /// time: each is removed from a copy until no more are reported. It does not compare the interval of aggregations
    /// with the bucket span.
    pub(super) async fn check_configuration(&mut self, portable: &PortableJob) -> Result<()> {
        let cluster = self.cluster;
        if portable.datafeed.is_some()
            && let Some((interval, span)) = self.archive.config.unfit_interval()
        {
            let message = format!(
                "the cluster does not accept the datafeed: the bucket span of its job ({}) is not a multiple of the \
                 interval of its aggregations ({})",
                duration(span),
                duration(interval)
            );
            self.conflict(message, "skip the datafeed with --skip-datafeed");
            return Ok(());
        }
        let body = match cluster.identity.version.at_least(7, 15) {
            true => portable.with_datafeed(self.job)?,
            false => portable.job.clone(),
        };
        let Some(refused) = refusal(cluster, body.get().to_owned()).await? else {
            return Ok(());
        };
        let job = portable.job.get().to_owned();
        let of_datafeed = portable.datafeed.is_some() && refusal(cluster, job).await?.is_none();
        let whose = if of_datafeed { "the datafeed" } else { "the job" };
        let unknown = unknown_options(cluster, &body).await?.join(", ");
        let message = match unknown.is_empty() {
            true => format!("the cluster does not accept the configuration of {whose}: {refused}"),
            false => format!(
                "Elasticsearch {} does not support these options of {whose}: {unknown}",
                cluster.identity.version
            ),
        };
        let origin = origin(self.archive);
        let mut hint = format!("the archive comes from {origin}: import it into that version or a later one");
        if of_datafeed {
            hint.push_str(", or skip the datafeed with --skip-datafeed");
        }
        self.conflict(message, hint);
        Ok(())
    }
}

/// Why a configuration is not accepted; `None` if it is.
async fn refusal(cluster: &Cluster, body: String) -> Result<Option<cluster::Error>> {
    match cluster.validate_job(body).await {
        Ok(()) => Ok(None),
        Err(error) if error.status() == Some(400) => Ok(Some(error)),
        Err(error) => Err(error.into()),
    }
}

async fn unknown_options(cluster: &Cluster, body: &RawValue) -> Result<Vec<String>> {
    let (mut copy, mut unknown) = (value(body), Vec::new());
    // One line per member, so that the line number in the response identifies it.
    while unknown.len() < MAX_UNKNOWN
        && let Some(cluster::Error::Refused { source: response, .. }) = refusal(cluster, format!("{copy:#}")).await?
    {
        let option = UnknownOption::parse(&response.reason);
        let Some(path) = option.and_then(|option| option.remove_from(&mut copy, &mut 1)) else {
            break;
        };
        unknown.push(path.strip_prefix('.').unwrap_or(&path).to_owned());
    }
    Ok(unknown)
}

/// Parsed from `… [3:5] [analysis_config] unknown field [model_prune_window]`, which may be followed by suggestions.
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

    /// Removes the member with that name in that line of the indented text, and returns its path. Walks in the order of
    /// the text; `line` is the line in which the value begins, and on return the line in which it ends.
    fn remove_from(&self, value: &mut Value, line: &mut usize) -> Option<String> {
        let inner: Vec<(String, &mut Value)> = match value {
            Value::Object(members) => members
                .iter_mut()
                .map(|(name, member)| (format!(".{name}"), member))
                .collect(),
            Value::Array(items) => {
                let items = items.iter_mut().enumerate();
                items.map(|(number, item)| (format!("[{number}]"), item)).collect()
            }
            _ => Vec::new(),
        };
        if inner.is_empty() {
            return None;
        }
        for (step, inner) in inner {
            *line += 1;
            if *line == self.line && step.strip_prefix('.') == Some(self.name) {
                value.as_object_mut()?.shift_remove(self.name);
                return Some(step);
            }
            if let Some(path) = self.remove_from(inner, line) {
                return Some(step + &path);
            }
        }
        *line += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_option_is_parsed_from_the_error_reason() {
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
    fn only_the_member_at_the_line_is_removed() {
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
            let removed = option.remove_from(&mut copy, &mut 1);
            assert_eq!(removed, Some(format!(".{path}")), "{text}");
            let left = text.matches("\"x\"").count() - format!("{copy:#}").matches("\"x\"").count();
            assert_eq!(left, if path == "x" { 2 } else { 1 });
        }
        let elsewhere = UnknownOption { line: 3, name: "y" };
        assert_eq!(elsewhere.remove_from(&mut body.clone(), &mut 1), None);
    }
}
