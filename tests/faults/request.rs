//! A request of a run, found again in another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::cluster::Call;
use crate::support::cluster::stand_in::LoggedRequest;

/// The `nth` request of that method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    pub method: String,
    pub path: String,
    pub nth: usize,
    /// The number of the request that is answered before this one is sent; `None`: it is the first.
    pub after: Option<usize>,
}

impl RequestId {
    pub fn matches(&self, call: &Call) -> bool {
        call.method == self.method && without_random_suffix(&call.path) == self.path
    }

    /// True from the time on at which it comes.
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

/// The path without what differs from run to run: the end of the alias that inputs are loaded through.
fn without_random_suffix(path: &str) -> String {
    const ALIAS: &str = "-importing-";
    let Some((before, after)) = path.split_once(ALIAS) else {
        return path.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    format!("{before}{ALIAS}RUN{rest}")
}

/// The requests of a fault-free run.
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
        // Inputs are written and made searchable beside the rest; looked at, they are with it.
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
