//! Counts the instructions of a program.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program under `callgrind`. The program must succeed.
pub fn instructions(program: &Path, arguments: &[&str]) -> u64 {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let output = command.output().expect("valgrind is installed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    let collected = stderr.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected = collected.unwrap_or_else(|| panic!("no count from {command:?}: {stderr}"));
    collected.trim().parse().expect("a number")
}
