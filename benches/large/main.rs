//! Exports and imports very large jobs on a real Elasticsearch. Each job is exported, inspected, imported under another
//! ID and exported again. Memory use is limited, and both archives must have the same contents. For options, see `cargo
//! bench --bench large -- --help`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    missing_docs,
    unreachable_pub
)]

#[path = "../whole/bare_http.rs"]
mod bare_http;
mod contents;
#[path = "../whole/docs.rs"]
mod docs;
#[path = "../whole/http.rs"]
mod http;
#[path = "../whole/machine.rs"]
mod machine;
mod many_documents;
#[path = "../whole/node.rs"]
mod node;
mod options;
#[path = "../whole/process.rs"]
mod process;
#[path = "../whole/proxy.rs"]
mod proxy;
mod round_trips;
#[path = "../whole/seed.rs"]
mod seed;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../whole/testbed.rs"]
mod testbed;

use std::process::ExitCode;

use machine::{MEMORY, MEMORY_LARGE_STATE};

fn main() -> ExitCode {
    let Some(options) = options::Options::from_arguments(std::env::args().skip(1)) else {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    };
    let testbed = testbed::Testbed::start(&options.port, false, |fixture| {
        many_documents::extend(fixture, options.items)
    });
    let mut round_trips = round_trips::RoundTrips::new(&options, format!("http://{}", testbed.proxy));
    if options.inputs > 0 {
        eprintln!(
            "loading {} input documents, {} annotations",
            options.inputs, options.annotations
        );
        many_documents::inputs(testbed.node.address(), options.inputs, options.bytes);
        many_documents::annotations(testbed.node.address(), options.annotations);
        let inputs = ["--include-inputs", "--all-fields"];
        round_trips.round_trip(seed::JOB, &inputs, "many input documents", MEMORY);
    }
    if options.state_documents > 0 {
        testbed.large_state(options.state_documents);
        round_trips.round_trip(seed::LARGE, &[], "large state", MEMORY_LARGE_STATE);
    }
    let table = format!("{}\n\n{}", machine::line(), round_trips.table());
    println!("\n{table}");
    if options.write_docs {
        docs::replace("large", &table);
    }
    match round_trips.within_limits() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
