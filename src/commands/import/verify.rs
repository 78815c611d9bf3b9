//! Reading back: what the cluster holds now is compared with what the archive held (import contract, 4).

mod inputs;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::apply::{ANNOTATIONS, CATEGORIES, NOTIFICATIONS, data_counts, one_line};
use super::checked::Checked;
use super::documents::Documents;
use super::journal::{Entry, Journal};
use super::meanwhile;
use super::owner::{self, Owner};
use super::parts::DerivedId;
use super::plan::{CalendarPlan, Plan, missing};
use crate::archive::{Document, Part};
use crate::cluster::{Cluster, Hit};
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::JobConfig;
use crate::state::{STATE_INDICES, StateDocId};
use crate::util::format::amount;
use crate::util::timestamp::EpochMillis;

/// Compares everything that was written.
pub(super) async fn verify(session: &Session, checked: &Checked, plan: &Plan, journal: &Journal) -> Result<()> {
    let cluster = &session.cluster;
    let verifier = Verifier {
        cluster,
        checked,
        plan,
        journal,
    };
    let stage = session.stage("Comparing what the cluster holds", None);
    // One after the other: while somebody deletes the job, a comparison beside these could miss a document first and
    // tell of nothing else.
    let mut compared = verifier.state().await?;
    verifier.surroundings().await?;
    compared += verifier.snapshot_and_counts().await?;
    compared += inputs::compare(cluster, checked, plan, journal).await?;
    for (part, what) in [
        (Part::Categories, CATEGORIES),
        (Part::Annotations, ANNOTATIONS),
        (Part::Notifications, NOTIFICATIONS),
    ] {
        if let Some(documents) = journal.documents(what) {
            compared += verifier.part(part, &documents).await?;
        }
    }
    inputs::release(cluster, plan, journal).await?;
    // Last, so that what somebody else did to the job meanwhile is seen.
    let opened = verifier.job().await?;
    session.done(
        stage,
        &format!(
            "Compared what the cluster holds: {}, all as in the archive",
            amount(compared, "document", "documents")
        ),
    );
    if let Some(what) = opened {
        session
            .terminal
            .warn(&format!("{what} while it was imported; all that it was given is there"));
    }
    Ok(())
}

struct Verifier<'a> {
    cluster: &'a Cluster,
    checked: &'a Checked,
    plan: &'a Plan,
    journal: &'a Journal,
}

