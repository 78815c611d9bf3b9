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
use std::sync::Arc;

use support::cluster::Documents;
use support::cluster::real::RealDocuments;

fn main() -> ExitCode {
    let Some(options) = options::Options::from_arguments(std::env::args().skip(1)) else {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    };
    let node = node::Node::start(&options.port);
    let real = RealDocuments::new(&node.url);
    real.wipe();
    let documents: Arc<dyn Documents> = Arc::new(real);
    let (ml, stand_in) = seed::cluster(&documents, |_| {});
    let mut inputs = seed::Inputs::new();
    let stand_in_address = stand_in
        .url()
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let front = front::Front::start(node.address(), stand_in_address);
    let bench = rounds::Bench::new(&options, node.address(), front.address);
    if !options.growth.is_empty() {
        return outcome(&growth::measure(&options, &node, &bench, &mut inputs));
    }
    eprintln!("{}: seeding {} inputs", node.url, options.inputs);
    inputs.grow(node.address(), options.inputs);
    if options.serve {
        eprintln!("http://{}", front.address);
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        return ExitCode::SUCCESS;
    }
    eprintln!("warming up");
    bench.round(0, &mut report::Report::new(&options));
    let mut report = report::Report::new(&options);
    for round in 1..=options.rounds {
        bench.round(round, &mut report);
    }
    if options.state_documents > 0 {
        eprintln!("seeding {} state documents of 16 MiB", options.state_documents);
        seed::large_state(&ml, &documents, &stand_in, options.state_documents);
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
