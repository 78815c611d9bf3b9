//! Opens an imported job and starts its datafeed. A failure leaves the import as it is.

use super::context::Import;
use super::options::ImportOptions;
use super::plan::Plan;
use crate::commands::interrupt::Signals;
use crate::error::{Error, ExitCode, Result};

/// What was done after an import.
#[derive(Debug, Default)]
pub(in crate::commands) struct Started {
    pub(super) opened: bool,
    pub(super) datafeed: bool,
    pub(in crate::commands) failure: Option<Error>,
}

/// Does what the options request. A signal stops it.
pub(super) async fn start(import: &Import, signals: &Signals) -> Started {
    let mut started = Started::default();
    if import.options.open
        && let Err(cause) = signals.or(start_now(import, &mut started)).await
    {
        let requests = next_requests(&import.plan, &import.options, &started).join("\n");
        let failed = if started.opened {
            "starting its datafeed"
        } else {
            "opening it"
        };
        let interrupted = signals.is_stopped();
        started.failure = Some(Error::Stated {
            exit: if interrupted { cause.exit() } else { ExitCode::Failed },
            message: format!("job {} was imported, but {failed} failed: {cause}", import.job()),
            hint: Some(format!(
                "repeat the request in the Kibana Console, or with curl:\n{requests}"
            )),
        });
    }
    started
}

async fn start_now(import: &Import, started: &mut Started) -> Result<()> {
    let (cluster, options, job) = (import.cluster(), &import.options, import.job());
    let stage = import.stage("Opening the job", None);
    cluster.open_job(job).await?;
    started.opened = true;
    stage.done(&format!("Opened job {job}"));
    if let Some(datafeed) = import.plan.datafeed().filter(|_| options.start_datafeed) {
        let stage = import.stage("Starting the datafeed", None);
        cluster.start_datafeed(datafeed, options.datafeed_start).await?;
        started.datafeed = true;
        stage.done(&format!("Started datafeed {datafeed}"));
    }
    Ok(())
}

/// The requests that open the job and start its datafeed, except those that were done.
pub(super) fn next_requests(plan: &Plan, options: &ImportOptions, started: &Started) -> Vec<String> {
    let mut requests = Vec::new();
    if !started.opened {
        requests.push(format!("POST /_ml/anomaly_detectors/{}/_open", plan.job()));
    }
    if let Some(id) = plan.datafeed().filter(|_| !started.datafeed) {
        let at = options.datafeed_start.map(|at| format!("?start={at}"));
        requests.push(format!("POST /_ml/datafeeds/{id}/_start{}", at.unwrap_or_default()));
    }
    requests
}
