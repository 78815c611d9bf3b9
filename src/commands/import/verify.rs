//! Reads everything back from the cluster and compares it with the archive.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::context::{BulkDocument, Import, missing_ids};
use super::journal::Entry;
use super::ownership::uuid_of;
use super::plan::{self, CalendarPlan, TargetPlan, missing_events};
use crate::archive::Part;
use crate::cluster::{Cluster, Hit, Operations, Search};
use crate::error::{Error, Result};
use crate::job::{IndexName, ReindexMark, loading_alias};
use crate::json::value;
use crate::terminal::Stage;
use crate::util::format::amount;
use crate::util::timestamp::EpochMillis;

/// Requests in flight while the next documents are read from the archive.
const MAX_REQUESTS: usize = 2;

/// Compares everything that was written.
pub(super) async fn verify(import: &Import) -> Result<()> {
    let documents = import.plan.counts.total();
    let stage = import.stage("Verifying the imported documents", Some(documents));
    // Sequentially: if the job is deleted at the same time, its documents might be reported as missing first, and the
    // error would not state the cause.
    let mut compared = import.verify_documents(Part::State, &stage).await?;
    import.verify_resources().await?;
    let documents = import.snapshot_and_data_counts()?;
    let results = vec![import.job().results_alias()];
    compared += compare(import.cluster().clone(), results, documents.into()).await?;
    compared += import.verify_inputs(&stage).await?;
    import.verify_reindexed().await?;
    for part in [Part::Results, Part::Categories, Part::Annotations, Part::Notifications] {
        compared += import.verify_documents(part, &stage).await?;
    }
    import.remove_loading_aliases().await?;
    // Last, so that it detects every earlier change to the job.
    let opened = import.verify_job().await?;
    let compared = amount(compared, "document", "documents");
    let line = format!("Verified {compared} on the cluster: all match the archive");
    stage.done(&line);
    if let Some(what) = opened {
        let text = format!("{what} during the import; all imported documents are present");
        import.session.terminal.warn(&text);
    }
    Ok(())
}

impl Import {
    /// The snapshot is listed, the filters exist, and the calendars contain their events and the job.
    async fn verify_resources(&self) -> Result<()> {
        let (cluster, plan, job) = (self.cluster(), &self.plan, self.job());
        let listed = cluster.snapshots(job).await?;
        require(listed.iter().any(|snapshot| snapshot.id == plan.snapshot_id), || {
            format!("job {job} does not list snapshot {}", plan.snapshot_id)
        })?;
        for planned in &plan.filters {
            self.require_ours(Entry::Filter(planned.filter.id.clone())).await?;
        }
        for CalendarPlan { calendar, .. } in &plan.calendars {
            let id = &calendar.calendar_id;
            let current = plan::calendar(cluster, id).await?;
            let current = current.ok_or_else(|| Error::mismatch(format!("calendar {id} no longer exists")))?;
            require(current.has(job), || format!("calendar {id} does not contain job {job}"))?;
            require(missing_events(calendar, &current).is_empty(), || {
                format!("calendar {id} is missing events that were written")
            })?;
        }
        Ok(())
    }

    /// Compares the written documents of a part; returns their number. Annotations and notifications that existed before
    /// are skipped, because they may have been edited.
    async fn verify_documents(&self, part: Part, stage: &Stage) -> Result<u64> {
        if self.plan.counts.of(part) == 0 {
            return Ok(0);
        }
        let written = self.journal.documents(part);
        // Results as the job has them: a second document with the same ID would be another result.
        let of_job = || vec![self.job().results_alias()];
        let searched = written
            .as_ref()
            .map_or_else(of_job, |written| written.searched_indices());
        // State documents are large.
        let most = if part == Part::State { 0 } else { MAX_REQUESTS };
        let (converter, mut stream) = (self.converter(part), self.archive.documents(part));
        let (mut requests, mut compared) = (JoinSet::new(), 0);
        while let Some(batch) = stream.next().await? {
            let mut by_indices: BTreeMap<Vec<String>, Vec<BulkDocument>> = BTreeMap::new();
            for document in &batch {
                let Some(document) = converter.document(document)? else {
                    continue;
                };
                let known = match &written {
                    Some(written) if !written.contains(&document.id) => continue,
                    written => written.as_ref().and_then(|written| written.index_of(&document.id)),
                };
                let indices = known.map_or_else(|| searched.clone(), |index| vec![index]);
                by_indices.entry(indices).or_default().push(document);
            }
            for (indices, documents) in by_indices {
                requests.spawn(compare(self.cluster().clone(), indices, documents));
                compared += completed(&mut requests, most, stage).await?;
            }
        }
        Ok(compared + completed(&mut requests, 0, stage).await?)
    }

