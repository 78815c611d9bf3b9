//! What of this id is on the cluster already: a job, its datafeed, or what an earlier job left.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Remarks;
use crate::cluster::ml::{DatafeedState, JobState};
use crate::cluster::{Cluster, Search, SourceFields};
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::{Error, Result};
use crate::job::{DatafeedId, JobId, PortableJob};
use crate::state::{STATE_INDICES, StateDocId, StateKind};

/// What is there.
#[derive(Clone, Debug, Default)]
pub(in crate::commands::import) struct Existing {
    /// A job of that id.
    pub(in crate::commands::import) job: bool,
    /// Its datafeed.
    pub(in crate::commands::import) datafeed: Option<DatafeedId>,
    /// State or results of that id without a job; with `--replace` also annotations and notifications, which are in
    /// nobody's way.
    pub(in crate::commands::import) leftovers: bool,
}

impl Existing {
    /// Anything that `--replace` has to clear away.
    pub(in crate::commands::import) fn any(&self) -> bool {
        self.job || self.leftovers
    }
}

/// Looks for job, datafeed and leftovers.
pub(super) async fn look(
    cluster: &Cluster,
    options: &ImportOptions,
    checked: &Checked,
    job: &JobId,
    portable: &PortableJob,
    remarks: &mut Remarks,
) -> Result<Existing> {
    let mut existing = Existing::default();
    look_at_groups(cluster, checked, job, remarks).await?;
    if cluster.job(job).await?.is_some() {
        existing.job = true;
        look_at_job(cluster, options, job, &mut existing, remarks).await?;
    } else if let Some(what) = leftovers(cluster, checked, job).await? {
        existing.leftovers = true;
        if !options.replace {
            remarks.conflict(
                format!("{what} of an earlier job {job} exist"),
                "remove them with --replace, or import under another id with --as",
            );
        }
    } else if options.replace {
        let of_earlier = Search::lenient([".ml-annotations*", ".ml-notifications*"], of_job_query(job));
        existing.leftovers = cluster.count(&of_earlier).await? > 0;
    }
    if let Some((id, _)) = &portable.datafeed
        && existing.datafeed.as_ref() != Some(id)
        && let Some(other) = cluster.datafeed(id).await?
    {
        let owner = read(&other)?.job_id;
        remarks.conflict(
            format!("datafeed {id} exists and belongs to {owner}"),
            "leave the datafeed out with --skip-datafeed, or import under another id with --as",
        );
    }
    Ok(existing)
}

/// No job may have the name of a group, whether the group is its own or another job's.
async fn look_at_groups(cluster: &Cluster, checked: &Checked, job: &JobId, remarks: &mut Remarks) -> Result<()> {
    let hint = "import under another ID with --as";
    let ours = checked.archive.config.groups();
    if ours.iter().any(|group| group == job.as_str()) {
        remarks.conflict(format!("job {job} has a group of the same name"), hint);
    }
    for other in cluster.job_groups().await? {
        if other.job_id == job.as_str() {
            continue;
        }
        if other.groups.iter().any(|group| group == job.as_str()) {
            let message = format!(
                "job {} has a group named {job}, and no job may have the name of a group",
                other.job_id
            );
            remarks.conflict(message, hint);
        }
        if ours.contains(&other.job_id) {
            let message = format!(
                "the archive's job has a group named {}, and a job of that name exists",
                other.job_id
            );
            remarks.conflict(
                message,
                "delete that job, or keep it under another ID: export it, and import it with --as",
            );
        }
    }
    Ok(())
}

async fn look_at_job(
    cluster: &Cluster,
    options: &ImportOptions,
    job: &JobId,
    existing: &mut Existing,
    remarks: &mut Remarks,
) -> Result<()> {
    match options.replace {
        true => remarks.note(format!(
            "job {job} is there and will be deleted, which cannot be undone: `esml-state export --job-id {job}` keeps \
             what goes"
        )),
        false => remarks.conflict(
            format!("job {job} exists already"),
            format!(
                "import under another id with --as, or replace it with --replace (`esml-state export --job-id {job}` \
                 keeps what would go)"
            ),
        ),
    }
    // The datafeed first: a job whose datafeed runs cannot be closed, and hints are followed in their order.
    if let Some(datafeed) = cluster.datafeed_of(job).await? {
        let id = read(&datafeed)?.datafeed_id;
        if let Some(DatafeedState::Other(state)) = cluster.datafeed_state(&id).await? {
            remarks.conflict(
                format!("datafeed {id} is {state}"),
                format!("stop it with POST _ml/datafeeds/{id}/_stop"),
            );
        }
        existing.datafeed = Some(id);
    }
    if let Some(stats) = cluster.job_stats(job).await?
        && let JobState::Other(state) = stats.state
    {
        remarks.conflict(
            format!("job {job} is {state}"),
            format!("close it with POST _ml/anomaly_detectors/{job}/_close"),
        );
    }
    Ok(())
}

/// Whose datafeed it is.
#[derive(Deserialize)]
struct Owned {
    datafeed_id: DatafeedId,
    job_id: String,
}

fn read(datafeed: &RawValue) -> Result<Owned> {
    serde_json::from_str(datafeed.get()).map_err(|error| Error::Failed {
        message: format!("a datafeed cannot be read: {error}"),
        hint: None,
    })
}

/// Elasticsearch refuses a job whose quantiles, categorizer state or results exist; model state of
/// this very snapshot would be overwritten.
async fn leftovers(cluster: &Cluster, checked: &Checked, job: &JobId) -> Result<Option<String>> {
    let snapshot = &checked.archive.snapshot.snapshot_id;
    let state = checked.archive.contents.state;
    let numbered =
        |kind, count: u64| (1..=count.max(1)).map(move |number| StateDocId { kind, number }.format(job, snapshot));
    let ids: Vec<String> = std::iter::once(job.quantiles_document_id())
        .chain(numbered(StateKind::Model, state.model_documents))
        .chain(numbered(StateKind::Categorizer, state.categorizer_documents))
        .collect();
    if !cluster.locate(&STATE_INDICES, &ids).await?.is_empty() {
        return Ok(Some("state documents".into()));
    }
    let results = cluster.count(&of_job(".ml-anomalies-*", job)).await?;
    Ok((results > 0).then(|| format!("{results} results")))
}

/// All documents of these indices that carry the job's id.
pub(in crate::commands::import) fn of_job(indices: &str, job: &JobId) -> Search {
    Search {
        fields: SourceFields::Only(vec!["snapshot_id".into(), "snapshot_doc_count".into()]),
        ..Search::lenient([indices], of_job_query(job))
    }
}

fn of_job_query(job: &JobId) -> Value {
    json!({"term": {"job_id": job.as_str()}})
}
