//! Ctrl-C during computations: it ends the program within a second, and no files remain.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::json_tree::states;
use super::shared_archives::edited_entries;
use crate::support::binary::Binary;

const JOB: &str = "web-latency";
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// On a machine that is busy with other tests, single attempts may take longer.
const ATTEMPTS: usize = 4;
/// The time from the start of a command until it handles signals and computes.
const START_DELAY: Duration = Duration::from_millis(400);
/// The time after the start of a stage. On fast machines, stages are short.
const STAGE_DELAY: Duration = Duration::from_millis(50);

/// Returns a binary that stores temporary files in its own directory.
fn binary() -> Binary {
    let binary = Binary::new();
    let folder = binary.directory().display().to_string();
    binary.with_env("TMPDIR", &folder)
}

/// Writes an archive of a few MiB with a state of this size in MiB.
fn large_state(binary: &Binary, size: usize) {
    let members = |number| format!("\"h\":\"{}\",\"j\":\"1706657400\",", number / 16);
    let piece: String = (0..40_000).map(members).collect();
    edited_entries(binary, JOB, |name, content| {
        if name.ends_with("_snapshot_docs.ndjson") {
            let text = String::from_utf8(std::mem::take(content)).unwrap();
            let state = states(&[(name.to_owned(), text.clone())].into())
                .into_values()
                .next()
                .unwrap();
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(b"{").unwrap();
            (0..size).for_each(|_| gzip.write_all(piece.as_bytes()).unwrap());
            gzip.write_all(&state.as_bytes()[1..]).unwrap();
            let action = text.lines().next().unwrap();
            let base64 = STANDARD.encode(gzip.finish().unwrap());
            *content = format!("{action}\n{{\"compressed\":[\"{base64}\"],\"eos\":true}}\n").into_bytes();
        }
    });
}

/// Creates values of two fields that may be hashed in pairs, so that millions of pairs are tried.
fn many_values(binary: &Binary) {
    edited_entries(binary, JOB, |name, content| {
        if name.ends_with("_config.json") {
            let mut config: Value = serde_json::from_slice(content).unwrap();
            config["analysis_config"]["detectors"][0]["by_field_name"] = "status".into();
            *content = config.to_string().into_bytes();
        } else if name.ends_with("_input_1.ndjson") {
            for number in 0..2000 {
                let action = json!({"index": {"_index": "weblogs-2024.01", "_id": format!("more-{number}")}});
                let document = json!({"@timestamp": 1_717_300_000_000_i64 + number, "host": format!("host-{number}"),
                    "status": "200", "responsetime": 1});
                write!(content, "{action}\n{document}\n").unwrap();
            }
        }
    });
}

fn files(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Sends SIGINT some time after the line, or after the start if it is empty, and returns how long the command
/// continues.
#[track_caller]
fn time_to_stop(binary: &Binary, args: &[&str], line: &str, after: Duration) -> Duration {
    let before = files(binary.directory());
    let mut child = binary.command(args).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    if !line.is_empty() {
        assert!(lines.any(|read| read.unwrap().contains(line)), "{args:?}: no {line}");
    }
    std::thread::sleep(after);
    let sent = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let code = child.wait().unwrap().code();
    let took = sent.elapsed();
    let printed: Vec<String> = lines.map(|line| line.unwrap()).collect();
    assert_eq!(code, Some(130), "{args:?} after {line}: {printed:?}");
    assert_eq!(files(binary.directory()), before, "{args:?} after {line}");
    took
}

#[track_caller]
fn interrupt(binary: &Binary, args: &[&str], line: &str, after: Duration) {
    let mut times = (0..ATTEMPTS).map(|_| time_to_stop(binary, args, line, after));
    assert!(
        times.any(|took| took < STOP_TIMEOUT),
        "{args:?} after {line}: not within {STOP_TIMEOUT:?}"
    );
}

#[test]
fn ctrl_c_stops_pseudonymizing_a_large_state() {
    let binary = binary();
    large_state(&binary, 12);
    let args = ["pseudonymize", "edited.tar.gz", "-o", "new.tar.gz"];
    interrupt(&binary, &args, "", START_DELAY);
    for line in [
        "Checked the archive",
        "Found values to replace",
        "Replaced values with tokens",
    ] {
        interrupt(&binary, &args, line, STAGE_DELAY);
    }
}

#[test]
fn ctrl_c_stops_searching_for_hashes() {
    let binary = binary();
    many_values(&binary);
    let args = ["pseudonymize", "edited.tar.gz", "-o", "new.tar.gz"];
    for line in ["Checked the archive", "Replaced values with tokens"] {
        interrupt(&binary, &args, line, STAGE_DELAY);
    }
}

#[test]
fn ctrl_c_stops_inspecting_a_large_state() {
    let binary = binary();
    large_state(&binary, 600);
    for more in [&["--verify"][..], &["--json", "--values"], &["--html", "page.html"]] {
        interrupt(
            &binary,
            &[&["inspect", "edited.tar.gz"], more].concat(),
            "",
            START_DELAY,
        );
    }
}
