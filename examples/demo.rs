//! Moves a job between two clusters: `cargo run --example demo`.
//!
//! The clusters are the stand-ins of the tests on loopback ports. The job is a recorded one, and its model state was
//! written by Elastic's autodetect. Each command that is printed is run in a separate process, with its output
//! unchanged. With arguments, this example runs the program itself; this is how it runs the commands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "not a part of the program"
)]

#[path = "../tests/support"]
#[allow(
    dead_code,
    unused_imports,
    missing_docs,
    unreachable_pub,
    reason = "the tests use the rest"
)]
mod support {
    pub mod cluster;
    pub mod fixtures;
}

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use esml_state::util::timestamp::EpochMillis;
use serde_json::Value;

use support::cluster::documents::InMemory;
use support::cluster::ml::{MlApi, MlOptions, MlVersion};
use support::cluster::stand_in::{StandIn, StandInOptions};
use support::fixtures::Fixture;

const JOB: &str = "web-latency";
const COPY: &str = "web-latency-copy";
const ARCHIVE: &str = "web-latency_state.tar.gz";

/// The reason for a failure, for the last line.
type StepResult = Result<(), String>;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        let given = std::env::args_os().skip(1);
        return esml_state::cli::run(std::iter::once("esml-state".into()).chain(given));
    }
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("\nThe demo failed: {why}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> StepResult {
    let begun = Instant::now();
    let directory = tempfile::tempdir().map_err(|why| why.to_string())?;
    let production = Cluster::start("production");
    production.seed(&Fixture::load(JOB));
    let laptop = Cluster::start("laptop");

    print_paragraph(&format!(
        "Two stand-in clusters behave like Elasticsearch 9.2. One has the job {JOB}, the other has no jobs."
    ));
    esml_state(
        directory.path(),
        Some(&production),
        &["export", JOB, "--include-inputs", "--yes"],
    )?;
    print_paragraph("Show what the archive contains, without a cluster:");
    esml_state(directory.path(), None, &["inspect", ARCHIVE])?;
    print_paragraph("Import the job on the other cluster, here under another ID:");
    esml_state(
        directory.path(),
        Some(&laptop),
        &["import", ARCHIVE, "--as", COPY, "--yes"],
    )?;
    continue_job(&production, &laptop)?;
    print_paragraph(&format!(
        "All checks passed in {:.1} s. To inspect a sample archive, run `cargo run -- inspect docs/sample/{ARCHIVE}`.",
        begun.elapsed().as_secs_f32()
    ));
    Ok(())
}

/// Opens the copy, starts its datafeed, and compares its start with the snapshot of the original.
fn continue_job(production: &Cluster, laptop: &Cluster) -> StepResult {
    print_paragraph(
        "Open the copy, which has the model of the original. Its datafeed continues from the end of the snapshot:",
    );
    let copy = format!("_ml/anomaly_detectors/{COPY}");
    laptop.request("POST", &format!("{copy}/_open"))?;
    laptop.request("POST", &format!("_ml/datafeeds/datafeed-{COPY}/_start"))?;
    let stats = laptop.request("GET", &format!("{copy}/_stats"))?["jobs"][0].clone();
    let job = laptop.request("GET", &copy)?["jobs"][0].clone();
    let snapshot = job["model_snapshot_id"].as_str().unwrap_or_default();
    let path = format!("_ml/anomaly_detectors/{JOB}/model_snapshots/{snapshot}");
    let original = production.request("GET", &path)?["model_snapshots"][0].clone();

    let restored = laptop.ml.last_restored(COPY).ok_or("the job restored nothing")?;
    let ends = original["latest_record_time_stamp"].as_i64();
    println!();
    println!("  job       {COPY} is {}", stats["state"].as_str().unwrap_or_default());
    println!(
        "  restored  snapshot {snapshot}: model state documents {}, quantiles {}",
        restored.model_docs,
        if restored.quantiles { "yes" } else { "no" }
    );
    println!("  snapshot  latest record   {}", format_time(ends));
    println!("  datafeed  continues from  {}", format_time(restored.datafeed_start));

    ensure(stats["state"] == "opened", "the copy is not open")?;
    ensure(
        restored.model_docs > 0 && restored.quantiles,
        "the copy does not have a model",
    )?;
    ensure(ends.is_some(), "the original's snapshot is not found")?;
    ensure(
        stats["data_counts"]["latest_record_timestamp"].as_i64() == ends,
        "the latest record of the copy is not that of the snapshot",
    )?;
    ensure(
        restored.datafeed_start == ends.map(|ends| ends + 1),
        "the datafeed skips records or reads them again",
    )
}

/// A stand-in with its own ML API and documents.
struct Cluster {
    name: &'static str,
    ml: MlApi,
    stand_in: StandIn,
}

impl Cluster {
    fn start(name: &'static str) -> Self {
        let ml = MlApi::new(MlOptions::new(MlVersion::new(9, 2, 0)));
        let stand_in = StandIn::start(StandInOptions {
            api: Some(Arc::new(ml.clone())),
            ..StandInOptions::new(Arc::new(InMemory::new()))
        });
        Self { name, ml, stand_in }
    }

    /// Adds the job as if it had been created and run there.
    fn seed(&self, fixture: &Fixture) {
        fixture.seed_blocking(&self.ml, self.stand_in.documents());
    }

    /// Sends a request as a user would, prints it, and returns the response.
    fn request(&self, method: &str, path: &str) -> Result<Value, String> {
        let shown = if method == "GET" { "" } else { "-X POST " };
        print_command(&format!("curl {shown}{}/{path}", self.stand_in.url()));
        let answer = self.stand_in.call(method, &format!("/{path}"), "");
        ensure(answer.status == 200, &format!("{method} {path}: {}", answer.status))?;
        serde_json::from_slice(&answer.body).map_err(|why| format!("{method} {path}: {why}"))
    }
}

/// Runs the command in a separate process on this terminal.
fn esml_state(directory: &Path, cluster: Option<&Cluster>, arguments: &[&str]) -> StepResult {
    let program = std::env::current_exe().map_err(|why| why.to_string())?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ELASTICSEARCH_") {
            command.env_remove(name);
        }
    }
    if let Some(cluster) = cluster {
        let url = cluster.stand_in.url();
        print_command(&format!("export ELASTICSEARCH_URL={url}   # {}", cluster.name));
        command.env("ELASTICSEARCH_URL", url);
    }
    let typed = format!("esml-state {}", arguments.join(" "));
    print_command(&typed);
    let ended = command.current_dir(directory).args(arguments).status();
    let ended = ended.map_err(|why| format!("{typed}: {why}"))?;
    ensure(ended.success(), &format!("`{typed}`: {ended}"))
}

fn print_paragraph(text: &str) {
    println!("\n{text}\n");
}

/// Prints a command. Flushed, since the command writes to the same terminal.
fn print_command(text: &str) {
    let mut stdout = std::io::stdout();
    if stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        println!("\u{1b}[1m$ {text}\u{1b}[0m");
    } else {
        println!("$ {text}");
    }
    let _ = stdout.flush();
}

fn ensure(held: bool, otherwise: &str) -> StepResult {
    if held { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn format_time(millis: Option<i64>) -> String {
    millis.map_or_else(|| "the beginning".to_owned(), |millis| EpochMillis(millis).to_string())
}
