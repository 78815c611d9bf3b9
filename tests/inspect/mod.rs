//! Tests of `esml-state inspect` with archives of the Python scripts.

mod browser;
mod compare;
mod damaged;
mod directory;
mod entries;
mod html;
mod pages;
mod reports;
mod results;
#[cfg(unix)]
mod terminal;
mod values;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::archive::{TarMember, blocks, gzip, members};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;

const COMPLETE: &str = "complete.tar.gz";

/// `esml-state inspect …` in the directory of the archives, so that the output contains no absolute paths.
fn inspect(arguments: &[&str]) -> Output {
    command(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The same with an archive on standard input.
fn piped(arguments: &[&str], archive: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let archive = archive.to_vec();
    // On a separate thread, since the program may print before it has read everything, or stop reading early.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&archive);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esml-state"));
    command.arg("inspect").args(arguments).current_dir(folder());
    command
}

fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/from-python")
}

fn archive(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// Adds results of every type to the complete archive of the scripts, and returns its path.
fn with_results(binary: &Binary) -> String {
    let fixture = Fixture::load("web-latency").with_results(40);
    let documents = fixture.results.iter();
    let documents = documents.map(|result| format!("{}\n{}\n", json!({"index": {"_id": result.id}}), result.source));
    let mut entries = members(&folder().join(COMPLETE));
    entries.push(TarMember::file(
        "web-latency_results_1.ndjson",
        documents.collect::<String>(),
    ));
    let path = binary.path("results.tar.gz");
    std::fs::write(&path, gzip(&blocks(&entries))).unwrap();
    path.display().to_string()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Stdout as one JSON document.
fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn exit(output: &Output) -> Option<i32> {
    output.status.code()
}
