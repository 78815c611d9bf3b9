//! A running job whose closing writes a newer snapshot.

use std::sync::Arc;

use super::cluster::faults::{Action, FaultRule};
use super::test_cluster::TestCluster;

pub const JOB: &str = "log-categories-multisnap";
pub const DATAFEED: &str = "datafeed-log-categories-multisnap";
pub const OLD: &str = "1795433575";
pub const NEW: &str = "1795433586";

pub fn call(cluster: &TestCluster, path: &str) {
    let answer = cluster.call("POST", path, "");
    assert!(answer.status < 300, "{path}: {:?}", answer.body);
}

fn revert_to(cluster: &TestCluster, snapshot: &str) {
    let path = format!("/_ml/anomaly_detectors/{JOB}/model_snapshots/{snapshot}/_revert");
    call(cluster, &path);
}

/// Opens the job, which uses its oldest snapshot, and starts its datafeed.
pub fn open(cluster: &TestCluster) {
    revert_to(cluster, OLD);
    call(cluster, &format!("/_ml/anomaly_detectors/{JOB}/_open"));
    call(cluster, &format!("/_ml/datafeeds/{DATAFEED}/_start"));
}

/// Closing the job makes it use its newest snapshot, as if that was written then.
pub fn write_snapshot_when_closed(cluster: &Arc<TestCluster>) {
    // The cluster has the rule, which must not keep the cluster.
    let closed = Arc::downgrade(cluster);
    let close_and_revert = move |_: &_| {
        let closed = closed.upgrade().expect("it receives the request");
        call(&closed, &format!("/_ml/anomaly_detectors/{JOB}/_close"));
        revert_to(&closed, NEW);
    };
    let rule = FaultRule::when(|call| call.path.ends_with("/_close"));
    let rule = rule.run(close_and_revert).then(Action::Pass);
    cluster.stand_in.faults().add(rule);
}
