//! How many instructions the parts of the way take: the same in every run, so that what makes them more is seen at
//! once, on a busy machine too. `benches/quick.sh instructions --help` says what can be chosen.
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
#[allow(dead_code, reason = "rates are not of interest here")]
mod work;

use std::path::Path;
use std::process::ExitCode;

use baseline::Baseline;

const HELP: &str = "\
benches/quick.sh instructions [OPTIONS]
  --renew   what is counted is what is expected from now on (benches/instructions.json)

Counts instructions with valgrind and exits 1 where they grew by more than 10 %. Counts of another toolchain, processor
family or profile than the expected ones are shown, and nothing more.
";

/// What is counted, each in a process of its own.
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
        // For valgrind: the preparation with or without the work itself.
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
        unknown => panic!("{unknown} is not known"),
    };
}

/// Instructions of each work, the preparation left out, and of the whole tool.
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
        "more than 10 % more instructions: {}. Where that has a reason: benches/quick.sh instructions --renew",
        grown.join(", ")
    );
    ExitCode::FAILURE
}
