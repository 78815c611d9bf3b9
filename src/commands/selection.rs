//! Which jobs a command works on.

use std::collections::BTreeSet;

use clap::Args;

use crate::commands::list::suggest_job;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::{JobId, JobPattern};

/// The jobs of a command.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct JobSelection {
    /// Job, wildcard or group; if omitted, choose from a list
    ///
    /// A wildcard contains `*` and must be quoted. It matches the IDs of jobs and the names of groups. The list requires a
    /// terminal.
    #[arg(value_name = "JOB")]
    jobs: Vec<JobPattern>,
    /// Another job, wildcard or group
    #[arg(long, alias = "job_id", value_name = "JOB", hide_short_help = true)]
    job_id: Option<JobPattern>,
    /// Select all jobs
    #[arg(long, conflicts_with_all = ["jobs", "job_id"])]
    all: bool,
}

impl JobSelection {
    /// Whether no job was given.
    pub(super) fn is_empty(&self) -> bool {
        !self.all && self.patterns().next().is_none()
    }

    /// The job that was given, if it is the only one and not a wildcard. It may also be a group.
    pub(super) fn only(&self) -> Option<JobId> {
        let mut patterns = self.patterns();
        let only = patterns.next().filter(|first| patterns.all(|other| other == *first))?;
        only.as_str().parse().ok()
    }

    /// The IDs of the jobs, sorted. Only `--all` may select none.
    pub(super) async fn resolve(&self, session: &Session) -> Result<Vec<JobId>> {
        let cluster = &session.cluster;
        let _stage = session.stage("Loading the jobs", None);
        let listed = cluster.job_groups().await?;
        let mut selected = BTreeSet::new();
        if self.all {
            selected.extend(listed.iter().map(|job| job.id.as_str()));
        }
        for pattern in self.patterns() {
            let matching = listed.iter().filter(|job| pattern.selects(&job.id, &job.groups));
            let matching: Vec<&str> = matching.map(|job| job.id.as_str()).collect();
            if matching.is_empty() {
                let address = cluster.address();
                let message = match pattern.has_wildcard() {
                    true => format!("no job on {address} matches {pattern}"),
                    false => format!("job {pattern} does not exist on {address}"),
                };
                return Err(Error::failed(message, suggest_job(pattern.as_str(), &listed)));
            }
            selected.extend(matching);
        }
        let ids = selected.into_iter().map(|id| Ok(id.parse()?));
        ids.collect()
    }

    fn patterns(&self) -> impl Iterator<Item = &JobPattern> {
        self.jobs.iter().chain(&self.job_id)
    }
}
