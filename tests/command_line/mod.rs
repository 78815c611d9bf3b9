//! The command line: help, generated pages and invalid arguments.

mod help;
mod reference;
mod usage;

use std::process::{Command, Output};

/// The program, without variables of the environment that change its output.
fn esml_state(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esml-state"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| {
            name.starts_with("ELASTICSEARCH_") || name == "ESML_PROFILE" || name == "NO_COLOR" || name == "COLUMNS"
        }) {
            command.env_remove(name);
        }
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    esml_state(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
