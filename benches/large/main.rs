//! Jobs far larger than most, there and back on a real Elasticsearch: each is exported, inspected, imported under
//! another id and exported again, memory is held to its bar, and both archives must hold the same.
//! `cargo bench --bench large -- --help` says what can be chosen.
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

#[path = "../whole/bed.rs"]
mod bed;
#[path = "../whole/ceiling.rs"]
mod ceiling;
mod contents;
#[path = "../whole/docs.rs"]
mod docs;
#[path = "../whole/front.rs"]
mod front;
#[path = "../whole/http.rs"]
mod http;
#[path = "../whole/machine.rs"]
mod machine;
mod much;
#[path = "../whole/node.rs"]
mod node;
mod options;
#[path = "../whole/process.rs"]
mod process;
#[path = "../whole/seed.rs"]
mod seed;
#[path = "../../tests/support/mod.rs"]
mod support;
mod trip;

use std::process::ExitCode;

use machine::{MEMORY, MEMORY_LARGE_STATE};

fn main() -> ExitCode {
    let Some(options) = options::Options::from_arguments(std::env::args().skip(1)) else {
        print!("{}", options::HELP);
        return ExitCode::SUCCESS;
    };
    let bed = bed::Bed::start(&options.port, |fixture| much::of(fixture, options.items));
    let mut trips = trip::Trips::new(&options, format!("http://{}", bed.front));
    if options.inputs > 0 {
        eprintln!("seeding {} inputs, {} annotations", options.inputs, options.annotations);
        much::inputs(bed.node.address(), options.inputs, options.bytes);
        much::annotations(bed.node.address(), options.annotations);
        let inputs = ["--include-inputs", "--all-fields"];
        trips.there_and_back(seed::JOB, &inputs, "many inputs", MEMORY);
    }
    if options.state_documents > 0 {
        bed.large_state(options.state_documents);
        trips.there_and_back(seed::LARGE, &[], "large state", MEMORY_LARGE_STATE);
    }
    let table = format!("{}\n\n{}", machine::line(), trips.table());
    println!("\n{table}");
    if options.write_docs {
        docs::replace("large", &table);
    }
    match trips.within_bars() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
