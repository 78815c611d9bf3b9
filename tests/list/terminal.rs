//! The table on a terminal.

use super::{JOB, cluster, revert};
use crate::support::binary::Binary;
use crate::support::pseudo_terminal::TerminalSession;
use crate::support::test_cluster::TestCluster;

/// The screen of the terminal, which has 80 columns, without what was removed again.
fn screen(cluster: &TestCluster, more: &[&str]) -> String {
    let url = cluster.stand_in.url();
    let args = [&["list", "-q", "--url", &url], more].concat();
    let ended = TerminalSession::start_with_stdout(Binary::new().command(args)).wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    ended.screen.replace("\r\n", "\n")
}

#[test]
fn tables_have_a_heading_and_fit_80_columns() {
    let cluster = cluster(&["web-latency", JOB]);
    revert(&cluster, "1795433580");
    let (jobs, snapshots) = (screen(&cluster, &[]), screen(&cluster, &[JOB]));
    assert!(
        [&jobs, &snapshots]
            .iter()
            .all(|text| text.lines().all(|line| line.len() <= 80))
    );
    insta::assert_snapshot!("tables", format!("{jobs}\n{snapshots}"));
}

#[test]
fn json_on_a_terminal_is_a_document() {
    let cluster = cluster(&[JOB]);
    let screen = screen(&cluster, &["--json"]);
    let document: serde_json::Value = serde_json::from_str(&screen).unwrap();
    assert_eq!(document["jobs"][0]["job_id"], JOB);
}
