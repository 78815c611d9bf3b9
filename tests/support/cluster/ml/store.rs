//! What a real cluster keeps in system indices: configurations, filters, calendars, and what jobs are doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Semaphore;

/// What opening a job brought back into memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Model state documents that were there and decoded.
    pub model_docs: u64,
    /// Categorizer state documents up to the first missing one.
    pub categorizer_docs: u64,
    /// `<job>_quantiles` was there.
    pub quantiles: bool,
    /// Where the data counts say that the job stopped, in epoch milliseconds.
    pub latest_record_timestamp: Option<i64>,
    /// Where its datafeed began, in epoch milliseconds, once one was started.
    pub datafeed_start: Option<i64>,
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// Not in memory.
    #[default]
    Closed,
    /// In memory.
    Opened,
    /// Could not be restored.
    Failed,
}

impl JobState {
    /// As `_stats` says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Opened => "opened",
            Self::Failed => "failed",
        }
    }
}

/// A job: its configuration as `GET` shows it (without the datafeed), and its state.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The configuration.
    pub config: Value,
    /// What it is doing.
    pub state: JobState,
    /// The last opening.
    pub restored: Option<Restored>,
}

/// A datafeed.
#[derive(Clone, Debug, Default)]
pub struct Datafeed {
    /// The configuration as `GET` shows it.
    pub config: Value,
    /// Whether it runs.
    pub started: bool,
}

/// A calendar with its events.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    /// Jobs and groups.
    pub job_ids: Vec<String>,
    /// Absent when never given.
    pub description: Option<String>,
    /// Events as `GET` shows them.
    pub events: Vec<Value>,
}

/// A deletion that stops when the documents of the job are gone, before its configuration and its aliases go.
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

    /// Waits until the documents are gone.
    pub fn reached(&self) {
        while self.reached.available_permits() == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Lets it end.
    pub fn end(&self) {
        self.resume.add_permits(1);
    }
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// The next deletion of a job is held.
    pub paused_deletion: Option<PausedDeletion>,
    /// By id.
    pub jobs: BTreeMap<String, Job>,
    /// By id.
    pub datafeeds: BTreeMap<String, Datafeed>,
    /// Whole answers, by id.
    pub filters: BTreeMap<String, Value>,
    /// By id.
    pub calendars: BTreeMap<String, Calendar>,
    /// ML writes are refused.
    pub upgrade_mode: bool,
    /// For ids that nobody chose.
    pub counter: u64,
}

impl Store {
    /// A number never given before.
    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The datafeed of a job.
    pub fn datafeed_of(&self, job: &str) -> Option<(&String, &Datafeed)> {
        self.datafeeds
            .iter()
            .find(|(_, datafeed)| datafeed.config["job_id"] == job)
    }
}
