//! `esml-state`: parse, run, exit.

use std::process::ExitCode;

use esml_state::terminal::{Terminal, TerminalOptions};

fn main() -> ExitCode {
    if !cfg!(debug_assertions) {
        std::panic::set_hook(Box::new(|panic| {
            Terminal::new(TerminalOptions::default()).defect(panic.location())
        }));
    }
    esml_state::cli::run(std::env::args_os())
}
