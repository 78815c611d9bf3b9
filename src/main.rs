//! The `esml-state` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if !cfg!(debug_assertions) {
        std::panic::set_hook(Box::new(|panic| esml_state::cli::report_panic(panic.location())));
    }
    esml_state::cli::run(std::env::args_os())
}
