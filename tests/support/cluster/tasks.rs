//! The current tasks of a stand-in, as `GET /_tasks` lists them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{Answer, Call};

/// Action and `X-Opaque-Id` by number.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<BTreeMap<u64, (&'static str, String)>>>);

/// A task that runs until this value is dropped.
pub(super) struct Task {
    tasks: Tasks,
    number: u64,
}

impl Tasks {
    pub(super) fn begin(&self, call: &Call) -> Task {
        let action = match call.path.as_str() {
            path if path.ends_with("/_bulk") => "indices:data/write/bulk",
            path if path.starts_with("/_ml/") => "cluster:admin/xpack/ml/job/put",
            _ => "indices:admin/create",
        };
        let mut tasks = self.0.lock().expect("tasks");
        let number = tasks.keys().next_back().map_or(1, |last| last + 1);
        let opaque = call.header("x-opaque-id").unwrap_or_default().to_owned();
        tasks.insert(number, (action, opaque));
        Task {
            tasks: self.clone(),
            number,
        }
    }

    /// Returns the response with `group_by=none`.
    pub(super) fn answer(&self, call: &Call) -> Answer {
        let wanted = call.param("actions").unwrap_or("*");
        let fits = |action: &str| {
            let begins = |pattern: &str| action.starts_with(pattern.trim_end_matches('*'));
            wanted.split(',').any(begins)
        };
        let tasks = self.0.lock().expect("tasks");
        let tasks = tasks.iter().filter(|(_, (action, _))| fits(action));
        let list: Vec<_> = tasks
            .map(|(number, (action, opaque))| {
                json!({"node": "oSNaezmOQJGGQeWP4n2zgA", "id": number, "type": "transport", "action": action,
                    "start_time_in_millis": 1_700_000_000_000_u64, "running_time_in_nanos": 1, "cancellable": false,
                    "headers": {"X-Opaque-Id": opaque}})
            })
            .collect();
        Answer::json(200, &json!({"tasks": list}))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.tasks.0.lock().expect("tasks").remove(&self.number);
    }
}