impl Verifier<'_> {
    /// Every state document, one at a time for they may be large, byte for byte.
    async fn state(&self) -> Result<u64> {
        let mut stream = self.checked.archive.documents(Part::State);
        let mut compared = 0;
        while let Some(batch) = stream.next().await? {
            for document in batch {
                let own = document.own_id();
                let place = StateDocId::parse(own, self.checked.job(), &self.checked.archive.snapshot.snapshot_id)
                    .ok_or_else(|| crate::state::Error::foreign(own))?;
                let id = place.format(self.plan.job(), &self.plan.snapshot_id);
                self.same(&STATE_INDICES, BTreeMap::from([(id, document.source)]))
                    .await?;
                compared += 1;
            }
        }
        Ok(compared)
    }

    /// The job is the one that was created, stands at the snapshot, and knows where it stopped. Answers with what
    /// somebody else did to it that takes nothing away.
    async fn job(&self) -> Result<Option<String>> {
        let (cluster, plan) = (self.cluster, self.plan);
        let job = plan.job();
        if let Owner::Others(_) = owner::job(cluster, plan, self.journal).await? {
            return Err(mismatch(format!("job {job} is not the one that was created")));
        }
        let Some(config) = cluster.job(job).await? else {
            return Err(mismatch(format!("job {job} is gone")));
        };
        let config = JobConfig::parse(config.get().as_bytes())?;
        if config.model_snapshot_id() != Some(&plan.snapshot_id) {
            return Err(mismatch(format!(
                "job {job} does not stand at snapshot {}",
                plan.snapshot_id
            )));
        }
        if let Some((id, _)) = &plan.portable.datafeed {
            match owner::owner(cluster, plan, self.journal, &Entry::Datafeed(id.clone())).await? {
                Some(Owner::Nobody) => return Err(mismatch(format!("datafeed {id} is gone"))),
                Some(Owner::Others(_)) => {
                    return Err(mismatch(format!("datafeed {id} is not what was written")));
                }
                Some(Owner::Us) | None => {}
            }
        }
        let stats = cluster.job_stats(job).await?;
        let latest = stats.as_ref().and_then(|stats| stats.latest_record_timestamp);
        if latest != self.checked.latest_record() {
            return Err(mismatch(format!(
                "job {job} has {} as the time of its latest record, the snapshot has {}",
                time_or_none(latest),
                time_or_none(self.checked.latest_record())
            )));
        }
        Ok(stats.and_then(|stats| meanwhile::opened(plan, &stats.state)))
    }

    async fn snapshot_and_counts(&self) -> Result<u64> {
        let plan = self.plan;
        let snapshot = plan
            .renamer
            .document(self.checked.archive.snapshot_document.get().as_bytes())?;
        let counts = data_counts(self.checked, plan)?;
        let expected = BTreeMap::from([
            (
                plan.job().snapshot_document_id(&plan.snapshot_id),
                Bytes::from(one_line(&snapshot)),
            ),
            (
                plan.job().data_counts_document_id(),
                Bytes::from(counts.get().to_owned()),
            ),
        ]);
        let documents = expected.len() as u64;
        self.same(&[&plan.job().results_alias()], expected).await?;
        Ok(documents)
    }

    /// The snapshot is listed, filters are there, calendars have their events and the job.
    async fn surroundings(&self) -> Result<()> {
        let (cluster, plan) = (self.cluster, self.plan);
        let listed = cluster.snapshots(plan.job()).await?;
        if !listed.iter().any(|snapshot| snapshot.id == plan.snapshot_id) {
            return Err(mismatch(format!(
                "job {} does not list snapshot {}",
                plan.job(),
                plan.snapshot_id
            )));
        }
        for filter in &plan.filters {
            if !cluster
                .filter(&filter.id)
                .await?
                .is_some_and(|there| filter.made(&there))
            {
                return Err(mismatch(format!("filter {} is not what was written", filter.id)));
            }
        }
        for CalendarPlan { calendar, .. } in &plan.calendars {
            let id = &calendar.calendar_id;
            let Some(there) = cluster.calendar(id).await? else {
                return Err(mismatch(format!("calendar {id} is gone")));
            };
            if !there.job_ids.iter().any(|job| job == plan.job().as_str()) {
                return Err(mismatch(format!("calendar {id} does not have job {}", plan.job())));
            }
            if !missing(calendar, there).is_empty() {
                return Err(mismatch(format!("calendar {id} lacks events that were written")));
            }
        }
        Ok(())
    }

    /// Categories, annotations or notifications, byte for byte, each in the index that it was written to. Those that
    /// were there before are left out: they are as somebody left them.
    async fn part(&self, part: Part, documents: &Documents) -> Result<u64> {
        let mut stream = self.checked.archive.documents(part);
        let mut compared = 0;
        while let Some(batch) = stream.next().await? {
            let mut expected = Vec::new();
            for document in &batch {
                let (id, source) = self.renamed(part, document)?;
                if documents.contains(&id) {
                    expected.push((id, source));
                }
            }
            compared += expected.len() as u64;
            for (indices, expected) in documents.by_place(expected) {
                let indices: Vec<&str> = indices.iter().map(String::as_str).collect();
                self.same(&indices, expected).await?;
            }
        }
        Ok(compared)
    }

    fn renamed(&self, part: Part, document: &Document) -> Result<(String, Bytes)> {
        let id = match part {
            Part::Categories => self.plan.renamer.document_id(document.own_id()),
            _ => DerivedId::of(self.plan.job(), part, document).to_string(),
        };
        let text = self.plan.renamer.document(&document.source)?;
        Ok((id, Bytes::from(text.into_owned())))
    }

    async fn same(&self, indices: &[&str], expected: BTreeMap<String, Bytes>) -> Result<()> {
        let ids: Vec<String> = expected.keys().cloned().collect();
        let found = self.cluster.documents(indices, &ids).await?;
        let found: BTreeMap<&str, &Hit> = found.iter().map(|hit| (hit.id.as_str(), hit)).collect();
        for (id, source) in &expected {
            match found.get(id.as_str()) {
                None => return Err(mismatch(format!("document {id} was written and is not there"))),
                Some(hit) if hit.source != source => {
                    return Err(mismatch(format!(
                        "{}: document {id} is not what was written",
                        hit.index
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// As people read it.
fn time_or_none(time: Option<i64>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| EpochMillis(time).to_string())
}

fn mismatch(message: String) -> Error {
    Error::Mismatch { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_people_read_them() {
        assert_eq!(time_or_none(Some(1_706_659_183_000)), "2024-01-30T23:59:43Z");
        assert_eq!(time_or_none(None), "none");
    }
}
