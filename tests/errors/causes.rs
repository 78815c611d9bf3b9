//! `-v`: the causes of a failure that the message does not contain.

use serde_json::json;

use super::{cluster, export};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};

/// The causes in the output.
fn causes(run: &Run) -> Vec<&str> {
    run.stderr
        .lines()
        .filter_map(|line| line.strip_prefix("caused by: "))
        .collect()
}

/// An error response with nested causes.
fn refusal(kind: &str) -> FaultRule {
    let error = json!({"type": kind, "reason": "all shards failed", "caused_by":
        {"type": "illegal_state_exception", "reason": "the results index s3cr3t-a has no mapping", "caused_by":
            {"type": "illegal_argument_exception", "reason": "unknown field s3cr3t-b"}}});
    let body = json!({"error": error, "status": 400});
    FaultRule::on("*", "/_ml")
        .always()
        .then(Action::status(400, body.to_string()))
}

#[test]
fn error_message_includes_the_causes_of_the_response() {
    let (cluster, binary) = (cluster(), Binary::new());
    let fault = refusal("search_phase_execution_exception");
    let plain = export(Some(fault.clone()), &[])(&cluster, &binary).expect(1);
    assert_eq!(causes(&plain), Vec::<&str>::new());
    plain.expect_stderr(": 400 all shards failed: unknown field s3cr3t-b\n");
    let verbose = export(Some(fault), &["-v"])(&cluster, &binary).expect(1);
    assert_eq!(causes(&verbose), ["the results index s3cr3t-a has no mapping"]);
    assert_eq!(verbose.stderr.matches("unknown field").count(), 1, "{}", verbose.stderr);
}

#[test]
fn error_message_omits_causes_that_may_quote_documents() {
    let (cluster, binary) = (cluster(), Binary::new());
    let fault = refusal("document_parsing_exception");
    let run = export(Some(fault), &["-v"])(&cluster, &binary).expect(1);
    assert_eq!(causes(&run), ["illegal_state_exception"]);
    assert!(!run.stderr.contains("s3cr3t"), "{}", run.stderr);
}

#[test]
fn initial_connection_timeout_reports_the_last_failure() {
    // Closes every connection.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || while listener.accept().is_ok() {});
    let (binary, url) = (Binary::new(), format!("http://u:s3cr3t@{place}"));
    let args = [
        "export",
        "--job-id",
        "j",
        "--yes",
        "--url",
        &url,
        "--timeout",
        "1s",
        "-v",
    ];
    let run = binary.run(args).expect(1);
    run.expect_stderr(&format!("error: GET /: lost the connection to http://{place}/: "))
        .expect_stderr("hint: a proxy or load balancer may have closed it");
    assert!(!run.stderr.contains("s3cr3t"), "{}", run.stderr);
    assert_eq!(causes(&run), Vec::<&str>::new());
}

#[test]
fn error_message_does_not_repeat_a_cause() {
    let binary = Binary::new();
    for arguments in [
        &["inspect", "nothing.tar.gz", "-v"][..],
        &["import", "nothing.tar.gz", "--yes", "-v"],
        &[
            "export",
            "--job-id",
            "j",
            "--yes",
            "--username",
            "u",
            "--password-file",
            "nothing",
            "-v",
        ],
        &[
            "export",
            "--job-id",
            "j",
            "--yes",
            "--url",
            "http://127.0.0.1:1",
            "--retries",
            "0",
            "-v",
        ],
    ] {
        let run = binary.run(arguments).expect(1);
        assert_eq!(causes(&run), Vec::<&str>::new(), "{arguments:?}");
        assert_eq!(
            run.stderr.matches("os error").count(),
            1,
            "{arguments:?}: {}",
            run.stderr
        );
    }
}
