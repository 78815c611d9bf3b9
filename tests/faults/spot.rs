//! A request of a run, found again in another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::cluster::Call;
use crate::support::cluster::stand_in::Logged;

/// The `nth` request of that method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub method: String,
    pub path: String,
    pub nth: usize,
    /// The number of the request that is answered before this one is sent; `None`: it is the first.
    pub after: Option<usize>,
}

impl Spot {
    pub fn is(&self, call: &Call) -> bool {
        call.method == self.method && call.path == self.path
    }

    /// True from the time on at which it comes.
    pub fn ever_since(&self) -> impl Fn(&Call) -> bool + Send + Sync + 'static {
        let (spot, seen, begun) = (self.clone(), AtomicUsize::new(0), AtomicBool::new(false));
        move |call| {
            if spot.is(call) && seen.fetch_add(1, Ordering::SeqCst) + 1 == spot.nth {
                begun.store(true, Ordering::SeqCst);
            }
            begun.load(Ordering::SeqCst)
        }
    }
}

/// The requests of an undisturbed run.
pub fn spots(requests: &[Logged]) -> Vec<Spot> {
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    let first = |method: &str, ending: &str| {
        let is = |request: &Logged| request.method == method && request.path.ends_with(ending);
        requests.iter().position(is)
    };
    let mut last = None;
    let mut spots = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        let nth = seen.entry((&request.method, &request.path)).or_default();
        *nth += 1;
        // Inputs are written and made searchable beside the rest; looked at, they are with it.
        let after = match request.path.rsplit_once("-input/") {
            Some((_, "_bulk")) => first("PUT", "-input"),
            Some((_, "_settings")) => first("POST", "-input/_bulk"),
            Some((_, "_refresh")) => first("PUT", "-input/_settings"),
            _ => last.replace(number),
        };
        spots.push(Spot {
            method: request.method.clone(),
            path: request.path.clone(),
            nth: *nth,
            after,
        });
    }
    spots
}
