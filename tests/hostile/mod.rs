//! Archives that are damaged, incomplete or hostile. Both commands that read archives must refuse each of them, with
//! the same message, in limited memory, and without a request to a cluster.

mod agreement;
mod bombs;
mod characters;
mod content;
mod entries;
mod ids;
mod manifest;
mod outside_references;
mod state;
mod truncated;
pub mod valid;

use std::process::Command;
use std::sync::Mutex;

use self::valid::valid;
use crate::import_safety::options;
use crate::support::binary::{Binary, Run};
use crate::support::exhaustive;
use crate::support::test_cluster::TestCluster;

/// The memory limit of a run in KiB, enforced by the operating system: an allocation that exceeds it ends the program.
const MEMORY: u64 = 256 << 10;
/// The page that states the number of archives.
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");

/// An archive, and the rule that it violates.
pub struct Case {
    rule: &'static str,
    name: String,
    bytes: Vec<u8>,
    options: &'static [&'static str],
}

impl Case {
    pub fn new(rule: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            rule,
            name: name.into(),
            bytes: bytes.into(),
            options: &[],
        }
    }

    pub fn with_options(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }
}

fn corpus() -> Vec<Case> {
    let groups = [
        entries::cases(),
        truncated::cases(),
        content::cases(),
        state::cases(),
        ids::cases(),
        manifest::cases(),
        bombs::cases(),
    ];
    groups.into_iter().flatten().collect()
}

#[test]
fn invalid_archives_are_refused_by_inspect_and_import_without_requests() {
    let corpus = corpus();
    let next = Mutex::new(corpus.iter().enumerate());
    let (lines, wrong) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (binary, cluster) = (Binary::new(), TestCluster::in_memory(options()));
                loop {
                    let taken = next.lock().unwrap().next();
                    let Some((number, case)) = taken else { break };
                    let outcome = match refused(&binary, &cluster, case, exhaustive() || number % 6 == 0) {
                        Ok(error) => format!("{} | {}\n  {error}", case.rule, case.name),
                        Err(why) => {
                            wrong
                                .lock()
                                .unwrap()
                                .push(format!("{} | {}: {why}", case.rule, case.name));
                            continue;
                        }
                    };
                    lines.lock().unwrap().push((number, outcome));
                }
            });
        }
    });
    let wrong: Vec<String> = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} are not refused:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let mut lines = lines.into_inner().unwrap();
    lines.sort_unstable();
    let table: Vec<String> = lines.into_iter().map(|(_, line)| without_column(&line)).collect();
    println!("{} hostile archives, each refused by inspect and import", table.len());
    insta::assert_snapshot!("refused", table.join("\n"));
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let figure = format!("**{} archives**", table.len());
    assert!(docs.contains(&figure), "docs/reliability.md does not contain {figure}");
}

/// Removes the column of an error, which depends on the number of digits in times.
fn without_column(line: &str) -> String {
    let mut parts = line.split("column ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = if rest.len() < part.len() { "N" } else { "" };
        text + "column " + number + rest
    })
}

/// Returns the message of `inspect`, and with `both` also runs the other commands, which must print the same one. Otherwise
/// returns an error.
fn refused(binary: &Binary, cluster: &TestCluster, case: &Case, both: bool) -> Result<String, String> {
    let archive = "hostile.tar.gz";
    std::fs::write(binary.path(archive), &case.bytes).unwrap();
    let url = cluster.stand_in.url();
    let inspected = error(&run_in_bounded_memory(binary, &["inspect", archive], case))?;
    if !both {
        return Ok(inspected);
    }
    if exhaustive() {
        error(&run_in_bounded_memory(binary, &["inspect", archive, "--verify"], case))?;
    }
    let imported = run_in_bounded_memory(binary, &["import", archive, "--yes", "--url", &url], case);
    let error = error(&imported)?;
    let requests = cluster.stand_in.requests().len();
    match (requests, imported.stdout.as_str()) {
        (0, "") if error == inspected => Ok(error),
        (0, "") => Err(format!("inspect reports {inspected}, import {error}")),
        (requests, stdout) => Err(format!("{requests} requests, and on stdout {stdout:?}")),
    }
}

/// Returns the error of a run with the expected exit code.
fn error(run: &Run) -> Result<String, String> {
    let text = run
        .stderr
        .split_once("error: ")
        .map(|(_, text)| text)
        .filter(|_| run.code == 4);
    let text = text.ok_or_else(|| format!("{} exited with {}: {}", run.args[0], run.code, run.stderr))?;
    Ok(text.split("\nhint: ").next().unwrap_or(text).trim_end().to_owned())
}

/// Runs a command with a memory limit, if the system supports it.
fn run_in_bounded_memory(binary: &Binary, arguments: &[&str], case: &Case) -> Run {
    let mut all = arguments.to_vec();
    all.extend(case.options);
    let output = with_memory_limit(binary.command(&all))
        .output()
        .expect("the binary starts");
    Run {
        args: all.iter().map(|argument| (*argument).to_owned()).collect(),
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Adds a memory limit to a command. On Linux, all allocations are in the data segment.
pub fn with_memory_limit(command: Command) -> Command {
    if !cfg!(target_os = "linux") {
        return command;
    }
    let mut limited = Command::new("/bin/sh");
    // With an absolute path, the test process is not forked, which would copy its page tables.
    limited
        .arg("-c")
        .arg(format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    if let Some(directory) = command.get_current_dir() {
        limited.current_dir(directory);
    }
    limited
}

#[test]
fn unmodified_archive_is_valid() {
    let binary = Binary::new();
    for (name, archive) in [("without", valid()), ("with", valid().manifest(|_| {}))] {
        let path = binary.path("good.tar.gz");
        std::fs::write(&path, archive.pack()).unwrap();
        let cluster = TestCluster::with(options());
        let run = cluster.import(&binary, &path, &[]).expect(0);
        assert_eq!(run.stdout, "log-categories\n", "{name} manifest");
    }
}
