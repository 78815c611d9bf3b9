//! The whole way, against a real Elasticsearch: a bare HTTP loop, this tool and, where they are installed, others,
//! in turn, several rounds. `cargo bench --bench whole -- --help` says what can be chosen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

mod bed;
mod ceiling;
mod docs;
mod front;
mod growth;
mod http;
mod machine;
mod node;
mod options;
mod others;
mod plot;
mod process;
mod report;
mod rounds;
mod seed;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

/// Rounds in which the server's compiler warms up: an export asks for more different things than the bare loop, which
/// runs twice a round, and is faster each time until the fourth.
const WARM_UP: usize = 3;

fn main() -> ExitCode {
    let Some(options) = options::Options::from_arguments(std::env::args().skip(1)) else {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    };
    let bed = bed::Bed::start(&options.port, |_| {});
    let mut inputs = seed::Inputs::new();
    let bench = rounds::Bench::new(&options, bed.node.address(), bed.front);
    if !options.growth.is_empty() {
        return outcome(&growth::measure(&options, &bed.node, &bench, &mut inputs));
    }
    eprintln!("{}: seeding {} inputs", bed.node.url, options.inputs);
    inputs.grow(bed.node.address(), options.inputs);
    if options.serve {
        eprintln!("http://{}", bed.front);
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
        bed.large_state(options.state_documents);
        bench.large_state(&mut report);
    }
    report.publish(&options);
    outcome(&report.too_much_memory())
}

/// Times are shown, memory is held.
fn outcome(unmet: &[String]) -> ExitCode {
    for line in unmet {
        eprintln!("{line}");
    }
    if unmet.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
