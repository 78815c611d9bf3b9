//! Responses that exceed the limit of the request, at any request of an import: the error names the request, memory is
//! bounded, and nothing remains.
#![cfg(target_os = "linux")]

use std::path::Path;

use serde_json::json;

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, target};
use crate::connection::bounded::{PROXIED_URL, compression_bomb, oversized_response, run_in_limited_memory};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::Answer;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::sample_step;
use crate::support::test_cluster::TestCluster;

/// Imports with a memory limit through a proxy, so that responses may be compressed.
fn import(cluster: &TestCluster, archive: &Path) -> Run {
    let binary = Binary::new().with_env("HTTP_PROXY", &cluster.stand_in.url());
    let archive = archive.display().to_string();
    let args = [
        "import",
        &archive,
        "--yes",
        "--json",
        "--retries",
        "0",
        // Buffers of larger bulk requests are allocated in blocks of 33 MiB that are only partly used.
        "--bulk-size",
        "512kb",
        "--url",
        PROXIED_URL,
    ];
    let output = run_in_limited_memory(&binary, &args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        args: args.map(str::to_owned).to_vec(),
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Runs an import for each request in turn or for a sample of them. If an import fails because of the response, its error
/// must name the request.
fn check_each_request(names_request: bool, fails: impl Fn(&TestCluster)) -> usize {
    let archive = archive_of(JOB);
    let requests = {
        let cluster = target(1, usize::MAX);
        fails(&cluster);
        import(&cluster, &archive);
        cluster.stand_in.requests()
    };
    let (bomb, long) = (compression_bomb(), oversized_response());
    let mut failed = 0;
    for nth in (1..=requests.len()).step_by(sample_step(6)) {
        let cluster = target(1, usize::MAX);
        let before = ClusterState::of(&cluster);
        let answer = if nth % 4 < 2 { &bomb } else { &long };
        let faults = cluster.stand_in.faults();
        // The cluster executed the request, even if part of the response is lost.
        faults.add(
            FaultRule::when(|_| true)
                .nth(nth)
                .carry_out()
                .then(Action::Answer(answer.clone())),
        );
        fails(&cluster);
        let run = import(&cluster, &archive);
        faults.clear();
        let request = &requests[nth - 1];
        let name = format!(
            "request {nth}, {} {}, exit {}: {}",
            request.method, request.path, run.code, run.stderr
        );
        match run.code {
            // Errors of the last requests are ignored.
            0 => continue,
            1 => {}
            6 => super::every_write::run_cleanup_commands(&cluster, &run),
            _ => panic!("{name}"),
        }
        failed += 1;
        ClusterState::of(&cluster).assert_unchanged(&before, &name);
        // Two runs need not send the same requests in the same order.
        let sent = cluster.stand_in.requests();
        let mut named = sent
            .iter()
            .map(|sent| format!("{} {}: the response is too large", sent.method, sent.path));
        assert!(
            !names_request || named.any(|named| run.stderr.contains(&named)),
            "{name}"
        );
    }
    failed
}

#[test]
fn response_size_of_every_import_request_is_limited() {
    let failed = check_each_request(true, |_| {});
    assert!(failed > 2, "{failed}");
}

#[test]
fn response_size_of_every_rollback_request_is_limited() {
    // The last write of an import; the requests after it belong to a rollback.
    let failed = check_each_request(false, |cluster| {
        let settings = FaultRule::on("PUT", "/web-latency-input/_settings").always();
        let refused = Action::status(400, r#"{"error":{"type":"some_exception","reason":"no"},"status":400}"#);
        cluster.stand_in.faults().add(settings.then(refused));
    });
    assert!(failed > 6, "{failed}");
}

/// A list of the maximum size, which is parsed as a tree.
#[test]
fn largest_allowed_list_is_read_in_bounded_memory() {
    let cluster = target(1, usize::MAX);
    let template = |n: usize| {
        let patterns: Vec<String> = (0..290)
            .map(|m| format!("pattern-{n}-{m}-{}", "x".repeat(30)))
            .collect();
        json!({"name": format!("t{n}"), "index_template": {"index_patterns": patterns}})
    };
    let templates: Vec<_> = (0..1000).map(template).collect();
    let answer = Answer::json(200, &json!({ "index_templates": templates }));
    assert!(
        answer.body.len() > 13 << 20 && answer.body.len() < 16 << 20,
        "{}",
        answer.body.len()
    );
    let listing = FaultRule::when(|call| call.path == "/_index_template").always();
    cluster.stand_in.faults().add(listing.then(Action::Answer(answer)));
    import(&cluster, &archive_of(JOB)).expect(0);
}

/// An address that is not a loopback address, but leads to this machine.
#[test]
fn bulk_requests_are_compressed_except_on_loopback() {
    for (host, compressed) in [("127.0.0.1", false), ("0.0.0.0", true)] {
        let cluster = target(1, 1);
        let url = cluster.stand_in.url().replace("127.0.0.1", host);
        let archive = archive_of(JOB);
        let binary = Binary::new();
        binary
            .run(["import", &archive.display().to_string(), "--yes", "--url", &url])
            .expect(0);
        let requests = cluster.stand_in.requests();
        let bulk: Vec<_> = requests
            .iter()
            .filter(|request| request.path.ends_with("/_bulk"))
            .collect();
        let is_gzip = |(name, value): &(String, String)| name == "content-encoding" && value == "gzip";
        assert!(!bulk.is_empty());
        assert!(
            bulk.iter()
                .all(|request| request.headers.iter().any(is_gzip) == compressed),
            "{host}"
        );
    }
}
