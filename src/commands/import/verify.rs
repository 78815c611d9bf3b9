//! Reading back: what the cluster contains is compared with the archive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::context::{BulkDocument, Import};
use super::journal::Entry;
use super::ownership::{Ownership, uuid_of};
use super::plan::{self, CalendarPlan, TargetPlan, missing_events};
use crate::archive::Part;
use crate::cluster::{Cluster, Hit, Operations, Search};
use crate::error::{Error, Result};
use crate::job::{JobConfig, loading_alias};
use crate::util::format::amount;
use crate::util::timestamp::EpochMillis;

/// IDs that are counted with one request.
const BATCH: usize = 10_000;
/// Requests that are answered while the IDs of the next are read from the archive.
const MAX_REQUESTS: usize = 2;

/// Compares everything that was written.
pub(super) async fn verify(import: &Import) -> Result<()> {
    let stage = import.session.stage("Comparing what the cluster holds", None);
    // One after the other: where the job is deleted at the same time, its documents could be missed first, and the error
    // would not name the cause.
    let mut compared = import.verify_documents(Part::State).await?;
    import.verify_resources().await?;
    let documents = import.snapshot_and_data_counts()?;
    compared += import.compare(&[&import.job().results_alias()], &documents).await?;
    compared += import.verify_inputs().await?;
    for part in [Part::Categories, Part::Annotations, Part::Notifications] {
        compared += import.verify_documents(part).await?;
    }
    import.remove_loading_aliases().await?;
    // Last, so that it finds whatever others did to the job before.
    let opened = import.verify_job().await?;
    let compared = amount(compared, "document", "documents");
    let line = format!("Compared what the cluster holds: {compared}, all as in the archive");
    import.session.done(stage, &line);
    if let Some(what) = opened {
        let text = format!("{what} while it was imported; all that it was given is there");
        import.session.terminal.warn(&text);
    }
    Ok(())
}

impl Import {
    /// The snapshot is listed, filters exist, calendars have their events and the job.
    async fn verify_resources(&self) -> Result<()> {
        let (cluster, plan, job) = (self.cluster(), &self.plan, self.job());
        let listed = cluster.snapshots(job).await?;
        require(listed.iter().any(|snapshot| snapshot.id == plan.snapshot_id), || {
            format!("job {job} does not list snapshot {}", plan.snapshot_id)
        })?;
        for planned in &plan.filters {
            require(planned.is_on(cluster).await?, || {
                format!("filter {} is not what was written", planned.filter.id)
            })?;
        }
        for CalendarPlan { calendar, .. } in &plan.calendars {
            let id = &calendar.calendar_id;
            let current = plan::calendar(cluster, id).await?;
            let current = current.ok_or_else(|| Error::mismatch(format!("calendar {id} is gone")))?;
            require(current.has(job), || format!("calendar {id} does not have job {job}"))?;
            require(missing_events(calendar, &current).is_empty(), || {
                format!("calendar {id} lacks events that were written")
            })?;
        }
        Ok(())
    }

    /// Compares the documents that were written of a part, each in the index that it was written to; returns how many
    /// there are. Annotations and notifications that existed before are left out: they may have been edited.
    async fn verify_documents(&self, part: Part) -> Result<u64> {
        let Some(written) = self.journal.documents(part) else {
            return Ok(0);
        };
        let mut stream = self.archive.documents(part);
        let mut compared = 0;
        while let Some(batch) = stream.next().await? {
            let mut by_indices: BTreeMap<Vec<String>, Vec<BulkDocument>> = BTreeMap::new();
            for document in &batch {
                let document = self.document(part, document)?;
                if written.contains(&document.id) {
                    let known = written.index_of(&document.id).map(|index| vec![index]);
                    let indices = known.unwrap_or_else(|| written.searched_indices());
                    by_indices.entry(indices).or_default().push(document);
                }
            }
            for (indices, documents) in by_indices {
                compared += self.compare(&indices, &documents).await?;
            }
        }
        Ok(compared)
    }

    /// Compares documents byte for byte; returns how many there are.
    async fn compare(&self, indices: &[impl AsRef<str>], expected: &[BulkDocument]) -> Result<u64> {
        let ids: Vec<String> = expected.iter().map(|document| document.id.clone()).collect();
        let found = self.cluster().documents(indices, &ids).await?;
        let found: BTreeMap<&str, &Hit> = found.iter().map(|hit| (hit.id.as_str(), hit)).collect();
        for BulkDocument { id, source } in expected {
            let Some(hit) = found.get(id.as_str()) else {
                return Err(Error::mismatch(format!("document {id} was written and is not there")));
            };
            require(hit.source == source, || {
                format!("{}: document {id} is not what was written", hit.index)
            })?;
        }
        Ok(expected.len() as u64)
    }

    /// The job is the one that was created, uses the snapshot, and has the time of its latest record. Returns what others
    /// did to it that leaves everything in place.
    async fn verify_job(&self) -> Result<Option<String>> {
        let (cluster, plan, job) = (self.cluster(), &self.plan, self.job());
        let foreign = matches!(self.job_ownership().await?, Ownership::Foreign(_));
        require(!foreign, || format!("job {job} is not the one that was created"))?;
        let config = cluster.job(job).await?;
        let config = config.ok_or_else(|| Error::mismatch(format!("job {job} is gone")))?;
        let config = JobConfig::parse(config.get().as_bytes())?;
        require(config.model_snapshot_id.as_ref() == Some(&plan.snapshot_id), || {
            format!("job {job} does not stand at snapshot {}", plan.snapshot_id)
        })?;
        if let Some((id, _)) = &plan.portable.datafeed {
            let ownership = self.ownership(&Entry::Datafeed(id.clone())).await?;
            require(ownership != Ownership::Absent, || format!("datafeed {id} is gone"))?;
            require(ownership == Ownership::Ours, || {
                format!("datafeed {id} is not what was written")
            })?;
        }
        let stats = cluster.job_stats(job).await?;
        let latest = stats
            .as_ref()
            .and_then(|stats| stats.data_counts.latest_record_timestamp);
        let expected = self.archive.snapshot.latest_record_time_stamp;
        require(latest == expected, || {
            let (latest, expected) = (time_or_none(latest), time_or_none(expected));
            format!("job {job} has {latest} as the time of its latest record, the snapshot has {expected}")
        })?;
        Ok(stats.and_then(|stats| self.opened(&stats.state)))
    }

