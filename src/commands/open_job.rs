//! An open job that is closed for some time, because closing writes a snapshot of everything that the job has learned.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::RequiredPrivileges;
use crate::cluster::ml::JobStats;
use crate::commands::interrupt::Signals;
use crate::commands::session::Session;
use crate::error::{Error, ExitCode, Result};
use crate::job::{DatafeedId, JobConfig, JobId};

/// A job that is open, and its datafeed if that is started.
#[derive(Debug)]
pub(super) struct OpenJob {
    id: JobId,
    datafeed: Option<DatafeedId>,
    /// Whether a request was sent that stops the datafeed or closes the job.
    is_changed: AtomicBool,
}

fn no_longer_exists(what: &str) -> Error {
    Error::failed(format!("{what} no longer exists"), "run the command again")
}

impl OpenJob {
    /// The job with this ID, which exists; `None` if it is not open.
    pub(super) async fn find(session: &Session, id: &JobId) -> Result<Option<Self>> {
        let cluster = &session.cluster;
        let (Some(config), Some(stats)) = (cluster.job(id).await?, cluster.job_stats(id).await?) else {
            return Err(no_longer_exists(&format!("job {id}")));
        };
        let config = JobConfig::of(&config, cluster.datafeed_of(id).await?.as_deref())?;
        Self::of(session, &config, &stats).await
    }

    /// `None` if the job is not open.
    pub(super) async fn of(session: &Session, job: &JobConfig, stats: &JobStats) -> Result<Option<Self>> {
        if stats.state != "opened" {
            return Ok(None);
        }
        let mut datafeed = job.datafeed().map(|datafeed| datafeed.id.clone());
        if let Some(id) = &datafeed {
            let state = session.cluster.datafeed_state(id).await?;
            let state = state.ok_or_else(|| no_longer_exists(&format!("datafeed {id}")))?;
            datafeed = datafeed.filter(|_| state == "started");
        }
        Ok(Some(Self {
            id: job.id().clone(),
            datafeed,
            is_changed: AtomicBool::new(false),
        }))
    }

    /// The requests that close the job.
    pub(super) fn close_requests(&self) -> String {
        let stop = self
            .datafeed
            .iter()
            .map(|id| format!("POST /_ml/datafeeds/{id}/_stop\n"));
        stop.collect::<String>() + &format!("POST /_ml/anomaly_detectors/{}/_close", self.id)
    }

    /// The requests that restart what was running.
    fn restart_requests(&self) -> String {
        let start = self
            .datafeed
            .iter()
            .map(|id| format!("\nPOST /_ml/datafeeds/{id}/_start"));
        format!("POST /_ml/anomaly_detectors/{}/_open", self.id) + &start.collect::<String>()
    }

    /// Closes the job, runs the work, and restarts what was running, even after a failure or a signal. With `stays_closed`,
    /// not after success.
    pub(super) async fn while_closed<T>(
        &self,
        session: &Session,
        signals: &Signals,
        work: impl Future<Output = Result<T>>,
        stays_closed: bool,
    ) -> Result<T> {
        let result = match signals.or_between_requests(session, self.close(session)).await {
            Ok(()) => work.await,
            Err(error) => Err(error),
        };
        if !self.is_changed.load(Ordering::Relaxed) || (stays_closed && result.is_ok()) {
            return result;
        }
        let restarted = signals.or_second(self.restart(session)).await;
        match restarted.unwrap_or_else(|signal| Err(Error::stopped(signal))) {
            Ok(()) => result,
            Err(cause) => Err(self.not_restarted(&cause, result.err())),
        }
    }

    async fn close(&self, session: &Session) -> Result<()> {
        let cluster = &session.cluster;
        let privileges = RequiredPrivileges {
            cluster: vec!["monitor", "manage_ml"],
            indices: Vec::new(),
        };
        session.require_privileges(&privileges).await?;
        if let Some(datafeed) = &self.datafeed {
            if cluster.datafeed_has_end(datafeed).await? {
                return Err(Error::refused(
                    format!(
                        "cannot close job {}: datafeed {datafeed} was started with an end, which a restart would lose",
                        self.id
                    ),
                    "run the command again when the datafeed has stopped",
                ));
            }
            let stage = session.stage("Stopping the datafeed", None);
            self.is_changed.store(true, Ordering::Relaxed);
            cluster.stop_datafeed(datafeed).await?;
            stage.done(&format!("Stopped datafeed {datafeed}"));
        }
        let stage = session.stage("Closing the job", None);
        self.is_changed.store(true, Ordering::Relaxed);
        cluster.close_job(&self.id).await?;
        stage.done(&format!("Closed job {}", self.id));
        Ok(())
    }

    /// Restarts what is not running. A request to close the job, whose response may be lost, is completed first.
    async fn restart(&self, session: &Session) -> Result<()> {
        let cluster = &session.cluster;
        let stage = session.stage("Restarting the job", None);
        cluster.open_job(&self.id).await?;
        if let Some(datafeed) = &self.datafeed {
            cluster.start_datafeed(datafeed, None).await?;
        }
        stage.done(&format!("Opened job {} again", self.id));
        Ok(())
    }

    fn not_restarted(&self, cause: &Error, failure: Option<Error>) -> Error {
        let before = match failure {
            Some(failure) => format!("{failure}; then "),
            None => String::new(),
        };
        Error::Stated {
            exit: ExitCode::Remains,
            message: format!("{before}job {} was closed and cannot be restarted: {cause}", self.id),
            hint: Some(format!(
                "restart it with these requests, in the Kibana Console or with curl:\n{}",
                self.restart_requests()
            )),
        }
    }
}
