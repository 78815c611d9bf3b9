//! One run in which something goes wrong.

use std::sync::Arc;
use std::time::Duration;

use super::fault_kinds::{How, KINDS, Kind, Lasting};
use super::request::RequestId;
use super::runner::elsewhere;
use crate::support::binary::Run;
use crate::support::cluster::faults::{Action, Fault};
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

/// How long a fault stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultDuration {
    Once,
    Lasts,
}

/// One run: which of its requests go wrong, how, and for how long.
pub struct Scenario {
    pub at: Vec<usize>,
    pub kind: &'static Kind,
    pub stay: FaultDuration,
}

/// Names the environment variable that, set to `all`, has every scenario walked.
const EXTENT: &str = "ESML_TEST_FAULTS";
/// Otherwise one in so many of those that end a run, each request and each fault among them.
const SAMPLE: usize = 6;

/// In a run that survives them, so many faults are this far from one another.
const APART: usize = 8;

impl Scenario {
    /// Every request × every fault, once and lasting, or a sample of what is not survived. What is survived is met at
    /// several requests of one run.
    pub fn all(spots: &[RequestId]) -> Vec<Self> {
        let whole = std::env::var(EXTENT).is_ok_and(|extent| extent == "all");
        let mut scenarios = Vec::new();
        for (number, kind) in KINDS.iter().enumerate() {
            let walked = |at: &usize| whole || (at + number).is_multiple_of(SAMPLE);
            let single = |at: usize, stay| Self {
                at: vec![at],
                kind,
                stay,
            };
            scenarios.extend(
                (0..spots.len())
                    .filter(walked)
                    .map(|at| single(at, FaultDuration::Lasts)),
            );
            let (survived, fatal): (Vec<usize>, Vec<usize>) =
                (0..spots.len()).partition(|at| survives(&spots[*at], kind));
            scenarios.extend(
                fatal
                    .into_iter()
                    .filter(walked)
                    .map(|at| single(at, FaultDuration::Once)),
            );
            scenarios.extend((0..APART).filter_map(|first| {
                let at: Vec<usize> = survived.iter().copied().filter(|at| at % APART == first).collect();
                (!at.is_empty()).then_some(Self {
                    at,
                    kind,
                    stay: FaultDuration::Once,
                })
            }));
        }
        scenarios
    }

    /// The one request, or the first of several.
    pub fn spot<'a>(&self, spots: &'a [RequestId]) -> &'a RequestId {
        &spots[self.at[0]]
    }

    /// Whether the run is to come to a good end.
    pub fn survives(&self, spots: &[RequestId]) -> bool {
        self.stay == FaultDuration::Once && survives(self.spot(spots), self.kind)
    }

    /// What did not hold, with all that the run said.
    pub fn failed(&self, what: &str, spots: &[RequestId], why: &str, run: &Run) -> String {
        let RequestId { method, path, nth, .. } = self.spot(spots);
        let more = match self.at.len() {
            1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let (kind, stay) = (self.kind.name, self.stay);
        format!(
            "{what} {method} {path} ({nth}{more}), {kind} {stay:?}: {why}\n{}",
            run.stderr
        )
    }

    /// Makes the requests of the run go wrong.
    pub fn disturb(&self, cluster: &TestCluster, run: &InProcess, spots: &[RequestId]) {
        for at in &self.at {
            self.disturb_at(cluster, run, spots, *at);
        }
    }

    fn disturb_at(&self, cluster: &TestCluster, run: &InProcess, spots: &[RequestId], at: usize) {
        let spot = &spots[at];
        let faults = cluster.stand_in.faults();
        let rule = || match (self.stay, self.kind.lasts) {
            (FaultDuration::Lasts, Lasting::Everything) => Fault::when(spot.ever_since()).always(),
            (FaultDuration::Lasts, Lasting::ThisRequest) => on(spot).always(),
            (FaultDuration::Once, _) => on(spot),
        };
        match self.kind.how {
            How::Refused | How::NoTls => self.network(cluster, run, spots, at),
            How::Answer(action) => faults.add(rule().then(action(&elsewhere().url()))),
            How::Lost => faults.add(rule().carry_out().then(Action::Close)),
            How::Slow => {
                let clock = Arc::clone(&run.clock);
                let too_long = move |_: &_| clock.pass(Duration::from_secs(121));
                faults.add(rule().carry_out().run(too_long).then(Action::Hang));
            }
        }
    }

    /// The connections close with the answer before, and new ones fail.
    fn network(&self, cluster: &TestCluster, run: &InProcess, spots: &[RequestId], at: usize) {
        let network = cluster.stand_in.network();
        let (how, stay) = (self.kind.how, self.stay);
        if matches!(how, How::Refused) && stay == FaultDuration::Once {
            let restored = network.clone();
            run.clock.at_pauses(move || restored.listen());
        }
        let fail = move || match (how, stay) {
            (How::Refused, _) => network.refuse(),
            (_, FaultDuration::Once) => network.garble(1),
            (_, FaultDuration::Lasts) => network.garble(usize::MAX),
        };
        let Some(before) = spots[at].after else {
            return fail();
        };
        let mut before = spots[before].clone();
        // A rule does not count the requests at which rules before it have fired.
        let earlier = self.at.iter().filter(|earlier| **earlier < at);
        let earlier = earlier.filter_map(|earlier| spots[*earlier].after);
        let same =
            earlier.filter(|earlier| spots[*earlier].path == before.path && spots[*earlier].method == before.method);
        before.nth -= same.count();
        cluster.stand_in.faults().add(on(&before).run(move |_| fail()));
    }
}

/// Whether the tool tries again and comes to a good end. The first contact has less time than another request, all
/// tries together, and where nothing listens it is not repeated.
fn survives(spot: &RequestId, kind: &Kind) -> bool {
    kind.passes && !(spot.path == "/" && matches!(kind.how, How::Slow | How::Refused))
}

/// Requests of the spot's method and path, from the one that is meant on.
pub fn on(spot: &RequestId) -> Fault {
    let meant = spot.clone();
    Fault::when(move |call| meant.is(call)).nth(spot.nth)
}