    /// The job is the one that was created, uses the snapshot, and has the snapshot's latest record time. Returns whether
    /// another client opened it, which changes nothing that was imported.
    async fn verify_job(&self) -> Result<Option<String>> {
        let (cluster, plan, job) = (self.cluster(), &self.plan, self.job());
        self.require_ours(Entry::Job).await?;
        let current = cluster.job(job).await?.map(|job| value(&job)).unwrap_or_default();
        require(current["model_snapshot_id"] == plan.snapshot_id.as_str(), || {
            format!("job {job} does not use snapshot {}", plan.snapshot_id)
        })?;
        if let Some(id) = plan.datafeed() {
            self.require_ours(Entry::Datafeed(id.clone())).await?;
        }
        let stats = cluster.job_stats(job).await?;
        let latest = stats
            .as_ref()
            .and_then(|stats| stats.data_counts.latest_record_timestamp);
        let expected = self.archive.snapshot.latest_record_time_stamp;
        require(latest == expected, || {
            let (latest, expected) = (time_or_none(latest), time_or_none(expected));
            format!("the latest record time of job {job} is {latest}, but {expected} in the snapshot")
        })?;
        Ok(stats.and_then(|stats| self.opened(&stats.state)))
    }

    /// The indices contain the archive's input documents and nothing else; returns their number.
    async fn verify_inputs(&self, stage: &Stage) -> Result<u64> {
        let mut compared = 0;
        for target in &self.plan.targets {
            self.verify_index(target).await?;
            let counts = &self.archive.contents.input_indices;
            let sources = target.index.sources.iter();
            let expected: u64 = sources.filter_map(|source| counts.get(source)).sum();
            if self.is_proven(target, expected).await? {
                stage.inc(expected);
            } else {
                self.require_input_ids(target, stage).await?;
                let (name, found) = (&target.index.name, self.count_documents(target).await?);
                require(found == expected, || {
                    format!("index {name} contains {found} input documents, the archive {expected}")
                })?;
            }
            compared += expected;
        }
        Ok(compared)
    }

    /// The index is the one that was created, still has its temporary alias, and maps every field as before.
    async fn verify_index(&self, target: &TargetPlan) -> Result<()> {
        let name = &target.index.name;
        let [index, created] = self.created_index(name).await?;
        let alias = loading_alias(name, &self.journal.run);
        require(index["aliases"].get(alias).is_some(), || {
            format!("another client removed an alias of this import from index {name}")
        })?;
        require(contains(&index["mappings"], &created["mappings"]), || {
            format!("another client changed the mapping of index {name} during the import")
        })
    }

    /// The indices that Elasticsearch filled are marked as complete, and map every field as before.
    async fn verify_reindexed(&self) -> Result<()> {
        for plan in &self.plan.reindexed {
            let name = &plan.index.name;
            let [index, copied] = self.created_index(name).await?;
            let mark = ReindexMark::find(&index["mappings"], self.job(), &plan.hash);
            let [now, before] = [index, copied].map(|mut index| index["mappings"]["properties"].take());
            require(
                mark.is_some_and(|mark| mark.complete) && contains(&now, &before),
                || format!("another client changed the mapping of index {name} during the import"),
            )?;
        }
        Ok(())
    }

    /// The definition of the index as it is now, and as it was created.
    async fn created_index(&self, name: &IndexName) -> Result<[Value; 2]> {
        let changed = |what| Error::mismatch(format!("another client {what} index {name} during the import"));
        let mut current = self.cluster().index_definitions(&[name.to_string()]).await?;
        let index = current.remove(name.as_str()).ok_or_else(|| changed("deleted"))?;
        match self.journal.index(name) {
            Some(created) if uuid_of(&index) == uuid_of(&created) => Ok([index, created]),
            _ => Err(changed("replaced")),
        }
    }

