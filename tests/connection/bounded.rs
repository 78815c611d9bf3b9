//! Responses that exceed the limit of the request are errors that name the request, in bounded memory.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{JOB, cluster_with};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::{Answer, Call};

/// Memory limit of a run in KiB. The operating system enforces it: a larger allocation ends the program.
const MEMORY_LIMIT_KIB: u64 = 64 << 10;
/// An address that is not local, so that compressed responses are requested.
pub const PROXIED_URL: &str = "http://cluster.invalid:9200";

/// Runs an export with this memory limit. Returns the exit code and stderr.
fn export(binary: &Binary, url: &str) -> (Option<i32>, String) {
    let arguments = [
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--include-inputs",
        "--overwrite",
        "--url",
        url,
    ];
    let output = run_in_limited_memory(binary, &arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Runs a command with this memory limit.
pub fn run_in_limited_memory(binary: &Binary, arguments: &[&str]) -> Output {
    let command = binary.command(arguments);
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(format!("ulimit -d {MEMORY_LIMIT_KIB} && exec \"$0\" \"$@\""));
    limited.arg(command.get_program()).args(command.get_args());
    limited.current_dir(binary.directory());
    limited
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.output().unwrap()
}

/// 200 MiB that are compressed to a few hundred KiB.
pub fn compression_bomb() -> Answer {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let piece = vec![b' '; 1 << 20];
    (0..200).for_each(|_| gzip.write_all(&piece).unwrap());
    Answer::of(200, "application/json", gzip.finish().unwrap()).with_header("content-encoding", "gzip")
}

pub fn oversized_response() -> Answer {
    Answer::of(200, "application/json", vec![b' '; 40 << 20])
}

/// A small response with many values.
fn many_values_response() -> Answer {
    Answer::of(200, "application/json", format!("[{}0]", "[0],".repeat(260_000)))
}

#[test]
fn response_size_of_every_export_request_is_limited() {
    let cluster = cluster_with(|_| {});
    let proxied = Binary::new().with_env("HTTP_PROXY", &cluster.stand_in.url());
    assert_eq!(export(&proxied, PROXIED_URL).0, Some(0));
    let requests: BTreeSet<(String, String)> = cluster
        .stand_in
        .requests()
        .into_iter()
        // Failures to close a context are ignored.
        .filter(|request| request.method != "DELETE" && !request.path.contains("has_privileges"))
        .map(|request| (request.method, request.path))
        .collect();
    assert!(requests.len() > 12, "{requests:?}");
    let (bomb, long) = (compression_bomb(), oversized_response());
    for (number, (method, path)) in requests.iter().enumerate() {
        let (wanted, asked) = (method.clone(), path.clone());
        let answer = if number % 2 == 0 { &bomb } else { &long };
        let fault = FaultRule::when(move |call| call.method == wanted && call.path == asked).always();
        cluster.stand_in.faults().clear();
        cluster
            .stand_in
            .faults()
            .add(fault.then(Action::Answer(answer.clone())));
        let (code, stderr) = export(&proxied, PROXIED_URL);
        assert_eq!(code, Some(1), "{method} {path}: {stderr}");
        let named = format!("{method} {path}: the response is too large");
        assert!(
            stderr.contains(&named) && stderr.contains("hint: "),
            "{method} {path}: {stderr}"
        );
    }
}

/// Mappings of the maximum size: 32 MiB of text, most of it in descriptions of fields that are not exported, and many
/// other fields.
#[test]
fn largest_allowed_mappings_are_read_in_bounded_memory() {
    let cluster = cluster_with(|_| {});
    let path = "/app-logs";
    let mut indices = cluster.call("GET", path, "").value();
    let definition = indices["app-logs"].clone();
    let properties = indices["app-logs"]["mappings"]["properties"].as_object_mut().unwrap();
    properties.extend((0..9_000).map(|n| (format!("field-{n}"), json!({"type": "keyword", "ignore_above": 256}))));
    properties.insert(
        "described".to_owned(),
        json!({"type": "long", "meta": {"note": "x".repeat(2 << 20)}}),
    );
    // Aliases are not read.
    indices["app-logs"]["aliases"]["large"] = json!({"filter": {"term": {"a": "x".repeat(26 << 20)}}});
    indices["other"] = definition;
    let faults = cluster.stand_in.faults();
    let answers = |indices: &Value| {
        let answer = Action::Answer(Answer::json(200, indices));
        faults.clear();
        faults.add(
            FaultRule::when(move |call| call.method == "GET" && call.path == path)
                .always()
                .then(answer),
        );
    };
    assert!(indices.to_string().len() > 28 << 20);
    answers(&indices);
    let (code, stderr) = export(&Binary::new(), &cluster.stand_in.url());
    assert_eq!(code, Some(0), "{stderr}");
    for n in 0..4 {
        let mut large = indices["other"].clone();
        large["mappings"]["_meta"] = json!({"note": "x".repeat((5 << 20) + n)});
        indices[&format!("large-{n}")] = large;
    }
    indices["app-logs"]["aliases"] = json!({});
    answers(&indices);
    let (code, stderr) = export(&Binary::new(), &cluster.stand_in.url());
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("GET /app-logs: the response is too large"), "{stderr}");
}

/// A response with few documents may contain many failed shards and clusters.
#[test]
fn response_fields_other_than_documents_are_bounded() {
    let cluster = cluster_with(|_| {});
    let many = format!("[{}{{}}]", "{},".repeat(8 << 20));
    for (part, beside) in [
        (
            "_shards",
            format!(r#""_shards":{{"total":1,"failed":0,"failures":{many}}}"#),
        ),
        (
            "_clusters",
            format!(r#""_shards":{{"total":1,"failed":0}},"_clusters":{{"details":{{"a":{{"failures":{many}}}}}}}"#),
        ),
    ] {
        let answer = Answer::of(200, "application/json", format!(r#"{{{beside},"hits":{{"hits":[]}}}}"#));
        let faults = cluster.stand_in.faults();
        faults.clear();
        // This limit allows for documents of model state.
        let state = |call: &Call| call.path.contains(".ml-state") && call.path.ends_with("_search");
        faults.add(FaultRule::when(state).always().then(Action::Answer(answer)));
        let (code, stderr) = export(&Binary::new(), &cluster.stand_in.url());
        assert_eq!(code, Some(1), "{part}: {stderr}");
        assert!(
            stderr.contains("_search: the response is too large"),
            "{part}: {stderr}"
        );
    }
}

#[test]
fn oversized_scroll_page_error_names_the_page_size_option() {
    let cluster = cluster_with(|_| {});
    for path in ["/app-logs/_search", "/_search/scroll"] {
        let faults = cluster.stand_in.faults();
        faults.clear();
        faults.add(
            FaultRule::on("POST", path)
                .always()
                .then(Action::Answer(oversized_response())),
        );
        let scrolled = ["--pagination", "scroll", "--page-size", "50"];
        let export = ["export", "--job-id", JOB, "--yes", "--include-inputs"];
        let run = cluster
            .run(&Binary::new(), &[&export[..], &scrolled].concat())
            .expect(1);
        run.expect_stderr(&format!("POST {path}: the response is too large"))
            .expect_stderr("hint: lower --page-size");
    }
}

#[test]
fn dense_response_and_endless_error_are_refused() {
    let cluster = cluster_with(|_| {});
    let url = cluster.stand_in.url();
    for (answer, expected) in [
        (many_values_response(), "GET /: the response is too large"),
        (
            Answer::of(500, "application/json", vec![b'x'; 40 << 20]),
            "GET /: 500 (the response is too large",
        ),
        (
            Answer::of(401, "application/json", vec![b'x'; 40 << 20]),
            "GET /: the cluster requires credentials: ",
        ),
    ] {
        cluster.stand_in.faults().clear();
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("GET", "/").always().then(Action::Answer(answer)));
        let (code, stderr) = export(&Binary::new(), &url);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn unrequested_content_encoding_is_not_decoded() {
    let cluster = cluster_with(|_| {});
    for (answer, named) in [
        (compression_bomb(), "the content encoding `gzip` was not requested"),
        (
            Answer::of(200, "application/json", "{}").with_header("content-encoding", "br"),
            "encoding `br`",
        ),
    ] {
        cluster.stand_in.faults().clear();
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("GET", "/").always().then(Action::Answer(answer)));
        let (code, stderr) = export(&Binary::new(), &cluster.stand_in.url());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(named) && stderr.contains("GET /: "), "{stderr}");
    }
}

/// A chunked body that never ends.
#[test]
fn endless_response_is_aborted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            while stream.write_all(chunk.as_bytes()).is_ok() {}
        }
    });
    let (code, stderr) = export(&Binary::new(), &url);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("GET /: the response is too large"), "{stderr}");
}
