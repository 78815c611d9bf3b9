//! Whether this job can work on this cluster at all: flavour, licence, upgrade mode, memory, versions.

use serde_json::{Value, json};

use super::{ImportOptions, Remarks};
use crate::cluster::{Cluster, Flavour};
use crate::commands::compatibility::{Incompatible, Requirement};
use crate::commands::import::checked::Checked;
use crate::error::{Error, Result};
use crate::job::Version;
use crate::util::units::{format_size, parse_size};

/// Days and months that analyzers before 7.14 left out, in the order of `_ml/info`.
const STOP_WORDS: [&str; 40] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Mon",
    "Tue",
    "Wed",
    "Thu",
    "Fri",
    "Sat",
    "Sun",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
    "GMT",
    "UTC",
];

/// Serverless has no API to bring a snapshot in.
pub(super) fn refuse_serverless(cluster: &Cluster) -> Result<()> {
    match cluster.flavour() {
        Flavour::Stack => Ok(()),
        Flavour::Serverless => Err(Error::failed(
            "a serverless project cannot take in model snapshots",
            "import into a self-managed or hosted cluster",
        )),
    }
}

/// ML there, licensed, not in upgrade mode, large enough.
pub(super) async fn look_at_ml(
    cluster: &Cluster,
    options: &ImportOptions,
    checked: &Checked,
    remarks: &mut Remarks,
) -> Result<()> {
    let Some(info) = cluster.ml_info().await? else {
        return Err(failed(
            "the cluster has no machine learning",
            "xpack.ml.enabled must be true on a node",
        ));
    };
    if info.upgrade_mode {
        return Err(failed(
            "machine learning is in upgrade mode",
            "end it with POST _ml/set_upgrade_mode?enabled=false when the upgrade is over",
        ));
    }
    if let Some(license) = cluster.license().await?
        && !license.permits_ml()
    {
        return Err(failed(
            &format!(
                "the licence ({}, {}) does not permit machine learning",
                license.kind, license.status
            ),
            "start a trial with POST _license/start_trial?acknowledge=true, or use another cluster",
        ));
    }
    let wanted = match &options.model_memory_limit {
        Some(limit) => parse_size(limit),
        None => checked.archive.config.model_memory_limit(),
    };
    let above = |limit: Option<u64>| Some((wanted?, limit?)).filter(|(wanted, limit)| wanted > limit);
    if let Some((wanted, limit)) = above(info.max_model_memory) {
        remarks.conflict(
            format!(
                "the job's model memory limit of {} is above the {} that the cluster permits",
                format_size(wanted),
                format_size(limit)
            ),
            "set another with --model-memory-limit, or raise xpack.ml.max_model_memory_limit",
        );
    } else if let Some((wanted, room)) = above(info.room_for_model_memory) {
        remarks.note(format!(
            "the job's model memory limit of {} is above the {} that the cluster has room for: it may not open; \
             --model-memory-limit sets another",
            format_size(wanted),
            format_size(room)
        ));
    }
    Ok(())
}

/// What cannot work, or changes silently, between the two versions.
pub(super) fn look_at_versions(cluster: &Cluster, checked: &Checked, remarks: &mut Remarks) {
    let here = cluster.version();
    refuse_snapshot(here, checked, remarks);
    if !checked.archive.config.has_model_prune_window() && here.at_least(8, 1) {
        remarks.note(
            "the job sets no model_prune_window: this version prunes models that were not seen for about 30 days",
        );
    }
    if let Some(source) = source_version(checked)
        && (source.major, source.minor) > (here.major, here.minor)
    {
        remarks.note(format!(
            "the job comes from a newer version ({source}): options unknown to {here} are refused"
        ));
    }
    if checked.archive.config.categorization_field().is_some()
        && checked.archive.contents.state.categorizer_documents == 0
    {
        remarks.note("the archive has no categorizer state: categories start anew");
    }
    if checked.archive.contents.data_counts.is_none() {
        remarks.note("the archive has no data counts: all counters start at 0");
    }
}

/// A snapshot that the cluster would take but not open, or not read.
fn refuse_snapshot(here: Version, checked: &Checked, remarks: &mut Remarks) {
    let snapshot = &checked.archive.snapshot.snapshot_id;
    let min_version = checked.archive.snapshot.min_version.as_deref();
    let Some(requirement) = Requirement::of(min_version) else {
        return remarks.conflict(
            format!(
                "the min_version of snapshot {snapshot} is not a version: {}",
                min_version.unwrap_or_default()
            ),
            "export the job again",
        );
    };
    let Some(unmet) = requirement.unmet_by(here) else {
        return;
    };
    remarks.conflict(
        format!("cannot open snapshot {snapshot} on Elasticsearch {here}: {requirement}"),
        match unmet {
            Incompatible::TooNew => "import into a cluster of that version, or upgrade this one first".to_owned(),
            Incompatible::TooOld => format!(
                "Elasticsearch 9 opens snapshots of 8.3.0 and later: import into 8.19, upgrade the snapshot there with POST \
                 _ml/anomaly_detectors/{}/model_snapshots/{snapshot}/_upgrade?wait_for_completion=true, and export the job again",
                checked.job()
            ),
        },
    );
}

/// Before 7.14 a job without an analyzer meant another than it means now; spelled out it keeps its tokens.
pub(super) fn categorization_analyzer(cluster: &Cluster, checked: &Checked, remarks: &mut Remarks) -> Option<Value> {
    let config = &checked.archive.config;
    if config.categorization_field().is_none() || config.has_categorization_analyzer() {
        return None;
    }
    let written_by = config
        .job_version()
        .and_then(Version::parse)
        .or_else(|| source_version(checked));
    // Since 8.10 jobs carry a configuration version of their own, from 10.0.0 on.
    let old = |version: Version| !version.at_least(7, 14);
    if !written_by.is_some_and(old) || !cluster.version().at_least(7, 14) {
        return None;
    }
    remarks.note("the job is from before 7.14: its categorization analyzer is spelled out, so that tokens stay");
    let told = checked.archive.contents.manifest.as_ref().and_then(|manifest| {
        let source = Version::parse(&manifest.source.cluster_version)?;
        if old(source) {
            manifest.source.default_categorization_analyzer.clone()
        } else {
            None
        }
    });
    Some(told.unwrap_or_else(
        || json!({"tokenizer": "ml_classic", "filter": [{"type": "stop", "stopwords": STOP_WORDS.as_slice()}]}),
    ))
}

fn source_version(checked: &Checked) -> Option<Version> {
    checked
        .archive
        .contents
        .manifest
        .as_ref()
        .and_then(|manifest| Version::parse(&manifest.source.cluster_version))
}

fn failed(message: &str, hint: &str) -> Error {
    Error::failed(message, hint)
}
