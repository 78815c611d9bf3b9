//! Secrets are not printed in any form, even if a server or proxy returns the request.

use std::sync::Arc;

use serde_json::json;

use super::{JOB, cluster_with, dry_run};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::{Answer, Call};
use crate::support::test_cluster::TestCluster;

/// Texts that are never printed: the passwords and keys below as entered, sent, escaped and encoded.
const SECRETS: [&str; 12] = [
    "p@ss",
    "p%40ss",
    "w/rd",
    "w%2Frd",
    "w\\/rd",
    "YWRhOnBAc3M6dy9yZA",
    "cEBzczp3L3Jk",
    "key-s3cr3t",
    "a2V5LWlkOmtleS1zM2NyM3Q",
    "t0ken-s3cr3t",
    "dDBrZW4tczNjcjN0",
    "pr0xy-s3cr3t",
];

const CREDENTIALS: [&[&str]; 4] = [
    &["--username", "ada", "--password", "p@ss:w/rd"],
    &["--api-key", "key-id:key-s3cr3t"],
    &["--api-key", "a2V5LWlkOmtleS1zM2NyM3Q="],
    &["--bearer-token", "t0ken-s3cr3t"],
];

/// The headers of a request and their parts, in forms in which servers and proxies return them.
fn echoed_headers(call: &Call) -> String {
    let sent = call.header("authorization").unwrap_or("none").to_owned();
    let token = sent.split(' ').nth(1).unwrap_or_default();
    let decoded = esml_state::util::secret::Secrets::decode(token).unwrap_or_default();
    let own = decoded.split_once(':').map_or("", |(_, own)| own);
    let percent = own.replace('@', "%40").replace(':', "%3A").replace('/', "%2F");
    format!("Authorization: {sent} is {decoded}, {own} or {percent}")
}

/// A response that contains this text.
type ResponseForm = fn(&str) -> Answer;

const RESPONSE_FORMS: [ResponseForm; 11] = [
    |text| {
        let error = json!({"type": "security_exception", "reason": text});
        Answer::json(401, &json!({"error": error, "status": 401}))
    },
    |text| {
        let cause = json!({"type": "illegal_argument_exception", "reason": text});
        let error = json!({"type": "status_exception", "reason": "failed", "caused_by": cause});
        Answer::json(400, &json!({"error": error, "status": 400}))
    },
    |text| Answer::of(502, "text/plain", text.to_owned()),
    |text| Answer::of(200, "text/plain", text.to_owned()),
    // Truncating in the middle of a secret must not prevent its detection.
    |text| Answer::of(500, "text/plain", format!("{}{text}", ".".repeat(70))),
    |text| {
        let error = json!({"type": "exception", "reason": format!("{}{text}", ".".repeat(450))});
        Answer::json(500, &json!({"error": error, "status": 500}))
    },
    |text| {
        let error = json!({"error": text, "status": 403}).to_string().replace('/', "\\/");
        Answer::of(403, "application/json", error)
    },
    |text| {
        let place = format!("http://elsewhere.invalid/{}", text.replace([' ', ',', '\\'], "-"));
        Answer::of(302, "text/plain", "").with_header("location", &place)
    },
    // A response of an unexpected structure, which errors of the parser quote.
    |text| Answer::json(200, &json!(text)),
    |text| Answer::json(200, &json!({"version": text, "jobs": text, "cluster_name": [text]})),
    |text| Answer::json(200, &json!({})).with_header("content-encoding", &text.replace('\\', "-")),
];

fn echoing_cluster(form: ResponseForm, path: &'static str) -> TestCluster {
    let cluster = cluster_with(|_| {});
    let faults = cluster.stand_in.faults();
    let added = Arc::new(faults.clone());
    // A rule that adds the response for the request that it received.
    faults.add(
        FaultRule::when(move |call| call.path.starts_with(path))
            .always()
            .run(move |call| {
                let answer = form(&echoed_headers(call));
                added.clear();
                added.add(FaultRule::on("*", path).always().then(Action::Answer(answer)));
            })
            .then(Action::status(503, "{}")),
    );
    cluster
}

#[track_caller]
fn assert_no_secret(stderr: &str, what: &str) {
    for secret in SECRETS {
        assert!(!stderr.contains(secret), "{what}: {secret} in {stderr}");
    }
}

