//! What others replaced while it was exported: another job of the same ID, another index of the same name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::not_found;
use super::sources::Sources;
use super::subject::Subject;
use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// What no other job of this ID has.
#[derive(Deserialize, PartialEq, Eq)]
struct Identity {
    create_time: Option<i64>,
}

/// The UUIDs of indices, by name.
pub(super) fn uuids(definitions: &Map<String, Value>) -> BTreeMap<String, String> {
    let uuid = |definition: &Value| Some(definition.pointer("/settings/index/uuid")?.as_str()?.to_owned());
    let named = definitions.iter();
    named
        .filter_map(|(index, definition)| Some((index.clone(), uuid(definition)?)))
        .collect()
}

/// Refuses an index that is not the one whose mapping was read. Asked once the search is open: its documents are from
/// then.
///
/// # Errors
/// An index that was replaced, and any of a request.
pub(super) async fn refuse_indices(cluster: &Cluster, sources: &Sources) -> Result<()> {
    if sources.uuids.is_empty() {
        return Ok(());
    }
    let there = uuids(&cluster.index_uuids(&sources.local).await?);
    let other = |(index, uuid): &(&String, &String)| there.get(*index).is_some_and(|there| there != *uuid);
    match sources.uuids.iter().find(other) {
        None => Ok(()),
        Some((index, _)) => Err(again(format!(
            "index {index} was deleted and created again while it was exported"
        ))),
    }
}

/// Refuses a job that is not the one whose configuration was read. Asked last: whatever was read before is of that job.
///
/// # Errors
/// A job that was deleted or replaced, and any of a request.
pub(super) async fn refuse_job(cluster: &Cluster, subject: &Subject) -> Result<()> {
    let job = subject.job.id();
    let identity = |config: &str| {
        serde_json::from_str::<Identity>(config)
            .map_err(|error| not_found(format!("job {job}: {error}"), "this is a bug; please report it"))
    };
    let Some(there) = cluster.job(job).await? else {
        return Err(not_found(
            format!("job {job} was deleted while it was exported"),
            "what was read may be incomplete, so no archive was written: export another job, or import an earlier \
             archive of this one first",
        ));
    };
    match identity(there.get())? == identity(subject.config.get())? {
        true => Ok(()),
        false => Err(again(format!(
            "job {job} was deleted and created again while it was exported"
        ))),
    }
}

fn again(message: String) -> Error {
    not_found(message, "export again")
}