    async fn remove_loading_aliases(&self) -> Result<()> {
        for target in &self.plan.targets {
            let name = &target.index.name;
            let alias = loading_alias(name, &self.journal.run);
            match self.cluster().remove_alias(name.as_str(), &alias).await {
                // An earlier request whose response was lost removed the alias, or the index was deleted.
                Err(error) if error.status() == Some(404) => {
                    let [index, _] = self.created_index(name).await?;
                    if index["aliases"].get(&alias).is_some() {
                        return Err(error.into());
                    }
                }
                removed => removed?,
            }
        }
        Ok(())
    }

    /// The cluster confirmed every input document under its ID. If the index has executed exactly as many writes since
    /// its creation, no deletions, and contains as many documents, then it contains those documents: no other client
    /// wrote to it, and no document replaced another. The numbers prove nothing if a write was repeated, another client
    /// wrote too, or a shard was moved.
    async fn is_proven(&self, target: &TargetPlan, expected: u64) -> Result<bool> {
        let (indexed, deleted) = (expected, 0);
        Ok(self.count_documents(target).await? == expected
            && self.cluster().operations(target.index.name.as_str()).await? == Some(Operations { indexed, deleted }))
    }

    async fn count_documents(&self, target: &TargetPlan) -> Result<u64> {
        let all = Search::lenient([target.index.name.as_str()], json!({"match_all": {}}));
        Ok(self.cluster().count(&all).await?)
    }

    /// Checks that the index contains every ID of the archive.
    async fn require_input_ids(&self, target: &TargetPlan, stage: &Stage) -> Result<()> {
        let index = &target.index;
        let mut requests = JoinSet::new();
        let (converter, mut stream) = (self.input_converter(index), self.archive.documents(Part::Inputs));
        while let Some(batch) = stream.next().await? {
            let ids = batch
                .iter()
                .filter_map(|document| converter.input_id(document.line, &document.action));
            let ids = ids.map(Cow::into_owned).collect();
            requests.spawn(require_ids(self.cluster().clone(), index.name.to_string(), ids));
            completed(&mut requests, MAX_REQUESTS, stage).await?;
        }
        completed(&mut requests, 0, stage).await?;
        Ok(())
    }
}

/// Waits until at most this number of requests is in flight; returns how many documents the completed ones compared.
async fn completed(requests: &mut JoinSet<Result<u64>>, most: usize, stage: &Stage) -> Result<u64> {
    let mut compared = 0;
    while requests.len() > most
        && let Some(ended) = requests.join_next().await
    {
        compared += ended.map_err(Error::panicked)??;
    }
    stage.inc(compared);
    Ok(compared)
}

/// Compares documents byte for byte; returns their number.
async fn compare(cluster: Cluster, indices: Vec<String>, expected: Vec<BulkDocument>) -> Result<u64> {
    let ids: Vec<String> = expected.iter().map(|document| document.id.clone()).collect();
    let hits = cluster.documents(&indices, &ids).await?;
    let mut found: BTreeMap<&str, &Hit> = BTreeMap::new();
    for hit in &hits {
        if let Some(other) = found.insert(&hit.id, hit) {
            let (id, one, two) = (&*hit.id, &other.index, &hit.index);
            return Err(Error::mismatch(format!(
                "document {id} is in two indices, {one} and {two}"
            )));
        }
    }
    for BulkDocument { id, source } in &expected {
        let Some(hit) = found.get(id.as_str()) else {
            return Err(Error::mismatch(format!("document {id} was written, but not found")));
        };
        require(hit.source == source, || {
            format!("{}: document {id} differs from what was written", hit.index)
        })?;
    }
    Ok(expected.len() as u64)
}

/// Returns the number of IDs.
async fn require_ids(cluster: Cluster, index: String, ids: Vec<String>) -> Result<u64> {
    let number = ids.len() as u64;
    match missing_ids(&cluster, &[&index], ids).await?.next() {
        Some(id) => Err(Error::mismatch(format!(
            "{index}: document {id} was written, but not found"
        ))),
        None => Ok(number),
    }
}

/// Whether all of `part` is in `whole`; dynamic mapping adds fields.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        _ => whole == part,
    }
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::mismatch(message())) }
}

fn time_or_none(time: Option<EpochMillis>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_iso_8601() {
        assert_eq!(
            time_or_none(Some(EpochMillis(1_706_659_183_000))),
            "2024-01-30T23:59:43Z"
        );
        assert_eq!(time_or_none(None), "none");
    }
}
