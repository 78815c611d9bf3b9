//! Compares this tool with a bare HTTP loop and, if they are installed, with other tools on a real Elasticsearch, in
//! several rounds. For options, see `cargo bench --bench whole -- --help`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

mod bare_http;
mod docs;
mod growth;
mod http;
mod machine;
mod node;
mod options;
mod other_tools;
mod plot;
mod process;
mod proxy;
mod report;
mod rounds;
mod seed;
#[path = "../../tests/support/mod.rs"]
mod support;
mod testbed;

use std::process::ExitCode;

/// Rounds in which the server's compiler warms up: an export asks for more different things than the bare loop, which
/// runs twice a round, and is faster each time until the fourth.
const WARM_UP: usize = 3;

fn main() -> ExitCode {
    let Some(options) = options::Options::from_arguments(std::env::args().skip(1)) else {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    };
    let testbed = testbed::Testbed::start(&options.port, options.slow_network, |_| {});
    let mut inputs = seed::Inputs::new();
    let bench = rounds::Bench::new(&options, testbed.node.address(), testbed.proxy);
    if !options.growth.is_empty() {
        return outcome(&growth::measure(&options, &testbed.node, &bench, &mut inputs));
    }
    eprintln!("{}: loading {} input documents", testbed.node.url, options.inputs);
    inputs.grow(testbed.node.address(), options.inputs);
    if options.serve {
        if options.results > 0 {
            testbed.results(options.results);
        }
        eprintln!("http://{}", testbed.proxy);
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        return ExitCode::SUCCESS;
    }
    eprintln!("warming up");
    let mut rounds = 1..;
    let mut not_counted = report::Report::new(&options);
    for round in rounds.by_ref().take(options.rounds.min(WARM_UP)) {
        bench.round(round, &mut not_counted);
    }
    let mut report = report::Report::new(&options);
    for round in rounds.take(options.rounds) {
        bench.round(round, &mut report);
    }
    bench.pseudonymize(&mut report);
    if options.state_documents > 0 {
        testbed.large_state(options.state_documents);
        bench.large_state(&mut report);
    }
    if options.results > 0 {
        let results = testbed.results(options.results);
        bench.results(results, options.rounds, &mut report);
    }
    report.publish(&options);
    outcome(&report.exceeded_memory())
}

/// Prints the memory limits that were exceeded. Times do not affect the exit code.
fn outcome(exceeded_limits: &[String]) -> ExitCode {
    for line in exceeded_limits {
        eprintln!("{line}");
    }
    if exceeded_limits.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
