//! What belongs to a job and is asked for by name, small enough to be held.

use serde_json::value::RawValue;

use super::not_found;
use super::subject::Subject;
use crate::cluster::ml::MlInfo;
use crate::cluster::{Cluster, Hit};
use crate::error::Result;
use crate::job::Calendar;
use crate::terminal::Terminal;

/// All of it.
#[derive(Debug)]
pub(super) struct Belongings {
    /// The document of the data counts, where there is one.
    pub(super) data_counts: Option<Hit>,
    /// The filters that rules name, as they are.
    pub(super) filters: Vec<Box<RawValue>>,
    /// `GET _ml/info`, where there is ML.
    pub(super) info: Option<MlInfo>,
    calendars: Vec<Calendar>,
}

impl Belongings {
    /// Asks for it.
    ///
    /// # Errors
    /// Any of a request.
    pub(super) async fn read(cluster: &Cluster, subject: &Subject, terminal: &Terminal) -> Result<Self> {
        let job = subject.job.id();
        let data_counts = cluster.data_counts_document(job).await?;
        if data_counts.is_none() {
            terminal.detail("the job has no data counts document");
        }
        let mut filters = Vec::new();
        for id in subject.job.filters() {
            match cluster.filter(id).await? {
                Some(filter) => filters.push(filter),
                None => terminal.warn(&format!("a rule of the job names filter `{id}`, which does not exist")),
            }
        }
        Ok(Self {
            data_counts,
            filters,
            calendars: cluster.calendars_of(job, subject.job.groups()).await?,
            info: cluster.ml_info().await?,
        })
    }

    /// The calendars as JSON.
    ///
    /// # Errors
    /// None that is known.
    pub(super) fn calendars(&self) -> Result<String> {
        serde_json::to_string(&self.calendars)
            .map_err(|error| not_found(format!("calendars: {error}"), "this is a bug; please report it"))
    }
}