    /// The indices contain the archive's inputs and nothing else; returns how many there are.
    async fn verify_inputs(&self) -> Result<u64> {
        let (mut unproven, mut compared) = (Vec::new(), 0);
        for target in &self.plan.targets {
            self.verify_index(target).await?;
            let counts = &self.archive.contents.input_indices;
            let sources = target.index.sources.iter();
            let expected: u64 = sources.filter_map(|source| counts.get(source)).sum();
            if !self.is_proven(target, expected).await? {
                unproven.push((target, expected));
            }
            compared += expected;
        }
        for (target, _) in &unproven {
            self.require_input_ids(target).await?;
        }
        for (target, expected) in unproven {
            let (name, found) = (&target.index.name, self.count_documents(target).await?);
            require(found == expected, || {
                format!("index {name} holds {found} inputs, the archive {expected}")
            })?;
        }
        Ok(compared)
    }

    /// The index is the one that was created, has the alias that it is loaded through, and maps every field as it did.
    async fn verify_index(&self, target: &TargetPlan) -> Result<()> {
        let name = &target.index.name;
        let [index, created] = self.created_index(target).await?;
        let alias = loading_alias(name, &self.journal.run);
        require(index["aliases"].get(alias).is_some(), || {
            format!("somebody else took an alias of this import from index {name}")
        })?;
        require(contains(&index["mappings"], &created["mappings"]), || {
            format!("somebody else changed the mapping of index {name} while it was loaded")
        })
    }

    /// The definition of the index as it is now, and as it was created.
    async fn created_index(&self, target: &TargetPlan) -> Result<[Value; 2]> {
        let name = &target.index.name;
        let changed = |what| Error::mismatch(format!("somebody else {what} index {name} while it was loaded"));
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
                // A request whose response was lost removed it, or it was deleted with the index.
                Err(error) if error.status() == Some(404) => {
                    let [index, _] = self.created_index(target).await?;
                    if index["aliases"].get(&alias).is_some() {
                        return Err(error.into());
                    }
                }
                removed => removed?,
            }
        }
        Ok(())
    }

    /// Every input was confirmed under its ID. Where the index has executed that many writes since its creation, no
    /// deletion, and contains that many documents, they are those: others wrote none, and none replaced another. Where a
    /// write was repeated, or others wrote too, or a shard was moved, this proves nothing.
    async fn is_proven(&self, target: &TargetPlan, expected: u64) -> Result<bool> {
        let operations = Operations {
            indexed: expected,
            deleted: 0,
        };
        Ok(self.count_documents(target).await? == expected
            && self.cluster().operations(target.index.name.as_str()).await? == Some(operations))
    }

    async fn count_documents(&self, target: &TargetPlan) -> Result<u64> {
        let all = Search::lenient([target.index.name.as_str()], json!({"match_all": {}}));
        Ok(self.cluster().count(&all).await?)
    }

    /// Counts the documents of the archive's IDs.
    async fn require_input_ids(&self, target: &TargetPlan) -> Result<()> {
        let index = &target.index;
        let mut ids = Vec::new();
        let mut requests = JoinSet::new();
        let mut stream = self.archive.documents(Part::Inputs);
        loop {
            let batch = stream.next().await?;
            let is_last = batch.is_none();
            let of_index = batch.into_iter().flatten();
            let of_index = of_index.filter(|document| index.sources.contains(document.source_index()));
            ids.extend(of_index.map(|document| self.input_document(index, &document).id));
            if is_last || ids.len() >= BATCH {
                let ids = std::mem::take(&mut ids);
                requests.spawn(require_ids(self.cluster().clone(), index.name.to_string(), ids));
            }
            let most = if is_last { 0 } else { MAX_REQUESTS };
            while requests.len() > most
                && let Some(ended) = requests.join_next().await
            {
                ended.map_err(Error::panicked)??;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// A count is nearly always enough; the missing document is searched for only where it is not.
async fn require_ids(cluster: Cluster, index: String, ids: Vec<String>) -> Result<()> {
    let search = Search::lenient([index.as_str()], json!({"ids": {"values": ids}}));
    if cluster.count(&search).await? == ids.len() as u64 {
        return Ok(());
    }
    let found = cluster.locate(&[&index], &ids).await?;
    let found: BTreeSet<&str> = found.iter().map(|hit| hit.id.as_str()).collect();
    match ids.iter().find(|id| !found.contains(id.as_str())) {
        Some(id) => Err(Error::mismatch(format!(
            "{index}: document {id} was written and is not there"
        ))),
        // The archive has an ID twice: the number of all documents decides.
        None => Ok(()),
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
    fn times_are_shown_as_people_read_them() {
        assert_eq!(
            time_or_none(Some(EpochMillis(1_706_659_183_000))),
            "2024-01-30T23:59:43Z"
        );
        assert_eq!(time_or_none(None), "none");
    }
}
