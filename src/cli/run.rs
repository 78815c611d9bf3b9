//! Parses the arguments, runs the command, and returns the exit code. A failure is reported as text on stderr and, with
//! `--json`, as one document on stdout.

use std::ffi::OsString;
use std::future::Future;
use std::panic::Location;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum};

use crate::cli::arguments::{Cli, Command, WithConnection};
use crate::cli::completions;
use crate::commands::{self, RunContext};
use crate::error::{Error, Result};
use crate::terminal::{Terminal, TerminalOptions};
use crate::util::format::escape_json;
use crate::util::process::{
    NO_DESCRIPTORS, NO_THREADS, can_open_files, can_start_threads, ignore_file_size_signal, is_out_of_descriptors,
};
use crate::util::similar::suggest;

/// Options of other programs, with the names that they have here.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("cacert", "ca-cert"),
    ("es-url", "url"),
    ("host", "url"),
    ("insecure", "ignore-certs"),
    ("user", "username"),
];

/// Runs the program and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ignore_file_size_signal();
    ExitCode::from(run_in(&RunContext::of_process(), arguments))
}

/// Runs the program in the given context and returns its exit code.
pub fn run_in(context: &RunContext, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Cli::parser(color(&arguments)).try_get_matches_from(&arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(error, &arguments),
    };
    let terminal = Terminal::with_streams(context.streams.clone(), cli.terminal);
    let json = cli.prints_json();
    match block_on(dispatch(cli, context, &terminal)) {
        Ok(()) => 0,
        Err(error) => {
            report(&error, json, &terminal);
            error.exit() as u8
        }
    }
}

/// Prints help, the version, or clap's message about an invalid command line.
fn not_parsed(mut error: clap::Error, arguments: &[OsString]) -> u8 {
    if error.kind() == ErrorKind::UnknownArgument {
        suggest_option(&mut error, arguments);
    }
    let _ = error.print();
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let error = in_one_line(&error.render().to_string());
        print_document(&error, &Terminal::new(TerminalOptions::default()));
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// Suggests the documented name of an unknown option: not an alias, and also for names that other programs use.
fn suggest_option(error: &mut clap::Error, arguments: &[OsString]) {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        // No value starts with hyphens.
        tips.retain(|tip| !tip.to_string().contains("as a value"));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    let name = |kind| match error.get(kind) {
        Some(ContextValue::String(option)) => Some(option.trim_start_matches('-').replace('_', "-")),
        _ => None,
    };
    let program = Cli::command();
    let command = arguments.iter().find_map(|word| program.find_subcommand(word));
    let mut options = command.into_iter().flat_map(clap::Command::get_arguments);
    let typed = name(ContextKind::InvalidArg).unwrap_or_default();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == typed);
    let other = other.filter(|(_, option)| options.any(|arg| arg.get_long() == Some(option)));
    let other = other.map(|(_, option)| (*option).to_owned());
    if let Some(option) = other.or_else(|| name(ContextKind::SuggestedArg)) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{option}")));
    }
}

/// Each command is boxed, because debug builds copy these large futures several times on the stack.
async fn dispatch(cli: Cli, context: &RunContext, terminal: &Terminal) -> Result<()> {
    match cli.command {
        Command::Copy(command) => {
            let WithConnection { options, connection } = *command;
            let options = options.validated()?;
            let target = options.to.as_ref().map(|to| connection.of_cluster("to", to));
            let source = options.from.as_ref().map(|from| connection.of_cluster("from", from));
            let source = source.unwrap_or(connection).resolve(context, terminal).await?;
            let target = match target {
                Some(target) => Some(target.resolve(context, terminal).await?),
                None => None,
            };
            Box::pin(commands::copy::run(options, (source, target), context, terminal)).await
        }
        Command::Export(command) => {
            let WithConnection { options, connection } = *command;
            let options = options.validated(terminal)?;
            let connect = connection.resolve(context, terminal).await?;
            Box::pin(commands::export::run(options, connect, context, terminal)).await
        }
        Command::Import(command) => {
            let WithConnection { options, connection } = *command;
            let options = options.validated()?;
            let source = options.inputs_from.as_ref();
            let source = source.map(|from| connection.of_cluster("inputs-from", from));
            let connect = connection.resolve(context, terminal).await?;
            let source = match source {
                Some(source) => Some(source.resolve(context, terminal).await?),
                None => None,
            };
            Box::pin(commands::import::run(options, (connect, source), context, terminal)).await
        }
        Command::Inspect(options) => Box::pin(commands::inspect::run(options, context, terminal)).await,
        Command::List(command) => {
            let connect = command.connection.resolve(context, terminal).await?;
            Box::pin(commands::list::run(&command.options, connect, context, terminal)).await
        }
        Command::Pseudonymize(options) => {
            let options = options.validated(terminal)?;
            Box::pin(commands::pseudonymize::run(options, context, terminal)).await
        }
        Command::Reveal(options) => commands::reveal::run(&options, terminal),
        Command::Completions { shell } => terminal.result(&completions::script(shell)).map_err(Error::stdout),
        Command::Man { command } => match man(command.as_deref()) {
            Some(page) => terminal.result(&page).map_err(Error::stdout),
            None => {
                let (name, program) = (command.unwrap_or_default(), Cli::command());
                let message = format!("no man page for `{name}`: unknown command");
                let next = "run `esml-state man` for the program, or for example `esml-state man export` for a command";
                let known = program.get_subcommands().map(clap::Command::get_name);
                Err(Error::usage(message, suggest(&name, known, next)))
            }
        },
    }
}