#[test]
fn credential_in_a_response_is_not_printed() {
    // The runs of a form are concurrent, because each waits before it retries.
    for (number, form) in RESPONSE_FORMS.into_iter().enumerate() {
        std::thread::scope(|scope| {
            for (credential, path) in CREDENTIALS
                .into_iter()
                .flat_map(|credential| ["/", "/_ml/anomaly_detectors"].map(|path| (credential, path)))
            {
                scope.spawn(move || {
                    let cluster = echoing_cluster(form, path);
                    for more in [&["-vv"][..], &["-vv", "--json"]] {
                        let args = [credential, more, &["--retries", "1"]].concat();
                        let run = dry_run(&Binary::new(), &cluster.stand_in.url(), &args);
                        let what = format!("form {number}, {credential:?}, {path}, {more:?}");
                        assert_ne!(run.code, 0, "{what}: {}", run.stderr);
                        assert_no_secret(&format!("{}{}", run.stdout, run.stderr), &what);
                    }
                });
            }
        });
    }
}

/// A reason is truncated after 500 characters, other text after 120: secrets must be redacted before.
#[test]
fn secret_at_a_truncation_is_not_printed_in_part() {
    let secret = |before: usize| format!("{}key-s3cr3t", ".".repeat(before));
    let error = json!({"error": {"type": "exception", "reason": secret(494)}, "status": 500});
    for answer in [Answer::json(500, &error), Answer::of(502, "text/plain", secret(114))] {
        let cluster = cluster_with(|_| {});
        let every = FaultRule::on("GET", "/_ml/anomaly_detectors").always();
        cluster.stand_in.faults().add(every.then(Action::Answer(answer)));
        let args = [CREDENTIALS[1], &["-vv", "--retries", "0"]].concat();
        let run = dry_run(&Binary::new(), &cluster.stand_in.url(), &args).expect(1);
        run.expect_stderr("......");
        assert!(!run.stderr.contains("key-s"), "{}", run.stderr);
    }
}

#[test]
fn credential_in_a_rejected_document_is_not_printed() {
    let cluster = cluster_with(|_| {});
    let archive = cluster.export(&Binary::new(), JOB, "exported", &[]);
    let target = cluster_with(|_| {});
    target.call("DELETE", &format!("/_ml/anomaly_detectors/{JOB}"), "");
    let faults = target.stand_in.faults();
    let added = faults.clone();
    faults.add(
        FaultRule::on("POST", "/_bulk")
            .always()
            .run(move |call| {
                let error = json!({"type": "exception", "reason": echoed_headers(call)});
                let items: Vec<_> = String::from_utf8_lossy(&call.body)
                    .lines()
                    .filter(|line| line.starts_with("{\"index\""))
                    .map(|_| json!({"index": {"_id": "1", "status": 400, "error": error}}))
                    .collect();
                let answer = json!({"errors": true, "items": items}).to_string();
                added.clear();
                added.add(
                    FaultRule::on("POST", "/_bulk")
                        .always()
                        .then(Action::status(200, answer)),
                );
            })
            .then(Action::status(503, "{}")),
    );
    for more in [&[][..], &["--json"]] {
        let run = target.import(
            &Binary::new(),
            &archive,
            &[CREDENTIALS[0], more, &["--as", "copy"]].concat(),
        );
        assert_ne!(run.code, 0);
        assert_no_secret(&format!("{}{}", run.stdout, run.stderr), "an item");
    }
}

#[test]
fn proxy_password_in_a_response_is_not_printed() {
    let cluster = cluster_with(|_| {});
    let answer = Answer::of(407, "text/plain", "sent: YWRhOnByMHh5LXMzY3IzdA== is ada:pr0xy-s3cr3t");
    cluster
        .stand_in
        .faults()
        .add(FaultRule::when(|_| true).always().then(Action::Answer(answer)));
    let proxy = cluster.stand_in.url().replace("http://", "http://ada:pr0xy-s3cr3t@");
    let run = dry_run(
        &Binary::new().with_env("HTTP_PROXY", &proxy),
        "http://cluster.invalid",
        &["-vv"],
    )
    .expect(1);
    assert_no_secret(&format!("{}{}", run.stdout, run.stderr), "a proxy");
    assert!(!run.stderr.contains("YWRhOnByMHh5"), "{}", run.stderr);
    run.expect_stderr("407 sent: ***");
}
