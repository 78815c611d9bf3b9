//! Requests whose answer did not come: the cluster may still be at them when whoever sent them has given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cluster::clock::within;
use crate::cluster::{Cluster, Path, Request};

/// Between two looks at what the cluster is doing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the requests of one run are called in the cluster's list of tasks, and whether any of them is open.
#[derive(Debug)]
pub(in crate::cluster) struct Unanswered {
    /// Value of `X-Opaque-Id`.
    pub(in crate::cluster) name: String,
    open: AtomicBool,
}

/// One request on its way. Unless it was answered it counts as open when this is dropped, for whatever reason.
pub(in crate::cluster) struct OnItsWay<'a> {
    open: &'a AtomicBool,
    counts: bool,
}

#[derive(Deserialize)]
struct Tasks {
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Task {
    #[serde(default)]
    headers: std::collections::HashMap<String, Box<RawValue>>,
}

impl Unanswered {
    pub(in crate::cluster) fn new() -> Self {
        Self {
            name: format!("esml-state-{:016x}", fastrand::u64(..)),
            open: AtomicBool::new(false),
        }
    }

    /// A request sets out; one that only reads does not count.
    pub(in crate::cluster) fn sent(&self, request: &Request) -> OnItsWay<'_> {
        OnItsWay {
            open: &self.open,
            counts: request.method != Method::Get,
        }
    }
}

impl OnItsWay<'_> {
    /// It was answered by the cluster itself, as far as can be told.
    pub(in crate::cluster) fn answered(&mut self, status: u16) {
        self.counts &= matches!(status, 502 | 504);
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if self.counts {
            self.open.store(true, Ordering::Relaxed);
        }
    }
}

impl Cluster {
    /// Where answers did not come, waits until the cluster is no longer at the requests, as long as one request is
    /// given: what is undone after it is not overtaken. Requests that have not reached the cluster by then cannot be
    /// seen.
    pub async fn settle(&self) {
        let link = self.link();
        if !link.unanswered.open.swap(false, Ordering::Relaxed) {
            return;
        }
        let over = async {
            while self.is_at_ours().await {
                self.clock().pause(LOOK_EVERY).await;
            }
        };
        within(self.clock(), link.timeout, over).await;
    }

    /// Whether the list of tasks has one of ours; false where there is no list.
    async fn is_at_ours(&self) -> bool {
        let request = Request::get(Path::of(["_tasks"]))
            .query("actions", "indices:*,cluster:admin/*")
            .query("group_by", "none");
        let what = request.what();
        let Ok(answer) = self.send(request).await else {
            return false;
        };
        let name = serde_json::Value::from(self.link().unanswered.name.as_str()).to_string();
        answer.parse::<Tasks>(&what).is_ok_and(|answer| {
            let mut headers = answer.tasks.iter().flat_map(|task| &task.headers);
            headers.any(|(header, value)| header.eq_ignore_ascii_case("x-opaque-id") && value.get() == name)
        })
    }
}
