//! From arguments to an exit code.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command, reference, usage};
use crate::commands::{self, Surroundings};
use crate::error::{Error, Result};
use crate::signals::survive_file_limit;
use crate::terminal::{Terminal, TerminalOptions};
use crate::util::process_limits::{
    NO_DESCRIPTORS, NO_THREADS, can_open_files, can_start_threads, is_out_of_descriptors,
};

/// Parses, runs, tells a failure, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    survive_file_limit();
    ExitCode::from(run_in(&Surroundings::of_process(), arguments))
}

/// The same in other surroundings: the code that a process would end with.
pub fn run_in(surroundings: &Surroundings, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Cli::command()
        .color(usage::color(&arguments))
        .try_get_matches_from(&arguments);
    let (cli, matches) = match parsed.and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (cli, matches))) {
        Ok(parsed) => parsed,
        Err(error) => return not_parsed(&error, &arguments),
    };
    let terminal = Terminal::on(surroundings.streams.clone(), cli.terminal_options());
    let json = cli.json();
    match dispatch(cli, &matches, surroundings, &terminal) {
        Ok(()) => 0,
        Err(error) => {
            terminal.failure(&error, json);
            error.exit() as u8
        }
    }
}

/// Help and version end well; a wrong command line is told in clap's words.
fn not_parsed(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let _ = error.print();
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let error = usage::in_one_line(&error.render().to_string());
        Terminal::new(TerminalOptions::default()).failure_document(&error);
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

fn dispatch(cli: Cli, matches: &ArgMatches, surroundings: &Surroundings, terminal: &Terminal) -> Result<()> {
    let given = matches.subcommand().map_or(matches, |(_, given)| given);
    match cli.command {
        Command::Export(args) => {
            let options = args.resolve(given, terminal)?;
            block_on(commands::export::run(options, surroundings, terminal))
        }
        Command::Import(args) => {
            let options = args.resolve(given, terminal)?;
            block_on(commands::import::run(options, surroundings, terminal))
        }
        Command::Inspect(args) => commands::inspect::run(&args.resolve(), terminal),
        Command::Pseudonymize(args) => {
            let options = args.resolve(terminal)?;
            block_on(commands::pseudonymize::run(options, surroundings, terminal))
        }
        Command::Reveal(args) => commands::reveal::run(&args.resolve(), terminal),
        Command::Completions { shell } => print(terminal, &reference::completions(shell)),
        Command::Man { command } => match reference::man(command.as_deref()) {
            Some(page) => print(terminal, &page),
            None => Err(Error::Usage {
                message: "there is no manual page of that name".to_owned(),
                hint: Some("`man` alone is the program's, `man export` that of `export`".to_owned()),
            }),
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
    Error::Failed {
        message: format!("cannot start: {cause}"),
        hint: Some(hint.to_owned()),
    }
}

fn print(terminal: &Terminal, text: &str) -> Result<()> {
    terminal.result(text).map_err(|cause| Error::File {
        path: PathBuf::from("stdout"),
        cause,
    })
}
