//! Counts the instructions of the tool's computations. The counts are the same in every run, so an increase is detected
//! even on a busy machine. For options, see `benches/quick.sh instructions --help`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

mod baseline;
mod valgrind;
#[path = "../work/mod.rs"]
#[allow(dead_code, reason = "rates are not used here")]
mod work;

use std::path::Path;
use std::process::ExitCode;

use baseline::Baseline;

const HELP: &str = "\
benches/quick.sh instructions [OPTIONS]
  --renew   write the counts as the expected ones (benches/instructions.json)

Counts instructions with valgrind, and exits with 1 if they grew by more than 10%. If the toolchain, processor family
or profile differs from that of the expected counts, the counts are only printed.
";

/// The computations, each measured in a separate process.
const TASKS: [&str; 4] = ["cut", "compress", "decode", "check"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => compare(&count()),
        ["--renew"] => {
            count().write();
            ExitCode::SUCCESS
        }
        // Used by valgrind: the preparation with or without the computation.
        ["--do", work] => {
            run_task(work);
            ExitCode::SUCCESS
        }
        _ => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
    }
}

fn run_task(work: &str) {
    let material = work::TestData::load();
    let _ = match work {
        "nothing" => 0,
        "cut" => material.cut() as u64,
        "compress" => material.compress(5),
        "decode" => material.decode(),
        "check" => material.check() as u64,
        unknown => panic!("unknown argument {unknown}"),
    };
}

/// Counts the instructions of each computation, without the preparation, and of the complete tool.
fn count() -> Baseline {
    let this = std::env::current_exe().expect("a path");
    let preparation = valgrind::instructions(&this, &["--do", "nothing"]);
    let mut counted = Baseline::of_this_build();
    for work in TASKS {
        let all = valgrind::instructions(&this, &["--do", work]);
        counted.add(work, all.saturating_sub(preparation));
    }
    let archive = work::archive().display().to_string();
    let tool = Path::new(env!("CARGO_BIN_EXE_esml-state"));
    counted.add("inspect", valgrind::instructions(tool, &["inspect", &archive]));
    counted
}

fn compare(counted: &Baseline) -> ExitCode {
    let expected = Baseline::read();
    let (table, grown) = counted.compare(&expected);
    println!("{table}");
    if let Some(difference) = counted.build_difference(&expected) {
        println!("not compared: {difference}");
        return ExitCode::SUCCESS;
    }
    if grown.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "instructions grew by more than 10%: {}. If this is justified, run benches/quick.sh instructions --renew",
        grown.join(", ")
    );
    ExitCode::FAILURE
}
