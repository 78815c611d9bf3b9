//! A run with faults.

use std::sync::Arc;
use std::time::Duration;

use super::fault_kinds::{FailureMode, KINDS, Kind, Scope};
use super::request::RequestId;
use super::runner::redirect_target;
use crate::support::binary::Run;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::exhaustive;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultDuration {
    Once,
    Permanent,
}

/// A run: which of its requests fail, how, and for how long.
pub struct Scenario {
    pub at: Vec<usize>,
    pub kind: &'static Kind,
    pub duration: FaultDuration,
}

/// A sample has one in this many scenarios in which the run fails; each request and each kind of fault is included.
const SAMPLE_INTERVAL: usize = 35;

/// The distance between faults in a run that succeeds. A sample has fewer runs with more faults.
fn fault_distance() -> usize {
    if exhaustive() { 8 } else { 3 }
}

impl Scenario {
    /// Returns every request with every fault, once and lasting, or a sample of those that fail the run. Faults that
    /// are retried are combined in one run.
    pub fn all(requests: &[RequestId]) -> Vec<Self> {
        let whole = exhaustive();
        let mut scenarios = Vec::new();
        for (number, kind) in KINDS.iter().enumerate() {
            let sampled = |at: &usize| whole || (at + number).is_multiple_of(SAMPLE_INTERVAL);
            let single = |at: usize, duration| Self {
                at: vec![at],
                kind,
                duration,
            };
            scenarios.extend(
                (0..requests.len())
                    .filter(sampled)
                    .map(|at| single(at, FaultDuration::Permanent)),
            );
            let (retried, fatal): (Vec<usize>, Vec<usize>) =
                (0..requests.len()).partition(|at| succeeds(&requests[*at], kind));
            scenarios.extend(
                fatal
                    .into_iter()
                    .filter(sampled)
                    .map(|at| single(at, FaultDuration::Once)),
            );
            let distance = fault_distance();
            scenarios.extend((0..distance).filter_map(|first| {
                let at: Vec<usize> = retried.iter().copied().filter(|at| at % distance == first).collect();
                (!at.is_empty()).then_some(Self {
                    at,
                    kind,
                    duration: FaultDuration::Once,
                })
            }));
        }
        scenarios
    }

    /// Returns the request, or the first of several.
    pub fn request<'a>(&self, requests: &'a [RequestId]) -> &'a RequestId {
        &requests[self.at[0]]
    }

    /// Whether the run must succeed.
    pub fn succeeds(&self, requests: &[RequestId]) -> bool {
        self.duration == FaultDuration::Once && succeeds(self.request(requests), self.kind)
    }

    /// Formats a failure with the stderr of the run.
    pub fn describe_failure(&self, what: &str, requests: &[RequestId], why: &str, run: &Run) -> String {
        let RequestId { method, path, nth, .. } = self.request(requests);
        let more = match self.at.len() {
            1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let (kind, duration) = (self.kind.name, self.duration);
        format!(
            "{what} {method} {path} ({nth}{more}), {kind} {duration:?}: {why}\n{}",
            run.stderr
        )
    }

    /// Adds the faults to the cluster.
    pub fn inject(&self, cluster: &TestCluster, run: &InProcess, requests: &[RequestId]) {
        for at in &self.at {
            self.inject_at(cluster, run, requests, *at);
        }
    }

    fn inject_at(&self, cluster: &TestCluster, run: &InProcess, requests: &[RequestId], at: usize) {
        let request = &requests[at];
        let faults = cluster.stand_in.faults();
        let rule = || match (self.duration, self.kind.scope) {
            (FaultDuration::Permanent, Scope::AllRequests) => FaultRule::when(request.matches_from()).always(),
            (FaultDuration::Permanent, Scope::ThisRequest) => rule_for(request).always(),
            (FaultDuration::Once, _) => rule_for(request),
        };
        match self.kind.mode {
            FailureMode::ConnectionRefused | FailureMode::NoTls => {
                self.inject_network_fault(cluster, run, requests, at)
            }
            FailureMode::Answer(action) => faults.add(rule().then(action(&redirect_target().url()))),
            FailureMode::LostResponse => faults.add(rule().carry_out().then(Action::Close)),
            FailureMode::Timeout => {
                let clock = Arc::clone(&run.clock);
                let too_long = move |_: &_| clock.advance(Duration::from_secs(121));
                faults.add(rule().carry_out().run(too_long).then(Action::Hang));
            }
        }
    }

    /// Connections are closed after the previous response, and new ones fail.
    fn inject_network_fault(&self, cluster: &TestCluster, run: &InProcess, requests: &[RequestId], at: usize) {
        let network = cluster.stand_in.network();
        let (mode, duration) = (self.kind.mode, self.duration);
        if matches!(mode, FailureMode::ConnectionRefused) && duration == FaultDuration::Once {
            let restored = network.clone();
            run.clock.on_pause(move || restored.listen());
        }
        let fail = move || match (mode, duration) {
            (FailureMode::ConnectionRefused, _) => network.refuse(),
            (_, FaultDuration::Once) => network.garble(1),
            (_, FaultDuration::Permanent) => network.garble(usize::MAX),
        };
        let Some(before) = requests[at].after else {
            return fail();
        };
        let mut before = requests[before].clone();
        // A rule does not count the requests to which earlier rules were applied.
        let earlier = self.at.iter().filter(|earlier| **earlier < at);
        let earlier = earlier.filter_map(|earlier| requests[*earlier].after);
        let same = earlier
            .filter(|earlier| requests[*earlier].path == before.path && requests[*earlier].method == before.method);
        before.nth -= same.count();
        cluster.stand_in.faults().add(rule_for(&before).run(move |_| fail()));
    }
}

/// Whether the tool retries the request successfully. The initial connection has a shorter time limit for all attempts
/// together, and is not retried if it is refused.
fn succeeds(request: &RequestId, kind: &Kind) -> bool {
    kind.retried && !(request.path == "/" && matches!(kind.mode, FailureMode::Timeout | FailureMode::ConnectionRefused))
}

/// Returns the requests with the same method and path, starting with this one.
pub fn rule_for(request: &RequestId) -> FaultRule {
    let meant = request.clone();
    FaultRule::when(move |call| meant.matches(call)).nth(request.nth)
}
