//! From arguments to an exit code.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum};

use crate::cli::arguments::{Cli, Command};
use crate::cli::{failure, reference};
use crate::commands::{self, RunContext};
use crate::error::{Error, Result};
use crate::terminal::{Terminal, TerminalOptions};
use crate::util::process_limits::{
    NO_DESCRIPTORS, NO_THREADS, can_open_files, can_start_threads, is_out_of_descriptors,
};
use crate::util::signals::survive_file_limit;

/// Parses, runs, prints a failure, and returns how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    survive_file_limit();
    ExitCode::from(run_in(&RunContext::of_process(), arguments))
}

/// The same in another context: the code that a process would end with.
pub fn run_in(context: &RunContext, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Cli::command().color(color(&arguments)).try_get_matches_from(&arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &arguments),
    };
    let terminal = Terminal::with_streams(context.streams.clone(), cli.terminal_options());
    let json = cli.prints_json();
    match dispatch(cli, context, &terminal) {
        Ok(()) => 0,
        Err(error) => {
            failure::report(&error, json, &terminal);
            error.exit() as u8
        }
    }
}

/// Help and version end well; a wrong command line is reported in clap's words.
fn not_parsed(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let _ = error.print();
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let error = in_one_line(&error.render().to_string());
        failure::print_document(&error, &Terminal::new(TerminalOptions::default()));
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn dispatch(cli: Cli, context: &RunContext, terminal: &Terminal) -> Result<()> {
    match cli.command {
        Command::Export(command) => {
            let options = command.options.validated(terminal)?;
            let connect = command.connection.resolve(&context.environment, terminal)?;
            block_on(commands::export::run(options, connect, context, terminal))
        }
        Command::Import(command) => {
            let options = command.options.validated()?;
            let connect = command.connection.resolve(&context.environment, terminal)?;
            block_on(commands::import::run(options, connect, context, terminal))
        }
        Command::Inspect(options) => block_on(commands::inspect::run(options, context, terminal)),
        Command::Pseudonymize(options) => {
            let options = options.validated(terminal)?;
            block_on(commands::pseudonymize::run(options, context, terminal))
        }
        Command::Reveal(options) => commands::reveal::run(&options, terminal),
        Command::Completions { shell } => print(terminal, &reference::completions(shell)),
        Command::Man { command } => match reference::man(command.as_deref()) {
            Some(page) => print(terminal, &page),
            None => Err(Error::usage(
                "there is no manual page of that name",
                "`man` alone is the program's, `man export` that of `export`",
            )),
        },
    }
}

/// One worker for the network; compressing and reading files have threads of their own. A second one makes nothing
/// faster, and each keeps memory of its own that the other does not use.
fn block_on(command: impl Future<Output = Result<()>>) -> Result<()> {
    can_open_files()
        .and_then(|()| can_start_threads())
        .map_err(|cause| cannot_start(&cause))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|cause| cannot_start(&cause))?;
    let ended = runtime.block_on(command);
    // A blocking read that is still under way must not hold up the exit.
    runtime.shutdown_background();
    ended
}

fn cannot_start(cause: &io::Error) -> Error {
    let hint = match is_out_of_descriptors(cause) {
        true => NO_DESCRIPTORS,
        false => NO_THREADS,
    };
    Error::failed(format!("cannot start: {cause}"), hint)
}

fn print(terminal: &Terminal, text: &str) -> Result<()> {
    terminal.result(text).map_err(|cause| Error::file("stdout", cause))
}

/// `--color`, read before the line is parsed: a line that cannot be parsed is reported in that color too.
fn color(arguments: &[OsString]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let mut words = arguments
        .iter()
        .map(|argument| argument.to_str().unwrap_or_default())
        .take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        if let Some(Ok(given)) = value.map(|value| ColorChoice::from_str(value, false)) {
            choice = given;
        }
    }
    choice
}

/// Clap's error in paragraphs (`error: …` with a line for each argument that it is about, tips, usage) as message and
/// hint.
fn in_one_line(text: &str) -> Error {
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let about: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let message = match about.as_slice() {
        [] => first.to_owned(),
        about => format!("{first} {}", about.join(", ")),
    };
    let tips = lines.filter_map(|line| line.strip_prefix("tip: "));
    let hints: Vec<&str> = tips.chain(["for more information, try '--help'"]).collect();
    Error::usage(message, hints.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_is_found_in_a_line_that_is_wrong() {
        for (line, choice) in [
            ("export --bogus", ColorChoice::Auto),
            ("--color never export --bogus", ColorChoice::Never),
            ("export --bogus --color=always", ColorChoice::Always),
            ("export --color always --color never", ColorChoice::Never),
            ("export --color", ColorChoice::Auto),
            ("export --color purple", ColorChoice::Auto),
            ("export --colorful never", ColorChoice::Auto),
            ("inspect -- --color never", ColorChoice::Auto),
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(color(&arguments), choice, "{line}");
        }
    }
}
