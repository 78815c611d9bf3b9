//! What a real cluster keeps in system indices: configurations, filters, calendars, and the states of jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Semaphore;

/// What was restored when a job was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The number of model state documents that were found and decoded.
    pub model_docs: u64,
    /// The number of categorizer state documents before the first missing one.
    pub categorizer_docs: u64,
    /// Whether `<job>_quantiles` was found.
    pub quantiles: bool,
    /// The time of the latest record according to the data counts, in epoch milliseconds.
    pub latest_record_timestamp: Option<i64>,
    /// The start of its datafeed in epoch milliseconds, if it was started.
    pub datafeed_start: Option<i64>,
}

/// The state of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// Not in memory.
    #[default]
    Closed,
    /// In memory.
    Opened,
    /// It could not be restored.
    Failed,
}

impl JobState {
    /// Returns the name in `_stats`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Opened => "opened",
            Self::Failed => "failed",
        }
    }
}

/// A job: its configuration as `GET` returns it (without the datafeed), and its state.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The configuration.
    pub config: Value,
    /// The state.
    pub state: JobState,
    /// What was restored by the last opening.
    pub restored: Option<Restored>,
}

/// A datafeed.
#[derive(Clone, Debug, Default)]
pub struct Datafeed {
    /// The configuration as `GET` returns it.
    pub config: Value,
    /// Whether it runs.
    pub started: bool,
}

/// A calendar with its events.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    /// Jobs and groups.
    pub job_ids: Vec<String>,
    /// `None` if it was not set.
    pub description: Option<String>,
    /// Events as `GET` returns them.
    pub events: Vec<Value>,
}

/// A deletion that pauses after the documents of the job are deleted, before its configuration and its aliases are.
#[derive(Clone, Debug)]
pub struct PausedDeletion {
    reached: Arc<Semaphore>,
    resume: Arc<Semaphore>,
}

impl PausedDeletion {
    pub(super) fn new() -> Self {
        Self {
            reached: Arc::new(Semaphore::new(0)),
            resume: Arc::new(Semaphore::new(0)),
        }
    }

    pub(super) async fn wait(&self) {
        self.reached.add_permits(1);
        self.resume.acquire().await.expect("never closed").forget();
    }

    /// Waits until the documents are deleted.
    pub fn reached(&self) {
        while self.reached.available_permits() == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Resumes the deletion.
    pub fn end(&self) {
        self.resume.add_permits(1);
    }
}

/// The stored configurations.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// The pause for the next deletion of a job.
    pub paused_deletion: Option<PausedDeletion>,
    /// By ID.
    pub jobs: BTreeMap<String, Job>,
    /// By ID.
    pub datafeeds: BTreeMap<String, Datafeed>,
    /// Complete responses by ID.
    pub filters: BTreeMap<String, Value>,
    /// By ID.
    pub calendars: BTreeMap<String, Calendar>,
    /// Whether ML writes are refused.
    pub upgrade_mode: bool,
    /// For generated IDs.
    pub counter: u64,
}

impl Store {
    /// Returns a new number.
    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Returns the datafeed of a job.
    pub fn datafeed_of(&self, job: &str) -> Option<(&String, &Datafeed)> {
        self.datafeeds
            .iter()
            .find(|(_, datafeed)| datafeed.config["job_id"] == job)
    }
}
