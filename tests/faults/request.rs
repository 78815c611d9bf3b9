//! Identifies a request of one run in another run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::cluster::Call;
use crate::support::cluster::stand_in::LoggedRequest;

/// The `nth` request with that method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    pub method: String,
    pub path: String,
    pub nth: usize,
    /// The number of the request that must be answered before this one is sent; `None` for the first one.
    pub after: Option<usize>,
}

impl RequestId {
    pub fn matches(&self, call: &Call) -> bool {
        call.method == self.method && without_random_suffix(&call.path) == self.path
    }

    /// Whether this request may be sent at this point.
    pub fn matches_from(&self) -> impl Fn(&Call) -> bool + Send + Sync + 'static {
        let (request, seen, begun) = (self.clone(), AtomicUsize::new(0), AtomicBool::new(false));
        move |call| {
            if request.matches(call) && seen.fetch_add(1, Ordering::SeqCst) + 1 == request.nth {
                begun.store(true, Ordering::SeqCst);
            }
            begun.load(Ordering::SeqCst)
        }
    }
}

/// The path without the parts that differ between runs: the suffix of the alias for loading input documents.
fn without_random_suffix(path: &str) -> String {
    const ALIAS: &str = "-importing-";
    let Some((before, after)) = path.split_once(ALIAS) else {
        return path.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    format!("{before}{ALIAS}RUN{rest}")
}

/// The requests of a run without faults.
pub fn request_ids(requests: &[LoggedRequest]) -> Vec<RequestId> {
    let mut seen: HashMap<(&str, String), usize> = HashMap::new();
    let first = |method: &str, ending: &str| {
        let is = |request: &LoggedRequest| {
            request.method == method && without_random_suffix(&request.path).ends_with(ending)
        };
        requests.iter().position(is)
    };
    let mut last = None;
    let mut ids = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        let path = without_random_suffix(&request.path);
        let nth = seen.entry((&request.method, path.clone())).or_default();
        *nth += 1;
        // Input documents are written and refreshed concurrently with the rest, but verified in order.
        let after = match path.rsplit_once("-importing-RUN/") {
            Some((_, "_bulk")) => first("GET", "-input"),
            Some((_, "_settings")) => first("POST", "-importing-RUN/_bulk"),
            Some((_, "_refresh")) => first("PUT", "-importing-RUN/_settings"),
            _ => last.replace(number),
        };
        ids.push(RequestId {
            method: request.method.clone(),
            path,
            nth: *nth,
            after,
        });
    }
    ids
}