/// Runs a command with one worker thread for the network. Compression and file reads use separate threads. A second
/// worker is not faster, and each worker keeps its own freed memory.
fn block_on(command: impl Future<Output = Result<()>>) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let enough = can_open_files().and_then(|()| can_start_threads());
    let runtime = enough.and_then(|()| runtime.worker_threads(1).enable_all().build());
    let runtime = runtime.map_err(|cause| {
        let out_of_files = is_out_of_descriptors(&cause);
        let hint = if out_of_files { NO_DESCRIPTORS } else { NO_THREADS };
        Error::failed(format!("cannot start: {cause}"), hint)
    })?;
    let ended = runtime.block_on(command);
    // A blocking read that has not finished must not delay the exit.
    runtime.shutdown_background();
    ended
}

/// The man page of the program or of one command, in roff; `None` if the command does not exist.
fn man(command: Option<&str>) -> Option<String> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let described = match command {
        Some(name) => program.find_subcommand(name)?,
        None => &program,
    };
    let mut page = Vec::new();
    let without_sections = described.clone().after_long_help(Resettable::Reset);
    clap_mangen::Man::new(without_sections).render(&mut page).ok()?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let sections = |of: &clap::Command| of.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    // Each page has the program's sections too, except those that the command has itself.
    let text = format!("{}\n{}", sections(described), sections(&program));
    let mut is_repeated = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            let heading = format!(".fi\n.SH {}\n.nf\n", heading.to_uppercase());
            is_repeated = page.contains(&heading);
            page.push_str(if is_repeated { "" } else { &heading });
        } else if !is_repeated {
            page.extend([&escape_roff(line), "\n"]);
        }
    }
    let name = |command: &clap::Command| format!("{}(1)", command.get_display_name().unwrap_or(command.get_name()));
    let pages = [&program].into_iter().chain(program.get_subcommands()).map(name);
    let others: Vec<String> = pages.filter(|page| *page != name(described)).collect();
    page.push_str(&format!(".fi\n.SH SEE ALSO\n{}\n", escape_roff(&others.join(", "))));
    Some(page)
}

fn escape_roff(text: &str) -> String {
    text.replace('\\', "\\\\").replace('-', "\\-").replace('\'', "\\(aq")
}

/// Reads `--color` before the command line is parsed, because errors of the parser depend on it.
fn color(arguments: &[OsString]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let words = arguments.iter().map(|argument| argument.to_str().unwrap_or_default());
    let mut words = words.take_while(|word| *word != "--");
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

/// Converts clap's paragraphs (`error: …` with a line for each argument, tips, usage) to a message and a hint.
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

/// Prints a failure as text on stderr and, with `--json`, as a document on stdout.
fn report(error: &Error, json: bool, terminal: &Terminal) {
    commands::print_failure(error, terminal);
    // The document of the result already contains a reported failure.
    if json && !matches!(error, Error::Reported(_)) {
        print_document(error, terminal);
    }
}

/// Prints the document of a failure whose text is already printed.
fn print_document(error: &Error, terminal: &Terminal) {
    // Ignored: stdout may be what failed, and the text is already on stderr.
    let _ = terminal.result(&escape_json(&error.to_json().to_string()));
}

/// Reports a panic. The message of the panic is not printed: it may contain data.
pub fn report_panic(location: Option<&Location<'_>>) {
    let location = location.map(|location| format!(" at {}:{}", location.file(), location.line()));
    Terminal::new(TerminalOptions::default()).error(&format!(
        "internal error in esml-state {}{}; please report it",
        env!("CARGO_PKG_VERSION"),
        location.unwrap_or_default()
    ));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Remaining;

    #[test]
    fn color_option_is_read_from_an_invalid_command_line() {
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

    fn failed(message: &str) -> Error {
        Error::failed(message, "try again")
    }

    #[test]
    fn error_document_contains_error_hint_exit_and_remaining_objects() {
        let remains = vec![Remaining {
            what: "index a".to_owned(),
            remove: "DELETE /a".to_owned(),
        }];
        let error = Error::RolledBack {
            cause: Box::new(failed("gone")),
            undone: vec!["job b".to_owned()],
            kept: vec!["filter c".to_owned()],
            remains,
        };
        assert_eq!(
            error.to_json(),
            json!({"error": "gone", "hint": "try again", "exit": 6, "undone": ["job b"],
                   "kept": ["filter c"], "remains": [{"what": "index a", "remove": "DELETE /a"}]})
        );
    }
}
